/* SPDX-License-Identifier: Apache-2.0 */
/* Containers on a network. */
#include "tests/conformance/network/nw.h"

#include <net/if.h>

START_TEST(an_attached_container_has_its_addresses_and_a_loopback)
{
	struct nw m;
	struct wire w;
	struct box b;

	nw_needs_attach();
	nw_needs_real();
	nw_one(&m, &w, &b);
	ck_assert(nw_is_up(b.netns, "lo"));
	ck_assert_uint_eq(b.got.n_addr, b.ep.n_addr);
	for (unsigned i = 0; i < b.ep.n_addr; i++)
		ck_assert(nw_has_addr(b.netns, "eth0", &b.addr[i]));
	if (b.ep.n_addr)
		ck_assert(nw_is_up(b.netns, "eth0"));
	nw_none(&m, &w, &b);
}
END_TEST

START_TEST(the_interface_has_the_name_and_the_hardware_address_that_were_asked_for)
{
	static const uint8_t mac[6] = {0x02, 0x42, 0xac, 0x11, 0x00, 0x07};
	struct nw m;
	struct wire w;
	struct box b;

	nw_needs_v4();
	nw_open(&m);
	nw_wire(&w, 1);
	ck_ok(nw_create(&m, &w));
	nw_box(&b, &w, 1);
	b.ep.ifname = "web7";
	memcpy(b.ep.mac, mac, 6);
	ck_ok(nw_attach(&m, &w, &b));
	ck_assert(nw_is_up(b.netns, "web7"));
	if (suite_trait_is("mac", "own"))
		ck_assert_mem_eq(b.got.mac, mac, 6);
	nw_none(&m, &w, &b);
}
END_TEST

START_TEST(containers_of_a_network_reach_each_other)
{
	struct nw m;
	struct wire w;
	struct box a, b;

	nw_needs_v4();
	nw_one(&m, &w, &a);
	nw_box(&b, &w, 2);
	ck_ok(nw_attach(&m, &w, &b));
	for (unsigned i = 0; i < b.ep.n_addr; i++) {
		ck_assert_msg(
			nw_will_reach(a.netns, nw_ip(&b, i), 80, b.netns, 80, SOCK_STREAM, NULL),
			"TCP to %s", nw_ip(&b, i));
		ck_assert_msg(
			nw_will_reach(b.netns, nw_ip(&a, i), 80, a.netns, 80, SOCK_DGRAM, NULL),
			"UDP to %s", nw_ip(&a, i));
	}
	ck_ok(nw_detach(&m, &w, &b));
	nw_end_box(&b);
	nw_none(&m, &w, &a);
}
END_TEST

START_TEST(a_container_reaches_the_outside)
{
	struct nw m;
	struct wire w;
	struct box b;
	char peer[64];

	nw_needs_v4();
	nw_one(&m, &w, &b);
	ck_assert(nw_will_reach(b.netns, "192.0.2.2", 80, m.outside, 80, SOCK_STREAM, peer));
	/* a neighbour with two addresses answers datagrams by the nearer one */
	if (!suite_trait_is("machine", "apart"))
		ck_assert(nw_will_reach(b.netns, "192.0.2.2", 53, m.outside, 53, SOCK_DGRAM, NULL));
	if (nw_can(BERTH_NET_V6))
		ck_assert(nw_will_reach(b.netns, "2001:db8:1::2", 80, m.outside, 80, SOCK_STREAM,
					NULL));
	nw_none(&m, &w, &b);
}
END_TEST

START_TEST(who_has_another_way_out_gets_no_default_route)
{
	struct nw m;
	struct wire w;
	struct box b;

	nw_needs_v4();
	nw_open(&m);
	nw_wire(&w, 1);
	ck_ok(nw_create(&m, &w));
	nw_box(&b, &w, 1);
	b.ep.flags = BERTH_ENDPOINT_NO_GATEWAY;
	ck_ok(nw_attach(&m, &w, &b));
	ck_assert(!nw_reaches(b.netns, "192.0.2.2", 80, m.outside, 80, SOCK_STREAM, NULL));
	nw_none(&m, &w, &b);
}
END_TEST

START_TEST(the_machine_and_its_containers_reach_each_other)
{
	struct nw m;
	struct wire w;
	struct box b;

	nw_needs_v4();
	if (suite_trait_is("machine", "apart"))
		suite_skip("containers do not reach the machine (trait machine)");
	nw_one(&m, &w, &b);
	for (unsigned i = 0; i < b.ep.n_addr; i++)
		ck_assert(
			nw_will_reach(m.machine, nw_ip(&b, i), 80, b.netns, 80, SOCK_STREAM, NULL));
	ck_assert(nw_will_reach(b.netns, "192.0.2.1", 80, m.machine, 80, SOCK_STREAM, NULL));
	nw_none(&m, &w, &b);
}
END_TEST

