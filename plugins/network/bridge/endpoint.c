/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/netfilter.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/str.h"
#include "bridge.h"

/* FNV-1a: a name for an interface has less room than an id. */
void bridge_port_name(const struct berth_endpoint *ep, char out[static IFNAMSIZ])
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (const char *s = ep->id; *s; s++)
		hash = (hash ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
	(void)snprintf(out, IFNAMSIZ, "bv%012llx",
		       (unsigned long long)(hash & UINT64_C(0xffffffffffff)));
}

static int check_endpoint(const struct berth_endpoint *ep, struct berth_error *err)
{
	if (!bridge_is_id(ep->id))
		return berth_fail(err, BERTH_E_INVALID, "'%.64s' is no id of an endpoint",
				  ep->id ? ep->id : "");
	if (ep->n_port && ep->port_stride < offsetof(struct berth_port, host))
		return berth_fail(err, BERTH_E_INVALID, "ports of %u bytes make no sense",
				  ep->port_stride);
	return 0;
}

static int check_attach(const struct berth_endpoint *ep, struct berth_error *err)
{
	int r = check_endpoint(ep, err);

	if (r == 0 && ep->netns_fd < 0)
		r = berth_fail(err, BERTH_E_INVALID, "attach needs a network namespace");
	if (r == 0 && (!ep->ifname || !*ep->ifname || strlen(ep->ifname) >= IFNAMSIZ ||
		       strchr(ep->ifname, '/')))
		r = berth_fail(err, BERTH_E_INVALID, "'%.40s' is no name for an interface",
			       ep->ifname ? ep->ifname : "");
	for (uint32_t i = 0; i < ep->n_addr && r == 0; i++)
		if (ep->addr[i].family != BERTH_IPV4 && ep->addr[i].family != BERTH_IPV6)
			r = berth_fail(err, BERTH_E_INVALID, "address %u has no family", i);
	return r;
}

/* --- attach --------------------------------------------------------------- */

/* The bridge, made again if somebody took it or its rules away. */
static int need_network(struct berth_network *net, const struct berth_net_desc *desc,
			const struct bridge_net *n, int fd, struct link *ret,
			struct berth_error *err)
{
	bool there = false;
	int r = link_find(fd, n->name, ret, NULL);

	if (r == 0 && str_eq(ret->alias, n->alias) && ret->up)
		r = rules_are_there(net, &there, err);
	else
		r = 0;
	if (r < 0 || there)
		return r;
	r = bridge_create(net, desc, NULL, err);
	/* what else was there is gone as well: the engine knows what that was */
	if (r == 0)
		(void)net->host->event(net->host, "network.rebuilt", (struct berth_str){"{}", 2});
	return r < 0 ? r : link_find(fd, n->name, ret, err);
}

static int make_port(const struct bridge_net *n, const struct berth_endpoint *ep, int fd,
		     const struct link *bridge, uint32_t mtu, struct berth_error *err)
{
	static const uint8_t none[6];
	cleanup_link_batch struct link_batch *b = NULL;
	char name[IFNAMSIZ], alias[160];
	struct link_veth veth = {
		.name = name,
		.peer = ep->ifname,
		.netns = ep->netns_fd,
		.mac = memcmp(ep->mac, none, 6) ? ep->mac : NULL,
		.mtu = mtu,
		.master = (uint32_t)bridge->index,
	};
	struct link_change change = {
		.name = name,
		.alias = alias,
		.up = true,
		.is_port = true,
		.hairpin = true, /* a container may ask for itself by a published port */
		.isolated = !n->icc,
	};
	int r = link_batch_new(&b, err);

	if (r < 0)
		return r;
	bridge_port_name(ep, name);
	(void)snprintf(alias, sizeof(alias), LINK_ALIAS_ENDPOINT "%s", ep->id);
	link_add_veth(b, &veth);
	link_change(b, &change);
	return link_run(b, fd, err);
}

static void default_routes(const struct berth_net_desc *desc, const struct berth_endpoint *ep,
			   struct link_batch *b, int index)
{
	for (uint32_t i = 0; i < desc->n_subnet; i++) {
		const struct berth_subnet *s = &desc->subnet[i];
		struct berth_route route = {.to = {.family = s->net.family}, .via = s->gateway};
		bool has = false;

		for (uint32_t a = 0; a < ep->n_addr; a++)
			has |= ep->addr[a].family == s->net.family;
		if (has && s->gateway.family)
			link_add_route(b, index, &route);
	}
}

