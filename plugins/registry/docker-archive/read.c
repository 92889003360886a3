/* SPDX-License-Identifier: Apache-2.0 */
#include "docker.h"

#include "archive/hash.h"
#include "archive/oci_index.h"
#include "archive/tar_header.h"
#include "base/record_write.h"

enum { HASH_CHUNK = 256 * 1024 };

/* A compressed layer whose digest was computed: archives share them. */
struct hashed {
	uint64_t offset;
	struct digest digest;
};

struct loader {
	const struct session *s;
	const struct place *place;
	struct berth_op *op;
	struct catalog *catalog;
	size_t layers; /* of all images so far */
	struct hashed *hashed;
	size_t n_hashed;
};

struct layer {
	struct digest digest;
	uint64_t bytes;
	const char *suffix; /* of the media type: "", ".gzip", ".zstd" */
};

static int no_memory(struct berth_error *err)
{
	return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
}

/* Remember where the bytes of @digest are: at @entry, or @text, of which one is NULL and is copied.
 */
static int note_blob(struct loader *ld, const struct digest *digest, const char *entry,
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

/* The digest that a file's name claims: "<64 hex>.json", "blobs/sha256/<64 hex>". */
static bool digest_of_name(const char *name, struct digest *ret)
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

static int clean_name(const struct loader *ld, const char *raw, char **ret, struct berth_error *err)
{
	const char *wrong = tar_clean_link("", raw, ret);

	if (wrong)
		return berth_fail(err, BERTH_E_CORRUPT, "%s: a name in manifest.json %s",
				  ld->place->label, wrong);
	return 0;
}

static int hash_layer(struct loader *ld, const char *name, const struct place_file *file,
		      struct digest *ret, struct berth_error *err)
{
	cleanup_hash struct hash *hash = NULL;
	cleanup_free char *buf = malloc(HASH_CHUNK);
	const struct berth_host *host = ld->s->reg->host;
	uint64_t at = 0;
	int r;

	if (!buf)
		return no_memory(err);
	r = hash_new(DIGEST_SHA256, &hash, err);
	while (r == 0 && at < file->bytes) {
		size_t n;

		if (host->cancelled(ld->op))
			return berth_fail(err, BERTH_E_CANCELLED, "cancelled");
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

/* The digest of a compressed layer is nowhere written but, sometimes, in its name. */
static int digest_compressed(struct loader *ld, const char *name, const struct place_file *file,
			     struct digest *ret, struct berth_error *err)
{
	struct hashed *more;
	int r;

	if (digest_of_name(name, ret))
		return 0;
	for (size_t i = 0; i < ld->n_hashed; i++) {
		if (ld->hashed[i].offset == file->offset) {
			*ret = ld->hashed[i].digest;
			return 0;
		}
	}
	r = hash_layer(ld, name, file, ret, err);
	if (r < 0)
		return r;
	more = reallocarray(ld->hashed, ld->n_hashed + 1, sizeof(*more));
	if (!more)
		return no_memory(err);
	ld->hashed = more;
	ld->hashed[ld->n_hashed++] = (struct hashed){file->offset, *ret};
	return 0;
}

/* How is it compressed? The suffix of the media type, or NULL: in a way that has none. */
static const char *sniff(const unsigned char *p, size_t n)
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

static int load_layer(struct loader *ld, const char *raw, const char *diff_id, struct layer *ret,
		      struct berth_error *err)
{
	cleanup_place_file struct place_file file = {.fd = -1};
	cleanup_free char *name = NULL;
	unsigned char magic[6];
	struct layer layer;
	size_t n;
	int r;

	if (++ld->layers > DOCKER_LAYERS_MAX)
		return berth_fail(err, BERTH_E_LIMIT, "%s has more than %d layers",
				  ld->place->label, DOCKER_LAYERS_MAX);
	r = clean_name(ld, raw, &name, err);
	if (r == 0)
		r = place_open(ld->place, name, &file, err);
	if (r == 0)
		r = place_file_read(&file, 0, magic, sizeof(magic), &n, err);
	if (r < 0)
		return r == -BERTH_E_NOT_FOUND ? oci_as_corrupt(-BERTH_E_INVALID, err) : r;
	layer.bytes = file.bytes;
	layer.suffix = sniff(magic, n);
	if (!layer.suffix)
		return berth_fail(err, BERTH_E_UNSUPPORTED,
				  "%s: layer '%s' is compressed with neither gzip nor zstd",
				  ld->place->label, name);
	if (layer.suffix[0])
		r = digest_compressed(ld, name, &file, &layer.digest, err);
	else
		r = oci_as_corrupt(digest_parse(diff_id, &layer.digest, err), err);
	if (r == 0)
		r = note_blob(ld, &layer.digest, name, NULL, layer.bytes, err);
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
	jw_key_str(w, "mediaType",
		   type); /* NULL, out of memory, shows as null and is found below */
	jw_key_uint(w, "size", bytes);
	jw_key_str(w, "digest", digest_format(digest, text));
	jw_object_end(w);
	if (!type)
		w->out->failed = true;
}

/* Config and layers of one image as a manifest of docker's schema 2. */
static int write_manifest(struct loader *ld, const struct digest *config, uint64_t config_bytes,
			  const struct record *layers, const struct record *diff_ids,
			  struct str *out, struct berth_error *err)
{
	struct jw w = jw_to(out, RECORD_COMPACT);

	jw_object_begin(&w);
	jw_key_int(&w, "schemaVersion", 2);
	jw_key_str(&w, "mediaType", DOCKER_MANIFEST_TYPE);
	jw_key(&w, "config");
	write_desc(&w, DOCKER_CONFIG_TYPE, "", config_bytes, config);
	jw_key_array(&w, "layers");
	for (size_t i = 0; i < record_len(layers); i++) {
		const char *name = record_str(record_at(layers, i));
		const char *diff_id = record_str(record_at(diff_ids, i));
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

/* Read the config, which is hashed too: its digest is the image's id. */
static int load_config(struct loader *ld, const char *raw, struct digest *ret_digest,
		       size_t *ret_bytes, struct record **ret, struct berth_error *err)
{
	cleanup_free char *name = NULL;
	cleanup_free char *text = NULL;
	struct digest claimed;
	size_t n;
	int r;

	r = clean_name(ld, raw, &name, err);
	if (r == 0)
		r = place_read(ld->place, name, OCI_JSON_MAX, &text, &n, err);
	if (r < 0)
		return r == -BERTH_E_NOT_FOUND ? oci_as_corrupt(-BERTH_E_INVALID, err) : r;
	r = hash_bytes(DIGEST_SHA256, text, n, ret_digest, err);
	if (r < 0)
		return r;
	if (digest_of_name(name, &claimed) && !digest_eq(&claimed, ret_digest))
		return berth_fail(err, BERTH_E_CORRUPT,
				  "%s: config '%s' has another digest than its name says",
				  ld->place->label, name);
	r = record_parse(text, n, 0, ret, err);
	if (r < 0) {
		berth_error_prefix(err, "config '%s' of %s", name, ld->place->label);
		return oci_as_corrupt(r, err);
	}
	*ret_bytes = n;
	return note_blob(ld, ret_digest, name, NULL, n, err);
}

static int add_names(struct loader *ld, const struct record *tags, const struct digest *digest,
		     size_t bytes, struct berth_error *err)
{
	size_t n = record_len(tags);

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
			r = str_copy(record_str_or(record_at(tags, i), ""), &item->name, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int load_image(struct loader *ld, const struct record *image, struct berth_error *err)
{
	cleanup_record struct record *config = NULL;
	cleanup_str struct str manifest = STR_INIT;
	const struct record *layers = record_get(image, "Layers");
	const struct record *diff_ids;
	const char *config_name;
	struct digest digest;
	size_t config_bytes;
	int r;

	if (ld->s->reg->host->cancelled(ld->op))
		return berth_fail(err, BERTH_E_CANCELLED, "cancelled");
	r = oci_as_corrupt(record_need_str(image, "Config", &config_name, err), err);
	if (r == 0)
		r = load_config(ld, config_name, &digest, &config_bytes, &config, err);
	if (r < 0)
		return r;
	diff_ids = record_path(config, "rootfs.diff_ids");
	if (record_len(diff_ids) != record_len(layers))
		return berth_fail(err, BERTH_E_CORRUPT,
				  "%s: config '%s' has %zu layers, manifest.json has %zu",
				  ld->place->label, config_name, record_len(diff_ids),
				  record_len(layers));
	r = write_manifest(ld, &digest, config_bytes, layers, diff_ids, &manifest, err);
	if (r == 0)
		r = hash_bytes(DIGEST_SHA256, manifest.p, manifest.len, &digest, err);
	if (r == 0)
		r = note_blob(ld, &digest, NULL, str_text(&manifest), manifest.len, err);
	if (r < 0)
		return r;
	return add_names(ld, record_get(image, "RepoTags"), &digest, manifest.len, err);
}

static int load_images(struct loader *ld, struct berth_error *err)
{
	cleanup_record struct record *images = NULL;
	int r;

	r = oci_json_read(ld->place, "manifest.json", &images, err);
	if (r < 0)
		return r;
	if (record_type(images) != RECORD_ARRAY)
		return berth_fail(err, BERTH_E_CORRUPT, "'manifest.json' of %s is no array",
				  ld->place->label);
	if (record_len(images) > DOCKER_IMAGES_MAX)
		return berth_fail(err, BERTH_E_LIMIT, "%s has %zu images, %d are allowed",
				  ld->place->label, record_len(images), DOCKER_IMAGES_MAX);
	for (size_t i = 0; r == 0 && i < record_len(images); i++)
		r = load_image(ld, record_at(images, i), err);
	return r;
}

int docker_load(const struct session *s, struct berth_op *op, struct catalog **ret,
		struct berth_error *err)
{
	cleanup_catalog struct catalog *catalog = NULL;
	struct loader ld = {.s = s, .place = &s->place, .op = op};
	int r;

	r = catalog_new(&catalog, err);
	if (r < 0)
		return r;
	ld.catalog = catalog;
	r = load_images(&ld, err);
	free(ld.hashed);
	if (r < 0)
		return r;
	*ret = steal_ptr(catalog);
	return 0;
}
