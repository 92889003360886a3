/* SPDX-License-Identifier: Apache-2.0 */
#include "core/image/work/materialise.h"

#include <stdlib.h>

#include "core/image/rows.h"
#include "core/image/sweep.h"
#include "core/image/work/kept.h"
#include "core/image/work/layers.h"
#include "core/image/work/manifest.h"

struct making {
	struct store *store;
	const struct image *image;
	struct storage *storage;
	struct layer_job *job;
	struct kept *kept; /* what makes each */
	size_t n;
};

static void making_done(struct making *m)
{
	free(m->job);
	for (size_t i = 0; m->kept && i < m->n; i++)
		kept_done(&m->kept[i]);
	free(m->kept);
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
	m->kept = calloc(m->n + 1, sizeof(*m->kept));
	if (!m->job || !m->kept)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	for (size_t i = 0; i < m->n && r == 0; i++) {
		struct layer_job *job = &m->job[i];

		job->chain = m->image->layers[i];
		job->parent = i ? m->image->layers[i - 1] : NULL;
		job->unpack = true;
		r = digest_parse(record_str_or(record_at(ids, i), ""), &job->diff_id, err);
		if (r == 0)
			r = kept_find(m->store, &job->diff_id, &m->kept[i], err);
		job->blob = m->kept[i].blob;
		job->bytes = m->kept[i].bytes;
		job->media_type = m->kept[i].media_type;
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
