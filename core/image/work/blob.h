/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blob: small blobs (manifests, configs) in memory, always with the digest that they were asked
 * for.
 */
#ifndef CORE_IMAGE_BLOB_H
#define CORE_IMAGE_BLOB_H

#include "core/image/work/layers.h"

struct blob {
	struct digest digest;
	char *bytes; /* NUL behind the end */
	size_t n;
};
void blob_done(struct blob *blob);
#define cleanup_blob cleanup_with(blob_done)

/** From @from. NOT_FOUND, CORRUPT, LIMIT; the text says @what. */
int blob_fetch(const struct layer_source *from, const struct berth_desc *desc,
	       const struct digest *digest, uint64_t limit, const char *what, struct berth_op *op,
	       struct blob *ret, struct berth_error *err);
/** Into the content store, if it is not there. */
int blob_store(struct store *store, const struct blob *blob, struct berth_op *op,
	       struct berth_error *err);
/** A blob of these bytes, which are taken over. */
int blob_of(char *bytes, size_t n, struct blob *ret, struct berth_error *err);

#endif
