/* SPDX-License-Identifier: Apache-2.0 */
#include "oci_index.h"

#include <string.h>

#define FULL_NAME "io.containerd.image.name"
#define REF_NAME  "org.opencontainers.image.ref.name"

int oci_index_new(struct record **ret, struct berth_error *err)
{
	cleanup_record struct record *index = record_new_object();
	int r;

	if (!index)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = record_set_int(index, "schemaVersion", 2, err);
	if (r == 0)
		r = record_set_str(index, "mediaType", OCI_INDEX_TYPE, err);
	if (r == 0)
		r = record_set(index, "manifests", record_new_array(), err);
	if (r < 0)
		return r;
	*ret = steal_ptr(index);
	return 0;
}

int oci_as_corrupt(int r, struct berth_error *err)
{
	if (r != -BERTH_E_INVALID)
		return r;
	if (err)
		err->code = BERTH_E_CORRUPT;
	return -BERTH_E_CORRUPT;
}

int oci_json_read(const struct place *place, const char *name, struct record **ret,
		  struct berth_error *err)
{
	cleanup_free char *text = NULL;
	size_t n;
	int r;

	r = place_read(place, name, OCI_JSON_MAX, &text, &n, err);
	if (r < 0)
		return r;
	r = record_parse(text, n, 0, ret, err);
	if (r < 0)
		berth_error_prefix(err, "'%s' of %s", name, place->label);
	return oci_as_corrupt(r, err);
}

static int check_version(const struct place *place, struct berth_error *err)
{
	cleanup_record struct record *layout = NULL;
	const char *version;
	int r;

	if (!place_has(place, "oci-layout"))
		return 0; /* some writers forget it; index.json says the same */
	r = oci_json_read(place, "oci-layout", &layout, err);
	if (r < 0)
		return r;
	version = record_str(record_get(layout, "imageLayoutVersion"));
	if (!version)
		return berth_fail(err, BERTH_E_CORRUPT, "'oci-layout' of %s names no version",
				  place->label);
	if (!str_has_prefix(version, "1."))
		return berth_fail(err, BERTH_E_UNSUPPORTED,
				  "%s is an OCI layout of version '%.32s', wanted 1", place->label,
				  version);
	return 0;
}

int oci_index_read(const struct place *place, struct record **ret, struct berth_error *err)
{
	cleanup_record struct record *index = NULL;
	struct record *manifests;
	uint64_t version;
	int r;

	r = check_version(place, err);
	if (r < 0)
		return r;
	r = oci_json_read(place, "index.json", &index, err);
	if (r < 0)
		return r;
	if (record_uint(record_get(index, "schemaVersion"), &version) && version != 2)
		return berth_fail(err, BERTH_E_UNSUPPORTED,
				  "'index.json' of %s has schema version %llu, wanted 2",
				  place->label, (unsigned long long)version);
	r = record_need_array(index, "manifests", &manifests, err);
	if (r < 0) {
		berth_error_prefix(err, "'index.json' of %s", place->label);
		return oci_as_corrupt(r, err);
	}
	*ret = steal_ptr(index);
	return 0;
}

static int copy_json(const struct record *value, char **ret, struct berth_error *err)
{
	if (record_type(value) != RECORD_OBJECT)
		return 0;
	*ret = record_to_text(value, RECORD_COMPACT);
	return *ret ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
}

static int fill_item(const struct record *entry, struct catalog_item *item, struct berth_error *err)
{
	const struct record *annotations = record_get(entry, "annotations");
	const char *full = record_str(record_get(annotations, FULL_NAME));
	const char *ref = record_str(record_get(annotations, REF_NAME));
	const char *digest;
	const char *media_type;
	int r;

	r = record_need_str(entry, "digest", &digest, err);
	if (r == 0)
		r = digest_parse(digest, &item->digest, err);
	if (r == 0)
		r = record_need_str(entry, "mediaType", &media_type, err);
	if (r == 0)
		r = record_need_uint(entry, "size", &item->bytes, err);
	if (r == 0)
		r = str_copy(media_type, &item->media_type, err);
	if (r == 0)
		r = str_copy(full ? full : record_str_or(record_get(annotations, REF_NAME), ""),
			     &item->name, err);
	if (r == 0)
		r = str_copy(ref, &item->ref, err);
	if (r == 0)
		r = copy_json(annotations, &item->annotations, err);
	if (r == 0)
		r = copy_json(record_get(entry, "platform"), &item->platform, err);
	return r;
}

int oci_index_catalog(const struct record *index, const char *label, struct catalog **ret,
		      struct berth_error *err)
{
	cleanup_catalog struct catalog *catalog = NULL;
	const struct record *manifests = record_get(index, "manifests");
	int r;

