/* SPDX-License-Identifier: Apache-2.0 */
/*
 * devices: the nodes that every container has, those of the specification, and the links in /dev.
 */
#ifndef NATIVE_DEVICES_H
#define NATIVE_DEVICES_H

#include "inside.h"
#include "native.h"
#include "plan.h"

/** In the parent. In a user namespace nodes cannot be made: the host's are opened to be bound. */
int devices_prepare(struct launch *l, struct berth_error *err);

/** In the child, after all mounts. */
void devices_make(const struct inside *in, const struct plan *plan);

#endif
