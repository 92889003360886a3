/* SPDX-License-Identifier: Apache-2.0 */
/* From a specification to a child that waits, and from there to the user's program. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/ident.h"
#include "base/msg.h"
#include "base/path.h"
#include "become.h"
#include "devices.h"
#include "hooks.h"
#include "kernel.h"
#include "mounts.h"
#include "native.h"
#include "rootfs.h"

#define START_SOCKET "start.sock"

int launch_keep_fd(struct launch *l, int *fd, int *ret, struct berth_error *err)
{
	if (l->n_fds == l->cap_fds) {
		size_t cap = l->cap_fds ? 2 * l->cap_fds : 32;
		int *fds = realloc(l->fds, cap * sizeof(*fds));

		if (!fds)
			return no_memory(err);
		l->fds = fds;
		l->cap_fds = cap;
	}
	*ret = steal_fd(fd);
	l->fds[l->n_fds++] = *ret;
	return 0;
}

static void launch_close_fds(struct launch *l)
{
	for (size_t i = 0; i < l->n_fds; i++)
		(void)close(l->fds[i]);
	l->n_fds = 0;
}

static void launch_done(struct launch *l)
{
	launch_close_fds(l);
	free(l->fds);
	close_fd(&l->root_fd);
	close_fd(&l->userns_fd);
	close_fd(&l->listener);
	close_fd(&l->channel);
	close_fd(&l->state_memfd);
	close_fd(&l->name_lock);
	for (size_t i = 0; i < l->plan.n_tasks; i++)
		(void)close(l->plan.tasks[i]);
	arena_done(&l->arena);
}

/* The caller's struct may be shorter than ours, or longer. */
static int take_launch(const struct berth_launch *launch, struct berth_launch *ret,
		       struct berth_error *err)
{
	*ret = (struct berth_launch){
		.root_fd = -1,
		.stdio = {-1, -1, -1},
		.console_socket = -1,
		.netns_fd = -1,
		.userns_fd = -1,
		.cgroup_fd = -1,
		.state_fd = -1,
		.checkpoint_fd = -1,
	};
	memcpy(ret, launch, launch->size < sizeof(*ret) ? launch->size : sizeof(*ret));
	if (!ret->id || !ident_is_object(ret->id))
		return berth_fail(err, BERTH_E_INVALID, "'%.64s' is no name for a container",
				  ret->id ? ret->id : "");
	if (ret->flags & BERTH_LAUNCH_RESTORE)
		return berth_fail(err, BERTH_E_UNSUPPORTED, "this driver cannot restore");
	if (ret->flags & BERTH_LAUNCH_OUTLIVE && ret->state_fd < 0)
		return berth_fail(err, BERTH_E_INVALID,
				  "a container that outlives its creator needs a state directory");
	return 0;
}

static int check_terminal(const struct launch *l, struct berth_error *err)
{
	if (l->spec->process.terminal && l->in.console_socket < 0)
		return berth_fail(err, BERTH_E_INVALID,
				  "key 'process.terminal' is true, and there is no console socket");
	return 0;
}

static int make_groups(struct launch *l, struct berth_error *err)
{
	const struct spec *s = l->spec;
	const struct cgroup_host *host = &l->iso->cgroups;
	const char *path = s->cgroups_path;
	cleanup_free char *usual = NULL;
	unsigned wanted = CGROUP_USUAL | cgroup_wanted(&s->resources);
	int r;

	/* one tree for all: what it has costs no group of its own */
	if (host->pure_v2)
		wanted |= cgroup_host_controllers(host) & ~CGROUP_BIT(CGROUP_CPUSET);
	/* without a pid namespace whose end takes all: they are frozen to be killed */
	if (!s->ns[SPEC_NS_PID].given || s->ns[SPEC_NS_PID].path)
		wanted |= CGROUP_BIT(CGROUP_FREEZER);
	if (!path || path[0] != '/') {
		usual = str_fmt("/berth/%s", path ? path : l->in.id);
		if (!usual)
			return no_memory(err);
		path = usual;
	}
	r = cgroup_create(host, path, l->in.cgroup_fd, wanted, &l->sb->cgroup, &l->name_lock, err);
	if (r < 0)
		return r;
	r = cgroup_apply_devices(&l->sb->cgroup, &s->resources, err);
	return r < 0 ? r : cgroup_apply(&l->sb->cgroup, &s->resources, err);
}

