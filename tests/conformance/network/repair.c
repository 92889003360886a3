/* SPDX-License-Identifier: Apache-2.0 */
/* What others broke, and what dead processes left. */
#include "tests/conformance/network/nw.h"

#include <signal.h>
#include <sys/wait.h>

static void needs_reconcile(void)
{
	nw_needs_v4();
	if (!suite_has("reconcile"))
		suite_skip("the driver repairs nothing (call 'reconcile')");
}

static void published(struct nw *m, struct wire *w, struct box *b)
{
	nw_open(m);
	nw_wire(w, 1);
	ck_ok(nw_create(m, w));
	nw_box(b, w, 1);
	if (nw_can(BERTH_NET_PUBLISH))
		nw_port(b, 8080, 80, BERTH_TCP, 0);
	ck_ok(nw_attach(m, w, b));
}

static void works(const struct nw *m, const struct box *b)
{
	ck_assert(nw_will_reach(b->netns, "192.0.2.2", 80, m->outside, 80, SOCK_STREAM, NULL));
	if (nw_can(BERTH_NET_PUBLISH))
		ck_assert(nw_will_reach(m->outside, "192.0.2.1", 8080, b->netns, 80, SOCK_STREAM,
					NULL));
}

START_TEST(a_reconcile_of_what_is_whole_changes_nothing)
{
	cleanup_free char *before = NULL;
	struct nw m;
	struct wire w;
	struct box b;

	needs_reconcile();
	published(&m, &w, &b);
	before = strdup(nw_looks(m.machine));
	ck_ok(nw_reconcile(&m, &w, 1, &b, 1));
	ck_ok(nw_reconcile(&m, &w, 1, &b, 1));
	ck_assert_str_eq(nw_looks(m.machine), before);
	works(&m, &b);
	nw_none(&m, &w, &b);
}
END_TEST

START_TEST(flushed_rules_come_back)
{
	struct nw m;
	struct wire w;
	struct box b;

	needs_reconcile();
	published(&m, &w, &b);
	works(&m, &b);
	if (!nw_nft("flush ruleset"))
		suite_skip("nftables cannot be asked here");
	ck_ok(nw_reconcile(&m, &w, 1, &b, 1));
	works(&m, &b);
	nw_none(&m, &w, &b);
}
END_TEST

START_TEST(the_next_attach_puts_its_own_back)
{
	struct nw m;
	struct wire w;
	struct box a, b;

	needs_reconcile();
	published(&m, &w, &a);
	if (!nw_nft("flush ruleset"))
		suite_skip("nftables cannot be asked here");
	nw_box(&b, &w, 2);
	ck_ok(nw_attach(&m, &w, &b));
	ck_assert(nw_will_reach(b.netns, "192.0.2.2", 80, m.outside, 80, SOCK_STREAM, NULL));
	ck_ok(nw_detach(&m, &w, &b));
	nw_end_box(&b);
	nw_none(&m, &w, &a);
}
END_TEST

START_TEST(deleted_interfaces_come_back)
{
	struct nw m;
	struct wire w;
	struct box b;

	needs_reconcile();
	published(&m, &w, &b);
	nw_delete_links();
	ck_ok(nw_reconcile(&m, &w, 1, &b, 1));
	works(&m, &b);
	nw_none(&m, &w, &b);
}
END_TEST

START_TEST(what_nobody_names_goes)
{
	cleanup_free char *before = NULL;
	struct nw m;
	struct wire w[2];
	struct box b[2];

	needs_reconcile();
	nw_open(&m);
	nw_wire(&w[0], 1);
	nw_wire(&w[1], 2);
	ck_ok(nw_create(&m, &w[0]));
	nw_box(&b[0], &w[0], 1);
	ck_ok(nw_attach(&m, &w[0], &b[0]));
	before = strdup(nw_looks(m.machine));
	ck_ok(nw_create(&m, &w[1]));
	nw_box(&b[1], &w[1], 1);
	ck_ok(nw_attach(&m, &w[1], &b[1]));
	nw_end_box(&b[1]);
	ck_ok(nw_reconcile(&m, &w[0], 1, &b[0], 1));
	nw_ck_looks(m.machine, before);
	lent_sink_done(&w[1].state);
	nw_none(&m, &w[0], &b[0]);
}
END_TEST

START_TEST(check_finds_what_is_broken_and_nothing_else)
{
	struct berth_sink none = {.limit = 65536}, some = {.limit = 65536};
	struct nw m;
	struct wire w;
	struct box b;

	needs_reconcile();
	if (!suite_has("check"))
		suite_skip("the driver finds nothing (call 'check')");
	published(&m, &w, &b);
	ck_ok(m.ops->check(m.net, &w.desc, &b.ep, &none, &err));
	ck_assert_uint_eq(record_len(none.findings), 0);
	nw_delete_links();
	ck_ok(m.ops->check(m.net, &w.desc, &b.ep, &some, &err));
	ck_assert_uint_gt(record_len(some.findings), 0);
	lent_sink_done(&none);
	lent_sink_done(&some);
	ck_ok(nw_reconcile(&m, &w, 1, &b, 1));
	nw_none(&m, &w, &b);
}
END_TEST

enum { ROUNDS = 25 };

