/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/process.h"
#include "tests/unit/ck.h"

/* What `sh -c script` with these descriptors writes to descriptor 1; the status in *@ret. */
static const char *script(const char *text, int extra, unsigned flags, struct process_status *ret)
{
	static char out[4096];
	cleanup_strv char **argv = strv_new("/bin/sh", "-c", text, NULL);
	cleanup_strv char **envp = strv_new("PATH=/usr/bin:/bin", "WORD=given", NULL);
	struct process_status again;
	int p[2];
	int pidfd = -1;
	pid_t pid = -1;
	ssize_t n;
	size_t len = 0;

	ck_assert_int_eq(pipe2(p, O_CLOEXEC), 0);
	const int fds[] = {-1, p[1], 2, extra};
	const struct process_spec spec = {
		.argv = argv, .envp = envp, .fds = fds, .n_fds = 4, .flags = flags};

	ck_ok(process_spawn(&spec, &pidfd, &pid, &err));
	ck_cloexec(pidfd);
	ck_assert_int_gt(pid, 0);
	ck_assert_int_eq(close(p[1]), 0);
	while ((n = read(p[0], out + len, sizeof(out) - 1 - len)) > 0)
		len += (size_t)n;
	out[len] = '\0';
	ck_assert_int_eq(close(p[0]), 0);
	ck_ok(process_wait(pidfd, ret, &err));
	ck_fails(BERTH_E_IO, process_wait(pidfd, &again, &err));
	ck_assert_int_eq(close(pidfd), 0);
	return out;
}

START_TEST(a_program_runs_and_its_status_is_known)
{
	struct process_status status;
	sigset_t blocked;

	ck_assert_str_eq(script("echo $WORD $HOME; exit 7", -1, 0, &status), "given\n");
	ck_assert_int_eq(status.code, 7);
	ck_assert_int_eq(status.signal, 0);
	ck_assert_int_eq(process_status_code(&status), 7);
	(void)sigprocmask(SIG_BLOCK, NULL, &blocked);
	ck_assert(sigisemptyset(&blocked)); /* ours are not, any more */
	(void)script("kill -TERM $$", -1, 0, &status);
	ck_assert_int_eq(status.signal, SIGTERM);
	ck_assert_int_eq(process_status_code(&status), 128 + SIGTERM);
}
END_TEST

START_TEST(it_gets_the_listed_descriptors_and_no_other)
{
	struct process_status status;
	int leaked = open("/etc/passwd", O_RDONLY); /* on purpose not close-on-exec */
	int high = fcntl(leaked, F_DUPFD, 200);
	int p[2];

	ck_assert_int_ge(high, 200);
	ck_assert_int_eq(pipe2(p, O_CLOEXEC), 0);
	ck_assert_int_eq(write(p[1], "through\n", 8), 8);
	ck_assert_str_eq(script("for f in 0 1 2 3 4 5 6 7 8 9 200; do "
				"[ -e /proc/self/fd/$f ] && echo $f; done; read a <&3; echo $a; "
				"readlink /proc/$$/fd/0",
				p[0], 0, &status),
			 "0\n1\n2\n3\nthrough\n/dev/null\n");
}
END_TEST

