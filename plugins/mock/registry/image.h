/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image: makes an OCI image (layers, config, manifest) of its description in JSON. The same
 * description gives the same bytes.
 */
#ifndef MOCK_REGISTRY_IMAGE_H
#define MOCK_REGISTRY_IMAGE_H

#include "base/digest.h"
#include "base/record.h"

struct image_blob {
	const char *media_type;
	char digest[DIGEST_TEXT_MAX];
	struct str bytes;
};

struct image {
	char *name;
	const struct image_blob *manifest;
};

enum { IMAGES_MAX = 64, BLOBS_MAX = 1024, LAYERS_MAX = 127 };

struct image_set {
	struct image image[IMAGES_MAX];
	size_t n_images;
	struct image_blob *blob[BLOBS_MAX];
	size_t n_blobs;
};

/** @list is an array of descriptions. INVALID names what is wrong. @set may be half-made then. */
int image_set_make(struct image_set *set, const struct record *list, struct berth_error *err);
void image_set_done(struct image_set *set);
const struct image_blob *image_blob_find(const struct image_set *set, const char *digest);

#endif