	r = catalog_new(&catalog, err);
	for (size_t i = 0; r == 0 && i < record_len(manifests); i++) {
		struct catalog_item *item;

		r = catalog_add_item(catalog, &item, err);
		if (r < 0)
			return r;
		r = fill_item(record_at(manifests, i), item, err);
		if (r < 0)
			berth_error_prefix(err, "'index.json' of %s, manifest %zu", label, i + 1);
	}
	if (r < 0)
		return oci_as_corrupt(r, err);
	*ret = steal_ptr(catalog);
	return 0;
}

static int parse_object(struct berth_str json, struct record **ret, struct berth_error *err)
{
	cleanup_record struct record *object = NULL;
	int r = 0;

	if (json.n > 0)
		r = record_parse(json.p, json.n, 0, &object, err);
	if (r < 0)
		return r;
	if (object && record_type(object) != RECORD_OBJECT)
		return berth_fail(err, BERTH_E_INVALID,
				  "annotations or platform are no JSON object");
	*ret = steal_ptr(object);
	return 0;
}

/* The descriptor as it stands in index.json, its names among the annotations. */
static int make_entry(const struct berth_desc *desc, const char *full, const char *ref,
		      struct record **ret, struct berth_error *err)
{
	cleanup_record struct record *entry = record_new_object();
	cleanup_record struct record *annotations = NULL;
	cleanup_record struct record *platform = NULL;
	int r;

	r = parse_object(desc->annotations, &annotations, err);
	if (r == 0)
		r = parse_object(desc->platform, &platform, err);
	if (r < 0)
		return r;
	if (!annotations)
		annotations = record_new_object();
	if (!entry || !annotations)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	record_unset(annotations, FULL_NAME);
	record_unset(annotations, REF_NAME);
	if (full)
		r = record_set_str(annotations, FULL_NAME, full, err);
	if (r == 0 && ref)
		r = record_set_str(annotations, REF_NAME, ref, err);
	if (r == 0)
		r = record_set_str(entry, "mediaType", desc->media_type, err);
	if (r == 0)
		r = record_set_str(entry, "digest", desc->digest, err);
	if (r == 0)
		r = record_set_uint(entry, "size", desc->bytes, err);
	if (r == 0 && platform)
		r = record_set(entry, "platform", steal_ptr(platform), err);
	if (r == 0 && record_len(annotations) > 0)
		r = record_set(entry, "annotations", steal_ptr(annotations), err);
	if (r < 0)
		return r;
	*ret = steal_ptr(entry);
	return 0;
}

static bool is_named(const struct record *entry, const char *full, const char *ref)
{
	const struct record *annotations = record_get(entry, "annotations");
	const char *its_full = record_str(record_get(annotations, FULL_NAME));
	const char *its_ref = record_str(record_get(annotations, REF_NAME));

	if (full)
		return its_full ? str_eq(its_full, full) : its_ref && str_eq(its_ref, full);
	return ref && !its_full && its_ref && str_eq(its_ref, ref);
}

/* All entries but those of that name, and but the same manifest without any: it has a name now. */
static int copy_others(const struct record *from, struct record *to, const char *digest,
		       const char *full, const char *ref, struct berth_error *err)
{
	for (size_t i = 0; i < record_len(from); i++) {
		struct record *entry = record_at(from, i);
		const struct record *annotations = record_get(entry, "annotations");
		bool nameless =
			!record_get(annotations, FULL_NAME) && !record_get(annotations, REF_NAME);
		int r;

		if (nameless && str_eq(record_str(record_get(entry, "digest")), digest))
			continue;
		if (is_named(entry, full, ref))
			continue;
		r = record_append(to, record_ref(entry), err);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool has_digest(const struct record *manifests, const char *digest)
{
	for (size_t i = 0; i < record_len(manifests); i++) {
		if (str_eq(record_str(record_get(record_at(manifests, i), "digest")), digest))
			return true;
	}
	return false;
}

int oci_index_put(struct record *index, const struct berth_desc *desc, const char *repo,
		  const char *ref, struct berth_error *err)
{
	cleanup_record struct record *entry = NULL;
	cleanup_record struct record *manifests = record_new_array();
	cleanup_free char *full = NULL;
	const char *tag = ref[0] ? ref : NULL;
	int r;

	if (!tag && has_digest(record_get(index, "manifests"), desc->digest))
		return 0;
	if (tag && repo[0]) {
		full = str_fmt("%s:%s", repo, tag);
		if (!full)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	}
	r = make_entry(desc, full, tag, &entry, err);
	if (r < 0)
		return r;
	if (!manifests)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = copy_others(record_get(index, "manifests"), manifests, desc->digest, full, tag, err);
	if (r == 0)
		r = record_append(manifests, steal_ptr(entry), err);
	if (r < 0)
		return r;
	return record_set(index, "manifests", steal_ptr(manifests), err);
}
