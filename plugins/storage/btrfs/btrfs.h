/* SPDX-License-Identifier: Apache-2.0 */
/*
 * btrfs - layers are read-only subvolumes, views are snapshots of them.
 *
 * A layer's `tree` holds all files up to it, and shares with its parent what both have; a view is
 * `tree`, a writable snapshot, or the empty directory `read-only` when the layer itself is mounted.
 * Containers may make subvolumes of their own inside of theirs.
 */
#ifndef BTRFS_BTRFS_H
#define BTRFS_BTRFS_H

#include <stdatomic.h>

#include "../tree/tree.h"

struct berth_storage {
	struct tree tree;   /* first: see tree_op_... */
	uint64_t size;	    /* option size, for views that do not say; 0: no limit */
	bool enable_quota;  /* option quota=enable */
	atomic_bool erased; /* a subvolume went, its room is not free yet */
};

/**
 * The directory which the state is in: @state_fd, or what the option dir says, which must be on
 * btrfs. @ret_fd is the caller's.
 */
int place_open(const struct berth_host *host, const struct berth_conf *conf, int state_fd,
	       int *ret_fd, struct berth_error *err);
/** UNSUPPORTED if @fd is not on btrfs. */
int place_check(int fd, struct berth_error *err);

int btrfs_view_create(struct berth_storage *st, const char *view, const char *layer, uint32_t flags,
		      const struct berth_conf *conf, struct berth_error *err);
int btrfs_view_mount(struct berth_storage *st, const char *view, const struct berth_view_opts *opts,
		     int *ret_mount_fd, struct berth_error *err);
int btrfs_view_limit(struct berth_storage *st, const char *view, uint64_t bytes, uint64_t inodes,
		     struct berth_error *err);

int btrfs_changes(struct berth_storage *st, const char *view, berth_change_fn fn, void *arg,
		  struct berth_op *op, struct berth_error *err);

/** tree_kind.measure */
int btrfs_measure(const struct tree *t, const char *file, int fd, uint64_t *ret_bytes,
		  uint64_t *ret_inodes, struct berth_error *err);
int btrfs_usage(struct berth_storage *st, const char *id, uint32_t each_flag,
		struct berth_usage *ret, struct berth_error *err);

int btrfs_probe(const struct berth_host *host, const struct berth_conf *conf, int scratch_fd,
		struct berth_sink *findings, struct berth_error *err);

#endif
