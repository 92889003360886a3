/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/digest.h - the name of content, as a value: "sha256:<64 hex digits>".
 *
 * Text becomes a struct digest once, at the door; a function that takes one cannot be given
 * "../../etc". All zero is "none". This module computes no hash: who hashes links libcrypto.
 */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "berth/driver.h"

enum digest_algo {
	DIGEST_NONE = 0,
	DIGEST_SHA256 = 1,
	DIGEST_SHA512 = 2,
};

enum {
	DIGEST_BYTES_MAX = 64,
	DIGEST_HEX_MAX = 2 * DIGEST_BYTES_MAX + 1,
	DIGEST_TEXT_MAX = 7 + DIGEST_HEX_MAX, /* with the final NUL */
};

struct digest {
	uint8_t algo; /* enum digest_algo */
	uint8_t len;  /* of bytes, as the algorithm has it */
	uint8_t bytes[DIGEST_BYTES_MAX];
};

/** "sha256:…" or "sha512:…", lower case, exact length; INVALID for all else. */
int digest_parse(const char *text, struct digest *ret, struct berth_error *err);
/** 64 hex digits, or "sha256:" and them. For names that people type. */
int digest_parse_loose(const char *text, struct digest *ret, struct berth_error *err);
/** From the @n bytes that a hash function gave; INVALID if @n is not what @algo gives. */
int digest_from_bytes(enum digest_algo algo, const void *bytes, size_t n, struct digest *ret,
		      struct berth_error *err);
/** "sha256:<hex>" into @out, which is returned; "" for none. */
const char *digest_format(const struct digest *d, char out[static DIGEST_TEXT_MAX]);
/** The hex digits alone. */
const char *digest_hex(const struct digest *d, char out[static DIGEST_HEX_MAX]);
/** "sha256", "sha512", or "" for none. */
const char *digest_algo_name(const struct digest *d);
bool digest_eq(const struct digest *a, const struct digest *b);
bool digest_is_set(const struct digest *d);

/** 2 * @n lower case hex digits and a NUL. */
void hex_encode(const void *bytes, size_t n, char *out);
/** Exactly 2 * @n lower case hex digits and the end into @n bytes; false (and nothing) otherwise.
 */
bool hex_decode(const char *hex, void *bytes, size_t n);

#endif
