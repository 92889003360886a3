/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a view changed. A snapshot has the inode numbers of what it is a snapshot of, and each inode
 * says in which transaction it was changed last. So one search, which reads only blocks younger
 * than the snapshot, finds the inodes that changed; with the directories above them they are all
 * that has to be compared.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs_tree.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../tree/inodes.h"
#include "base/cleanup.h"
#include "base/path.h"
#include "base/tree_diff.h"
#include "btrfs.h"
#include "search.h"
#include "subvol.h"

struct changes {
	struct berth_storage *st;
	berth_change_fn fn;
	void *arg;
	uint64_t born;
	struct inodes touched; /* changed, or above of what changed */
	uint64_t *todo;	       /* those whose directories are not found yet */
	size_t n;
	size_t cap;
	dev_t layer;
	dev_t view;
};

static int touch(struct changes *c, uint64_t ino, struct berth_error *err)
{
	uint32_t seen;
	int r = inodes_see(&c->touched, (ino_t)ino, 0, &seen, err);

	if (r < 0 || seen > 1)
		return r;
	if (c->n == c->cap) {
		size_t cap = c->cap ? 2 * c->cap : 256;
		uint64_t *todo = reallocarray(c->todo, cap, sizeof(*todo));

		if (!todo)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		c->todo = todo;
		c->cap = cap;
	}
	c->todo[c->n++] = ino;
	return 0;
}

static int take_changed(void *arg, const struct search_item *item, struct berth_error *err)
{
	struct changes *c = arg;
	struct btrfs_inode_item inode;

	if (item->type != BTRFS_INODE_ITEM_KEY || item->len < sizeof(inode))
		return 0;
	memcpy(&inode, item->data, sizeof(inode));
	return le64toh(inode.transid) > c->born ? touch(c, item->objectid, err) : 0;
}

static int take_parent(void *arg, const struct search_item *item, struct berth_error *err)
{
	struct btrfs_inode_extref ref;

	if (item->type == BTRFS_INODE_REF_KEY)
		return touch(arg, item->offset, err);
	if (item->type != BTRFS_INODE_EXTREF_KEY || item->len < sizeof(ref))
		return 0;
	memcpy(&ref, item->data, sizeof(ref));
	return touch(arg, le64toh(ref.parent_objectid), err);
}

static int find_touched(struct changes *c, int fd, struct berth_op *op, struct berth_error *err)
{
	const struct search_range all = {
		.objectid = {BTRFS_FIRST_FREE_OBJECTID, UINT64_MAX},
		.type = {0, UINT8_MAX},
		.offset = {0, UINT64_MAX},
		.newer = c->born,
	};
	int r;

	if (syncfs(fd) < 0) /* what is not written yet is in no tree */
		return berth_fail_errno(err, errno, "write a view to the disk");
	r = search_tree(fd, &all, take_changed, c, err);
	while (r == 0 && c->n > 0) {
		uint64_t ino = c->todo[--c->n];
		const struct search_range parents = {
			.objectid = {ino, ino},
			.type = {BTRFS_INODE_REF_KEY, BTRFS_INODE_EXTREF_KEY},
			.offset = {0, UINT64_MAX},
		};

		r = tree_cancelled(&c->st->tree, op, err);
		if (r == 0)
			r = search_tree(fd, &parents, take_parent, c, err);
	}
	return r;
}

/* Subvolumes inside of the view have inode numbers of their own: they are compared. */
static bool is_same(void *arg, const struct stat *before, const struct stat *after)
{
	const struct changes *c = arg;

	return before->st_dev == c->layer && after->st_dev == c->view &&
	       before->st_ino == after->st_ino && !inodes_has(&c->touched, after->st_ino);
}

static int say(void *arg, char change, const char *path, struct berth_error *err BERTH_UNUSED)
{
	const struct changes *c = arg;

	return c->fn(c->arg, (uint32_t)change, path);
}

/* Whether @view is a snapshot of @layer; else nothing is known without looking. */
static int prepare(struct changes *c, int layer, int view, struct berth_op *op, bool *ret,
		   struct berth_error *err)
{
	struct subvol_info below;
	struct subvol_info info;
	struct stat st;
	int r = subvol_info(layer, &below, err);

	if (r == 0)
		r = subvol_info(view, &info, err);
	if (r < 0)
		return r;
	*ret = memcmp(info.parent_uuid, below.uuid, sizeof(below.uuid)) == 0;
	if (!*ret)
		return 0;
	if (fstat(layer, &st) < 0)
		return berth_fail_errno(err, errno, "stat a layer");
	c->layer = st.st_dev;
	if (fstat(view, &st) < 0)
		return berth_fail_errno(err, errno, "stat a view");
	c->view = st.st_dev;
	c->born = info.born;
	return find_touched(c, view, op, err);
}

static int compare(struct changes *c, int layer, int view, struct berth_op *op,
		   struct berth_error *err)
{
	struct tree_going going = {&c->st->tree, op};
	struct tree_diff_how how = {
		.fn = say,
		.arg = c,
		.go_on = tree_go_on,
		.going = &going,
	};
	bool known = false;
	int r = layer < 0 ? 0 : prepare(c, layer, view, op, &known, err);

	if (known)
		how.same = is_same;
	if (r == 0)
		r = tree_diff(layer, view, &how, err);
	free(c->todo);
	inodes_done(&c->touched);
	return r;
}

static int reopen(int fd, int *ret_fd, struct berth_error *err)
{
	return state_open(fd, ".", O_RDONLY | O_DIRECTORY, 0, ret_fd, err);
}

int btrfs_changes(struct berth_storage *st, const char *view, berth_change_fn fn, void *arg,
		  struct berth_op *op, struct berth_error *err)
{
	const struct tree *t = &st->tree;
	struct changes c = {.st = st, .fn = fn, .arg = arg};
	char file[TREE_NAME_MAX];
	char below[TREE_NAME_MAX];
	cleanup_fd int part = -1;
	cleanup_fd int layer = -1;
	cleanup_fd int dir = -1;
	int r = tree_file(view, file, err);

	if (r == 0)
		r = tree_below(t, t->views, file, below, err);
	if (r < 0)
		return r;
	r = tree_view_part(t->state, file, "tree", &part, NULL);
	if (r == -BERTH_E_NOT_FOUND) /* read-only */
		return 0;
	if (r < 0)
		return berth_fail(err, -r, "open view '%s'", view);
	r = reopen(part, &dir, err);
	close_fd(&part);
	if (r == 0 && below[0]) {
		r = tree_content_open(t, t->state, below, &part, err);
		if (r == 0)
			r = reopen(part, &layer, err);
	}
	return r < 0 ? r : compare(&c, layer, dir, op, err);
}
