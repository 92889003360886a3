/* SPDX-License-Identifier: Apache-2.0 */
/* subvol - subvolumes and snapshots by ioctl. Knows nothing of layers and views. */
#ifndef BTRFS_SUBVOL_H
#define BTRFS_SUBVOL_H

#include <linux/btrfs.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "berth/driver.h"

/** Make an empty one as @name (one component) in @dirfd, of exactly @mode and of the caller. */
int subvol_create(int dirfd, const char *name, mode_t mode, struct berth_error *err);
/** Make a writable snapshot of the one whose top is @fromfd (not O_PATH). */
int subvol_snapshot(int fromfd, int dirfd, const char *name, struct berth_error *err);

int subvol_set_read_only(int fd, bool on, struct berth_error *err);
int subvol_is_read_only(int fd, bool *ret, struct berth_error *err);

struct subvol_info {
	uint64_t id;
	uint64_t born; /* the transaction that made it: what is newer was written since */
	uint8_t uuid[BTRFS_UUID_SIZE];
	uint8_t parent_uuid[BTRFS_UUID_SIZE]; /* of what it is a snapshot of, or zeroes */
};
int subvol_info(int fd, struct subvol_info *ret, struct berth_error *err);

/**
 * Remove subvolume @name in @dirfd with those inside of it, whatever is in them: the data is freed
 * by the kernel in the background. NOT_FOUND also if it is no subvolume. One that cannot be removed
 * at once is left, writable, so that its files can be: 0 as well.
 */
int subvol_destroy(int dirfd, const char *name, struct berth_error *err);

#endif
