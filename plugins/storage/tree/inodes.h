/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inodes - a set of inode numbers of one filesystem, with how often each was seen: who measures or
 * checks a tree meets a file as often as it has names.
 */
#ifndef STORAGE_INODES_H
#define STORAGE_INODES_H

#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "berth/driver.h"

struct inode {
	ino_t ino; /* 0: free slot; no filesystem uses it */
	uint32_t links;
	uint32_t seen;
};

struct inodes {
	struct inode *slots;
	size_t n;
	size_t cap;
};

/** See a file with @links names once more. *@ret_seen: how often by now, at least 1. */
int inodes_see(struct inodes *set, ino_t ino, uint32_t links, uint32_t *ret_seen,
	       struct berth_error *err);
bool inodes_has(const struct inodes *set, ino_t ino);
/** The next one after @at (NULL: the first), NULL behind the last; in no order. */
const struct inode *inodes_next(const struct inodes *set, const struct inode *at);
void inodes_done(struct inodes *set);
#define cleanup_inodes cleanup_with(inodes_done)

#endif
