/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copy: files between a tree and a tar, for cp and export. Trees may be those of running
 * containers: hostile, and changing meanwhile.
 */
#ifndef CORE_IMAGE_COPY_H
#define CORE_IMAGE_COPY_H

#include "core/image/image_work.h"

/** All below directory @topfd as a tar to @fd. */
int image_copy_tree(int topfd, int fd, struct berth_op *op, struct berth_error *err);

/**
 * What @path is inside the tree @rootfd, with all below it, as a tar to @fd; its name in there is
 * @as. Symlinks on the way work and cannot leave; one at the end is copied itself, unless @path
 * ends with a slash or "/.". *ret_bytes (may be NULL): of the tar. NOT_FOUND.
 */
int image_copy_out(int rootfd, const char *path, const char *as, int fd, struct berth_op *op,
		   uint64_t *ret_bytes, struct berth_error *err);

/** The tar from @fd, compressed or not, into the directory @path inside @rootfd. */
int image_copy_in(int rootfd, const char *path, int fd, const struct image_owner *owner,
		  struct berth_op *op, struct berth_error *err);

#endif
