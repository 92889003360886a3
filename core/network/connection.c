/* SPDX-License-Identifier: Apache-2.0 */
#include "core/network/connection.h"

#include <fcntl.h>
#include <string.h>

#include "core/network/address.h"
#include "core/network/pool.h"
#include "core/network/zone.h"

#define ATTACH_LOCK "network-drivers"

static void connected_done(struct connected *c)
{
	endpoint_free(c->ep);
	network_use_done(&c->use);
	network_row_free(c->row);
}

void connection_done(struct connection *c)
{
	for (size_t i = 0; i < c->n; i++)
		connected_done(&c->list[i]);
	free(c->list);
	ports_done(&c->ports);
	close_fd(&c->lock);
	c->list = NULL;
	c->n = 0;
}

/* --- which networks ----------------------------------------------------------------------------
 */

static const struct record *endpoints_config(const struct connection_wish *wish)
{
	return record_path(wish->merged, "NetworkingConfig.EndpointsConfig");
}

int connection_names(const struct connection_wish *wish, char ***ret, struct berth_error *err)
{
	const struct record *config = endpoints_config(wish);
	bool all_gone = record_bool_or(record_get(wish->merged, "Disconnected"), false);
	cleanup_strv char **names = NULL;
	struct record *val;
	const char *key;
	int r = 0;

	if ((record_len(config) == 0 && !all_gone) || record_has(config, wish->mode))
		r = strv_add(&names, wish->mode);
	record_foreach (config, key, val) {
		if (r == 0 && !str_eq(key, wish->mode))
			r = strv_add(&names, key);
	}
	if (r < 0)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	if (strv_len(names) > CONNECTION_NETWORKS_MAX)
		return berth_fail(err, BERTH_E_LIMIT, "more than %d networks",
				  CONNECTION_NETWORKS_MAX);
	*ret = steal_ptr(names);
	return 0;
}

/** Do its users get addresses from the pool, or at least from the driver? */
static bool is_kept(const struct connected *c)
{
	return c->row->n_subnet > 0 || (c->use.driver->caps & BERTH_NET_IPAM) != 0;
}

static int find_one(const struct network_host *h, const struct connection_wish *wish,
		    const char *name, struct connected *ret, struct berth_error *err)
{
	struct connected c = {.config = record_get(endpoints_config(wish), name)};
	int r = network_find(h, name, &c.row, err);

	if (r == 0)
		r = network_use_open(h, c.row, &c.use, err);
	if (r == 0 && !wish->dry_run && !(c.use.driver->caps & BERTH_NET_NO_NETNS))
		r = network_up(h, c.row, &c.use, false, err);
	if (r < 0) {
		connected_done(&c);
		return r;
	}
	c.kept = is_kept(&c);
	*ret = c;
	return 0;
}

static int find_all(const struct network_host *h, const struct connection_wish *wish,
		    struct connection *c, struct berth_error *err)
{
	cleanup_strv char **names = NULL;
	int r = connection_names(wish, &names, err);

	if (r < 0)
		return r;
	c->list = calloc(strv_len(names) + 1, sizeof(*c->list));
	if (!c->list)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	strv_foreach (name, names) {
		r = find_one(h, wish, *name, &c->list[c->n], err);
		if (r < 0)
			return r;
		c->n++;
	}
	if (c->n == 1 && (c->list[0].use.driver->caps & BERTH_NET_NO_NETNS)) {
		c->kind = SPEC_NET_HOST;
		return 0;
	}
	for (size_t i = 0; i < c->n; i++) {
		const struct connected *one = &c->list[i];

		if (one->kept)
			continue;
		if (c->n > 1)
			return berth_fail(err, BERTH_E_INVALID,
					  "network '%s' goes with no other network",
					  one->row->name);
		if (record_len(record_get(one->config, "IPAMConfig")) > 0)
			return berth_fail(err, BERTH_E_UNSUPPORTED, "network '%s' has no addresses",
					  one->row->name);
	}
	return 0;
}

/* --- what an endpoint is to have ---------------------------------------------------------------
 */

