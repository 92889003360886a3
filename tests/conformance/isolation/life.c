/* SPDX-License-Identifier: Apache-2.0 */
/* From create to forget: the order of calls, and how a container ends. */
#include <poll.h>
#include <signal.h>

#include "tests/conformance/isolation/iso.h"

START_TEST(caps_have_their_calls)
{
	const struct berth_driver *head = suite_driver();
	const uint64_t roots = BERTH_ISO_ROOT_FD | BERTH_ISO_ROOT_BLOCK | BERTH_ISO_ROOT_IMAGE;

	ck_assert_uint_eq(head->kind, BERTH_ISOLATION);
	ck_assert_msg(head->caps & roots, "it takes a root in no form");
	ck_assert(!(head->caps & BERTH_ISO_EXEC) || suite_has("exec"));
	ck_assert(!(head->caps & BERTH_ISO_PAUSE) || suite_has("freeze"));
	ck_assert(!(head->caps & BERTH_ISO_UPDATE) || suite_has("update"));
	ck_assert(!(head->caps & BERTH_ISO_CHECKPOINT) || suite_has("checkpoint"));
	ck_assert(!(head->caps & BERTH_ISO_STATS) || suite_has("stats"));
	ck_assert(!(head->caps & BERTH_ISO_RECOVER) || (suite_has("recover") && suite_has("save")));
	ck_assert_msg(suite_trait_is("apart", "yes") || head->caps & BERTH_ISO_INSECURE,
		      "who keeps nothing apart has the cap INSECURE");
}
END_TEST

static struct berth_sandbox_info info_of(const struct box *b)
{
	struct berth_sandbox_info info = {.size = sizeof(info)};

	ck_ok(b->ops->info(b->sb, &info, &err));
	return info;
}

START_TEST(the_program_waits_until_it_is_started)
{
	const bool is_real = suite_driver()->caps & BERTH_ISO_PID_IS_REAL;
	struct box b = box("say up pause");

	box_create(&b);
	ck_assert_uint_eq(info_of(&b).started_ns, 0);
	if (is_real)
		ck_assert_int_gt(info_of(&b).pid, 1);
	(void)usleep(30000);
	ck_assert_ptr_null(box_line(&b, "up"));
	box_start(&b);
	box_await(&b, "up");
	ck_assert_uint_gt(info_of(&b).started_ns, 0);
	if (is_real)
		ck_assert_int_eq(info_of(&b).pid, b.first);
	box_end(&b);
}
END_TEST

START_TEST(start_works_once)
{
	struct box b = box("say up pause");

	box_up(&b);
	ck_fails(BERTH_E_BUSY, b.ops->start(b.sb, &err));
	ck_assert_int_eq(b.ops->start(b.sb, NULL), -BERTH_E_BUSY);
	ck_assert_uint_eq(box_count(&b, "up"), 1);
	box_end(&b);
}
END_TEST

START_TEST(what_is_never_started_can_be_killed)
{
	struct box b = box("say up");

	box_create(&b);
	ck_ok(b.ops->signal(b.sb, SIGKILL, 0, &err));
	ck_assert_int_eq(box_wait(&b).code, 137);
	ck_fails(BERTH_E_NOT_FOUND, b.ops->start(b.sb, &err));
	ck_assert_ptr_null(box_line(&b, "up"));
	box_end(&b);
}
END_TEST

START_TEST(what_is_never_started_can_be_destroyed)
{
	struct box b = box("say up");

	box_create(&b);
	box_destroy(&b);
	ck_assert_int_eq(info_of(&b).pid, 0);
	ck_assert_ptr_null(box_line(&b, "up"));
	box_end(&b);
}
END_TEST

/* ------------------------------------------------------------------------------------- what it is */

START_TEST(the_exit_status_is_exact)
{
	static const int codes[] = {0, 1, 42, 255};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		char words[32];
		struct berth_exit e;

		(void)snprintf(words, sizeof(words), "exit %d", codes[i]);
		struct box b = box(words);
		e = box_run(&b);
		ck_assert_int_eq(e.code, codes[i]);
		ck_assert_int_eq(e.signal, 0);
		ck_assert_uint_eq(e.flags, 0);
		ck_assert_uint_gt(e.at_ns, info_of(&b).started_ns);
		box_end(&b);
	}
}
END_TEST

START_TEST(death_by_a_signal_is_told)
{
	struct box b = box("say up pause");
	struct berth_exit e;

	box_up(&b);
	ck_ok(b.ops->signal(b.sb, SIGKILL, 0, &err));
	e = box_wait(&b);
	ck_assert_int_eq(e.code, 137);
	ck_assert_int_eq(e.signal, SIGKILL);
	ck_assert_uint_eq(e.flags, 0);
	box_end(&b);
}
END_TEST

