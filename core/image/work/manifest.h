/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest: what an image is made of: manifests, indexes ("manifest lists") and configs, of OCI's
 * image specification and docker's schema 2. Pure: bytes in, values out; who has the bytes has
 * checked their digest.
 *
 * What a document is, its own mediaType says, or else its shape; a document that could be read as
 * two things is refused (CVE-2021-41190).
 */
#ifndef CORE_IMAGE_MANIFEST_H
#define CORE_IMAGE_MANIFEST_H

#include "base/digest.h"
#include "base/record.h"
#include "core/image/work/platform.h"

enum {
	MANIFEST_ENTRIES_MAX = 1024, /* of an index */
	MANIFEST_DEPTH_MAX = 4,	     /* indexes in indexes */
};

struct manifest_desc {
	const char *media_type; /* borrowed from the document */
	struct digest digest;
	uint64_t bytes;
	const struct record *annotations; /* or NULL */
	bool has_platform;
	struct platform platform;
	bool is_image; /* of an index: an image or another index, not an attestation or the like */
};

enum manifest_kind { MANIFEST_IMAGE, MANIFEST_INDEX };

struct manifest {
	struct record *doc;
	enum manifest_kind kind;
	const char *media_type;
	struct manifest_desc config; /* of MANIFEST_IMAGE */
	struct manifest_desc *item;  /* its layers, base first, or the entries of an index */
	size_t n;
};

/**
 * @media_type as the descriptor said it, "" or NULL = unknown. @max_layers limits an image's
 * layers. CORRUPT: makes no sense; UNSUPPORTED: schema 1, artifacts, layers that are not
 * distributed or of an unknown kind; LIMIT.
 */
int manifest_parse(const char *bytes, size_t n, const char *media_type, uint64_t max_layers,
		   struct manifest *ret, struct berth_error *err);
void manifest_done(struct manifest *m);
#define cleanup_manifest cleanup_with(manifest_done)

/**
 * The entries of an index that suit @want, best first, as indexes into m->item; *ret_n may be 0.
 * @any: and if none suits, the only image that there is.
 */
int manifest_choose(const struct manifest *m, const struct platform *want, bool any, size_t **ret,
		    size_t *ret_n, struct berth_error *err);
/** "linux/arm64, linux/s390x": what an index has, for messages. free() it; NULL: no memory. */
char *manifest_platforms(const struct manifest *m);

/** An image config. */
struct image_config {
	struct record *doc;
	struct platform platform;
	int64_t created_ns;	/* 0 = not said */
	struct digest *diff_id; /* base first */
	char **chain;		/* the chain id of each */
	size_t n;
};

/** CORRUPT, LIMIT, UNSUPPORTED (another operating system). */
int image_config_parse(const char *bytes, size_t n, uint64_t max_layers, struct image_config *ret,
		       struct berth_error *err);
void image_config_done(struct image_config *config);
#define cleanup_image_config cleanup_with(image_config_done)

#endif