static int prepare_hooks(struct launch *l, struct berth_error *err)
{
	const struct spec *s = l->spec;
	int r;

	if (!s->hooks.n)
		return 0;
	r = hooks_parse(s->hooks, SPEC_HOOK_PRESTART, &l->arena, &l->prestart, err);
	if (r == 0)
		r = hooks_parse(s->hooks, SPEC_HOOK_CREATE_RUNTIME, &l->arena, &l->create_runtime,
				err);
	if (r == 0)
		r = hooks_parse(s->hooks, SPEC_HOOK_CREATE_CONTAINER, &l->arena,
				&l->plan.create_container, err);
	if (r == 0)
		r = hooks_parse(s->hooks, SPEC_HOOK_START_CONTAINER, &l->arena,
				&l->plan.become.start_container, err);
	if (r < 0)
		return r;
	/* the last ones do not run then, but are told of a process that there is only then */
	l->plan.wait_hooks = l->prestart.n || l->create_runtime.n || l->plan.create_container.n ||
			     l->plan.become.start_container.n;
	if (l->plan.wait_hooks)
		r = hooks_open(&l->state_memfd, err);
	l->plan.become.state_fd = l->state_memfd;
	return r;
}

static int prepare_become(struct launch *l, struct berth_error *err)
{
	const struct spec *s = l->spec;
	struct become *b = &l->plan.become;
	struct become_input input = {
		.host = l->iso->host,
		.arena = &l->arena,
		.process = &s->process,
		.stdio = l->in.stdio,
		.preserve = l->in.preserve_fds,
		.own_userns = s->ns[SPEC_NS_USER].given,
		.uids = &s->uids,
		.program = &l->iso->program,
	};
	int r = become_prepare(&input, b, err);

	if (r < 0)
		return r;
	r = seccomp_get(l->iso->state_fd, s->seccomp, &l->sb->filter, err);
	if (r < 0)
		return r;
	b->filter = (struct sock_fprog){(unsigned short)l->sb->filter.n, l->sb->filter.insns};
	b->filter_flags = l->sb->filter.flags;
	b->filter_notify = l->sb->filter.notify;
	b->has_personality = s->has_personality;
	b->personality = s->personality;
	return 0;
}

static int prepare_inside(struct launch *l, struct berth_error *err)
{
	for (int i = 0; i < 2; i++) {
		l->inside.scratch[i] = arena_alloc(&l->arena, INSIDE_PATH_MAX);
		if (!l->inside.scratch[i])
			return no_memory(err);
	}
	l->plan.id = l->in.id;
	l->plan.root_readonly = l->spec->root_readonly;
	l->plan.propagation = l->spec->propagation;
	l->plan.sysctls = l->spec->sysctls;
	l->plan.n_sysctls = l->spec->n_sysctls;
	l->plan.hostname = l->spec->hostname;
	l->plan.domainname = l->spec->domainname;
	l->plan.console_socket = l->in.console_socket;
	l->plan.listener = -1;
	if (l->in.flags & BERTH_LAUNCH_OUTLIVE) {
		int r = msg_listen(l->in.state_fd, START_SOCKET, &l->listener, err);

		if (r < 0)
			return r;
		l->plan.listener = l->listener;
	}
	return 0;
}

