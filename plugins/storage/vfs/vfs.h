/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vfs - every layer and every writable view is a directory with a copy of everything.
 *
 * Needs nothing of the kernel but files, and takes the room and time that copies take, unless the
 * filesystem shares the blocks of a copy (reflink). A view is `tree`, or the empty directory
 * `read-only` when the layer itself is mounted.
 */
#ifndef VFS_VFS_H
#define VFS_VFS_H

#include <stdatomic.h>

#include "../tree/tree.h"
#include "base/file_copy.h"

struct berth_storage {
	struct tree tree; /* first: see tree_op_... */
	enum file_copy_reflink reflink;
	atomic_bool no_reflink; /* this filesystem said so */
};

/**
 * Copy everything in directory @fromfd into the empty directory @tofd, and its own mode, owner,
 * times and attributes. @linksfd is an empty directory of the same filesystem, for names of
 * hard-linked files meanwhile; whatever is in it afterwards is of no use. @op may be NULL.
 */
int vfs_copy(struct berth_storage *st, int fromfd, int tofd, int linksfd, struct berth_op *op,
	     struct berth_error *err);

int vfs_view_create(struct berth_storage *st, const char *view, const char *layer, uint32_t flags,
		    const struct berth_conf *conf, struct berth_error *err);
int vfs_view_mount(struct berth_storage *st, const char *view, const struct berth_view_opts *opts,
		   int *ret_mount_fd, struct berth_error *err);

int vfs_probe(const struct berth_host *host, const struct berth_conf *conf, int scratch_fd,
	      struct berth_sink *findings, struct berth_error *err);
int vfs_open(const struct berth_host *host, const struct berth_conf *conf, int state_fd,
	     void **ret_instance, struct berth_error *err);
void vfs_close(void *instance);

#endif
