/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rows: what is written to the tables of images. All within a transaction of the caller, but for
 * where it is said. It touches no file and no driver.
 */
#ifndef CORE_IMAGE_ROWS_H
#define CORE_IMAGE_ROWS_H

#include "core/image/image.h"

/** The lock that makers of layers and blobs share, and image_sweep takes alone (store_lock). */
#define ROWS_LOCK_KIND "images"
#define ROWS_LOCK_NAME "all"

/** @full names @id now, whatever it named before. NOT_FOUND: no such image (any more). */
int rows_name_set(struct db *db, const char *full, const char *id, struct berth_error *err);
/** The id that @full names, or NULL in *ret. */
int rows_name_get(struct db *db, const char *full, char **ret, struct berth_error *err);

/** A blob that an image consists of. */
struct rows_blob {
	const char *digest;
	const char *kind; /* "index", "manifest", "config", "layer" */
	const char *media_type;
	const char *diff_id; /* of layers */
	uint64_t size;
};

/** A new image, or one that is there already: nothing of it changes then. */
struct rows_image {
	const char *id;
	const char *config;  /* its bytes */
	char *const *layers; /* chain ids */
	const char *parent;  /* or NULL */
	uint64_t size;
	int64_t created_ns;
};
int rows_image_add(struct db *db, const struct rows_image *image, struct berth_error *err);
int rows_image_has(struct db *db, const char *id, bool *ret, struct berth_error *err);
int rows_blob_use(struct db *db, const char *image, const struct rows_blob *blob,
		  struct berth_error *err);

/** The layers' blobs of image @base are @image's as well. */
int rows_layers_inherit(struct db *db, const char *image, const char *base,
			struct berth_error *err);

/* "being made": these rows are there before the thing, and without an image they are swept */
int rows_blob_plan(struct db *db, const char *digest, uint64_t size, struct berth_error *err);
int rows_layer_plan(struct db *db, const char *chain, const char *diff_id, const char *parent,
		    const char *driver, struct berth_error *err);
/** It is in @driver. @size of its files, -1 = unknown. */
int rows_layer_ready(struct db *db, const char *chain, const char *driver, int64_t size,
		     struct berth_error *err);

#endif