/* Inside: addresses, routes, everything up. */
static int fill_netns(struct berth_network *net, const struct berth_net_desc *desc,
		      const struct berth_endpoint *ep, struct berth_attached *ret,
		      struct berth_error *err)
{
	cleanup_link_batch struct link_batch *b = NULL;
	cleanup_fd int fd = -1;
	struct link link;
	int r = bridge_route_socket(net, ep->netns_fd, &fd, err);

	if (r == 0)
		r = link_find(fd, ep->ifname, &link, err);
	if (r == 0)
		r = link_batch_new(&b, err);
	if (r < 0)
		return r;
	link_change(b, &(struct link_change){.name = "lo", .up = true});
	for (uint32_t i = 0; i < ep->n_addr; i++)
		link_add_address(b, link.index, &ep->addr[i]);
	link_change(b, &(struct link_change){
			       .index = link.index, .name = ep->ifname, .announce = true});
	link_change(b, &(struct link_change){.index = link.index, .name = ep->ifname, .up = true});
	for (uint32_t i = 0; i < ep->n_route; i++)
		link_add_route(b, link.index, &ep->route[i]);
	if (ep->n_route == 0 && !(ep->flags & BERTH_ENDPOINT_NO_GATEWAY) &&
	    !(desc->flags & BERTH_NETWORK_INTERNAL))
		default_routes(desc, ep, b, link.index);
	memcpy(ret->mac, link.mac, sizeof(ret->mac));
	return link_run(b, fd, err);
}

static void tell(const struct berth_net_desc *desc, const struct berth_endpoint *ep,
		 struct berth_attached *ret)
{
	const uint32_t most = sizeof(ret->addr) / sizeof(ret->addr[0]);

	ret->helper_pidfd = -1;
	ret->n_addr = ep->n_addr < most ? ep->n_addr : most;
	for (uint32_t i = 0; i < ret->n_addr; i++)
		ret->addr[i] = ep->addr[i];
	for (uint32_t i = 0; i < desc->n_subnet; i++) {
		const struct berth_addr *gw = &desc->subnet[i].gateway;

		if (gw->family == BERTH_IPV4 && !ret->gateway4.family)
			ret->gateway4 = *gw;
		if (gw->family == BERTH_IPV6 && !ret->gateway6.family)
			ret->gateway6 = *gw;
	}
}

static void drop_port(const struct berth_endpoint *ep, int fd)
{
	cleanup_link_batch struct link_batch *b = NULL;
	char name[IFNAMSIZ];

	bridge_port_name(ep, name);
	if (link_batch_new(&b, NULL) < 0)
		return;
	link_delete(b, name, true);
	(void)link_run(b, fd, NULL); /* on the way back from a failure that is told */
}

int bridge_attach(struct berth_network *net, const struct berth_net_desc *desc,
		  const struct berth_endpoint *ep, struct berth_op *op, struct berth_sink *state,
		  struct berth_attached *ret, struct berth_error *err)
{
	uint32_t mtu = ep->mtu ? ep->mtu : desc->mtu;
	struct berth_attached got = *ret;
	cleanup_fd int fd = -1;
	struct bridge_net n;
	struct link bridge;
	int r = bridge_net_of(net, desc, &n, err);

	(void)state;
	if (r == 0)
		r = check_attach(ep, err);
	if (r == 0 && net->host->cancelled(op))
		r = berth_fail(err, BERTH_E_CANCELLED, "cancelled");
	if (r == 0)
		r = bridge_route_socket(net, -1, &fd, err);
	if (r == 0)
		r = need_network(net, desc, &n, fd, &bridge, err);
	if (r == 0)
		r = make_port(&n, ep, fd, &bridge, mtu, err);
	if (r < 0) {
		/* one of the two changes may have been made; another endpoint's never */
		if (r != -BERTH_E_EXISTS && fd >= 0 && ep->id)
			drop_port(ep, fd);
		return r;
	}
	r = fill_netns(net, desc, ep, &got, err);
	if (r == 0 && ep->n_port > 0)
		r = ports_set(net, ep, err);
	if (r < 0) {
		drop_port(ep, fd);
		return r;
	}
	tell(desc, ep, &got);
	*ret = got;
	return 0;
}

