/* SPDX-License-Identifier: Apache-2.0 */
#include "core/image/work/take.h"

#include <stdlib.h>

#include "core/image/rows.h"

/** The work on one image. */
struct taking {
	const struct take *take;
	struct manifest manifest;
	struct blob config_blob;
	struct image_config config;
	char id[DIGEST_TEXT_MAX];
	struct berth_desc *desc; /* of each layer, as the source knows it */
	struct layer_job *job;
	char (*text)[DIGEST_TEXT_MAX]; /* digests of the layers' blobs */
	char **annotations;
	size_t n;
};

static void taking_done(struct taking *t)
{
	manifest_done(&t->manifest);
	blob_done(&t->config_blob);
	image_config_done(&t->config);
	free(t->desc);
	free(t->job);
	free(t->text);
	for (size_t i = 0; t->annotations && i < t->n; i++)
		free(t->annotations[i]);
	free(t->annotations);
}

void taken_done(struct taken *taken)
{
	free(taken->id);
	strv_free(taken->renamed);
	*taken = (struct taken){0};
}

static int no_memory(struct berth_error *err)
{
	return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
}

static int read_config(struct taking *t, struct berth_error *err)
{
	const struct config *limits = t->take->store->config;
	const struct manifest_desc *d = &t->manifest.config;
	char text[DIGEST_TEXT_MAX];
	const struct berth_desc desc = {
		.size = sizeof(desc),
		.media_type = d->media_type,
		.digest = digest_format(&d->digest, text),
		.bytes = d->bytes,
	};
	int r = blob_fetch(t->take->from, &desc, &d->digest, limits->limit_config_size, "config",
			   t->take->op, &t->config_blob, err);

	if (r < 0)
		return r;
	(void)digest_format(&d->digest, t->id);
	r = image_config_parse(t->config_blob.bytes, t->config_blob.n, limits->limit_layers,
			       &t->config, err);
	if (r == 0 && t->config.n != t->manifest.n)
		r = berth_fail(err, BERTH_E_CORRUPT,
			       "it has %zu diff ids, the manifest has %zu layers", t->config.n,
			       t->manifest.n);
	if (r < 0)
		berth_error_prefix(err, "config %s", t->id);
	return r;
}

static int plan_layer(struct taking *t, size_t i, struct berth_error *err)
{
	const struct manifest_desc *d = &t->manifest.item[i];
	struct layer_job *job = &t->job[i];

	if (d->annotations) {
		t->annotations[i] = record_to_text(d->annotations, RECORD_COMPACT);
		if (!t->annotations[i])
			return no_memory(err);
	}
	t->desc[i] = (struct berth_desc){
		.size = sizeof(struct berth_desc),
		.media_type = d->media_type,
		.digest = digest_format(&d->digest, t->text[i]),
		.bytes = d->bytes,
		.annotations = {t->annotations[i],
				t->annotations[i] ? strlen(t->annotations[i]) : 0},
	};
	*job = (struct layer_job){
		.diff_id = t->config.diff_id[i],
		.blob = d->digest,
		.chain = t->config.chain[i],
		.parent = i ? t->config.chain[i - 1] : NULL,
		.media_type = d->media_type,
		.bytes = d->bytes,
		.desc = &t->desc[i],
		.unpack = t->take->storage != NULL,
		.size = -1,
	};
	return 0;
}

static int plan_layers(struct taking *t, struct berth_error *err)
{
	size_t n = t->manifest.n;
	int r = 0;

	t->n = n;
	t->desc = calloc(n + 1, sizeof(*t->desc));
	t->job = calloc(n + 1, sizeof(*t->job));
	t->text = calloc(n + 1, sizeof(*t->text));
	t->annotations = calloc(n + 1, sizeof(*t->annotations));
	if (!t->desc || !t->job || !t->text || !t->annotations)
		return no_memory(err);
	for (size_t i = 0; i < n && r == 0; i++)
		r = plan_layer(t, i, err);
	return r;
}

/** Whether the image uses this blob already. */
static int has_blob(struct taking *t, const char *digest, bool *ret, struct berth_error *err)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	int r = db_query(t->take->store->db, &q, err,
			 "SELECT 1 FROM image_blob WHERE image=?1 AND digest=?2", "ss", t->id,
			 digest);

	if (r == 0)
		r = db_step(q, err);
	if (r < 0)
		return r;
	*ret = r > 0;
	return 0;
}

