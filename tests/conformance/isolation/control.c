/* SPDX-License-Identifier: Apache-2.0 */
/* What runs: freezing, limits, counting, listing. */
#include <signal.h>

#include "tests/conformance/isolation/iso.h"

static unsigned ticks(struct box *b)
{
	return box_count(b, "tick ");
}

static struct box freezable(void)
{
	struct box b;

	suite_needs(BERTH_ISO_PAUSE, "to freeze (cap 'pause')");
	b = box("say up spin");
	box_up(&b);
	return b;
}

START_TEST(what_is_frozen_stands_still_and_goes_on)
{
	struct box b = freezable();
	unsigned before;

	ck_ok(b.ops->freeze(b.sb, true, &err));
	(void)usleep(10000); /* what is in the pipe */
	before = ticks(&b);
	(void)usleep(60000);
	ck_assert_uint_eq(ticks(&b), before);
	ck_ok(b.ops->freeze(b.sb, false, &err));
	for (int i = 0; i < 500 && ticks(&b) == before; i++)
		(void)usleep(10000);
	ck_assert_uint_gt(ticks(&b), before);
	box_end(&b);
}
END_TEST

START_TEST(to_freeze_and_thaw_is_idempotent)
{
	struct box b = freezable();
	unsigned before;

	for (int round = 0; round < 2; round++) {
		ck_ok(b.ops->freeze(b.sb, false, &err));
		ck_ok(b.ops->freeze(b.sb, false, &err));
		ck_ok(b.ops->freeze(b.sb, true, &err));
		ck_ok(b.ops->freeze(b.sb, true, &err));
	}
	ck_ok(b.ops->freeze(b.sb, false, &err));
	before = ticks(&b);
	for (int i = 0; i < 500 && ticks(&b) == before; i++)
		(void)usleep(10000);
	ck_assert_uint_gt(ticks(&b), before);
	box_end(&b);
}
END_TEST

START_TEST(what_is_frozen_can_be_killed)
{
	struct box b = freezable();

	ck_ok(b.ops->freeze(b.sb, true, &err));
	ck_ok(b.ops->signal(b.sb, SIGKILL, 0, &err));
	ck_assert_int_eq(box_wait(&b).code, 137);
	box_end(&b);
}
END_TEST

START_TEST(what_is_frozen_can_be_destroyed)
{
	struct box b = freezable();

	ck_ok(b.ops->freeze(b.sb, true, &err));
	box_end(&b);
}
END_TEST

/* The value at @path of what stats says, or UINT64_MAX. */
static uint64_t counted(struct box *b, const char *path)
{
	struct berth_sink sink = {.limit = 65536};
	cleanup_record struct record *r = NULL;
	uint64_t n = UINT64_MAX;

	ck_ok(b->ops->stats(b->sb, &sink, &err));
	ck_ok(record_parse(sink.text.p, sink.text.len, 0, &r, &err));
	ck_assert_int_eq(record_type(r), RECORD_OBJECT);
	(void)record_uint(record_path(r, path), &n);
	lent_sink_done(&sink);
	return n;
}

START_TEST(limits_change_and_what_is_not_said_stays)
{
	struct box b;

	suite_needs(BERTH_ISO_UPDATE, "to change limits (cap 'update')");
	b = box("say up pause");
	box_up(&b);
	ck_ok(b.ops->update(b.sb, iso_str("{\"pids\":{\"limit\":55}}"), &err));
	ck_ok(b.ops->update(b.sb, iso_str("{\"memory\":{\"limit\":67108864}}"), &err));
	ck_ok(b.ops->update(b.sb, iso_str("{}"), &err));
	if (suite_trait_is("apart", "yes") && suite_driver()->caps & BERTH_ISO_STATS) {
		ck_assert_uint_eq(counted(&b, "pids.limit"), 55);
		ck_assert_uint_eq(counted(&b, "memory.limit"), 67108864);
		ck_ok(b.ops->update(b.sb, iso_str("{\"pids\":{\"limit\":56}}"), &err));
		ck_assert_uint_eq(counted(&b, "pids.limit"), 56);
		ck_assert_uint_eq(counted(&b, "memory.limit"), 67108864);
	}
	ck_ok(b.ops->signal(b.sb, 0, 0, &err)); /* and it runs on */
	box_end(&b);
}
END_TEST

START_TEST(limits_that_make_no_sense_are_invalid)
{
	static const char *const bad[] = {"",
					  "{",
					  "[]",
					  "7",
					  "{\"pids\":{\"limit\":\"many\"}}",
					  "{\"memory\":{\"limit\":[]}}"};
	struct box b;

	suite_needs(BERTH_ISO_UPDATE, "to change limits (cap 'update')");
	b = box("say up pause");
	box_up(&b);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int r = 0;

		if (i < 4 || suite_trait_is("apart", "yes"))
			r = b.ops->update(b.sb, iso_str(bad[i]), &err);
		else
			continue;
		ck_assert_msg(r == -BERTH_E_INVALID, "'%s' is %s", bad[i], berth_code_name(r));
	}
	ck_assert_int_eq(b.ops->update(b.sb, iso_str("{"), NULL), -BERTH_E_INVALID);
	box_end(&b);
}
END_TEST