static int add_names(const struct connection_wish *wish, const struct connected *c, char ***names)
{
	const struct record *aliases = record_get(c->config, "Aliases");
	const struct record *links = record_get(c->config, "Links");
	int r = strv_add(names, wish->name);

	for (size_t i = 0; i < record_len(aliases) && r == 0; i++)
		r = strv_add(names, record_str_or(record_at(aliases, i), ""));
	if (r == 0)
		r = strv_add_n(names, wish->container, IDENT_SHORT);
	if (r == 0 && wish->hostname && *wish->hostname && !strv_has(*names, wish->hostname))
		r = strv_add(names, wish->hostname);
	for (size_t i = 0; i < record_len(links) && r == 0; i++) {
		cleanup_strv char **parts = strv_split(record_str_or(record_at(links, i), ""), ':');

		if (parts && parts[0] && *parts[0])
			r = strv_addf(names, "%s %s", parts[0], parts[1] ? parts[1] : parts[0]);
	}
	return r;
}

static bool is_name_word(const char *s)
{
	return *s && !strpbrk(s, " \t\r\n");
}

static int check_aliases(const struct connected *c, struct berth_error *err)
{
	const struct record *aliases = record_get(c->config, "Aliases");

	for (size_t i = 0; i < record_len(aliases); i++) {
		const char *alias = record_str_or(record_at(aliases, i), "");

		if (!is_name_word(alias) || strlen(alias) > 253)
			return berth_fail(err, BERTH_E_INVALID, "invalid network alias '%.64s'",
					  alias);
	}
	return 0;
}

static int endpoint_new(const struct connection_wish *wish, struct connected *c, size_t pos,
			struct berth_error *err)
{
	struct endpoint *ep = calloc(1, sizeof(*ep));
	int r;

	if (!ep)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	c->ep = ep;
	ep->pos = (int64_t)pos;
	(void)snprintf(ep->ifname, sizeof(ep->ifname), "eth%zu", pos);
	r = check_aliases(c, err);
	if (r == 0)
		r = ident_random(ep->id, err);
	if (r == 0)
		r = str_copy(wish->container, &ep->container, err);
	if (r == 0)
		r = str_copy(c->row->id, &ep->network, err);
	if (r == 0)
		r = mac_parse(record_str_or(record_get(c->config, "MacAddress"), ""), ep->mac);
	if (r == -BERTH_E_INVALID)
		return berth_fail(err, BERTH_E_INVALID, "invalid MAC address: %.32s",
				  record_str(record_get(c->config, "MacAddress")));
	if (r == 0 && add_names(wish, c, &ep->names) < 0)
		r = berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	return r;
}

static const struct endpoint *earlier(const struct endpoints *before, const char *network)
{
	for (size_t i = 0; i < before->n; i++)
		if (str_eq(before->list[i]->network, network))
			return before->list[i];
	return NULL;
}

/** The one that it had is free, more often than not. */
static int take_again(struct store *store, const struct connected *c, const struct endpoint *before,
		      uint8_t family, struct berth_addr *ret)
{
	for (uint32_t i = 0; before && i < before->n_addr; i++)
		if (before->addr[i].family == family)
			return pool_take(store, c->row, family, &before->addr[i], c->ep->id, ret,
					 NULL);
	return -BERTH_E_NOT_FOUND;
}

static int take_family(struct store *store, struct connected *c, const struct endpoint *before,
		       uint8_t family, struct berth_error *err)
{
	const char *key =
		family == BERTH_IPV4 ? "IPAMConfig.IPv4Address" : "IPAMConfig.IPv6Address";
	const char *text = record_str_or(record_path(c->config, key), "");
	struct berth_addr wanted = {0}, got;
	int r;

	if (*text && (address_parse(text, &wanted) < 0 || wanted.family != family))
		return berth_fail(err, BERTH_E_INVALID, "invalid IP address: %.64s", text);
	r = *text ? -BERTH_E_NOT_FOUND : take_again(store, c, before, family, &got);
	if (r < 0)
		r = pool_take(store, c->row, family, &wanted, c->ep->id, &got, err);
	if (r == -BERTH_E_NOT_FOUND && !*text)
		return 0; /* a network without that family */
	if (r == 0)
		c->ep->addr[c->ep->n_addr++] = got;
	return r;
}

static const struct berth_addr *gateway_of(const struct network_row *row, uint8_t family)
{
	for (uint32_t i = 0; i < row->n_subnet; i++)
		if (row->subnet[i].net.family == family)
			return &row->subnet[i].gateway;
	return NULL;
}

