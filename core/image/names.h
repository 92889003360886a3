/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names: which names each image has, read at once for listings.
 */
#ifndef CORE_IMAGE_NAMES_H
#define CORE_IMAGE_NAMES_H

#include "core/image/image.h"

struct image_name {
	char *image; /* id */
	char *full;  /* docker.io/library/alpine:latest, or with @digest */
};

struct image_names {
	struct image_name *name; /* by image, then by name */
	size_t n;
};

/** All of them, or those of image @id. */
int names_read(struct store *store, const char *id, struct image_names *ret,
	       struct berth_error *err);
void names_done(struct image_names *names);
#define cleanup_names cleanup_with(names_done)

/** The names of image @id: *ret_first and how many. */
size_t names_of(const struct image_names *names, const char *id, size_t *ret_first);
/** Whether it names content by digest rather than a tag. */
bool name_is_digest(const char *full);
/** Length of the repository's part of @full: what stands before the tag or digest. */
size_t name_repo_len(const char *full);

#endif
