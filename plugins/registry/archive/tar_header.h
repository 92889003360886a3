/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tar_header: one block of a tar, parsed; and the names in it. No I/O.
 *
 * Functions answer NULL, or what is wrong in words that fit behind "… is damaged: ".
 */
#ifndef ARCHIVE_TAR_HEADER_H
#define ARCHIVE_TAR_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tar_index.h"

struct tar_header {
	char name[257]; /* prefix and name */
	char link[101];
	char type;
	uint64_t bytes;
};

/** What pax and GNU headers say about the entry that follows. */
struct tar_extended {
	char *path;
	char *link;
	uint64_t bytes;
	bool has_bytes;
	bool sparse;
	bool seen[3]; /* x, L, K: one header of each type per entry */
};

bool tar_is_zero(const char block[static TAR_BLOCK]);
/** Checks the checksum; the strings are not looked at. */
const char *tar_header_parse(const char block[static TAR_BLOCK], struct tar_header *ret);
enum tar_kind tar_header_kind(char type, const char *name);
/** x, g, L, K */
bool tar_header_is_extended(char type);

/** Take over what the body of an extended header says; it is NUL-terminated behind its @n bytes. */
const char *tar_extended_take(struct tar_extended *ext, char type, const char *body, size_t n);
bool tar_extended_is_set(const struct tar_extended *ext);
void tar_extended_done(struct tar_extended *ext);

/** No control characters, at most TAR_NAME_MAX bytes: may stand in a message. */
bool tar_is_printable(const char *name);
/** The name without ".", doubled and final slashes; "" for the top. Refuses ".." and absolute ones.
 */
const char *tar_clean_name(const char *raw, char **ret);
/** Where a link leads: @link from the directory of @from. Refuses what leaves the archive. */
const char *tar_clean_link(const char *from, const char *link, char **ret);

#endif
