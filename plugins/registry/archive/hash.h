/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hash: digests of bytes as they pass by.
 */
#ifndef ARCHIVE_HASH_H
#define ARCHIVE_HASH_H

#include "base/cleanup.h"
#include "base/digest.h"

struct hash;

int hash_new(enum digest_algo algo, struct hash **ret, struct berth_error *err);
void hash_free(struct hash *hash);
DEFINE_CLEANUP(struct hash *, hash_free);
#define cleanup_hash cleanup_with(hash_free_at)

int hash_add(struct hash *hash, const void *bytes, size_t n, struct berth_error *err);
/** The digest of all that was added; once. */
int hash_end(struct hash *hash, struct digest *ret, struct berth_error *err);

/** All in one. */
int hash_bytes(enum digest_algo algo, const void *bytes, size_t n, struct digest *ret,
	       struct berth_error *err);

#endif
