/* SPDX-License-Identifier: Apache-2.0 */
/* A container's first process, from clone to exec, in the order of the specification. */
#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/keyctl.h>

#include "become.h"
#include "console.h"
#include "devices.h"
#include "hooks.h"
#include "kernel.h"
#include "mounts.h"
#include "native.h"
#include "rootfs.h"

/*
 * v1: a process that moves itself, alone, needs no lock over all of its threads; to be moved by
 * another one costs a grace period of 10 ms.
 */
static void join_groups(const struct inside *in, const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_tasks; i++) {
		int r = inside_write(plan->tasks[i], "0");

		if (r < 0)
			inside_die(in, 0, -r, "join a cgroup");
	}
}

static void join_namespaces(const struct inside *in, const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_joins; i++)
		if (setns(plan->joins[i].fd, spec_ns_flag(plan->joins[i].kind)) < 0)
			inside_die(in, 0, errno, "join the %s namespace",
				   spec_ns_name(plan->joins[i].kind));
	if (plan->wait_maps)
		inside_sync(in, REPORT_WANTS_MAPS, 0);
	if (plan->root_in_userns &&
	    (syscall(SYS_setresgid, 0, 0, 0) < 0 || syscall(SYS_setgroups, 0, NULL) < 0 ||
	     syscall(SYS_setresuid, 0, 0, 0) < 0))
		inside_die(in, 0, errno, "become root in the user namespace");
	/* after the groups, which are to be its root */
	if (plan->own_cgroupns && unshare(CLONE_NEWCGROUP) < 0)
		inside_die(in, 0, errno, "make a cgroup namespace");
}

/* Keys are not in any namespace: without one of its own it would be the engine's session keyring.
 */
static void begin_keyring(const struct inside *in, const char *id)
{
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, id) < 0 && errno != ENOSYS &&
	    errno != EPERM)
		inside_die(in, 0, errno, "make a session keyring");
}

static void set_names(const struct inside *in, const struct plan *plan)
{
	if (plan->hostname && sethostname(plan->hostname, strlen(plan->hostname)) < 0)
		inside_die(in, 0, errno, "set hostname '%s'", plan->hostname);
	if (plan->domainname && setdomainname(plan->domainname, strlen(plan->domainname)) < 0)
		inside_die(in, 0, errno, "set domainname '%s'", plan->domainname);
}

/* Through the host's /proc, which shows each namespace's settings to who is in it. */
static void set_sysctls(const struct inside *in, const struct plan *plan)
{
	int dir;

	if (!plan->n_sysctls)
		return;
	dir = open("/proc/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		inside_die(in, 0, errno, "open '/proc/sys'");
	for (size_t i = 0; i < plan->n_sysctls; i++) {
		int r = inside_write_file(dir, plan->sysctls[i].path, plan->sysctls[i].value);

		if (r < 0)
			inside_die(in, 0, -r, "set sysctl '%s' to '%s'", plan->sysctls[i].path,
				   plan->sysctls[i].value);
	}
	(void)close(dir);
}

/* An image may name a working directory that no layer has; docker and runc make it. */
static void make_cwd(const struct inside *in, const struct plan *plan)
{
	const char *cwd = plan->become.process->cwd;
	int fd = inside_open(plan->root_fd, cwd, O_PATH, 0);

	if (fd == -ELOOP)
		inside_die(in, BERTH_E_INVALID, ELOOP, "working directory '%s'", cwd);
	if (fd < 0)
		fd = inside_target(in, plan->root_fd, cwd, false);
	(void)close(fd);
}

static void connect_stdio(const struct inside *in, const struct plan *plan)
{
	const struct become *b = &plan->become;

	if (b->process->terminal)
		console_take(in, plan->root_fd, b->process, plan->console_socket, plan->dev_links);
	else
		become_stdio(in, b);
}

/* From now on nobody but start can let us go; its end, and nobody's waiting, is ours. */
static void await_start(struct inside *in, const struct plan *plan)
{
	int fd;

	if (plan->listener < 0) {
		inside_sync(in, REPORT_READY, 0);
		return;
	}
	{
		struct report report = {.kind = REPORT_READY};

		inside_send(in, &report);
	}
	do
		fd = accept4(plan->listener, NULL, NULL, SOCK_CLOEXEC);
	while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
	if (fd < 0)
		_exit(1);
	(void)close(plan->listener);
	(void)close(in->channel);
	in->channel = fd;
	inside_await(in);
}

void child_main(void *launch_)
{
	struct launch *l = launch_;
	struct plan *plan = &l->plan;
	struct inside *in = &l->inside;

	(void)close(l->channel); /* or its end would never be seen */
	join_groups(in, plan);
	become_begin(in, &plan->become);
	join_namespaces(in, plan);
	begin_keyring(in, plan->id);
	set_names(in, plan);
	(void)umask(0);

	rootfs_attach(in, plan);
	mounts_carry_out(in, plan);
	devices_make(in, plan);
	connect_stdio(in, plan);
	if (plan->wait_hooks)
		inside_sync(in, REPORT_WANTS_HOOKS, 0);
	hooks_run_inside(in, &plan->create_container, plan->become.state_fd);
	set_sysctls(in, plan);
	make_cwd(in, plan);
	mounts_close_down(in, plan);
	rootfs_enter(in, plan);

	await_start(in, plan);
	become_program(in, &plan->become);
}
