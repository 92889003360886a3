/* SPDX-License-Identifier: Apache-2.0 */
/* More processes in a container that is there. */
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/conformance/isolation/iso.h"

enum { EXECS = 60 };

static struct box up(void)
{
	struct box b;

	suite_needs(BERTH_ISO_EXEC, "more processes (cap 'exec')");
	b = box("ns say up pause");
	box_up(&b);
	return b;
}

START_TEST(an_exec_is_a_child_of_the_caller_whose_status_is_exact)
{
	struct box b = up();
	siginfo_t info = {.si_pid = 0};
	int pidfd = box_exec(&b, "onterm 6 say in pause");

	box_await(&b, "in");
	ck_assert_int_eq(waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG), 0);
	ck_assert_int_eq(info.si_pid, 0);
	ck_assert_int_eq(syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, NULL, 0), 0);
	ck_assert_int_eq(box_exec_wait(pidfd), 6);
	ck_assert_int_eq(box_exec_wait(box_exec(&b, "exit 0")), 0);
	ck_assert_int_eq(box_exec_wait(box_exec(&b, "exit 77")), 77);
	ck_assert_int_eq(box_exec_wait(box_exec(&b, "raise 9")), 137);
	ck_ok(b.ops->signal(b.sb, 0, 0, &err)); /* which is none of the container's */
	box_end(&b);
}
END_TEST

START_TEST(a_signal_to_all_reaches_the_execs)
{
	struct box b;
	int pidfd;

	iso_needs_apart();
	b = up();
	pidfd = box_exec(&b, "say in pause");
	box_await(&b, "in");
	ck_ok(b.ops->signal(b.sb, SIGKILL, BERTH_SIGNAL_ALL, &err));
	ck_assert_int_eq(box_exec_wait(pidfd), 137);
	ck_assert_int_eq(box_wait(&b).code, 137);
	box_end(&b);
}
END_TEST

static void cannot_exec(struct box *b, const char *more, int sys_errno, const char *text)
{
	int pidfd = -5;

	ck_fails(BERTH_E_EXEC, box_try_exec(b, "exit 0", more, &pidfd, &err));
	ck_assert_int_eq(err.sys_errno, sys_errno);
	ck_assert_msg(str_has_prefix(err.text, text), "it says '%s', not '%s'", err.text, text);
	ck_assert_int_eq(pidfd, -5);
}

START_TEST(an_exec_that_cannot_be_says_why)
{
	struct box b;
	char path[128];

	suite_needs(BERTH_ISO_EXEC, "more processes (cap 'exec')");
	b = box("say up pause");
	(void)snprintf(path, sizeof(path), "%s/plain", b.root);
	ck_write(AT_FDCWD, path, "no program");
	box_up(&b);
	cannot_exec(&b, "{'args':['nope']}", ENOENT,
		    "exec: \"nope\": executable file not found in $PATH");
	cannot_exec(&b, "{'args':['/nope']}", ENOENT, "exec: \"/nope\": ");
	cannot_exec(&b, "{'args':['/plain']}", EACCES, "exec: \"/plain\": ");
	ck_ok(b.ops->signal(b.sb, 0, 0, &err));
	box_end(&b);
}
END_TEST

START_TEST(an_exec_that_makes_no_sense_is_invalid)
{
	static const char *const bad[] = {"{'args':[]}", "{'args':7}", "{'args':[7]}",
					  "{'env':{}}"};
	struct box b = up();
	struct berth_exec exec = {.size = sizeof(exec),
				  .stdio = {-1, -1, -1},
				  .console_socket = -1,
				  .process = iso_str("{\"args\":")};
	int pidfd = -5;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_fails(BERTH_E_INVALID, box_try_exec(&b, "exit 0", bad[i], &pidfd, &err));
	ck_fails(BERTH_E_INVALID, b.ops->exec(b.sb, &exec, NULL, &pidfd, &err));
	ck_assert_int_eq(b.ops->exec(b.sb, &exec, NULL, &pidfd, NULL), -BERTH_E_INVALID);
	exec.process = iso_str("[]");
	ck_fails(BERTH_E_INVALID, b.ops->exec(b.sb, &exec, NULL, &pidfd, &err));
	ck_assert_int_eq(pidfd, -5);
	ck_assert_int_eq(box_exec_wait(box_exec(&b, "exit 3")), 3);
	box_end(&b);
}
END_TEST

START_TEST(an_exec_is_where_the_container_is)
{
	struct box b;
	size_t before;
	cleanup_free char *first = NULL;

	iso_needs_apart();
	b = up();
	before = b.printed.len;
	first = strndup(b.printed.p, before - strlen("up\n"));
	ck_assert_int_eq(box_exec_wait(box_exec(&b, "ns list / say done")), 0);
	box_await(&b, "done");
	ck_assert_msg(strncmp(first, b.printed.p + before, strlen(first)) == 0, "%s is not %s",
		      b.printed.p + before, first);
	box_says(&b, "entry //payload");
	box_end(&b);
}
END_TEST