static int take_addresses(const struct network_host *h, struct connected *c,
			  const struct endpoint *before, bool leads_out, struct berth_error *err)
{
	static const uint8_t none[6];
	const struct berth_addr *v4, *v6;
	struct endpoint *ep = c->ep;
	int r = 0;

	ep->n_addr = 0;
	if (c->use.driver->caps & BERTH_NET_IPAM)
		return 0;
	r = take_family(h->store, c, before, BERTH_IPV4, err);
	if (r == 0)
		r = take_family(h->store, c, before, BERTH_IPV6, err);
	if (r == 0 && memcmp(ep->mac, none, 6) == 0)
		r = pool_mac(ep->n_addr > 0 && ep->addr[0].family == BERTH_IPV4 ? &ep->addr[0]
										: NULL,
			     ep->mac, err);
	v4 = gateway_of(c->row, BERTH_IPV4);
	v6 = gateway_of(c->row, BERTH_IPV6);
	if (leads_out && v4)
		ep->gateway4 = *v4;
	if (leads_out && v6)
		ep->gateway6 = *v6;
	return r;
}

/* --- open ---------------------------------------------------------------------------------------
 */

static bool is_internal(const struct connected *c)
{
	return (c->use.desc.flags & BERTH_NETWORK_INTERNAL) != 0;
}

static int64_t priority(const struct connected *c)
{
	return record_int_or(record_get(c->config, "GwPriority"), 0);
}

static void choose_gateway(struct connection *c)
{
	c->gateway = c->n;
	for (size_t i = 0; i < c->n; i++) {
		if (is_internal(&c->list[i]) || !c->list[i].kept)
			continue;
		if (c->gateway == c->n || priority(&c->list[i]) > priority(&c->list[c->gateway]))
			c->gateway = i;
	}
	c->internal = c->gateway == c->n && c->n > 0 && c->list[0].kept;
}

static int cannot_publish(const struct connection *c, struct berth_error *err)
{
	if (c->n > 0 && c->internal)
		return berth_fail(err, BERTH_E_UNSUPPORTED,
				  "network '%s' is internal: its ports cannot be published",
				  c->list[0].row->name);
	return berth_fail(err, BERTH_E_UNSUPPORTED,
			  "network '%s' cannot publish ports (capability 'publish')",
			  c->n > 0 ? c->list[0].row->name : "none");
}

static int reserve_ports(const struct network_host *h, const struct connection_wish *wish,
			 struct connection *c, const struct endpoints *before,
			 struct berth_error *err)
{
	const struct record *host = record_get(wish->merged, "HostConfig");
	bool all = record_bool_or(record_get(host, "PublishAllPorts"), false);
	const struct record *exposed = record_path(wish->merged, "Config.ExposedPorts");
	struct ports_wish ports = {
		.bindings = record_get(host, "PortBindings"),
		.exposed = all ? exposed : NULL,
	};
	const struct endpoint *was;
	struct connected *out;
	int r;

	if (record_len(ports.bindings) == 0 && record_len(ports.exposed) == 0)
		return 0;
	if (c->gateway == c->n || !(c->list[c->gateway].use.driver->caps & BERTH_NET_PUBLISH))
		return cannot_publish(c, err);
	out = &c->list[c->gateway];
	was = earlier(before, out->row->id);
	ports.before = was ? was->ports : NULL;
	r = ports_reserve(&ports, &c->ports, err);
	if (r == 0)
		r = ports_write(&c->ports, &out->ep->ports, err);
	/* what was published there before may not have been taken back yet */
	if (r == 0)
		r = network_free_ports(h, out->ep->ports, err);
	return r;
}

/** @dry_run: addresses are chosen as they would be, and given back. */
static int insert_all(const struct network_host *h, struct connection *c,
		      const struct endpoints *before, bool dry_run, struct berth_error *err)
{
	int r = db_begin(h->store->db, err);

	for (size_t i = 0; i < c->n && r == 0; i++) {
		struct connected *one = &c->list[i];

		if (!one->kept)
			continue;
		r = take_addresses(h, one, earlier(before, one->row->id), i == c->gateway, err);
		if (r == 0)
			r = endpoint_insert(h->store, one->ep, err);
	}
	if (r == 0 && !dry_run)
		r = db_commit(h->store->db, DB_LAZY, err);
	if (r < 0 || dry_run)
		db_rollback(h->store->db);
	return r;
}

