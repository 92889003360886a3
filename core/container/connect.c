/* SPDX-License-Identifier: Apache-2.0 */
/* network connect, network disconnect: of one that runs, and of one that will. */
#include "core/container/connect.h"

#include <fcntl.h>
#include <string.h>

#include "base/path.h"
#include "core/container/make.h"
#include "core/network/zone.h"

static int netns_open(const struct container_row *row, int *ret_fd, struct berth_error *err)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%lld/ns/net", (long long)row->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return berth_fail_errno(err, errno, "container %s: open '%s'", row->name, path);
	*ret_fd = fd;
	return 0;
}

static struct record *endpoints_config(const struct container_row *row)
{
	return record_path(row->merged, "NetworkingConfig.EndpointsConfig");
}

/** Containers whose namespace is not their own take part in nothing. */
static int check_mode(struct container_host *h, const struct container_row *row,
		      struct berth_error *err)
{
	cleanup_network_row struct network_row *main = NULL;
	struct network_host networks = container_network_host(h);
	struct network *driver;

	if (str_has_prefix(row->network, "container:"))
		return berth_fail(err, BERTH_E_INVALID,
				  "container %s shares another container's network namespace: it "
				  "cannot be connected to, or disconnected from, a network",
				  row->name);
	/* a network that is gone forbids nothing */
	if (network_find(&networks, row->network, &main, NULL) < 0 ||
	    drivers_network(h->drivers, main->driver, &driver, NULL) < 0)
		return 0;
	if (driver->caps & BERTH_NET_NO_NETNS)
		return berth_fail(err, BERTH_E_INVALID,
				  "container %s shares the host's network namespace: it cannot be "
				  "connected to, or disconnected from, a network",
				  row->name);
	return 0;
}

/* --- files and names of one that runs ----------------------------------------------------------
 */

/** Its networks as they are in the database now; for the files alone. */
static int as_connected(struct container_host *h, const struct container_row *row,
			struct connection *ret, struct berth_error *err)
{
	struct network_host networks = container_network_host(h);
	cleanup_endpoints struct endpoints eps = {0};
	struct connection c = CONNECTION_INIT;
	int r = endpoints_of_container(h->store, row->id, &eps, err);

	if (r == 0) {
		c.list = calloc(eps.n + 1, sizeof(*c.list));
		r = c.list ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	}
	c.internal = true;
	c.gateway = SIZE_MAX;
	for (size_t i = 0; i < eps.n && r == 0; i++) {
		struct connected *one = &c.list[c.n];

		if (!str_eq(eps.list[i]->phase, "ready"))
			continue;
		r = network_row_find(h->store, eps.list[i]->network, &one->row, err);
		c.n++;
		if (r == 0)
			r = network_use_open(&networks, one->row, &one->use, err);
		if (r < 0)
			break;
		one->ep = steal_ptr(eps.list[i]);
		one->kept = true;
		c.wants_names |= !one->row->builtin;
		if (!(one->use.desc.flags & BERTH_NETWORK_INTERNAL)) {
			c.internal = false;
			if (c.gateway == SIZE_MAX)
				c.gateway = c.n - 1;
		}
	}
	c.wants_resolver = c.wants_names;
	if (r < 0) {
		connection_done(&c);
		return r;
	}
	*ret = c;
	return 0;
}

/** Does a monitor answer its names already? */
static bool is_served(struct container_host *h, const char *id)
{
	char path[CONTAINER_PATH_MAX + sizeof("/resolver")];

	(void)snprintf(path, sizeof(path), "containers/%s/resolver", id);
	return faccessat(h->store->runfd, path, F_OK, 0) == 0;
}

static int serve(struct container_host *h, const struct container_row *row, int netns,
		 struct berth_error *err)
{
	cleanup_fd int monitor = -1;
	struct monitor_msg msg;
	int r = monitor_connect(h, row->id, &monitor, err);

	if (r == 0)
		r = container_names_serve(monitor, netns, err);
	if (r == 0)
		r = monitor_expect(monitor, MONITOR_DONE, &msg, err);
	return r;
}

/** hosts, resolv.conf and the resolver follow what has changed. */
static int refresh(struct container_host *h, const struct container_row *row, int netns,
		   struct berth_error *err)
{
	struct connection c = CONNECTION_INIT;
	cleanup_fd int state = -1, run = -1;
	bool served = is_served(h, row->id);
	int r = as_connected(h, row, &c, err);

	if (r < 0)
		return r;
	c.wants_resolver |= served;
	r = container_dir(h->store->rootfd, row->id, 0710, &state, err);
	if (r == 0)
		r = container_dir(h->store->runfd, row->id, 0700, &run, err);
	if (r == 0)
		r = container_files_write(h, row, &c, state, err);
	if (r == 0 && c.wants_resolver)
		r = container_names_write(h, row, &c, run, err);
	if (r == 0 && c.wants_resolver && !served)
		r = serve(h, row, netns, err);
	connection_done(&c);
	return r;
}

/* --- connect ------------------------------------------------------------------------------------
 */

static int save_config(struct container_host *h, struct container_row *row, const char *network,
		       const struct record *config, struct berth_error *err)
{
	struct record *networking = record_get(row->merged, "NetworkingConfig");
	struct record *copy = config ? record_copy(config) : record_new_object();
	struct record *endpoints = endpoints_config(row);
	int r = 0;

	if (!networking) {
		networking = record_new_object();
		r = record_set(row->merged, "NetworkingConfig", networking, err);
	}
	if (r == 0 && !endpoints) {
		endpoints = record_new_object();
		r = record_set(networking, "EndpointsConfig", endpoints, err);
	}
	if (r < 0) {
		record_free(copy);
		return r;
	}
	r = record_set(endpoints, network, copy, err);
	record_unset(row->merged, "Disconnected");
	return r;
}

