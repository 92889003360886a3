/* SPDX-License-Identifier: Apache-2.0 */
/*
 * newmount - the mount API by descriptors (Linux 5.2, mount_setattr 5.12), which not every C
 * library wraps, and those that do have a header that cannot be read together with the kernel's.
 */
#ifndef STORAGE_NEWMOUNT_H
#define STORAGE_NEWMOUNT_H

#include <fcntl.h>
#include <linux/mount.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "berth/driver.h"

static inline int sys_fsopen(const char *fsname, unsigned flags)
{
	return (int)syscall(SYS_fsopen, fsname, flags);
}

static inline int sys_fsconfig(int fs, unsigned cmd, const char *key, const void *value, int aux)
{
	return (int)syscall(SYS_fsconfig, fs, cmd, key, value, aux);
}

static inline int sys_fsmount(int fs, unsigned flags, unsigned attr)
{
	return (int)syscall(SYS_fsmount, fs, flags, attr);
}

static inline int sys_open_tree(int dirfd, const char *path, unsigned flags)
{
	return (int)syscall(SYS_open_tree, dirfd, path, flags);
}

static inline int sys_mount_setattr(int dirfd, const char *path, unsigned flags,
				    struct mount_attr *attr)
{
	return (int)syscall(SYS_mount_setattr, dirfd, path, flags, attr, sizeof(*attr));
}

/** Attributes that a caller of view_mount may ask for. */
#define MOUNT_ATTRS_ALLOWED                                                                        \
	(MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC |            \
	 MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME | MOUNT_ATTR_NOSYMFOLLOW)

/**
 * A detached mount whose root is the directory @dirfd, with MOUNT_ATTR_* @attr, and ownership
 * mapped for @userns_fd unless -1. UNSUPPORTED if this kernel or this filesystem cannot map.
 */
int clone_mount(int dirfd, uint64_t attr, int userns_fd, int *ret_fd, struct berth_error *err);

#endif
