/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mounts: what a container finds in its tree. The parent opens what lies on the host
 * (mounts_prepare), the child puts everything in its place, by descriptor, so that no link of the
 * image can redirect it.
 */
#ifndef NATIVE_MOUNTS_H
#define NATIVE_MOUNTS_H

#include "inside.h"
#include "plan.h"
#include "native.h"

/* In the parent. Descriptors in the plan are closed by plan_close. */
int mounts_prepare(struct launch *l, struct berth_error *err);
/** A path of the specification, clean and relative to the root. LIMIT, INVALID. */
int mounts_target(struct arena *arena, const char *path, const char **ret, struct berth_error *err);
/** A detached copy of @path on the host; the caller closes it. */
int mounts_clone(const char *path, bool recursive, int *ret_fd, struct berth_error *err);

/* In the child. */
void mounts_carry_out(const struct inside *in, struct plan *plan);
/** Masked and read-only paths, and mounts that become read-only at last. */
void mounts_close_down(const struct inside *in, struct plan *plan);
/** Copy the tree at @from into the empty one at @to (tmpcopyup). */
void copy_up(const struct inside *in, int from, int to, const char *name);

#endif