/** The lowest ethN that is free. */
static int free_pos(struct container_host *h, const char *id, size_t *ret, struct berth_error *err)
{
	cleanup_endpoints struct endpoints eps = {0};
	size_t pos = 0;
	int r = endpoints_of_container(h->store, id, &eps, err);

	for (size_t i = 0; i < eps.n && r == 0; i++)
		if (!str_eq(eps.list[i]->phase, "off") && eps.list[i]->pos == (int64_t)pos)
			pos++;
	*ret = pos;
	return r;
}

static int connect_live(struct container_host *h, struct container_row *row, const char *network,
			struct berth_error *err)
{
	struct network_host networks = container_network_host(h);
	struct connection_wish wish = container_wish(row);
	struct connection c = CONNECTION_INIT;
	cleanup_fd int netns = -1;
	size_t pos;
	int r = netns_open(row, &netns, err);

	if (r == 0)
		r = free_pos(h, row->id, &pos, err);
	if (r == 0)
		r = connection_open_one(&networks, &wish, network, pos, &c, err);
	if (r < 0)
		return r;
	r = connection_attach(&networks, &wish, &c, netns, err);
	if (r == 0)
		r = refresh(h, row, netns, err);
	if (r < 0)
		connection_undo(&networks, &c);
	connection_done(&c);
	return r;
}

static int is_connected(struct container_host *h, const struct container_row *row,
			const struct network_row *net, bool *ret, struct berth_error *err)
{
	struct connection_wish wish = container_wish(row);
	cleanup_strv char **names = NULL;
	int r = connection_names(&wish, &names, err);

	*ret = strv_has(names, net->name) || strv_has(names, net->id);
	return r;
}

int container_network_connect(struct container_host *h, const char *network, const char *ref,
			      const struct record *config, struct berth_error *err)
{
	struct network_host networks = container_network_host(h);
	cleanup_network_row struct network_row *net = NULL;
	cleanup_row struct container_row *row = NULL;
	cleanup_fd int lock = -1;
	bool connected;
	int r = container_row_find(h->store, ref, &row, err);

	if (r == 0)
		r = network_find(&networks, network, &net, err);
	if (r == 0)
		r = store_lock(h->store, CONTAINER_LOCK, row->id, false, &lock, err);
	if (r == 0)
		r = check_mode(h, row, err);
	if (r == 0)
		r = is_connected(h, row, net, &connected, err);
	if (r < 0)
		return r;
	if (connected)
		return berth_fail(err, BERTH_E_EXISTS,
				  "container %s is already connected to network %s", row->name,
				  net->name);
	r = save_config(h, row, net->name, config, err);
	if (r == 0 && (row->state & CONTAINER_ALIVE))
		r = connect_live(h, row, net->name, err);
	return r < 0 ? r : container_row_save_spec(h->store, row, err);
}

/* --- disconnect ---------------------------------------------------------------------------------
 */

static int drop_live(struct container_host *h, struct container_row *row, const char *network,
		     struct berth_error *err)
{
	struct network_host networks = container_network_host(h);
	cleanup_endpoints struct endpoints eps = {0};
	cleanup_fd int netns = -1;
	int r = endpoints_of_container(h->store, row->id, &eps, err);

	for (size_t i = 0; i < eps.n && r == 0; i++) {
		if (!str_eq(eps.list[i]->network, network))
			continue;
		r = endpoint_leave(h->store, eps.list[i]->id, err);
		if (r == 0)
			r = connection_release(&networks, eps.list[i], err);
		if (r == 0)
			r = endpoint_left(h->store, eps.list[i], true, err);
		if (r == 0)
			r = zone_write(h->store, network, false, err);
	}
	if (r == 0 && (row->state & CONTAINER_ALIVE))
		r = netns_open(row, &netns, err);
	return r < 0 || netns < 0 ? r : refresh(h, row, netns, err);
}

int container_network_disconnect(struct container_host *h, const char *network, const char *ref,
				 bool force, struct berth_error *err)
{
	struct network_host networks = container_network_host(h);
	cleanup_network_row struct network_row *net = NULL;
	cleanup_row struct container_row *row = NULL;
	cleanup_fd int lock = -1;
	bool connected;
	int r = container_row_find(h->store, ref, &row, err);

	if (r == 0)
		r = network_find(&networks, network, &net, err);
	if (r == 0)
		r = store_lock(h->store, CONTAINER_LOCK, row->id, false, &lock, err);
	if (r == 0)
		r = check_mode(h, row, err);
	if (r == 0)
		r = is_connected(h, row, net, &connected, err);
	if (r < 0)
		return r;
	if (!connected && !force)
		return berth_fail(err, BERTH_E_NOT_FOUND,
				  "container %s is not connected to network %s", row->name,
				  net->name);
	record_unset(endpoints_config(row), net->name);
	record_unset(endpoints_config(row), net->id);
	if (record_len(endpoints_config(row)) == 0)
		r = record_set_bool(row->merged, "Disconnected", true, err);
	if (r == 0)
		r = drop_live(h, row, net->id, err);
	return r < 0 ? r : container_row_save_spec(h->store, row, err);
}
