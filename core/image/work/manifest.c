/* SPDX-License-Identifier: Apache-2.0 */
#include "core/image/work/manifest.h"

#include <stdlib.h>
#include <string.h>

#define OCI		"application/vnd.oci."
#define DOCKER		"application/vnd.docker."
#define OCI_MANIFEST	OCI "image.manifest.v1+json"
#define OCI_INDEX	OCI "image.index.v1+json"
#define DOCKER_MANIFEST DOCKER "distribution.manifest.v2+json"
#define DOCKER_LIST	DOCKER "distribution.manifest.list.v2+json"

static int corrupt(struct berth_error *err, int r)
{
	if (r != -BERTH_E_INVALID)
		return r;
	if (err)
		err->code = BERTH_E_CORRUPT;
	return -BERTH_E_CORRUPT;
}

static bool is_media_type(const char *s)
{
	size_t n = strlen(s);

	for (size_t i = 0; i < n; i++)
		if (s[i] <= ' ' || s[i] > '~')
			return false;
	return n > 0 && n <= 255;
}

static int read_desc(const struct record *obj, const char *what, struct manifest_desc *ret,
		     struct berth_error *err)
{
	struct manifest_desc d = {0};
	const char *digest;
	int r;

	if (record_type(obj) != RECORD_OBJECT)
		return berth_fail(err, BERTH_E_CORRUPT, "%s is no object", what);
	r = record_need_str(obj, "digest", &digest, err);
	if (r == 0)
		r = digest_parse(digest, &d.digest, err);
	if (r == 0)
		r = record_need_uint(obj, "size", &d.bytes, err);
	if (r == 0)
		r = record_need_str(obj, "mediaType", &d.media_type, err);
	if (r == 0 && !is_media_type(d.media_type))
		r = berth_fail(err, BERTH_E_INVALID, "its mediaType is none");
	if (r < 0) {
		berth_error_prefix(err, "%s", what);
		return corrupt(err, r);
	}
	d.annotations = record_get(obj, "annotations");
	d.has_platform = platform_read(record_get(obj, "platform"), &d.platform);
	*ret = d;
	return 0;
}

static bool is_image_type(const char *type)
{
	return str_eq(type, OCI_MANIFEST) || str_eq(type, DOCKER_MANIFEST);
}

static bool is_index_type(const char *type)
{
	return str_eq(type, OCI_INDEX) || str_eq(type, DOCKER_LIST);
}

static int schema_1(struct berth_error *err)
{
	(void)berth_fail(err, BERTH_E_UNSUPPORTED,
			 "its manifest is of docker's schema 1, which nobody supports any more");
	berth_error_hint(err, "pull and push the image once with a Docker between 1.10 and 26");
	return -BERTH_E_UNSUPPORTED;
}

/** Which of the two it is, by what it says of itself and by its shape; both must agree. */
static int find_kind(const struct record *doc, const char *said, struct manifest *m,
		     struct berth_error *err)
{
	const char *own = record_str(record_get(doc, "mediaType"));
	bool looks_index = record_has(doc, "manifests");
	bool looks_image = record_has(doc, "layers") || record_has(doc, "config");
	int64_t version = record_int_or(record_get(doc, "schemaVersion"), 2);

	if (version == 1 || record_has(doc, "fsLayers") ||
	    str_has_prefix(said ? said : "", DOCKER "distribution.manifest.v1+"))
		return schema_1(err);
	if (version != 2)
		return berth_fail(err, BERTH_E_UNSUPPORTED, "schema version %lld is not known",
				  (long long)version);
	if (looks_index == looks_image)
		return berth_fail(err, BERTH_E_CORRUPT,
				  looks_index ? "it is a manifest and an index in one"
					      : "it is neither a manifest nor an index");
	if (own && said && *said && !str_eq(own, said))
		return berth_fail(err, BERTH_E_CORRUPT, "it says it is '%.100s', wanted '%.100s'",
				  own, said);
	if (!own && said && *said)
		own = said;
	if (!own)
		own = looks_index ? OCI_INDEX : OCI_MANIFEST;
	if (!is_image_type(own) && !is_index_type(own))
		return berth_fail(err, BERTH_E_UNSUPPORTED, "its media type '%.100s' is not known",
				  own);
	if (is_index_type(own) != looks_index)
		return berth_fail(err, BERTH_E_CORRUPT, "it says it is '%.100s', and is not", own);
	m->kind = looks_index ? MANIFEST_INDEX : MANIFEST_IMAGE;
	m->media_type = own;
	return 0;
}

static int read_items(struct manifest *m, const char *key, const char *what, uint64_t max,
		      struct berth_error *err)
{
	struct record *items;
	char name[48];
	size_t n;
	int r = record_need_array(m->doc, key, &items, err);

	if (r < 0)
		return corrupt(err, r);
	n = record_len(items);
	if (n > max)
		return berth_fail(err, BERTH_E_LIMIT, "it has %zu %ss, at most %llu are allowed", n,
				  what, (unsigned long long)max);
	m->item = calloc(n ? n : 1, sizeof(*m->item));
	if (!m->item)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	for (size_t i = 0; i < n && r == 0; i++) {
		(void)snprintf(name, sizeof(name), "%s %zu", what, i + 1);
		r = read_desc(record_at(items, i), name, &m->item[i], err);
	}
	m->n = n;
	return r;
}

