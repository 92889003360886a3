/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../tree/newmount.h"
#include "base/cleanup.h"
#include "base/path.h"
#include "vfs.h"

static int copy_layer(struct berth_storage *st, const struct tree_stage *stage, const char *layer,
		      struct berth_error *err)
{
	const struct tree *t = &st->tree;
	cleanup_fd int from = -1;
	cleanup_fd int to = -1;
	cleanup_fd int links = -1;
	int r = state_mkdir(stage->dir, "tree", 0755, 0, err);

	if (r < 0 || !layer)
		return r;
	r = tree_content_open(t, t->state, layer, &from, err);
	if (r == 0)
		r = state_open(stage->dir, "tree", O_RDONLY | O_DIRECTORY, 0, &to, err);
	if (r == 0)
		r = state_mkdirs(stage->dir, "links", 0700, &links, err);
	if (r == 0)
		r = vfs_copy(st, from, to, links, NULL, err);
	if (r == 0)
		r = remove_tree(stage->dir, "links", err);
	return r;
}

static int fill(struct berth_storage *st, const struct tree_stage *stage, const char *layer,
		uint32_t flags, struct berth_error *err)
{
	cleanup_fd int lock = -1;
	int r = tree_lock(&st->tree, true, &lock, err);

	if (r == 0)
		r = tree_stand(&st->tree, stage->dir, "layer", layer, err);
	close_fd(&lock); /* from here on the link keeps the layer */
	if (r < 0)
		return r;
	if (!(flags & BERTH_VIEW_READ_ONLY))
		return copy_layer(st, stage, layer, err);
	return state_mkdir(stage->dir, "read-only", 0700, 0, err);
}

int vfs_view_create(struct berth_storage *st, const char *view, const char *layer, uint32_t flags,
		    const struct berth_conf *conf BERTH_UNUSED, struct berth_error *err)
{
	const struct tree *t = &st->tree;
	struct tree_stage stage = {0};
	char file[TREE_NAME_MAX];
	char below[TREE_NAME_MAX];
	int r = tree_file(view, file, err);

	if (r == 0 && layer)
		r = tree_file(layer, below, err);
	if (r == 0)
		r = tree_stage_begin(t, file, true, true, &stage, err);
	if (r < 0)
		return r;
	/* we may have waited for somebody who made it */
	r = tree_there(t->views, file, err);
	if (r > 0)
		r = berth_fail(err, BERTH_E_EXISTS, "view '%s' exists", view);
	if (r == 0)
		r = fill(st, &stage, layer ? below : NULL, flags, err);
	if (r == 0)
		r = tree_stage_publish(&stage, t->views, file, err);
	if (r < 0)
		tree_stage_erase(&stage);
	tree_stage_end(&stage);
	return r;
}

int vfs_view_mount(struct berth_storage *st, const char *view, const struct berth_view_opts *opts,
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