/** Its last run's may still be leaving. */
static int before_read(const struct network_host *h, const char *container, struct endpoints *ret,
		       struct berth_error *err)
{
	int r = endpoints_of_container(h->store, container, ret, err);

	for (size_t i = 0; i < ret->n && r == 0; i++)
		if (!str_eq(ret->list[i]->phase, "off"))
			r = connection_release(h, ret->list[i], err);
	return r;
}

bool connection_host_dns_is_local(void)
{
	cleanup_file FILE *f = fopen("/etc/resolv.conf", "re");
	bool any = false;
	char line[1024];

	while (f && fgets(line, sizeof(line), f)) {
		const char *at = str_after(line, "nameserver");

		if (!at)
			continue;
		at += strspn(at, " \t");
		if (!str_has_prefix(at, "127.") && !str_has_prefix(at, "::1"))
			return false;
		any = true;
	}
	return any;
}

static bool has_own_dns(const struct network_host *h, const struct connection_wish *wish)
{
	return record_len(record_path(wish->merged, "HostConfig.Dns")) > 0 ||
	       strv_len(h->config->dns);
}

static bool from_driver(const struct connection *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->list[i].use.driver->caps & BERTH_NET_IPAM)
			return true;
	return false;
}

static void decide_names(const struct network_host *h, const struct connection_wish *wish,
			 struct connection *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->list[i].kept && !c->list[i].row->builtin &&
		    !(c->list[i].use.driver->caps & BERTH_NET_DNS))
			c->wants_names = true;
	c->from_driver = from_driver(c);
	c->wants_resolver = c->wants_names || (c->gateway < c->n && !has_own_dns(h, wish) &&
					       connection_host_dns_is_local());
}

static int open_endpoints(const struct network_host *h, const struct connection_wish *wish,
			  struct connection *c, struct berth_error *err)
{
	cleanup_endpoints struct endpoints before = {0};
	bool any = false;
	int r = 0;

	for (size_t i = 0; i < c->n && r == 0; i++) {
		r = endpoint_new(wish, &c->list[i], i, err);
		any |= c->list[i].kept;
	}
	if (r == 0 && any)
		r = before_read(h, wish->container, &before, err);
	if (r == 0)
		r = reserve_ports(h, wish, c, &before, err);
	if (r < 0 || !any)
		return r;
	r = insert_all(h, c, &before, wish->dry_run, err);
	if (r == -BERTH_E_FULL && network_has_left(h->store)) {
		r = network_sweep(h, err);
		if (r == 0)
			r = insert_all(h, c, &before, wish->dry_run, err);
	}
	if (r == 0)
		r = store_lock_shared(h->store, ATTACH_LOCK, "all", &c->lock, err);
	return r;
}

int connection_open(const struct network_host *h, const struct connection_wish *wish,
		    struct connection *ret, struct berth_error *err)
{
	struct connection c = CONNECTION_INIT;
	int r = 0;

	c.container = str_after(wish->mode, "container:");
	if (c.container)
		c.kind = SPEC_NET_PATH;
	else
		r = find_all(h, wish, &c, err);
	if (r == 0 && !c.container && c.kind == SPEC_NET_NEW) {
		choose_gateway(&c);
		decide_names(h, wish, &c);
		r = open_endpoints(h, wish, &c, err);
	}
	if (r < 0) {
		if (!wish->dry_run)
			connection_undo(h, &c);
		connection_done(&c);
		return r;
	}
	*ret = c;
	return 0;
}

int connection_open_one(const struct network_host *h, const struct connection_wish *wish,
			const char *name, size_t pos, struct connection *ret,
			struct berth_error *err)
{
	static const struct endpoints none;
	struct connection c = CONNECTION_INIT;
	int r;

