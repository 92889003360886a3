/* SPDX-License-Identifier: Apache-2.0 */
#include "hooks.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/close_range.h>

#include "base/clock.h"
#include "base/path.h"
#include "base/record.h"
#include "fields.h"
#include "kernel.h"

static void read_hook(const struct fields *f, struct plan_hook *ret)
{
	int64_t timeout = 0;
	size_t n;

	ret->path = field_str(f, "path");
	if (!ret->path || ret->path[0] != '/')
		field_invalid(f, "path", "is no absolute path");
	else
		ret->path = arena_copy(f->p->arena, ret->path);
	ret->argv = field_strv(f, "args", &n);
	if (n == 0) {
		ret->argv = field_array_alloc(f, 2, sizeof(*ret->argv));
		if (ret->argv)
			ret->argv[0] = ret->path;
	}
	ret->envp = field_strv(f, "env", NULL);
	if (field_has(f, "timeout") && field_int(f, "timeout", 1, INT32_MAX / 1000, &timeout))
		ret->timeout_ms = timeout * 1000;
}

/* The record goes away: own what was borrowed from it. */
static void own_strings(struct arena *arena, const char **v)
{
	for (; v && *v; v++) {
		const char *copy = arena_copy(arena, *v);

		*v = copy ? copy : "";
	}
}

int hooks_parse(struct berth_str hooks, enum spec_hook_kind kind, struct arena *arena,
		struct plan_hooks *ret, struct berth_error *err)
{
	cleanup_record struct record *tree = NULL;
	struct parser p = {.arena = arena, .err = err};
	struct plan_hook *v;
	struct fields f;
	size_t n;
	int r;

	*ret = (struct plan_hooks){NULL, 0};
	if (!hooks.n)
		return 0;
	r = record_parse(hooks.p, hooks.n, 0, &tree, err);
	if (r < 0)
		return r;
	f = fields_of(&p, tree, "hooks");
	n = field_count(&f, spec_hook_name(kind), 256);
	v = field_array_alloc(&f, n, sizeof(*v));
	for (size_t i = 0; v && i < n; i++) {
		struct fields item = field_item(&f, spec_hook_name(kind), i);

		read_hook(&item, &v[i]);
		own_strings(arena, v[i].argv);
		own_strings(arena, v[i].envp);
	}
	if (p.r < 0)
		return p.r;
	*ret = (struct plan_hooks){v, v ? n : 0};
	return 0;
}

int hooks_open(int *ret_fd, struct berth_error *err)
{
	int fd = memfd_create("state", MFD_CLOEXEC);

	if (fd < 0)
		return berth_fail_errno(err, errno, "make a file for hooks");
	*ret_fd = fd;
	return 0;
}

int hooks_fill(int fd, struct berth_str state, struct berth_error *err)
{
	if (ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return berth_fail_errno(err, errno, "write the state for hooks");
	return write_all(fd, state.p, state.n, err);
}

/*
 * Inside, the program's filter is on already, and most (docker's too) know only the older call.
 * There all signals are as they were at first anyway.
 */
static pid_t clone_hook(int *ret_pidfd)
{
	struct clone_args args = {
		.flags = CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
		.pidfd = (uint64_t)(uintptr_t)ret_pidfd,
		.exit_signal = SIGCHLD,
	};
	pid_t pid = kernel_clone(&args);

	if (pid < 0 && (errno == ENOSYS || errno == EPERM))
		pid = kernel_clone_old(CLONE_PIDFD | SIGCHLD, ret_pidfd);
	return pid;
}

/* Fork, plain system calls, exec: for the parent and the child alike. The pidfd, or -errno. */
static int launch_hook(const struct plan_hook *h, int state_fd)
{
	int pidfd = -1;
	pid_t pid;

	if (lseek(state_fd, 0, SEEK_SET) < 0)
		return -errno;
	pid = clone_hook(&pidfd);
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		if (dup2(state_fd, 0) < 0 || kernel_close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
			_exit(126);
		(void)execve(h->path, (char *const *)h->argv, (char *const *)h->envp);
		_exit(errno == ENOENT ? 127 : 126);
	}
	return pidfd;
}

/* 0 for success; a description of the failure otherwise, with a number for it. */
static const char *await_hook(const struct plan_hook *h, int pidfd, int *ret_number)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};
	int timeout = h->timeout_ms ? (int)h->timeout_ms : -1;
	bool late = false;
	siginfo_t info = {0};
	int n;

	do
		n = poll(&p, 1, timeout);
	while (n < 0 && errno == EINTR);
	if (n == 0) {
		late = true;
		(void)kernel_pidfd_signal(pidfd, SIGKILL);
	}
	do
		n = waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED);
	while (n < 0 && errno == EINTR);
	*ret_number = info.si_status;
	if (late) {
		*ret_number = (int)(h->timeout_ms / 1000);
		return "did not end within its timeout, seconds:";
	}
	if (n < 0)
		return "was lost";
	if (info.si_code != CLD_EXITED)
		return "was ended by signal";
	return info.si_status ? "failed with exit status" : NULL;
}

int hooks_run(const struct plan_hooks *hooks, enum spec_hook_kind kind, int state_fd,
	      struct berth_error *err)
{
	for (size_t i = 0; i < hooks->n; i++) {
		const struct plan_hook *h = &hooks->v[i];
		cleanup_fd int pidfd = launch_hook(h, state_fd);
		const char *why;
		int number = 0;

		if (pidfd < 0)
			return berth_fail_errno(err, -pidfd, "%s hook '%s'", spec_hook_name(kind),
						h->path);
		why = await_hook(h, pidfd, &number);
		if (why)
			return berth_fail(err, BERTH_E_IO, "%s hook '%s' %s %d",
					  spec_hook_name(kind), h->path, why, number);
	}
	return 0;
}

void hooks_run_inside(const struct inside *in, const struct plan_hooks *hooks, int state_fd)
{
	for (size_t i = 0; i < hooks->n; i++) {
		const struct plan_hook *h = &hooks->v[i];
		int pidfd = launch_hook(h, state_fd);
		const char *why;
		int number = 0;

		if (pidfd < 0)
			inside_die(in, 0, -pidfd, "hook '%s'", h->path);
		why = await_hook(h, pidfd, &number);
		if (why)
			inside_die(in, BERTH_E_IO, 0, "hook '%s' %s %d", h->path, why, number);
		(void)close(pidfd);
	}
}
