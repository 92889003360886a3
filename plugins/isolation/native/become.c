/* SPDX-License-Identifier: Apache-2.0 */
/* The child's half. What the parent prepares is in become_prepare.c. */
#include "become.h"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/seccomp.h>

#include "caps.h"
#include "home.h"
#include "hooks.h"
#include "kernel.h"

enum { SIGNALS = 64 };

/* As sched_setattr(2) takes it. */
struct sched_request {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

static void reset_signals(void)
{
	struct sigaction usual = {.sa_handler = SIG_DFL};
	sigset_t none;

	for (int i = 1; i <= SIGNALS; i++)
		if (i != SIGKILL && i != SIGSTOP)
			(void)sigaction(i, &usual, NULL); /* the C library keeps two to itself */
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void set_oom_score(const struct inside *in, const struct become *b, int proc)
{
	char text[24];
	int r;

	if (!b->process->has_oom_score_adj)
		return;
	r = inside_write_file(proc, "self/oom_score_adj",
			      inside_number(text, b->process->oom_score_adj));
	if (r == -EACCES && b->own_userns)
		return; /* only the host's root may lower it; a lower one than ours does no harm */
	if (r == -EACCES)
		inside_die(in, BERTH_E_DENIED, EACCES,
			   "set oomScoreAdj to %d (a lower one than the engine's own needs "
			   "CAP_SYS_RESOURCE)",
			   b->process->oom_score_adj);
	if (r < 0)
		inside_die(in, 0, -r, "set oomScoreAdj to %d", b->process->oom_score_adj);
}

/* A container's own /proc may be something else that only looks like it. */
static int open_proc(const struct inside *in, const struct become *b)
{
	int fd = b->proc_fd;

	if (fd < 0)
		fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		inside_die(in, 0, errno, "open '/proc'");
	return fd;
}

void become_begin(const struct inside *in, struct become *b)
{
	int proc;

	/* nothing of ours may get through, even if a later step were forgotten */
	if (kernel_close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
		inside_die(in, 0, errno, "close_range");
	reset_signals();
	if (b->has_initial && sched_setaffinity(0, sizeof(b->cpus_initial), &b->cpus_initial) < 0)
		inside_die(in, 0, errno, "set execCPUAffinity.initial");
	proc = open_proc(in, b);
	set_oom_score(in, b, proc);
	if (b->label) {
		b->label_fd = openat(proc, b->label_path, O_WRONLY | O_CLOEXEC);
		if (b->label_fd < 0)
			inside_die(in, 0, errno, "open '/proc/%s'", b->label_path);
	}
	(void)close(proc);
	/* no process of the container may look into this one, nor reach its files through /proc */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		inside_die(in, 0, errno, "become undumpable");
	if (setsid() < 0 && errno != EPERM)
		inside_die(in, 0, errno, "begin a session");
}

void become_stdio(const struct inside *in, const struct become *b)
{
	int from[3];

	for (int i = 0; i < 3; i++) {
		from[i] = b->stdio[i];
		/* one that another takes the place of is moved out of the way */
		if (from[i] >= 0 && from[i] < 3 && from[i] != i)
			from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, 3);
		else if (from[i] < 0)
			from[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (from[i] < 0)
			inside_die(in, 0, errno, "standard descriptor %d", i);
	}
	for (int i = 0; i < 3; i++) {
		int r = from[i] == i ? fcntl(i, F_SETFD, 0) : dup2(from[i], i);

		if (r < 0)
			inside_die(in, 0, errno, "standard descriptor %d", i);
	}
}

/*
 * Really close what is not the program's, rather than at exec: a working directory, a program or a
 * script's interpreter may be named /proc/self/fd/N. What must stay open until exec (the channel,
 * the state for hooks) is no directory.
 */
static void close_foreign(struct inside *in, struct become *b)
{
	int at = 3 + (int)b->preserve;
	int channel = in->channel;

	if (b->start_container.n) {
		int state = fcntl(b->state_fd, F_DUPFD_CLOEXEC, at + 2);
		int moved = fcntl(channel, F_DUPFD_CLOEXEC, at + 2);

		if (state < 0 || moved < 0 || dup3(moved, at, O_CLOEXEC) < 0 ||
		    dup3(state, at + 1, O_CLOEXEC) < 0)
			inside_die(in, 0, errno, "put descriptors in order");
		b->state_fd = at + 1;
	} else if (channel != at && dup3(channel, at, O_CLOEXEC) < 0) {
		inside_die(in, 0, errno, "put descriptors in order");
	}
	in->channel = at;
	at += b->start_container.n ? 2 : 1;
	if (kernel_close_range((unsigned)at, ~0u, 0) < 0)
		inside_die(in, 0, errno, "close descriptors");
}

static void set_rlimits(const struct inside *in, const struct spec_process *p)
{
	for (size_t i = 0; i < p->n_rlimits; i++) {
		const struct spec_rlimit *l = &p->rlimits[i];
		struct rlimit limit = {l->soft, l->hard};

		if (setrlimit(l->resource, &limit) == 0)
			continue;
		if (errno == EPERM)
			inside_die(in, BERTH_E_DENIED, EPERM,
				   "set %s (above the engine's own limit needs CAP_SYS_RESOURCE)",
				   l->name);
		inside_die(in, 0, errno, "set %s", l->name);
	}
}

static void set_scheduling(const struct inside *in, const struct become *b)
{
	const struct spec_process *p = b->process;
	const struct spec_scheduler *s = &p->scheduler;

	if (s->given) {
		struct sched_request request = {
			.size = sizeof(request),
			.policy = s->policy,
			.flags = s->flags,
			.nice = s->nice,
			.priority = s->priority,
			.runtime = s->runtime,
			.deadline = s->deadline,
			.period = s->period,
		};

		if (syscall(SYS_sched_setattr, 0, &request, 0) < 0)
			inside_die(in, 0, errno, "set the scheduler");
	}
	if (p->ioprio && syscall(SYS_ioprio_set, 1, 0, p->ioprio) < 0)
		inside_die(in, 0, errno, "set ioPriority");
	if (b->has_final && sched_setaffinity(0, sizeof(b->cpus_final), &b->cpus_final) < 0)
		inside_die(in, 0, errno, "set execCPUAffinity.final");
	if (b->has_personality && personality(b->personality) < 0)
		inside_die(in, 0, errno, "set the personality");
}

static void write_label(const struct inside *in, const struct become *b)
{
	int r;

	if (b->label_fd < 0)
		return;
	r = inside_write(b->label_fd, b->label);
	if (r < 0)
		inside_die(in, 0, -r, "take the security label '%s'", b->label);
}

static void set_ids(const struct inside *in, const struct spec_process *p)
{
	const char *why = " (is it mapped in the user namespace?)";

	if (syscall(SYS_setgroups, p->n_groups, p->groups) < 0 && p->n_groups)
		inside_die(in, 0, errno, "set the additional groups%s", errno == EINVAL ? why : "");
	if (syscall(SYS_setresgid, p->gid, p->gid, p->gid) < 0)
		inside_die(in, 0, errno, "become group %d%s", (int)p->gid,
			   errno == EINVAL ? why : "");
	if (syscall(SYS_setresuid, p->uid, p->uid, p->uid) < 0)
		inside_die(in, 0, errno, "become user %d%s", (int)p->uid,
			   errno == EINVAL ? why : "");
}

/*
 * In the end the kernel computes the capabilities anew at exec, from the bounding, inheritable and
 * ambient sets; permitted and effective are those of the last steps before. So CAP_SYS_ADMIN may
 * stay until then for the filter, which needs it unless no_new_privs is set.
 */
static void drop_privileges(const struct inside *in, const struct become *b)
{
	bool needs_admin = b->filter.len && !b->process->no_new_privileges;
	uint64_t extra = needs_admin ? UINT64_C(1) << CAP_SYS_ADMIN : 0;
	int r;

	r = caps_bound(b->caps.bounding);
	if (r < 0)
		inside_die(in, 0, -r, "drop capabilities from the bounding set");
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		inside_die(in, 0, errno, "keep capabilities");
	set_ids(in, b->process);
	r = caps_take(&b->caps, extra);
	if (r < 0)
		inside_die(in, 0, -r, "set capabilities");
}

/* A directory that is not below our root is one of the host's: never go on from there. */
static void check_cwd(const struct inside *in, const char *cwd)
{
	char *path = in->scratch[0];

	if (syscall(SYS_getcwd, path, INSIDE_PATH_MAX) < 0)
		inside_die(in, 0, errno, "working directory '%s'", cwd);
	if (path[0] != '/')
		inside_die(in, BERTH_E_DENIED, 0,
			   "working directory '%s' is outside of the container", cwd);
}

static void enter_cwd(const struct inside *in, const char *cwd, bool entered)
{
	/* not as root: then perhaps as the user (network filesystems, private directories) */
	if (!entered && chdir(cwd) < 0)
		inside_die(in, 0, errno, "working directory '%s'", cwd);
	check_cwd(in, cwd);
}

static void load_filter(const struct inside *in, const struct become *b)
{
	unsigned flags = b->filter_flags;
	long fd;

	if (!b->filter.len)
		return;
	if (b->filter_notify)
		flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
	fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &b->filter);
	if (fd < 0)
		inside_die(in, 0, errno, "load the seccomp filter");
	if (b->filter_notify) {
		inside_sync(in, REPORT_NOTIFY, (int)fd);
		(void)close((int)fd);
	}
}

static void preserve_fds(const struct inside *in, const struct become *b)
{
	for (uint32_t i = 0; i < b->preserve; i++)
		if (fcntl(3 + (int)i, F_SETFD, 0) < 0)
			inside_die(in, 0, errno, "hand on descriptor %d", 3 + (int)i);
}

static void cannot_execute(const struct inside *in, const struct become *b, int sys_errno)
{
	const char *name = b->process->args[0];

	if (b->searched && (sys_errno == ENOENT || sys_errno == EACCES || sys_errno == ENOTDIR))
		inside_die_exec(in, ENOENT, "exec: \"%s\": executable file not found in $PATH",
				name);
	/* if it is there, then it is its interpreter that is not */
	if (sys_errno == ENOENT && access(name, F_OK) < 0)
		inside_die_exec(in, ENOENT, "exec: \"%s\": stat %s: no such file or directory",
				name, name);
	inside_die(in, BERTH_E_EXEC, sys_errno, "exec: \"%s\"", name);
}

static void execute(const struct inside *in, const struct become *b)
{
	char *const *argv = (char *const *)b->process->args;
	char *const *envp = (char *const *)b->envp;
	int why = ENOENT;

	for (const char *const *path = b->tries; *path; path++) {
		(void)execve(*path, argv, envp);
		if (errno == EACCES)
			why = EACCES;
		else if (errno != ENOENT && errno != ENOTDIR)
			cannot_execute(in, b, errno);
		else if (!b->searched)
			why = errno;
	}
	cannot_execute(in, b, why);
}

/*
 * Is @path, or what its first line names, our own program? Executed in there it would hand the
 * container a way to the file on the host (/proc/self/exe). Only asked where that file is not
 * protected by its mount.
 */
static bool is_own_program(const struct become *b, const char *path, char *line, int depth)
{
	struct stat st;
	ssize_t n;
	char *name;
	int fd;

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	if (st.st_dev == b->exe_dev && st.st_ino == b->exe_ino)
		return true;
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = pread(fd, line, 256, 0);
	(void)close(fd);
	if (n < 3 || line[0] != '#' || line[1] != '!' || depth == 0)
		return false;
	line[n] = '\0';
	for (name = line + 2; *name == ' ' || *name == '\t'; name++)
		;
	name[strcspn(name, " \t\n")] = '\0';
	return is_own_program(b, name, line + 512, depth - 1);
}

static void refuse_own_program(const struct inside *in, const struct become *b)
{
	if (!b->guard_exe)
		return;
	for (const char *const *path = b->tries; *path; path++)
		if (is_own_program(b, *path, in->scratch[0], 5))
			inside_die(in, BERTH_E_EXEC, EACCES, "exec: \"%s\"", b->process->args[0]);
}

void become_program(struct inside *in, struct become *b)
{
	const struct spec_process *p = b->process;
	bool entered;

	write_label(in, b);
	close_foreign(in, b);
	set_rlimits(in, p);
	set_scheduling(in, b);
	if (p->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		inside_die(in, 0, errno, "set no_new_privs");
	if (b->find_home)
		home_find(in, b);
	entered = chdir(p->cwd) == 0;
	if (entered)
		check_cwd(in, p->cwd);
	refuse_own_program(in, b);
	drop_privileges(in, b);
	(void)umask(p->has_umask ? p->umask : 0022);
	enter_cwd(in, p->cwd, entered);
	load_filter(in, b);
	hooks_run_inside(in, &b->start_container, b->state_fd);
	preserve_fds(in, b);
	execute(in, b);
	_exit(1); /* not reached: execute ends the child */
}