/** Whether there is nothing to do but to give it names. */
static int is_known(struct taking *t, bool *ret, struct berth_error *err)
{
	const struct image image = {.top = t->n ? t->config.chain[t->n - 1] : NULL};
	bool known = false, ready = true;
	char text[DIGEST_TEXT_MAX];
	int r = rows_image_has(t->take->store->db, t->id, &known, err);

	if (r == 0 && known && t->take->storage)
		r = image_is_ready(t->take->store, &image, t->take->storage->name, &ready, err);
	known &= ready;
	if (r == 0 && known && !t->take->synthetic)
		r = has_blob(t, digest_format(&t->take->manifest->digest, text), &known, err);
	for (size_t i = 0; i < t->n && r == 0 && known; i++) {
		r = has_blob(t, t->text[i], &known, err);
		if (r == 0 && known)
			known = content_stat(t->take->store, &t->job[i].blob, NULL, NULL) == 0;
	}
	if (r < 0)
		return r;
	*ret = known;
	return 0;
}

static int write_transaction(struct taking *t,
			     int (*fn)(struct taking *t, struct db *db, struct berth_error *err),
			     struct berth_error *err)
{
	struct db *db = t->take->store->db;
	int r = db_begin(db, err);

	if (r == 0)
		r = fn(t, db, err);
	if (r == 0)
		r = db_commit(db, DB_DURABLE, err);
	if (r < 0)
		db_rollback(db);
	return r;
}

/** What will be made is written down before: so that who finds it by half knows that it may go. */
static int plan_rows(struct taking *t, struct db *db, struct berth_error *err)
{
	const char *driver = t->take->storage ? t->take->storage->name : NULL;
	char text[DIGEST_TEXT_MAX], diff_id[DIGEST_TEXT_MAX];
	int r = rows_blob_plan(db, t->id, t->config_blob.n, err);

	if (r == 0 && !t->take->synthetic)
		r = rows_blob_plan(db, digest_format(&t->take->manifest->digest, text),
				   t->take->manifest->n, err);
	for (size_t i = 0; i < t->take->n_indexes && r == 0; i++)
		r = rows_blob_plan(db, digest_format(&t->take->indexes[i].digest, text),
				   t->take->indexes[i].n, err);
	for (size_t i = 0; i < t->n && r == 0; i++) {
		r = rows_blob_plan(db, t->text[i], t->job[i].bytes, err);
		if (r == 0)
			r = rows_layer_plan(db, t->job[i].chain,
					    digest_format(&t->job[i].diff_id, diff_id),
					    t->job[i].parent, driver, err);
	}
	return r;
}

static int store_small(struct taking *t, struct berth_error *err)
{
	struct store *store = t->take->store;
	int r = blob_store(store, &t->config_blob, t->take->op, err);

	if (r == 0 && !t->take->synthetic)
		r = blob_store(store, t->take->manifest, t->take->op, err);
	for (size_t i = 0; i < t->take->n_indexes && r == 0; i++)
		r = blob_store(store, &t->take->indexes[i], t->take->op, err);
	return r;
}

/** Bytes of all layers' files, as far as they are known; else of the blob. */
static int total_size(struct taking *t, uint64_t *ret, struct berth_error *err)
{
	uint64_t total = 0;

	for (size_t i = 0; i < t->n; i++) {
		cleanup_db_stmt struct db_stmt *q = NULL;
		int64_t size;
		int r = db_query(t->take->store->db, &q, err,
				 "SELECT size FROM layer WHERE chain=?1", "s", t->job[i].chain);

		if (r == 0)
			r = db_step(q, err);
		if (r < 0)
			return r;
		size = r > 0 ? db_int(q, 0) : -1;
		total += size >= 0 ? (uint64_t)size : t->job[i].bytes;
	}
	*ret = total;
	return 0;
}

static int use_blob(struct taking *t, struct db *db, const char *kind, const char *type,
		    const struct blob *blob, struct berth_error *err)
{
	char text[DIGEST_TEXT_MAX];
	const struct rows_blob row = {
		.digest = digest_format(&blob->digest, text),
		.kind = kind,
		.media_type = type,
		.size = blob->n,
	};

	return rows_blob_use(db, t->id, &row, err);
}

