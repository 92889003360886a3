/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/tree_diff.h - what differs between two directory trees, as berth/storage.h says changes.
 *
 * Each path that was added, modified or deleted is said once, parents before children. A directory
 * is modified if something in it is said, or its mode, owner or attributes differ; a deleted
 * directory, and one thing in place of another kind, is one change. Of files that are as large and
 * as old (to the nanosecond) the bytes are not compared. Works on descriptors alone; either tree may
 * be hostile, and may change meanwhile.
 */
#ifndef BASE_TREE_DIFF_H
#define BASE_TREE_DIFF_H

#include <stdbool.h>

#include "base/walk.h"

/** @change is 'A', 'C' or 'D'. A non-zero answer ends it and is returned. */
typedef int (*tree_diff_fn)(void *arg, char change, const char *path, struct berth_error *err);

/**
 * Whether it is known without looking that both are the same, of a directory with all below. Only
 * asked of two that have one name and, of directories, are both one.
 */
typedef bool (*tree_diff_same_fn)(void *arg, const struct stat *before, const struct stat *after);

struct tree_diff_how {
	tree_diff_fn fn;
	void *arg;
	tree_diff_same_fn same; /* NULL: nothing is known */
	walk_go_on_fn go_on;	/* as walk_how's */
	void *going;
};

/** From directory @before (-1: nothing, so all is added) to directory @after. */
int tree_diff(int before, int after, const struct tree_diff_how *how, struct berth_error *err);

#endif
