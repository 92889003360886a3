/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which namespaces are new, which are joined, and by whom:
 *
 *  - new ones are made by clone3, so that they belong to the new user namespace if there is one;
 *    but a cgroup namespace is made by the child when it is in its groups;
 *  - joined ones are entered by the child itself, as long as that can be: not the pid namespace,
 *    which only a later child is born into, and nothing once the child lives in a user namespace of
 *    its own, where it has no rights over what belongs to the host. Then, and to set the clocks of
 *    a time namespace, a process in between enters, clones the real child as its sister, and ends.
 *    The caller's own namespaces never change.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/path.h"
#include "kernel.h"
#include "native.h"

static bool is_same_namespace(int fd, const char *name)
{
	char path[40];
	struct stat a, b;

	(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

static const char *proc_name(enum spec_ns_kind kind)
{
	switch (kind) {
	case SPEC_NS_MOUNT:
		return "mnt";
	case SPEC_NS_NET:
		return "net";
	case SPEC_NS_PID:
	case SPEC_NS_UTS:
	case SPEC_NS_IPC:
	case SPEC_NS_CGROUP:
	case SPEC_NS_USER:
	case SPEC_NS_TIME:
	case SPEC_NS_COUNT:
		break;
	}
	return spec_ns_name(kind);
}

/* The namespace to join, or -1 for a new one or the caller's own. */
static int open_join(struct launch *l, enum spec_ns_kind kind, int *ret_fd, struct berth_error *err)
{
	const struct spec_namespace *ns = &l->spec->ns[kind];
	cleanup_fd int fd = -1;

	*ret_fd = -1;
	if (kind == SPEC_NS_NET && l->in.netns_fd >= 0) {
		*ret_fd = l->in.netns_fd;
		return 0;
	}
	if (kind == SPEC_NS_USER && ns->given && l->in.userns_fd >= 0) {
		*ret_fd = l->in.userns_fd;
		return 0;
	}
	if (!ns->path)
		return 0;
	fd = open(ns->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return berth_fail_errno(err, errno, "%s namespace '%s'", spec_ns_name(kind),
					ns->path);
	if (is_same_namespace(fd, proc_name(kind))) {
		if (kind == SPEC_NS_MOUNT)
			return berth_fail(err, BERTH_E_INVALID,
					  "mount namespace '%s' is the engine's own", ns->path);
		l->spec->ns[kind] = (struct spec_namespace){.given = false};
		return 0;
	}
	return launch_keep_fd(l, &fd, ret_fd, err);
}

static int prepare_userns(struct launch *l, int joined, struct berth_error *err)
{
	const struct spec *s = l->spec;

	if (!s->ns[SPEC_NS_USER].given || joined >= 0)
		return 0;
	if (!s->uids.n || !s->gids.n)
		return berth_fail(
			err, BERTH_E_INVALID,
			"key 'linux.uidMappings' and 'gidMappings' are missing for the new "
			"user namespace");
	l->plan.wait_maps = true;
	return 0;
}

static char *offsets_text(struct launch *l)
{
	const struct spec *s = l->spec;

	return arena_fmt(&l->arena, "monotonic %lld %u\nboottime %lld %u\n",
			 (long long)s->monotonic.secs, s->monotonic.nanosecs,
			 (long long)s->boottime.secs, s->boottime.nanosecs);
}

int namespaces_prepare(struct launch *l, struct berth_error *err)
{
	int fds[SPEC_NS_COUNT];
	size_t n = 0;
	int r;

	for (int k = 0; k < SPEC_NS_COUNT; k++) {
		r = open_join(l, (enum spec_ns_kind)k, &fds[k], err);
		if (r < 0)
			return r;
	}
	r = prepare_userns(l, fds[SPEC_NS_USER], err);
	if (r < 0)
		return r;
	if (l->spec->monotonic.given || l->spec->boottime.given) {
		l->timens_offsets = offsets_text(l);
		if (!l->timens_offsets)
			return no_memory(err);
	}
	for (int k = 0; k < SPEC_NS_COUNT; k++) {
		const struct spec_namespace *ns = &l->spec->ns[k];

		if (k == SPEC_NS_USER)
			continue;
		if (fds[k] >= 0)
			l->joins[n++] = (struct plan_join){fds[k], (enum spec_ns_kind)k};
		else if (k == SPEC_NS_CGROUP)
			l->plan.own_cgroupns = ns->given;
		else if (ns->given && !(k == SPEC_NS_TIME && l->timens_offsets))
			l->clone_flags |= (uint64_t)spec_ns_flag((enum spec_ns_kind)k);
	}
	l->helper = fds[SPEC_NS_PID] >= 0 || l->timens_offsets || fds[SPEC_NS_USER] >= 0 ||
		    (l->spec->ns[SPEC_NS_USER].given && n > 0);
	if (fds[SPEC_NS_USER] >= 0) /* last: from then on there are no rights over the others */
		l->joins[n++] = (struct plan_join){fds[SPEC_NS_USER], SPEC_NS_USER};
	else if (l->spec->ns[SPEC_NS_USER].given)
		l->clone_flags |= CLONE_NEWUSER;
	l->n_joins = n;
	if (!l->helper) {
		memcpy(l->plan.joins, l->joins, n * sizeof(l->joins[0]));
		l->plan.n_joins = n;
	}
	l->plan.root_in_userns = l->spec->ns[SPEC_NS_USER].given &&
				 spec_idmap_out(&l->spec->uids, 0) >= 0 &&
				 spec_idmap_out(&l->spec->gids, 0) >= 0;
	return 0;
}

char *namespaces_map_text(const struct spec_idmaps *maps)
{
	struct str out = STR_INIT;

	for (size_t i = 0; i < maps->n; i++)
		str_addf(&out, "%u %u %u\n", maps->v[i].inside, maps->v[i].outside,
			 maps->v[i].count);
	return str_steal(&out);
}

static int write_map(pid_t pid, const char *file, const struct spec_idmaps *maps,
		     struct berth_error *err)
{
	cleanup_free char *text = namespaces_map_text(maps);
	cleanup_fd int fd = -1;
	char path[64];

	if (!text)
		return no_memory(err);
	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return berth_fail_errno(err, errno, "write %s of the user namespace", file);
	return 0;
}

int namespaces_map(pid_t pid, const struct spec_idmaps *uids, const struct spec_idmaps *gids,
		   struct berth_error *err)
{
	int r = write_map(pid, "uid_map", uids, err);

	return r < 0 ? r : write_map(pid, "gid_map", gids, err);
}

/* A user namespace lives as long as a process or a descriptor is in it. */
int namespaces_make_user(const struct spec_idmaps *uids, const struct spec_idmaps *gids,
			 int *ret_fd, struct berth_error *err)
{
	int pidfd = -1;
	struct clone_args args = {
		.flags = CLONE_NEWUSER | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
	};
	cleanup_fd int fd = -1;
	siginfo_t info;
	char path[40];
	pid_t pid = kernel_clone(&args);
	int r;

	if (pid < 0)
		return berth_fail_errno(err, errno, "make a user namespace");
	if (pid == 0)
		for (;;)
			(void)pause(); /* until killed */
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	r = namespaces_map(pid, uids, gids, err);
	if (r == 0) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			r = berth_fail_errno(err, errno, "open '%s'", path);
	}
	(void)kernel_pidfd_signal(pidfd, SIGKILL);
	while (waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0 && errno == EINTR)
		;
	(void)close(pidfd);
	if (r < 0)
		return r;
	*ret_fd = steal_fd(&fd);
	return 0;
}

static void helper_failed(struct helper_result *result, const char *what) __attribute__((noreturn));

static void helper_failed(struct helper_result *result, const char *what)
{
	result->sys_errno = errno;
	for (size_t i = 0; i + 1 < sizeof(result->what) && what[i]; i++)
		result->what[i] = what[i];
	_exit(1);
}

static void helper_main(const struct helper_job *job, struct helper_result *result)
	__attribute__((noreturn));

static void helper_main(const struct helper_job *job, struct helper_result *result)
{
	struct clone_args args = {
		.flags = job->clone_flags | CLONE_PARENT | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&result->pidfd,
	};
	pid_t pid;

	/* from the moment it is in there, no process of the container may look into it */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		helper_failed(result, "become undumpable");
	if (job->cgroup_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)job->cgroup_fd;
	}
	if (job->timens_offsets) {
		if (unshare(CLONE_NEWTIME) < 0)
			helper_failed(result, "make a time namespace");
		errno = -inside_write_file(AT_FDCWD, "/proc/self/timens_offsets",
					   job->timens_offsets);
		if (errno)
			helper_failed(result, "set linux.timeOffsets");
	}
	for (size_t i = 0; i < job->n_joins; i++)
		if (setns(job->joins[i].fd, spec_ns_flag(job->joins[i].kind)) < 0)
			helper_failed(result, spec_ns_name(job->joins[i].kind));
	pid = kernel_clone(&args);
	if (pid < 0)
		helper_failed(result, "clone");
	if (pid == 0) {
		job->child(job->arg);
		_exit(1);
	}
	result->pid = pid;
	_exit(0);
}

int helper_clone(const struct helper_job *job, pid_t *ret_pid, int *ret_pidfd,
		 struct berth_error *err)
{
	/* the descriptor that the helper gets of the child is to be ours */
	struct clone_args args = {.flags = CLONE_FILES, .exit_signal = SIGCHLD};
	struct helper_result *result;
	siginfo_t info;
	pid_t pid;
	int r = 0;

	result = mmap(NULL, sizeof(*result), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (result == MAP_FAILED)
		return no_memory(err);
	result->pidfd = -1;
	pid = kernel_clone(&args);
	if (pid == 0)
		helper_main(job, result);
	if (pid < 0)
		r = berth_fail_errno(err, errno, "clone");
	while (pid > 0 && waitid(P_PID, (id_t)pid, &info, WEXITED) < 0 && errno == EINTR)
		;
	if (r == 0 && result->pid == 0)
		r = berth_fail_errno(err, result->sys_errno ? result->sys_errno : ESRCH,
				     "enter namespaces: %s",
				     result->what[0] ? result->what : "the helper ended");
	if (r == 0) {
		*ret_pid = result->pid;
		*ret_pidfd = result->pidfd;
	}
	(void)munmap(result, sizeof(*result));
	return r;
}
