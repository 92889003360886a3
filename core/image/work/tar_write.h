/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tar_write: writes a stream of tar: ustar (POSIX.1-1988), with pax headers (POSIX.1-2001) where an
 * entry does not fit into it. The same entries are the same bytes, always: nothing of this machine,
 * process or moment is in them but what the entries say.
 *
 *	r = tar_write_entry(w, &entry, err);
 *	if (r == 0 && entry.type == TAR_REG)
 *		r = tar_write_from(w, fd, err);
 *	...
 *	r = tar_write_end(w, err);
 *
 * Entries are those of tar.h. It knows nothing of trees; which files become which entries is pack.h.
 */
#ifndef CORE_IMAGE_TAR_WRITE_H
#define CORE_IMAGE_TAR_WRITE_H

#include "core/image/work/tar.h"

/** Where the stream goes: to a function, or (put NULL) to a descriptor, which may be a pipe. */
struct tar_output {
	int (*put)(void *arg, const void *p, size_t n, struct berth_error *err);
	void *arg;
	int fd;
};

struct tar_writer;

int tar_writer_new(const struct tar_output *out, struct tar_writer **ret, struct berth_error *err);
/** What was not written by tar_write_end is lost. NULL is fine. */
void tar_writer_free(struct tar_writer *w);
DEFINE_CLEANUP(struct tar_writer *, tar_writer_free);
#define cleanup_tar_writer cleanup_with(tar_writer_free_at)

/**
 * Begin an entry; the data of the one before must be complete. @e->name as it shall stand there
 * (directories get their slash). Times before 1970 become 1970; parts of seconds are dropped.
 * @e->sparse is not looked at. INVALID: a name or link that no tar can hold.
 */
int tar_write_entry(struct tar_writer *w, const struct tar_entry *e, struct berth_error *err);
/** Data of a TAR_REG: in all as many bytes as its size says. */
int tar_write_data(struct tar_writer *w, const void *p, size_t n, struct berth_error *err);
/**
 * All data of the entry from the beginning of @fd, whose offset does not matter. A file that has
 * become shorter meanwhile is filled with zeros, one that has become longer is cut.
 */
int tar_write_from(struct tar_writer *w, int fd, struct berth_error *err);
/** The two empty blocks, and what was still buffered. */
int tar_write_end(struct tar_writer *w, struct berth_error *err);
/** Bytes of the stream so far. */
uint64_t tar_written(const struct tar_writer *w);

#endif
