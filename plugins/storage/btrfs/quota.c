/* SPDX-License-Identifier: Apache-2.0 */
#include "quota.h"

#include <endian.h>
#include <errno.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>

#include "search.h"

/* Linux 6.7 */
#ifndef BTRFS_QGROUP_STATUS_FLAG_SIMPLE_MODE
#define BTRFS_QGROUP_STATUS_FLAG_SIMPLE_MODE (1ULL << 3)
#endif

struct status {
	bool found;
	uint64_t flags;
};

static int take_status(void *arg, const struct search_item *item,
		       struct berth_error *err BERTH_UNUSED)
{
	struct status *s = arg;
	struct btrfs_qgroup_status_item status;

	if (item->type != BTRFS_QGROUP_STATUS_KEY || item->len < sizeof(status))
		return 0;
	memcpy(&status, item->data, sizeof(status));
	s->flags = le64toh(status.flags);
	s->found = true;
	return SEARCH_END;
}

int quota_mode(int fd, enum quota_mode *ret, struct berth_error *err)
{
	const struct search_range range = {
		.tree = BTRFS_QUOTA_TREE_OBJECTID,
		.type = {BTRFS_QGROUP_STATUS_KEY, BTRFS_QGROUP_STATUS_KEY},
	};
	struct status s = {0};
	struct berth_error why;
	int r = search_tree(fd, &range, take_status, &s, &why);

	if (r == -BERTH_E_NOT_FOUND || (r == 0 && !s.found)) {
		*ret = QUOTA_OFF;
		return 0;
	}
	if (r < 0) {
		if (err)
			*err = why;
		return r;
	}
	if (!(s.flags & BTRFS_QGROUP_STATUS_FLAG_ON))
		*ret = QUOTA_OFF;
	else if (s.flags & BTRFS_QGROUP_STATUS_FLAG_SIMPLE_MODE)
		*ret = QUOTA_SIMPLE;
	else if (s.flags &
		 (BTRFS_QGROUP_STATUS_FLAG_RESCAN | BTRFS_QGROUP_STATUS_FLAG_INCONSISTENT))
		*ret = QUOTA_STALE;
	else
		*ret = QUOTA_FULL;
	return 0;
}

const char *quota_word(enum quota_mode mode)
{
	switch (mode) {
	case QUOTA_OFF:
		return "off";
	case QUOTA_FULL:
		return "on";
	case QUOTA_STALE:
		return "on, being scanned";
	case QUOTA_SIMPLE:
		return "simple";
	}
	return "off";
}

int quota_enable(int fd, struct berth_error *err)
{
	struct btrfs_ioctl_quota_ctl_args args = {.cmd = BTRFS_QUOTA_CTL_ENABLE};

	if (ioctl(fd, BTRFS_IOC_QUOTA_CTL, &args) < 0 && errno != EEXIST)
		return berth_fail_errno(err, errno, "turn on the quotas of btrfs");
	return 0;
}

struct numbers {
	bool found;
	uint64_t exclusive;
};

static int take_numbers(void *arg, const struct search_item *item,
			struct berth_error *err BERTH_UNUSED)
{
	struct numbers *n = arg;
	struct btrfs_qgroup_info_item info;

	if (item->type != BTRFS_QGROUP_INFO_KEY || item->len < sizeof(info))
		return 0;
	memcpy(&info, item->data, sizeof(info));
	n->exclusive = le64toh(info.excl);
	n->found = true;
	return SEARCH_END;
}

int quota_exclusive(int fd, uint64_t id, uint64_t *ret, struct berth_error *err)
{
	const struct search_range range = {
		.tree = BTRFS_QUOTA_TREE_OBJECTID,
		.type = {BTRFS_QGROUP_INFO_KEY, BTRFS_QGROUP_INFO_KEY},
		.offset = {id, id},
	};
	struct numbers n = {0};
	int r = search_tree(fd, &range, take_numbers, &n, err);

	if (r == 0 && !n.found)
		r = berth_fail(err, BERTH_E_NOT_FOUND, "subvolume %llu has no qgroup",
			       (unsigned long long)id);
	if (r < 0)
		return r;
	*ret = n.exclusive;
	return 0;
}

int quota_limit(int fd, uint64_t bytes, struct berth_error *err)
{
	/* qgroupid 0: the one of the subvolume that @fd is in */
	struct btrfs_ioctl_qgroup_limit_args args = {
		.lim = {.flags = BTRFS_QGROUP_LIMIT_MAX_EXCL,
			.max_excl = bytes ? bytes : UINT64_MAX}, /* this clears it */
	};

	if (ioctl(fd, BTRFS_IOC_QGROUP_LIMIT, &args) == 0)
		return 0;
	if (errno != ENOTCONN)
		return berth_fail_errno(err, errno, "limit a subvolume");
	(void)berth_fail(err, BERTH_E_UNSUPPORTED,
			 "the quotas of this btrfs are off, so no size can be limited");
	berth_error_hint(err, "turn them on, `btrfs quota enable DIR`, or set the option "
			      "quota=enable of the storage driver btrfs");
	return -BERTH_E_UNSUPPORTED;
}
