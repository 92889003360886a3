/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pack: makes tar entries of what is in a directory tree: of all of it, of one thing in it, or of
 * what changed against a layer below (OCI image-spec, layer.md: whiteouts). The counterpart of
 * unpack.h.
 *
 * The tree may be hostile and may change meanwhile: everything is done on descriptors, no symlink is
 * followed, no mount entered, what vanishes is passed over. Entries come in the order of their
 * names' bytes, a directory before what is in it, so the same tree is always the same tar. Of files
 * with several names the first is the file and the others are links to it. Sockets are left out, as
 * no tar can hold them.
 */
#ifndef CORE_IMAGE_PACK_H
#define CORE_IMAGE_PACK_H

#include <sys/stat.h>

#include "core/image/image_work.h"
#include "core/image/work/tar_write.h"

struct pack;

/** Asked for each entry before it is written; it may change it, or answer PACK_LEAVE_OUT. */
enum { PACK_LEAVE_OUT = 1 };
typedef int (*pack_entry_fn)(void *arg, struct tar_entry *e, struct berth_error *err);

struct pack_how {
	struct berth_op *op;  /* for cancellation, and progress in bytes; may be NULL */
	pack_entry_fn change; /* NULL: as they are */
	void *arg;
	int64_t latest_s; /* later times become this one; 0: no limit */
};

/** Entries go to @w, which is borrowed. One struct pack is one set of hard links. */
int pack_new(struct tar_writer *w, const struct pack_how *how, struct pack **ret,
	     struct berth_error *err);
void pack_free(struct pack *pack);
DEFINE_CLEANUP(struct pack *, pack_free);
#define cleanup_pack cleanup_with(pack_free_at)

/** All that is below directory @topfd, names without anything in front; not the top itself. */
int pack_below(struct pack *pack, int topfd, struct berth_error *err);
/**
 * What @name (one component; "." for @dirfd itself) in @dirfd is, and all below it if it is a
 * directory, under the name @as. NOT_FOUND.
 */
int pack_one(struct pack *pack, int dirfd, const char *name, const char *as,
	     struct berth_error *err);

/**
 * The tar of a layer: @change (sorted here) of the tree @topfd. Deletions become whiteouts; of a
 * change whose path is gone meanwhile nothing is written.
 */
int pack_changes(struct pack *pack, int topfd, struct image_change *change, size_t n,
		 struct berth_error *err);

#endif