/* What a later exec, hook or process of ours has to know. */
static int fill_sandbox(struct launch *l, struct berth_error *err)
{
	struct berth_sandbox *sb = l->sb;
	const struct spec *s = l->spec;
	int r;

	sb->iso = l->iso;
	sb->outlives = (l->in.flags & BERTH_LAUNCH_OUTLIVE) != 0;
	sb->has_personality = s->has_personality;
	sb->personality = s->personality;
	r = str_copy(l->in.id, &sb->id, err);
	if (r == 0)
		r = str_copy(s->version, &sb->version, err);
	if (r == 0)
		r = str_copy(l->in.bundle ? l->in.bundle : "", &sb->bundle, err);
	if (r == 0 && s->annotations.n) {
		sb->annotations = strndup(s->annotations.p, s->annotations.n);
		r = sb->annotations ? 0 : no_memory(err);
	}
	if (r == 0 && s->hooks.n) {
		sb->hooks = strndup(s->hooks.p, s->hooks.n);
		r = sb->hooks ? 0 : no_memory(err);
	}
	if (r == 0 && s->uids.n) {
		sb->uids = namespaces_map_text(&s->uids);
		sb->gids = namespaces_map_text(&s->gids);
		r = sb->uids && sb->gids ? 0 : no_memory(err);
	}
	if (r == 0 && l->in.state_fd >= 0) {
		sb->state_fd = fcntl(l->in.state_fd, F_DUPFD_CLOEXEC, 3);
		r = sb->state_fd < 0 ? berth_fail_errno(err, errno, "state directory") : 0;
	}
	if (r == 0 && sb->outlives)
		r = state_dir_of(sb->state_fd, &sb->state_dir, err);
	sb->is_init = s->ns[SPEC_NS_PID].given && !s->ns[SPEC_NS_PID].path;
	for (int k = 0; k < SPEC_NS_COUNT; k++)
		if (s->ns[k].given || (k == SPEC_NS_NET && l->in.netns_fd >= 0))
			sb->namespaces |= (unsigned)spec_ns_flag((enum spec_ns_kind)k);
	return r;
}

static int prepare(struct launch *l, struct berth_error *err)
{
	int r;

	r = check_terminal(l, err);
	if (r == 0)
		r = prepare_inside(l, err);
	if (r == 0)
		r = namespaces_prepare(l, err);
	if (r == 0)
		r = fill_sandbox(l, err);
	if (r == 0)
		r = prepare_become(l, err);
	if (r == 0)
		r = prepare_hooks(l, err);
	if (r == 0)
		r = rootfs_prepare(l, err);
	if (r == 0)
		r = devices_prepare(l, err);
	if (r == 0)
		r = make_groups(l, err);
	if (r == 0)
		r = mounts_prepare(l, err);
	if (r == 0)
		r = cgroup_open_tasks(&l->sb->cgroup, l->plan.tasks, PLAN_GROUPS_MAX,
				      &l->plan.n_tasks, err);
	return r;
}

static int clone_child(struct launch *l, struct berth_error *err)
{
	struct berth_sandbox *sb = l->sb;
	int group = cgroup_v2_fd(&sb->cgroup);
	struct clone_args args = {
		.flags = l->clone_flags | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&sb->pidfd,
		.exit_signal = SIGCHLD,
	};
	struct helper_job job = {
		.joins = l->joins,
		.n_joins = l->n_joins,
		.timens_offsets = l->timens_offsets,
		.clone_flags = l->clone_flags,
		.cgroup_fd = group,
		.child = child_main,
		.arg = l,
	};

	if (l->helper)
		return helper_clone(&job, &sb->pid, &sb->pidfd, err);
	if (group >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)group;
	}
	sb->pid = kernel_clone(&args);
	if (sb->pid == 0)
		child_main(l);
	if (sb->pid < 0) {
		sb->pid = 0;
		return berth_fail_errno(err, errno, "clone the container's first process");
	}
	return 0;
}

int report_receive(const struct berth_host *host, int channel, struct berth_op *op,
		   struct report *ret, bool *ret_end, struct berth_error *err)
{
	struct pollfd p[2] = {
		{.fd = channel, .events = POLLIN},
		{.fd = op ? host->cancel_fd(op) : -1, .events = POLLIN},
	};
	ssize_t n;

	while (op && poll(p, 2, -1) >= 0 && !p[0].revents)
		if (p[1].revents && host->cancelled(op))
			return berth_fail(err, BERTH_E_CANCELLED, "cancelled");
	do
		n = recv(channel, ret, sizeof(*ret), 0);
	while (n < 0 && errno == EINTR);
	/* a reset is an end: the child is gone, and something that we said was never read */
	if (n < 0 && errno != ECONNRESET)
		return berth_fail_errno(err, errno, "hear from the container's first process");
	*ret_end = n <= 0;
	if (n > 0 && (size_t)n != sizeof(*ret))
		return berth_fail(err, BERTH_E_INTERNAL,
				  "the container's first process speaks "
				  "another language");
	if (n > 0)
		ret->text[sizeof(ret->text) - 1] = '\0';
	return 0;
}

