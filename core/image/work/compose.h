/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compose: a new image, made here: the layers of another one, new ones on top, a config. What
 * import, commit and build have in common.
 *
 *	r = compose_begin(&c, err);                          (the lock against the sweep)
 *	r = compose_take_tar(&c, read, arg, kind, err);      (a layer that comes as a tar) or
 *	r = compose_layer_begin(&c, &out, err);              (one that is written here)
 *	... tar_writer_new(&out, &w, err), pack_changes, tar_write_end ...
 *	r = compose_layer_end(&c, err);
 *	r = compose_image(&c, &made, &id, err);
 *	compose_end(&c, r);
 *
 * Of what was not finished nothing shows; compose_end sweeps it, or the next one does.
 */
#ifndef CORE_IMAGE_COMPOSE_H
#define CORE_IMAGE_COMPOSE_H

#include "core/image/rows.h"
#include "core/image/work/inflate.h"
#include "core/image/work/stream.h"
#include "core/image/work/tar_write.h"

/** A layer whose blob is in the content store. */
struct compose_layer {
	struct digest diff_id, blob;
	uint64_t blob_bytes, bytes;
	const char *media_type; /* static */
};

struct compose {
	/* given */
	struct store *store;
	struct drivers *drivers;
	struct storage *storage; /* new layers are unpacked there; NULL: when they are used */
	struct berth_op *op;
	const struct image *base; /* its layers are below the new ones; NULL: none */
	/* of compose.c */
	struct compose_layer *layer;
	size_t n;
	int lock;
	struct compose_writer *writer;
};
#define COMPOSE_INIT .lock = -1

/** The image around base and layers. */
struct compose_made {
	struct record *config; /* whole but for rootfs, which is added to it */
	const char *full;      /* reference that it gets, or NULL */
	const char *parent;    /* id of the image that it shows as its parent, or NULL */
	int64_t created_ns;
};

/** What people call the new image, as a full reference: no digest. @verb is for the message. */
int compose_name(const char *name, const char *verb, char **ret_full, struct berth_error *err);
int compose_begin(struct compose *c, struct berth_error *err);
/** The tar of a layer from @read becomes a blob as it is, compressed (@kind) or not. */
int compose_take_tar(struct compose *c, stream_read_fn read, void *arg, enum inflate_kind kind,
		     struct berth_error *err);
/** Where an uncompressed tar is to be written, whole, before compose_layer_end. */
int compose_layer_begin(struct compose *c, struct tar_output *ret, struct berth_error *err);
/** It is complete. @keep false: it is not wanted after all. */
int compose_layer_end(struct compose *c, bool keep, struct berth_error *err);
/** *ret_id: its id; free(). The image and its layers are on the disk when it returns. */
int compose_image(struct compose *c, const struct compose_made *made, char **ret_id,
		  struct berth_error *err);
/** Always, after compose_begin. @result of all that; below 0: what was begun is swept. */
void compose_end(struct compose *c, int result);

#endif
