/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "link.h"

enum { ANSWER_MAX = 64 * 1024, REQUEST_MAX = 256, TRIES = 100 };

const char *link_addr_text(const struct berth_addr *addr, bool prefix)
{
	static _Thread_local char texts[4][INET6_ADDRSTRLEN + 8];
	static _Thread_local unsigned turn;
	char *out = texts[turn++ % 4];

	if (!inet_ntop(addr->family == BERTH_IPV4 ? AF_INET : AF_INET6, addr->ip, out,
		       INET6_ADDRSTRLEN))
		out[0] = '\0';
	if (prefix)
		(void)snprintf(out + strlen(out), 8, "/%u", addr->prefix);
	return out;
}

static void copy_text(char *to, size_t size, const struct nlattr *attr)
{
	(void)snprintf(to, size, "%.*s", (int)mnl_attr_get_payload_len(attr),
		       (const char *)mnl_attr_get_payload(attr));
}

static void read_link(const struct nlmsghdr *h, struct link *ret)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(h);
	const struct nlattr *attr, *in;

	*ret = (struct link){.index = ifi->ifi_index, .up = ifi->ifi_flags & IFF_UP};
	mnl_attr_for_each(attr, h, sizeof(*ifi))
	{
		switch (mnl_attr_get_type(attr)) {
		case IFLA_IFNAME:
			copy_text(ret->name, sizeof(ret->name), attr);
			break;
		case IFLA_IFALIAS:
			copy_text(ret->alias, sizeof(ret->alias), attr);
			break;
		case IFLA_MASTER:
			ret->master = (int)mnl_attr_get_u32(attr);
			break;
		case IFLA_MTU:
			ret->mtu = mnl_attr_get_u32(attr);
			break;
		case IFLA_ADDRESS:
			if (mnl_attr_get_payload_len(attr) == 6)
				memcpy(ret->mac, mnl_attr_get_payload(attr), 6);
			break;
		case IFLA_LINKINFO:
			mnl_attr_for_each_nested(in,
						 attr) if (mnl_attr_get_type(in) == IFLA_INFO_KIND)
				copy_text(ret->kind, sizeof(ret->kind), in);
			break;
		default:
			break;
		}
	}
}

int link_find(int fd, const char *name, struct link *ret, struct berth_error *err)
{
	char buf[ANSWER_MAX / 4] __attribute__((aligned(4)));
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	ssize_t n;

	h->nlmsg_type = RTM_GETLINK;
	h->nlmsg_flags = NLM_F_REQUEST;
	(void)mnl_nlmsg_put_extra_header(h, sizeof(struct ifinfomsg));
	if (strlen(name) >= IFNAMSIZ)
		return berth_fail(err, BERTH_E_NOT_FOUND, "there is no interface '%s'", name);
	mnl_attr_put_strz(h, IFLA_IFNAME, name);
	if (send(fd, buf, h->nlmsg_len, 0) < 0)
		return berth_fail_errno(err, errno, "ask for interface '%s'", name);
	n = recv(fd, buf, sizeof(buf), 0);
	if (n < 0)
		return berth_fail_errno(err, errno, "ask for interface '%s'", name);
	h = (struct nlmsghdr *)buf;
	if (!mnl_nlmsg_ok(h, (int)n))
		return berth_fail(err, BERTH_E_IO, "the kernel's answer is cut");
	if (h->nlmsg_type == NLMSG_ERROR) {
		int code = -((const struct nlmsgerr *)mnl_nlmsg_get_payload(h))->error;

		if (code == ENODEV)
			return berth_fail(err, BERTH_E_NOT_FOUND, "there is no interface '%s'",
					  name);
		return berth_fail_errno(err, code, "ask for interface '%s'", name);
	}
	read_link(h, ret);
	return 0;
}

/* --- dumps ---------------------------------------------------------------- */