/* --- detach, publish, check ----------------------------------------------- */

int bridge_detach(struct berth_network *net, const struct berth_net_desc *desc,
		  const struct berth_endpoint *ep, struct berth_error *err)
{
	cleanup_link_batch struct link_batch *b = NULL;
	cleanup_fd int fd = -1;
	char name[IFNAMSIZ];
	int r = check_endpoint(ep, err);

	(void)desc;
	if (r == 0 && ep->n_port > 0)
		r = ports_clear(net, ep, err);
	if (r == 0)
		r = bridge_route_socket(net, -1, &fd, err);
	if (r == 0)
		r = link_batch_new(&b, err);
	if (r < 0)
		return r;
	bridge_port_name(ep, name);
	link_delete(b, name, true); /* its peer goes with it */
	return link_run(b, fd, err);
}

int bridge_publish(struct berth_network *net, const struct berth_net_desc *desc,
		   const struct berth_endpoint *ep, struct berth_error *err)
{
	struct bridge_net n;
	bool there = false;
	int r = check_endpoint(ep, err);

	if (r == 0)
		r = bridge_net_of(net, desc, &n, err);
	if (r == 0)
		r = rules_are_there(net, &there, err);
	if (r == 0 && !there)
		r = bridge_create(net, desc, NULL, err);
	return r < 0 ? r : ports_set(net, ep, err);
}

static int find_problem(struct berth_network *net, const struct bridge_net *n,
			const struct berth_endpoint *ep, char *text, size_t size,
			struct berth_error *err)
{
	char name[IFNAMSIZ];
	unsigned missing = 0;
	cleanup_fd int fd = -1;
	struct link link, bridge;
	bool rules = false;
	int r = bridge_route_socket(net, -1, &fd, err);

	text[0] = '\0';
	bridge_port_name(ep, name);
	if (r == 0)
		r = rules_are_there(net, &rules, err);
	if (r == 0 && ep->n_port)
		r = ports_missing(net, ep, &missing, err);
	if (r < 0)
		return r;
	if (link_find(fd, n->name, &bridge, NULL) < 0)
		(void)snprintf(text, size, "bridge '%s' is gone", n->name);
	else if (!bridge.up)
		(void)snprintf(text, size, "bridge '%s' is down", n->name);
	else if (link_find(fd, name, &link, NULL) < 0)
		(void)snprintf(text, size, "interface '%s' of the container is gone", name);
	else if (link.master != bridge.index || !link.up)
		(void)snprintf(text, size, "interface '%s' is not connected to bridge '%s'", name,
			       n->name);
	else if (!rules)
		(void)snprintf(text, size, "the rules are gone: somebody flushed nftables");
	else if (missing)
		(void)snprintf(text, size, "%u published ports lead nowhere", missing);
	return 0;
}

int bridge_check(struct berth_network *net, const struct berth_net_desc *desc,
		 const struct berth_endpoint *ep, struct berth_sink *findings,
		 struct berth_error *err)
{
	char text[256], remedy[512];
	struct foreign f = {0};
	struct bridge_net n;
	int r = check_endpoint(ep, err);

	if (r == 0)
		r = bridge_net_of(net, desc, &n, err);
	if (r == 0)
		r = find_problem(net, &n, ep, text, sizeof(text), err);
	if (r == 0 && *text)
		r = net->host->finding(findings, BERTH_FINDING_ERROR, "bridge.endpoint", text,
				       "berth network reconcile");
	if (r == 0)
		r = host_foreign_drop(net, NF_INET_FORWARD, &f, err);
	if (r == 0 && *f.chain) {
		host_foreign_remedy(&f, n.name, remedy, sizeof(remedy));
		(void)snprintf(text, sizeof(text),
			       "chain '%s' of another program drops what is forwarded, unless it "
			       "has a rule for bridge '%s'",
			       f.chain, n.name);
		r = net->host->finding(findings, BERTH_FINDING_WARN, "bridge.forward-drop", text,
				       remedy);
	}
	return r;
}
