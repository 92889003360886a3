/* SPDX-License-Identifier: Apache-2.0 */
#include "rootfs.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "kernel.h"
#include "mounts.h"

/*
 * The new namespace begins as a copy of the caller's. Nothing of it may reach the host any more,
 * nor the other way. The root is laid over "/" itself: there no directory has to exist, and nothing
 * else disappears below it.
 */
void rootfs_attach(const struct inside *in, const struct plan *plan)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		inside_die(in, 0, errno, "make the mount namespace private");
	if (kernel_move_mount(plan->root_fd, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		inside_die(in, 0, errno, "attach the root filesystem");
	if (fchdir(plan->root_fd) < 0)
		inside_die(in, 0, errno, "enter the root filesystem");
}

void rootfs_enter(const struct inside *in, const struct plan *plan)
{
	if (fchdir(plan->root_fd) < 0)
		inside_die(in, 0, errno, "enter the root filesystem");
	if (syscall(SYS_pivot_root, ".", ".") < 0) {
		if (errno == EINVAL)
			inside_die(in, BERTH_E_UNSUPPORTED, errno,
				   "pivot_root (is the host's own root an initramfs?)");
		inside_die(in, 0, errno, "pivot_root");
	}
	/* the old root lies on top of the new one now */
	if (umount2(".", MNT_DETACH) < 0)
		inside_die(in, 0, errno, "leave the old root");
	if (chdir("/") < 0)
		inside_die(in, 0, errno, "enter the new root");
	if (plan->propagation && mount(NULL, "/", NULL, plan->propagation, NULL) < 0)
		inside_die(in, 0, errno, "set the propagation of the root");
}

static int clone_bundle(struct launch *l, int *ret_fd, struct berth_error *err)
{
	const char *path = l->spec->root_path;
	unsigned long propagation = l->spec->propagation & ~(unsigned long)MS_REC;
	struct mount_attr attr = {0};
	cleanup_free char *joined = NULL;
	cleanup_fd int fd = -1;
	int r;

	if (!path || !path[0])
		return berth_fail(err, BERTH_E_INVALID,
				  "key 'root.path' is missing, and no root was handed over");
	if (path[0] != '/' && l->in.bundle) {
		joined = path_join(l->in.bundle, path);
		if (!joined)
			return no_memory(err);
		path = joined;
	}
	r = mounts_clone(path, true, &fd, err);
	if (r < 0) {
		berth_error_prefix(err, "root filesystem");
		return r;
	}
	/* what is shared or slave is meant to see the host's mounts; everything else is not */
	if (propagation != MS_SHARED)
		attr.propagation = propagation == MS_SLAVE ? MS_SLAVE : MS_PRIVATE;
	if (attr.propagation &&
	    kernel_mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr) < 0)
		return berth_fail_errno(err, errno, "detach root filesystem '%s'", path);
	*ret_fd = steal_fd(&fd);
	return 0;
}

int rootfs_prepare(struct launch *l, struct berth_error *err)
{
	struct stat st;

	if (l->in.root_fd < 0 && l->in.root)
		return berth_fail(err, BERTH_E_UNSUPPORTED,
				  "this driver takes the root as a mount, not as a plan");
	if (l->in.root_fd < 0) {
		int r = clone_bundle(l, &l->root_fd, err);

		if (r < 0)
			return r;
	}
	l->plan.root_fd = l->in.root_fd >= 0 ? l->in.root_fd : l->root_fd;
	if (fstat(l->plan.root_fd, &st) < 0)
		return berth_fail_errno(err, errno, "root filesystem");
	if (!S_ISDIR(st.st_mode))
		return berth_fail(err, BERTH_E_INVALID, "the root filesystem is no directory");
	return 0;
}