int report_fail(const struct report *report, struct berth_error *err)
{
	int code = report->code;
	const char *why = strerror(report->sys_errno);

	if (report->kind != REPORT_FAILED || code <= 0 || code > BERTH_E_INTERNAL)
		return berth_fail(err, BERTH_E_INTERNAL,
				  "unexpected answer %u of the container's "
				  "first process",
				  report->kind);
	if (report->complete)
		berth_fail(err, code, "%s", report->text);
	else if (code == BERTH_E_EXEC) /* as other runtimes write it, and clients read it */
		berth_fail(err, code, "%s: %c%s", report->text, why[0] | 0x20, why + 1);
	else
		berth_fail(err, code, "%s: %s", report->text, why);
	if (err)
		err->sys_errno = report->sys_errno;
	return -code;
}

int report_go(int channel, struct berth_error *err)
{
	if (send(channel, "g", 1, MSG_NOSIGNAL) == 1)
		return 0;
	return berth_fail_errno(err, errno, "speak to the container's first process");
}

static int run_create_hooks(struct launch *l, struct berth_error *err)
{
	cleanup_str struct str state = STR_INIT;
	int r = state_describe(l->sb, "creating", &state, err);

	if (r == 0)
		r = hooks_fill(l->state_memfd, (struct berth_str){state.p, state.len}, err);
	if (r == 0)
		r = hooks_run(&l->prestart, SPEC_HOOK_PRESTART, l->state_memfd, err);
	if (r == 0)
		r = hooks_run(&l->create_runtime, SPEC_HOOK_CREATE_RUNTIME, l->state_memfd, err);
	if (r < 0)
		return r;
	/* the ones to come are told of the next stage */
	str_clear(&state);
	r = state_describe(l->sb, l->plan.create_container.n ? "creating" : "created", &state, err);
	return r < 0 ? r : hooks_fill(l->state_memfd, (struct berth_str){state.p, state.len}, err);
}

/* Do what the child asks for, until it waits for start. */
static int attend(struct launch *l, struct berth_op *op, struct berth_error *err)
{
	for (;;) {
		struct report report;
		bool end = false;
		int r = report_receive(l->iso->host, l->channel, op, &report, &end, err);

		if (r < 0)
			return r;
		if (end)
			return berth_fail(
				err, BERTH_E_IO,
				"the container's first process ended before it was ready");
		switch (report.kind) {
		case REPORT_READY:
			return 0;
		case REPORT_WANTS_MAPS:
			r = namespaces_map(l->sb->pid, &l->spec->uids, &l->spec->gids, err);
			break;
		case REPORT_WANTS_HOOKS:
			l->sb->poststop_done = false;
			r = run_create_hooks(l, err);
			break;
		default:
			return report_fail(&report, err);
		}
		if (r == 0)
			r = report_go(l->channel, err);
		if (r < 0)
			return r;
	}
}

static int launch_child(struct launch *l, struct berth_op *op, struct berth_error *err)
{
	int pair[2];
	int r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return berth_fail_errno(err, errno, "make a channel");
	l->channel = pair[0];
	l->inside.channel = pair[1];
	r = clone_child(l, err);
	(void)close(pair[1]);
	if (r < 0)
		return r;
	launch_close_fds(l);
	close_fd(&l->root_fd);
	l->sb->start_ticks = state_start_ticks(l->sb->pid);
	return attend(l, op, err);
}

static int run_launch(struct launch *l, struct berth_op *op, struct berth_error *err)
{
	struct berth_sandbox *sb = l->sb;
	int r;

	r = cgroup_host_find(&l->iso->cgroups, err);
	if (r == 0)
		r = explain_spec(l->iso, l->spec, l->in.flags & BERTH_LAUNCH_DEGRADED, NULL, err);
	if (r == 0)
		r = prepare(l, err);
	if (r == 0)
		r = launch_child(l, op, err);
	if (r < 0) {
		struct berth_error ignored;

		/* whatever there is of it; a failure to clean up must not hide the first one */
		if (sandbox_destroy(sb, &ignored) < 0)
			berth_log(l->iso->host, BERTH_LOG_ERROR, "%s: %s", l->in.id, ignored.text);
		return r;
	}
	if (!sb->outlives)
		sb->channel = steal_fd(&l->channel);
	return 0;
}

