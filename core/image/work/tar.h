/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tar: reads a stream of tar: v7, ustar, pax and GNU (long names, large numbers, all forms of
 * sparse files).
 *
 * The same bytes must mean the same to us as to the engines and registries that looked at them,
 * which all use Go's archive/tar: where tar readers differ (sizes of headers that carry no data,
 * bytes after the end, global pax headers, pax over ustar), this one does as that one. Names are
 * bytes: no locale, no normalisation. That is why it is not libarchive's reader.
 *
 * It knows nothing of files: it gives entries and their data, and what these mean is unpack.h.
 *
 *     while ((r = tar_next(tar, &entry, err)) > 0)
 *             while ((r = tar_data(tar, &part, err)) > 0)
 *                     ...
 */
#ifndef CORE_IMAGE_TAR_H
#define CORE_IMAGE_TAR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/cleanup.h"
#include "berth/driver.h"

struct tar;

enum tar_type {
	TAR_REG,
	TAR_LINK, /* hard link */
	TAR_SYMLINK,
	TAR_CHAR,
	TAR_BLOCK,
	TAR_DIR,
	TAR_FIFO,
};

struct tar_xattr {
	const char *name;  /* "user.x" */
	const void *value; /* bytes */
	size_t n;
};

/** Borrowed until the next tar_next. Strings end with NUL and hold no other. */
struct tar_entry {
	enum tar_type type;
	mode_t mode;	   /* 07777 of it */
	const char *name;  /* as it stands there: may be "/x", "./x", "../x", "x/" */
	const char *link;  /* of TAR_LINK and TAR_SYMLINK, else "" */
	uint32_t uid, gid; /* never (uid_t)-1 */
	uint32_t major, minor;
	uint64_t size; /* of TAR_REG, holes included, else 0 */
	bool sparse;   /* data may leave holes */
	struct timespec mtime;
	const struct tar_xattr *xattr;
	size_t n_xattr;
	const char *acl_access, *acl_default; /* as text, or NULL */
};

/** A part of a file's data, borrowed until the next call. Parts come in ascending order. */
struct tar_part {
	const void *p;
	size_t n;
	uint64_t offset;
};

/**
 * The next bytes of the stream into *ret_p and *ret_n, valid until the next call; *ret_n 0 at the
 * end. It is not called again after the end or a failure.
 */
typedef int (*tar_input_fn)(void *arg, const void **ret_p, size_t *ret_n, struct berth_error *err);

int tar_new(tar_input_fn in, void *arg, struct tar **ret, struct berth_error *err);
void tar_free(struct tar *tar);
DEFINE_CLEANUP(struct tar *, tar_free);
#define cleanup_tar cleanup_with(tar_free_at)

/**
 * 1: an entry; what was not read of the one before is skipped. 0: the end. CORRUPT: no tar, or cut
 * off; LIMIT: headers larger than any honest one; UNSUPPORTED: an entry of an unknown type.
 */
int tar_next(struct tar *tar, const struct tar_entry **ret, struct berth_error *err);
/** 1: a part of the data of the entry (TAR_REG); 0: no more. */
int tar_data(struct tar *tar, struct tar_part *ret, struct berth_error *err);
/** Read the stream to its end, whatever is there: who hashes it wants every byte. */
int tar_drain(struct tar *tar, struct berth_error *err);
/** Bytes of the stream so far, for messages. */
uint64_t tar_offset(const struct tar *tar);

#endif
