/* SPDX-License-Identifier: Apache-2.0 */
#include "quota.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/quota.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/lock.h"
#include "base/path.h"

/* Linux 5.14 */
#ifndef SYS_quotactl_fd
#define SYS_quotactl_fd 443
#endif

enum {
	/*
	 * Ids of ours begin here, so that an administrator's own, which are small, are not touched.
	 * Which one is taken is said by the view's directory alone; the inode spreads them.
	 */
	FIRST_ID = 0x62000000,
	IDS = 0x01000000,
	TRIES = 10000, /* ids in use that are passed over */
	BLOCK = 1024,  /* of dqb_bhardlimit */
};

static int quotactl_project(int fd, unsigned command, uint32_t id, struct if_dqblk *q)
{
	return (int)syscall(SYS_quotactl_fd, fd, (unsigned)QCMD(command, PRJQUOTA), id, q);
}

static int fail_off(struct berth_error *err)
{
	(void)berth_fail(err, BERTH_E_UNSUPPORTED,
			 "the filesystem of the state directory keeps no project quotas, so no "
			 "size can be limited");
	berth_error_hint(err,
			 "mount it with the option prjquota (xfs: any; ext4: made with -O quota,"
			 "project), on Linux 5.14 or newer, or use the storage driver btrfs");
	return -BERTH_E_UNSUPPORTED;
}

static int fail_quota(int sys_errno, const char *what, struct berth_error *err)
{
	switch (sys_errno) {
	case ENOSYS:
	case ESRCH:
	case EINVAL:
	case ENOTTY:
	case EOPNOTSUPP:
		return fail_off(err);
	default:
		return berth_fail_errno(err, sys_errno, "%s", what);
	}
}

/* 1: nobody uses @id, 0: somebody does. */
static int is_free(int fd, uint32_t id, struct berth_error *err)
{
	struct if_dqblk q = {0};

	if (quotactl_project(fd, Q_GETQUOTA, id, &q) == 0)
		return !q.dqb_bhardlimit && !q.dqb_bsoftlimit && !q.dqb_ihardlimit &&
		       !q.dqb_isoftlimit && !q.dqb_curspace && !q.dqb_curinodes;
	/* xfs says so of an id that it never saw; without quotas both do not know the call */
	if (errno == ENOENT)
		return 1;
	return fail_quota(errno, "ask for a project's quota", err);
}

static int set_limits(int fd, uint32_t id, uint64_t bytes, uint64_t inodes)
{
	struct if_dqblk q = {
		.dqb_bhardlimit = bytes / BLOCK + (bytes % BLOCK != 0),
		.dqb_ihardlimit = inodes,
		.dqb_valid = QIF_LIMITS,
	};

	return quotactl_project(fd, Q_SETQUOTA, id, &q);
}

static int set_project(int viewfd, const char *name, uint32_t id, struct berth_error *err)
{
	cleanup_fd int fd = -1;
	struct fsxattr x;
	int r = state_open(viewfd, name, O_RDONLY | O_DIRECTORY, 0, &fd, err);

	if (r < 0)
		return r;
	if (ioctl(fd, FS_IOC_FSGETXATTR, &x) < 0)
		return fail_quota(errno, "read a project id", err);
	x.fsx_projid = id;
	x.fsx_xflags |= FS_XFLAG_PROJINHERIT;
	if (ioctl(fd, FS_IOC_FSSETXATTR, &x) < 0)
		return fail_quota(errno, "set a project id", err);
	return 0;
}

/* The project of a view; 0 if it has none. */
static int project_of(int viewfd, uint32_t *ret, struct berth_error *err)
{
	cleanup_fd int fd = -1;
	struct fsxattr x;
	int r = state_open(viewfd, "upper", O_RDONLY | O_DIRECTORY, 0, &fd, err);

	if (r < 0)
		return r;
	if (ioctl(fd, FS_IOC_FSGETXATTR, &x) < 0)
		return fail_quota(errno, "read a project id", err);
	*ret = x.fsx_projid >= FIRST_ID && x.fsx_projid < (uint32_t)FIRST_ID + IDS ? x.fsx_projid
										   : 0;
	return 0;
}

/* A limit is what keeps an id from being taken twice, so it is set before anybody else looks. */
static int take_id(const struct tree *t, int viewfd, uint64_t bytes, uint64_t inodes, uint32_t *ret,
		   struct berth_error *err)
{
	cleanup_fd int lock = -1;
	struct stat st;
	int r;

	if (fstat(viewfd, &st) < 0)
		return berth_fail_errno(err, errno, "stat a view");
	r = lock_take(t->state, "projects", 0, &lock, err);
	for (uint32_t i = 0; r == 0 && i < TRIES; i++) {
		uint32_t id = FIRST_ID + (uint32_t)((uint64_t)st.st_ino + i) % IDS;

		r = is_free(viewfd, id, err);
		if (r < 0)
			return r;
		if (r == 0)
			continue;
		if (set_limits(viewfd, id, bytes, inodes) < 0)
			return fail_quota(errno, "limit a project", err);
		*ret = id;
		return 0;
	}
	return r < 0 ? r : berth_fail(err, BERTH_E_LIMIT, "no project id is free");
}

int quota_make(const struct tree *t, int viewfd, uint64_t bytes, uint64_t inodes,
	       struct berth_error *err)
{
	uint32_t id;
	int r = take_id(t, viewfd, bytes, inodes, &id, err);

	if (r < 0)
		return r;
	r = set_project(viewfd, "upper", id, err);
	if (r == 0)
		r = set_project(viewfd, "work", id, err);
	if (r < 0)
		(void)set_limits(viewfd, id, 0, 0); /* nobody has it then */
	return r;
}

int quota_change(int viewfd, uint64_t bytes, uint64_t inodes, struct berth_error *err)
{
	uint32_t id;
	int r = project_of(viewfd, &id, err);

	if (r < 0)
		return r;
	if (id == 0) {
		(void)berth_fail(err, BERTH_E_INVALID,
				 "the view was made without a size, and none can be set later");
		berth_error_hint(err, "make the container with --storage-opt size=");
		return -BERTH_E_INVALID;
	}
	if (set_limits(viewfd, id, bytes, inodes) < 0)
		return fail_quota(errno, "limit a project", err);
	return 0;
}

void quota_forget(int viewfd)
{
	uint32_t id;

	if (project_of(viewfd, &id, NULL) == 0 && id != 0)
		(void)set_limits(viewfd, id, 0, 0); /* a limit that stays keeps one id from use */
}

int quota_works(int fd, bool *ret, struct berth_error *err)
{
	struct if_dqblk q = {0};

	/* of everything that has no project */
	*ret = quotactl_project(fd, Q_GETQUOTA, 0, &q) == 0;
	if (*ret || errno == ENOSYS || errno == ESRCH || errno == EINVAL || errno == EOPNOTSUPP ||
	    errno == ENOTTY || errno == ENOENT)
		return 0;
	return berth_fail_errno(err, errno, "ask for project quotas");
}
