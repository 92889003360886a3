/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network drivers without a network: none and host.
 */
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include "berth/network.h"
#include "ck.h"
#include "tests/conformance/lent.h"

static const struct berth_driver *head;
static const struct berth_network_ops *ops;
static struct berth_network *net;

static void begin(const char *path)
{
	void *instance = NULL;
	int state = ck_dir();

	head = lent_load(path);
	ck_assert_uint_eq(head->kind, BERTH_NETWORK);
	ck_ok(head->open(lent_host(), NULL, state, &instance, &err));
	ck_assert_ptr_nonnull(instance);
	ops = head->ops;
	net = instance;
}

static const struct berth_port port = {
	.size = sizeof(port), .inside = 80, .outside = 8080, .count = 1};

static struct berth_endpoint endpoint(int netns_fd)
{
	return (struct berth_endpoint){
		.size = sizeof(struct berth_endpoint), .id = "e", .netns_fd = netns_fd};
}

/* A network namespace of its own; the test goes on in the old one. */
static int new_netns(void)
{
	int old = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int fresh;

	ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
	fresh = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fresh, 0);
	ck_assert_int_eq(setns(old, CLONE_NEWNET), 0);
	ck_assert_int_eq(close(old), 0);
	return fresh;
}

static bool loopback_is_up(int netns_fd)
{
	struct ifreq ifr = {.ifr_name = "lo"};
	int fd;

	ck_ok(lent_host()->socket_in(lent_host(), netns_fd, AF_INET, SOCK_DGRAM, 0, &fd, &err));
	ck_assert_int_eq(ioctl(fd, SIOCGIFFLAGS, &ifr), 0);
	ck_assert_int_eq(close(fd), 0);
	return ifr.ifr_flags & IFF_UP;
}

/* Two sockets inside of the namespace reach each other by @family's loopback address. */
static bool loopback_works(int netns_fd, int family)
{
	struct sockaddr_in four = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	void *addr = family == AF_INET ? (void *)&four : (void *)&six;
	socklen_t len = family == AF_INET ? sizeof(four) : sizeof(six);
	int in;
	int out;
	char got = 0;

	ck_ok(lent_host()->socket_in(lent_host(), netns_fd, family, SOCK_DGRAM | SOCK_NONBLOCK, 0,
				     &in, &err));
	ck_ok(lent_host()->socket_in(lent_host(), netns_fd, family, SOCK_DGRAM, 0, &out, &err));
	if (bind(in, addr, len) == 0 && getsockname(in, addr, &len) == 0 &&
	    sendto(out, "x", 1, 0, addr, len) == 1)
		ck_assert_int_eq(read(in, &got, 1), 1);
	ck_assert_int_eq(close(in), 0);
	ck_assert_int_eq(close(out), 0);
	return got == 'x';
}

START_TEST(none_gives_a_loopback_interface_and_nothing_else)
{
	int netns = new_netns();
	struct berth_endpoint ep = endpoint(netns);
	struct berth_attached got = {.size = sizeof(got)};
	struct berth_sink state = {.limit = 65536};

	begin(NONE);
	ck_assert(!loopback_works(netns, AF_INET));
	ck_ok(ops->attach(net, NULL, &ep, NULL, &state, &got, &err));
	ck_assert(loopback_works(netns, AF_INET));
	ck_assert(loopback_works(netns, AF_INET6));
	ck_assert_uint_eq(got.n_addr, 0);
	ck_assert_int_eq(got.helper_pidfd, -1);
	ck_assert_int_eq(got.gateway4.family, 0);
	ck_assert_uint_eq(state.text.len, 0);
	ck_ok(ops->attach(net, NULL, &ep, NULL, &state, &got,
			  &err)); /* there is nothing to have twice */
	head->close(net);
}
END_TEST

START_TEST(none_leaves_the_machines_own_namespace_alone)
{
	int machine = new_netns(); /* plays the machine: its loopback is down */
	int netns;
	struct berth_endpoint ep;
	struct berth_attached got = {.size = sizeof(got)};
	int before;

	ck_assert_int_eq(setns(machine, CLONE_NEWNET), 0);
	netns = new_netns();
	ep = endpoint(netns);
	begin(NONE);
	before = ck_count_fds();
	ck_ok(ops->attach(net, NULL, &ep, NULL, NULL, &got, &err));
	ck_assert(!loopback_is_up(machine));
	ck_assert(loopback_is_up(netns));
	ck_assert_int_eq(ck_count_fds(), before);
	head->close(net);
}
END_TEST

