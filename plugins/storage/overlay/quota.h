/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quota - project quotas of xfs and ext4: what has one project id is counted, and limited, together.
 * New files get the id of their directory, so a view needs it on two empty directories.
 */
#ifndef OVERLAY_QUOTA_H
#define OVERLAY_QUOTA_H

#include <stdint.h>

#include "../tree/tree.h"

/**
 * Give the empty directories `upper` and `work` of a view, below @viewfd, a project id that nobody
 * else has, and limit that; 0: no limit. UNSUPPORTED, with a hint, where project quotas are off.
 */
int quota_make(const struct tree *t, int viewfd, uint64_t bytes, uint64_t inodes,
	       struct berth_error *err);
/** Change the limits of a view that quota_make was used on; else INVALID. */
int quota_change(int viewfd, uint64_t bytes, uint64_t inodes, struct berth_error *err);
/** Forget the limits of a view that goes, if it has some. */
void quota_forget(int viewfd);
/** Whether the filesystem of @fd keeps project quotas. */
int quota_works(int fd, bool *ret, struct berth_error *err);

#endif
