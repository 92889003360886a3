/* SPDX-License-Identifier: Apache-2.0 */
#include "core/image/rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

int rows_name_set(struct db *db, const char *full, const char *id, struct berth_error *err)
{
	int64_t changes = 0;
	int r = db_run(db, &changes, err,
		       "INSERT INTO image_name(name,image) SELECT ?1,id FROM image WHERE id=?2 "
		       "ON CONFLICT(name) DO UPDATE SET image=excluded.image",
		       "ss", full, id);

	if (r < 0 || changes > 0)
		return r;
	return berth_fail(err, BERTH_E_NOT_FOUND, "No such image: %s", id);
}

int rows_name_get(struct db *db, const char *full, char **ret, struct berth_error *err)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	int r = db_query(db, &q, err, "SELECT image FROM image_name WHERE name=?1", "s", full);

	if (r == 0)
		r = db_step(q, err);
	if (r < 0)
		return r;
	return str_copy(r > 0 ? db_text(q, 0) : NULL, ret, err);
}

int rows_image_has(struct db *db, const char *id, bool *ret, struct berth_error *err)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	int r = db_query(db, &q, err, "SELECT 1 FROM image WHERE id=?1", "s", id);

	if (r == 0)
		r = db_step(q, err);
	if (r < 0)
		return r;
	*ret = r > 0;
	return 0;
}

int rows_image_add(struct db *db, const struct rows_image *image, struct berth_error *err)
{
	cleanup_free char *layers = strv_join(image->layers, " ");
	int64_t changes = 0, pos = 0;
	int r;

	if (!layers)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = db_run(db, &changes, err,
		   "INSERT INTO image(id,config,layers,size,created_ns,added_ns,parent) "
		   "VALUES(?1,?2,?3,?4,?5,?6,?7) ON CONFLICT(id) DO NOTHING",
		   "sssiiis", image->id, image->config, layers, (int64_t)image->size,
		   image->created_ns, clock_now_ns(), image->parent);
	if (r < 0 || changes == 0)
		return r;
	strv_foreach (chain, image->layers) {
		r = db_run(db, NULL, err,
			   "INSERT INTO image_layer(image,pos,chain) VALUES(?1,?2,?3)", "sis",
			   image->id, pos++, *chain);
		if (r < 0)
			return r;
	}
	return 0;
}

int rows_blob_use(struct db *db, const char *image, const struct rows_blob *blob,
		  struct berth_error *err)
{
	int r = rows_blob_plan(db, blob->digest, blob->size, err);

	if (r < 0)
		return r;
	return db_run(db, NULL, err,
		      "INSERT INTO image_blob(image,digest,kind,media_type,diff_id) "
		      "VALUES(?1,?2,?3,?4,?5) ON CONFLICT DO NOTHING",
		      "sssss", image, blob->digest, blob->kind, blob->media_type, blob->diff_id);
}

int rows_layers_inherit(struct db *db, const char *image, const char *base,
			struct berth_error *err)
{
	return db_run(db, NULL, err,
		      "INSERT INTO image_blob(image,digest,kind,media_type,diff_id) "
		      "SELECT ?1,digest,kind,media_type,diff_id FROM image_blob "
		      "WHERE image=?2 AND kind='layer' ON CONFLICT DO NOTHING",
		      "ss", image, base);
}

int rows_blob_plan(struct db *db, const char *digest, uint64_t size, struct berth_error *err)
{
	return db_run(db, NULL, err,
		      "INSERT INTO blob(digest,size) VALUES(?1,?2) ON CONFLICT(digest) DO NOTHING",
		      "si", digest, (int64_t)size);
}

int rows_layer_plan(struct db *db, const char *chain, const char *diff_id, const char *parent,
		    const char *driver, struct berth_error *err)
{
	int r = db_run(db, NULL, err,
		       "INSERT INTO layer(chain,diff_id,parent) VALUES(?1,?2,?3) "
		       "ON CONFLICT(chain) DO NOTHING",
		       "sss", chain, diff_id, parent);

	if (r < 0 || !driver)
		return r;
	return db_run(db, NULL, err,
		      "INSERT INTO layer_copy(chain,driver,ready) VALUES(?1,?2,0) "
		      "ON CONFLICT DO NOTHING",
		      "ss", chain, driver);
}

int rows_layer_ready(struct db *db, const char *chain, const char *driver, int64_t size,
		     struct berth_error *err)
{
	int r = db_run(db, NULL, err,
		       "INSERT INTO layer_copy(chain,driver,ready) VALUES(?1,?2,1) "
		       "ON CONFLICT DO UPDATE SET ready=1",
		       "ss", chain, driver);

	if (r < 0 || size < 0)
		return r;
	return db_run(db, NULL, err, "UPDATE layer SET size=?2 WHERE chain=?1 AND size<0", "si",
		      chain, size);
}
