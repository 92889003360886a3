/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loader: an archive of images being read: blobs are found and named, and manifests made up. What
 * lists the images (manifest.json, repositories) is read elsewhere.
 */
#ifndef DOCKER_ARCHIVE_LOADER_H
#define DOCKER_ARCHIVE_LOADER_H

#include "docker.h"

/* A layer whose digest was computed: archives share them. */
struct hashed {
	uint64_t offset;
	struct digest digest;
};

struct loader {
	const struct session *s;
	const struct place *place;
	struct berth_op *op;
	struct catalog *catalog;
	size_t layers; /* of all images so far */
	struct hashed *hashed;
	size_t n_hashed;
};

/** An image in terms of the archive. */
struct loader_image {
	struct digest config;
	uint64_t config_bytes;
	const struct record *layers;   /* array of names of files, base first */
	const struct record *diff_ids; /* as many digests */
};

/** CANCELLED if the user gave up. */
int loader_check_cancel(const struct loader *ld, struct berth_error *err);
/** A name out of a JSON file of the archive, made clean. CORRUPT if it leads out. */
int loader_clean_name(const struct loader *ld, const char *raw, char **ret,
		      struct berth_error *err);
/** The sha256 that a file's name claims: "<64 hex>.json", "blobs/sha256/<64 hex>". */
bool loader_claimed(const char *name, struct digest *ret);
/** Remember where the bytes of @digest are: in file @entry, or here as @text; one is NULL. Copies.
 */
int loader_note_blob(struct loader *ld, const struct digest *digest, const char *entry,
		     const char *text, uint64_t bytes, struct berth_error *err);
/** The sha256 of file @name, remembered for its next use. */
int loader_hash(struct loader *ld, const char *name, const struct place_file *file,
		struct digest *ret, struct berth_error *err);
/**
 * How a layer is compressed: the suffix of its media type (".gzip", ".zstd", "" for not at all).
 * UNSUPPORTED for what has none.
 */
int loader_sniff(const struct loader *ld, const char *name, const struct place_file *file,
		 const char **ret, struct berth_error *err);
/** Make the image's manifest, and list it under @names (an array of strings; without any: unnamed).
 */
int loader_add_image(struct loader *ld, const struct loader_image *image,
		     const struct record *names, struct berth_error *err);

/** Read the images that "repositories" lists: archives without manifest.json (legacy.c). */
int docker_load_legacy(struct loader *ld, struct berth_error *err);

#endif