	c.list = calloc(1, sizeof(*c.list));
	if (!c.list)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = find_one(h, wish, name, &c.list[0], err);
	if (r == 0) {
		c.n = 1;
		if (!c.list[0].kept)
			r = berth_fail(err, BERTH_E_INVALID,
				       "network '%s' goes with no other network",
				       c.list[0].row->name);
		else if (!(c.list[0].use.driver->caps & BERTH_NET_HOTPLUG))
			r = berth_fail(err, BERTH_E_UNSUPPORTED,
				       "network driver '%s' cannot connect what runs",
				       c.list[0].row->driver);
	}
	if (r == 0) {
		c.gateway = pos == 0 ? 0 : c.n;
		c.internal = is_internal(&c.list[0]);
		decide_names(h, wish, &c);
		r = endpoint_new(wish, &c.list[0], pos, err);
	}
	if (r == 0)
		r = insert_all(h, &c, &none, false, err);
	if (r == 0)
		r = store_lock_shared(h->store, ATTACH_LOCK, "all", &c.lock, err);
	if (r < 0) {
		connection_undo(h, &c);
		connection_done(&c);
		return r;
	}
	*ret = c;
	return 0;
}

/* --- attach -------------------------------------------------------------------------------------
 */

static uint32_t default_routes(const struct endpoint *ep, struct berth_route out[static 2])
{
	uint32_t n = 0;

	if (ep->gateway4.family) {
		out[n].to = (struct berth_addr){.family = BERTH_IPV4};
		out[n++].via = ep->gateway4;
	}
	if (ep->gateway6.family) {
		out[n].to = (struct berth_addr){.family = BERTH_IPV6};
		out[n++].via = ep->gateway6;
	}
	return n;
}

static void take_attached(struct endpoint *ep, const struct berth_attached *a, bool ipam)
{
	static const uint8_t none[6];

	if (a->helper_pidfd >= 0)
		(void)close(a->helper_pidfd);
	if (memcmp(a->mac, none, 6) != 0)
		memcpy(ep->mac, a->mac, 6);
	if (!ipam)
		return;
	ep->n_addr = a->n_addr < ENDPOINT_ADDRESSES_MAX ? a->n_addr : ENDPOINT_ADDRESSES_MAX;
	memcpy(ep->addr, a->addr, ep->n_addr * sizeof(ep->addr[0]));
	ep->gateway4 = a->gateway4;
	ep->gateway6 = a->gateway6;
}

static int attach_one(const struct network_host *h, const struct connection_wish *wish,
		      struct connected *c, int netns_fd, struct berth_error *err)
{
	struct berth_attached attached = {.size = sizeof(attached), .helper_pidfd = -1};
	cleanup_endpoint_call struct endpoint_call call = {0};
	cleanup_sink struct berth_sink *sink = NULL;
	struct berth_route routes[2] = {0};
	struct network *driver = c->use.driver;
	int r;

	str_clear(&c->ep->state);
	r = endpoint_call_open(c->ep, netns_fd, wish->hostname, &call, err);
	if (r == 0)
		r = sink_new(&c->ep->state, NETWORK_STATE_MAX, &sink, err);
	if (r < 0)
		return r;
	call.ep.route = routes;
	call.ep.n_route = default_routes(c->ep, routes);
	if (call.ep.n_route == 0)
		call.ep.flags |= BERTH_ENDPOINT_NO_GATEWAY;
	call.ep.alias = (const char *const *)c->ep->names;
	call.ep.n_alias = (uint32_t)strv_len(c->ep->names);
	call.ep.state = (struct berth_str){NULL, 0};
	c->attached = true; /* half done is to be undone, too */
	r = driver->ops.attach(driver->net, &c->use.desc, &call.ep, h->op, sink, &attached, err);
	if (r == 0)
		take_attached(c->ep, &attached, (driver->caps & BERTH_NET_IPAM) != 0);
	return r;
}

static void detach_one(struct connected *c)
{
	cleanup_endpoint_call struct endpoint_call call = {0};

	if (c->attached && endpoint_call_open(c->ep, -1, NULL, &call, NULL) == 0)
		/* what is left then is found by network_sweep */
		(void)c->use.driver->ops.detach(c->use.driver->net, &c->use.desc, &call.ep, NULL);
	c->attached = false;
}

static int attach_all(const struct network_host *h, const struct connection_wish *wish,
		      struct connection *c, int netns_fd, struct berth_error *err)
{
	int r = 0;

