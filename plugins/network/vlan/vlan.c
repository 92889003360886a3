/* SPDX-License-Identifier: Apache-2.0 */
#include "vlan.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../link/link.h"
#include "base/cleanup.h"
#include "base/str.h"

struct berth_network {
	const struct berth_host *host;
	const struct vlan_kind *kind;
};

int vlan_open(const struct vlan_kind *kind, const struct berth_host *host, void **ret,
	      struct berth_error *err)
{
	struct berth_network *net = calloc(1, sizeof(*net));

	if (!net)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	*net = (struct berth_network){host, kind};
	*ret = net;
	return 0;
}

void vlan_close(void *instance)
{
	free(instance);
}

static int route_socket(struct berth_network *net, int netns, int *ret_fd, struct berth_error *err)
{
	return net->host->socket_in(net->host, netns, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
				    NETLINK_ROUTE, ret_fd, err);
}

/* The kernel refuses the loopback interface as a parent; a kind that it does not know, otherwise. */
static bool knows_kind(struct berth_network *net)
{
	cleanup_link_batch struct link_batch *b = NULL;
	const struct link_vlan v = {
		.kind = net->kind->name,
		.name = "berth-probe",
		.parent = 1,
		.netns = -1,
	};
	struct berth_error why = {0};
	cleanup_fd int fd = -1;

	if (route_socket(net, -1, &fd, NULL) < 0 || link_batch_new(&b, NULL) < 0)
		return true;
	link_add_vlan(b, &v);
	return link_run(b, fd, &why) == 0 || why.code != BERTH_E_UNSUPPORTED;
}

int vlan_probe(const struct vlan_kind *kind, const struct berth_host *host,
	       struct berth_sink *findings)
{
	struct berth_network net = {host, kind};
	char text[128], id[32], fix[64];

	(void)snprintf(id, sizeof(id), "%s.kernel", kind->name);
	(void)snprintf(fix, sizeof(fix), "modprobe %s", kind->name);
	(void)snprintf(text, sizeof(text), "the kernel has no interfaces of kind '%s'", kind->name);
	if (geteuid() != 0)
		return host->finding(findings, BERTH_FINDING_ERROR, id,
				     "only root can make interfaces", "run berth as root");
	if (!knows_kind(&net))
		return host->finding(findings, BERTH_FINDING_ERROR, id, text, fix);
	return host->finding(
		findings, BERTH_FINDING_OK, id,
		"containers get interfaces on top of one of this machine (-o parent=NAME)", NULL);
}

/* --- the network ---------------------------------------------------------- */

static int mode_of(struct berth_network *net, const struct berth_net_desc *desc,
		   const struct vlan_mode **ret, struct berth_error *err)
{
	const char *word = desc->conf ? net->host->conf_str(desc->conf, "mode") : NULL;

	for (const struct vlan_mode *m = net->kind->modes; m->word; m++)
		if (!word || !*word || str_eq(m->word, word)) {
			*ret = m;
			return 0;
		}
	return berth_fail(err, BERTH_E_INVALID, "'%.40s' is no mode of %s", word, net->kind->name);
}

static int find_parent(struct berth_network *net, const struct berth_net_desc *desc,
		       struct link *ret, struct berth_error *err)
{
	const char *parent = desc->conf ? net->host->conf_str(desc->conf, "parent") : NULL;
	cleanup_fd int fd = -1;
	int r;

	if (!parent || !*parent) {
		(void)berth_fail(err, BERTH_E_INVALID,
				 "a network of driver '%s' needs an interface of this machine",
				 net->kind->name);
		berth_error_hint(err, "name it: -o parent=eth0");
		return -BERTH_E_INVALID;
	}
	r = route_socket(net, -1, &fd, err);
	return r < 0 ? r : link_find(fd, parent, ret, err);
}

static bool is_id(const char *s)
{
	size_t n = s ? strspn(s, "0123456789abcdefghijklmnopqrstuvwxyz_.:-") : 0;

	return s && n > 0 && n <= 128 && s[n] == '\0' && !strchr("_.:-", *s);
}

static int vlan_create(struct berth_network *net, const struct berth_net_desc *desc,
		       struct berth_sink *state, struct berth_error *err)
{
	const struct vlan_mode *mode;
	struct link parent;
	int r;