static int layer_rows(struct taking *t, struct db *db, struct berth_error *err)
{
	char diff_id[DIGEST_TEXT_MAX];
	int r = 0;

	for (size_t i = 0; i < t->n && r == 0; i++) {
		const struct rows_blob blob = {
			.digest = t->text[i],
			.kind = "layer",
			.media_type = t->job[i].media_type,
			.diff_id = digest_format(&t->job[i].diff_id, diff_id),
			.size = t->job[i].bytes,
		};

		r = rows_blob_use(db, t->id, &blob, err);
		if (r == 0 && t->take->storage)
			r = rows_layer_ready(db, t->job[i].chain, t->take->storage->name,
					     t->job[i].size, err);
	}
	return r;
}

static int image_rows(struct taking *t, struct db *db, struct berth_error *err)
{
	const struct take *take = t->take;
	struct rows_image image = {
		.id = t->id,
		.config = t->config_blob.bytes,
		.layers = t->config.chain,
		.created_ns = t->config.created_ns,
	};
	int r = layer_rows(t, db, err);

	if (r == 0)
		r = total_size(t, &image.size, err);
	if (r == 0)
		r = rows_image_add(db, &image, err);
	if (r == 0)
		r = use_blob(t, db, "config", t->manifest.config.media_type, &t->config_blob, err);
	if (r == 0 && !take->synthetic)
		r = use_blob(t, db, "manifest", take->manifest_type, take->manifest, err);
	for (size_t i = 0; i < take->n_indexes && r == 0; i++)
		r = use_blob(t, db, "index", NULL, &take->indexes[i], err);
	return r;
}

/** @full names this image from now on; what it named before is noted. */
static int give_name(struct taking *t, struct db *db, const char *full, struct taken *taken,
		     struct berth_error *err)
{
	cleanup_free char *before = NULL;
	int r = rows_name_get(db, full, &before, err);

	if (r == 0 && before && !str_eq(before, t->id) &&
	    strv_addf(&taken->renamed, "%s %s", full, before) < 0)
		r = no_memory(err);
	return r < 0 ? r : rows_name_set(db, full, t->id, err);
}

/** Rows and names in one: nobody sees an image by half. */
static int publish(struct taking *t, bool rows, struct taken *taken, struct berth_error *err)
{
	struct db *db = t->take->store->db;
	int r = db_begin(db, err);

	if (r == 0 && rows)
		r = image_rows(t, db, err);
	strv_foreach (name, t->take->names)
		if (r == 0)
			r = give_name(t, db, *name, taken, err);
	if (r == 0)
		r = db_commit(db, DB_DURABLE, err);
	if (r < 0)
		db_rollback(db);
	return r;
}

static int make_all(struct taking *t, struct berth_error *err)
{
	const struct layers_how how = {
		.store = t->take->store,
		.storage = t->take->storage,
		.from = t->take->from,
		.op = t->take->op,
	};
	int r = write_transaction(t, plan_rows, err);

	if (r == 0)
		r = store_small(t, err);
	if (r == 0)
		r = layers_make(&how, t->job, t->n, err);
	return r < 0 ? r : content_sync(t->take->store, err);
}

int image_take(const struct take *take, struct taken *ret, struct berth_error *err)
{
	cleanup_with(taking_done) struct taking t = {.take = take};
	cleanup_taken struct taken taken = {0};
	bool known;
	int r = manifest_parse(take->manifest->bytes, take->manifest->n, take->manifest_type,
			       take->store->config->limit_layers, &t.manifest, err);

	if (r == 0 && t.manifest.kind != MANIFEST_IMAGE)
		r = berth_fail(err, BERTH_E_INTERNAL, "an index where a manifest is wanted");
	if (r == 0)
		r = read_config(&t, err);
	if (r == 0)
		r = plan_layers(&t, err);
	if (r == 0)
		r = is_known(&t, &known, err);
	if (r == 0 && !known)
		r = make_all(&t, err);
	if (r == 0)
		r = publish(&t, !known, &taken, err);
	if (r == 0)
		r = str_copy(t.id, &taken.id, err);
	if (r < 0)
		return r;
	*ret = taken;
	taken = (struct taken){0};
	return 0;
}
