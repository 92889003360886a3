/* SPDX-License-Identifier: Apache-2.0 */
/* How a container's networks are shown by inspect and ps. */
#include <string.h>

#include "core/container/connect.h"
#include "core/network/address.h"

static bool is_ready(const struct endpoint *ep)
{
	return ep && str_eq(ep->phase, "ready");
}

static const struct berth_addr *address_of(const struct endpoint *ep, uint8_t family)
{
	for (uint32_t i = 0; is_ready(ep) && i < ep->n_addr; i++)
		if (ep->addr[i].family == family)
			return &ep->addr[i];
	return NULL;
}

static void write_address(struct jw *w, const char *key, const char *prefix_key,
			  const struct berth_addr *a)
{
	char text[ADDRESS_TEXT_MAX];

	jw_key_str(w, key, a ? address_text(a, text) : "");
	jw_key_int(w, prefix_key, a ? a->prefix : 0);
}

static void write_gateways(struct jw *w, const struct endpoint *ep)
{
	char text[ADDRESS_TEXT_MAX];

	jw_key_str(w, "Gateway", is_ready(ep) ? address_text(&ep->gateway4, text) : "");
	jw_key_str(w, "IPv6Gateway", is_ready(ep) ? address_text(&ep->gateway6, text) : "");
}

static void write_mac(struct jw *w, const struct endpoint *ep)
{
	char text[MAC_TEXT_MAX];

	jw_key_str(w, "MacAddress", is_ready(ep) ? mac_text(ep->mac, text) : "");
}

static void write_addresses(struct jw *w, const struct endpoint *ep)
{
	jw_key_str(w, "EndpointID", is_ready(ep) ? ep->id : "");
	write_gateways(w, ep);
	write_address(w, "IPAddress", "IPPrefixLen", address_of(ep, BERTH_IPV4));
	write_address(w, "GlobalIPv6Address", "GlobalIPv6PrefixLen", address_of(ep, BERTH_IPV6));
}

static void write_part(struct jw *w, const char *key, const struct record *part)
{
	if (part) {
		jw_key(w, key);
		jw_record(w, part);
	} else {
		jw_key_raw(w, key, "null");
	}
}

static void write_names(struct jw *w, const struct endpoint *ep)
{
	if (!ep) {
		jw_key_raw(w, "DNSNames", "null");
		return;
	}
	jw_key_array(w, "DNSNames");
	strv_foreach (name, ep->names)
		if (!strchr(*name, ' '))
			jw_str(w, *name);
	jw_array_end(w);
}

static void write_endpoint(struct jw *w, const char *name, const char *id,
			   const struct record *config, const struct endpoint *ep, bool builtin)
{
	jw_key_object(w, name);
	write_part(w, "IPAMConfig", record_get(config, "IPAMConfig"));
	write_part(w, "Links", record_get(config, "Links"));
	write_part(w, "Aliases", record_get(config, "Aliases"));
	write_mac(w, ep);
	write_part(w, "DriverOpts", record_get(config, "DriverOpts"));
	jw_key_int(w, "GwPriority", record_int_or(record_get(config, "GwPriority"), 0));
	jw_key_str(w, "NetworkID", id);
	write_addresses(w, ep);
	write_names(w, builtin ? NULL : ep);
	jw_object_end(w);
}

static const struct endpoint *find_endpoint(const struct endpoints *eps, const char *network)
{
	for (size_t i = 0; i < eps->n; i++)
		if (str_eq(eps->list[i]->network, network))
			return eps->list[i];
	return NULL;
}

static int write_networks(struct jw *w, struct container_host *h, const struct container_row *row,
			  const struct endpoints *eps, struct berth_error *err)
{
	const struct record *config = record_path(row->merged, "NetworkingConfig.EndpointsConfig");
	struct connection_wish wish = container_wish(row);
	cleanup_strv char **names = NULL;
	int r = 0;

	jw_key_object(w, "Networks");
	if (!str_has_prefix(row->network, "container:"))
		r = connection_names(&wish, &names, err);
	strv_foreach (name, names) {
		cleanup_network_row struct network_row *net = NULL;

		/* one that was removed since is shown with what is known of it */
		(void)network_row_find(h->store, *name, &net, NULL);
		write_endpoint(w, net ? net->name : *name, net ? net->id : "",
			       record_get(config, *name), net ? find_endpoint(eps, net->id) : NULL,
			       !net || net->builtin);
	}
	jw_object_end(w);
	return r;
}

/** Of all its endpoints: one of them has the ports. */
static int ports_of(const struct endpoints *eps, struct record **ret, struct berth_error *err)
{
	cleanup_record struct record *list = record_new_array();
	int r = list ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");

	for (size_t i = 0; i < eps->n; i++) {
		if (!is_ready(eps->list[i]))
			continue;
		for (size_t k = 0; k < record_len(eps->list[i]->ports) && r == 0; k++)
			r = record_append(list, record_ref(record_at(eps->list[i]->ports, k)), err);
	}
	if (r == 0)
		*ret = steal_ptr(list);
	return r;
}

