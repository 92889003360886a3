/* SPDX-License-Identifier: Apache-2.0 */
#include "inodes.h"

#include <stdlib.h>

enum { FIRST_CAP = 256 }; /* a power of two, as every later one */

static struct inode *slot_of(const struct inodes *set, ino_t ino)
{
	size_t at = (size_t)((uint64_t)ino * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (set->cap - 1);

	while (set->slots[at].ino != 0 && set->slots[at].ino != ino)
		at = (at + 1) & (set->cap - 1);
	return &set->slots[at];
}

static int grow(struct inodes *set, struct berth_error *err)
{
	struct inodes bigger = {.cap = set->cap ? 2 * set->cap : FIRST_CAP, .n = set->n};

	bigger.slots = calloc(bigger.cap, sizeof(*bigger.slots));
	if (!bigger.slots)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	for (size_t i = 0; i < set->cap; i++)
		if (set->slots[i].ino)
			*slot_of(&bigger, set->slots[i].ino) = set->slots[i];
	free(set->slots);
	*set = bigger;
	return 0;
}

bool inodes_has(const struct inodes *set, ino_t ino)
{
	return set->n > 0 && slot_of(set, ino)->ino == ino;
}

int inodes_see(struct inodes *set, ino_t ino, uint32_t links, uint32_t *ret_seen,
	       struct berth_error *err)
{
	struct inode *slot;

	if (2 * set->n >= set->cap) {
		int r = grow(set, err);

		if (r < 0)
			return r;
	}
	slot = slot_of(set, ino);
	if (slot->ino == 0) {
		*slot = (struct inode){.ino = ino, .links = links};
		set->n++;
	}
	*ret_seen = ++slot->seen;
	return 0;
}

const struct inode *inodes_next(const struct inodes *set, const struct inode *at)
{
	size_t i = at ? (size_t)(at - set->slots) + 1 : 0;

	while (i < set->cap && set->slots[i].ino == 0)
		i++;
	return i < set->cap ? &set->slots[i] : NULL;
}

void inodes_done(struct inodes *set)
{
	free(set->slots);
	*set = (struct inodes){0};
}