START_TEST(none_detaches_what_is_gone_already)
{
	struct berth_endpoint ep = endpoint(-1);

	begin(NONE);
	ck_ok(ops->detach(net, NULL, &ep, &err));
	ck_ok(ops->detach(net, NULL, &ep, &err));
	head->close(net);
}
END_TEST

START_TEST(none_refuses_what_it_cannot_and_touches_nothing)
{
	int netns = new_netns();
	struct berth_endpoint ep = endpoint(netns);
	struct berth_attached got = {.size = sizeof(got), .n_addr = 77};
	struct berth_addr addr = {.family = 4};

	begin(NONE);
	ep.port = &port;
	ep.n_port = 1;
	ck_fails(BERTH_E_UNSUPPORTED, ops->attach(net, NULL, &ep, NULL, NULL, &got, &err));
	ck_says("'none' cannot publish ports");
	ck_assert(err.hint[0]);
	ck_fails(BERTH_E_UNSUPPORTED, ops->publish(net, NULL, &ep, &err));
	ep.n_port = 0;
	ck_ok(ops->publish(net, NULL, &ep, &err));
	ep.addr = &addr;
	ep.n_addr = 1;
	ck_fails(BERTH_E_UNSUPPORTED, ops->attach(net, NULL, &ep, NULL, NULL, &got, &err));
	ep = endpoint(-1);
	ck_fails(BERTH_E_INVALID, ops->attach(net, NULL, &ep, NULL, NULL, &got, &err));
	ck_assert(!loopback_is_up(netns));
	ck_assert_uint_eq(got.n_addr, 77);
	head->close(net);
	head->close(NULL);
}
END_TEST

START_TEST(none_finds_a_loopback_that_somebody_took_down)
{
	int netns = new_netns();
	struct berth_endpoint ep = endpoint(netns);
	struct berth_attached got = {.size = sizeof(got)};
	struct berth_sink findings = {.limit = 0};

	begin(NONE);
	ck_ok(ops->check(net, NULL, &ep, &findings, &err));
	ck_assert_int_eq(lent_finding(&findings, "none.loopback"), BERTH_FINDING_ERROR);
	lent_sink_done(&findings);
	ck_ok(ops->attach(net, NULL, &ep, NULL, NULL, &got, &err));
	ck_ok(ops->check(net, NULL, &ep, &findings, &err));
	ck_assert_ptr_null(findings.findings);
	head->close(net);
}
END_TEST

START_TEST(both_probe_well_here)
{
	struct berth_sink findings = {.limit = 0};
	int scratch = ck_dir();

	begin(NONE);
	ck_ok(head->probe(lent_host(), NULL, scratch, &findings, &err));
	ck_assert_int_eq(lent_finding(&findings, "none.loopback"), BERTH_FINDING_OK);
	head->close(net);
	begin(HOST);
	ck_ok(head->probe(lent_host(), NULL, scratch, &findings, &err));
	ck_assert_int_eq(lent_finding(&findings, "host.shared"), BERTH_FINDING_OK);
	lent_sink_done(&findings);
}
END_TEST

START_TEST(host_has_nothing_to_attach_and_publishes_nothing)
{
	struct berth_endpoint ep = endpoint(-1);

	begin(HOST);
	ck_assert(head->caps & BERTH_NET_NO_NETNS);
	ck_assert(!(head->caps & BERTH_NET_PUBLISH));
	ck_assert_ptr_null(ops->attach);
	ck_ok(ops->publish(net, NULL, &ep, &err));
	ep.port = &port;
	ep.n_port = 1;
	ck_fails(BERTH_E_UNSUPPORTED, ops->publish(net, NULL, &ep, &err));
	ck_says("shares the machine's");
	head->close(net);
	head->close(NULL);
}
END_TEST

int main(void)
{
	if (unshare(CLONE_NEWNET) < 0)
		return ck_skip_all("no permission to make network namespaces");
	return CK_MAIN("network/simple", none_gives_a_loopback_interface_and_nothing_else,
		       none_leaves_the_machines_own_namespace_alone,
		       none_detaches_what_is_gone_already,
		       none_refuses_what_it_cannot_and_touches_nothing,
		       none_finds_a_loopback_that_somebody_took_down, both_probe_well_here,
		       host_has_nothing_to_attach_and_publishes_nothing);
}
