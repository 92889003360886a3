/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tar_parts: the pieces of which tar.c is made: one header block, pax records, maps of sparse
 * files. Pure functions on bytes.
 */
#ifndef CORE_IMAGE_TAR_PARTS_H
#define CORE_IMAGE_TAR_PARTS_H

#include "base/str.h"
#include "core/image/work/tar.h"

enum {
	TAR_BLOCK_SIZE = 512,
	TAR_SPECIAL_MAX = 1 << 20, /* bytes of a pax header or long name; as Go's */
	TAR_SPARSE_MAX = 1 << 17,  /* parts of one sparse file */
};

/** One header block, taken apart. */
struct tar_header {
	char type; /* as it stands there */
	bool gnu;  /* magic of GNU tar */
	char name[257], link[101];
	int64_t size, mtime;
	uint64_t mode, uid, gid;
	uint64_t major, minor;
};

/** Whether the block is all zero. */
bool tar_block_is_zero(const uint8_t *block);
/** CORRUPT: checksum or a number is wrong. */
int tar_header_parse(const uint8_t *block, struct tar_header *ret, struct berth_error *err);
/** A numeric field: octal, or base 256 with its top bit set. false: neither, or too large. */
bool tar_number(const uint8_t *field, size_t n, int64_t *ret);

/** Where a sparse file has data. */
struct tar_hole_map {
	struct tar_extent {
		uint64_t offset, len;
	} * extent;
	size_t n, room;
};
int tar_map_add(struct tar_hole_map *map, uint64_t offset, uint64_t len, struct berth_error *err);
/** Whether it is in order, within @size, and holds @stored bytes; CORRUPT. */
int tar_map_check(const struct tar_hole_map *map, uint64_t size, uint64_t stored,
		  struct berth_error *err);
/**
 * The map of an old GNU header, which also says the file's size, or (@ret_size NULL) of its
 * continuation. *ret_more: another block follows.
 */
int tar_map_gnu(struct tar_hole_map *map, const uint8_t *block, uint64_t *ret_size, bool *ret_more,
		struct berth_error *err);
/** "o,l,o,l" of pax 0.1 */
int tar_map_text(struct tar_hole_map *map, const char *text, struct berth_error *err);

/** What the pax records of one entry say; strings are inside the text that was parsed. */
struct tar_pax {
	const char *path, *link; /* NULL: not said */
	const char *acl_access, *acl_default;
	bool has_size, has_mtime, has_uid, has_gid;
	int64_t size, uid, gid;
	struct timespec mtime;
	struct tar_xattr *xattr;
	size_t n_xattr, room_xattr;
	/* GNU.sparse.* */
	const char *sparse_name, *sparse_map, *sparse_major, *sparse_minor;
	bool has_sparse_size;
	int64_t sparse_size;
	struct tar_hole_map map; /* of pax 0.0, where each part has records of its own */
	int64_t pending_offset;	 /* one whose length did not come yet, or -1 */
};

/** Parse @n bytes in place: separators in @text become NUL. Then tar_pax_done. CORRUPT. */
int tar_pax_parse(char *text, size_t n, struct tar_pax *ret, struct berth_error *err);
void tar_pax_done(struct tar_pax *pax);

#endif
