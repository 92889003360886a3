/* SPDX-License-Identifier: Apache-2.0 */
#include "core/image/work/materialise.h"

#include <stdlib.h>

#include "core/image/rows.h"
#include "core/image/sweep.h"
#include "core/image/work/layers.h"
#include "core/image/work/manifest.h"

struct making {
	struct store *store;
	const struct image *image;
	struct storage *storage;
	struct layer_job *job;
	char **media_type;
	size_t n;
};

static void making_done(struct making *m)
{
	free(m->job);
	for (size_t i = 0; m->media_type && i < m->n; i++)
		free(m->media_type[i]);
	free(m->media_type);
}

/** One of the blobs that make this layer: the first that is there. */
static int find_blob(struct making *m, size_t i, struct berth_error *err)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	struct layer_job *job = &m->job[i];
	char diff_id[DIGEST_TEXT_MAX];
	int r = db_query(m->store->db, &q, err,
			 "SELECT DISTINCT digest,media_type FROM image_blob WHERE diff_id=?1", "s",
			 digest_format(&job->diff_id, diff_id));

	while (r == 0 && (r = db_step(q, err)) > 0) {
		r = 0;
		if (digest_parse(db_text(q, 0), &job->blob, NULL) == 0 &&
		    content_stat(m->store, &job->blob, &job->bytes, NULL) == 0)
			return str_copy(db_text(q, 1), &m->media_type[i], err);
	}
	if (r < 0)
		return r;
	(void)berth_fail(err, BERTH_E_NOT_FOUND,
			 "layer %zu of image %.19s is not in the store any more", i + 1,
			 m->image->id);
	berth_error_hint(err, "load or pull the image again");
	return -BERTH_E_NOT_FOUND;
}

static int plan(struct making *m, struct berth_error *err)
{
	const struct record *ids = record_path(m->image->config, "rootfs.diff_ids");
	int r = 0;

	m->n = strv_len(m->image->layers);
	if (record_len(ids) != m->n)
		return berth_fail(err, BERTH_E_CORRUPT,
				  "image %.19s has %zu layers and %zu diff ids", m->image->id, m->n,
				  record_len(ids));
	m->job = calloc(m->n + 1, sizeof(*m->job));
	m->media_type = calloc(m->n + 1, sizeof(*m->media_type));
	if (!m->job || !m->media_type)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	for (size_t i = 0; i < m->n && r == 0; i++) {
		struct layer_job *job = &m->job[i];

		job->chain = m->image->layers[i];
		job->parent = i ? m->image->layers[i - 1] : NULL;
		job->unpack = true;
		r = digest_parse(record_str_or(record_at(ids, i), ""), &job->diff_id, err);
		if (r == 0)
			r = find_blob(m, i, err);
		job->media_type = m->media_type[i];
	}
	return r;
}

static int write_rows(struct making *m, bool ready, struct berth_error *err)
{
	struct db *db = m->store->db;
	const char *driver = m->storage->name;
	char diff_id[DIGEST_TEXT_MAX];
	int r = db_begin(db, err);

	for (size_t i = 0; i < m->n && r == 0; i++) {
		const struct layer_job *job = &m->job[i];

		r = ready ? rows_layer_ready(db, job->chain, driver, job->size, err)
			  : rows_layer_plan(db, job->chain, digest_format(&job->diff_id, diff_id),
					    job->parent, driver, err);
	}
	if (r == 0)
		r = db_commit(db, DB_DURABLE, err);
	if (r < 0)
		db_rollback(db);
	return r;
}

int image_materialise(struct store *store, struct drivers *drivers, const struct image *image,
		      struct storage *storage, struct berth_op *op, struct berth_error *err)
{
	cleanup_with(making_done) struct making m = {
		.store = store,
		.image = image,
		.storage = storage,
	};
	const struct layers_how how = {.store = store, .storage = storage, .op = op};
	cleanup_fd int lock = -1;
	int r = store_lock_shared(store, ROWS_LOCK_KIND, ROWS_LOCK_NAME, &lock, err);

	if (r == 0)
		r = plan(&m, err);
	if (r == 0)
		r = write_rows(&m, false, err);
	if (r == 0)
		r = layers_make(&how, m.job, m.n, err);
	if (r == 0)
		r = write_rows(&m, true, err);
	if (r < 0)
		berth_error_prefix(err, "unpack image %.19s in storage '%s'", image->id,
				   storage->name);
	return r;
}
