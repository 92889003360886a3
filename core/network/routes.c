/* SPDX-License-Identifier: Apache-2.0 */
#include "core/network/routes.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"

struct routes {
	struct berth_addr *list;
	size_t n, room;
};

static void routes_done(struct routes *r)
{
	free(r->list);
}
#define cleanup_routes cleanup_with(routes_done)

static int add(struct routes *routes, const struct berth_addr *to, struct berth_error *err)
{
	if (routes->n == ROUTES_MAX)
		return berth_fail(err, BERTH_E_LIMIT, "the host has more than %d routes",
				  ROUTES_MAX);
	if (routes->n == routes->room) {
		size_t room = routes->room ? routes->room * 2 : 64;
		struct berth_addr *more = reallocarray(routes->list, room, sizeof(*more));

		if (!more)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		routes->list = more;
		routes->room = room;
	}
	routes->list[routes->n++] = *to;
	return 0;
}

static int take(struct routes *routes, const struct nlmsghdr *h, struct berth_error *err)
{
	const struct rtmsg *rt = NLMSG_DATA(h);
	struct berth_addr to = {.prefix = rt->rtm_dst_len};
	int left = (int)RTM_PAYLOAD(h);

	if (rt->rtm_dst_len == 0 || (rt->rtm_family != AF_INET && rt->rtm_family != AF_INET6))
		return 0;
	to.family = rt->rtm_family == AF_INET ? BERTH_IPV4 : BERTH_IPV6;
	for (const struct rtattr *a = RTM_RTA(rt); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type != RTA_DST || RTA_PAYLOAD(a) > sizeof(to.ip))
			continue;
		memcpy(to.ip, RTA_DATA(a), RTA_PAYLOAD(a));
		return add(routes, &to, err);
	}
	return 0;
}

/** One datagram of the answer; 1: it was the last. */
static int take_all(struct routes *routes, const char *bytes, size_t n, struct berth_error *err)
{
	const struct nlmsghdr *h = (const struct nlmsghdr *)bytes;
	int left = (int)n, r;

	for (; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
		if (h->nlmsg_type == NLMSG_DONE)
			return 1;
		if (h->nlmsg_type == NLMSG_ERROR)
			return berth_fail_errno(err,
						-((const struct nlmsgerr *)NLMSG_DATA(h))->error,
						"read the host's routes");
		if (h->nlmsg_type != RTM_NEWROUTE)
			continue;
		r = take(routes, h, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int ask(int fd, uint8_t family, struct routes *routes, struct berth_error *err)
{
	struct {
		struct nlmsghdr h;
		struct rtmsg rt;
	} request = {
		.h = {.nlmsg_len = sizeof(request),
		      .nlmsg_type = RTM_GETROUTE,
		      .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.rt = {.rtm_family = family},
	};
	cleanup_free char *buf = malloc(32768);
	int r = 0;

	if (!buf)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	if (send(fd, &request, sizeof(request), 0) < 0)
		return berth_fail_errno(err, errno, "ask for the host's routes");
	while (r == 0) {
		ssize_t n = recv(fd, buf, 32768, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return berth_fail_errno(err, errno, "read the host's routes");
		r = take_all(routes, buf, (size_t)n, err);
	}
	return r < 0 ? r : 0;
}

int routes_read(struct berth_addr **ret, size_t *ret_n, struct berth_error *err)
{
	cleanup_routes struct routes routes = {0};
	cleanup_fd int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	int r;

	if (fd < 0)
		return berth_fail_errno(err, errno, "make a netlink socket");
	r = ask(fd, AF_INET, &routes, err);
	if (r == 0)
		r = ask(fd, AF_INET6, &routes, err);
	if (r < 0)
		return r;
	*ret = steal_ptr(routes.list);
	*ret_n = routes.n;
	return 0;
}
