/* SPDX-License-Identifier: Apache-2.0 */
#include "arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

enum { ARENA_CHUNK = 16384 };

struct arena_chunk {
	struct arena_chunk *next;
	size_t size;
	alignas(max_align_t) char bytes[];
};

void *arena_alloc(struct arena *a, size_t n)
{
	size_t align = alignof(max_align_t);
	void *p;

	if (n > SIZE_MAX / 2 || (a->limit && n > a->limit - a->total)) {
		a->full = true;
		return NULL;
	}
	n = (n + align - 1) / align * align;
	if (n > a->left || !a->chunks) {
		size_t size = n > ARENA_CHUNK ? n : ARENA_CHUNK;
		struct arena_chunk *chunk = malloc(sizeof(*chunk) + size);

		if (!chunk)
			return NULL;
		chunk->next = a->chunks;
		chunk->size = size;
		a->chunks = chunk;
		a->left = size;
	}
	p = a->chunks->bytes + (a->chunks->size - a->left);
	a->left -= n;
	a->total += n;
	if (a->limit && a->total > a->limit)
		a->total = a->limit;
	return memset(p, 0, n);
}

char *arena_copy(struct arena *a, const void *bytes, size_t n)
{
	char *p = arena_alloc(a, n + 1);

	if (p && n > 0)
		memcpy(p, bytes, n);
	return p;
}

void arena_done(struct arena *a)
{
	int kept_errno = errno;

	while (a->chunks) {
		struct arena_chunk *chunk = a->chunks;

		a->chunks = chunk->next;
		free(chunk);
	}
	*a = (struct arena){.limit = a->limit};
	errno = kept_errno;
}
