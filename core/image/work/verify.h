/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify: every blob of the store against its digest.
 */
#ifndef CORE_IMAGE_VERIFY_H
#define CORE_IMAGE_VERIFY_H

#include "core/image/image_work.h"

int image_verify(struct store *store, struct record *findings, struct berth_op *op,
		 struct berth_error *err);

#endif
