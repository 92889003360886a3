/* SPDX-License-Identifier: Apache-2.0 */
/* quota - qgroups, the quotas of btrfs: each subvolume has one, 0/ID. */
#ifndef BTRFS_QUOTA_H
#define BTRFS_QUOTA_H

#include <stdint.h>

#include "berth/driver.h"

enum quota_mode {
	QUOTA_OFF,
	QUOTA_FULL,
	QUOTA_STALE,  /* full, but the numbers are wrong until a rescan ends; limits are kept */
	QUOTA_SIMPLE, /* squota: counts to whom made an extent, for ever */
};

/** Of the filesystem that @fd is on. */
int quota_mode(int fd, enum quota_mode *ret, struct berth_error *err);
const char *quota_word(enum quota_mode mode);
int quota_enable(int fd, struct berth_error *err);
/** Bytes that subvolume @id, and no other, has; as of the last commit. NOT_FOUND: not known. */
int quota_exclusive(int fd, uint64_t id, uint64_t *ret, struct berth_error *err);
/** Limit what the subvolume whose top is @fd may have for itself; 0: no limit. */
int quota_limit(int fd, uint64_t bytes, struct berth_error *err);

#endif
