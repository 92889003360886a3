/* SPDX-License-Identifier: Apache-2.0 */
#include "image.h"

#include <openssl/evp.h>

#include "base/record_write.h"

enum {
	BLOCK = 512, /* of a tar */
	NAME_LIMIT = 99,
};

static int no_memory(struct berth_error *err)
{
	return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
}

/* --- blobs ---------------------------------------------------------------- */

/* Takes @bytes over. *@ret is the set's. */
static int add_blob(struct image_set *set, const char *media_type, struct str *bytes,
		    const struct image_blob **ret, struct berth_error *err)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	struct image_blob *blob;
	struct digest digest;
	unsigned n;
	int r = str_check(bytes, err);

	if (r < 0)
		return r;
	if (set->n_blobs == BLOBS_MAX)
		return berth_fail(err, BERTH_E_LIMIT, "more than %d blobs", BLOBS_MAX);
	if (EVP_Digest(str_text(bytes), bytes->len, sum, &n, EVP_sha256(), NULL) != 1)
		return berth_fail(err, BERTH_E_INTERNAL, "libcrypto failed to hash");
	r = digest_from_bytes(DIGEST_SHA256, sum, n, &digest, err);
	if (r < 0)
		return r;
	blob = calloc(1, sizeof(*blob));
	if (!blob)
		return no_memory(err);
	blob->media_type = media_type;
	(void)digest_format(&digest, blob->digest);
	blob->bytes = *bytes;
	*bytes = (struct str)STR_INIT;
	set->blob[set->n_blobs++] = blob;
	*ret = blob;
	return 0;
}

const struct image_blob *image_blob_find(const struct image_set *set, const char *digest)
{
	for (size_t i = 0; i < set->n_blobs; i++) {
		if (str_eq(set->blob[i]->digest, digest))
			return set->blob[i];
	}
	return NULL;
}

void image_set_done(struct image_set *set)
{
	for (size_t i = 0; i < set->n_images; i++)
		free(set->image[i].name);
	for (size_t i = 0; i < set->n_blobs; i++) {
		str_done(&set->blob[i]->bytes);
		free(set->blob[i]);
	}
	set->n_images = set->n_blobs = 0;
}

/* --- a layer -------------------------------------------------------------- */

struct tar_header { /* POSIX.1-1988 "ustar" */
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8];
	char type, link[100], magic[6], version[2], user[32], group[32], major[8], minor[8];
	char prefix[155], rest[12];
};
_Static_assert(sizeof(struct tar_header) == BLOCK, "a header is one block");

static void add_entry(struct str *tar, const char *name, unsigned mode, const char *text, size_t n)
{
	static const char zero[BLOCK];
	struct tar_header h;
	unsigned sum = 0;

	memset(&h, 0, sizeof(h));
	memcpy(h.name, name, strlen(name)); /* shorter than the field: checked before */
	(void)snprintf(h.mode, sizeof(h.mode), "%07o", mode);
	(void)snprintf(h.uid, sizeof(h.uid), "%07o", 0u);
	(void)snprintf(h.gid, sizeof(h.gid), "%07o", 0u);
	(void)snprintf(h.size, sizeof(h.size), "%011o", (unsigned)n);
	(void)snprintf(h.mtime, sizeof(h.mtime), "%011o", 0u);
	h.type = name[strlen(name) - 1] == '/' ? '5' : '0';
	memcpy(h.magic, "ustar", sizeof(h.magic));
	memcpy(h.version, "00", sizeof(h.version));
	memset(h.checksum, ' ', sizeof(h.checksum));
	for (size_t i = 0; i < sizeof(h); i++)
		sum += ((const unsigned char *)&h)[i];
	(void)snprintf(h.checksum, sizeof(h.checksum), "%06o", sum);
	str_add_n(tar, &h, sizeof(h));
	str_add_n(tar, text, n);
	str_add_n(tar, zero, (BLOCK - n % BLOCK) % BLOCK);
}

static int mode_of(const char *octal, unsigned fallback, unsigned *ret, struct berth_error *err)
{
	unsigned mode = 0;

	if (octal && (!*octal || strlen(octal) > 4 || strspn(octal, "01234567") != strlen(octal)))
		return berth_fail(err, BERTH_E_INVALID, "mode '%s' is no octal number", octal);
	for (; octal && *octal; octal++)
		mode = mode * 8 + (unsigned)(*octal - '0');
	*ret = mode ? mode : fallback;
	return 0;
}

static int add_file(struct str *tar, const char *name, const struct record *file,
		    struct berth_error *err)
{
	bool is_object = record_type(file) == RECORD_OBJECT;
	const char *text = record_str(is_object ? record_get(file, "text") : file);
	unsigned mode;
	int r;

