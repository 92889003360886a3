/* SPDX-License-Identifier: Apache-2.0 */
/* More processes in a container that is there. */
#include "rig.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

static struct box up(void)
{
	struct box b = box("ns say up pause");

	box_create(&b);
	box_start(&b);
	box_await(&b, "up");
	return b;
}

START_TEST(an_exec_tells_its_exit_status)
{
	struct box b = up();

	ck_assert_int_eq(box_exec_wait(box_exec(&b, "exit 0")), 0);
	ck_assert_int_eq(box_exec_wait(box_exec(&b, "exit 77")), 77);
	ck_assert_int_eq(box_exec_wait(box_exec(&b, "raise 9")), 137);
	ck_assert_int_gt(box_pid(&b), 0);
	box_end(&b);
}
END_TEST

static void cannot_exec(struct box *b, const char *more, int sys_errno, const char *text)
{
	int pidfd = -1;

	ck_fails(BERTH_E_EXEC, box_try_exec(b, "exit 0", more, &pidfd, &err));
	ck_assert_int_eq(err.sys_errno, sys_errno);
	ck_assert_str_eq(err.text, text);
	ck_assert_int_eq(pidfd, -1);
}

START_TEST(an_exec_that_cannot_be_says_why)
{
	struct box b = box("say up pause");
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/plain", b.root);
	ck_write(AT_FDCWD, path, "no program");
	box_create(&b);
	box_start(&b);
	box_await(&b, "up");
	cannot_exec(&b, "{'args':['nope']}", ENOENT,
		    "exec: \"nope\": executable file not found in $PATH");
	cannot_exec(&b, "{'args':['/nope']}", ENOENT,
		    "exec: \"/nope\": stat /nope: no such file or directory");
	cannot_exec(&b, "{'args':['/plain']}", EACCES, "exec: \"/plain\": permission denied");
	ck_assert_int_gt(box_pid(&b), 0);
	box_end(&b);
}
END_TEST

START_TEST(an_exec_is_in_the_same_namespaces)
{
	struct box b = up();
	size_t before = b.printed.len;
	cleanup_free char *first = NULL;
	const char *second;

	first = strndup(b.printed.p, before - strlen("up\n"));
	ck_assert_int_eq(box_exec_wait(box_exec(&b, "ns say done")), 0);
	box_await(&b, "done");
	second = b.printed.p + before;
	ck_assert_msg(strncmp(first, second, strlen(first)) == 0, "%s is not %s", second, first);
	box_end(&b);
}
END_TEST

START_TEST(an_exec_is_in_the_same_cgroups)
{
	struct box b = up();
	int pidfd = box_exec(&b, "say in pause");
	const char *procs;
	size_t n = 0;

	box_await(&b, "in");
	procs = box_group_file(&b, "cgroup.procs");
	ck_assert_ptr_nonnull(procs);
	for (; *procs; procs++)
		n += *procs == '\n';
	ck_assert_uint_eq(n, 2);
	ck_ok(b.ops->signal(b.sb, SIGKILL, 0, &err));
	ck_assert_int_eq(box_exec_wait(pidfd), 137);
	box_end(&b);
}
END_TEST

START_TEST(an_exec_has_what_it_asks_for_and_the_filter)
{
	struct box b = up();
	int pidfd = -1;

	ck_ok(box_try_exec(&b, "ids self fds sys keyctl cat /proc/self/status",
			   "{'user':{'uid':5,'gid':6,'additionalGids':[7]},'cwd':'/proc',"
			   "'env':['B=2'],'capabilities':{'bounding':['CAP_CHOWN']},"
			   "'noNewPrivileges':true}",
			   &pidfd, &err));
	ck_assert_int_eq(box_exec_wait(pidfd), 0);
	box_says(&b, "ids 5 5 5 / 6 6 6 / 7 / 022");
	box_says(&b, "cwd /proc");
	box_says(&b, "env B=2");
	box_says(&b, "fd 2");
	box_silent(&b, "fd 3");
	box_says(&b, "sys keyctl EPERM");
	ck_assert_str_eq(box_line(&b, "CapBnd:\t"), "0000000000000001");
	ck_assert_str_eq(box_line(&b, "CapPrm:\t"), "0000000000000000");
	ck_assert_str_eq(box_line(&b, "Seccomp:\t"), "2");
	ck_assert_str_eq(box_line(&b, "NoNewPrivs:\t"), "1");
	box_end(&b);
}
END_TEST

START_TEST(an_exec_into_a_frozen_container_is_busy)
{
	struct box b = up();
	int pidfd = -1;

	ck_ok(b.ops->freeze(b.sb, true, &err));
	ck_fails(BERTH_E_BUSY, box_try_exec(&b, "exit 0", "{}", &pidfd, &err));
	ck_ok(b.ops->freeze(b.sb, false, &err));
	ck_assert_int_eq(box_exec_wait(box_exec(&b, "exit 3")), 3);
	box_end(&b);
}
END_TEST

START_TEST(an_exec_into_a_dead_container_finds_none)
{
	struct box b = up();
	int pidfd = -1;

	ck_ok(b.ops->signal(b.sb, SIGKILL, 0, &err));
	(void)box_wait(&b);
	ck_fails(BERTH_E_NOT_FOUND, box_try_exec(&b, "exit 0", "{}", &pidfd, &err));
	box_destroy(&b);
	ck_fails(BERTH_E_NOT_FOUND, box_try_exec(&b, "exit 0", "{}", &pidfd, &err));
	box_end(&b);
}
END_TEST