START_TEST(an_endpoint_is_attached_once)
{
	struct nw m;
	struct wire w;
	struct box b, again;

	nw_needs_attach();
	if (suite_trait_is("twice", "fine"))
		suite_skip("nothing could be attached twice (trait twice)");
	nw_one(&m, &w, &b);
	again = b;
	again.state = (struct berth_sink){.limit = 65536};
	ck_assert_int_eq(nw_attach(&m, &w, &again), -BERTH_E_EXISTS);
	for (unsigned i = 0; i < b.ep.n_addr && nw_can(BERTH_NET_V4); i++)
		ck_assert(!suite_trait_is("real", "yes") ||
			  nw_has_addr(b.netns, "eth0", &b.addr[i]));
	lent_sink_done(&again.state);
	nw_none(&m, &w, &b);
}
END_TEST

START_TEST(a_detached_container_leaves_nothing)
{
	cleanup_free char *before = NULL;
	struct nw m;
	struct wire w;
	struct box b;

	nw_needs_attach();
	nw_open(&m);
	nw_wire(&w, 1);
	ck_ok(nw_create(&m, &w));
	before = strdup(nw_looks(m.machine));
	for (unsigned i = 1; i <= 3; i++) {
		nw_box(&b, &w, i);
		ck_ok(nw_attach(&m, &w, &b));
		ck_ok(nw_detach(&m, &w, &b));
		if (suite_trait_is("real", "yes"))
			ck_assert_uint_eq(nw_links(b.netns), 0);
		nw_end_box(&b);
	}
	nw_ck_looks(m.machine, before);
	ck_ok(nw_remove(&m, &w));
	lent_sink_done(&w.state);
	nw_close(&m);
}
END_TEST

START_TEST(to_detach_what_is_absent_is_success)
{
	struct nw m;
	struct wire w;
	struct box b;

	nw_needs_attach();
	nw_one(&m, &w, &b);
	ck_ok(nw_detach(&m, &w, &b));
	ck_ok(nw_detach(&m, &w, &b));
	ck_ok(nw_attach(&m, &w, &b));
	nw_none(&m, &w, &b);
}
END_TEST

START_TEST(a_container_that_is_gone_can_be_detached)
{
	cleanup_free char *before = NULL;
	struct nw m;
	struct wire w;
	struct box b;

	nw_needs_attach();
	nw_open(&m);
	nw_wire(&w, 1);
	ck_ok(nw_create(&m, &w));
	before = strdup(nw_looks(m.machine));
	nw_box(&b, &w, 1);
	ck_ok(nw_attach(&m, &w, &b));
	nw_end_box(&b); /* the namespace goes first */
	ck_ok(nw_detach(&m, &w, &b));
	nw_ck_looks(m.machine, before);
	ck_ok(nw_remove(&m, &w));
	lent_sink_done(&w.state);
	nw_close(&m);
}
END_TEST

START_TEST(an_attach_without_a_namespace_is_invalid_and_leaves_nothing)
{
	cleanup_free char *before = NULL;
	struct nw m;
	struct wire w;
	struct box b;

	nw_needs_attach();
	nw_needs_real();
	nw_open(&m);
	nw_wire(&w, 1);
	ck_ok(nw_create(&m, &w));
	before = strdup(nw_looks(m.machine));
	nw_box(&b, &w, 1);
	nw_end_box(&b);
	ck_assert_int_eq(nw_attach(&m, &w, &b), -BERTH_E_INVALID);
	nw_ck_looks(m.machine, before);
	lent_sink_done(&b.state);
	ck_ok(nw_remove(&m, &w));
	lent_sink_done(&w.state);
	nw_close(&m);
}
END_TEST

START_TEST(an_attach_that_fails_leaves_nothing)
{
	cleanup_free char *before = NULL;
	struct nw m;
	struct wire w;
	struct box b;

	nw_needs_v4();
	nw_open(&m);
	nw_wire(&w, 1);
	ck_ok(nw_create(&m, &w));
	before = strdup(nw_looks(m.machine));
	nw_box(&b, &w, 1);
	nw_make_dummy(b.netns, "eth0"); /* the name is taken in there */
	ck_assert_int_lt(nw_attach(&m, &w, &b), 0);
	nw_ck_looks(m.machine, before);
	nw_end_box(&b);
	ck_ok(nw_remove(&m, &w));
	lent_sink_done(&w.state);
	nw_close(&m);
}
END_TEST