	(void)state;
	if (!is_id(desc->id))
		return berth_fail(err, BERTH_E_INVALID, "'%.64s' is no id of a network",
				  desc->id ? desc->id : "");
	if (desc->flags & BERTH_NETWORK_INTERNAL) {
		r = berth_fail(err, BERTH_E_UNSUPPORTED,
			       "network driver '%s' has no internal networks: its containers are "
			       "in the network of the interface",
			       net->kind->name);
		berth_error_hint(err, "use driver 'bridge' for that");
		return r;
	}
	r = mode_of(net, desc, &mode, err);
	return r < 0 ? r : find_parent(net, desc, &parent, err);
}

/* --- containers ----------------------------------------------------------- */

static int refuse_ports(struct berth_network *net, const struct berth_endpoint *ep,
			struct berth_error *err)
{
	int r;

	if (ep->n_port == 0)
		return 0;
	r = berth_fail(err, BERTH_E_UNSUPPORTED, "network driver '%s' cannot publish ports",
		       net->kind->name);
	berth_error_hint(err, "the container has an address of its own, on which all its ports are "
			      "reached");
	return r;
}

static int check_attach(struct berth_network *net, const struct berth_endpoint *ep,
			struct berth_error *err)
{
	int r = refuse_ports(net, ep, err);

	if (r == 0 && !is_id(ep->id))
		r = berth_fail(err, BERTH_E_INVALID, "'%.64s' is no id of an endpoint",
			       ep->id ? ep->id : "");
	if (r == 0 && ep->netns_fd < 0)
		r = berth_fail(err, BERTH_E_INVALID, "attach needs a network namespace");
	if (r == 0 && (!ep->ifname || !*ep->ifname || strlen(ep->ifname) >= IFNAMSIZ))
		r = berth_fail(err, BERTH_E_INVALID, "'%.40s' is no name for an interface",
			       ep->ifname ? ep->ifname : "");
	return r;
}

static int make_interface(struct berth_network *net, const struct berth_net_desc *desc,
			  const struct berth_endpoint *ep, struct berth_error *err)
{
	static const uint8_t none[6];
	cleanup_link_batch struct link_batch *b = NULL;
	const struct vlan_mode *mode;
	cleanup_fd int fd = -1;
	struct link_vlan v = {
		.kind = net->kind->name,
		.name = ep->ifname,
		.netns = ep->netns_fd,
		.mac = net->kind->own_mac && memcmp(ep->mac, none, 6) ? ep->mac : NULL,
		.mtu = ep->mtu ? ep->mtu : desc->mtu,
	};
	struct link parent;
	int r = mode_of(net, desc, &mode, err);

	if (r == 0)
		r = find_parent(net, desc, &parent, err);
	if (r == 0)
		r = route_socket(net, -1, &fd, err);
	if (r == 0)
		r = link_batch_new(&b, err);
	if (r < 0)
		return r;
	v.parent = parent.index;
	v.mode = mode->number;
	link_add_vlan(b, &v);
	return link_run(b, fd, err);
}

/* In a routed mode there is no neighbour to send to: all goes out by the interface itself. */
static void default_routes(struct berth_network *net, const struct berth_net_desc *desc,
			   const struct berth_endpoint *ep, struct link_batch *b, int index)
{
	const struct vlan_mode *mode;
	bool routed = net->kind->routed && mode_of(net, desc, &mode, NULL) == 0 &&
		      str_has_prefix(mode->word, net->kind->routed);

	for (uint32_t i = 0; i < desc->n_subnet; i++) {
		const struct berth_subnet *s = &desc->subnet[i];
		struct berth_route route = {.to = {.family = s->net.family}};
		bool has = false;

		for (uint32_t a = 0; a < ep->n_addr; a++)
			has |= ep->addr[a].family == s->net.family;
		if (!routed)
			route.via = s->gateway;
		if (has && (routed || s->gateway.family))
			link_add_route(b, index, &route);
	}
}

static int fill_netns(struct berth_network *net, const struct berth_net_desc *desc,
		      const struct berth_endpoint *ep, int fd, uint8_t mac[6],
		      struct berth_error *err)
{
	cleanup_link_batch struct link_batch *b = NULL;
	char alias[160];
	struct link link;
	int r = link_find(fd, ep->ifname, &link, err);

