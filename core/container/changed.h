/* SPDX-License-Identifier: Apache-2.0 */
/*
 * changed: what a container has changed of its image: the list behind diff and commit.
 *
 * The mount points that the engine makes in a container's tree (/proc, /etc/hosts, ...) are no
 * change of the container's, as in docker, where they are in a layer of their own.
 */
#ifndef CORE_CONTAINER_CHANGED_H
#define CORE_CONTAINER_CHANGED_H

#include "core/container/row.h"
#include "core/image/image_work.h"

struct changed {
	struct image_change *change; /* in the order of their paths' bytes */
	size_t n, room;
};

int changed_read(struct container_host *h, const struct container_row *row,
		 const struct image *image, struct changed *ret, struct berth_error *err);
/** The same, mount points and all. */
int changed_read_all(struct container_host *h, const struct container_row *row,
		     const struct image *image, struct changed *ret, struct berth_error *err);
void changed_done(struct changed *changed);
#define cleanup_changed cleanup_with(changed_done)

#endif