	if (!*name || strlen(name) > NAME_LIMIT)
		return berth_fail(err, BERTH_E_INVALID, "'%s' is empty or too long a name", name);
	r = mode_of(is_object ? record_str(record_get(file, "mode")) : NULL,
		    str_has_suffix(name, "/") ? 0755 : 0644, &mode, err);
	if (r < 0)
		return r;
	if (str_has_suffix(name, "/"))
		text = NULL;
	add_entry(tar, name, mode, text, text ? strlen(text) : 0);
	return 0;
}

static int add_layer(struct image_set *set, const struct record *files,
		     const struct image_blob **ret, struct berth_error *err)
{
	static const char end[2 * BLOCK];
	cleanup_str struct str tar = STR_INIT;
	const char *name;
	struct record *file;

	if (record_type(files) != RECORD_OBJECT)
		return berth_fail(err, BERTH_E_INVALID, "a layer is no object");
	record_foreach (files, name, file) {
		int r = add_file(&tar, name, file, err);

		if (r < 0)
			return r;
	}
	str_add_n(&tar, end, sizeof(end));
	return add_blob(set, "application/vnd.oci.image.layer.v1.tar", &tar, ret, err);
}

/* --- an image ------------------------------------------------------------- */

static const char *own_architecture(void)
{
#if defined(__x86_64__)
	return "amd64";
#elif defined(__aarch64__)
	return "arm64";
#elif defined(__riscv)
	return "riscv64";
#else
	return "unknown";
#endif
}

static int add_config(struct image_set *set, const struct record *config,
		      const struct image_blob *const layers[], size_t n,
		      const struct image_blob **ret, struct berth_error *err)
{
	cleanup_str struct str text = STR_INIT;
	struct jw w = jw_to(&text, RECORD_COMPACT);

	jw_object_begin(&w);
	jw_key_str(&w, "created", "1970-01-01T00:00:00Z");
	jw_key_str(&w, "architecture", own_architecture());
	jw_key_str(&w, "os", "linux");
	if (config) {
		jw_key(&w, "config");
		jw_record(&w, config);
	}
	jw_key_object(&w, "rootfs");
	jw_key_str(&w, "type", "layers");
	jw_key_array(&w, "diff_ids");
	for (size_t i = 0; i < n; i++)
		jw_str(&w, layers[i]->digest);
	jw_array_end(&w);
	jw_object_end(&w);
	jw_object_end(&w);
	return add_blob(set, "application/vnd.oci.image.config.v1+json", &text, ret, err);
}

static void write_descriptor(struct jw *w, const struct image_blob *blob)
{
	jw_key_str(w, "mediaType", blob->media_type);
	jw_key_str(w, "digest", blob->digest);
	jw_key_uint(w, "size", blob->bytes.len);
	jw_object_end(w);
}

static int add_manifest(struct image_set *set, const struct image_blob *config,
			const struct image_blob *const layers[], size_t n,
			const struct image_blob **ret, struct berth_error *err)
{
	static const char type[] = "application/vnd.oci.image.manifest.v1+json";
	cleanup_str struct str text = STR_INIT;
	struct jw w = jw_to(&text, RECORD_COMPACT);

	jw_object_begin(&w);
	jw_key_int(&w, "schemaVersion", 2);
	jw_key_str(&w, "mediaType", type);
	jw_key_object(&w, "config");
	write_descriptor(&w, config);
	jw_key_array(&w, "layers");
	for (size_t i = 0; i < n; i++) {
		jw_object_begin(&w);
		write_descriptor(&w, layers[i]);
	}
	jw_array_end(&w);
	jw_object_end(&w);
	return add_blob(set, type, &text, ret, err);
}

static int add_image(struct image_set *set, const struct record *image, struct berth_error *err)
{
	const struct record *list = record_get(image, "layers");
	const struct image_blob *layers[LAYERS_MAX], *config, *manifest;
	const char *name = record_str(record_get(image, "name"));
	size_t n = record_len(list);
	int r = 0;

	if (!name || !n || n > LAYERS_MAX)
		return berth_fail(err, BERTH_E_INVALID,
				  "mock image '%s' needs a name and 1 to %d layers",
				  name ? name : "", LAYERS_MAX);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = add_layer(set, record_at(list, i), &layers[i], err);
	if (r == 0)
		r = add_config(set, record_get(image, "config"), layers, n, &config, err);
	if (r == 0)
		r = add_manifest(set, config, layers, n, &manifest, err);
	if (r == 0)
		r = str_copy(name, &set->image[set->n_images].name, err);
	if (r < 0)
		return r;
	set->image[set->n_images++].manifest = manifest;
	return 0;
}

int image_set_make(struct image_set *set, const struct record *list, struct berth_error *err)
{
	int r = 0;

	if (record_len(list) > IMAGES_MAX)
		return berth_fail(err, BERTH_E_LIMIT, "more than %d images", IMAGES_MAX);
	for (size_t i = 0; r == 0 && i < record_len(list); i++) {
		r = add_image(set, record_at(list, i), err);
		if (r < 0)
			berth_error_prefix(err, "mock_images, number %zu", i + 1);
	}
	return r;
}
