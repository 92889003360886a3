/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/clock.h"
#include "core/image/names.h"

/** Size of layer @chain: 0 for none or unknown. */
static int layer_size(struct store *store, const char *chain, int64_t *ret, struct berth_error *err)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	int64_t size = 0;
	int r = db_query(store->db, &q, err, "SELECT size FROM layer WHERE chain=?1", "s", chain);

	if (r == 0)
		r = db_step(q, err);
	if (r > 0)
		size = db_int(q, 0);
	if (r < 0)
		return r;
	*ret = size > 0 ? size : 0;
	return 0;
}

static int64_t seconds_of(const struct record *step)
{
	const char *created = record_str(record_get(step, "created"));
	int64_t ns;

	if (!created || clock_parse(created, &ns, NULL) < 0 || ns == CLOCK_NEVER)
		return 0;
	return ns / CLOCK_SECOND;
}

/** @id NULL: an image that is not here by itself. @tags NULL: none. */
static int item_new(const struct record *step, const char *id, struct record *tags, int64_t size,
		    struct record **ret, struct berth_error *err)
{
	cleanup_record struct record *item = record_new_object();
	int r;

	if (!item)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = record_set_str(item, "Comment", record_str_or(record_get(step, "comment"), ""), err);
	if (r == 0)
		r = record_set_int(item, "Created", seconds_of(step), err);
	if (r == 0)
		r = record_set_str(item, "CreatedBy",
				   record_str_or(record_get(step, "created_by"), ""), err);
	if (r == 0)
		r = record_set_str(item, "Id", id ? id : "<missing>", err);
	if (r == 0)
		r = record_set_int(item, "Size", size, err);
	if (r == 0)
		r = tags ? record_set(item, "Tags", record_ref(tags), err)
			 : record_set_null(item, "Tags", err);
	if (r < 0)
		return r;
	*ret = steal_ptr(item);
	return 0;
}

static int tags_of(struct store *store, const char *id, struct record **ret,
		   struct berth_error *err)
{
	cleanup_record struct record *tags = record_new_array();
	cleanup_names struct image_names names = {0};
	int r = tags ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");

	if (r == 0)
		r = names_read(store, id, &names, err);
	for (size_t i = 0; i < names.n && r == 0; i++)
		if (!name_is_digest(names.name[i].full))
			r = record_append_str(tags, reference_short(names.name[i].full), err);
	if (r < 0)
		return r;
	*ret = record_len(tags) ? steal_ptr(tags) : NULL;
	return 0;
}

int image_history(struct store *store, const char *name, struct record **ret,
		  struct berth_error *err)
{
	cleanup_record struct record *out = record_new_array();
	cleanup_record struct record *tags = NULL;
	cleanup_image struct image *image = NULL;
	const struct record *history;
	size_t layers;
	int r;

	if (!out)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = image_find(store, name, &image, err);
	if (r == 0)
		r = tags_of(store, image->id, &tags, err);
	if (r < 0)
		return r;
	history = record_get(image->config, "history");
	layers = strv_len(image->layers);
	/* newest first; steps that made a layer belong to the layers from the top down */
	for (size_t i = record_len(history); i-- > 0 && r == 0;) {
		const struct record *step = record_at(history, i);
		bool top = i + 1 == record_len(history);
		struct record *item = NULL;
		int64_t size = 0;

		if (!record_bool_or(record_get(step, "empty_layer"), false) && layers > 0)
			r = layer_size(store, image->layers[--layers], &size, err);
		if (r == 0)
			r = item_new(step, top ? image->id : NULL, top ? tags : NULL, size, &item,
				     err);
		if (r == 0)
			r = record_append(out, item, err);
	}
	if (r < 0)
		return r;
	*ret = steal_ptr(out);
	return 0;
}
