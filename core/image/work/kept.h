/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kept: which blob in the content store makes a layer. Several may, compressed one way and another.
 */
#ifndef CORE_IMAGE_KEPT_H
#define CORE_IMAGE_KEPT_H

#include "core/image/image.h"

struct kept {
	struct digest blob;
	uint64_t bytes;
	char *media_type;
};
void kept_done(struct kept *kept);
#define cleanup_kept cleanup_with(kept_done)

/** The first one that is there. NOT_FOUND, which names @diff_id. */
int kept_find(struct store *store, const struct digest *diff_id, struct kept *ret,
	      struct berth_error *err);

#endif