static int write_ports(struct jw *w, const struct container_row *row, const struct endpoints *eps,
		       struct berth_error *err)
{
	const struct record *exposed = record_path(row->merged, "Config.ExposedPorts");
	cleanup_record struct record *list = NULL, *map = NULL;
	bool alive = (row->state & CONTAINER_ALIVE) != 0;
	int r = ports_of(eps, &list, err);

	if (r == 0)
		r = ports_map(list, alive && eps->n > 0 ? exposed : NULL, &map, err);
	jw_key(w, "Ports");
	jw_record(w, map);
	return r;
}

int container_network_show(struct jw *w, struct container_host *h, const struct container_row *row,
			   struct berth_error *err)
{
	cleanup_endpoints struct endpoints eps = {0};
	const struct endpoint *main = NULL;
	char key[48] = "";
	int r = endpoints_of_container(h->store, row->id, &eps, err);

	if (r < 0)
		return r;
	/* docker fills the fields of old for a network that is always there only */
	if (eps.n > 0 && strv_has(h->config->kind[BERTH_NETWORK].builtin, row->network))
		main = eps.list[0];
	if (row->state & CONTAINER_ALIVE)
		(void)snprintf(key, sizeof(key), "/proc/%lld/ns/net", (long long)row->pid);
	jw_key_object(w, "NetworkSettings");
	jw_key_str(w, "Bridge", "");
	jw_key_str(w, "SandboxID", row->state & CONTAINER_ALIVE ? row->id : "");
	jw_key_str(w, "SandboxKey", key);
	r = write_ports(w, row, &eps, err);
	jw_key_bool(w, "HairpinMode", false);
	jw_key_str(w, "LinkLocalIPv6Address", "");
	jw_key_int(w, "LinkLocalIPv6PrefixLen", 0);
	jw_key_raw(w, "SecondaryIPAddresses", "null");
	jw_key_raw(w, "SecondaryIPv6Addresses", "null");
	write_addresses(w, main);
	write_mac(w, main);
	if (r == 0)
		r = write_networks(w, h, row, &eps, err);
	jw_object_end(w);
	return r;
}

/* --- ps -----------------------------------------------------------------------------------------
 */

static bool has_port(const struct record *list, int64_t port, const char *type)
{
	for (size_t i = 0; i < record_len(list); i++)
		if (record_int_or(record_get(record_at(list, i), "PrivatePort"), 0) == port &&
		    str_eq(record_str(record_get(record_at(list, i), "Type")), type))
			return true;
	return false;
}

/** Exposed ones that are not published: {"PrivatePort", "Type"} only. */
static int add_exposed(const struct record *exposed, struct record *list, struct berth_error *err)
{
	struct record *val;
	const char *key;
	int r = 0;

	record_foreach (exposed, key, val) {
		const char *slash = strchr(key, '/');
		cleanup_free char *digits =
			slash ? strndup(key, (size_t)(slash - key)) : strdup(key);
		struct record *item;
		uint64_t port;

		if (!digits || parse_u64(digits, UINT16_MAX, &port) < 0 ||
		    has_port(list, (int64_t)port, slash ? slash + 1 : "tcp"))
			continue;
		item = record_new_object();
		r = record_append(list, item, err);
		if (r == 0)
			r = record_set_uint(item, "PrivatePort", port, err);
		if (r == 0)
			r = record_set_str(item, "Type", slash ? slash + 1 : "tcp", err);
		if (r < 0)
			return r;
	}
	return r;
}

static int add_network(struct container_host *h, const struct endpoint *ep, struct record *networks,
		       struct berth_error *err)
{
	cleanup_network_row struct network_row *net = NULL;
	const struct berth_addr *v4 = address_of(ep, BERTH_IPV4);
	struct record *item = record_new_object();
	char text[ADDRESS_TEXT_MAX];
	int r = network_row_find(h->store, ep->network, &net, err);

	if (r < 0) {
		record_free(item);
		return r == -BERTH_E_NOT_FOUND ? 0 : r;
	}
	r = record_set(networks, net->name, item, err);
	if (r == 0)
		r = record_set_str(item, "NetworkID", net->id, err);
	if (r == 0)
		r = record_set_str(item, "EndpointID", is_ready(ep) ? ep->id : "", err);
	return r < 0 ? r : record_set_str(item, "IPAddress", v4 ? address_text(v4, text) : "", err);
}

int container_network_list(struct container_host *h, const char *id, const struct record *exposed,
			   struct record **ret_ports, struct record **ret_networks,
			   struct berth_error *err)
{
	cleanup_endpoints struct endpoints eps = {0};
	cleanup_record struct record *ports = NULL, *networks = record_new_object();
	int r = endpoints_of_container(h->store, id, &eps, err);

	if (r == 0)
		r = ports_of(&eps, &ports, err);
	for (size_t i = 0; i < eps.n && r == 0; i++)
		r = add_network(h, eps.list[i], networks, err);
	if (r == 0 && eps.n > 0 && is_ready(eps.list[0]))
		r = add_exposed(exposed, ports, err);
	if (r < 0)
		return r;
	*ret_ports = steal_ptr(ports);
	*ret_networks = steal_ptr(networks);
	return 0;
}
