/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/tree_apply.h - put the changes of one tree into another, which is as the first one was
 * before: single files and directories, with all that tree_copy keeps, and times to the nanosecond.
 *
 * Nobody else changes either tree meanwhile. Names in there may be hostile all the same: no symlink
 * is followed.
 */
#ifndef BASE_TREE_APPLY_H
#define BASE_TREE_APPLY_H

#include "base/cleanup.h"
#include "berth/driver.h"

struct tree_apply;

/** From @from to @to; borrowed. */
int tree_apply_new(int from, int to, struct tree_apply **ret, struct berth_error *err);
/**
 * One change: "C" or "A" of what is at @path in @from now, "D" of what is no longer. Parents come
 * before what is in them. @path without a slash in front.
 */
int tree_apply_one(struct tree_apply *t, char change, const char *path, struct berth_error *err);
/** The last step: times and modes of directories, which the rest has changed. */
int tree_apply_end(struct tree_apply *t, struct berth_error *err);
void tree_apply_free(struct tree_apply *t);
DEFINE_CLEANUP(struct tree_apply *, tree_apply_free);
#define cleanup_tree_apply cleanup_with(tree_apply_free_at)

#endif