	for (size_t i = 0; i < c->n && r == 0; i++)
		r = attach_one(h, wish, &c->list[i], netns_fd, err);
	return r;
}

/** What the driver had made is gone: somebody flushed the rules, or took the bridge away. */
static int attach_anew(const struct network_host *h, const struct connection_wish *wish,
		       struct connection *c, int netns_fd, struct berth_error *err)
{
	int r;

	for (size_t i = 0; i < c->n; i++)
		detach_one(&c->list[i]);
	close_fd(&c->lock);
	r = network_reconcile(h, NULL, err);
	if (r == 0)
		r = store_lock_shared(h->store, ATTACH_LOCK, "all", &c->lock, err);
	return r < 0 ? r : attach_all(h, wish, c, netns_fd, err);
}

static int save_all(const struct network_host *h, struct connection *c, struct berth_error *err)
{
	bool any = false;
	int r = 0;

	for (size_t i = 0; i < c->n; i++)
		any |= c->list[i].kept;
	if (!any)
		return 0;
	r = db_begin(h->store->db, err);
	for (size_t i = 0; i < c->n && r == 0; i++)
		if (c->list[i].kept)
			r = endpoint_ready(h->store, c->list[i].ep, err);
	if (r == 0)
		r = db_commit(h->store->db, DB_LAZY, err);
	if (r < 0)
		db_rollback(h->store->db);
	return r;
}

int connection_attach(const struct network_host *h, const struct connection_wish *wish,
		      struct connection *c, int netns_fd, struct berth_error *err)
{
	int r = attach_all(h, wish, c, netns_fd, err);

	if (r == -BERTH_E_NOT_FOUND && c->n > 0 && c->list[0].kept)
		r = attach_anew(h, wish, c, netns_fd, err);
	if (r == 0)
		r = save_all(h, c, err);
	close_fd(&c->lock);
	for (size_t i = 0; i < c->n && r == 0; i++)
		if (c->list[i].kept && !c->list[i].row->builtin)
			r = zone_write(h->store, c->list[i].row->id, true, err);
	return r;
}

/* --- undo ---------------------------------------------------------------------------------------
 */

void connection_undo(const struct network_host *h, struct connection *c)
{
	for (size_t i = 0; i < c->n; i++) {
		struct connected *one = &c->list[i];

		if (!one->ep || !one->kept) {
			if (one->ep)
				detach_one(one);
			continue;
		}
		/* what cannot be undone now is found by network_sweep: its row says so */
		if (endpoint_leave(h->store, one->ep->id, NULL) == 0)
			(void)connection_release(h, one->ep, NULL);
		if (!one->row->builtin)
			(void)zone_write(h->store, one->row->id, false, NULL);
	}
	close_fd(&c->lock);
}

/** Still leaving, now that we have its lock? */
static int is_leaving(struct store *store, const char *id, bool *ret, struct berth_error *err)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	int r = db_query(store->db, &q, err, "SELECT phase<>'off' FROM endpoint WHERE id=?1", "s",
			 id);

	if (r == 0)
		r = db_step(q, err);
	*ret = r > 0 && db_int(q, 0);
	return r < 0 ? r : 0;
}

int connection_release(const struct network_host *h, const struct endpoint *ep,
		       struct berth_error *err)
{
	cleanup_endpoint_call struct endpoint_call call = {0};
	cleanup_network_row struct network_row *row = NULL;
	cleanup_network_use struct network_use use = {0};
	cleanup_fd int lock = -1;
	bool leaving;
	int r = store_lock(h->store, "endpoint", ep->id, false, &lock, err);

	if (r == 0)
		r = is_leaving(h->store, ep->id, &leaving, err);
	if (r < 0 || !leaving)
		return r;
	r = network_row_find(h->store, ep->network, &row, err);
	if (r == 0)
		r = network_use_open(h, row, &use, err);
	if (r == 0)
		r = endpoint_call_open(ep, -1, NULL, &call, err);
	if (r == 0)
		r = use.driver->ops.detach(use.driver->net, &use.desc, &call.ep, err);
	if (r == 0)
		r = endpoint_left(h->store, ep, false, err);
	if (r == 0)
		store_lock_drop(h->store, "endpoint", ep->id, &lock);
	return r;
}
