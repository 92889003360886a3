/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One more process in a running container: a process in between enters the container's namespaces
 * by its pidfd and clones the real one, so that it is born into the pid namespace and is our child.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "become.h"
#include "console.h"
#include "kernel.h"
#include "native.h"

/* An exec on its way. */
struct entry {
	struct berth_sandbox *sb;
	struct arena arena;
	struct record *tree;
	struct spec_process process;
	struct spec_idmap uid_map[8];
	struct spec_idmaps uids;
	struct become become;
	struct inside inside;
	struct plan_join joins[SPEC_NS_COUNT];
	size_t n_joins;
	int tasks[PLAN_GROUPS_MAX];
	size_t n_tasks;
	int channel; /* our end */
	int proc;
	int console_socket;
	bool root_in_userns;
	pid_t pid;
	int pidfd;
};

static void entry_done(struct entry *e)
{
	for (size_t i = 0; i < e->n_tasks; i++)
		(void)close(e->tasks[i]);
	close_fd(&e->channel);
	close_fd(&e->proc);
	close_fd(&e->pidfd);
	record_free(e->tree);
	arena_done(&e->arena);
}
#define cleanup_entry cleanup_with(entry_done)

/* "0 100000 65536\n" lines, as the sandbox keeps them. */
static void read_uids(struct entry *e)
{
	const char *at = e->sb->uids;
	size_t n = 0;

	while (at && *at && n < sizeof(e->uid_map) / sizeof(e->uid_map[0])) {
		struct spec_idmap *m = &e->uid_map[n];
		char *end = strchr(at, '\n');

		if (sscanf(at, "%u %u %u", &m->inside, &m->outside, &m->count) == 3)
			n++;
		at = end ? end + 1 : NULL;
	}
	e->uids = (struct spec_idmaps){e->uid_map, n};
}

static int parse(struct entry *e, struct berth_str text, struct berth_error *err)
{
	struct parser p = {.arena = &e->arena, .err = err};
	struct fields f;
	int r;

	if (text.n > SPEC_BYTES_MAX)
		return berth_fail(err, BERTH_E_LIMIT, "the process is longer than %d bytes",
				  SPEC_BYTES_MAX);
	r = record_parse(text.p, text.n, 0, &e->tree, err);
	if (r < 0)
		return r;
	f = fields_of(&p, e->tree, "process");
	spec_read_process(&f, &e->process);
	return p.r;
}

static int prepare(struct entry *e, const struct berth_exec *exec, struct berth_error *err)
{
	struct berth_sandbox *sb = e->sb;
	struct become_input input = {
		.host = sb->iso->host,
		.arena = &e->arena,
		.process = &e->process,
		.stdio = exec->stdio,
		.preserve = exec->preserve_fds,
		.own_userns = (sb->namespaces & CLONE_NEWUSER) != 0,
		.uids = &e->uids,
		.program = &sb->iso->program,
	};
	int r;

	if (e->process.terminal && exec->console_socket < 0)
		return berth_fail(err, BERTH_E_INVALID,
				  "key 'process.terminal' is true, and there is no console socket");
	read_uids(e);
	e->root_in_userns = input.own_userns && spec_idmap_out(&e->uids, 0) >= 0;
	e->console_socket = exec->console_socket;
	for (int i = 0; i < 2; i++) {
		e->inside.scratch[i] = arena_alloc(&e->arena, INSIDE_PATH_MAX);
		if (!e->inside.scratch[i])
			return no_memory(err);
	}
	r = become_prepare(&input, &e->become, err);
	if (r < 0)
		return r;
	e->proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (e->proc < 0)
		return berth_fail_errno(err, errno, "open '/proc'");
	e->become.proc_fd = e->proc;
	e->become.filter = (struct sock_fprog){(unsigned short)sb->filter.n, sb->filter.insns};
	e->become.filter_flags = sb->filter.flags;
	e->become.filter_notify = sb->filter.notify;
	e->become.has_personality = sb->has_personality;
	e->become.personality = sb->personality;
	/* the user namespace comes last: from then on there are no rights over the others */
	for (int k = 0; k < SPEC_NS_COUNT; k++)
		if (k != SPEC_NS_USER &&
		    (sb->namespaces & (unsigned)spec_ns_flag((enum spec_ns_kind)k)))
			e->joins[e->n_joins++] =
				(struct plan_join){sb->pidfd, (enum spec_ns_kind)k};
	if (sb->namespaces & CLONE_NEWUSER)
		e->joins[e->n_joins++] = (struct plan_join){sb->pidfd, SPEC_NS_USER};
	return cgroup_open_tasks(&sb->cgroup, e->tasks, PLAN_GROUPS_MAX, &e->n_tasks, err);
}

