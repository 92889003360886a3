/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "core/container/tree.h"

struct change {
	char kind;
	char *path;
};

struct changes {
	struct change *change;
	size_t n, room;
};

static void changes_done(struct changes *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->change[i].path);
	free(c->change);
}
#define cleanup_changes cleanup_with(changes_done)

static int take(void *arg, uint32_t kind, const char *path)
{
	struct changes *c = arg;

	if (c->n == c->room) {
		size_t room = c->room ? 2 * c->room : 256;
		struct change *more = reallocarray(c->change, room, sizeof(*more));

		if (!more)
			return -BERTH_E_NO_MEMORY;
		c->change = more;
		c->room = room;
	}
	c->change[c->n] = (struct change){(char)kind, str_fmt("/%s", path)};
	return c->change[c->n++].path ? 0 : -BERTH_E_NO_MEMORY;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct change *)a)->path, ((const struct change *)b)->path);
}

static int kind_number(char kind)
{
	return kind == BERTH_CHANGE_ADDED ? 1 : kind == BERTH_CHANGE_DELETED ? 2 : 0;
}

static int add(struct record *out, const struct change *c, struct berth_error *err)
{
	struct record *one = record_new_object();
	int r = record_append(out, one, err);

	if (r == 0)
		r = record_set_str(one, "Path", c->path, err);
	return r < 0 ? r : record_set_int(one, "Kind", kind_number(c->kind), err);
}

int container_diff(struct container_host *h, const char *ref, struct record **ret,
		   struct berth_error *err)
{
	cleanup_record struct record *out = record_new_array();
	cleanup_changes struct changes changes = {0};
	cleanup_row struct container_row *row = NULL;
	cleanup_image struct image *image = NULL;
	struct storage *storage;
	int r = container_row_find(h->store, ref, &row, err);

	if (r == 0)
		r = image_find(h->store, row->image, &image, err);
	if (r == 0)
		r = drivers_storage(h->drivers, row->storage, &storage, err);
	if (r == 0)
		r = tree_changes(storage, row->id, image->top, take, &changes, h->op, err);
	if (r == 0 && changes.n > 0)
		qsort(changes.change, changes.n, sizeof(*changes.change), by_path);
	for (size_t i = 0; i < changes.n && r == 0; i++)
		r = add(out, &changes.change[i], err);
	if (r == 0)
		*ret = steal_ptr(out);
	return r;
}
