/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import: an image of one layer from a tar of a root filesystem: what image_work.import promises.
 */
#ifndef CORE_IMAGE_IMPORT_H
#define CORE_IMAGE_IMPORT_H

#include "core/image/image_work.h"

int image_import(struct store *store, struct drivers *drivers, int fd, const char *label,
		 const char *name, const char *message, const char *platform, char *const *changes,
		 struct berth_op *op, char **ret_id, struct berth_error *err);

#endif
