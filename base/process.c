/* SPDX-License-Identifier: Apache-2.0 */
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

enum {
	STACK_BYTES = 65536,
	LAST_SIGNAL = 64,
	FDS_CLOSED_MAX = 65536,
};

/*
 * The child shares our memory until its exec, while we stand still. It runs on a stack within our
 * frame, allocates nothing, and says here what went wrong.
 */
struct launch {
	const struct process_spec *spec;
	const char *path;
	pid_t parent;
	const char *failed; /* the step, NULL until one failed */
	int sys_errno;
};

#define IN_CHILD __attribute__((noinline, no_sanitize("address"), no_stack_protector))

IN_CHILD static bool child_fds(const struct process_spec *spec)
{
	int moved[PROCESS_FDS_MAX];
	int count = spec->n_fds < 3 ? 3 : (int)spec->n_fds;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	/* first all out of the way, so that none is overwritten before its turn */
	for (int i = 0; i < count; i++) {
		int fd = (size_t)i < spec->n_fds ? spec->fds[i] : -1;

		moved[i] = fcntl(fd >= 0 ? fd : null, F_DUPFD_CLOEXEC, count);
		if (moved[i] < 0)
			return false;
	}
	for (int i = 0; i < count; i++) {
		if (dup2(moved[i], i) < 0)
			return false;
	}
	if (syscall(SYS_close_range, count, ~0U, 0) < 0) {
		struct rlimit limit = {0, 0}; /* before Linux 5.9 */

		(void)getrlimit(RLIMIT_NOFILE, &limit);
		for (int fd = count; (rlim_t)fd < limit.rlim_cur && fd < FDS_CLOSED_MAX; fd++)
			(void)close(fd);
	}
	return true;
}

/* Handlers would run in our parent's memory, and what is ignored stays so through exec. */
IN_CHILD static bool child_signals(bool blocked)
{
	sigset_t mask;

	for (int sig = 1; sig <= LAST_SIGNAL; sig++) {
		struct sigaction action;

		if (sigaction(sig, NULL, &action) < 0 || action.sa_handler == SIG_DFL)
			continue;
		memset(&action, 0, sizeof(action));
		action.sa_handler = SIG_DFL;
		(void)sigaction(sig, &action, NULL);
	}
	(void)(blocked ? sigfillset(&mask) : sigemptyset(&mask));
	return sigprocmask(SIG_SETMASK, &mask, NULL) == 0;
}

IN_CHILD static bool child_ties(const struct launch *l)
{
	if (l->spec->flags & PROCESS_NEW_SESSION && setsid() < 0)
		return false;
	if (l->spec->flags & PROCESS_NEW_GROUP && setpgid(0, 0) < 0 &&
	    !(l->spec->flags & PROCESS_NEW_SESSION))
		return false;
	if (!(l->spec->flags & PROCESS_DIE_WITH_PARENT))
		return true;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return false;
	errno = ESRCH; /* if it died before that */
	return getppid() == l->parent;
}

IN_CHILD static int child_main(void *arg)
{
	static char *const no_env[] = {NULL};
	struct launch *l = arg;

	if (!child_ties(l)) {
		l->failed = "tie to its parent";
	} else if (!child_fds(l->spec)) {
		l->failed = "arrange descriptors";
	} else if (!child_signals(l->spec->flags & PROCESS_SIGNALS_BLOCKED)) {
		l->failed = "reset signals";
	} else {
		(void)execve(l->path, l->spec->argv, l->spec->envp ? l->spec->envp : no_env);
		l->failed = "execute";
	}
	l->sys_errno = errno;
	_exit(127);
}

__attribute__((noinline)) static pid_t launch(struct launch *l, int *ret_pidfd)
{
	char stack[STACK_BYTES] __attribute__((aligned(16)));
	int flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD;
	sigset_t all;
	sigset_t before;
	pid_t pid;
	int kept_errno;

	/* no handler of ours may run in the child */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	pid = clone(child_main, stack + sizeof(stack), flags, l, ret_pidfd);
	kept_errno = errno;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = kept_errno;
	return pid;
}

int process_spawn(const struct process_spec *spec, int *ret_pidfd, pid_t *ret_pid,
		  struct berth_error *err)
{
	struct launch l = {.spec = spec, .parent = getpid()};
	cleanup_fd int pidfd = -1;
	pid_t pid;

	if (!spec->argv || !spec->argv[0] || spec->n_fds > PROCESS_FDS_MAX)
		return berth_fail(err, BERTH_E_INVALID, "a program needs a name and at most %d fds",
				  PROCESS_FDS_MAX);
	l.path = spec->path ? spec->path : spec->argv[0];
	pid = launch(&l, &pidfd);
	if (pid < 0)
		return berth_fail_errno(err, errno, "start '%s'", l.path);
	if (l.failed) {
		siginfo_t info;
		int r;

		(void)waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED); /* it is in its _exit */
		r = berth_fail_errno(err, l.sys_errno, "%s '%s'", l.failed, l.path);
		if (strcmp(l.failed, "execute") != 0)
			return r;
		if (err)
			err->code = BERTH_E_EXEC;
		return -BERTH_E_EXEC;
	}
	if (ret_pid)
		*ret_pid = pid;
	*ret_pidfd = steal_fd(&pidfd);
	return 0;
}

int process_wait(int pidfd, struct process_status *ret, struct berth_error *err)
{
	siginfo_t info;
	int r;

	do {
		r = waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED);
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return berth_fail_errno(err, errno, "wait for a process");
	if (info.si_code == CLD_EXITED)
		*ret = (struct process_status){.code = info.si_status};
	else
		*ret = (struct process_status){.signal = info.si_status};
	return 0;
}

int process_status_code(const struct process_status *status)
{
	return status->signal ? 128 + status->signal : status->code;
}
