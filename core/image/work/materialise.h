/* SPDX-License-Identifier: Apache-2.0 */
/*
 * materialise: the layers of an image that is known into a storage driver, from the blobs that are
 * kept.
 */
#ifndef CORE_IMAGE_MATERIALISE_H
#define CORE_IMAGE_MATERIALISE_H

#include "core/image/image_work.h"

int image_materialise(struct store *store, struct drivers *drivers, const struct image *image,
		      struct storage *storage, struct berth_op *op, struct berth_error *err);

#endif
