/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/tree_copy.h - copy a directory tree, with everything that a filesystem can hold.
 *
 * Kinds, modes, owners, times, xattrs (also security.capability and ACLs), hard links within the
 * tree, holes, device nodes, fifos, sockets. Contents by FICLONE where the filesystem can, else
 * copy_file_range, else read and write. Works on descriptors alone: no path is rebuilt, no symlink
 * is followed, so the source may be hostile (and may change meanwhile: then the copy is of some
 * moment of each file).
 */
#ifndef BASE_TREE_COPY_H
#define BASE_TREE_COPY_H

#include <stdint.h>

#include "berth/driver.h"

enum tree_copy_flags {
	TREE_COPY_NO_REFLINK = 1u << 0, /* for measurements and tests */
	TREE_COPY_ONE_FS = 1u << 1, /* do not enter other mounts; the mount point is copied empty */
};

/** What a copy came to. */
struct tree_copy_stats {
	uint64_t entries, bytes, cloned_bytes;
};

/**
 * Copy all entries of directory @from into directory @to, which is normally empty (EXISTS
 * otherwise). The directories' own attributes are not copied. @ret may be NULL. FULL, DENIED, IO
 * name the entry.
 */
int tree_copy(int from, int to, uint32_t flags, struct tree_copy_stats *ret,
	      struct berth_error *err);

#endif