START_TEST(stats_count_what_it_uses)
{
	struct box b;
	uint64_t before;

	suite_needs(BERTH_ISO_STATS, "to count (cap 'stats')");
	b = box("fork 2 eat 8 say up spin");
	box_up(&b);
	before = counted(&b, "cpu.usage_ns");
	if (suite_trait_is("apart", "yes")) {
		ck_assert_uint_gt(before, 0);
		ck_assert_uint_gt(counted(&b, "memory.usage"), 8 << 20);
		ck_assert_uint_eq(counted(&b, "memory.oom_kills"), 0);
		ck_assert_uint_eq(counted(&b, "pids.current"), 3);
		ck_assert_msg(counted(&b, "memory.limit") == UINT64_MAX &&
				      counted(&b, "pids.limit") == UINT64_MAX,
			      "a limit that is not set is there");
		(void)usleep(50000);
		ck_assert_uint_gt(counted(&b, "cpu.usage_ns"), before);
	}
	box_end(&b);
}
END_TEST

START_TEST(stats_end_when_their_reader_is_full)
{
	struct berth_sink small = {.limit = 1};
	struct box b;

	suite_needs(BERTH_ISO_STATS, "to count (cap 'stats')");
	b = box("say up pause");
	box_up(&b);
	ck_fails(BERTH_E_LIMIT, b.ops->stats(b.sb, &small, &err));
	ck_assert_int_eq(b.ops->stats(b.sb, &small, NULL), -BERTH_E_LIMIT);
	lent_sink_done(&small);
	box_end(&b);
}
END_TEST

static int note(void *arg, const char *id)
{
	return strv_add(arg, id);
}

static int stop(void *arg, const char *id BERTH_UNUSED)
{
	++*(int *)arg;
	return 42;
}

START_TEST(its_processes_are_listed)
{
	cleanup_strv char **pids = NULL;
	struct box b;
	char first[16];
	int asked = 0;

	iso_needs_call("processes");
	b = box("fork 3 say up pause");
	box_up(&b);
	ck_ok(b.ops->processes(b.sb, note, &pids, &err));
	ck_assert_uint_eq(strv_len(pids), suite_trait_is("apart", "yes") ? 4 : 1);
	strv_foreach (pid, pids)
		ck_assert_int_eq(kill((pid_t)atol(*pid), 0), 0);
	(void)snprintf(first, sizeof(first), "%d", b.first);
	ck_assert(!b.first || strv_has(pids, first));
	/* a non-zero answer ends it, and is its answer */
	ck_assert_int_eq(b.ops->processes(b.sb, stop, &asked, &err), 42);
	ck_assert_int_eq(asked, 1);
	box_end(&b);
}
END_TEST

START_TEST(what_is_dead_has_neither_processes_nor_limits)
{
	cleanup_strv char **pids = NULL;
	struct box b = box("exit 0");

	(void)box_run(&b);
	if (suite_has("processes")) {
		int r = b.ops->processes(b.sb, note, &pids, &err);

		ck_assert(r == 0 || r == -BERTH_E_NOT_FOUND);
		ck_assert_msg(!pids || strv_len(pids) == 0, "it lists '%s'", pids[0]);
	}
	if (suite_has("update"))
		ck_fails(BERTH_E_NOT_FOUND, b.ops->update(b.sb, iso_str("{}"), &err));
	if (suite_has("freeze"))
		ck_fails(BERTH_E_NOT_FOUND, b.ops->freeze(b.sb, true, &err));
	box_end(&b);
}
END_TEST

START_TEST(lack_of_memory_is_told_apart)
{
	struct box b = box("eat 200 exit 0");
	struct berth_exit e;

	iso_needs_apart();
	box_set(&b, "linux.resources.memory", "{'limit':33554432,'swap':33554432}");
	b.launch.flags = 0;
	if (box_try_create(&b, &err) < 0)
		suite_skip("the driver has no limits of memory: %s", err.text);
	box_start(&b);
	e = box_wait(&b);
	ck_assert_int_eq(e.code, 137);
	ck_assert_uint_eq(e.flags & BERTH_EXIT_OOM, BERTH_EXIT_OOM);
	box_end(&b);
}
END_TEST

SUITE_CASES(iso_control_cases, what_is_frozen_stands_still_and_goes_on,
	    to_freeze_and_thaw_is_idempotent, what_is_frozen_can_be_killed,
	    what_is_frozen_can_be_destroyed, limits_change_and_what_is_not_said_stays,
	    limits_that_make_no_sense_are_invalid, stats_count_what_it_uses,
	    stats_end_when_their_reader_is_full, its_processes_are_listed,
	    what_is_dead_has_neither_processes_nor_limits, lack_of_memory_is_told_apart);
