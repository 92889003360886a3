/* SPDX-License-Identifier: Apache-2.0 */
#include "core/container/changed.h"

static int kind_number(char kind)
{
	return kind == BERTH_CHANGE_ADDED ? 1 : kind == BERTH_CHANGE_DELETED ? 2 : 0;
}

static int add(struct record *out, const struct image_change *c, struct berth_error *err)
{
	cleanup_free char *path = str_fmt("/%s", c->path);
	struct record *one = record_new_object();
	int r = record_append(out, one, err);

	if (!path)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	if (r == 0)
		r = record_set_str(one, "Path", path, err);
	return r < 0 ? r : record_set_int(one, "Kind", kind_number(c->kind), err);
}

int container_diff(struct container_host *h, const char *ref, struct record **ret,
		   struct berth_error *err)
{
	cleanup_record struct record *out = record_new_array();
	cleanup_changed struct changed changed = {0};
	cleanup_row struct container_row *row = NULL;
	cleanup_image struct image *image = NULL;
	int r = container_row_find(h->store, ref, &row, err);

	if (r == 0)
		r = image_find(h->store, row->image, &image, err);
	if (r == 0)
		r = changed_read(h, row, image, &changed, err);
	for (size_t i = 0; i < changed.n && r == 0; i++)
		r = add(out, &changed.change[i], err);
	if (r == 0)
		*ret = steal_ptr(out);
	return r;
}
