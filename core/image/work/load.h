/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load: images from archives: what image_work.load promises.
 */
#ifndef CORE_IMAGE_LOAD_H
#define CORE_IMAGE_LOAD_H

#include "core/image/image_work.h"

int image_load(struct store *store, struct drivers *drivers, int fd, const char *label,
	       const char *platform, image_note_fn note, void *arg, struct berth_op *op,
	       struct record **ret, struct berth_error *err);

#endif
