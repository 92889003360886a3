/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arena: memory that is given back all at once. For trees and values whose parts live equally long.
 */
#ifndef BERTH_ARENA_H
#define BERTH_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"

struct arena {
	struct arena_chunk *chunks;
	size_t left;  /* bytes left in the first chunk */
	size_t total; /* bytes handed out so far */
	size_t limit; /* of total; 0 = none */
	bool full;    /* an allocation was refused because of the limit, not for lack of memory */
};

/** Zeroed, aligned for anything; NULL when out of memory or over the limit. */
void *arena_alloc(struct arena *a, size_t n);
/** A NUL-terminated copy of @n bytes. */
char *arena_copy(struct arena *a, const void *bytes, size_t n);
void arena_done(struct arena *a);
#define cleanup_arena cleanup_with(arena_done)

#endif
