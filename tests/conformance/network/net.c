/* SPDX-License-Identifier: Apache-2.0 */
/* Networks: plan, create, remove, and bad words. */
#include "tests/conformance/network/nw.h"

static void needs_create(void)
{
	if (!suite_has("create"))
		suite_skip("the driver makes no networks (call 'create')");
}

START_TEST(a_network_that_is_made_twice_is_there_once)
{
	struct nw m;
	struct wire w;
	cleanup_free char *after = NULL;

	needs_create();
	nw_open(&m);
	nw_wire(&w, 1);
	ck_ok(nw_create(&m, &w));
	after = strdup(nw_looks(m.machine));
	ck_ok(nw_create(&m, &w));
	ck_assert_str_eq(nw_looks(m.machine), after);
	ck_ok(nw_remove(&m, &w));
	lent_sink_done(&w.state);
	nw_close(&m);
}
END_TEST

START_TEST(a_removed_network_leaves_nothing)
{
	struct nw m;
	struct wire w;
	cleanup_free char *before = NULL;

	needs_create();
	nw_open(&m);
	before = strdup(nw_looks(m.machine));
	nw_wire(&w, 1);
	ck_ok(nw_create(&m, &w));
	ck_ok(nw_remove(&m, &w));
	nw_ck_looks(m.machine, before);
	lent_sink_done(&w.state);
	nw_close(&m);
}
END_TEST

START_TEST(to_remove_an_absent_network_is_success)
{
	struct nw m;
	struct wire w;

	if (!suite_has("remove"))
		suite_skip("nothing is to be removed (call 'remove')");
	nw_open(&m);
	nw_wire(&w, 1);
	ck_ok(nw_remove(&m, &w));
	lent_sink_done(&w.state);
	nw_close(&m);
}
END_TEST

START_TEST(a_network_with_endpoints_is_busy)
{
	struct nw m;
	struct wire w;
	struct box b;

	nw_needs_attach();
	needs_create();
	nw_needs_real();
	if (!suite_has("remove"))
		suite_skip("nothing is to be removed (call 'remove')");
	nw_one(&m, &w, &b);
	ck_assert_int_eq(nw_remove(&m, &w), -BERTH_E_BUSY);
	ck_ok(nw_detach(&m, &w, &b));
	ck_ok(nw_attach(&m, &w, &b));
	nw_none(&m, &w, &b);
}
END_TEST

START_TEST(what_differs_is_put_right_by_making_it_again)
{
	struct nw m;
	struct wire w;
	cleanup_free char *good = NULL;

	needs_create();
	nw_needs_real();
	if (suite_trait_is("machine", "apart"))
		suite_skip("nothing of a network is on the machine (trait machine)");
	nw_open(&m);
	nw_wire(&w, 1);
	ck_ok(nw_create(&m, &w));
	good = strdup(nw_looks(m.machine));
	nw_delete_links();
	ck_ok(nw_create(&m, &w));
	/* addresses of its own making (link-local ones) may be others */
	ck_assert_uint_eq(strlen(good) > 0, 1);
	ck_assert_uint_ge(nw_links(m.machine), 2);
	ck_ok(nw_remove(&m, &w));
	lent_sink_done(&w.state);
	nw_close(&m);
}
END_TEST

START_TEST(a_plan_changes_nothing_and_is_an_object)
{
	cleanup_free char *before = NULL, *rules = NULL;
	cleanup_record struct record *plan = NULL;
	struct berth_sink sink = {.limit = 65536};
	struct nw m;
	struct wire w;
	struct box b;

	if (!suite_has("plan"))
		suite_skip("the driver has no dry run (call 'plan')");
	nw_open(&m);
	nw_wire(&w, 1);
	nw_box(&b, &w, 1);
	nw_port(&b, 8080, 80, BERTH_TCP, 0);
	before = strdup(nw_looks(m.machine));
	rules = nw_rules() ? strdup(nw_rules()) : NULL;
	ck_ok(m.ops->plan(m.net, &w.desc, &b.ep, &sink, &err));
	ck_assert_str_eq(nw_looks(m.machine), before);
	if (rules)
		ck_assert_str_eq(nw_rules(), rules);
	ck_ok(record_parse(sink.text.p, sink.text.len, 0, &plan, &err));
	ck_assert_int_eq(record_type(plan), RECORD_OBJECT);
	ck_assert_int_eq(record_type(record_get(plan, "interfaces")), RECORD_ARRAY);
	ck_assert_int_eq(record_type(record_get(plan, "addresses")), RECORD_ARRAY);
	ck_assert_int_eq(record_type(record_get(plan, "rules")), RECORD_ARRAY);
	lent_sink_done(&sink);
	nw_end_box(&b);
	lent_sink_done(&w.state);
	nw_close(&m);
}
END_TEST

