/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tar_writer: a tar of plain files, written in one go to a file or a pipe.
 *
 * Deterministic: no times, owners or names of this machine. An entry's length is known before its
 * first byte. One entry at a time. In a regular file an entry that was given up is taken back; in a
 * pipe nothing can be, and the archive is broken from then on.
 */
#ifndef ARCHIVE_TAR_WRITER_H
#define ARCHIVE_TAR_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "berth/driver.h"

struct tar_writer {
	int fd; /* borrowed */
	const struct berth_host *host;
	bool regular;	  /* can be cut back */
	bool broken;	  /* half an entry went into a pipe */
	off_t start;	  /* of the archive in the file */
	off_t entry;	  /* of the entry that is open */
	uint64_t left;	  /* content of the open entry that is still to come */
	uint64_t padding; /* behind it */
};

int tar_writer_init(struct tar_writer *w, int fd, const struct berth_host *host,
		    struct berth_error *err);
/** Begin file @name (at most 100 bytes) of @bytes. */
int tar_writer_begin(struct tar_writer *w, const char *name, uint64_t bytes, struct berth_op *op,
		     struct berth_error *err);
/** CORRUPT if it is more than was announced. */
int tar_writer_add(struct tar_writer *w, const void *bytes, size_t n, struct berth_op *op,
		   struct berth_error *err);
/** CORRUPT if it was less than announced. */
int tar_writer_end(struct tar_writer *w, struct berth_op *op, struct berth_error *err);
/** Take the open entry back, also after tar_writer_end of it. */
void tar_writer_undo(struct tar_writer *w);
/** Begin, add and end. */
int tar_writer_file(struct tar_writer *w, const char *name, const void *bytes, size_t n,
		    struct berth_op *op, struct berth_error *err);
/** The end marker, behind the last entry, and all of it to the disk. */
int tar_writer_finish(struct tar_writer *w, struct berth_op *op, struct berth_error *err);
/** Leave nothing of the archive, where that is possible. */
void tar_writer_drop(struct tar_writer *w);

#endif
