/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a subvolume has for itself. Qgroups know where they are on; else the extents tell, each of
 * which says in which transaction it was made: those younger than the snapshot are its own. Only
 * blocks of the tree that changed since are read.
 */
#include <endian.h>
#include <errno.h>
#include <linux/btrfs_tree.h>
#include <string.h>
#include <unistd.h>

#include "../tree/inodes.h"
#include "base/cleanup.h"
#include "base/path.h"
#include "btrfs.h"
#include "quota.h"
#include "search.h"
#include "subvol.h"

enum {
	INLINE_HEAD = offsetof(struct btrfs_file_extent_item, disk_bytenr),
	BLOCK_SHIFT = 12, /* no extent is smaller */
};

struct own {
	uint64_t born;
	struct inodes seen; /* extents that were counted, by where they are on the disk */
	uint64_t bytes;
	uint64_t inodes;
};

static int take_extent(struct own *o, const struct search_item *item, struct berth_error *err)
{
	struct btrfs_file_extent_item extent = {0};
	uint32_t seen;
	uint64_t at;
	int r;

	if (item->len < INLINE_HEAD)
		return 0;
	memcpy(&extent, item->data, item->len < sizeof(extent) ? item->len : sizeof(extent));
	if (le64toh(extent.generation) <= o->born)
		return 0;
	if (extent.type == BTRFS_FILE_EXTENT_INLINE) {
		o->bytes += item->len - INLINE_HEAD;
		return 0;
	}
	at = le64toh(extent.disk_bytenr);
	if (item->len < sizeof(extent) || at == 0) /* a hole */
		return 0;
	r = inodes_see(&o->seen, (ino_t)(at >> BLOCK_SHIFT), 0, &seen, err);
	if (r == 0 && seen == 1)
		o->bytes += le64toh(extent.disk_num_bytes);
	return r;
}

static int take_own(void *arg, const struct search_item *item, struct berth_error *err)
{
	struct own *o = arg;
	struct btrfs_inode_item inode;

	if (item->type == BTRFS_EXTENT_DATA_KEY)
		return take_extent(o, item, err);
	if (item->type != BTRFS_INODE_ITEM_KEY || item->len < sizeof(inode))
		return 0;
	memcpy(&inode, item->data, sizeof(inode));
	if (le64toh(inode.transid) > o->born)
		o->inodes++;
	return 0;
}

static int measure_own(int fd, uint64_t *ret_bytes, uint64_t *ret_inodes, struct berth_error *err)
{
	struct search_range range = {
		.objectid = {BTRFS_FIRST_FREE_OBJECTID, UINT64_MAX},
		.type = {0, UINT8_MAX},
		.offset = {0, UINT64_MAX},
	};
	struct subvol_info info;
	struct own o = {0};
	int r = subvol_info(fd, &info, err);

	if (r < 0)
		return r;
	/*
	 * One that was made empty wrote all that it has, some of it in the transaction of its
	 * birth; a snapshot is born at the end of one.
	 */
	o.born = memcmp(info.parent_uuid, (uint8_t[BTRFS_UUID_SIZE]){0}, BTRFS_UUID_SIZE) == 0
			 ? info.born - 1
			 : info.born;
	range.newer = o.born;
	r = search_tree(fd, &range, take_own, &o, err);
	inodes_done(&o.seen);
	if (r < 0)
		return r;
	*ret_bytes = o.bytes;
	*ret_inodes = o.inodes;
	return 0;
}

static int reopen(int fd, int *ret_fd, struct berth_error *err)
{
	return state_open(fd, ".", O_RDONLY | O_DIRECTORY, 0, ret_fd, err);
}

int btrfs_measure(const struct tree *t BERTH_UNUSED, const char *file BERTH_UNUSED, int fd,
		  uint64_t *ret_bytes, uint64_t *ret_inodes, struct berth_error *err)
{
	cleanup_fd int dir = -1;
	int r = reopen(fd, &dir, err);

	return r < 0 ? r : measure_own(dir, ret_bytes, ret_inodes, err);
}

static int layer_usage(struct berth_storage *st, const char *file, struct berth_usage *u,
		       struct berth_error *err)
{
	const struct tree *t = &st->tree;
	char below[TREE_NAME_MAX];
	uint64_t inodes;
	int r = tree_layer_size(t, file, &u->own, &u->inodes, err);

	if (r == 0)
		r = tree_below(t, t->layers, file, below, err);
	while (r == 0 && below[0]) {
		uint64_t bytes;

		r = tree_layer_size(t, below, &bytes, &inodes, err);
		if (r == 0) {
			u->shared += bytes;
			r = tree_below(t, t->layers, below, below, err);
		}
	}
	return r;
}

/* The view's own, as its qgroup has it; else by its extents. */
static int view_own(int fd, struct berth_usage *u, struct berth_error *err)
{
	struct subvol_info info;
	enum quota_mode mode;
	uint64_t bytes;
	int r;

	if (syncfs(fd) < 0) /* what is not written yet is in no tree */
		return berth_fail_errno(err, errno, "write a view to the disk");
	r = measure_own(fd, &u->own, &u->inodes, err);
	if (r == 0)
		r = subvol_info(fd, &info, err);
	if (r == 0)
		r = quota_mode(fd, &mode, err);
	if (r < 0 || mode == QUOTA_OFF || mode == QUOTA_STALE)
		return r;
	if (quota_exclusive(fd, info.id, &bytes, NULL) == 0)
		u->own = bytes;
	return 0;
}

static int view_usage(struct berth_storage *st, const char *file, struct berth_usage *u,
		      struct berth_error *err)
{
	const struct tree *t = &st->tree;
	char layer[TREE_NAME_MAX];
	cleanup_fd int part = -1;
	cleanup_fd int dir = -1;
	int r = tree_below(t, t->views, file, layer, err);

	if (r == 0 && layer[0]) {
		struct berth_usage below = {0};

		r = layer_usage(st, layer, &below, err);
		u->shared = below.own + below.shared;
	}
	if (r < 0)
		return r;
	r = tree_view_part(t->state, file, "tree", &part, NULL);
	if (r == -BERTH_E_NOT_FOUND) /* read-only: it is its layer */
		return 0;
	if (r < 0)
		return berth_fail(err, -r, "open view '%s'", file);
	r = reopen(part, &dir, err);
	return r < 0 ? r : view_own(dir, u, err);
}

int btrfs_usage(struct berth_storage *st, const char *id, uint32_t each_flag,
		struct berth_usage *ret, struct berth_error *err)
{
	struct berth_usage u = {0};
	char file[TREE_NAME_MAX];
	int r = tree_file(id, file, err);

	if (r == 0)
		r = each_flag & BERTH_EACH_VIEWS ? view_usage(st, file, &u, err)
						 : layer_usage(st, file, &u, err);
	if (r < 0)
		return r;
	tree_usage_put(&u, ret);
	return 0;
}
