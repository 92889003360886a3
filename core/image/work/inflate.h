/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inflate: gzip (of any number of members), zstd (of any number of frames) or nothing at all, told
 * apart by the first bytes, since media types are sometimes wrong. Bytes in, bytes out; it reads no
 * file.
 */
#ifndef CORE_IMAGE_INFLATE_H
#define CORE_IMAGE_INFLATE_H

#include <stdint.h>

#include "base/cleanup.h"
#include "berth/driver.h"

enum inflate_kind {
	INFLATE_PLAIN,
	INFLATE_GZIP,
	INFLATE_ZSTD,
	INFLATE_BZIP2, /* known, not done here */
	INFLATE_XZ,
};

enum { INFLATE_MAGIC = 6 }; /* bytes that decide */

enum inflate_kind inflate_sniff(const void *bytes, size_t n);
const char *inflate_name(enum inflate_kind kind);

struct inflate;

/** UNSUPPORTED for a kind that is not done here. LIMIT later if more than @limit bytes come out. */
int inflate_new(enum inflate_kind kind, uint64_t limit, struct inflate **ret,
		struct berth_error *err);
void inflate_free(struct inflate *z);
DEFINE_CLEANUP(struct inflate *, inflate_free);
#define cleanup_inflate cleanup_with(inflate_free_at)

/**
 * Take from *@in, which moves on, and fill @out, *ret_n bytes of @cap. When fewer than @cap come
 * out, all input was taken and more is needed. CORRUPT.
 */
int inflate_run(struct inflate *z, const void **in, size_t *in_n, void *out, size_t cap,
		size_t *ret_n, struct berth_error *err);
/** After the last input: CORRUPT if it ended in the middle. */
int inflate_end(const struct inflate *z, struct berth_error *err);

#endif
