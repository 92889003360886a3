/* SPDX-License-Identifier: Apache-2.0 */
#include "loader.h"

#include "archive/hash.h"
#include "archive/oci_index.h"

/* Read the config, which is hashed too: its digest is the image's id. */
static int load_config(struct loader *ld, const char *raw, struct digest *ret_digest,
		       size_t *ret_bytes, struct record **ret, struct berth_error *err)
{
	cleanup_free char *name = NULL;
	cleanup_free char *text = NULL;
	struct digest claimed;
	size_t n;
	int r;

	r = loader_clean_name(ld, raw, &name, err);
	if (r == 0)
		r = place_read(ld->place, name, OCI_JSON_MAX, &text, &n, err);
	if (r < 0)
		return r == -BERTH_E_NOT_FOUND ? oci_as_corrupt(-BERTH_E_INVALID, err) : r;
	r = hash_bytes(DIGEST_SHA256, text, n, ret_digest, err);
	if (r < 0)
		return r;
	if (loader_claimed(name, &claimed) && !digest_eq(&claimed, ret_digest))
		return berth_fail(err, BERTH_E_CORRUPT,
				  "%s: config '%s' has another digest than its name says",
				  ld->place->label, name);
	r = record_parse(text, n, 0, ret, err);
	if (r < 0) {
		berth_error_prefix(err, "config '%s' of %s", name, ld->place->label);
		return oci_as_corrupt(r, err);
	}
	*ret_bytes = n;
	return loader_note_blob(ld, ret_digest, name, NULL, n, err);
}

static int load_image(struct loader *ld, const struct record *entry, struct berth_error *err)
{
	cleanup_record struct record *config = NULL;
	struct loader_image image = {.layers = record_get(entry, "Layers")};
	const char *config_name;
	size_t config_bytes;
	int r;

	r = loader_check_cancel(ld, err);
	if (r == 0)
		r = oci_as_corrupt(record_need_str(entry, "Config", &config_name, err), err);
	if (r == 0)
		r = load_config(ld, config_name, &image.config, &config_bytes, &config, err);
	if (r < 0)
		return r;
	image.config_bytes = config_bytes;
	image.diff_ids = record_path(config, "rootfs.diff_ids");
	if (record_len(image.diff_ids) != record_len(image.layers))
		return berth_fail(err, BERTH_E_CORRUPT,
				  "%s: config '%s' has %zu layers, manifest.json has %zu",
				  ld->place->label, config_name, record_len(image.diff_ids),
				  record_len(image.layers));
	return loader_add_image(ld, &image, record_get(entry, "RepoTags"), err);
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
	r = place_has(ld.place, "manifest.json") ? load_images(&ld, err)
						 : docker_load_legacy(&ld, err);
	free(ld.hashed);
	if (r < 0)
		return r;
	*ret = steal_ptr(catalog);
	return 0;
}
