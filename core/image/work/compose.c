/* SPDX-License-Identifier: Apache-2.0 */
#include "core/image/work/compose.h"

#include <stdlib.h>
#include <string.h>

#include "core/image/sweep.h"
#include "core/image/work/blob.h"
#include "core/image/work/manifest.h"
#include "core/image/work/materialise.h"

struct compose_writer {
	struct content_writer *w;
	struct hash *hash;
	struct berth_op *op;
	uint64_t bytes;
};

static void writer_free(struct compose_writer *out)
{
	if (!out)
		return;
	content_abort(out->w, false);
	hash_free(out->hash);
	free(out);
}
DEFINE_CLEANUP(struct compose_writer *, writer_free);

int compose_name(const char *name, const char *verb, char **ret_full, struct berth_error *err)
{
	cleanup_reference struct reference ref = {0};
	int r = reference_parse(name, &ref, err);

	if (r < 0)
		return r;
	if (digest_is_set(&ref.digest))
		return berth_fail(err, BERTH_E_INVALID, "cannot %s digest reference", verb);
	return reference_full(&ref, ret_full, err);
}

int compose_begin(struct compose *c, struct berth_error *err)
{
	return store_lock_shared(c->store, ROWS_LOCK_KIND, ROWS_LOCK_NAME, &c->lock, err);
}

void compose_end(struct compose *c, int result)
{
	writer_free(steal_ptr(c->writer));
	free(steal_ptr(c->layer));
	c->n = 0;
	close_fd(&c->lock);
	if (result < 0) {
		(void)image_sweep(c->store, c->drivers, NULL); /* else the next one does it */
		(void)content_sweep(c->store, false, NULL, NULL);
	}
}

static const char *media_type_of(enum inflate_kind kind)
{
	switch (kind) {
	case INFLATE_GZIP:
		return "application/vnd.oci.image.layer.v1.tar+gzip";
	case INFLATE_ZSTD:
		return "application/vnd.oci.image.layer.v1.tar+zstd";
	default:
		return "application/vnd.oci.image.layer.v1.tar";
	}
}

/* The bytes are in @w: they become blob @layer->blob, which somebody knows of first. */
static int keep_blob(struct compose *c, struct content_writer **w,
		     const struct compose_layer *layer, struct berth_error *err)
{
	struct compose_layer *more = reallocarray(c->layer, c->n + 1, sizeof(*more));
	char text[DIGEST_TEXT_MAX];
	int r;

	if (!more)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	c->layer = more;
	/* the row comes first: should we die now, somebody knows that the blob may go */
	r = rows_blob_plan(c->store->db, digest_format(&layer->blob, text), layer->blob_bytes, err);
	if (r == 0)
		r = content_commit(steal_ptr(*w), &layer->blob, err);
	if (r == 0)
		c->layer[c->n++] = *layer;
	return r;
}

int compose_take_tar(struct compose *c, stream_read_fn read, void *arg, enum inflate_kind kind,
		     struct berth_error *err)
{
	cleanup_content struct content_writer *w = NULL;
	cleanup_stream struct stream *s = NULL;
	struct stream_how how = {
		.read = read,
		.arg = arg,
		.algo = DIGEST_SHA256,
		.diff_algo = DIGEST_SHA256,
		.bytes = UINT64_MAX,
		.limit = c->store->config->limit_layer_size,
	};
	struct stream_end end;
	const void *p;
	uint64_t have;
	size_t n;
	int r = content_begin(c->store, NULL, &w, &have, err);

	how.keep = w;
	if (r == 0)
		r = stream_start(&how, &s, err);
	do {
		if (r == 0)
			r = op_check(c->op, err);
		if (r == 0)
			r = stream_next(s, &p, &n, err);
	} while (r == 0 && n > 0);
	if (r == 0)
		r = stream_finish(s, &end, err);
	if (r < 0)
		return r;
	return keep_blob(c, &w,
			 &(struct compose_layer){.diff_id = end.diff_id,
						 .blob = end.blob,
						 .blob_bytes = end.blob_bytes,
						 .bytes = end.bytes,
						 .media_type = media_type_of(kind)},
			 err);
}