START_TEST(reap_answers_the_same_again)
{
	struct box b = box("exit 7");
	struct berth_exit e = box_run(&b);
	struct berth_exit again = {.size = sizeof(again)};

	ck_ok(b.ops->reap(b.sb, &again, &err));
	ck_assert_mem_eq(&e, &again, sizeof(e));
	box_destroy(&b);
	ck_ok(b.ops->reap(b.sb, &again, &err));
	ck_assert_mem_eq(&e, &again, sizeof(e));
	box_end(&b);
}
END_TEST

START_TEST(reap_is_busy_while_it_runs)
{
	struct berth_exit e = {.size = sizeof(e), .code = 77};
	struct box b = box("say up pause");

	box_create(&b);
	ck_fails(BERTH_E_BUSY, b.ops->reap(b.sb, &e, &err));
	box_start(&b);
	box_await(&b, "up");
	ck_fails(BERTH_E_BUSY, b.ops->reap(b.sb, &e, &err));
	ck_assert_int_eq(e.code, 77);
	box_end(&b);
}
END_TEST

static bool is_readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) > 0 && p.revents & POLLIN;
}

START_TEST(what_is_waited_on_is_readable_from_its_end_on)
{
	struct box b = box("say up pause");
	int fd = -1;
	int same = -1;

	box_create(&b);
	ck_ok(b.ops->wait_fd(b.sb, &fd, &err));
	ck_cloexec(fd);
	ck_assert(!is_readable(fd));
	box_start(&b);
	box_await(&b, "up");
	ck_assert(!is_readable(fd));
	ck_ok(b.ops->wait_fd(b.sb, &same, &err));
	ck_assert_int_eq(fd, same);
	ck_ok(b.ops->signal(b.sb, SIGKILL, 0, &err));
	(void)box_wait(&b);
	ck_assert(is_readable(fd));
	ck_assert_int_eq(info_of(&b).pid, 0);
	box_end(&b);
}
END_TEST

/* ----------------------------------------------------------------------------------------- start */

static void cannot_start(const char *args, int sys_errno, const char *text)
{
	struct box b = box("exit 0");
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/plain", b.root);
	ck_write(AT_FDCWD, path, "no program");
	(void)snprintf(path, sizeof(path), "%s/directory", b.root);
	ck_assert_int_eq(mkdir(path, 0755), 0);
	box_set(&b, "process.args", args);
	box_create(&b);
	ck_fails(BERTH_E_EXEC, b.ops->start(b.sb, &err));
	ck_assert_int_eq(err.sys_errno, sys_errno);
	ck_assert_msg(str_has_prefix(err.text, text), "it says '%s', not '%s'", err.text, text);
	box_destroy(&b);
	ck_assert_int_eq(info_of(&b).pid, 0);
	box_end(&b);
}

START_TEST(a_missing_program_is_not_found)
{
	cannot_start("['nope','x']", ENOENT, "exec: \"nope\": executable file not found in $PATH");
	cannot_start("['/nope']", ENOENT, "exec: \"/nope\": ");
}
END_TEST

START_TEST(what_is_no_program_is_denied)
{
	cannot_start("['/plain']", EACCES, "exec: \"/plain\": ");
	cannot_start("['/directory']", EACCES, "exec: \"/directory\": ");
}
END_TEST

/* --------------------------------------------------------------------------------------- signals */

START_TEST(a_signal_reaches_the_program)
{
	struct box b = box("onterm 9 say up pause");

	box_up(&b);
	ck_ok(b.ops->signal(b.sb, SIGTERM, 0, &err));
	ck_assert_int_eq(box_wait(&b).code, 9);
	box_end(&b);
}
END_TEST

START_TEST(a_signal_reaches_the_first_process_only)
{
	struct box b = box("tellterm 9 fork 3 say up pause");

	box_up(&b);
	ck_ok(b.ops->signal(b.sb, SIGTERM, 0, &err));
	ck_assert_int_eq(box_wait(&b).code, 9);
	ck_assert_uint_eq(box_count(&b, "term"), 1);
	box_end(&b);
}
END_TEST

START_TEST(a_signal_to_all_reaches_all)
{
	struct box b = box("tellterm 9 fork 3 ignore 15 say up reap 3 say over pause");

	box_up(&b);
	/* the first one ignores it, and sees the others end */
	ck_ok(b.ops->signal(b.sb, SIGTERM, BERTH_SIGNAL_ALL, &err));
	box_await(&b, "over");
	ck_assert_uint_eq(box_count(&b, "term"), 3);
	box_end(&b);
}
END_TEST

