/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overlay - layers are directories that keep whiteouts, views are overlayfs mounts of them.
 *
 * A view is `upper` and `work`, and empty directories as marks of how it was made: `read-only`
 * (then it has neither), `volatile`, `redirect`, `metacopy`, `index`; directories, because to make a
 * file costs more. On disk all owners are the image's own, also when views are mounted for user
 * namespaces.
 */
#ifndef OVERLAY_OVERLAY_H
#define OVERLAY_OVERLAY_H

#include <stdatomic.h>

#include "../tree/tree.h"

enum {
	OVERLAY_LAYERS_MAX = 500, /* of one mount; the kernel's limit */
};

/** How the kernel takes lower directories. */
enum overlay_lower {
	OVERLAY_LOWER_UNKNOWN, /* ask it at the first mount */
	OVERLAY_LOWER_FD,      /* one by one, descriptors: Linux 6.15, as ours are O_PATH */
	OVERLAY_LOWER_EACH,    /* one by one, paths: Linux 6.5 */
	OVERLAY_LOWER_JOINED,  /* all in one string of 255 bytes; only if the config says so */
	OVERLAY_LOWER_GLUED,   /* all in one option, made of several strings: before Linux 6.5 */
};

/** How a view is made, by the options that may be said for each. */
struct overlay_how {
	bool redirect;
	bool metacopy;
	bool index;
	uint64_t size; /* 0: no limit */
};

struct berth_storage {
	struct tree tree;	/* first: see tree_op_... */
	struct overlay_how how; /* of views that do not say */
	_Atomic enum overlay_lower lower;
};

/** What to mount. */
struct overlay_spec {
	const char *layer; /* file name of the topmost layer, "" for none */
	const char *view;  /* file name of a view whose upper is on top of it, or NULL */
	bool writable;	   /* the upper is written to; else it is one more lower */
	bool is_volatile;
	bool redirect;
	bool metacopy; /* needs redirect */
	bool index;
	bool detached_layers; /* take layers from a detached mount, as user namespaces need it */
	int userns_fd;	      /* or -1 */
	uint64_t attr;	      /* MOUNT_ATTR_* */
};

/** Mount it, detached. */
int overlay_mount(struct berth_storage *st, const struct overlay_spec *spec, int *ret_fd,
		  struct berth_error *err);

/** Views as the driver made them. */
struct overlay_view {
	char file[TREE_NAME_MAX];
	char layer[TREE_NAME_MAX]; /* file name, "" for none */
	bool read_only;
	bool is_volatile;
	bool redirect;
	bool metacopy;
	bool index;
};
/** How views are made that @conf says nothing else of; a driver's or a view's. */
void overlay_how(const struct berth_host *host, const struct berth_conf *conf,
		 struct overlay_how *ret);
int overlay_view_limit(struct berth_storage *st, const char *view, uint64_t bytes, uint64_t inodes,
		       struct berth_error *err);
int overlay_view_find(const struct berth_storage *st, const char *view, struct overlay_view *ret,
		      struct berth_error *err);
int overlay_view_create(struct berth_storage *st, const char *view, const char *layer,
			uint32_t flags, const struct berth_conf *conf, struct berth_error *err);
int overlay_view_mount(struct berth_storage *st, const char *view,
		       const struct berth_view_opts *opts, int *ret_mount_fd,
		       struct berth_error *err);

int overlay_changes(struct berth_storage *st, const char *view, berth_change_fn fn, void *arg,
		    struct berth_op *op, struct berth_error *err);

/** The name of a filesystem, by its magic number, that cannot hold an upper layer; or NULL. */
const char *overlay_bad_filesystem(uint64_t magic);
int overlay_probe(const struct berth_host *host, const struct berth_conf *conf, int scratch_fd,
		  struct berth_sink *findings, struct berth_error *err);

/** An instance without the host knowing: for probe. */
int overlay_open(const struct berth_host *host, const struct berth_conf *conf, int state_fd,
		 void **ret_instance, struct berth_error *err);
void overlay_close(void *instance);

#endif