static int put(void *arg, const void *p, size_t n, struct berth_error *err)
{
	struct compose_writer *out = arg;
	int r = op_check(out->op, err);

	if (r == 0)
		r = hash_add(out->hash, p, n, err);
	if (r == 0)
		r = content_write(out->w, p, n, err);
	out->bytes += n;
	return r;
}

int compose_layer_begin(struct compose *c, struct tar_output *ret, struct berth_error *err)
{
	cleanup_with(writer_free_at) struct compose_writer *out = calloc(1, sizeof(*out));
	uint64_t have;
	int r;

	if (!out)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	out->op = c->op;
	r = hash_new(DIGEST_SHA256, &out->hash, err);
	if (r == 0)
		r = content_begin(c->store, NULL, &out->w, &have, err);
	if (r < 0)
		return r;
	*ret = (struct tar_output){.put = put, .arg = out, .fd = -1};
	c->writer = steal_ptr(out);
	return 0;
}

int compose_layer_end(struct compose *c, bool keep, struct berth_error *err)
{
	cleanup_with(writer_free_at) struct compose_writer *out = steal_ptr(c->writer);
	struct compose_layer layer = {.media_type = media_type_of(INFLATE_PLAIN)};
	int r;

	if (!keep)
		return 0;
	r = hash_end(out->hash, &layer.blob, err);
	if (r < 0)
		return r;
	layer.diff_id = layer.blob;
	layer.blob_bytes = layer.bytes = out->bytes;
	return keep_blob(c, &out->w, &layer, err);
}

/* --- the image ------------------------------------------------------------ */

/* What is being made of c and made. */
struct making {
	struct compose *c;
	const struct compose_made *made;
	struct blob blob; /* of the config */
	struct image_config config;
	struct layer_job *job; /* of the new layers */
	char id[DIGEST_TEXT_MAX];
};

static void making_done(struct making *m)
{
	blob_done(&m->blob);
	image_config_done(&m->config);
	free(m->job);
}

static int add_rootfs(struct making *m, struct berth_error *err)
{
	const struct image *base = m->c->base;
	const struct record *below = base ? record_path(base->config, "rootfs.diff_ids") : NULL;
	struct record *rootfs = record_new_object();
	struct record *ids = record_new_array();
	char text[DIGEST_TEXT_MAX];
	int r = record_set(m->made->config, "rootfs", rootfs, err);

	if (r < 0) {
		record_free(ids);
		return r;
	}
	r = record_set(rootfs, "diff_ids", ids, err);
	for (size_t i = 0; i < record_len(below) && r == 0; i++)
		r = record_append_str(ids, record_str_or(record_at(below, i), ""), err);
	for (size_t i = 0; i < m->c->n && r == 0; i++)
		r = record_append_str(ids, digest_format(&m->c->layer[i].diff_id, text), err);
	return r < 0 ? r : record_set_str(rootfs, "type", "layers", err);
}

/* The config as bytes, and as everybody will read them. */
static int make_config(struct making *m, struct berth_error *err)
{
	char *text;
	int r = add_rootfs(m, err);

	if (r < 0)
		return r;
	text = record_to_text(m->made->config, RECORD_COMPACT);
	r = blob_of(text, text ? strlen(text) : 0, &m->blob, err);
	if (r == 0)
		r = image_config_parse(m->blob.bytes, m->blob.n, m->c->store->config->limit_layers,
				       &m->config, err);
	if (r == 0)
		(void)digest_format(&m->blob.digest, m->id);
	return r;
}

static int make_jobs(struct making *m, struct berth_error *err)
{
	struct compose *c = m->c;
	size_t below = m->config.n - c->n;

	m->job = calloc(c->n + 1, sizeof(*m->job));
	if (!m->job)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	for (size_t i = 0; i < c->n; i++)
		m->job[i] = (struct layer_job){
			.diff_id = c->layer[i].diff_id,
			.blob = c->layer[i].blob,
			.chain = m->config.chain[below + i],
			.parent = below + i ? m->config.chain[below + i - 1] : NULL,
			.media_type = c->layer[i].media_type,
			.bytes = c->layer[i].blob_bytes,
			.unpack = c->storage != NULL,
			.size = -1,
		};
	return 0;
}