START_TEST(fifty_containers_are_attached_and_detached_in_no_time)
{
	enum { MANY = 50 };
	static struct box b[MANY];
	struct nw m;
	struct wire w;
	uint64_t begin;

	nw_needs_attach();
	nw_open(&m);
	nw_wire(&w, 1);
	ck_ok(nw_create(&m, &w));
	for (unsigned i = 0; i < MANY; i++)
		nw_box(&b[i], &w, i + 1);
	begin = nw_now();
	for (unsigned i = 0; i < MANY; i++)
		ck_ok(nw_attach(&m, &w, &b[i]));
	ck_assert_uint_lt(nw_now() - begin, 5000);
	if (nw_can(BERTH_NET_V4) && !nw_can(BERTH_NET_IPAM) && suite_trait_is("real", "yes"))
		ck_assert(nw_will_reach(b[0].netns, nw_ip(&b[MANY - 1], 0), 80, b[MANY - 1].netns,
					80, SOCK_STREAM, NULL));
	for (unsigned i = 0; i < MANY; i++) {
		ck_ok(nw_detach(&m, &w, &b[i]));
		nw_end_box(&b[i]);
	}
	ck_ok(nw_remove(&m, &w));
	lent_sink_done(&w.state);
	nw_close(&m);
}
END_TEST

START_TEST(a_container_may_be_on_several_networks)
{
	struct nw m;
	struct wire w[2];
	struct box b, second, other;

	nw_needs_v4();
	suite_needs(BERTH_NET_USER_MADE, "capability 'user-made'");
	nw_one(&m, &w[0], &b);
	nw_wire(&w[1], 2);
	ck_ok(nw_create(&m, &w[1]));
	nw_box(&second, &w[1], 1);
	(void)close(second.netns);
	second.netns = fcntl(b.netns, F_DUPFD_CLOEXEC, 3);
	second.ep.netns_fd = second.netns;
	second.ep.ifname = "eth1";
	second.ep.flags = BERTH_ENDPOINT_NO_GATEWAY;
	ck_ok(nw_attach(&m, &w[1], &second));
	nw_box(&other, &w[1], 2);
	ck_ok(nw_attach(&m, &w[1], &other));
	ck_assert(nw_will_reach(b.netns, nw_ip(&other, 0), 80, other.netns, 80, SOCK_STREAM, NULL));
	ck_assert(nw_will_reach(b.netns, "192.0.2.2", 80, m.outside, 80, SOCK_STREAM, NULL));
	ck_ok(nw_detach(&m, &w[1], &second));
	ck_assert(!nw_is_up(b.netns, "eth1"));
	ck_ok(nw_detach(&m, &w[1], &other));
	nw_end_box(&second);
	nw_end_box(&other);
	ck_ok(nw_remove(&m, &w[1]));
	lent_sink_done(&w[1].state);
	nw_none(&m, &w[0], &b);
}
END_TEST

START_TEST(two_instances_see_the_same_machine)
{
	struct nw m, again;
	struct wire w;
	struct box a, b;

	nw_needs_v4();
	nw_one(&m, &w, &a);
	nw_open_again(&m, &again);
	nw_box(&b, &w, 2);
	ck_ok(nw_attach(&again, &w, &b));
	ck_assert(nw_will_reach(a.netns, nw_ip(&b, 0), 80, b.netns, 80, SOCK_STREAM, NULL));
	ck_ok(nw_detach(&m, &w, &b));
	nw_end_box(&b);
	nw_close(&again);
	nw_none(&m, &w, &a);
}
END_TEST

SUITE_CASES(network_attach_cases, an_attached_container_has_its_addresses_and_a_loopback,
	    the_interface_has_the_name_and_the_hardware_address_that_were_asked_for,
	    containers_of_a_network_reach_each_other, a_container_reaches_the_outside,
	    who_has_another_way_out_gets_no_default_route,
	    the_machine_and_its_containers_reach_each_other, an_endpoint_is_attached_once,
	    a_detached_container_leaves_nothing, to_detach_what_is_absent_is_success,
	    a_container_that_is_gone_can_be_detached,
	    an_attach_without_a_namespace_is_invalid_and_leaves_nothing,
	    an_attach_that_fails_leaves_nothing,
	    fifty_containers_are_attached_and_detached_in_no_time,
	    a_container_may_be_on_several_networks, two_instances_see_the_same_machine);