START_TEST(networks_know_nothing_of_each_other)
{
	struct nw m;
	struct wire w[2];
	struct box b[2];

	nw_needs_v4();
	suite_needs(BERTH_NET_USER_MADE, "capability 'user-made'");
	if (suite_trait_is("machine", "apart"))
		suite_skip("networks are those of the outside (trait machine)");
	nw_open(&m);
	for (unsigned i = 0; i < 2; i++) {
		nw_wire(&w[i], i + 1);
		ck_ok(nw_create(&m, &w[i]));
		nw_box(&b[i], &w[i], 1);
		ck_ok(nw_attach(&m, &w[i], &b[i]));
	}
	for (unsigned i = 0; i < b[0].ep.n_addr; i++) {
		ck_assert(!nw_reaches(b[0].netns, nw_ip(&b[1], i), 80, b[1].netns, 80, SOCK_STREAM,
				      NULL));
		ck_assert(!nw_reaches(b[1].netns, nw_ip(&b[0], i), 80, b[0].netns, 80, SOCK_DGRAM,
				      NULL));
	}
	for (unsigned i = 0; i < 2; i++) {
		ck_ok(nw_detach(&m, &w[i], &b[i]));
		nw_end_box(&b[i]);
		ck_ok(nw_remove(&m, &w[i]));
		lent_sink_done(&w[i].state);
	}
	nw_close(&m);
}
END_TEST

START_TEST(an_internal_network_has_no_way_out_and_none_in)
{
	struct nw m;
	struct wire w;
	struct box b[2];

	nw_needs_v4();
	suite_needs(BERTH_NET_INTERNAL, "capability 'internal'");
	nw_open(&m);
	nw_wire(&w, 1);
	w.desc.flags |= BERTH_NETWORK_INTERNAL;
	ck_ok(nw_create(&m, &w));
	for (unsigned i = 0; i < 2; i++) {
		nw_box(&b[i], &w, i + 1);
		ck_ok(nw_attach(&m, &w, &b[i]));
	}
	ck_assert(
		nw_will_reach(b[0].netns, nw_ip(&b[1], 0), 80, b[1].netns, 80, SOCK_STREAM, NULL));
	ck_assert(!nw_reaches(b[0].netns, "192.0.2.2", 80, m.outside, 80, SOCK_STREAM, NULL));
	ck_assert(!nw_reaches(m.outside, nw_ip(&b[0], 0), 80, b[0].netns, 80, SOCK_STREAM, NULL));
	for (unsigned i = 0; i < 2; i++) {
		ck_ok(nw_detach(&m, &w, &b[i]));
		nw_end_box(&b[i]);
	}
	ck_ok(nw_remove(&m, &w));
	lent_sink_done(&w.state);
	nw_close(&m);
}
END_TEST

