/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tarball: archives made byte by byte, right ones and wrong ones. It shares nothing with the code
 * under test.
 */
#ifndef TESTS_TARBALL_H
#define TESTS_TARBALL_H

#include <stdint.h>

#include "base/str.h"

enum { TARBALL_DIGEST = 72 }; /* "sha256:<hex>" and a NUL */

struct tarball {
	struct str bytes;
};

void tarball_file(struct tarball *t, const char *name, const void *content, size_t n);
void tarball_text(struct tarball *t, const char *name, const char *content);
/** Any entry: @type as in the header, @link for links, @content NULL for none. */
void tarball_entry(struct tarball *t, const char *name, char type, const char *link,
		   const void *content, size_t n);
/** A header alone, which claims @bytes. */
void tarball_header(struct tarball *t, const char *name, char type, const char *link,
		    uint64_t bytes);
/** A blob under its digest, which goes to @digest if not NULL. */
void tarball_blob(struct tarball *t, const void *content, size_t n, char *digest);
void tarball_end(struct tarball *t);
/** A file in memory with these bytes, at offset 0; the tarball is empty afterwards. */
int tarball_fd(struct tarball *t);

/** "sha256:…" of bytes; returns @out. */
const char *digest_of(const void *bytes, size_t n, char out[static TARBALL_DIGEST]);
/** A gzip of bytes, made with stored blocks. */
void gzip_of(const void *bytes, size_t n, struct str *out);

#endif