START_TEST(an_exec_is_what_it_asks_for)
{
	struct box b = up();
	int leaky = open("/", O_RDONLY | O_DIRECTORY);
	int pidfd = -1;

	ck_ok(box_try_exec(&b, "self fds", "{'env':['B=2'],'cwd':'/'}", &pidfd, &err));
	ck_assert_int_eq(box_exec_wait(pidfd), 0);
	box_says(&b, "env B=2");
	box_silent(&b, "env A=1");
	ck_assert_uint_eq(box_count(&b, "fd "), 3);
	ck_assert_int_eq(close(leaky), 0);
	if (suite_trait_is("apart", "yes")) {
		ck_ok(box_try_exec(&b, "ids self", "{'user':{'uid':5,'gid':6},'cwd':'/proc'}",
				   &pidfd, &err));
		ck_assert_int_eq(box_exec_wait(pidfd), 0);
		ck_assert(str_has_prefix(box_line(&b, "ids "), "5 5 5 / 6 6 6 / /"));
		box_says(&b, "cwd /proc");
	}
	box_end(&b);
}
END_TEST

START_TEST(an_exec_has_a_terminal_too)
{
	struct box b;
	char name[64];
	int pair[2];
	int master;
	int pidfd = -1;

	suite_needs(BERTH_ISO_EXEC | BERTH_ISO_CONSOLE, "terminals for more processes");
	b = box("say up pause");
	box_add(&b, "mounts",
		"{'destination':'/dev','type':'tmpfs','source':'tmpfs','options':['mode=755']}");
	box_add(&b, "mounts",
		"{'destination':'/dev/pts','type':'devpts','source':'devpts',"
		"'options':['newinstance','ptmxmode=0666','mode=0620']}");
	box_up(&b);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	b.launch.console_socket = pair[1];
	ck_ok(box_try_exec(&b, "tty exit 4", "{'terminal':true}", &pidfd, &err));
	master = box_take_master(pair[0], name, sizeof(name));
	ck_assert_int_eq(box_exec_wait(pidfd), 4);
	ck_assert_int_eq(close(master) | close(pair[0]) | close(pair[1]), 0);
	box_end(&b);
}
END_TEST

START_TEST(an_exec_into_the_dead_finds_nobody)
{
	struct box b = up();
	int pidfd = -5;

	ck_ok(b.ops->signal(b.sb, SIGKILL, 0, &err));
	(void)box_wait(&b);
	ck_fails(BERTH_E_NOT_FOUND, box_try_exec(&b, "exit 0", "{}", &pidfd, &err));
	box_destroy(&b);
	ck_fails(BERTH_E_NOT_FOUND, box_try_exec(&b, "exit 0", "{}", &pidfd, &err));
	ck_assert_int_eq(pidfd, -5);
	box_end(&b);
}
END_TEST

START_TEST(an_exec_into_what_is_frozen_is_busy)
{
	struct box b;
	int pidfd = -5;

	suite_needs(BERTH_ISO_EXEC | BERTH_ISO_PAUSE, "to exec and freeze");
	b = up();
	ck_ok(b.ops->freeze(b.sb, true, &err));
	ck_fails(BERTH_E_BUSY, box_try_exec(&b, "exit 0", "{}", &pidfd, &err));
	ck_assert_int_eq(pidfd, -5);
	ck_ok(b.ops->freeze(b.sb, false, &err));
	ck_assert_int_eq(box_exec_wait(box_exec(&b, "exit 3")), 3);
	box_end(&b);
}
END_TEST

START_TEST(a_cancelled_exec_leaves_nothing)
{
	static const char process[] = "{\"args\":[\"/payload\",\"exit\",\"0\"],\"cwd\":\"/\"}";
	struct box b = up();
	struct berth_exec exec = {.size = sizeof(exec),
				  .stdio = {-1, -1, -1},
				  .console_socket = -1,
				  .process = {process, sizeof(process) - 1}};
	struct berth_op op = LENT_OP;
	int fds = ck_count_fds();
	int pidfd = -5;
	int r;

	lent_cancel(&op);
	r = b.ops->exec(b.sb, &exec, &op, &pidfd, &err);
	ck_assert_msg(r == 0 || r == -BERTH_E_CANCELLED, "%s: %s", berth_code_name(r), err.text);
	if (r == 0)
		(void)box_exec_wait(pidfd);
	else
		ck_assert_int_eq(pidfd, -5);
	lent_op_done(&op);
	ck_assert_int_eq(ck_count_fds(), fds);
	box_end(&b);
}
END_TEST

START_TEST(many_execs_leave_nothing)
{
	struct box b = up();
	int fds = 0;
	size_t bytes = 0;

	for (int i = 0; i < EXECS; i++) {
		ck_assert_int_eq(box_exec_wait(box_exec(&b, "exit 1")), 1);
		if (i == 5) {
			fds = ck_count_fds();
			bytes = suite_memory();
		}
	}
	ck_assert_int_eq(ck_count_fds(), fds);
	ck_assert_uint_lt(suite_memory(), bytes + 16384);
	box_end(&b);
}
END_TEST

SUITE_CASES(iso_more_cases, an_exec_is_a_child_of_the_caller_whose_status_is_exact,
	    a_signal_to_all_reaches_the_execs, an_exec_that_cannot_be_says_why,
	    an_exec_that_makes_no_sense_is_invalid, an_exec_is_where_the_container_is,
	    an_exec_is_what_it_asks_for, an_exec_has_a_terminal_too,
	    an_exec_into_the_dead_finds_nobody, an_exec_into_what_is_frozen_is_busy,
	    a_cancelled_exec_leaves_nothing, many_execs_leave_nothing);
