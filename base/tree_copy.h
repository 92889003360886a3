/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/tree_copy.h - copy a directory tree, with everything that a filesystem can hold.
 *
 * Kinds, modes, owners, times, xattrs (also security.capability and access lists), hard links
 * within the tree, holes, device nodes, fifos, sockets. Works on descriptors alone: no path is
 * built, no symlink followed, no mount entered, so the source may be hostile, and may change
 * meanwhile.
 */
#ifndef BASE_TREE_COPY_H
#define BASE_TREE_COPY_H

#include <stdbool.h>

#include "base/file_copy.h"
#include "base/walk.h"

struct tree_copy_how {
	enum file_copy_reflink reflink; /* as file_copy; becomes NEVER when it cannot */
	/**
	 * An empty directory of the target's filesystem, for second names of hard-linked files
	 * meanwhile; what is in it afterwards is of no use. -1: one is made in the target and
	 * removed again.
	 */
	int links;
	/** With one thread per processor, up to four; none of them lives longer than the call. */
	bool threads;
	/** Asked between entries, with how many files were copied; NULL: never. As walk_go_on_fn.
	 */
	int (*go_on)(void *arg, uint64_t files, struct berth_error *err);
	void *going;
};

/**
 * Copy everything in directory @from into the empty directory @to, and its own mode, owner, times
 * and attributes. Errors name the entry.
 */
int tree_copy(int from, int to, struct tree_copy_how *how, struct berth_error *err);

#endif