static struct berth_sandbox *sandbox_new(struct berth_isolation *iso)
{
	struct berth_sandbox *sb = calloc(1, sizeof(*sb));

	if (!sb)
		return NULL;
	sb->iso = iso;
	sb->pidfd = -1;
	sb->channel = -1;
	sb->state_fd = -1;
	sb->poststop_done = true; /* until a hook before it has run */
	return sb;
}

int sandbox_create(struct berth_isolation *iso, const struct berth_launch *launch,
		   struct berth_op *op, struct berth_sandbox **ret, struct berth_error *err)
{
	cleanup_spec struct spec spec = {.tree = NULL};
	struct launch l = {
		.iso = iso,
		.spec = &spec,
		.root_fd = -1,
		.userns_fd = -1,
		.listener = -1,
		.channel = -1,
		.state_memfd = -1,
		.name_lock = -1,
	};
	int r = take_launch(launch, &l.in, err);

	if (r < 0)
		return r;
	r = spec_parse(l.in.spec, &spec, err);
	if (r < 0)
		return r;
	if (!iso->program.known)
		own_program_find(&iso->program);
	l.sb = sandbox_new(iso);
	if (!l.sb)
		return no_memory(err);
	r = run_launch(&l, op, err);
	launch_done(&l);
	if (r < 0) {
		sandbox_free(l.sb);
		return r;
	}
	l.sb->poststop_done = false;
	*ret = l.sb;
	return 0;
}

static int connect_start(struct berth_sandbox *sb, struct berth_error *err)
{
	struct berth_error why = {0};
	int r;

	if (!sb->outlives || sb->state_fd < 0)
		return berth_fail(err, BERTH_E_NOT_FOUND,
				  "container '%s' ended with the process that made it", sb->id);
	r = msg_connect(sb->state_fd, START_SOCKET, &sb->channel, &why);
	if (r == -BERTH_E_NOT_FOUND || r == -BERTH_E_UNREACHABLE)
		return berth_fail(err, BERTH_E_BUSY, "container '%s' was started already", sb->id);
	return r < 0 ? berth_fail(err, -r, "%s", why.text) : 0;
}

/* The child goes on to exec, which closes its end; or it says what is in the way. */
static int await_exec(struct berth_sandbox *sb, struct berth_error *err)
{
	for (;;) {
		struct report report;
		bool end = false;
		int r = report_receive(sb->iso->host, sb->channel, NULL, &report, &end, err);

		if (r < 0 || end)
			return r;
		if (report.kind != REPORT_NOTIFY)
			return report_fail(&report, err);
		r = notify_hand_over(sb, sb->pidfd, sb->pid, report.number, "running", err);
		if (r == 0)
			r = report_go(sb->channel, err);
		if (r < 0)
			return r;
	}
}

int sandbox_start(struct berth_sandbox *sb, struct berth_error *err)
{
	int r;

	if (sb->state != SANDBOX_CREATED)
		return berth_fail(err, BERTH_E_BUSY, "container '%s' was started already", sb->id);
	if (sb->channel < 0) {
		r = connect_start(sb, err);
		if (r < 0)
			return r;
	}
	r = report_go(sb->channel, NULL);
	if (r < 0) {
		close_fd(&sb->channel);
		return berth_fail(err, BERTH_E_NOT_FOUND, "container '%s' is dead", sb->id);
	}
	r = await_exec(sb, err);
	close_fd(&sb->channel);
	sb->state = SANDBOX_STARTED;
	if (r < 0) {
		(void)sandbox_kill(sb, NULL); /* it has ended, or has no way on */
		return r;
	}
	sb->started_ns = (uint64_t)clock_now_ns();
	if (sb->outlives && sb->state_fd >= 0)
		(void)state_unlink(sb->state_fd, START_SOCKET, NULL);
	if (sb->hooks)
		sandbox_run_hooks(sb, SPEC_HOOK_POSTSTART, "running");
	return 0;
}
