/* SPDX-License-Identifier: Apache-2.0 */
/* A container that is there: signals, its end, and what is to be cleaned up after it. */
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/path.h"
#include "hooks.h"
#include "kernel.h"
#include "native.h"

enum {
	KILL_WAIT_MS = 10000, /* for the kernel to end what got SIGKILL */
	KILL_ROUNDS = 50,
};

void sandbox_free(struct berth_sandbox *sb)
{
	if (!sb)
		return;
	close_fd(&sb->pidfd);
	close_fd(&sb->channel);
	close_fd(&sb->state_fd);
	cgroup_done(&sb->cgroup);
	seccomp_done(&sb->filter);
	free(sb->id);
	free(sb->uids);
	free(sb->gids);
	free(sb->version);
	free(sb->bundle);
	free(sb->annotations);
	free(sb->hooks);
	free(sb->state_dir);
	free(sb);
}

/* A pidfd is readable when its process has ended. @timeout_ms 0: only look. */
static bool has_ended(const struct berth_sandbox *sb, int timeout_ms)
{
	struct pollfd p = {.fd = sb->pidfd, .events = POLLIN};
	int r;

	if (sb->pidfd < 0)
		return true;
	do
		r = poll(&p, 1, timeout_ms);
	while (r < 0 && errno == EINTR);
	return r > 0;
}

bool sandbox_is_dead(const struct berth_sandbox *sb)
{
	return sb->state == SANDBOX_DESTROYED || sb->exited || has_ended(sb, 0);
}

/* In v1 what is frozen does not even die. */
static void thaw_for_kill(struct berth_sandbox *sb)
{
	if (cgroup_is_frozen(&sb->cgroup))
		(void)cgroup_freeze(&sb->cgroup, false, NULL); /* waiting for its end will tell */
}

static int send_signal(struct berth_sandbox *sb, int signo, uint32_t flags, struct berth_error *err)
{
	if (flags & BERTH_SIGNAL_ALL)
		return cgroup_signal(&sb->cgroup, signo, err);
	if (kernel_pidfd_signal(sb->pidfd, signo) == 0)
		return 0;
	return berth_fail_errno(err, errno, "send signal %d to container '%s'", signo, sb->id);
}

int sandbox_signal(struct berth_sandbox *sb, int32_t signo, uint32_t flags, struct berth_error *err)
{
	int r;

	if (signo < 0 || signo > SIGRTMAX)
		return berth_fail(err, BERTH_E_INVALID, "%d is no signal", signo);
	if (sandbox_is_dead(sb))
		return berth_fail(err, BERTH_E_NOT_FOUND, "container '%s' is dead", sb->id);
	r = send_signal(sb, signo, flags, err);
	if (r == 0 && signo == SIGKILL)
		thaw_for_kill(sb);
	return r;
}

/* Take the status of a process that has ended. One that is not our child has told it to another. */
static void take_status(struct berth_sandbox *sb)
{
	struct berth_exit *e = &sb->exit;
	siginfo_t info = {.si_pid = 0};
	int r;

	*e = (struct berth_exit){.size = sizeof(*e), .at_ns = (uint64_t)clock_now_ns()};
	do
		r = sb->pidfd < 0 ? -1 : waitid((idtype_t)P_PIDFD, (id_t)sb->pidfd, &info, WEXITED);
	while (r < 0 && sb->pidfd >= 0 && errno == EINTR);
	if (r < 0) {
		e->flags |= BERTH_EXIT_UNKNOWN;
		e->code = 128 + SIGKILL;
	} else if (info.si_code == CLD_EXITED) {
		e->code = info.si_status;
	} else {
		e->signal = info.si_status;
		e->code = 128 + info.si_status;
		if (info.si_code == CLD_DUMPED)
			e->flags |= BERTH_EXIT_CORE;
	}
	if (cgroup_oom_kills(&sb->cgroup) > 0)
		e->flags |= BERTH_EXIT_OOM;
	sb->exited = true;
}

