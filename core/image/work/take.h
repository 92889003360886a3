/* SPDX-License-Identifier: Apache-2.0 */
/*
 * take: one image, whose manifest is known, into the store: config, blobs, layers, rows. What load
 * and pull have in common. Nothing shows before all of it is there, checked and on the disk; what
 * was not finished, the caller's image_sweep removes, or the next one's.
 */
#ifndef CORE_IMAGE_TAKE_H
#define CORE_IMAGE_TAKE_H

#include "core/image/work/blob.h"
#include "core/image/work/manifest.h"

struct take {
	struct store *store;
	struct storage *storage; /* where layers are unpacked; NULL: later, when they are used */
	const struct layer_source *from;
	struct berth_op *op;
	const struct blob *manifest;
	const char *manifest_type;
	bool synthetic;		    /* the manifest was made up: it is not kept */
	const struct blob *indexes; /* that led to it, kept as well */
	size_t n_indexes;
	char *const *names; /* full references that it gets */
};

struct taken {
	char *id;
	char **renamed; /* "name id" of those that named another image before */
};
void taken_done(struct taken *taken);
#define cleanup_taken cleanup_with(taken_done)

/** The caller holds the shared lock of rows.h. */
int image_take(const struct take *take, struct taken *ret, struct berth_error *err);

#endif
