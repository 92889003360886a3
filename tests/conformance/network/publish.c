/* SPDX-License-Identifier: Apache-2.0 */
/* Published ports. */
#include "tests/conformance/network/nw.h"

static void needs_publish(void)
{
	nw_needs_v4();
	suite_needs(BERTH_NET_PUBLISH, "capability 'publish'");
}

/* A box with TCP and UDP 8080 -> 80. */
static void published(struct nw *m, struct wire *w, struct box *b)
{
	nw_open(m);
	nw_wire(w, 1);
	ck_ok(nw_create(m, w));
	nw_box(b, w, 1);
	nw_port(b, 8080, 80, BERTH_TCP, 0);
	nw_port(b, 8080, 80, BERTH_UDP, 0);
	ck_ok(nw_attach(m, w, b));
}

START_TEST(a_published_port_is_reached_from_outside)
{
	struct nw m;
	struct wire w;
	struct box b;

	needs_publish();
	published(&m, &w, &b);
	ck_assert(nw_will_reach(m.outside, "192.0.2.1", 8080, b.netns, 80, SOCK_STREAM, NULL));
	ck_assert(nw_will_reach(m.outside, "192.0.2.1", 8080, b.netns, 80, SOCK_DGRAM, NULL));
	if (nw_can(BERTH_NET_V6)) {
		ck_assert(nw_will_reach(m.outside, "2001:db8:1::1", 8080, b.netns, 80, SOCK_STREAM,
					NULL));
		ck_assert(nw_will_reach(m.outside, "2001:db8:1::1", 8080, b.netns, 80, SOCK_DGRAM,
					NULL));
	}
	ck_assert(!nw_reaches(m.outside, "192.0.2.1", 8081, b.netns, 81, SOCK_STREAM, NULL));
	nw_none(&m, &w, &b);
}
END_TEST

START_TEST(who_comes_from_outside_keeps_his_address)
{
	struct nw m;
	struct wire w;
	struct box b;
	char peer[64] = "";

	needs_publish();
	suite_needs(BERTH_NET_KEEPS_SRC_IP, "capability 'keeps-src-ip'");
	published(&m, &w, &b);
	ck_assert(nw_will_reach(m.outside, "192.0.2.1", 8080, b.netns, 80, SOCK_STREAM, peer));
	ck_assert_str_eq(peer, "192.0.2.2");
	if (nw_can(BERTH_NET_V6)) {
		ck_assert(nw_will_reach(m.outside, "2001:db8:1::1", 8080, b.netns, 80, SOCK_STREAM,
					peer));
		ck_assert_str_eq(peer, "2001:db8:1::2");
	}
	nw_none(&m, &w, &b);
}
END_TEST

START_TEST(the_machine_reaches_it_by_each_of_its_addresses)
{
	struct nw m;
	struct wire w;
	struct box b;

	needs_publish();
	published(&m, &w, &b);
	ck_assert(nw_will_reach(m.machine, "192.0.2.1", 8080, b.netns, 80, SOCK_STREAM, NULL));
	if (suite_trait_is("loopback", "yes")) {
		ck_assert(nw_will_reach(m.machine, "127.0.0.1", 8080, b.netns, 80, SOCK_STREAM,
					NULL));
		ck_assert(
			nw_will_reach(m.machine, "127.0.0.1", 8080, b.netns, 80, SOCK_DGRAM, NULL));
	}
	if (nw_can(BERTH_NET_V6))
		ck_assert(nw_will_reach(m.machine, "2001:db8:1::1", 8080, b.netns, 80, SOCK_STREAM,
					NULL));
	nw_none(&m, &w, &b);
}
END_TEST

/* 0: it came; else the errno of the connection. */
static int connect_error(int from, const char *ip, uint16_t port)
{
	struct sockaddr_in6 to = {.sin6_family = AF_INET6,
				  .sin6_port = htons(port),
				  .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct timeval patience = {.tv_sec = 1};
	int fd = nw_socket_in(from, AF_INET6, SOCK_STREAM);
	int r;

	(void)ip;
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)), 0);
	r = connect(fd, (const void *)&to, sizeof(to)) < 0 ? errno : 0;
	ck_assert_int_eq(close(fd), 0);
	return r;
}

START_TEST(the_loopback_address_of_ipv6_answers_at_once)
{
	struct nw m;
	struct wire w;
	struct box b;
	int code;

	needs_publish();
	suite_needs(BERTH_NET_V6, "capability 'v6'");
	published(&m, &w, &b);
	code = connect_error(m.machine, "::1", 8080);
	ck_assert_msg(code == ECONNREFUSED || code == 0, "a client waits: %s", strerror(code));
	nw_none(&m, &w, &b);
}
END_TEST

