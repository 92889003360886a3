/* SPDX-License-Identifier: Apache-2.0 */
/* cgroups: limits, freezing, counting. */
#include "rig.h"

#include <signal.h>
#include <sys/wait.h>

static struct box up(void)
{
	struct box b = box("say up spin");

	box_create(&b);
	box_start(&b);
	box_await(&b, "up");
	return b;
}

static void group_says(const struct box *b, const char *v1, const char *v2, const char *value)
{
	const char *text = box_group_file(b, v1);

	if (!text)
		text = box_group_file(b, v2);
	ck_assert_msg(text && str_has_prefix(text, value), "%s is '%s'", v1,
		      text ? text : "(none)");
}

START_TEST(who_eats_too_much_is_told_apart)
{
	struct box b = box("eat 200 exit 0");
	struct berth_exit e;

	box_set(&b, "linux.resources.memory", "{'limit':33554432,'swap':33554432}");
	e = box_run(&b);
	ck_assert_int_eq(e.code, 137);
	ck_assert_uint_eq(e.flags & BERTH_EXIT_OOM, BERTH_EXIT_OOM);
	box_end(&b);
}
END_TEST

START_TEST(a_plain_kill_is_no_lack_of_memory)
{
	struct box b = box("say up pause");

	box_set(&b, "linux.resources.memory", "{'limit':33554432}");
	box_create(&b);
	box_start(&b);
	ck_ok(b.ops->signal(b.sb, SIGKILL, 0, &err));
	ck_assert_uint_eq(box_wait(&b).flags, 0);
	box_end(&b);
}
END_TEST

START_TEST(the_number_of_processes_is_limited)
{
	struct box b = box("fork 50");

	box_set(&b, "linux.resources.pids", "{'limit':10}");
	ck_assert_int_eq(box_run(&b).code, 0);
	box_says(&b, "forked 9");
	box_end(&b);
}
END_TEST

START_TEST(cpu_limits_are_written)
{
	struct box b = box("say up pause");

	box_set(&b, "linux.resources.cpu",
		"{'shares':512,'quota':25000,'period':50000,'cpus':'0','mems':'0'}");
	box_create(&b);
	box_start(&b);
	group_says(&b, "cpu.cfs_quota_us", "cpu.max", "25000");
	group_says(&b, "cpu.cfs_period_us", "cpu.max", "");
	group_says(&b, "cpuset.cpus", "cpuset.cpus", "0\n");
	group_says(&b, "cpuset.mems", "cpuset.mems", "0\n");
	box_end(&b);
}
END_TEST

START_TEST(limits_can_change)
{
	static const char text[] = "{\"pids\":{\"limit\":55},\"memory\":{\"limit\":67108864},"
				   "\"cpu\":{\"quota\":30000,\"period\":60000}}";
	static const char back[] = "{\"pids\":{\"limit\":56}}";
	static const char bad[] = "{\"pids\":{\"limit\":\"many\"}}";
	struct box b = up();

	ck_ok(b.ops->update(b.sb, (struct berth_str){text, strlen(text)}, &err));
	group_says(&b, "pids.max", "pids.max", "55\n");
	group_says(&b, "memory.limit_in_bytes", "memory.max", "67108864\n");
	group_says(&b, "cpu.cfs_quota_us", "cpu.max", "30000");
	/* what is not said stays */
	ck_ok(b.ops->update(b.sb, (struct berth_str){back, strlen(back)}, &err));
	group_says(&b, "pids.max", "pids.max", "56\n");
	group_says(&b, "memory.limit_in_bytes", "memory.max", "67108864\n");
	ck_fails(BERTH_E_INVALID, b.ops->update(b.sb, (struct berth_str){bad, strlen(bad)}, &err));
	ck_says("pids.limit");
	group_says(&b, "pids.max", "pids.max", "56\n");
	ck_ok(b.ops->signal(b.sb, SIGKILL, 0, &err));
	(void)box_wait(&b);
	ck_fails(BERTH_E_NOT_FOUND, b.ops->update(b.sb, (struct berth_str){back, 22}, &err));
	box_end(&b);
}
END_TEST

