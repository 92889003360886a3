/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arena: memory that is given back all at once.
 *
 * A specification and the plan made from it are many small things with one life. They are carved
 * from pages of their own, so that a monitor that has started its container is as small as before.
 */
#ifndef NATIVE_ARENA_H
#define NATIVE_ARENA_H

#include <stddef.h>

#include "base/cleanup.h"
#include "berth/driver.h"

struct arena_block;

struct arena {
	struct arena_block *top;
};

/** @n zeroed bytes, aligned for anything; NULL when out of memory. */
void *arena_alloc(struct arena *a, size_t n);
/** The same for @n items of @size bytes. */
void *arena_array(struct arena *a, size_t n, size_t size);
char *arena_copy(struct arena *a, const char *text);
char *arena_copy_n(struct arena *a, const char *bytes, size_t n);
char *arena_fmt(struct arena *a, const char *fmt, ...) BERTH_PRINTF(2, 3);
/** Give everything back; usable again as if new. */
void arena_done(struct arena *a);

#define cleanup_arena cleanup_with(arena_done)

/** -NO_MEMORY with the one text that there is for it. */
static inline int no_memory(struct berth_error *err)
{
	return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
}

#endif
