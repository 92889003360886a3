/* SPDX-License-Identifier: Apache-2.0 */
#include "loader.h"

#include "archive/hash.h"
#include "archive/oci_index.h"
#include "archive/tar_header.h"
#include "base/record_write.h"

enum { HASH_CHUNK = 256 * 1024 };

struct layer {
	struct digest digest;
	uint64_t bytes;
	const char *suffix; /* of the media type */
};

static int no_memory(struct berth_error *err)
{
	return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
}

int loader_check_cancel(const struct loader *ld, struct berth_error *err)
{
	return ld->s->reg->host->cancelled(ld->op) ? berth_fail(err, BERTH_E_CANCELLED, "cancelled")
						   : 0;
}

int loader_note_blob(struct loader *ld, const struct digest *digest, const char *entry,
		     const char *text, uint64_t bytes, struct berth_error *err)
{
	struct catalog_blob *blob;
	int r;

	r = catalog_add_blob(ld->catalog, &blob, err);
	if (r < 0)
		return r;
	blob->digest = *digest;
	blob->bytes = bytes;
	r = str_copy(entry, &blob->entry, err);
	return r < 0 ? r : str_copy(text, &blob->text, err);
}

bool loader_claimed(const char *name, struct digest *ret)
{
	const char *blob = str_after(name, "blobs/sha256/");
	const char *base = blob ? blob : name;
	cleanup_free char *text = NULL;
	size_t n = strspn(base, "0123456789abcdef");

	if (n != 64 || strcmp(base + n, blob ? "" : ".json") != 0)
		return false;
	text = str_fmt("sha256:%.64s", base);
	return text && digest_parse(text, ret, NULL) == 0;
}

int loader_clean_name(const struct loader *ld, const char *raw, char **ret, struct berth_error *err)
{
	const char *wrong = tar_clean_link("", raw, ret);

	if (wrong)
		return berth_fail(err, BERTH_E_CORRUPT, "%s: a name in one of its lists %s",
				  ld->place->label, wrong);
	return 0;
}

static int hash_file(const struct loader *ld, const char *name, const struct place_file *file,
		     struct digest *ret, struct berth_error *err)
{
	cleanup_hash struct hash *hash = NULL;
	cleanup_free char *buf = malloc(HASH_CHUNK);
	uint64_t at = 0;
	int r;

	if (!buf)
		return no_memory(err);
	r = hash_new(DIGEST_SHA256, &hash, err);
	while (r == 0 && at < file->bytes) {
		size_t n;

		r = loader_check_cancel(ld, err);
		if (r < 0)
			return r;
		r = place_file_read(file, at, buf, HASH_CHUNK, &n, err);
		if (r < 0) {
			berth_error_prefix(err, "'%s' of %s", name, ld->place->label);
			return r;
		}
		at += n;
		r = hash_add(hash, buf, n, err);
	}
	return r < 0 ? r : hash_end(hash, ret, err);
}

int loader_hash(struct loader *ld, const char *name, const struct place_file *file,
		struct digest *ret, struct berth_error *err)
{
	struct hashed *more;
	int r;

	for (size_t i = 0; i < ld->n_hashed; i++) {
		if (ld->hashed[i].offset == file->offset) {
			*ret = ld->hashed[i].digest;
			return 0;
		}
	}
	r = hash_file(ld, name, file, ret, err);
	if (r < 0)
		return r;
	more = reallocarray(ld->hashed, ld->n_hashed + 1, sizeof(*more));
	if (!more)
		return no_memory(err);
	ld->hashed = more;
	ld->hashed[ld->n_hashed++] = (struct hashed){file->offset, *ret};
	return 0;
}

static const char *suffix_of(const unsigned char *p, size_t n)
{
	if (n >= 2 && p[0] == 0x1f && p[1] == 0x8b)
		return ".gzip";
	if (n >= 4 && memcmp(p, "\x28\xb5\x2f\xfd", 4) == 0)
		return ".zstd";
	if ((n >= 6 && memcmp(p,
			      "\xfd"
			      "7zXZ\0",
			      6) == 0) ||
	    (n >= 3 && memcmp(p, "BZh", 3) == 0))
		return NULL;
	return "";
}

int loader_sniff(const struct loader *ld, const char *name, const struct place_file *file,
		 const char **ret, struct berth_error *err)
{
	unsigned char magic[6];
	const char *suffix;
	size_t n;
	int r;

	r = place_file_read(file, 0, magic, sizeof(magic), &n, err);
	if (r < 0)
		return r;
	suffix = suffix_of(magic, n);
	if (!suffix)
		return berth_fail(err, BERTH_E_UNSUPPORTED,
				  "%s: layer '%s' is compressed with neither gzip nor zstd",
				  ld->place->label, name);
	*ret = suffix;
	return 0;
}