START_TEST(what_is_of_others_is_not_touched)
{
	static const char foreign[] = "table ip other { chain in { type filter hook input priority "
				      "0; policy accept; tcp dport "
				      "9 drop; }; }; table inet mine { set s { type ipv4_addr; "
				      "elements = { 1.2.3.4 } }; };";
	cleanup_free char *before = NULL, *looks = NULL;
	struct nw m;
	struct wire w;
	struct box b;

	nw_needs_attach();
	nw_needs_real();
	nw_open(&m);
	nw_make_dummy(m.machine, "other0");
	if (!nw_nft(foreign))
		suite_skip("nftables cannot be asked here");
	before = strdup(nw_rules());
	looks = strdup(nw_looks(m.machine));
	nw_wire(&w, 1);
	ck_ok(nw_create(&m, &w));
	nw_box(&b, &w, 1);
	if (nw_can(BERTH_NET_PUBLISH))
		nw_port(&b, 8080, 80, BERTH_TCP, 0);
	ck_ok(nw_attach(&m, &w, &b));
	if (suite_has("reconcile"))
		ck_ok(nw_reconcile(&m, &w, 1, &b, 1));
	ck_assert_msg(strstr(nw_rules(), "tcp dport 9 drop") != NULL, "%s", nw_rules());
	ck_assert_ptr_nonnull(strstr(nw_rules(), "1.2.3.4"));
	ck_ok(nw_detach(&m, &w, &b));
	nw_end_box(&b);
	ck_ok(nw_remove(&m, &w));
	if (suite_has("reconcile"))
		ck_ok(nw_reconcile(&m, &w, 0, &b, 0));
	nw_ck_looks(m.machine, looks);
	ck_assert_msg(strstr(nw_rules(), "tcp dport 9 drop") != NULL, "%s", nw_rules());
	lent_sink_done(&w.state);
	nw_close(&m);
}
END_TEST

START_TEST(bad_names_of_networks_and_endpoints_are_invalid)
{
	static const char *const bad[] = {"", "../x", "a/b", "-a", "A", "a b", "\n"};
	struct nw m;
	struct wire w;
	struct box b;

	nw_needs_attach();
	nw_needs_real();
	if (!suite_has("create"))
		suite_skip("the driver makes nothing with a name (call 'create')");
	nw_one(&m, &w, &b);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct wire other = w;
		struct box another = b;

		other.desc.id = bad[i];
		ck_assert_int_lt(m.ops->create(m.net, &other.desc, &other.state, &err), 0);
		another.ep.id = bad[i];
		ck_assert_int_lt(m.ops->attach(m.net, &w.desc, &another.ep, NULL, &another.state,
					       &another.got, &err),
				 0);
		ck_assert_int_eq(err.code, BERTH_E_INVALID);
	}
	nw_none(&m, &w, &b);
}
END_TEST

START_TEST(each_names_what_is_there)
{
	cleanup_str struct str heard = STR_INIT;
	struct nw m;
	struct wire w;
	struct box b;

	nw_needs_attach();
	if (!suite_has("each"))
		suite_skip("the driver lists nothing (call 'each')");
	nw_one(&m, &w, &b);
	ck_ok(m.ops->each(m.net, nw_hear, &heard, &err));
	ck_assert_ptr_nonnull(strstr(str_text(&heard), w.id));
	ck_assert_ptr_nonnull(strstr(str_text(&heard), b.id));
	ck_assert_ptr_nonnull(strstr(str_text(&heard), "network/"));
	ck_assert_ptr_nonnull(strstr(str_text(&heard), "endpoint/"));
	ck_ok(nw_detach(&m, &w, &b));
	nw_end_box(&b);
	ck_ok(nw_remove(&m, &w));
	str_clear(&heard);
	ck_ok(m.ops->each(m.net, nw_hear, &heard, &err));
	ck_assert_str_eq(str_text(&heard), "");
	lent_sink_done(&w.state);
	nw_close(&m);
}
END_TEST

SUITE_CASES(network_net_cases, a_network_that_is_made_twice_is_there_once,
	    a_removed_network_leaves_nothing, to_remove_an_absent_network_is_success,
	    a_network_with_endpoints_is_busy, what_differs_is_put_right_by_making_it_again,
	    a_plan_changes_nothing_and_is_an_object, networks_know_nothing_of_each_other,
	    an_internal_network_has_no_way_out_and_none_in, what_is_of_others_is_not_touched,
	    bad_names_of_networks_and_endpoints_are_invalid, each_names_what_is_there);
