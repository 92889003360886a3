/* SPDX-License-Identifier: Apache-2.0 */
/* Start, end, and how it ended. */
#include "rig.h"

#include <signal.h>
#include <sys/wait.h>

START_TEST(the_exit_status_is_exact)
{
	static const int codes[] = {0, 1, 42, 255};

	for (size_t i = 0; i < 4; i++) {
		char words[32];
		struct berth_exit e;

		(void)snprintf(words, sizeof(words), "exit %d", codes[i]);
		struct box b = box(words);
		e = box_run(&b);
		ck_assert_int_eq(e.code, codes[i]);
		ck_assert_int_eq(e.signal, 0);
		ck_assert_uint_eq(e.flags, 0);
		ck_assert_uint_gt(e.at_ns, 0);
		box_end(&b);
	}
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
	ck_assert_int_eq(again.code, 7);
	box_end(&b);
}
END_TEST

START_TEST(a_killed_container_says_137)
{
	struct box b = box("say up pause");
	struct berth_exit e = {.size = sizeof(e)};

	box_create(&b);
	box_start(&b);
	box_await(&b, "up");
	ck_fails(BERTH_E_BUSY, b.ops->reap(b.sb, &e, &err));
	ck_ok(b.ops->signal(b.sb, SIGKILL, 0, &err));
	e = box_wait(&b);
	ck_assert_int_eq(e.code, 137);
	ck_assert_int_eq(e.signal, SIGKILL);
	ck_fails(BERTH_E_NOT_FOUND, b.ops->signal(b.sb, SIGTERM, 0, &err));
	ck_assert_int_eq(box_pid(&b), 0);
	box_end(&b);
}
END_TEST

START_TEST(a_signal_reaches_the_program)
{
	struct box b = box("onterm 9 say up pause");

	box_create(&b);
	box_start(&b);
	box_await(&b, "up");
	ck_ok(b.ops->signal(b.sb, SIGTERM, 0, &err));
	ck_assert_int_eq(box_wait(&b).code, 9);
	box_end(&b);
}
END_TEST

START_TEST(death_by_a_signal_of_its_own_is_told)
{
	struct box b = box("raise 6 exit 1");
	struct berth_exit e;

	box_namespace(&b, "pid", NULL); /* its init would be immune */
	e = box_run(&b);
	ck_assert_int_eq(e.code, 128 + SIGABRT);
	ck_assert_int_eq(e.signal, SIGABRT);
	box_end(&b);
}
END_TEST

static void cannot_start(const char *args, int sys_errno, const char *text)
{
	struct box b = box("exit 0");
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/plain", b.root);
	ck_write(AT_FDCWD, path, "no program");
	box_set(&b, "process.args", args);
	box_create(&b);
	ck_fails(BERTH_E_EXEC, b.ops->start(b.sb, &err));
	ck_assert_int_eq(err.sys_errno, sys_errno);
	ck_assert_str_eq(err.text, text);
	ck_assert_int_eq(box_pid(&b), 0);
	box_end(&b);
}

START_TEST(a_missing_program_is_not_found)
{
	cannot_start("['nope']", ENOENT, "exec: \"nope\": executable file not found in $PATH");
	cannot_start("['/nope']", ENOENT, "exec: \"/nope\": stat /nope: no such file or directory");
}
END_TEST

START_TEST(what_is_no_program_is_denied)
{
	cannot_start("['/plain']", EACCES, "exec: \"/plain\": permission denied");
	cannot_start("['/proc']", EACCES, "exec: \"/proc\": permission denied");
}
END_TEST

START_TEST(start_works_once)
{
	struct box b = box("say up pause");

	box_create(&b);
	box_start(&b);
	ck_fails(BERTH_E_BUSY, b.ops->start(b.sb, &err));
	box_end(&b);
}
END_TEST