START_TEST(an_update_does_not_lose_the_container)
{
	static const char text[] = "{\"cpu\":{\"cpus\":\"0\"}}";
	struct box b = box("fork 3 say up pause");
	const char *procs;
	size_t n = 0;

	/* a controller that the container had no group for */
	box_create(&b);
	box_start(&b);
	box_await(&b, "up");
	ck_ok(b.ops->update(b.sb, (struct berth_str){text, strlen(text)}, &err));
	group_says(&b, "cpuset.cpus", "cpuset.cpus", "0\n");
	procs = box_group_file(&b, "cgroup.procs");
	for (; procs && *procs; procs++)
		n += *procs == '\n';
	ck_assert_uint_eq(n, 4);
	box_end(&b);
}
END_TEST

static unsigned ticks(struct box *b)
{
	const char *last = NULL;

	(void)box_line(b, "tick");
	for (const char *p = str_text(&b->printed); (p = strstr(p, "tick ")); p++)
		last = p;
	return last ? (unsigned)atol(last + 5) : 0;
}

START_TEST(a_frozen_container_stands_still)
{
	struct box b = up();
	unsigned before;

	ck_ok(b.ops->freeze(b.sb, false, &err));
	ck_ok(b.ops->freeze(b.sb, true, &err));
	ck_ok(b.ops->freeze(b.sb, true, &err));
	before = ticks(&b);
	(void)usleep(60000);
	ck_assert_uint_eq(ticks(&b), before);
	ck_ok(b.ops->freeze(b.sb, false, &err));
	ck_ok(b.ops->freeze(b.sb, false, &err));
	for (int i = 0; i < 500 && ticks(&b) == before; i++)
		(void)usleep(10000);
	ck_assert_uint_gt(ticks(&b), before);
	box_end(&b);
}
END_TEST

START_TEST(a_frozen_container_can_be_destroyed)
{
	struct box b = up();

	ck_ok(b.ops->freeze(b.sb, true, &err));
	box_end(&b);
}
END_TEST

START_TEST(a_frozen_container_can_be_killed)
{
	struct box b = up();

	ck_ok(b.ops->freeze(b.sb, true, &err));
	ck_ok(b.ops->signal(b.sb, SIGKILL, 0, &err));
	ck_assert_int_eq(box_wait(&b).code, 137);
	box_end(&b);
}
END_TEST

START_TEST(stats_count_what_it_uses)
{
	struct box b = box("fork 2 eat 8 say up pause");
	struct berth_sink sink = {.limit = 65536};
	cleanup_record struct record *r = NULL;
	uint64_t n = 0;

	box_set(&b, "linux.resources.memory", "{'limit':67108864}");
	box_set(&b, "linux.resources.pids", "{'limit':99}");
	box_create(&b);
	box_start(&b);
	box_await(&b, "up");
	ck_ok(b.ops->stats(b.sb, &sink, &err));
	ck_ok(record_parse(sink.text.p, sink.text.len, 0, &r, &err));
	ck_assert(record_uint(record_path(r, "cpu.usage_ns"), &n) && n > 0);
	ck_assert(record_uint(record_path(r, "memory.usage"), &n) && n > 8 << 20);
	ck_assert(record_uint(record_path(r, "memory.limit"), &n) && n == 67108864);
	ck_assert(record_uint(record_path(r, "memory.oom_kills"), &n) && n == 0);
	ck_assert(record_uint(record_path(r, "pids.current"), &n) && n == 3);
	ck_assert(record_uint(record_path(r, "pids.limit"), &n) && n == 99);
	ck_assert_int_eq(record_type(record_get(r, "io")), RECORD_ARRAY);
	lent_sink_done(&sink);
	box_end(&b);
}
END_TEST

