/* SPDX-License-Identifier: Apache-2.0 */
/*
 * save: images into an archive: what image_work.save promises.
 */
#ifndef CORE_IMAGE_SAVE_H
#define CORE_IMAGE_SAVE_H

#include "core/image/image_work.h"

int image_save(struct store *store, struct drivers *drivers, char *const *names, const char *driver,
	       int fd, const char *label, struct berth_op *op, struct berth_error *err);

#endif
