/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "core/image/work/tar_parts.h"

/* where old GNU headers have their parts of 12 + 12 bytes, and the mark that more follow */
enum {
	FIRST_AT = 386,
	FIRST_N = 4,
	FIRST_MORE = 482,
	REAL_SIZE_AT = 483,
	NEXT_N = 21,
	NEXT_MORE = 504,
	FIELD = 12,
};

int tar_map_add(struct tar_hole_map *map, uint64_t offset, uint64_t len, struct berth_error *err)
{
	if (map->n == TAR_SPARSE_MAX)
		return berth_fail(err, BERTH_E_LIMIT, "tar: a sparse file has more than %d parts",
				  TAR_SPARSE_MAX);
	if (map->n == map->room) {
		size_t room = map->room ? 2 * map->room : 16;
		void *grown = reallocarray(map->extent, room, sizeof(*map->extent));

		if (!grown)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		map->extent = grown;
		map->room = room;
	}
	map->extent[map->n++] = (struct tar_extent){.offset = offset, .len = len};
	return 0;
}

static int bad_map(struct berth_error *err)
{
	return berth_fail(err, BERTH_E_CORRUPT, "tar: the map of a sparse file makes no sense");
}

int tar_map_check(const struct tar_hole_map *map, uint64_t size, uint64_t stored,
		  struct berth_error *err)
{
	uint64_t end = 0, sum = 0;

	for (size_t i = 0; i < map->n; i++) {
		const struct tar_extent *e = &map->extent[i];

		if (e->offset < end || e->offset > size || e->len > size - e->offset)
			return bad_map(err);
		end = e->offset + e->len;
		sum += e->len;
	}
	return sum == stored ? 0 : bad_map(err);
}

int tar_map_gnu(struct tar_hole_map *map, const uint8_t *block, uint64_t *ret_size, bool *ret_more,
		struct berth_error *err)
{
	bool first = ret_size != NULL;
	int64_t size;
	const uint8_t *at = first ? block + FIRST_AT : block;
	int n = first ? FIRST_N : NEXT_N;

	for (int i = 0; i < n && at[0] != '\0'; i++, at += 2 * FIELD) {
		int64_t offset, len;
		int r;

		if (!tar_number(at, FIELD, &offset) || !tar_number(at + FIELD, FIELD, &len) ||
		    offset < 0 || len < 0)
			return bad_map(err);
		r = tar_map_add(map, (uint64_t)offset, (uint64_t)len, err);
		if (r < 0)
			return r;
	}
	*ret_more = block[first ? FIRST_MORE : NEXT_MORE] != 0;
	if (!first)
		return 0;
	if (!tar_number(block + REAL_SIZE_AT, FIELD, &size) || size < 0)
		return bad_map(err);
	*ret_size = (uint64_t)size;
	return 0;
}

int tar_map_text(struct tar_hole_map *map, const char *text, struct berth_error *err)
{
	uint64_t number[2] = {0};
	int i = 0;

	for (;;) {
		const char *from = text;
		uint64_t value = 0;

		for (; *text >= '0' && *text <= '9'; text++) {
			if (value > INT64_MAX / 10 - 1)
				return bad_map(err);
			value = value * 10 + (uint64_t)(*text - '0');
		}
		if (text == from)
			return bad_map(err);
		number[i] = value;
		if (i == 1) {
			int r = tar_map_add(map, number[0], number[1], err);

			if (r < 0)
				return r;
		}
		i ^= 1;
		if (*text == '\0')
			return i == 0 ? 0 : bad_map(err);
		if (*text++ != ',')
			return bad_map(err);
	}
}