static void child(void *entry_)
{
	struct entry *e = entry_;
	struct inside *in = &e->inside;
	int root;

	(void)close(e->channel);
	for (size_t i = 0; i < e->n_tasks; i++) {
		int r = inside_write(e->tasks[i], "0");

		if (r < 0)
			inside_die(in, 0, -r, "join a cgroup");
	}
	become_begin(in, &e->become);
	if (e->root_in_userns &&
	    (syscall(SYS_setresgid, 0, 0, 0) < 0 || syscall(SYS_setgroups, 0, NULL) < 0 ||
	     syscall(SYS_setresuid, 0, 0, 0) < 0))
		inside_die(in, 0, errno, "become root in the user namespace");
	if (e->process.terminal) {
		root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (root < 0)
			inside_die(in, 0, errno, "open the container's root");
		console_take(in, root, &e->process, e->console_socket, false);
	} else {
		become_stdio(in, &e->become);
	}
	become_program(in, &e->become);
}

static int spawn(struct entry *e, struct berth_error *err)
{
	struct helper_job job = {
		.joins = e->joins,
		.n_joins = e->n_joins,
		.cgroup_fd = cgroup_v2_fd(&e->sb->cgroup),
		.child = child,
		.arg = e,
	};
	int pair[2];
	int r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return berth_fail_errno(err, errno, "make a channel");
	e->channel = pair[0];
	e->inside.channel = pair[1];
	r = helper_clone(&job, &e->pid, &e->pidfd, err);
	(void)close(pair[1]);
	if (r == -BERTH_E_NOT_FOUND)
		return berth_fail(err, BERTH_E_NOT_FOUND, "container '%s' is dead", e->sb->id);
	return r;
}

/* Its end of the channel closes by exec; before, it says what is in the way. */
static int await(struct entry *e, struct berth_op *op, struct berth_error *err)
{
	for (;;) {
		struct report report;
		bool end = false;
		int r = report_receive(e->sb->iso->host, e->channel, op, &report, &end, err);

		if (r < 0 || end)
			return r;
		if (report.kind != REPORT_NOTIFY)
			return report_fail(&report, err);
		r = notify_hand_over(e->sb, e->pidfd, e->pid, report.number, "running", err);
		if (r == 0)
			r = report_go(e->channel, err);
		if (r < 0)
			return r;
	}
}

static void end_child(struct entry *e)
{
	siginfo_t info;

	if (e->pidfd < 0)
		return;
	(void)kernel_pidfd_signal(e->pidfd, SIGKILL); /* it may have ended by itself */
	while (waitid((idtype_t)P_PIDFD, (id_t)e->pidfd, &info, WEXITED) < 0 && errno == EINTR)
		;
}

int sandbox_exec(struct berth_sandbox *sb, const struct berth_exec *exec, struct berth_op *op,
		 int *ret_pidfd, struct berth_error *err)
{
	cleanup_entry struct entry e = {.sb = sb, .channel = -1, .proc = -1, .pidfd = -1};
	struct berth_exec in = {.stdio = {-1, -1, -1}, .console_socket = -1};
	int r;

	memcpy(&in, exec, exec->size < sizeof(in) ? exec->size : sizeof(in));
	if (sandbox_is_dead(sb))
		return berth_fail(err, BERTH_E_NOT_FOUND, "container '%s' is dead", sb->id);
	if (cgroup_is_frozen(&sb->cgroup))
		return berth_fail(err, BERTH_E_BUSY, "container '%s' is frozen", sb->id);
	r = parse(&e, in.process, err);
	if (r == 0)
		r = prepare(&e, &in, err);
	if (r == 0)
		r = spawn(&e, err);
	if (r < 0)
		return r;
	r = await(&e, op, err);
	if (r < 0) {
		end_child(&e);
		return r;
	}
	*ret_pidfd = steal_fd(&e.pidfd);
	return 0;
}
