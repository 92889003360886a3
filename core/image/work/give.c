/* SPDX-License-Identifier: Apache-2.0 */
#include "core/image/work/give.h"

#include <string.h>
#include <unistd.h>

#include "core/image/work/kept.h"

#define OCI_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define OCI_CONFIG   "application/vnd.oci.image.config.v1+json"

enum { STEP = 256 * 1024 };

void gift_done(struct gift *gift)
{
	manifest_done(&gift->manifest);
	blob_done(&gift->blob);
}

/* --- the manifest that it came with --------------------------------------- */

static bool is_there(struct store *store, const struct manifest_desc *d)
{
	uint64_t bytes;

	return content_stat(store, &d->digest, &bytes, NULL) == 0 && bytes == d->bytes;
}

static bool is_whole(struct store *store, const struct manifest *m)
{
	if (m->kind != MANIFEST_IMAGE || !is_there(store, &m->config))
		return false;
	for (size_t i = 0; i < m->n; i++)
		if (!is_there(store, &m->item[i]))
			return false;
	return true;
}

/* One of the image's manifests. 1: it will do. */
static int try_manifest(struct store *store, const char *digest, const char *media_type,
			struct gift *ret, struct berth_error *err)
{
	cleanup_gift struct gift g = {0};
	int r = digest_parse(digest, &g.blob.digest, err);

	if (r == 0)
		r = content_read(store, &g.blob.digest, store->config->limit_manifest_size,
				 &g.blob.bytes, &g.blob.n, err);
	if (r == 0)
		r = manifest_parse(g.blob.bytes, g.blob.n, media_type, store->config->limit_layers,
				   &g.manifest, err);
	if (r < 0 || !is_whole(store, &g.manifest))
		return r;
	*ret = g;
	g = (struct gift){0};
	return 1;
}

static int find_manifest(struct store *store, const struct image *image, struct gift *ret,
			 struct berth_error *err)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	int r = db_query(store->db, &q, err,
			 "SELECT digest,media_type FROM image_blob WHERE image=?1 AND "
			 "kind='manifest' ORDER BY digest",
			 "s", image->id);

	while (r == 0 && (r = db_step(q, err)) > 0) {
		/* a damaged one is no reason not to try the next, or to make one */
		r = try_manifest(store, db_text(q, 0), db_text(q, 1), ret, NULL);
		if (r > 0)
			return 1;
		r = r == -BERTH_E_NO_MEMORY ? r : 0;
	}
	return r;
}

/* --- one that is made here ------------------------------------------------ */

static int add_desc(struct record *out, const char *media_type, const struct digest *digest,
		    uint64_t bytes, struct berth_error *err)
{
	char text[DIGEST_TEXT_MAX];
	int r = record_set_str(out, "mediaType", media_type, err);

	if (r == 0)
		r = record_set_str(out, "digest", digest_format(digest, text), err);
	return r < 0 ? r : record_set_uint(out, "size", bytes, err);
}

/* Docker's media types have no place in a manifest of OCI. */
static const char *oci_type(const char *media_type)
{
	if (media_type && str_has_prefix(media_type, "application/vnd.oci."))
		return media_type;
	if (media_type && (str_has_suffix(media_type, "gzip")))
		return "application/vnd.oci.image.layer.v1.tar+gzip";
	if (media_type && str_has_suffix(media_type, "zstd"))
		return "application/vnd.oci.image.layer.v1.tar+zstd";
	return "application/vnd.oci.image.layer.v1.tar";
}

static int add_layer(struct store *store, struct record *layers, const char *diff_id,
		     struct berth_error *err)
{
	cleanup_kept struct kept kept = {0};
	struct record *one;
	struct digest digest;
	int r = digest_parse(diff_id, &digest, err);

	if (r == 0)
		r = kept_find(store, &digest, &kept, err);
	if (r < 0)
		return r;
	one = record_new_object();
	r = record_append(layers, one, err);
	return r < 0 ? r : add_desc(one, oci_type(kept.media_type), &kept.blob, kept.bytes, err);
}

static int add_config(struct store *store, const struct image *image, struct record *out,
		      struct berth_error *err)
{
	struct record *config = record_new_object();
	struct digest digest;
	uint64_t bytes;
	int r = record_set(out, "config", config, err);

	if (r == 0)
		r = digest_parse(image->id, &digest, err);
	if (r == 0)
		r = content_stat(store, &digest, &bytes, err);
	return r < 0 ? r : add_desc(config, OCI_CONFIG, &digest, bytes, err);
}