	if (r == 0)
		r = link_batch_new(&b, err);
	if (r < 0)
		return r;
	(void)snprintf(alias, sizeof(alias), LINK_ALIAS_ENDPOINT "%s", ep->id);
	link_change(b, &(struct link_change){.name = "lo", .up = true});
	for (uint32_t i = 0; i < ep->n_addr; i++)
		link_add_address(b, link.index, &ep->addr[i]);
	link_change(b, &(struct link_change){.index = link.index,
					     .name = ep->ifname,
					     .alias = alias,
					     .announce = true});
	link_change(b, &(struct link_change){.index = link.index, .name = ep->ifname, .up = true});
	for (uint32_t i = 0; i < ep->n_route; i++)
		link_add_route(b, link.index, &ep->route[i]);
	if (ep->n_route == 0 && !(ep->flags & BERTH_ENDPOINT_NO_GATEWAY))
		default_routes(net, desc, ep, b, link.index);
	memcpy(mac, link.mac, 6);
	return link_run(b, fd, err);
}

static void drop(int fd, const char *ifname)
{
	cleanup_link_batch struct link_batch *b = NULL;

	if (link_batch_new(&b, NULL) < 0)
		return;
	link_delete(b, ifname, true);
	(void)link_run(b, fd, NULL); /* on the way back from a failure that is told */
}

static int vlan_attach(struct berth_network *net, const struct berth_net_desc *desc,
		       const struct berth_endpoint *ep, struct berth_op *op,
		       struct berth_sink *state, struct berth_attached *ret,
		       struct berth_error *err)
{
	const uint32_t most = sizeof(ret->addr) / sizeof(ret->addr[0]);
	cleanup_fd int fd = -1;
	uint8_t mac[6];
	int r = check_attach(net, ep, err);

	(void)state;
	if (r == 0 && net->host->cancelled(op))
		r = berth_fail(err, BERTH_E_CANCELLED, "cancelled");
	if (r == 0)
		r = route_socket(net, ep->netns_fd, &fd, err);
	if (r == 0)
		r = make_interface(net, desc, ep, err);
	if (r < 0)
		return r;
	r = fill_netns(net, desc, ep, fd, mac, err);
	if (r < 0) {
		drop(fd, ep->ifname);
		return r;
	}
	ret->helper_pidfd = -1;
	ret->n_addr = ep->n_addr < most ? ep->n_addr : most;
	for (uint32_t i = 0; i < ret->n_addr; i++)
		ret->addr[i] = ep->addr[i];
	memcpy(ret->mac, mac, 6);
	return 0;
}

static int vlan_detach(struct berth_network *net, const struct berth_net_desc *desc,
		       const struct berth_endpoint *ep, struct berth_error *err)
{
	cleanup_link_batch struct link_batch *b = NULL;
	cleanup_fd int fd = -1;
	char alias[160];
	struct link link;
	int r;

	(void)desc;
	if (!is_id(ep->id))
		return berth_fail(err, BERTH_E_INVALID, "'%.64s' is no id of an endpoint",
				  ep->id ? ep->id : "");
	if (ep->netns_fd < 0 || !ep->ifname)
		return 0; /* it went with the namespace */
	r = route_socket(net, ep->netns_fd, &fd, err);
	if (r < 0)
		return r;
	(void)snprintf(alias, sizeof(alias), LINK_ALIAS_ENDPOINT "%s", ep->id);
	if (link_find(fd, ep->ifname, &link, NULL) < 0 || !str_eq(link.alias, alias))
		return 0;
	r = link_batch_new(&b, err);
	if (r < 0)
		return r;
	link_delete(b, ep->ifname, true);
	return link_run(b, fd, err);
}

static int vlan_publish(struct berth_network *net, const struct berth_net_desc *desc,
			const struct berth_endpoint *ep, struct berth_error *err)
{
	(void)desc;
	return refuse_ports(net, ep, err);
}

static int vlan_check(struct berth_network *net, const struct berth_net_desc *desc,
		      const struct berth_endpoint *ep, struct berth_sink *findings,
		      struct berth_error *err)
{
	struct berth_error why = {0};
	cleanup_fd int fd = -1;
	struct link link;
	int r;

	if (find_parent(net, desc, &link, &why) < 0)
		return net->host->finding(findings, BERTH_FINDING_ERROR, "vlan.parent", why.text,
					  "bring the interface back");
	if (ep->netns_fd < 0)
		return 0;
	r = route_socket(net, ep->netns_fd, &fd, err);
	if (r == 0 && (link_find(fd, ep->ifname, &link, &why) < 0 || !link.up))
		r = net->host->finding(findings, BERTH_FINDING_ERROR, "vlan.endpoint",
				       "the container's interface is gone or down",
				       "restart the container");
	return r;
}

const struct berth_network_ops vlan_ops = {
	.create = vlan_create,
	.attach = vlan_attach,
	.detach = vlan_detach,
	.publish = vlan_publish,
	.check = vlan_check,
};