/* The whole answer to a dump, message after message, of one moment. EINTR: it changed meanwhile. */
static int read_dump(int fd, uint16_t type, size_t head, struct str *out)
{
	char request[REQUEST_MAX] __attribute__((aligned(4)));
	struct nlmsghdr *h = mnl_nlmsg_put_header(request);
	bool torn = false;

	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	(void)mnl_nlmsg_put_extra_header(h, head);
	if (send(fd, request, h->nlmsg_len, 0) < 0)
		return errno;
	for (;;) {
		char *room = str_room(out, ANSWER_MAX);
		ssize_t n = room ? recv(fd, room, ANSWER_MAX, 0) : -1;
		int left = (int)n;

		if (n < 0)
			return room ? errno : ENOMEM;
		for (h = (struct nlmsghdr *)(void *)room; mnl_nlmsg_ok(h, left);
		     h = mnl_nlmsg_next(h, &left)) {
			torn |= (h->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
			if (h->nlmsg_type == NLMSG_DONE)
				return torn ? EINTR : 0;
			if (h->nlmsg_type == NLMSG_ERROR)
				return -((const struct nlmsgerr *)mnl_nlmsg_get_payload(h))->error;
		}
		str_grew(out, (size_t)n);
	}
}

/* @fn is told when all is known: it may use the socket, and is told of nothing twice. */
static int dump(int fd, uint16_t type, size_t head, mnl_cb_t fn, void *arg, struct berth_error *err)
{
	cleanup_str struct str all = STR_INIT;
	int code = EINTR;
	const struct nlmsghdr *h;
	int left;

	/* where many come and go, one moment is caught sooner or later */
	for (int i = 0; i < TRIES && code == EINTR; i++) {
		str_clear(&all);
		code = read_dump(fd, type, head, &all);
	}
	if (code)
		return berth_fail_errno(err, code, "list the network");
	left = (int)all.len;
	for (h = (const void *)all.p; left > 0 && mnl_nlmsg_ok(h, left);
	     h = mnl_nlmsg_next(h, &left))
		(void)fn(h, arg);
	return 0;
}

struct links {
	link_fn fn;
	void *arg;
	int result;
};

static int on_link(const struct nlmsghdr *h, void *arg)
{
	struct links *all = arg;
	struct link link;

	if (h->nlmsg_type != RTM_NEWLINK || all->result != 0)
		return MNL_CB_OK;
	read_link(h, &link);
	all->result = all->fn(all->arg, &link);
	return MNL_CB_OK;
}

int link_each(int fd, link_fn fn, void *arg, struct berth_error *err)
{
	struct links all = {fn, arg, 0};
	int r = dump(fd, RTM_GETLINK, sizeof(struct ifinfomsg), on_link, &all, err);

	return r < 0 ? r : all.result;
}

struct addresses {
	link_addr_fn fn;
	void *arg;
	int result;
};

static int on_address(const struct nlmsghdr *h, void *arg)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(h);
	struct addresses *all = arg;
	struct berth_addr addr = {
		.family = ifa->ifa_family == AF_INET ? BERTH_IPV4 : BERTH_IPV6,
		.prefix = ifa->ifa_prefixlen,
	};
	const struct nlattr *attr;

	if (h->nlmsg_type != RTM_NEWADDR || ifa->ifa_scope != RT_SCOPE_UNIVERSE)
		return MNL_CB_OK;
	mnl_attr_for_each(attr, h, sizeof(*ifa))
	{
		uint16_t type = mnl_attr_get_type(attr);

		/* IPv4 has its own address in LOCAL, IPv6 in ADDRESS */
		if (type == (addr.family == BERTH_IPV4 ? IFA_LOCAL : IFA_ADDRESS) &&
		    mnl_attr_get_payload_len(attr) <= sizeof(addr.ip))
			memcpy(addr.ip, mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr));
	}
	if (all->result == 0)
		all->result = all->fn(all->arg, (int)ifa->ifa_index, &addr);
	return MNL_CB_OK;
}

int link_each_address(int fd, link_addr_fn fn, void *arg, struct berth_error *err)
{
	struct addresses all = {fn, arg, 0};
	int r = dump(fd, RTM_GETADDR, sizeof(struct ifaddrmsg), on_address, &all, err);

	return r < 0 ? r : all.result;
}