static int make_manifest(struct store *store, const struct image *image, struct gift *ret,
			 struct berth_error *err)
{
	const struct record *ids = record_path(image->config, "rootfs.diff_ids");
	cleanup_record struct record *out = record_new_object();
	cleanup_gift struct gift g = {0};
	struct record *layers = record_new_array();
	char *text;
	int r = record_set_int(out, "schemaVersion", 2, err);

	if (r == 0)
		r = record_set_str(out, "mediaType", OCI_MANIFEST, err);
	if (r == 0)
		r = add_config(store, image, out, err);
	if (r < 0) {
		record_free(layers);
		return r;
	}
	r = record_set(out, "layers", layers, err);
	for (size_t i = 0; i < record_len(ids) && r == 0; i++)
		r = add_layer(store, layers, record_str_or(record_at(ids, i), ""), err);
	if (r < 0)
		return r;
	text = record_to_text(out, RECORD_COMPACT);
	r = blob_of(text, text ? strlen(text) : 0, &g.blob, err);
	if (r == 0)
		r = manifest_parse(g.blob.bytes, g.blob.n, OCI_MANIFEST,
				   store->config->limit_layers, &g.manifest, err);
	if (r < 0)
		return r;
	*ret = g;
	g = (struct gift){0};
	return 0;
}

int gift_wrap(struct store *store, const struct image *image, struct gift *ret,
	      struct berth_error *err)
{
	int r = find_manifest(store, image, ret, err);

	if (r == 0)
		r = make_manifest(store, image, ret, err);
	return r < 0 ? r : 0;
}

/* --- on its way ----------------------------------------------------------- */

static struct berth_desc desc_of(const struct manifest_desc *d, char text[static DIGEST_TEXT_MAX])
{
	return (struct berth_desc){
		.size = sizeof(struct berth_desc),
		.media_type = d->media_type,
		.digest = digest_format(&d->digest, text),
		.bytes = d->bytes,
	};
}

static int send_file(const struct give *give, int fd, struct berth_upload *up, uint64_t total,
		     struct berth_error *err)
{
	const struct berth_registry_ops *ops = &give->registry->ops;
	cleanup_free char *buf = malloc(STEP);
	uint64_t done = 0;
	ssize_t n;

	if (!buf)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	while ((n = read(fd, buf, STEP)) != 0) {
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return berth_fail_errno(err, errno, "read a blob");
		r = op_check(give->op, err);
		if (r == 0)
			r = ops->write(up, buf, (size_t)n, give->op, err);
		if (r < 0)
			return r;
		done += (uint64_t)n;
		op_progress(give->op, done, total, "bytes");
	}
	return 0;
}

static int send_blob(const struct give *give, const char *repo, const struct manifest_desc *d,
		     struct berth_error *err)
{
	const struct berth_registry_ops *ops = &give->registry->ops;
	struct berth_registry *reg = give->registry->reg;
	char text[DIGEST_TEXT_MAX];
	struct berth_desc desc = desc_of(d, text);
	struct berth_upload *up = NULL;
	cleanup_fd int fd = -1;
	bool is = false;
	int r = ops->has(reg, give->where, repo, &desc, give->op, &is, err);

	if (r < 0 || is)
		return r;
	r = content_open(give->store, &d->digest, &fd, err);
	if (r == 0)
		r = ops->upload_begin(reg, give->where, repo, &desc, NULL, give->op, &up, err);
	if (r < 0)
		return r;
	r = send_file(give, fd, up, d->bytes, err);
	if (r < 0) {
		ops->upload_abort(up);
		return r;
	}
	return ops->upload_commit(up, give->op, err);
}

int give_blobs(const struct give *give, const struct gift *gift, const char *repo,
	       struct berth_error *err)
{
	int r = send_blob(give, repo, &gift->manifest.config, err);

	for (size_t i = 0; i < gift->manifest.n && r == 0; i++)
		r = send_blob(give, repo, &gift->manifest.item[i], err);
	return r;
}

int give_manifest(const struct give *give, const struct gift *gift, const char *repo,
		  const char *ref, struct berth_error *err)
{
	char text[DIGEST_TEXT_MAX];
	const struct berth_desc desc = {
		.size = sizeof(desc),
		.media_type = gift->manifest.media_type,
		.digest = digest_format(&gift->blob.digest, text),
		.bytes = gift->blob.n,
	};

	return give->registry->ops.put_manifest(give->registry->reg, give->where, repo, ref, &desc,
						(struct berth_str){gift->blob.bytes, gift->blob.n},
						give->op, err);
}