/* The digest of a compressed layer is nowhere written but, sometimes, in its name. */
static int digest_layer(struct loader *ld, const char *name, const struct place_file *file,
			const char *diff_id, struct layer *layer, struct berth_error *err)
{
	if (!layer->suffix[0])
		return oci_as_corrupt(digest_parse(diff_id, &layer->digest, err), err);
	if (loader_claimed(name, &layer->digest))
		return 0;
	return loader_hash(ld, name, file, &layer->digest, err);
}

static int load_layer(struct loader *ld, const char *raw, const char *diff_id, struct layer *ret,
		      struct berth_error *err)
{
	cleanup_place_file struct place_file file = {.fd = -1};
	cleanup_free char *name = NULL;
	struct layer layer;
	int r;

	if (++ld->layers > DOCKER_LAYERS_MAX)
		return berth_fail(err, BERTH_E_LIMIT, "%s has more than %d layers",
				  ld->place->label, DOCKER_LAYERS_MAX);
	r = loader_clean_name(ld, raw, &name, err);
	if (r == 0)
		r = place_open(ld->place, name, &file, err);
	if (r < 0)
		return r == -BERTH_E_NOT_FOUND ? oci_as_corrupt(-BERTH_E_INVALID, err) : r;
	layer.bytes = file.bytes;
	r = loader_sniff(ld, name, &file, &layer.suffix, err);
	if (r == 0)
		r = digest_layer(ld, name, &file, diff_id, &layer, err);
	if (r == 0)
		r = loader_note_blob(ld, &layer.digest, name, NULL, layer.bytes, err);
	if (r < 0)
		return r;
	*ret = layer;
	return 0;
}

static void write_desc(struct jw *w, const char *media_type, const char *suffix, uint64_t bytes,
		       const struct digest *digest)
{
	char text[DIGEST_TEXT_MAX];
	cleanup_free char *type = str_fmt("%s%s", media_type, suffix);

	jw_object_begin(w);
	jw_key_str(w, "mediaType", type);
	jw_key_uint(w, "size", bytes);
	jw_key_str(w, "digest", digest_format(digest, text));
	jw_object_end(w);
	if (!type)
		w->out->failed = true; /* out of memory, as anything added to it may be */
}

/* Config and layers of one image as a manifest of docker's schema 2. */
static int write_manifest(struct loader *ld, const struct loader_image *image, struct str *out,
			  struct berth_error *err)
{
	struct jw w = jw_to(out, RECORD_COMPACT);

	jw_object_begin(&w);
	jw_key_int(&w, "schemaVersion", 2);
	jw_key_str(&w, "mediaType", DOCKER_MANIFEST_TYPE);
	jw_key(&w, "config");
	write_desc(&w, DOCKER_CONFIG_TYPE, "", image->config_bytes, &image->config);
	jw_key_array(&w, "layers");
	for (size_t i = 0; i < record_len(image->layers); i++) {
		const char *name = record_str(record_at(image->layers, i));
		const char *diff_id = record_str(record_at(image->diff_ids, i));
		struct layer layer;
		int r;

		if (!name || !diff_id)
			return berth_fail(err, BERTH_E_CORRUPT,
					  "%s: layer %zu has no name or no diff id",
					  ld->place->label, i + 1);
		r = load_layer(ld, name, diff_id, &layer, err);
		if (r < 0)
			return r;
		write_desc(&w, DOCKER_LAYER_TYPE, layer.suffix, layer.bytes, &layer.digest);
	}
	jw_array_end(&w);
	jw_object_end(&w);
	return str_check(out, err);
}

static int add_names(struct loader *ld, const struct record *names, const struct digest *digest,
		     size_t bytes, struct berth_error *err)
{
	size_t n = record_len(names);

	for (size_t i = 0; i < (n ? n : 1); i++) {
		struct catalog_item *item;
		int r;

		r = catalog_add_item(ld->catalog, &item, err);
		if (r < 0)
			return r;
		item->digest = *digest;
		item->bytes = bytes;
		item->flags = BERTH_DESC_SYNTHETIC;
		r = str_copy(DOCKER_MANIFEST_TYPE, &item->media_type, err);
		if (r == 0)
			r = str_copy(record_str_or(record_at(names, i), ""), &item->name, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int loader_add_image(struct loader *ld, const struct loader_image *image,
		     const struct record *names, struct berth_error *err)
{
	cleanup_str struct str manifest = STR_INIT;
	struct digest digest;
	int r;

	r = write_manifest(ld, image, &manifest, err);
	if (r == 0)
		r = hash_bytes(DIGEST_SHA256, manifest.p, manifest.len, &digest, err);
	if (r == 0)
		r = loader_note_blob(ld, &digest, NULL, str_text(&manifest), manifest.len, err);
	return r < 0 ? r : add_names(ld, names, &digest, manifest.len, err);
}
