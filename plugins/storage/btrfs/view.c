/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../tree/newmount.h"
#include "base/cleanup.h"
#include "base/path.h"
#include "btrfs.h"
#include "quota.h"
#include "subvol.h"

static int limit(const struct berth_storage *st, int fd, uint64_t bytes, struct berth_error *err)
{
	enum quota_mode mode;
	int r;

	if (st->enable_quota && bytes) {
		r = quota_mode(fd, &mode, err);
		if (r == 0 && mode == QUOTA_OFF)
			r = quota_enable(fd, err);
		if (r < 0)
			return r;
	}
	return quota_limit(fd, bytes, err);
}

static int make_tree(const struct berth_storage *st, int dirfd, const char *layer, uint64_t size,
		     struct berth_error *err)
{
	const struct tree *t = &st->tree;
	cleanup_fd int fd = -1;
	int r = t->kind->make(t, dirfd, layer, 0755, err);

	if (r < 0 || !size)
		return r;
	r = state_open(dirfd, "tree", O_RDONLY | O_DIRECTORY, 0, &fd, err);
	return r < 0 ? r : limit(st, fd, size, err);
}

static int fill(const struct berth_storage *st, const char *quick, const char *layer,
		uint32_t flags, uint64_t size, struct berth_error *err)
{
	const struct tree *t = &st->tree;
	cleanup_fd int dir = -1;
	int r = state_open(t->staging, quick, O_RDONLY | O_DIRECTORY, 0, &dir, err);

	if (r == 0)
		r = tree_stand(t, dir, "layer", layer, err);
	if (r < 0)
		return r;
	if (!(flags & BERTH_VIEW_READ_ONLY))
		return make_tree(st, dir, layer, size, err);
	return state_mkdir(dir, "read-only", 0700, 0, err);
}

int btrfs_view_create(struct berth_storage *st, const char *view, const char *layer, uint32_t flags,
		      const struct berth_conf *conf, struct berth_error *err)
{
	const struct tree *t = &st->tree;
	char file[TREE_NAME_MAX];
	char below[TREE_NAME_MAX];
	char quick[TREE_STAGED_MAX];
	uint64_t size = st->size;
	cleanup_fd int lock = -1;
	int r = tree_file(view, file, err);

	if (r == 0 && layer)
		r = tree_file(layer, below, err);
	if (r == 0)
		r = tree_quick_begin(t, file, &lock, quick, err);
	if (r < 0)
		return r;
	if (conf)
		(void)t->host->conf_u64(conf, "size", &size); /* not set: as for all */
	r = fill(st, quick, layer ? below : NULL, flags, size, err);
	return tree_quick_end(t, quick, file, r, err);
}

int btrfs_view_mount(struct berth_storage *st, const char *view, const struct berth_view_opts *opts,
		     int *ret_mount_fd, struct berth_error *err)
{
	const struct tree *t = &st->tree;
	struct tree_view_opts o;
	char file[TREE_NAME_MAX];
	char layer[TREE_NAME_MAX];
	struct berth_error why;
	cleanup_fd int dir = -1;
	int r = tree_view_opts(opts, &o, err);

	if (r == 0)
		r = tree_file(view, file, err);
	if (r == 0)
		r = tree_below(t, t->views, file, layer, err);
	if (r < 0)
		return r;
	r = tree_view_part(t->state, file, "tree", &dir, &why);
	if (r == -BERTH_E_NOT_FOUND) {
		o.flags |= BERTH_VIEW_READ_ONLY;
		r = tree_content_open(t, t->state, layer[0] ? layer : NULL, &dir, err);
	} else if (r < 0 && err) {
		*err = why;
	}
	if (o.flags & BERTH_VIEW_READ_ONLY)
		o.attr |= MOUNT_ATTR_RDONLY;
	if (r == 0)
		r = clone_mount(dir, o.attr, o.userns_fd, ret_mount_fd, err);
	if (r < 0)
		berth_error_prefix(err, "view '%s'", view);
	return r;
}

int btrfs_view_limit(struct berth_storage *st, const char *view, uint64_t bytes, uint64_t inodes,
		     struct berth_error *err)
{
	const struct tree *t = &st->tree;
	char file[TREE_NAME_MAX];
	char layer[TREE_NAME_MAX];
	cleanup_fd int part = -1;
	cleanup_fd int fd = -1;
	int r = tree_file(view, file, err);

	if (r == 0)
		r = tree_below(t, t->views, file, layer, err);
	if (r == 0 && inodes)
		r = berth_fail(err, BERTH_E_UNSUPPORTED, "btrfs cannot limit the number of files");
	if (r < 0)
		return r;
	r = tree_view_part(t->state, file, "tree", &part, err);
	if (r == -BERTH_E_NOT_FOUND)
		return berth_fail(err, BERTH_E_INVALID, "view '%s' is read-only", view);
	if (r == 0)
		r = state_open(part, ".", O_RDONLY | O_DIRECTORY, 0, &fd, err);
	return r < 0 ? r : limit(st, fd, bytes, err);
}