START_TEST(descriptors_may_be_crossed)
{
	cleanup_strv char **argv = strv_new(
		"/bin/sh", "-c", "read x <&0; echo 0=$x >&3; read x <&1; echo 1=$x >&3", NULL);
	struct process_status status;
	char out[64] = "";
	int a[2];
	int b[2];
	int o[2];
	int pidfd = -1;

	/* ours become 0 and 1, so that each is where the other shall be */
	ck_assert_int_eq(pipe2(a, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(b, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(o, O_CLOEXEC), 0);
	ck_assert_int_eq(write(a[1], "A\n", 2), 2);
	ck_assert_int_eq(write(b[1], "B\n", 2), 2);
	const int kept[] = {fcntl(0, F_DUPFD_CLOEXEC, 10), fcntl(1, F_DUPFD_CLOEXEC, 10)};

	ck_assert_int_eq(dup2(a[0], 0), 0);
	ck_assert_int_eq(dup2(b[0], 1), 1);
	const int fds[] = {1, 0, 2, o[1]};
	const struct process_spec spec = {.argv = argv, .fds = fds, .n_fds = 4};

	ck_ok(process_spawn(&spec, &pidfd, NULL, &err));
	ck_assert_int_eq(dup2(kept[0], 0), 0);
	ck_assert_int_eq(dup2(kept[1], 1), 1);
	ck_ok(process_wait(pidfd, &status, &err));
	ck_assert_int_gt(read(o[0], out, sizeof(out) - 1), 0);
	ck_assert_str_eq(out, "0=B\n1=A\n");
}
END_TEST

START_TEST(what_is_no_program_fails_at_once)
{
	static char *const argv[] = {(char *)"/nonexistent/program", NULL};
	static char *const not_executable[] = {(char *)"/etc/passwd", NULL};
	static char *const none[] = {NULL};
	struct process_spec spec = {.argv = argv};
	int pidfd = 42;
	pid_t pid = 42;
	int fds;

	fds = ck_count_fds();
	ck_fails(BERTH_E_EXEC, process_spawn(&spec, &pidfd, &pid, &err));
	ck_assert_int_eq(err.sys_errno, ENOENT);
	ck_says("'/nonexistent/program'");
	spec.argv = not_executable;
	ck_fails(BERTH_E_EXEC, process_spawn(&spec, &pidfd, &pid, &err));
	ck_assert_int_eq(err.sys_errno, EACCES);
	spec.argv = none;
	ck_fails(BERTH_E_INVALID, process_spawn(&spec, &pidfd, &pid, &err));
	spec.argv = argv;
	spec.n_fds = PROCESS_FDS_MAX + 1;
	ck_fails(BERTH_E_INVALID, process_spawn(&spec, &pidfd, &pid, &err));
	ck_assert_int_eq(pidfd, 42);
	ck_assert_int_eq(pid, 42);
	ck_assert_int_eq(ck_count_fds(), fds);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1); /* no zombie either */
}
END_TEST

START_TEST(a_descriptor_that_is_none_is_told)
{
	static char *const argv[] = {(char *)"/bin/true", NULL};
	const int fds[] = {0, 1, 999};
	const struct process_spec spec = {.argv = argv, .fds = fds, .n_fds = 3};
	int pidfd = 42;

	ck_fails(BERTH_E_IO, process_spawn(&spec, &pidfd, NULL, &err));
	ck_assert_int_eq(err.sys_errno, EBADF);
}
END_TEST

static void handler(int sig)
{
	(void)sig;
}

START_TEST(no_signal_is_blocked_or_ignored_in_it)
{
	struct process_status status;
	sigset_t all;
	sigset_t now;

	(void)signal(SIGUSR1, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGUSR2, handler);
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, NULL);
	ck_assert_str_eq(
		script("sed -n '/^Sig[BIC]/{s/\\t//;p}' /proc/self/status", -1, 0, &status),
		"SigBlk:0000000000000000\nSigIgn:0000000000000000\n"
		"SigCgt:0000000000000000\n");
	/* and ours are as they were */
	(void)sigprocmask(SIG_BLOCK, NULL, &now);
	ck_assert(sigismember(&now, SIGTERM));
	ck_assert(signal(SIGUSR2, SIG_DFL) == handler);
	ck_assert(signal(SIGUSR1, SIG_DFL) == SIG_IGN);
}
END_TEST

START_TEST(groups_and_sessions_are_new_if_asked_for)
{
	struct process_status status;
	char want[64];

	(void)snprintf(want, sizeof(want), "%d %d\n", (int)getpgrp(), (int)getsid(0));
	ck_assert_str_eq(script("cut -d' ' -f5,6 /proc/$$/stat", -1, 0, &status), want);
	ck_assert_str_eq(
		script("set -- $(cat /proc/$$/stat); [ $5 = $$ ] && [ $6 != $$ ] && echo group", -1,
		       PROCESS_NEW_GROUP, &status),
		"group\n");
	ck_assert_str_eq(script("set -- $(cat /proc/$$/stat); [ $6 = $$ ] && echo session", -1,
				PROCESS_NEW_SESSION | PROCESS_NEW_GROUP, &status),
			 "session\n");
}
END_TEST

START_TEST(it_dies_with_its_parent_if_asked_to)
{
	int p[2];
	int out[2];
	char c;
	pid_t pid;
	struct pollfd end;

	ck_assert_int_eq(pipe2(p, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		static char *const argv[] = {(char *)"/bin/sleep", (char *)"100", NULL};
		const int fds[] = {-1, out[1], 2};
		const struct process_spec spec = {
			.argv = argv, .fds = fds, .n_fds = 3, .flags = PROCESS_DIE_WITH_PARENT};
		int pidfd;

		if (process_spawn(&spec, &pidfd, NULL, NULL) < 0 || write(p[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			(void)pause();
	}
	ck_assert_int_eq(close(out[1]), 0);
	ck_assert_int_eq(read(p[0], &c, 1), 1);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	end = (struct pollfd){.fd = out[0], .events = POLLIN};
	ck_assert_int_eq(poll(&end, 1, 10000), 1); /* its end of the pipe is closed */
	ck_assert_int_eq(read(out[0], &c, 1), 0);
}
END_TEST

START_TEST(many_programs_leave_nothing)
{
	static char *const argv[] = {(char *)"/bin/true", NULL};
	const struct process_spec spec = {.argv = argv};
	int fds = ck_count_fds();

	for (int i = 0; i < 200; i++) {
		struct process_status status;
		int pidfd = -1;

		ck_ok(process_spawn(&spec, &pidfd, NULL, &err));
		ck_ok(process_wait(pidfd, &status, &err));
		ck_assert_int_eq(process_status_code(&status), 0);
		close_fd(&pidfd);
	}
	ck_assert_int_eq(ck_count_fds(), fds);
}
END_TEST

int main(void)
{
	return CK_MAIN("base/process", a_program_runs_and_its_status_is_known,
		       it_gets_the_listed_descriptors_and_no_other, descriptors_may_be_crossed,
		       what_is_no_program_fails_at_once, a_descriptor_that_is_none_is_told,
		       no_signal_is_blocked_or_ignored_in_it,
		       groups_and_sessions_are_new_if_asked_for,
		       it_dies_with_its_parent_if_asked_to, many_programs_leave_nothing);
}
