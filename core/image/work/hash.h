/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hash: the digest of bytes as they come by. The only place that knows libcrypto.
 */
#ifndef CORE_IMAGE_HASH_H
#define CORE_IMAGE_HASH_H

#include "base/cleanup.h"
#include "base/digest.h"

struct hash;

int hash_new(enum digest_algo algo, struct hash **ret, struct berth_error *err);
int hash_add(struct hash *hash, const void *bytes, size_t n, struct berth_error *err);
/** Of all that was added; once only. */
int hash_end(struct hash *hash, struct digest *ret, struct berth_error *err);
void hash_free(struct hash *hash);
DEFINE_CLEANUP(struct hash *, hash_free);
#define cleanup_hash cleanup_with(hash_free_at)

/** sha256 of these bytes. */
int hash_bytes(const void *bytes, size_t n, struct digest *ret, struct berth_error *err);
/** CORRUPT, naming both and @what, unless they are equal. */
int hash_expect(const struct digest *want, const struct digest *got, const char *what,
		struct berth_error *err);

#endif