START_TEST(a_container_that_is_never_started_goes_away)
{
	struct box b = box("say up");

	box_create(&b);
	ck_assert_int_gt(box_pid(&b), 0);
	ck_assert_ptr_null(box_line(&b, "up"));
	ck_ok(b.ops->signal(b.sb, SIGKILL, 0, &err));
	ck_assert_int_eq(box_wait(&b).code, 137);
	ck_fails(BERTH_E_NOT_FOUND, b.ops->start(b.sb, &err));
	box_end(&b);
}
END_TEST

START_TEST(init_takes_all_along)
{
	struct box b = box("fork 5 say up pause");

	box_create(&b);
	box_start(&b);
	box_await(&b, "up");
	ck_ok(b.ops->signal(b.sb, SIGKILL, 0, &err));
	ck_assert_int_eq(box_wait(&b).code, 137);
	/* the pipe's last writer was in there */
	close_fd(&b.out_write);
	for (char c; read(b.out, &c, 1) > 0;)
		;
	box_end(&b);
}
END_TEST

START_TEST(without_a_pid_namespace_destroy_kills_the_rest)
{
	struct box b = box("fork 5 say up exit 0");

	box_namespace(&b, "pid", NULL);
	ck_assert_int_eq(box_run(&b).code, 0);
	ck_assert(box_has_group(&b));
	box_destroy(&b);
	/* they were given to this process, their subreaper */
	for (int i = 0; i < 5; i++)
		ck_assert_int_gt(waitpid(-1, NULL, 0), 0);
	box_end(&b);
}
END_TEST

START_TEST(two_containers_do_not_see_each_other)
{
	struct box a = box("say up pause");
	struct box b = box("say up pause");

	box_create(&a);
	box_create(&b);
	box_start(&a);
	box_start(&b);
	box_await(&a, "up");
	box_await(&b, "up");
	ck_assert_int_ne(box_pid(&a), box_pid(&b));
	ck_ok(a.ops->signal(a.sb, SIGKILL, 0, &err));
	ck_assert_int_eq(box_wait(&a).code, 137);
	ck_assert_int_gt(box_pid(&b), 0);
	ck_ok(b.ops->signal(b.sb, SIGKILL, 0, &err));
	ck_assert_int_eq(box_wait(&b).code, 137);
	box_drop(&b);
	box_end(&a);
}
END_TEST

START_TEST(a_name_in_use_is_refused)
{
	struct box b = box("say up pause");
	struct berth_sandbox *other = NULL;
	cleanup_free char *text = NULL;

	box_create(&b);
	text = record_to_text(b.spec, RECORD_COMPACT);
	b.launch.spec = (struct berth_str){text, strlen(text)};
	box_start(&b);
	ck_fails(BERTH_E_EXISTS, b.ops->create(b.iso, &b.launch, NULL, &other, &err));
	ck_assert_ptr_null(other);
	ck_assert_int_gt(box_pid(&b), 0);
	box_end(&b);
}
END_TEST

START_TEST(a_cancelled_create_leaves_nothing)
{
	struct box b = box("exit 0");
	cleanup_free char *text = record_to_text(b.spec, RECORD_COMPACT);
	struct berth_op op = LENT_OP;

	lent_cancel(&op);
	b.launch.id = b.id;
	b.launch.spec = (struct berth_str){text, strlen(text)};
	/* it may have been quicker */
	if (b.ops->create(b.iso, &b.launch, &op, &b.sb, &err) < 0)
		ck_assert_int_eq(err.code, BERTH_E_CANCELLED);
	lent_op_done(&op);
	box_end(&b);
}
END_TEST

RIG_CASES(run_cases, the_exit_status_is_exact, reap_answers_the_same_again,
	  a_killed_container_says_137, a_signal_reaches_the_program,
	  death_by_a_signal_of_its_own_is_told, a_missing_program_is_not_found,
	  what_is_no_program_is_denied, start_works_once,
	  a_container_that_is_never_started_goes_away, init_takes_all_along,
	  without_a_pid_namespace_destroy_kills_the_rest, two_containers_do_not_see_each_other,
	  a_name_in_use_is_refused, a_cancelled_create_leaves_nothing);
