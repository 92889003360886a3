/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rootfs: the tree that becomes "/". It comes as a detached mount, or is cloned from the bundle's
 * directory, and is attached in the container's own mount namespace only.
 */
#ifndef NATIVE_ROOTFS_H
#define NATIVE_ROOTFS_H

#include "inside.h"
#include "native.h"
#include "plan.h"

/** In the parent: put the descriptor of the root into the plan (the caller's, or a clone). */
int rootfs_prepare(struct launch *l, struct berth_error *err);

/* In the child, in this order, with all other mounts made in between. */
void rootfs_attach(const struct inside *in, const struct plan *plan);
void rootfs_enter(const struct inside *in, const struct plan *plan);

#endif
