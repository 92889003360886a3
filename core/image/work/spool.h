/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool: what people give us to read: a file or a pipe, plain or compressed as a whole. It is the
 * only place that knows libarchive, for bzip2 and xz.
 */
#ifndef CORE_IMAGE_SPOOL_H
#define CORE_IMAGE_SPOOL_H

#include "core/driver/drivers.h"
#include "core/image/work/inflate.h"
#include "core/store/store.h"

/** An input of which the first bytes were read, to see what it is. */
struct spool_source {
	int fd; /* borrowed */
	struct berth_op *op;
	enum inflate_kind kind;
	unsigned char head[INFLATE_MAGIC];
	size_t head_n, head_at;
	uint64_t limit, left;
};

/** Begin to read @fd where it is. */
int spool_open(int fd, uint64_t limit, struct berth_op *op, struct spool_source *ret,
	       struct berth_error *err);
/** The bytes as they are, from the first on; a stream_read_fn with a struct spool_source. LIMIT. */
int spool_read(void *source, void *buf, size_t n, size_t *ret_n, struct berth_error *err);
/** All of it, decompressed, as a file without a name in the store, at its beginning. CORRUPT,
 * LIMIT. */
int spool_to_file(struct spool_source *src, struct store *store, int *ret_fd,
		  struct berth_error *err);

/**
 * @fd as something that can seek and is not compressed: a duplicate if it is so already, or a
 * directory, else spool_to_file.
 */
int spool_seekable(struct store *store, int fd, struct berth_op *op, int *ret_fd,
		   struct berth_error *err);

#endif
