/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "link.h"

enum { BATCH_MAX = 32 * 1024, MESSAGE_MAX = 1024, ITEMS_MAX = 128, ANSWER_MAX = 16 * 1024 };

/* One change, for the message when it fails. */
struct item {
	const char *doing;
	char name[64];
	int fine; /* an errno that is no failure */
};

struct link_batch {
	char *bytes;
	size_t n;
	struct item item[ITEMS_MAX];
	unsigned items;
	bool full;
};

int link_batch_new(struct link_batch **ret, struct berth_error *err)
{
	struct link_batch *b = calloc(1, sizeof(*b));

	if (b)
		b->bytes = malloc(BATCH_MAX);
	if (!b || !b->bytes) {
		free(b);
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	}
	*ret = b;
	return 0;
}

void link_batch_free(struct link_batch *b)
{
	if (!b)
		return;
	free(b->bytes);
	free(b);
}

/* --- messages ------------------------------------------------------------- */

static struct nlmsghdr *begin(struct link_batch *b, uint16_t type, uint16_t flags,
			      const char *doing, const char *name)
{
	struct nlmsghdr *h;

	if (b->items == ITEMS_MAX || BATCH_MAX - b->n < MESSAGE_MAX) {
		/* link_run refuses all of it */
		b->full = true;
		b->items = 0;
		b->n = 0;
	}
	h = mnl_nlmsg_put_header(b->bytes + b->n);
	h->nlmsg_type = type;
	h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	h->nlmsg_seq = b->items;
	b->item[b->items] = (struct item){.doing = doing};
	(void)snprintf(b->item[b->items].name, sizeof(b->item[0].name), "%s", name);
	return h;
}

static void end(struct link_batch *b, const struct nlmsghdr *h, int fine)
{
	b->item[b->items++].fine = fine;
	b->n += MNL_ALIGN(h->nlmsg_len);
}

static struct nlmsghdr *begin_link(struct link_batch *b, uint16_t type, uint16_t flags,
				   const char *doing, const char *name)
{
	struct nlmsghdr *h = begin(b, type, flags, doing, name);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(h, sizeof(*ifi));

	ifi->ifi_family = AF_UNSPEC;
	return h;
}

void link_add_bridge(struct link_batch *b, const char *name, const uint8_t mac[6], uint32_t mtu)
{
	struct nlmsghdr *h =
		begin_link(b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, "make bridge", name);
	struct nlattr *info;

	mnl_attr_put_strz(h, IFLA_IFNAME, name);
	/* a fixed one: else it is the lowest of its ports', and changes with them */
	mnl_attr_put(h, IFLA_ADDRESS, 6, mac);
	if (mtu)
		mnl_attr_put_u32(h, IFLA_MTU, mtu);
	info = mnl_attr_nest_start(h, IFLA_LINKINFO);
	mnl_attr_put_strz(h, IFLA_INFO_KIND, "bridge");
	mnl_attr_nest_end(h, info);
	end(b, h, 0);
}

