/* SPDX-License-Identifier: Apache-2.0 */
/*
 * place: files by name, in a layout's directory or inside a tar, for reading.
 *
 * Both are hostile: links lead nowhere but to other files of the same place.
 */
#ifndef ARCHIVE_PLACE_H
#define ARCHIVE_PLACE_H

#include "base/digest.h"
#include "tar_index.h"

enum {
	PLACE_BLOB_NAME_MAX = 6 + 7 + DIGEST_HEX_MAX, /* "blobs/sha256/<hex>" */
};

struct place {
	int fd;		       /* of the directory or the tar */
	struct tar_index *tar; /* NULL: a directory */
	char *label;	       /* "'x.tar'", for messages */
};

/** A file's bytes: a range of `fd`. */
struct place_file {
	int fd; /* close it if owned; else it is the place's */
	bool owned;
	uint64_t offset;
	uint64_t bytes;
};

void place_file_done(struct place_file *file);
#define cleanup_place_file cleanup_with(place_file_done)

bool place_has(const struct place *place, const char *name);
/** NOT_FOUND; CORRUPT: it is no file. */
int place_open(const struct place *place, const char *name, struct place_file *ret,
	       struct berth_error *err);
/** The whole of a file, NUL-terminated behind its @ret_len bytes. LIMIT if it exceeds @limit. */
int place_read(const struct place *place, const char *name, size_t limit, char **ret,
	       size_t *ret_len, struct berth_error *err);
/** Up to @n bytes at @at of the file; CORRUPT if it became shorter than it was. */
int place_file_read(const struct place_file *file, uint64_t at, void *buf, size_t n, size_t *ret_n,
		    struct berth_error *err);

/** Where an OCI layout keeps a blob. */
const char *place_blob_name(const struct digest *digest, char out[static PLACE_BLOB_NAME_MAX]);

#endif
