/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sweep: what no image needs any more goes: layers in storage drivers, blobs. What is needed is
 * known by rows alone, and a row is there before the thing; so this also undoes what dead processes
 * left half done.
 */
#ifndef CORE_IMAGE_SWEEP_H
#define CORE_IMAGE_SWEEP_H

#include "core/image/image.h"

/** Number of layers and blobs that image_sweep would drop. */
int sweep_count(struct store *store, uint64_t *ret_layers, uint64_t *ret_blobs,
		struct berth_error *err);
/** The same as image_sweep for who holds the exclusive lock of rows.h already. */
int sweep_locked(struct store *store, struct drivers *drivers, struct berth_error *err);

#endif