START_TEST(a_limit_that_is_not_set_is_absent)
{
	struct box b = up();
	struct berth_sink sink = {.limit = 65536};
	struct berth_sink small = {.limit = 10};

	ck_ok(b.ops->stats(b.sb, &sink, &err));
	ck_assert_ptr_null(strstr(str_text(&sink.text), "limit"));
	ck_fails(BERTH_E_LIMIT, b.ops->stats(b.sb, &small, &err));
	lent_sink_done(&sink);
	lent_sink_done(&small);
	box_end(&b);
}
END_TEST

static int note(void *arg, const char *id)
{
	return strv_add(arg, id);
}

START_TEST(its_processes_are_listed)
{
	struct box b = box("fork 3 say up pause");
	cleanup_strv char **pids = NULL;
	char init[16];

	box_create(&b);
	box_start(&b);
	box_await(&b, "up");
	ck_ok(b.ops->processes(b.sb, note, &pids, &err));
	ck_assert_uint_eq(strv_len(pids), 4);
	(void)snprintf(init, sizeof(init), "%d", box_pid(&b));
	ck_assert(strv_has(pids, init));
	box_end(&b);
}
END_TEST

START_TEST(a_signal_to_all_reaches_all)
{
	struct box b = box("onterm 5 fork 3 say up pause");

	box_create(&b);
	box_start(&b);
	box_await(&b, "up");
	ck_ok(b.ops->signal(b.sb, SIGTERM, BERTH_SIGNAL_ALL, &err));
	ck_assert_int_eq(box_wait(&b).code, 5);
	box_end(&b);
}
END_TEST

START_TEST(a_kill_of_all_reaches_the_execs)
{
	struct box b = up();
	int pidfd = box_exec(&b, "say in pause");

	box_await(&b, "in");
	ck_ok(b.ops->signal(b.sb, SIGKILL, BERTH_SIGNAL_ALL, &err));
	/* the kernel keeps the first process until these children of ours are reaped */
	ck_assert_int_eq(box_exec_wait(pidfd), 137);
	ck_assert_int_eq(box_wait(&b).code, 137);
	box_end(&b);
}
END_TEST

START_TEST(a_frozen_one_without_a_pid_namespace_goes_too)
{
	struct box b = box("fork 3 say up pause");

	box_namespace(&b, "pid", NULL);
	box_create(&b);
	box_start(&b);
	box_await(&b, "up");
	ck_ok(b.ops->freeze(b.sb, true, &err));
	box_destroy(&b);
	for (int i = 0; i < 3; i++)
		ck_assert_int_gt(waitpid(-1, NULL, 0), 0);
	box_end(&b);
}
END_TEST

START_TEST(groups_below_its_own_go_too)
{
	struct box b = up();
	char path[256];

	(void)snprintf(path, sizeof(path), "/sys/fs/cgroup/memory%s/%s/below", box_all.groups, b.id);
	if (mkdir(path, 0755) < 0) {
		(void)snprintf(path, sizeof(path), "/sys/fs/cgroup%s/%s/below", box_all.groups, b.id);
		ck_assert_int_eq(mkdir(path, 0755), 0);
	}
	box_end(&b);
}
END_TEST

RIG_CASES(limit_cases, who_eats_too_much_is_told_apart, a_plain_kill_is_no_lack_of_memory,
	  the_number_of_processes_is_limited, cpu_limits_are_written, limits_can_change,
	  an_update_does_not_lose_the_container, a_frozen_container_stands_still,
	  a_frozen_container_can_be_destroyed, a_frozen_container_can_be_killed,
	  stats_count_what_it_uses, a_limit_that_is_not_set_is_absent, its_processes_are_listed,
	  a_signal_to_all_reaches_all, a_kill_of_all_reaches_the_execs,
	  a_frozen_one_without_a_pid_namespace_goes_too, groups_below_its_own_go_too);
