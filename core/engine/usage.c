/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/usage.h"

#include "core/volume/volume.h"

static int number_of(struct engine *e, const char *sql, const char *arg, int64_t *ret,
		     struct berth_error *err)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	int r = db_query(e->store->db, &q, err, sql, arg ? "s" : "", arg);

	if (r == 0)
		r = db_step(q, err);
	if (r < 0)
		return r;
	*ret = r > 0 ? db_int(q, 0) : 0;
	return 0;
}

/* What an image has in common with others, and how many containers it has. */
static int complete_image(struct engine *e, struct record *image, struct berth_error *err)
{
	const char *id = record_str_or(record_get(image, "Id"), "");
	int64_t shared, containers;
	int r = number_of(e,
			  "SELECT COALESCE(SUM(y.size),0) FROM image_layer l JOIN layer y ON "
			  "y.chain=l.chain WHERE l.image=?1 AND y.size>0 AND EXISTS(SELECT 1 FROM "
			  "image_layer o WHERE o.chain=l.chain AND o.image<>?1)",
			  id, &shared, err);

	if (r == 0)
		r = number_of(e, "SELECT COUNT(*) FROM container WHERE image=?1", id, &containers,
			      err);
	if (r == 0)
		r = record_set_int(image, "SharedSize", shared, err);
	return r < 0 ? r : record_set_int(image, "Containers", containers, err);
}

static int add_images(struct engine *e, struct record *out, struct berth_error *err)
{
	struct record *images = NULL;
	int64_t layers;
	int r = number_of(e,
			  "SELECT COALESCE(SUM(size),0) FROM layer y WHERE size>0 AND EXISTS("
			  "SELECT 1 FROM image_layer l WHERE l.chain=y.chain)",
			  NULL, &layers, err);

	if (r == 0)
		r = record_set_int(out, "LayersSize", layers, err);
	if (r == 0)
		r = image_list(e->store, NULL, true, &images, err);
	if (r == 0)
		r = record_set(out, "Images", images, err);
	for (size_t i = 0; r == 0 && i < record_len(images); i++)
		r = complete_image(e, record_at(images, i), err);
	return r;
}

static int fill(struct engine *e, struct record *out, struct berth_error *err)
{
	struct record *part = NULL;
	int r = add_images(e, out, err);

	if (r == 0)
		r = container_list(&e->host, true, 0, true, NULL, &part, err);
	if (r == 0)
		r = record_set(out, "Containers", part, err);
	if (r == 0)
		r = volume_list(e->store, NULL, true, &part, err);
	if (r == 0)
		r = record_set(out, "Volumes", part, err);
	if (r == 0)
		r = record_set(out, "BuildCache", record_new_array(), err);
	return r;
}

int engine_usage(struct engine *e, struct record **ret, struct berth_error *err)
{
	cleanup_record struct record *out = record_new_object();
	int r = out ? fill(e, out, err) : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");

	if (r == 0)
		*ret = steal_ptr(out);
	return r;
}