START_TEST(a_container_reaches_itself_and_its_neighbours_by_published_ports)
{
	struct nw m;
	struct wire w;
	struct box b, other;

	needs_publish();
	if (suite_trait_is("machine", "apart"))
		suite_skip("containers do not reach the machine (trait machine)");
	published(&m, &w, &b);
	nw_box(&other, &w, 2);
	ck_ok(nw_attach(&m, &w, &other));
	ck_assert(nw_will_reach(other.netns, "192.0.2.1", 8080, b.netns, 80, SOCK_STREAM, NULL));
	ck_assert(nw_will_reach(b.netns, "192.0.2.1", 8080, b.netns, 80, SOCK_STREAM, NULL));
	ck_assert(nw_will_reach(other.netns, "192.0.2.1", 8080, b.netns, 80, SOCK_DGRAM, NULL));
	ck_ok(nw_detach(&m, &w, &other));
	nw_end_box(&other);
	nw_none(&m, &w, &b);
}
END_TEST

START_TEST(a_port_of_one_address_is_on_no_other)
{
	struct nw m;
	struct wire w;
	struct box b;

	needs_publish();
	nw_open(&m);
	nw_wire(&w, 1);
	ck_ok(nw_create(&m, &w));
	nw_box(&b, &w, 1);
	nw_port(&b, 8080, 80, BERTH_TCP, BERTH_IPV4);
	b.port[0].host = nw_addr("127.0.0.1", 32);
	nw_port(&b, 8081, 81, BERTH_TCP, BERTH_IPV4);
	b.port[1].host = nw_addr("192.0.2.1", 32);
	ck_ok(nw_attach(&m, &w, &b));
	ck_assert(!nw_reaches(m.outside, "192.0.2.1", 8080, b.netns, 80, SOCK_STREAM, NULL));
	if (suite_trait_is("loopback", "yes")) {
		ck_assert(nw_will_reach(m.machine, "127.0.0.1", 8080, b.netns, 80, SOCK_STREAM,
					NULL));
		ck_assert(
			!nw_reaches(m.machine, "127.0.0.1", 8081, b.netns, 81, SOCK_STREAM, NULL));
	}
	ck_assert(nw_will_reach(m.outside, "192.0.2.1", 8081, b.netns, 81, SOCK_STREAM, NULL));
	nw_none(&m, &w, &b);
}
END_TEST

START_TEST(a_neighbour_of_the_machine_gets_in_by_published_ports_only)
{
	struct nw m;
	struct wire w;
	struct box b;

	needs_publish();
	published(&m, &w, &b);
	/* it knows the addresses, and routes by the machine */
	ck_assert(!nw_reaches(m.outside, nw_ip(&b, 0), 80, b.netns, 80, SOCK_STREAM, NULL));
	ck_assert(!nw_reaches(m.outside, nw_ip(&b, 0), 22, b.netns, 22, SOCK_STREAM, NULL));
	nw_none(&m, &w, &b);
}
END_TEST

START_TEST(a_range_is_published_port_by_port)
{
	struct nw m;
	struct wire w;
	struct box b;

	needs_publish();
	nw_open(&m);
	nw_wire(&w, 1);
	ck_ok(nw_create(&m, &w));
	nw_box(&b, &w, 1);
	nw_port(&b, 9000, 7000, BERTH_TCP, 0);
	b.port[0].count = 20;
	ck_ok(nw_attach(&m, &w, &b));
	ck_assert(nw_will_reach(m.outside, "192.0.2.1", 9000, b.netns, 7000, SOCK_STREAM, NULL));
	ck_assert(nw_will_reach(m.outside, "192.0.2.1", 9019, b.netns, 7019, SOCK_STREAM, NULL));
	ck_assert(!nw_reaches(m.outside, "192.0.2.1", 9020, b.netns, 7020, SOCK_STREAM, NULL));
	nw_none(&m, &w, &b);
}
END_TEST

