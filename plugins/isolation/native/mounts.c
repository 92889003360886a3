/* SPDX-License-Identifier: Apache-2.0 */
/* The child's half: attaching, one mount after the other. */
#include "mounts.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>
#include <linux/openat2.h>

#include "kernel.h"

static void attach(const struct inside *in, int mount_fd, int target, const char *name)
{
	if (kernel_move_mount(mount_fd, "", target, "",
			      MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		inside_die(in, 0, errno, "mount on '/%s'", name);
}

static void set_attributes(const struct inside *in, int fd, unsigned flags, uint64_t set,
			   uint64_t clear, const char *name)
{
	struct mount_attr attr = {.attr_set = set, .attr_clr = clear};

	if ((set | clear) & KERNEL_ATTR_ATIME)
		attr.attr_clr |= KERNEL_ATTR_ATIME;
	if (kernel_mount_setattr(fd, "", AT_EMPTY_PATH | flags, &attr) < 0)
		inside_die(in, 0, errno, "change the mount on '/%s'", name);
}

/* The place for a mount. A kernel filesystem goes where its path says, or nowhere. */
static int mount_point(const struct inside *in, int root, const struct plan_mount *m)
{
	int target;
	int fd;

	if (!m->is_kernel)
		return inside_target(in, root, m->target, m->is_file);
	target = inside_open(root, m->target, O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS);
	if (target == -ENOENT) {
		fd = inside_target(in, root, m->target, false);
		(void)close(fd);
		target = inside_open(root, m->target, O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS);
	}
	if (target == -ELOOP)
		inside_die(in, BERTH_E_INVALID, 0,
			   "'/%s' of the image is, or lies behind, a symbolic link: %s is not "
			   "mounted there",
			   m->target, m->type);
	if (target < 0)
		inside_die(in, 0, -target, "open '/%s' to mount %s", m->target, m->type);
	return target;
}

/* What was just mounted at m->target. */
static int open_mounted(const struct inside *in, int root, const struct plan_mount *m)
{
	int fd = inside_open(root, m->target, O_PATH, 0);

	if (fd < 0)
		inside_die(in, 0, -fd, "open the mount on '/%s'", m->target);
	return fd;
}

static void propagate(const struct inside *in, int mounted, const struct plan_mount *m)
{
	struct fd_path path = fd_path(mounted);

	for (size_t i = 0; i < m->n_propagation; i++)
		if (mount(NULL, path.text, NULL, m->propagation[i], NULL) < 0)
			inside_die(in, 0, errno, "set the propagation of '/%s'", m->target);
}

static void mount_fs(const struct inside *in, int root, struct plan_mount *m)
{
	int target = mount_point(in, root, m);
	struct fd_path path = fd_path(target);
	unsigned long flags = m->flags;

	if (m->read_only_later)
		flags &= ~(unsigned long)MS_RDONLY;
	if (mount(m->source, path.text, m->type, flags, m->data[0] ? m->data : NULL) < 0)
		inside_die(in, 0, errno, "mount %s on '/%s'", m->type, m->target);
	if (m->read_only_later || m->copy_up || m->n_propagation || m->rec_set || m->rec_clear) {
		m->mounted = open_mounted(in, root, m);
		if (m->copy_up)
			copy_up(in, target, m->mounted, m->target);
		if (m->rec_set || m->rec_clear)
			set_attributes(in, m->mounted, AT_RECURSIVE, m->rec_set, m->rec_clear,
				       m->target);
		propagate(in, m->mounted, m);
	}
	(void)close(target);
}

static void mount_bind(const struct inside *in, int root, const struct plan_mount *m)
{
	int target = inside_target(in, root, m->target, m->is_file);

	attach(in, m->fd, target, m->target);
	(void)close(target);
}

static void remount(const struct inside *in, int root, const struct plan_mount *m)
{
	int target = open_mounted(in, root, m);
	struct fd_path path = fd_path(target);

	if (mount(m->source, path.text, m->type, m->flags | MS_REMOUNT,
		  m->data[0] ? m->data : NULL) < 0)
		inside_die(in, 0, errno, "remount '/%s'", m->target);
	propagate(in, target, m);
	(void)close(target);
}

/* v1: a small tmpfs with one directory a hierarchy; v2: the group itself. */
static void mount_groups(const struct inside *in, int root, struct plan_mount *m)
{
	int target = inside_target(in, root, m->target, false);
	struct fd_path path = fd_path(target);

	if (m->n_groups == 1 && !m->groups[0].name) {
		attach(in, m->groups[0].fd, target, m->target);
		(void)close(target);
		return;
	}
	if (mount("tmpfs", path.text, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  "mode=755,size=64k") < 0)
		inside_die(in, 0, errno, "mount tmpfs on '/%s'", m->target);
	m->mounted = open_mounted(in, root, m);
	for (size_t i = 0; i < m->n_groups; i++) {
		const struct plan_group *g = &m->groups[i];
		int dir;

		if (mkdirat(m->mounted, g->name, 0755) < 0)
			inside_die(in, 0, errno, "make '/%s/%s'", m->target, g->name);
		dir = inside_open(m->mounted, g->name, O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS);
		if (dir < 0)
			inside_die(in, 0, -dir, "open '/%s/%s'", m->target, g->name);
		attach(in, g->fd, dir, m->target);
		(void)close(dir);
	}
	(void)close(target);
}

void mounts_carry_out(const struct inside *in, struct plan *plan)
{
	for (size_t i = 0; i < plan->n_mounts; i++) {
		struct plan_mount *m = &plan->mounts[i];

		switch (m->kind) {
		case SPEC_MOUNT_FS:
			mount_fs(in, plan->root_fd, m);
			break;
		case SPEC_MOUNT_BIND:
			mount_bind(in, plan->root_fd, m);
			break;
		case SPEC_MOUNT_CGROUP:
			mount_groups(in, plan->root_fd, m);
			break;
		case SPEC_MOUNT_REMOUNT:
			remount(in, plan->root_fd, m);
			break;
		}
	}
}

/* The real one: a file of that name is not enough. The caller's /dev is the host's. */
static int open_null(const struct inside *in)
{
	struct stat st;
	int fd = open("/dev/null", O_PATH | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 || fstat(fd, &st) < 0)
		inside_die(in, 0, errno, "open the host's /dev/null");
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
		inside_die(in, BERTH_E_UNSUPPORTED, 0, "the host's /dev/null is no null device");
	return fd;
}

/* An empty read-only directory, detached: one for all directories that are masked. */
static int make_empty(const struct inside *in)
{
	int fs = kernel_fsopen("tmpfs", FSOPEN_CLOEXEC);
	int fd;

	if (fs < 0 || kernel_fsconfig(fs, FSCONFIG_SET_STRING, "mode", "555", 0) < 0 ||
	    kernel_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		inside_die(in, 0, errno, "make an empty directory for masked paths");
	fd = kernel_fsmount(fs, FSMOUNT_CLOEXEC,
			    MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
				    MOUNT_ATTR_NOEXEC);
	if (fd < 0)
		inside_die(in, 0, errno, "make an empty directory for masked paths");
	(void)close(fs);
	return fd;
}

static void mask(const struct inside *in, int root, const char *path, int null, int *empty)
{
	int target = inside_open(root, path, O_PATH, 0);
	struct stat st;
	int mounted;

	if (target == -ENOENT || target == -ENOTDIR)
		return; /* nothing to hide */
	if (target < 0 || fstat(target, &st) < 0)
		inside_die(in, 0, target < 0 ? -target : errno, "open '%s' to mask it", path);
	if (!S_ISDIR(st.st_mode)) {
		mounted = kernel_open_tree(null, "",
					   OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	} else if (*empty < 0) {
		mounted = make_empty(in);
	} else {
		mounted = kernel_open_tree(*empty, "",
					   OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	}
	if (mounted < 0)
		inside_die(in, 0, errno, "mask '%s'", path);
	attach(in, mounted, target, path);
	(void)close(target);
	if (S_ISDIR(st.st_mode) && *empty < 0)
		*empty = mounted;
	else
		(void)close(mounted);
}

static void make_readonly(const struct inside *in, int root, const char *path)
{
	int target = inside_open(root, path, O_PATH, 0);
	struct stat st;
	int mounted;

	if (target == -ENOENT || target == -ENOTDIR)
		return;
	if (target < 0 || fstat(target, &st) < 0)
		inside_die(in, 0, target < 0 ? -target : errno, "open '%s' to protect it", path);
	mounted = kernel_open_tree(
		target, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);
	if (mounted < 0)
		inside_die(in, 0, errno, "make '%s' read-only", path);
	set_attributes(in, mounted, 0, MOUNT_ATTR_RDONLY, 0, path);
	attach(in, mounted, target, path);
	(void)close(mounted);
	(void)close(target);
}

void mounts_close_down(const struct inside *in, struct plan *plan)
{
	int null = -1;
	int empty = -1;

	if (plan->masked[0])
		null = open_null(in);
	for (const char *const *p = plan->readonly; *p; p++)
		make_readonly(in, plan->root_fd, *p);
	for (const char *const *p = plan->masked; *p; p++)
		mask(in, plan->root_fd, *p, null, &empty);
	for (size_t i = 0; i < plan->n_mounts; i++)
		if (plan->mounts[i].read_only_later)
			set_attributes(in, plan->mounts[i].mounted, 0, MOUNT_ATTR_RDONLY, 0,
				       plan->mounts[i].target);
	if (plan->root_readonly)
		set_attributes(in, plan->root_fd, 0, MOUNT_ATTR_RDONLY, 0, "");
}