static int plan_rows(struct making *m, struct berth_error *err)
{
	const char *driver = m->c->storage ? m->c->storage->name : NULL;
	struct db *db = m->c->store->db;
	char text[DIGEST_TEXT_MAX];
	int r = db_begin(db, err);

	if (r == 0)
		r = rows_blob_plan(db, m->id, m->blob.n, err);
	for (size_t i = 0; i < m->c->n && r == 0; i++)
		r = rows_layer_plan(db, m->job[i].chain, digest_format(&m->job[i].diff_id, text),
				    m->job[i].parent, driver, err);
	if (r == 0)
		r = db_commit(db, DB_DURABLE, err);
	if (r < 0)
		db_rollback(db);
	return r;
}

static int use_blobs(struct making *m, struct berth_error *err)
{
	const struct rows_blob config = {
		.digest = m->id,
		.kind = "config",
		.media_type = "application/vnd.docker.container.image.v1+json",
		.size = m->blob.n,
	};
	struct db *db = m->c->store->db;
	int r = rows_blob_use(db, m->id, &config, err);

	if (r == 0 && m->c->base)
		r = rows_layers_inherit(db, m->id, m->c->base->id, err);
	for (size_t i = 0; i < m->c->n && r == 0; i++) {
		const struct compose_layer *l = &m->c->layer[i];
		char digest[DIGEST_TEXT_MAX], diff_id[DIGEST_TEXT_MAX];

		r = rows_blob_use(
			db, m->id,
			&(struct rows_blob){.digest = digest_format(&l->blob, digest),
					    .kind = "layer",
					    .media_type = l->media_type,
					    .diff_id = digest_format(&l->diff_id, diff_id),
					    .size = l->blob_bytes},
			err);
	}
	return r;
}

static int final_rows(struct making *m, struct berth_error *err)
{
	struct compose *c = m->c;
	struct db *db = c->store->db;
	struct rows_image image = {
		.id = m->id,
		.config = m->blob.bytes,
		.layers = m->config.chain,
		.parent = m->made->parent,
		.size = c->base ? c->base->size : 0,
		.created_ns = m->made->created_ns,
	};
	bool is = true;
	int r = db_begin(db, err);

	if (r == 0 && c->base)
		r = rows_image_has(db, c->base->id, &is, err);
	if (r == 0 && !is)
		r = berth_fail(err, BERTH_E_NOT_FOUND, "image %.19s was removed meanwhile",
			       c->base->id);
	for (size_t i = 0; i < c->n && r == 0; i++) {
		const struct layer_job *job = &m->job[i];

		image.size += job->size >= 0 ? (uint64_t)job->size : c->layer[i].bytes;
		if (c->storage)
			r = rows_layer_ready(db, job->chain, c->storage->name, job->size, err);
	}
	if (r == 0)
		r = rows_image_add(db, &image, err);
	if (r == 0)
		r = use_blobs(m, err);
	if (r == 0 && m->made->full)
		r = rows_name_set(db, m->made->full, m->id, err);
	if (r == 0)
		r = db_commit(db, DB_DURABLE, err);
	if (r < 0)
		db_rollback(db);
	return r;
}

/* New layers stand on those of the base, in the same driver. */
static int ready_base(struct compose *c, struct berth_error *err)
{
	bool is = true;
	int r = 0;

	if (c->base && c->storage && c->n > 0)
		r = image_is_ready(c->store, c->base, c->storage->name, &is, err);
	return r < 0 || is
		       ? r
		       : image_materialise(c->store, c->drivers, c->base, c->storage, c->op, err);
}

int compose_image(struct compose *c, const struct compose_made *made, char **ret_id,
		  struct berth_error *err)
{
	const struct layers_how how = {.store = c->store, .storage = c->storage, .op = c->op};
	cleanup_with(making_done) struct making m = {.c = c, .made = made};
	int r = make_config(&m, err);

	if (r == 0)
		r = make_jobs(&m, err);
	if (r == 0)
		r = ready_base(c, err);
	if (r == 0)
		r = plan_rows(&m, err);
	if (r == 0)
		r = blob_store(c->store, &m.blob, c->op, err);
	if (r == 0 && c->storage)
		r = layers_make(&how, m.job, c->n, err);
	if (r == 0)
		r = content_sync(c->store, err);
	if (r == 0)
		r = final_rows(&m, err);
	return r < 0 ? r : str_copy(m.id, ret_id, err);
}