START_TEST(publish_makes_exactly_these_ports_be_published)
{
	struct nw m;
	struct wire w;
	struct box b;

	needs_publish();
	published(&m, &w, &b);
	b.ep.n_port = 0;
	nw_port(&b, 8090, 90, BERTH_TCP, 0);
	ck_ok(nw_publish(&m, &w, &b));
	ck_ok(nw_publish(&m, &w, &b));
	ck_assert(nw_will_reach(m.outside, "192.0.2.1", 8090, b.netns, 90, SOCK_STREAM, NULL));
	ck_assert(!nw_reaches(m.outside, "192.0.2.1", 8080, b.netns, 80, SOCK_STREAM, NULL));
	ck_assert(!nw_reaches(m.outside, "192.0.2.1", 8080, b.netns, 80, SOCK_DGRAM, NULL));
	b.ep.n_port = 0;
	ck_ok(nw_publish(&m, &w, &b));
	ck_assert(!nw_reaches(m.outside, "192.0.2.1", 8090, b.netns, 90, SOCK_STREAM, NULL));
	nw_none(&m, &w, &b);
}
END_TEST

START_TEST(a_port_goes_to_the_next_container_when_the_first_is_gone)
{
	struct nw m;
	struct wire w;
	struct box b, next;

	needs_publish();
	published(&m, &w, &b);
	nw_end_box(&b); /* killed, and nobody has told */
	nw_box(&next, &w, 2);
	nw_port(&next, 8080, 80, BERTH_TCP, 0);
	ck_ok(nw_attach(&m, &w, &next));
	ck_assert(nw_will_reach(m.outside, "192.0.2.1", 8080, next.netns, 80, SOCK_STREAM, NULL));
	ck_ok(nw_detach(&m, &w, &b));
	/* what was the first one's is the next one's, and stays */
	ck_assert(nw_will_reach(m.outside, "192.0.2.1", 8080, next.netns, 80, SOCK_STREAM, NULL));
	ck_ok(nw_detach(&m, &w, &next));
	nw_end_box(&next);
	ck_ok(nw_remove(&m, &w));
	lent_sink_done(&w.state);
	nw_close(&m);
}
END_TEST

START_TEST(hundreds_of_ports_make_no_attach_slow)
{
	struct nw m;
	struct wire w;
	struct box many, b;
	uint64_t begin;

	needs_publish();
	nw_open(&m);
	nw_wire(&w, 1);
	ck_ok(nw_create(&m, &w));
	nw_box(&many, &w, 1);
	nw_port(&many, 20000, 20000, BERTH_TCP, 0);
	many.port[0].count = 500;
	ck_ok(nw_attach(&m, &w, &many));
	nw_box(&b, &w, 2);
	nw_port(&b, 8080, 80, BERTH_TCP, 0);
	begin = nw_now();
	ck_ok(nw_attach(&m, &w, &b));
	ck_assert_uint_lt(nw_now() - begin, 500);
	ck_assert(
		nw_will_reach(m.outside, "192.0.2.1", 20499, many.netns, 20499, SOCK_STREAM, NULL));
	ck_ok(nw_detach(&m, &w, &many));
	ck_assert(nw_will_reach(m.outside, "192.0.2.1", 8080, b.netns, 80, SOCK_STREAM, NULL));
	nw_end_box(&many);
	nw_none(&m, &w, &b);
}
END_TEST

START_TEST(who_cannot_publish_refuses_ports)
{
	struct nw m;
	struct wire w;
	struct box b;

	nw_needs_attach();
	if (nw_can(BERTH_NET_PUBLISH))
		suite_skip("it can (capability 'publish')");
	nw_open(&m);
	nw_wire(&w, 1);
	ck_ok(nw_create(&m, &w));
	nw_box(&b, &w, 1);
	nw_port(&b, 8080, 80, BERTH_TCP, 0);
	ck_assert_int_lt(nw_attach(&m, &w, &b), 0);
	nw_end_box(&b);
	ck_ok(nw_remove(&m, &w));
	lent_sink_done(&w.state);
	nw_close(&m);
}
END_TEST

SUITE_CASES(network_publish_cases, a_published_port_is_reached_from_outside,
	    who_comes_from_outside_keeps_his_address,
	    the_machine_reaches_it_by_each_of_its_addresses,
	    the_loopback_address_of_ipv6_answers_at_once,
	    a_container_reaches_itself_and_its_neighbours_by_published_ports,
	    a_port_of_one_address_is_on_no_other,
	    a_neighbour_of_the_machine_gets_in_by_published_ports_only,
	    a_range_is_published_port_by_port, publish_makes_exactly_these_ports_be_published,
	    a_port_goes_to_the_next_container_when_the_first_is_gone,
	    hundreds_of_ports_make_no_attach_slow, who_cannot_publish_refuses_ports);
