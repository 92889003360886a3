/* SPDX-License-Identifier: Apache-2.0 */
#include "newmount.h"

#include <errno.h>

#include "base/cleanup.h"

static int fail_setattr(struct berth_error *err, int sys_errno, bool map)
{
	if (sys_errno == ENOSYS)
		return berth_fail(err, BERTH_E_UNSUPPORTED,
				  "this kernel has no mount_setattr, needs Linux 5.12");
	if (!map || (sys_errno != EINVAL && sys_errno != EPERM))
		return berth_fail_errno(err, sys_errno, "set the attributes of a mount");
	(void)berth_fail(err, BERTH_E_UNSUPPORTED,
			 "ownership cannot be mapped: the filesystem of the state directory does "
			 "not support it, or it is the initial user namespace");
	berth_error_hint(err,
			 "put the state directory on ext4, xfs or btrfs, or run without a user "
			 "namespace");
	return -BERTH_E_UNSUPPORTED;
}

int clone_mount(int dirfd, uint64_t attr, int userns_fd, int *ret_fd, struct berth_error *err)
{
	cleanup_fd int fd =
		sys_open_tree(dirfd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	struct mount_attr set = {
		.attr_set = attr,
		.attr_clr = attr & MOUNT_ATTR__ATIME ? MOUNT_ATTR__ATIME : 0,
	};

	if (fd < 0 && errno == ENOSYS)
		return berth_fail(err, BERTH_E_UNSUPPORTED,
				  "this kernel has no open_tree, needs Linux 5.2");
	if (fd < 0)
		return berth_fail_errno(err, errno, "clone a mount");
	if (userns_fd >= 0) {
		set.attr_set |= MOUNT_ATTR_IDMAP;
		set.userns_fd = (uint64_t)userns_fd;
	}
	if (set.attr_set && sys_mount_setattr(fd, "", AT_EMPTY_PATH, &set) < 0)
		return fail_setattr(err, errno, userns_fd >= 0);
	*ret_fd = steal_fd(&fd);
	return 0;
}
