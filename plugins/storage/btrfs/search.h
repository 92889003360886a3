/* SPDX-License-Identifier: Apache-2.0 */
/* search - items of a btrfs tree, by BTRFS_IOC_TREE_SEARCH_V2. */
#ifndef BTRFS_SEARCH_H
#define BTRFS_SEARCH_H

#include <stddef.h>
#include <stdint.h>

#include "berth/driver.h"

struct search_item {
	uint64_t objectid;
	uint64_t offset;
	uint32_t type;
	size_t len;
	const void *data; /* not aligned, little endian */
};

struct search_range {
	uint64_t tree; /* 0: the subvolume that the descriptor is in */
	uint64_t objectid[2];
	uint32_t type[2]; /* of the first and the last object; between them all types come */
	uint64_t offset[2];
	uint64_t newer; /* only items of blocks written after this transaction; 0: all */
};

/** Answer of a search_fn: no more. */
enum { SEARCH_END = 1 };

/** 0, SEARCH_END, or a negative code with @err filled, which ends the search. */
typedef int (*search_fn)(void *arg, const struct search_item *item, struct berth_error *err);

/** In the order of their keys. 0 also after SEARCH_END. NOT_FOUND: there is no such tree. */
int search_tree(int fd, const struct search_range *range, search_fn fn, void *arg,
		struct berth_error *err);

#endif
