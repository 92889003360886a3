/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdint.h>
#include <sys/mman.h>

#include "arena.h"

enum { BLOCK_BYTES = 64 * 1024, ALIGN = 16 };

struct arena_block {
	struct arena_block *below;
	size_t size, used;
};

static struct arena_block *new_block(struct arena_block *below, size_t n)
{
	size_t size = BLOCK_BYTES;
	struct arena_block *b;

	if (n > size - sizeof(*b) - ALIGN)
		size = (n + sizeof(*b) + 2 * ALIGN + 4095) & ~(size_t)4095;
	b = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (b == MAP_FAILED)
		return NULL;
	b->below = below;
	b->size = size;
	b->used = (sizeof(*b) + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	return b;
}

void *arena_alloc(struct arena *a, size_t n)
{
	void *p;

	if (n > SIZE_MAX / 2)
		return NULL;
	n = (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	if (!a->top || a->top->size - a->top->used < n) {
		struct arena_block *b = new_block(a->top, n);

		if (!b)
			return NULL;
		a->top = b;
	}
	p = (char *)a->top + a->top->used;
	a->top->used += n;
	return p;
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
	if (size && n > SIZE_MAX / 2 / size)
		return NULL;
	return arena_alloc(a, n * size);
}

char *arena_copy_n(struct arena *a, const char *bytes, size_t n)
{
	char *p = arena_alloc(a, n + 1);

	if (p && n)
		memcpy(p, bytes, n);
	return p;
}

char *arena_copy(struct arena *a, const char *text)
{
	return arena_copy_n(a, text, strlen(text));
}

char *arena_fmt(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return NULL;
	p = arena_alloc(a, (size_t)n + 1);
	if (!p)
		return NULL;
	va_start(ap, fmt);
	(void)vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return p;
}

void arena_done(struct arena *a)
{
	struct arena_block *b = a->top;

	while (b) {
		struct arena_block *below = b->below;

		(void)munmap(b, b->size);
		b = below;
	}
	a->top = NULL;
}
