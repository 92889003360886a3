/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_work: the heavy half of core/image, in a shared object of its own (`berth-image.part` in the
 * driver directory's parent), loaded when bytes of images are read or written.
 *
 * image_work_load() (light side) opens it and gives the table; each program's copy of the core and
 * the module's own copy share nothing but what is passed here.
 */
#ifndef CORE_IMAGE_WORK_H
#define CORE_IMAGE_WORK_H

#include "core/image/image.h"

/** A line for people about what goes on, e.g. "Loaded image: alpine:3". */
typedef void (*image_note_fn)(void *arg, const char *line);

/** Who is to own what is unpacked. */
struct image_owner {
	uid_t uid;
	gid_t gid;
};

/** A change of a tree: enum berth_change; its path from the top, without a slash in front. */
struct image_change {
	char kind;
	char *path;
};

/** What `commit` makes an image of. */
struct image_commit {
	const struct image *base;     /* of the container */
	struct storage *storage;      /* that the container is in */
	int root;		      /* the container's tree */
	struct image_change *change;  /* of it against the base; is sorted */
	size_t n;
	const struct record *config;  /* the container's: Env, Cmd, Labels, ... */
	char *const *lines;	      /* Dockerfile lines that change it; may be NULL */
	const char *author, *comment; /* or NULL */
	const char *name;	      /* that it gets, or NULL */
};

struct image_work {
	uint32_t size;
	/**
	 * Make all layers of @image be there in @storage: from kept blobs, several at once where
	 * the driver can. Safe against others who do the same. CORRUPT: a blob is damaged (named).
	 */
	int (*materialise)(struct store *store, struct drivers *drivers, const struct image *image,
			   struct storage *storage, struct berth_op *op, struct berth_error *err);
	/**
	 * `load`: read an archive from @fd (file or pipe; gzip, bzip2, xz, zstd or plain tar around
	 * it), ask the config's archive drivers which of them can read it, and take all images in
	 * it (or those that match @platform, "os/arch[/variant]", NULL = this machine's). Nothing
	 * is visible of an image before all of it is verified and on the disk. *ret: array of
	 * {"Id", "Names": [...]}.
	 */
	int (*load)(struct store *store, struct drivers *drivers, int fd, const char *label,
		    const char *platform, image_note_fn note, void *arg, struct berth_op *op,
		    struct record **ret, struct berth_error *err);
	/**
	 * `import`: a tar of a root filesystem from @fd becomes an image of one layer. @changes:
	 * Dockerfile lines (CMD ENTRYPOINT ENV EXPOSE LABEL USER VOLUME WORKDIR STOPSIGNAL ONBUILD
	 * HEALTHCHECK). @name may be NULL.
	 */
	int (*import)(struct store *store, struct drivers *drivers, int fd, const char *label,
		      const char *name, const char *message, const char *platform,
		      char *const *changes, struct berth_op *op, char **ret_id,
		      struct berth_error *err);
	/** `commit`: what changed in a container becomes a layer on its image. Without changes the
	 * new image has the layers of the base. */
	int (*commit)(struct store *store, struct drivers *drivers, const struct image_commit *what,
		      struct berth_op *op, char **ret_id, struct berth_error *err);
	/**
	 * `save`: the images of @names (names, names of repositories: all their tags, ids) into an
	 * archive at @fd, a file or pipe or directory, by registry driver @driver. @label is for
	 * messages. NOT_FOUND: there is no such image, or its layers are not kept.
	 */
	int (*save)(struct store *store, struct drivers *drivers, char *const *names,
		    const char *driver, int fd, const char *label, struct berth_op *op,
		    struct berth_error *err);
	/** Trees and tars (work/copy.h): all below a directory; what a path is; into a directory. */
	int (*copy_tree)(int topfd, int fd, struct berth_op *op, struct berth_error *err);
	int (*copy_out)(int rootfd, const char *path, const char *as, int fd, struct berth_op *op,
			uint64_t *ret_bytes, struct berth_error *err);
	int (*copy_in)(int rootfd, const char *path, int fd, const struct image_owner *owner,
		       struct berth_op *op, struct berth_error *err);
	/** Digest of the tar that @change (is sorted) of tree @topfd would be. */
	int (*digest)(int topfd, struct image_change *change, size_t n, struct berth_op *op,
		      struct digest *ret, struct berth_error *err);
	/** Verify blobs against their digests; findings as in image_check. */
	int (*verify)(struct store *store, struct record *findings, struct berth_op *op,
		      struct berth_error *err);
};

#define IMAGE_WORK_SYMBOL "berth_image_work_1"

int image_work_load(const struct config *config, const struct image_work **ret,
		    struct berth_error *err);

#endif
