/* SPDX-License-Identifier: Apache-2.0 */
#include "core/driver/trial.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "core/driver/head.h"
#include "core/driver/load.h"

/* --- in the child --------------------------------------------------------- */

/* A driver prints nothing, and a crash is ours to tell: no core file, nobody else's handlers. */
static void calm_down(void)
{
	static const int deadly[] = {SIGSEGV, SIGBUS, SIGILL,  SIGFPE, SIGABRT,
				     SIGTRAP, SIGSYS, SIGTERM, SIGINT, SIGPIPE};
	const struct rlimit none = {0, 0};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)setrlimit(RLIMIT_CORE, &none);
	for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
		(void)signal(deadly[i], SIG_DFL);
	for (int fd = 0; null >= 0 && fd < 3; fd++)
		(void)dup2(null, fd);
}

/* All that will be looked at later is looked at here first. What it says is said again then. */
static void read_tables(berth_driver_v1_fn entry)
{
	for (uint32_t i = 0; i < LOAD_DRIVERS_MAX; i++) {
		const struct berth_driver *theirs = entry(i);
		struct berth_driver head;
		union ops ops;

		if (!theirs)
			return;
		head_copy(theirs, &head);
		if (head_check(&head, NULL) == 0)
			(void)clamp_ops(&head, &ops, NULL);
	}
}

static void in_child(const char *path, int fd) __attribute__((noreturn));
static void in_child(const char *path, int fd)
{
	struct berth_error verdict = {0};
	berth_driver_v1_fn entry;
	void *lib;

	calm_down();
	if (load_map(path, &lib, &entry, &verdict) == 0)
		read_tables(entry);
	/* a pipe takes so little at once, or nobody reads it */
	if (write(fd, &verdict, sizeof(verdict)) < 0)
		_exit(1);
	_exit(0);
}

/* --- in the parent -------------------------------------------------------- */

/* Everything that the child says, until its end or the deadline. */
static size_t hear(int fd, int timeout_ms, struct berth_error *verdict, bool *ret_late)
{
	int64_t deadline = clock_mono_ns() + timeout_ms * (CLOCK_SECOND / 1000);
	size_t have = 0;

	*ret_late = false;
	while (have < sizeof(*verdict)) {
		struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
		int64_t left = (deadline - clock_mono_ns()) / (CLOCK_SECOND / 1000);
		ssize_t n;

		if (left <= 0 || (poll(&poll_fd, 1, (int)left) == 0)) {
			*ret_late = true;
			break;
		}
		if (!poll_fd.revents)
			continue; /* interrupted */
		n = read(fd, (char *)verdict + have, sizeof(*verdict) - have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		have += (size_t)n;
	}
	return have;
}

static int wait_for(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

static int tell_end(int status, struct berth_error *err)
{
	if (WIFSIGNALED(status)) {
		const char *name = sigabbrev_np(WTERMSIG(status));

		return berth_fail(err, BERTH_E_INVALID, "crashed while it was loaded (SIG%s)",
				  name ? name : "?");
	}
	return berth_fail(err, BERTH_E_INVALID,
			  "ended its process while it was loaded (exit status %d)",
			  WEXITSTATUS(status));
}

int trial_load(const char *path, int timeout_ms, bool *ret_lasting, struct berth_error *err)
{
	cleanup_fd int from = -1, to = -1;
	struct berth_error verdict;
	int pipe_fds[2], status;
	bool is_late;
	size_t n;
	pid_t pid;

	*ret_lasting = false;
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return berth_fail_errno(err, errno, "make a pipe");
	from = pipe_fds[0];
	to = pipe_fds[1];
	pid = fork();
	if (pid < 0)
		return berth_fail_errno(err, errno, "fork");
	if (pid == 0)
		in_child(path, to);
	close_fd(&to);
	n = hear(from, timeout_ms, &verdict, &is_late);
	if (is_late)
		(void)kill(pid, SIGKILL);
	status = wait_for(pid);
	if (n == sizeof(verdict)) {
		*ret_lasting = verdict.code == 0;
		if (verdict.code && err)
			*err = verdict;
		return -verdict.code;
	}
	*ret_lasting = true;
	if (is_late)
		return berth_fail(err, BERTH_E_INVALID, "did not load within %d ms", timeout_ms);
	return tell_end(status, err);
}
