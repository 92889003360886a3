/* SPDX-License-Identifier: Apache-2.0 */
#include "core/image/work/import.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "core/image/rows.h"
#include "core/image/work/blob.h"
#include "core/image/work/changes.h"
#include "core/image/work/inflate.h"
#include "core/image/work/manifest.h"
#include "core/image/work/spool.h"
#include "core/image/work/stream.h"

struct import {
	struct store *store;
	struct storage *storage;
	struct berth_op *op;
	const char *message;
	char *const *changes;
	struct platform platform;
	char *full; /* name, or NULL */
	/* found out */
	struct stream_end layer;
	const char *media_type;
	struct blob config;
	int64_t now_ns;
};

static void import_done(struct import *im)
{
	free(im->full);
	blob_done(&im->config);
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

/** The tar becomes a blob as it is; on the way its two digests are found. */
static int store_layer(struct import *im, struct spool_source *src, struct berth_error *err)
{
	cleanup_content struct content_writer *w = NULL;
	cleanup_stream struct stream *s = NULL;
	struct stream_how how = {
		.read = spool_read,
		.arg = src,
		.algo = DIGEST_SHA256,
		.diff_algo = DIGEST_SHA256,
		.bytes = UINT64_MAX,
		.limit = im->store->config->limit_layer_size,
	};
	char text[DIGEST_TEXT_MAX];
	const void *p;
	uint64_t have;
	size_t n;
	int r = content_begin(im->store, NULL, &w, &have, err);

	how.keep = w;
	if (r == 0)
		r = stream_start(&how, &s, err);
	do {
		if (r == 0)
			r = op_check(im->op, err);
		if (r == 0)
			r = stream_next(s, &p, &n, err);
	} while (r == 0 && n > 0);
	if (r == 0)
		r = stream_finish(s, &im->layer, err);
	if (r < 0)
		return r;
	im->media_type = media_type_of(src->kind);
	/* the row comes first: should we die now, somebody knows that the blob may go */
	r = rows_blob_plan(im->store->db, digest_format(&im->layer.blob, text),
			   im->layer.blob_bytes, err);
	if (r < 0)
		return r;
	return content_commit(steal_ptr(w), &im->layer.blob, err);
}

static int config_body(struct import *im, struct record *out, struct berth_error *err)
{
	struct record *config = record_new_object();
	int r = record_set(out, "config", config, err);

	strv_foreach (line, im->changes)
		if (r == 0)
			r = change_apply(config, *line, err);
	return r;
}

static int config_rootfs(struct import *im, struct record *out, struct berth_error *err)
{
	struct record *rootfs = record_new_object();
	struct record *ids = record_new_array();
	char text[DIGEST_TEXT_MAX];
	int r = record_set(out, "rootfs", rootfs, err);

	if (r < 0) {
		record_free(ids);
		return r;
	}
	r = record_set(rootfs, "diff_ids", ids, err);
	if (r == 0)
		r = record_append_str(ids, digest_format(&im->layer.diff_id, text), err);
	return r < 0 ? r : record_set_str(rootfs, "type", "layers", err);
}

static int config_history(struct import *im, struct record *out, const char *created,
			  struct berth_error *err)
{
	struct record *history = record_new_array();
	struct record *step;
	int r = record_set(out, "history", history, err);

	if (r < 0)
		return r;
	step = record_new_object();
	r = record_append(history, step, err);
	if (r == 0)
		r = record_set_str(step, "created", created, err);
	return r < 0 ? r : record_set_str(step, "comment", im->message, err);
}

static int make_config(struct import *im, struct berth_error *err)
{
	cleanup_record struct record *out = record_new_object();
	char created[CLOCK_TEXT_MAX];
	char *text;
	int r = out ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");

	(void)clock_format(im->now_ns, created);
	if (r == 0)
		r = record_set_str(out, "architecture", im->platform.arch, err);
	if (r == 0 && *im->platform.variant)
		r = record_set_str(out, "variant", im->platform.variant, err);
	if (r == 0)
		r = record_set_str(out, "comment", im->message, err);
	if (r == 0)
		r = record_set_str(out, "created", created, err);
	if (r == 0)
		r = config_body(im, out, err);
	if (r == 0)
		r = config_history(im, out, created, err);
	if (r == 0)
		r = record_set_str(out, "os", im->platform.os, err);
	if (r == 0)
		r = config_rootfs(im, out, err);
	if (r < 0)
		return r;
	text = record_to_text(out, RECORD_COMPACT);
	return blob_of(text, text ? strlen(text) : 0, &im->config, err);
}

static int plan_rows(struct import *im, const char *id, const char *blob, const char *diff_id,
		     struct berth_error *err)
{
	struct db *db = im->store->db;
	int r = db_begin(db, err);

	if (r == 0)
		r = rows_blob_plan(db, id, im->config.n, err);
	if (r == 0)
		r = rows_blob_plan(db, blob, im->layer.blob_bytes, err);
	if (r == 0)
		r = rows_layer_plan(db, diff_id, diff_id, NULL,
				    im->storage ? im->storage->name : NULL, err);
	if (r == 0)
		r = db_commit(db, DB_DURABLE, err);
	if (r < 0)
		db_rollback(db);
	return r;
}

static int final_rows(struct import *im, const struct rows_image *image,
		      const struct rows_blob *config, const struct rows_blob *layer, int64_t size,
		      struct berth_error *err)
{
	struct db *db = im->store->db;
	int r = db_begin(db, err);

	if (r == 0 && im->storage)
		r = rows_layer_ready(db, image->layers[0], im->storage->name, size, err);
	if (r == 0)
		r = rows_image_add(db, image, err);
	if (r == 0)
		r = rows_blob_use(db, image->id, config, err);
	if (r == 0)
		r = rows_blob_use(db, image->id, layer, err);
	if (r == 0 && im->full)
		r = rows_name_set(db, im->full, image->id, err);
	if (r == 0)
		r = db_commit(db, DB_DURABLE, err);
	if (r < 0)
		db_rollback(db);
	return r;
}

/** The image around the layer, which is a blob already. */
static int make_image(struct import *im, char **ret_id, struct berth_error *err)
{
	char id[DIGEST_TEXT_MAX], blob[DIGEST_TEXT_MAX], diff_id[DIGEST_TEXT_MAX];
	const struct layers_how how = {.store = im->store, .storage = im->storage, .op = im->op};
	char *const layers[] = {digest_format(&im->layer.diff_id, diff_id) ? diff_id : NULL, NULL};
	struct layer_job job = {
		.diff_id = im->layer.diff_id,
		.blob = im->layer.blob,
		.chain = diff_id,
		.media_type = im->media_type,
		.bytes = im->layer.blob_bytes,
		.unpack = im->storage != NULL,
	};
	const struct rows_blob config_row = {
		.digest = digest_format(&im->config.digest, id),
		.kind = "config",
		.media_type = "application/vnd.docker.container.image.v1+json",
		.size = im->config.n,
	};
	const struct rows_blob layer_row = {
		.digest = digest_format(&im->layer.blob, blob),
		.kind = "layer",
		.media_type = im->media_type,
		.diff_id = diff_id,
		.size = im->layer.blob_bytes,
	};
	struct rows_image image = {
		.id = id,
		.config = im->config.bytes,
		.layers = layers,
		.created_ns = im->now_ns,
	};
	int r = plan_rows(im, id, blob, diff_id, err);

	if (r == 0)
		r = blob_store(im->store, &im->config, im->op, err);
	if (r == 0)
		r = layers_make(&how, &job, 1, err);
	if (r == 0)
		r = content_sync(im->store, err);
	image.size = job.size >= 0 ? (uint64_t)job.size : im->layer.bytes;
	if (r == 0)
		r = final_rows(im, &image, &config_row, &layer_row, job.size, err);
	return r < 0 ? r : str_copy(id, ret_id, err);
}

static int import_locked(struct import *im, int fd, char **ret_id, struct berth_error *err)
{
	const uint64_t limit = im->store->config->limit_archive_size;
	struct spool_source src;
	cleanup_fd int file = -1;
	int r = spool_open(fd, limit, im->op, &src, err);

	/* layers are kept as gzip, zstd or plain; what else there is becomes plain */
	if (r == 0 && (src.kind == INFLATE_BZIP2 || src.kind == INFLATE_XZ)) {
		r = spool_to_file(&src, im->store, &file, err);
		if (r == 0)
			r = spool_open(file, limit, im->op, &src, err);
	}
	if (r == 0)
		r = store_layer(im, &src, err);
	if (r == 0)
		r = make_config(im, err);
	return r < 0 ? r : make_image(im, ret_id, err);
}

static int read_name(const char *name, char **ret, struct berth_error *err)
{
	cleanup_reference struct reference ref = {0};
	int r = reference_parse(name, &ref, err);

	if (r < 0)
		return r;
	if (digest_is_set(&ref.digest))
		return berth_fail(err, BERTH_E_INVALID, "cannot import digest reference");
	return reference_full(&ref, ret, err);
}

int image_import(struct store *store, struct drivers *drivers, int fd, const char *label,
		 const char *name, const char *message, const char *platform, char *const *changes,
		 struct berth_op *op, char **ret_id, struct berth_error *err)
{
	cleanup_free char *default_message = str_fmt("Imported from %s", label);
	cleanup_with(import_done) struct import im = {
		.store = store,
		.op = op,
		.message = message && *message ? message : default_message,
		.changes = changes,
		.now_ns = clock_now_ns(),
	};
	cleanup_fd int lock = -1;
	int r = 0;

	if (!default_message)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	if (platform)
		r = platform_parse(platform, &im.platform, err);
	else
		platform_host(&im.platform);
	if (r == 0 && name && *name)
		r = read_name(name, &im.full, err);
	/* mistakes in what people typed are told before a gigabyte is read */
	if (r == 0)
		r = make_config(&im, err);
	blob_done(&im.config);
	if (r == 0 && drivers_storage(drivers, NULL, &im.storage, NULL) < 0)
		im.storage = NULL;
	if (r == 0)
		r = store_lock_shared(store, ROWS_LOCK_KIND, ROWS_LOCK_NAME, &lock, err);
	if (r < 0)
		return r;
	r = import_locked(&im, fd, ret_id, err);
	close_fd(&lock);
	if (r < 0) {
		(void)image_sweep(store, drivers, NULL); /* else the next one does it */
		(void)content_sweep(store, false, NULL, NULL);
		berth_error_prefix(err, "import '%s'", label);
	}
	return r;
}
