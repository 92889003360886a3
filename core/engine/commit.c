/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/commit.h"

#include "core/container/changed.h"
#include "core/container/make.h"
#include "core/container/tree.h"

/* The container is found, and frozen if that is wanted. */
static int commit_row(struct engine *e, const struct container_row *row,
		      const struct engine_commit *how, char **ret_id, struct berth_error *err)
{
	cleanup_changed struct changed changed = {0};
	cleanup_image struct image *image = NULL;
	const struct image_work *work;
	cleanup_fd int root = -1;
	struct image_commit what = {
		.config = record_get(row->merged, "Config"),
		.lines = how->lines,
		.author = how->author,
		.comment = how->comment,
		.name = how->name,
	};
	int r = engine_image_work(e, &work, err);

	if (r == 0)
		r = image_find(e->store, row->image, &image, err);
	if (r == 0)
		r = drivers_storage(e->drivers, row->storage, &what.storage, err);
	if (r == 0)
		r = changed_read(&e->host, row, image, &changed, err);
	if (r == 0)
		r = container_view_open(&e->host, row, &root, err);
	if (r < 0)
		return r;
	what.base = image;
	what.root = root;
	what.change = changed.change;
	what.n = changed.n;
	return work->commit(e->store, e->drivers, &what, e->op, ret_id, err);
}

int engine_commit(struct engine *e, const char *ref, const struct engine_commit *how, char **ret_id,
		  struct berth_error *err)
{
	cleanup_row struct container_row *row = NULL;
	cleanup_fd int hold = -1;
	int r = container_row_find(e->store, ref, &row, err);

	/* a driver that cannot freeze is no reason not to have the image */
	if (r == 0 && how->pause)
		r = container_hold(&e->host, row, &hold, err);
	if (r == -BERTH_E_UNSUPPORTED || r == -BERTH_E_INVALID)
		r = 0;
	return r < 0 ? r : commit_row(e, row, how, ret_id, err);
}
