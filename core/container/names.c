/* SPDX-License-Identifier: Apache-2.0 */
/* Names that a container asks for: how, and at which sockets. */
#include "base/path.h"
#include "base/netns.h"
#include "core/container/connect.h"
#include "core/container/monitor.h"
#include "core/network/address.h"
#include "core/network/names_socket.h"
#include "core/network/zone.h"

struct network_host container_network_host(struct container_host *h)
{
	return (struct network_host){
		.config = h->config, .store = h->store, .drivers = h->drivers, .op = h->op};
}

struct connection_wish container_wish(const struct container_row *row)
{
	return (struct connection_wish){
		.container = row->id,
		.name = row->name,
		.hostname = record_str(record_path(row->merged, "Config.Hostname")),
		.mode = row->network,
		.merged = row->merged,
	};
}

static void add_upstreams(struct container_host *h, const struct container_row *row,
			  struct str *out)
{
	const struct record *own = record_path(row->merged, "HostConfig.Dns");

	for (size_t i = 0; i < record_len(own); i++)
		str_addf(out, "upstream %s\n", record_str_or(record_at(own, i), ""));
	if (record_len(own) > 0)
		return;
	strv_foreach (server, h->config->dns)
		str_addf(out, "upstream %s\n", *server);
	if (strv_len(h->config->dns) == 0)
		str_add(out, "upstream host\n");
}

int container_names_write(struct container_host *h, const struct container_row *row,
			  const struct connection *net, int run_dir, struct berth_error *err)
{
	cleanup_str struct str out = STR_INIT;
	int r;

	for (size_t i = 0; i < net->n; i++) {
		const struct connected *c = &net->list[i];

		if (c->kept && !c->row->builtin)
			str_addf(&out, "network %s %s\n", c->row->id, c->row->name);
	}
	if (!net->internal)
		add_upstreams(h, row, &out);
	r = str_check(&out, err);
	return r < 0 ? r
		     : state_replace(run_dir, "resolver", 0600, str_text(&out), out.len, 0, err);
}

int container_names_serve(int monitor, int netns_fd, struct berth_error *err)
{
	int fds[2] = {-1, -1};
	int r;

	/* an isolation driver that keeps nothing apart: the machine resolves names there */
	if (netns_is_own(netns_fd))
		return 0;
	r = names_sockets(netns_fd, fds, err);
	if (r < 0)
		return r;
	r = monitor_send(monitor, MONITOR_NAMES, 0, 0, 0, NULL, fds, 2, err);
	close_fd(&fds[0]);
	close_fd(&fds[1]);
	return r;
}

void container_left(struct container_host *h, const char *id)
{
	/* whatever fails here is put right by the next sweep, or the next change of the zone */
	cleanup_endpoints struct endpoints eps = {0};

	if (endpoints_of_container(h->store, id, &eps, NULL) < 0)
		return;
	for (size_t i = 0; i < eps.n; i++) {
		if (!str_eq(eps.list[i]->phase, "leaving"))
			continue;
		(void)zone_write(h->store, eps.list[i]->network, false, NULL);
		h->store->left_endpoints = true;
	}
}
