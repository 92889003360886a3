/* SPDX-License-Identifier: Apache-2.0 */
/*
 * context - an overlayfs mount in the making (fsopen), and how lower directories get into it. It
 * must not know of views and layers, only of descriptors.
 */
#ifndef OVERLAY_CONTEXT_H
#define OVERLAY_CONTEXT_H

#include "overlay.h"
#include "base/str.h"

struct context {
	struct berth_storage *st;
	int fs;
	size_t n;  /* lowers so far */
	int *kept; /* LOWER_JOINED: descriptors that must live until the mount is made */
	size_t n_kept;
};

/** UNSUPPORTED without overlayfs. */
int context_open(struct context *c, struct berth_storage *st, struct berth_error *err);
void context_done(struct context *c);

int context_set(struct context *c, const char *key, const char *value, struct berth_error *err);
int context_flag(struct context *c, const char *key, struct berth_error *err);
/** Set `upperdir` or `workdir`, after all lowers. Takes *@fd. */
int context_dir(struct context *c, const char *key, int *fd, struct berth_error *err);
/** One more lower directory, below those before it. Takes *@fd. LIMIT. */
int context_lower(struct context *c, int *fd, struct berth_error *err);
/** Make the filesystem; then context_mount gives a detached mount of it. */
int context_create(struct context *c, struct berth_error *err);
int context_mount(struct context *c, uint64_t attr, int *ret_fd, struct berth_error *err);

#endif
