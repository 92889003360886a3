/* SPDX-License-Identifier: Apache-2.0 */
#include "docker.h"

#include "archive/oci_index.h"
#include "base/record_write.h"

/* An image as manifest.json lists it, in terms of blobs of the archive. */
struct listed {
	struct record *manifest;
	char **names; /* borrowed, or NULL */
};

static bool is_image(const struct put *put)
{
	return str_eq(put->media_type, DOCKER_MANIFEST_TYPE) ||
	       str_eq(put->media_type, OCI_MANIFEST_TYPE);
}

/* "blobs/sha256/<hex>" of a descriptor, which must be in the archive. */
static int blob_path(const struct writer *w, const struct record *desc,
		     char ret[static PLACE_BLOB_NAME_MAX], struct berth_error *err)
{
	const char *text = record_str_or(record_get(desc, "digest"), "");
	struct digest digest;
	int r;

	r = digest_parse(text, &digest, err);
	if (r < 0)
		return r;
	if (!writer_has_blob(w, text))
		return berth_fail(err, BERTH_E_INVALID,
				  "a manifest names blob %s, which was not written", text);
	(void)place_blob_name(&digest, ret);
	return 0;
}

/* A tag of an index belongs, for readers that know no indexes, to its first image that is here. */
static char **names_of_child(const struct writer *w, const struct put *child)
{
	char text[DIGEST_TEXT_MAX];

	(void)digest_format(&child->digest, text);
	for (size_t i = 0; i < w->n_put; i++) {
		const struct put *put = &w->put[i];
		cleanup_record struct record *index = NULL;
		const struct record *manifests;

		if (is_image(put) || !put->names ||
		    record_parse(put->text, put->n, 0, &index, NULL) < 0)
			continue;
		manifests = record_get(index, "manifests");
		for (size_t m = 0; m < record_len(manifests); m++) {
			const char *digest =
				record_str(record_get(record_at(manifests, m), "digest"));

			if (!digest || !writer_has_blob(w, digest))
				continue;
			if (str_eq(digest, text))
				return put->names;
			break;
		}
	}
	return NULL;
}

static int write_layers(const struct writer *w, const struct record *layers, struct jw *json,
			struct berth_error *err)
{
	char path[PLACE_BLOB_NAME_MAX];

	for (size_t i = 0; i < record_len(layers); i++) {
		int r = blob_path(w, record_at(layers, i), path, err);

		if (r < 0)
			return r;
		jw_str(json, path);
	}
	return 0;
}

static int write_image(const struct writer *w, const struct listed *image, struct jw *json,
		       struct berth_error *err)
{
	char path[PLACE_BLOB_NAME_MAX];
	int r;

	r = blob_path(w, record_get(image->manifest, "config"), path, err);
	if (r < 0)
		return r;
	jw_object_begin(json);
	jw_key_str(json, "Config", path);
	jw_key(json, "RepoTags");
	jw_strv(json, image->names);
	jw_key_array(json, "Layers");
	r = write_layers(w, record_get(image->manifest, "layers"), json, err);
	jw_array_end(json);
	jw_object_end(json);
	return r;
}

/* What docker before 1.10 read: repository -> tag -> id of the top layer. */
static int note_repositories(const struct listed *image, struct record *repositories,
			     struct berth_error *err)
{
	const struct record *layers = record_get(image->manifest, "layers");
	const struct record *top = record_at(layers, record_len(layers) - 1);
	const char *digest = record_str(record_get(top, "digest"));
	const char *hex = digest ? strchr(digest, ':') : NULL;

	strv_foreach (name, image->names) {
		const char *colon = strrchr(*name, ':');
		cleanup_free char *repo = NULL;
		struct record *tags;
		int r = 0;

		if (!hex || !colon || strchr(colon, '/'))
			continue;
		repo = strndup(*name, (size_t)(colon - *name));
		if (!repo)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		if (!record_get(repositories, repo))
			r = record_set(repositories, repo, record_new_object(), err);
		tags = record_get(repositories, repo);
		if (r == 0)
			r = record_set_str(tags, colon + 1, hex + 1, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int list_image(const struct writer *w, const struct put *put, struct jw *json,
		      struct record *repositories, struct berth_error *err)
{
	cleanup_record struct record *manifest = NULL;
	struct listed image = {.names = put->names};
	char text[DIGEST_TEXT_MAX];
	int r;

	if (!image.names && strv_has(w->children, digest_format(&put->digest, text))) {
		image.names = names_of_child(w, put);
		if (!image.names)
			return 0; /* of another platform */
	}
	r = record_parse(put->text, put->n, 0, &manifest, err);
	if (r < 0)
		return r;
	image.manifest = manifest;
	r = write_image(w, &image, json, err);
	return r < 0 ? r : note_repositories(&image, repositories, err);
}

int docker_close_tar(struct writer *w, struct berth_op *op, struct berth_error *err)
{
	cleanup_record struct record *repositories = record_new_object();
	cleanup_str struct str manifest = STR_INIT;
	cleanup_str struct str old = STR_INIT;
	struct jw json = jw_to(&manifest, RECORD_COMPACT);
	int r = 0;

	if (!repositories)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	jw_array_begin(&json);
	for (size_t i = 0; r == 0 && i < w->n_put; i++) {
		if (is_image(&w->put[i]))
			r = list_image(w, &w->put[i], &json, repositories, err);
	}
	jw_array_end(&json);
	record_print(repositories, RECORD_COMPACT, &old);
	if (r == 0)
		r = str_check(&manifest, err);
	if (r == 0)
		r = str_check(&old, err);
	if (r == 0)
		r = tar_writer_file(&w->tar, "manifest.json", manifest.p, manifest.len, op, err);
	if (r == 0 && record_len(repositories) > 0)
		r = tar_writer_file(&w->tar, "repositories", old.p, old.len, op, err);
	return r;
}
