/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tar_index: where each entry of a tar file begins and how long it is.
 *
 * The archive is hostile. It is scanned once, headers only; afterwards every file in it is a range
 * of the archive that can be read in any order. Understood: ustar, pax (path, linkpath, size), GNU
 * long names and binary sizes. Whatever two readers might understand differently is refused: names
 * twice,
 * "..", absolute names, sparse files, sizes on things without content, a lone zero block.
 *
 * It must not know what the entries mean, and it never writes a file.
 */
#ifndef ARCHIVE_TAR_INDEX_H
#define ARCHIVE_TAR_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "berth/driver.h"

enum {
	TAR_BLOCK = 512,
	TAR_ENTRIES_MAX = 65536,
	TAR_NAME_MAX = 4096,		  /* bytes of one name */
	TAR_NAMES_MAX = 16 * 1024 * 1024, /* bytes of all names together */
	TAR_EXTENDED_MAX = 1024 * 1024,	  /* bytes of one pax header */
	TAR_LINKS_MAX = 8,		  /* links that are followed one after another */
};

enum tar_kind {
	TAR_FILE,
	TAR_DIR,
	TAR_SYMLINK,
	TAR_HARDLINK,
	TAR_OTHER, /* devices, fifos, what we do not know */
};

struct tar_entry {
	char *name;	 /* clean: no "./", no "..", no slash at either end */
	char *link;	 /* as written; of links only, else NULL */
	uint64_t offset; /* of the content in the archive */
	uint64_t bytes;
	uint8_t kind; /* enum tar_kind */
};

struct tar_index {
	struct tar_entry *entry; /* sorted by name */
	size_t n;
	char *label; /* "'x.tar'", for messages */
	bool ended;  /* the archive has its end marker */
};

/**
 * Scan @fd (a regular file; its offset is neither used nor moved). @label is what messages call it.
 * UNSUPPORTED: this is no tar. CORRUPT: damaged or truncated. LIMIT. CANCELLED.
 */
int tar_index_new(int fd, const char *label, const struct berth_host *host, struct berth_op *op,
		  struct tar_index **ret, struct berth_error *err);
void tar_index_free(struct tar_index *index);
DEFINE_CLEANUP(struct tar_index *, tar_index_free);
#define cleanup_tar_index cleanup_with(tar_index_free_at)

/** The entry with exactly this name, or NULL. */
const struct tar_entry *tar_index_find(const struct tar_index *index, const char *name);
/**
 * The regular file that @name is or leads to; links are followed inside the archive only.
 * NOT_FOUND; CORRUPT: links go round or out, it is no file, or the archive was cut before it.
 */
int tar_index_file(const struct tar_index *index, const char *name, const struct tar_entry **ret,
		   struct berth_error *err);

#endif