void link_add_veth(struct link_batch *b, const struct link_veth *v)
{
	struct nlmsghdr *h =
		begin_link(b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, "make interface", v->name);
	struct nlattr *info, *data, *peer;

	mnl_attr_put_strz(h, IFLA_IFNAME, v->name);
	if (v->mtu)
		mnl_attr_put_u32(h, IFLA_MTU, v->mtu);
	if (v->master)
		mnl_attr_put_u32(h, IFLA_MASTER, v->master);
	info = mnl_attr_nest_start(h, IFLA_LINKINFO);
	mnl_attr_put_strz(h, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(h, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(h, VETH_INFO_PEER);
	(void)mnl_nlmsg_put_extra_header(h, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(h, IFLA_IFNAME, v->peer);
	if (v->mac)
		mnl_attr_put(h, IFLA_ADDRESS, 6, v->mac);
	if (v->mtu)
		mnl_attr_put_u32(h, IFLA_MTU, v->mtu);
	mnl_attr_put_u32(h, IFLA_NET_NS_FD, (uint32_t)v->netns);
	mnl_attr_nest_end(h, peer);
	mnl_attr_nest_end(h, data);
	mnl_attr_nest_end(h, info);
	end(b, h, 0);
}

void link_add_vlan(struct link_batch *b, const struct link_vlan *v)
{
	struct nlmsghdr *h =
		begin_link(b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, "make interface", v->name);
	bool is_macvlan = strcmp(v->kind, "macvlan") == 0;
	struct nlattr *info, *data;

	mnl_attr_put_strz(h, IFLA_IFNAME, v->name);
	mnl_attr_put_u32(h, IFLA_LINK, (uint32_t)v->parent);
	if (v->netns >= 0)
		mnl_attr_put_u32(h, IFLA_NET_NS_FD, (uint32_t)v->netns);
	if (v->mac)
		mnl_attr_put(h, IFLA_ADDRESS, 6, v->mac);
	if (v->mtu)
		mnl_attr_put_u32(h, IFLA_MTU, v->mtu);
	info = mnl_attr_nest_start(h, IFLA_LINKINFO);
	mnl_attr_put_strz(h, IFLA_INFO_KIND, v->kind);
	data = mnl_attr_nest_start(h, IFLA_INFO_DATA);
	if (is_macvlan)
		mnl_attr_put_u32(h, IFLA_MACVLAN_MODE, v->mode);
	else
		mnl_attr_put_u16(h, IFLA_IPVLAN_MODE, (uint16_t)v->mode);
	mnl_attr_nest_end(h, data);
	mnl_attr_nest_end(h, info);
	end(b, h, 0);
}

/* A neighbour that knew another one by the same address hears of it at once. */
static void put_announce(struct nlmsghdr *h)
{
	struct nlattr *spec = mnl_attr_nest_start(h, IFLA_AF_SPEC);
	struct nlattr *inet = mnl_attr_nest_start(h, AF_INET);
	struct nlattr *conf = mnl_attr_nest_start(h, IFLA_INET_CONF);

	mnl_attr_put_u32(h, IPV4_DEVCONF_ARP_NOTIFY, 1);
	mnl_attr_nest_end(h, conf);
	mnl_attr_nest_end(h, inet);
	mnl_attr_nest_end(h, spec);
}

void link_change(struct link_batch *b, const struct link_change *c)
{
	struct nlmsghdr *h =
		begin_link(b, RTM_NEWLINK, 0, "change interface", c->name ? c->name : "");
	struct ifinfomsg *ifi = mnl_nlmsg_get_payload(h);

	ifi->ifi_index = c->index;
	if (c->up)
		ifi->ifi_flags = ifi->ifi_change = IFF_UP;
	if (c->index == 0 && c->name)
		mnl_attr_put_strz(h, IFLA_IFNAME, c->name);
	if (c->alias)
		mnl_attr_put_str(h, IFLA_IFALIAS, c->alias);
	if (c->mtu)
		mnl_attr_put_u32(h, IFLA_MTU, c->mtu);
	if (c->announce)
		put_announce(h);
	if (c->is_port) {
		struct nlattr *info = mnl_attr_nest_start(h, IFLA_LINKINFO), *data;

		mnl_attr_put_strz(h, IFLA_INFO_SLAVE_KIND, "bridge");
		data = mnl_attr_nest_start(h, IFLA_INFO_SLAVE_DATA);
		mnl_attr_put_u8(h, IFLA_BRPORT_MODE, c->hairpin);
		mnl_attr_put_u8(h, IFLA_BRPORT_ISOLATED, c->isolated);
		mnl_attr_nest_end(h, data);
		mnl_attr_nest_end(h, info);
	}
	end(b, h, 0);
}

void link_delete(struct link_batch *b, const char *name, bool absent_ok)
{
	struct nlmsghdr *h = begin_link(b, RTM_DELLINK, 0, "remove interface", name);

	mnl_attr_put_strz(h, IFLA_IFNAME, name);
	end(b, h, absent_ok ? ENODEV : 0);
}

static size_t ip_len(const struct berth_addr *a)
{
	return a->family == BERTH_IPV4 ? 4 : 16;
}

static unsigned char af_of(const struct berth_addr *a)
{
	return a->family == BERTH_IPV4 ? AF_INET : AF_INET6;
}

static struct nlmsghdr *begin_address(struct link_batch *b, uint16_t type, uint16_t flags,
				      const char *doing, int index, const struct berth_addr *addr)
{
	struct nlmsghdr *h = begin(b, type, flags, doing, link_addr_text(addr, true));
	struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(h, sizeof(*ifa));

	ifa->ifa_family = af_of(addr);
	ifa->ifa_prefixlen = addr->prefix;
	ifa->ifa_index = (uint32_t)index;
	ifa->ifa_scope = RT_SCOPE_UNIVERSE;
	/* nobody else has it: the engine gave it */
	if (addr->family == BERTH_IPV6)
		ifa->ifa_flags = IFA_F_NODAD;
	mnl_attr_put(h, IFA_LOCAL, ip_len(addr), addr->ip);
	mnl_attr_put(h, IFA_ADDRESS, ip_len(addr), addr->ip);
	return h;
}

void link_add_address(struct link_batch *b, int index, const struct berth_addr *addr)
{
	struct nlmsghdr *h = begin_address(b, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL,
					   "give address", index, addr);

	if (addr->family == BERTH_IPV4 && addr->prefix < 31) {
		uint32_t ip, broadcast;

		memcpy(&ip, addr->ip, 4);
		broadcast = ip | htonl(UINT32_MAX >> addr->prefix);
		mnl_attr_put_u32(h, IFA_BROADCAST, broadcast);
	}
	end(b, h, EEXIST);
}

void link_delete_address(struct link_batch *b, int index, const struct berth_addr *addr)
{
	end(b, begin_address(b, RTM_DELADDR, 0, "take address", index, addr), EADDRNOTAVAIL);
}

void link_add_route(struct link_batch *b, int index, const struct berth_route *route)
{
	struct nlmsghdr *h = begin(b, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, "set route to",
				   route->to.prefix ? link_addr_text(&route->to, true) : "default");
	struct rtmsg *rt = mnl_nlmsg_put_extra_header(h, sizeof(*rt));

	rt->rtm_family = af_of(&route->to);
	rt->rtm_dst_len = route->to.prefix;
	rt->rtm_table = RT_TABLE_MAIN;
	rt->rtm_protocol = RTPROT_STATIC;
	rt->rtm_type = RTN_UNICAST;
	rt->rtm_scope = route->via.family ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	if (route->to.prefix)
		mnl_attr_put(h, RTA_DST, ip_len(&route->to), route->to.ip);
	if (route->via.family)
		mnl_attr_put(h, RTA_GATEWAY, ip_len(&route->via), route->via.ip);
	if (route->metric)
		mnl_attr_put_u32(h, RTA_PRIORITY, route->metric);
	mnl_attr_put_u32(h, RTA_OIF, (uint32_t)index);
	end(b, h, EEXIST);
}

/* --- to the kernel -------------------------------------------------------- */

static int fail_item(const struct item *item, int code, struct berth_error *err)
{
	int r = berth_fail_errno(err, code, "%s '%s'", item->doing, item->name);

	if (code == EEXIST && err)
		err->code = BERTH_E_EXISTS;
	if (code == EOPNOTSUPP && err) {
		err->code = BERTH_E_UNSUPPORTED;
		berth_error_hint(err, "the kernel lacks this kind of interface: load its module");
	}
	return err && r < 0 ? -err->code : r;
}

int link_run(struct link_batch *b, int fd, struct berth_error *err)
{
	char answer[ANSWER_MAX] __attribute__((aligned(4)));
	unsigned answered = 0;
	int r = 0;

	if (b->full)
		return berth_fail(err, BERTH_E_LIMIT, "more than %d changes of interfaces at once",
				  ITEMS_MAX);
	if (b->items == 0)
		return 0;
	if (send(fd, b->bytes, b->n, 0) < 0)
		return berth_fail_errno(err, errno, "talk to the kernel's network");
	while (answered < b->items) {
		ssize_t n = recv(fd, answer, sizeof(answer), 0);
		const struct nlmsghdr *h = (const struct nlmsghdr *)answer;
		int left = (int)n;

		if (n < 0)
			return berth_fail_errno(err, errno, "hear from the kernel's network");
		for (; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
			const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);
			unsigned i = h->nlmsg_seq;

			if (h->nlmsg_type != NLMSG_ERROR || i >= b->items)
				continue;
			answered++;
			if (r == 0 && e->error && -e->error != b->item[i].fine)
				r = fail_item(&b->item[i], -e->error, err);
		}
	}
	b->items = 0;
	b->n = 0;
	return r;
}
