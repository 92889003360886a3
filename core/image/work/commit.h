/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commit: an image of what a container has changed: what image_work.commit promises.
 */
#ifndef CORE_IMAGE_COMMIT_H
#define CORE_IMAGE_COMMIT_H

#include "core/image/image_work.h"

int image_commit(struct store *store, struct drivers *drivers, const struct image_commit *what,
		 struct berth_op *op, char **ret_id, struct berth_error *err);

/** What image_work.digest promises. */
int image_digest_changes(int topfd, struct image_change *change, size_t n, struct berth_op *op,
			 struct digest *ret, struct berth_error *err);

#endif