START_TEST(a_signal_to_the_dead_finds_nobody)
{
	struct box b = box("exit 0");

	(void)box_run(&b);
	ck_fails(BERTH_E_NOT_FOUND, b.ops->signal(b.sb, SIGTERM, 0, &err));
	ck_fails(BERTH_E_NOT_FOUND, b.ops->signal(b.sb, SIGTERM, BERTH_SIGNAL_ALL, &err));
	ck_assert_int_eq(b.ops->signal(b.sb, SIGKILL, 0, NULL), -BERTH_E_NOT_FOUND);
	box_destroy(&b);
	ck_fails(BERTH_E_NOT_FOUND, b.ops->signal(b.sb, SIGKILL, 0, &err));
	box_end(&b);
}
END_TEST

START_TEST(what_is_no_signal_is_refused)
{
	static const int32_t bad[] = {-1, 65, 1000, INT32_MIN, INT32_MAX};
	struct box b = box("say up pause");
	int fd = -1;

	box_up(&b);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int r = b.ops->signal(b.sb, bad[i], 0, &err);

		ck_assert_msg(r < 0 && err.code == -r, "it sends signal %d", bad[i]);
	}
	ck_ok(b.ops->wait_fd(b.sb, &fd, &err));
	ck_assert(!is_readable(fd));
	box_end(&b);
}
END_TEST

/* --------------------------------------------------------------------------------------- the end */

/* All of them have the pipe: its end is theirs. */
static void ck_all_are_gone(struct box *b)
{
	struct pollfd p = {.fd = b->out, .events = POLLIN};
	char bytes[256];

	close_fd(&b->out_write);
	do
		ck_assert_msg(poll(&p, 1, 2000) > 0, "a process of it is left");
	while (read(b->out, bytes, sizeof(bytes)) > 0);
}

START_TEST(destroy_ends_all_that_runs)
{
	struct box b = box("fork 5 say up pause");

	box_up(&b);
	box_destroy(&b);
	ck_all_are_gone(&b);
	box_end(&b);
}
END_TEST

START_TEST(destroy_ends_what_the_first_process_left)
{
	struct box b = box("fork 5 say up exit 0");

	box_namespace(&b, "pid", NULL); /* whose end would take all along */
	ck_assert_int_eq(box_run(&b).code, 0);
	box_destroy(&b);
	ck_all_are_gone(&b);
	box_end(&b);
}
END_TEST

START_TEST(destroy_is_idempotent)
{
	struct box b = box("say up pause");
	struct berth_exit e = {.size = sizeof(e)};

	box_up(&b);
	for (int i = 0; i < 3; i++)
		ck_ok(b.ops->destroy(b.sb, &err));
	ck_assert_int_eq(b.ops->destroy(b.sb, NULL), 0);
	ck_ok(b.ops->reap(b.sb, &e, &err));
	ck_assert_int_eq(e.code, 137);
	box_end(&b);
}
END_TEST

START_TEST(to_forget_is_to_leave_it_as_it_is)
{
	struct box b = box("say up pause");
	pid_t pid;

	b.ops->forget(NULL);
	if (!(suite_driver()->caps & BERTH_ISO_RECOVER &&
	      suite_driver()->caps & BERTH_ISO_PID_IS_REAL))
		suite_skip("nobody could look after it afterwards (caps 'recover', 'pid-is-real')");
	cleanup_free char *state = NULL;

	box_up(&b);
	state = box_save(&b);
	pid = b.first;
	b.ops->forget(b.sb);
	b.sb = NULL;
	(void)usleep(20000);
	ck_assert_int_eq(kill(pid, 0), 0);
	box_take_over(&b, state);
	box_end(&b);
}
END_TEST

SUITE_CASES(iso_life_cases, caps_have_their_calls, the_program_waits_until_it_is_started,
	    start_works_once, what_is_never_started_can_be_killed,
	    what_is_never_started_can_be_destroyed, the_exit_status_is_exact,
	    death_by_a_signal_is_told, reap_answers_the_same_again, reap_is_busy_while_it_runs,
	    what_is_waited_on_is_readable_from_its_end_on, a_missing_program_is_not_found,
	    what_is_no_program_is_denied, a_signal_reaches_the_program,
	    a_signal_reaches_the_first_process_only, a_signal_to_all_reaches_all,
	    a_signal_to_the_dead_finds_nobody, what_is_no_signal_is_refused,
	    destroy_ends_all_that_runs, destroy_ends_what_the_first_process_left,
	    destroy_is_idempotent, to_forget_is_to_leave_it_as_it_is);