START_TEST(two_hundred_execs_leak_nothing)
{
	struct box b = up();
	int before = ck_count_fds();

	for (int i = 0; i < 200; i++)
		ck_assert_int_eq(box_exec_wait(box_exec(&b, "exit 1")), 1);
	ck_assert_int_eq(ck_count_fds(), before);
	box_end(&b);
}
END_TEST

START_TEST(a_working_directory_outside_is_refused)
{
	static const char *const cwds[] = {"/proc/self/fd/3", "/proc/self/fd/4", "/proc/self/fd/5",
					   "/proc/self/fd/6", "/proc/self/fd/7", "/proc/self/fd/8",
					   "/proc/self/fd/9", "/proc/self/fd/10"};
	struct box b = up();
	int open_dir = open("/", O_RDONLY | O_DIRECTORY);

	for (size_t i = 0; i < sizeof(cwds) / sizeof(cwds[0]); i++) {
		char more[64];
		int pidfd = -1;

		(void)snprintf(more, sizeof(more), "{'cwd':'%s'}", cwds[i]);
		ck_assert_int_lt(box_try_exec(&b, "self", more, &pidfd, &err), 0);
	}
	ck_assert_int_eq(close(open_dir), 0);
	ck_assert_ptr_null(box_line(&b, "cwd"));
	box_end(&b);
}
END_TEST

/* The terminal's output, "\r\n" and all, until the program at the other end is gone. */
static void read_terminal(int master, char *text, size_t size)
{
	size_t at = 0;
	ssize_t n;

	while (at + 1 < size && (n = read(master, text + at, size - 1 - at)) > 0)
		at += (size_t)n;
	text[at] = '\0';
}

START_TEST(a_terminal_is_the_containers_own)
{
	struct box b = box("tty ids list /dev/pts open /dev/console w");
	char name[64];
	char text[4096];
	int pair[2];
	int master;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	b.launch.console_socket = pair[1];
	box_set(&b, "process.terminal", "true");
	box_set(&b, "process.consoleSize", "{'height':33,'width':99}");
	box_create(&b);
	master = box_take_master(pair[0], name, sizeof(name));
	ck_assert_str_eq(name, "/dev/pts/0");
	box_start(&b);
	read_terminal(master, text, sizeof(text));
	ck_assert_msg(strstr(text, "tty /dev/pts/0 33x99 controlling ok leader 1\r\n"), "%s", text);
	ck_assert_msg(strstr(text, "entry /dev/pts/0\r\n"), "%s", text);
	ck_assert_msg(strstr(text, "open /dev/console ok\r\n"), "%s", text);
	ck_assert_int_eq(box_wait(&b).code, 0);
	ck_assert_int_eq(close(master), 0);
	ck_assert_int_eq(close(pair[0]), 0);
	ck_assert_int_eq(close(pair[1]), 0);
	box_end(&b);
}
END_TEST

START_TEST(an_exec_has_a_terminal_too)
{
	struct box b = up();
	char name[64];
	char text[4096];
	int pair[2];
	int pidfd = -1;
	int master;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	ck_fails(BERTH_E_INVALID, box_try_exec(&b, "tty", "{'terminal':true}", &pidfd, &err));
	b.launch.console_socket = pair[1];
	ck_ok(box_try_exec(&b, "tty",
			   "{'terminal':true,'consoleSize':{'height':7,'width':8},"
			   "'user':{'uid':9,'gid':9}}",
			   &pidfd, &err));
	master = box_take_master(pair[0], name, sizeof(name));
	ck_assert_str_eq(name, "/dev/pts/0");
	read_terminal(master, text, sizeof(text));
	ck_assert_str_eq(text, "tty /dev/pts/0 7x8 controlling ok leader 1\r\n");
	ck_assert_int_eq(box_exec_wait(pidfd), 0);
	ck_assert_int_eq(close(master), 0);
	ck_assert_int_eq(close(pair[0]), 0);
	ck_assert_int_eq(close(pair[1]), 0);
	box_end(&b);
}
END_TEST

START_TEST(a_bad_process_is_refused_by_its_key)
{
	struct box b = up();
	int pidfd = -1;

	ck_fails(BERTH_E_INVALID, box_try_exec(&b, "exit 0", "{'cwd':'a'}", &pidfd, &err));
	ck_says("process.cwd");
	ck_fails(BERTH_E_INVALID, box_try_exec(&b, "exit 0", "{'args':[]}", &pidfd, &err));
	ck_says("process.args");
	ck_fails(BERTH_E_INVALID, box_try_exec(&b, "exit 0", "{'user':7}", &pidfd, &err));
	ck_says("process.user");
	box_end(&b);
}
END_TEST

RIG_CASES(exec_cases, an_exec_tells_its_exit_status, an_exec_that_cannot_be_says_why,
	  an_exec_is_in_the_same_namespaces, an_exec_is_in_the_same_cgroups,
	  an_exec_has_what_it_asks_for_and_the_filter, an_exec_into_a_frozen_container_is_busy,
	  an_exec_into_a_dead_container_finds_none, two_hundred_execs_leak_nothing,
	  a_working_directory_outside_is_refused, a_terminal_is_the_containers_own,
	  an_exec_has_a_terminal_too, a_bad_process_is_refused_by_its_key);