/** Whether a layer of that type can be unpacked. */
static int check_layer_type(const char *type, size_t i, struct berth_error *err)
{
	static const char *const known[] = {
		OCI "image.layer.v1.tar",
		OCI "image.layer.v1.tar+gzip",
		OCI "image.layer.v1.tar+zstd",
		DOCKER "image.rootfs.diff.tar",
		DOCKER "image.rootfs.diff.tar.gzip",
		DOCKER "image.rootfs.diff.tar.zstd",
		DOCKER "image.rootfs.diff.tar+gzip",
		DOCKER "container.image.rootfs.diff+x-gtar",
	};

	for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++)
		if (str_eq(known[k], type))
			return 0;
	if (str_has_prefix(type, DOCKER "image.rootfs.foreign.") ||
	    str_has_prefix(type, OCI "image.layer.nondistributable."))
		return berth_fail(err, BERTH_E_UNSUPPORTED,
				  "layer %zu is not distributed with the image (%.100s)", i + 1,
				  type);
	if (str_has_suffix(type, "+encrypted"))
		return berth_fail(err, BERTH_E_UNSUPPORTED, "layer %zu is encrypted", i + 1);
	return berth_fail(err, BERTH_E_UNSUPPORTED, "layer %zu is of unknown type '%.100s'", i + 1,
			  type);
}

static int read_image(struct manifest *m, uint64_t max_layers, struct berth_error *err)
{
	int r = read_desc(record_get(m->doc, "config"), "config", &m->config, err);

	if (r < 0)
		return r;
	if (!str_eq(m->config.media_type, OCI "image.config.v1+json") &&
	    !str_eq(m->config.media_type, DOCKER "container.image.v1+json"))
		return berth_fail(err, BERTH_E_UNSUPPORTED,
				  "it is an artifact, no image (its config is '%.100s')",
				  m->config.media_type);
	r = read_items(m, "layers", "layer", max_layers, err);
	for (size_t i = 0; i < m->n && r == 0; i++)
		r = check_layer_type(m->item[i].media_type, i, err);
	return r;
}

/** BuildKit puts attestations into an index, with a platform that no machine has. */
static bool is_attestation(const struct manifest_desc *d)
{
	if (record_get(d->annotations, "vnd.docker.reference.type"))
		return true;
	return d->has_platform && str_eq(d->platform.os, "unknown");
}

static int read_index(struct manifest *m, struct berth_error *err)
{
	int r = read_items(m, "manifests", "manifest", MANIFEST_ENTRIES_MAX, err);

	for (size_t i = 0; i < m->n && r == 0; i++) {
		struct manifest_desc *d = &m->item[i];

		d->is_image = (is_image_type(d->media_type) || is_index_type(d->media_type)) &&
			      !is_attestation(d);
	}
	return r;
}

int manifest_parse(const char *bytes, size_t n, const char *media_type, uint64_t max_layers,
		   struct manifest *ret, struct berth_error *err)
{
	cleanup_manifest struct manifest m = {0};
	int r = record_parse(bytes, n, 0, &m.doc, err);

	if (r == 0 && record_type(m.doc) != RECORD_OBJECT)
		r = berth_fail(err, BERTH_E_INVALID, "it is no object");
	if (r < 0)
		return corrupt(err, r);
	r = find_kind(m.doc, media_type, &m, err);
	if (r == 0)
		r = m.kind == MANIFEST_INDEX ? read_index(&m, err)
					     : read_image(&m, max_layers, err);
	if (r < 0)
		return r;
	*ret = m;
	m = (struct manifest){0};
	return 0;
}

void manifest_done(struct manifest *m)
{
	record_free(m->doc);
	free(m->item);
	*m = (struct manifest){0};
}

int manifest_choose(const struct manifest *m, const struct platform *want, bool any, size_t **ret,
		    size_t *ret_n, struct berth_error *err)
{
	cleanup_free size_t *order = calloc(m->n ? m->n : 1, sizeof(*order));
	cleanup_free int *rank = calloc(m->n ? m->n : 1, sizeof(*rank));
	size_t images = 0, only = 0, n = 0;

	if (!order || !rank)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	for (size_t i = 0; i < m->n; i++) {
		size_t at;
		/* an index inside may not say: what is in it will */
		int fit =
			!m->item[i].has_platform ? 100 : platform_rank(want, &m->item[i].platform);

		if (!m->item[i].is_image)
			continue;
		images++;
		only = i;
		if (fit < 0)
			continue;
		for (at = n++; at > 0 && rank[at - 1] > fit; at--) {
			rank[at] = rank[at - 1];
			order[at] = order[at - 1];
		}
		rank[at] = fit;
		order[at] = i;
	}
	if (n == 0 && any && images == 1)
		order[n++] = only;
	*ret = steal_ptr(order);
	*ret_n = n;
	return 0;
}

char *manifest_platforms(const struct manifest *m)
{
	cleanup_str struct str out = STR_INIT;
	char text[PLATFORM_TEXT_MAX];

	for (size_t i = 0; i < m->n; i++)
		if (m->item[i].is_image && m->item[i].has_platform)
			str_addf(&out, "%s%s", out.len ? ", " : "",
				 platform_format(&m->item[i].platform, text));
	if (out.len == 0)
		str_add(&out, "none");
	return str_steal(&out);
}