int sandbox_reap(struct berth_sandbox *sb, struct berth_exit *ret, struct berth_error *err)
{
	uint32_t size = ret->size;

	if (!sb->exited) {
		if (!has_ended(sb, 0))
			return berth_fail(err, BERTH_E_BUSY, "container '%s' is running", sb->id);
		take_status(sb);
	}
	memcpy(ret, &sb->exit, size < sizeof(sb->exit) ? size : sizeof(sb->exit));
	ret->size = size;
	return 0;
}

int sandbox_kill(struct berth_sandbox *sb, struct berth_error *err)
{
	if (sb->pidfd >= 0 && !sb->exited) {
		if (kernel_pidfd_signal(sb->pidfd, SIGKILL) < 0 && errno != ESRCH)
			return berth_fail_errno(err, errno, "kill container '%s'", sb->id);
		thaw_for_kill(sb);
		if (!has_ended(sb, KILL_WAIT_MS))
			return berth_fail(err, BERTH_E_TIMEOUT, "container '%s' does not end",
					  sb->id);
		take_status(sb);
	}
	return 0;
}

static int count_pid(void *arg, pid_t pid)
{
	(void)pid;
	++*(size_t *)arg;
	return 0;
}

/* Without a pid namespace of its own others may be left. */
static int kill_others(struct berth_sandbox *sb, struct berth_error *err)
{
	for (int round = 0; round < KILL_ROUNDS; round++) {
		size_t left = 0;
		int r = cgroup_each_pid(&sb->cgroup, count_pid, &left, err);

		if (r < 0 || left == 0)
			return r;
		r = cgroup_signal(&sb->cgroup, SIGKILL, err);
		if (r < 0)
			return r;
		thaw_for_kill(sb);
		(void)poll(NULL, 0, round < 10 ? 1 : 20);
	}
	return berth_fail(err, BERTH_E_TIMEOUT, "processes of container '%s' do not end", sb->id);
}

int sandbox_destroy(struct berth_sandbox *sb, struct berth_error *err)
{
	int r;

	if (sb->state == SANDBOX_DESTROYED)
		return 0;
	close_fd(&sb->channel); /* one that waits for start ends by itself */
	r = sandbox_kill(sb, err);
	if (r == 0 && !sb->is_init)
		r = kill_others(sb, err);
	if (r == 0)
		r = cgroup_remove(&sb->cgroup, err);
	if (r < 0)
		return r;
	if (sb->outlives && sb->state_fd >= 0)
		(void)state_unlink(sb->state_fd, "start.sock", NULL);
	sb->state = SANDBOX_DESTROYED;
	if (!sb->poststop_done && sb->hooks) {
		sb->poststop_done = true;
		sandbox_run_hooks(sb, SPEC_HOOK_POSTSTOP, "stopped");
	}
	return 0;
}

static int run_hooks(struct berth_sandbox *sb, enum spec_hook_kind kind, const char *status,
		     struct berth_error *err)
{
	struct berth_str text = {sb->hooks, strlen(sb->hooks)};
	cleanup_arena struct arena arena = {NULL};
	cleanup_str struct str state = STR_INIT;
	cleanup_fd int fd = -1;
	struct plan_hooks hooks;
	int r = hooks_parse(text, kind, &arena, &hooks, err);

	if (r < 0 || hooks.n == 0)
		return r;
	r = hooks_open(&fd, err);
	if (r == 0)
		r = state_describe(sb, status, &state, err);
	if (r == 0)
		r = hooks_fill(fd, (struct berth_str){state.p, state.len}, err);
	if (r == 0)
		r = hooks_run(&hooks, kind, fd, err);
	return r;
}

void sandbox_run_hooks(struct berth_sandbox *sb, enum spec_hook_kind kind, const char *status)
{
	struct berth_error why = {0};

	/* the specification: failures of these are logged, and the container goes on */
	if (run_hooks(sb, kind, status, &why) < 0)
		berth_log(sb->iso->host, BERTH_LOG_WARN, "container '%s': %s hook: %s", sb->id,
			  spec_hook_name(kind), why.text);
}
