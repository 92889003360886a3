/* SPDX-License-Identifier: Apache-2.0 */
/*
 * give: images of the store to somewhere else: an archive, a registry. The counterpart of take.h.
 *
 * The manifest is the one that the image came with, if all that it names is still there: so what is
 * given on has the digests that it came with. An image that was made here gets one, always the same
 * for the same image and layers.
 */
#ifndef CORE_IMAGE_GIVE_H
#define CORE_IMAGE_GIVE_H

#include "core/image/image.h"
#include "core/image/work/blob.h"
#include "core/image/work/manifest.h"

/** An image as it is to be given: its manifest, whose blobs are in the content store. */
struct gift {
	struct blob blob;
	struct manifest manifest;
};
void gift_done(struct gift *gift);
#define cleanup_gift cleanup_with(gift_done)

/** NOT_FOUND: a layer is in the store no more. */
int gift_wrap(struct store *store, const struct image *image, struct gift *ret,
	      struct berth_error *err);

struct give {
	struct store *store;
	struct registry *registry;
	const struct berth_where *where;
	struct berth_op *op;
};

/** Its config and layers to @repo; what is there already is not sent. */
int give_blobs(const struct give *give, const struct gift *gift, const char *repo,
	       struct berth_error *err);
/** Then its manifest, under @ref: a tag, or "" for none. */
int give_manifest(const struct give *give, const struct gift *gift, const char *repo,
		  const char *ref, struct berth_error *err);

#endif
