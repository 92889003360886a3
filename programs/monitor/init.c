/* SPDX-License-Identifier: Apache-2.0 */
/*
 * berth-init: with --init, the container's first process. It starts the program, passes every
 * signal on to it, collects orphans, and ends as the program ended. Bound read-only into
 * containers, so it is static and needs nothing of the image.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

/** The program gets what the kernel gives init by default; it has a group of its own, and the
 * terminal. */
static void run(char **argv, const sigset_t *old)
{
	(void)setpgid(0, 0);
	/* without a terminal that fails, and does not matter */
	(void)signal(SIGTTOU, SIG_IGN);
	(void)tcsetpgrp(STDIN_FILENO, getpgrp());
	(void)signal(SIGTTOU, SIG_DFL);
	(void)sigprocmask(SIG_SETMASK, old, NULL);
	(void)execvp(argv[0], argv);
	(void)dprintf(STDERR_FILENO, "exec: \"%s\": %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static int status_code(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/** Collect all that has ended; true when the program is among them. */
static bool reap(pid_t program, int *ret_code)
{
	bool ended = false;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == program) {
			*ret_code = status_code(status);
			ended = true;
		}
	return ended;
}

int main(int argc, char **argv)
{
	sigset_t all, old;
	int code = 0;
	pid_t pid;

	argv++;
	if (argc > 1 && strcmp(argv[0], "--") == 0)
		argv++;
	if (!argv[0]) {
		(void)dprintf(STDERR_FILENO, "berth-init: no program given\n");
		return 125;
	}
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, &old);
	pid = fork();
	if (pid < 0) {
		(void)dprintf(STDERR_FILENO, "berth-init: fork: %s\n", strerror(errno));
		return 125;
	}
	if (pid == 0)
		run(argv, &old);
	for (;;) {
		int signo = sigwaitinfo(&all, NULL);

		if (signo == SIGCHLD) {
			if (reap(pid, &code))
				return code;
		} else if (signo > 0) {
			(void)kill(pid, signo);
		}
	}
}