/* Attach and detach until somebody ends us. */
static void busy(const struct nw *m, struct wire *w)
{
	struct box b;

	for (unsigned i = 10; i < 200; i++) {
		nw_box(&b, w, i);
		if (nw_can(BERTH_NET_PUBLISH))
			nw_port(&b, (uint16_t)(9000 + i), 80, BERTH_TCP, 0);
		if (nw_create(m, w) < 0 || nw_attach(m, w, &b) < 0)
			_exit(1);
		if (i % 2 && nw_detach(m, w, &b) < 0)
			_exit(2);
		nw_end_box(&b);
		if (i % 16 == 15 && nw_remove(m, w) == 0 && nw_create(m, w) < 0)
			_exit(3);
	}
	_exit(0);
}

START_TEST(killed_at_any_moment_a_reconcile_leaves_nothing)
{
	cleanup_free char *before = NULL, *rules = NULL;
	struct nw m;
	struct wire w, doomed;
	struct box b;

	needs_reconcile();
	published(&m, &w, &b);
	ck_ok(nw_reconcile(&m, &w, 1, &b, 1));
	before = strdup(nw_looks(m.machine));
	rules = nw_rules() ? strdup(nw_rules()) : NULL;
	nw_wire(&doomed, 2);
	for (unsigned i = 0; i < ROUNDS; i++) {
		pid_t pid = fork();
		int status;

		if (pid == 0)
			busy(&m, &doomed);
		(void)usleep(1000 + i * 3571 % 40000);
		status = suite_kill(pid);
		ck_assert_msg(WIFSIGNALED(status) || WEXITSTATUS(status) == 0, "failed: %d",
			      WEXITSTATUS(status));
		ck_assert_msg(nw_reconcile(&m, &w, 1, &b, 1) == 0, "%s", nw_why());
		nw_ck_looks(m.machine, before);
	}
	if (rules)
		ck_assert_str_eq(nw_rules(), rules);
	works(&m, &b);
	lent_sink_done(&doomed.state);
	nw_none(&m, &w, &b);
}
END_TEST

/* In a process of a case: what failed. */
static _Noreturn void complain(const char *call)
{
	(void)fprintf(stderr, "# %s: %s\n", call, nw_why());
	_exit(1);
}

START_TEST(processes_attach_at_the_same_time)
{
	enum { CREWS = 4, EACH = 8 };
	struct nw m;
	struct wire w;
	pid_t pid[CREWS];

	nw_needs_attach();
	nw_open(&m);
	nw_wire(&w, 1);
	for (unsigned c = 0; c < CREWS; c++) {
		pid[c] = fork();
		if (pid[c] != 0)
			continue;
		for (unsigned i = 0; i < EACH; i++) {
			struct box b;

			nw_box(&b, &w, 10 + c * EACH + i);
			if (nw_can(BERTH_NET_PUBLISH) && suite_trait_is("real", "yes"))
				nw_port(&b, (uint16_t)(9000 + c * EACH + i), 80, BERTH_TCP, 0);
			if (nw_create(&m, &w) < 0)
				complain("create");
			if (nw_attach(&m, &w, &b) < 0)
				complain("attach");
			if (nw_detach(&m, &w, &b) < 0)
				complain("detach");
			nw_end_box(&b);
		}
		_exit(0);
	}
	for (unsigned c = 0; c < CREWS; c++) {
		int status;

		ck_assert_int_eq(waitpid(pid[c], &status, 0), pid[c]);
		ck_assert_int_eq(status, 0);
	}
	ck_ok(nw_remove(&m, &w));
	lent_sink_done(&w.state);
	nw_close(&m);
}
END_TEST

START_TEST(a_hundred_cycles_lose_no_descriptor_and_no_memory)
{
	struct nw m;
	struct wire w;
	size_t memory = 0;
	int low = -1;

	nw_needs_attach();
	nw_open(&m);
	nw_wire(&w, 1);
	for (unsigned i = 0; i < 100; i++) {
		struct box b;
		int fd;

		nw_box(&b, &w, 1 + i % 50);
		ck_ok(nw_create(&m, &w));
		ck_ok(nw_attach(&m, &w, &b));
		ck_ok(nw_detach(&m, &w, &b));
		nw_end_box(&b);
		ck_ok(nw_remove(&m, &w));
		fd = fcntl(m.statefd, F_DUPFD_CLOEXEC, 3);
		ck_assert_int_eq(close(fd), 0);
		if (i == 10) {
			low = fd;
			memory = suite_memory();
		}
	}
	ck_assert_int_eq(fcntl(m.statefd, F_DUPFD_CLOEXEC, 3), low);
	ck_assert_int_eq(close(low), 0);
	ck_assert_uint_le(suite_memory(), memory + 4096);
	lent_sink_done(&w.state);
	nw_close(&m);
}
END_TEST

SUITE_CASES(network_repair_cases, a_reconcile_of_what_is_whole_changes_nothing,
	    flushed_rules_come_back, the_next_attach_puts_its_own_back,
	    deleted_interfaces_come_back, what_nobody_names_goes,
	    check_finds_what_is_broken_and_nothing_else,
	    killed_at_any_moment_a_reconcile_leaves_nothing, processes_attach_at_the_same_time,
	    a_hundred_cycles_lose_no_descriptor_and_no_memory);
