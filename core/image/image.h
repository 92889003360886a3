/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image: what images there are, what they are called, and their layers in a storage driver.
 *
 * An image is a manifest, a config and layers. Its id is the digest of its config (as docker's);
 * one id may have many names ("docker.io/library/alpine:latest") and many manifests. Blobs belong
 * to core/store; a layer is known by its chain id (OCI image-spec config.md), and may be
 * materialised in zero or more storage drivers: a row each. An image that is materialised nowhere
 * still shows, and is unpacked on first use.
 *
 * This header is the light half: the database only. What reads and writes blobs (unpacking, load,
 * import, later pull, push, save, commit) is in image_work.h, and lives in a part that is loaded on
 * demand, because it links libarchive and libcrypto.
 *
 * Records that come out have the shapes of the Docker Engine API 1.50 (ImageSummary, ImageInspect,
 * ...).
 */
#ifndef CORE_IMAGE_H
#define CORE_IMAGE_H

#include "core/driver/drivers.h"
#include "core/store/store.h"

/* --- names ------------------------------------------------------------------------------------ */

/** A parsed reference. "alpine" -> docker.io, library/alpine, tag latest. */
struct reference {
	char *host;	      /**< "docker.io", "localhost:5000" */
	char *repo;	      /**< "library/alpine" */
	char *tag;	      /**< or NULL, if there is a digest only */
	struct digest digest; /**< or not set */
};

/** The grammar of distribution/reference, with docker's defaults. INVALID with the reason. */
int reference_parse(const char *text, struct reference *ret, struct berth_error *err);
void reference_done(struct reference *ref);
#define cleanup_reference cleanup_with(reference_done)
/** "docker.io/library/alpine:latest" or "…/alpine@sha256:…" (no tag then): key of the database. */
int reference_full(const struct reference *ref, char **ret, struct berth_error *err);
/** As docker shows it: "alpine:latest", "localhost:5000/x:1", "alpine:3@sha256:…". */
int reference_familiar(const struct reference *ref, char **ret, struct berth_error *err);
/** The familiar form of a full one, which is a part of it: borrowed from @full. */
const char *reference_short(const char *full);

/* --- images ------------------------------------------------------------------------------------
 */

struct image {
	char *id;	       /**< "sha256:…" of the config */
	char *name;	       /**< the reference by which it was found, familiar form, or NULL */
	struct record *config; /**< the OCI/docker image config, whole */
	char *top;	       /**< chain id of its top layer; NULL if it has none */
	char **layers;	       /**< chain ids, base first */
	uint64_t size;	       /**< sum of uncompressed layers, bytes */
	int64_t created_ns;
};

/**
 * Find one by reference, id, or unambiguous prefix of an id (also "sha256:…"). One query.
 * NOT_FOUND: the text is docker's ("No such image: x"). INVALID: ambiguous prefix.
 */
int image_find(struct store *store, const char *name, struct image **ret, struct berth_error *err);
void image_free(struct image *image);
DEFINE_CLEANUP(struct image *, image_free);
#define cleanup_image cleanup_with(image_free_at)

/** Give image @source the name @target as well (moves the name if another image had it). */
int image_tag(struct store *store, const char *source, const char *target, struct berth_error *err);

enum image_remove_flags {
	IMAGE_REMOVE_FORCE = 1u << 0,	 /**< all names of an id; images of stopped containers */
	IMAGE_REMOVE_NO_PRUNE = 1u << 1, /**< keep untagged parents */
};

/**
 * Remove a name and, with the last one, the image, its layers and blobs that nobody else uses.
 * *ret: array of {"Untagged": …} / {"Deleted": …}. BUSY: used by a container (text as docker's).
 * Layers are reference-counted by the database; each storage driver that has them is asked to drop
 * them.
 */
int image_remove(struct store *store, struct drivers *drivers, const char *name, uint32_t flags,
		 struct record **ret, struct berth_error *err);

/**
 * Remove images that nobody uses: those without a name, with @all all of them. What was done goes
 * to array @deleted, as image_remove says it; *ret_bytes: how much less layers and blobs take.
 */
int image_prune(struct store *store, struct drivers *drivers, bool all,
		const struct record *filters, struct record *deleted, uint64_t *ret_bytes,
		struct berth_error *err);

/**
 * Drop layers and blobs that no image needs (any more), also those of loads that died. Cheap if
 * there are none. Nothing happens while somebody adds images; what a container stands on stays.
 * @drivers NULL: blobs only. Good to call after containers were removed.
 */
int image_sweep(struct store *store, struct drivers *drivers, struct berth_error *err);

/** Drop from storage driver @driver all layers that @instead has too, and no container stands on. */
int image_drop_copies(struct store *store, struct drivers *drivers, const char *driver,
		      const char *instead, struct berth_error *err);

/** Array of ImageSummary; @filters as the API's (object of arrays: reference, dangling, label,
 * before, since, until). */
int image_list(struct store *store, const struct record *filters, bool all, struct record **ret,
	       struct berth_error *err);

/** ImageInspect of @name. */
int image_inspect(struct store *store, struct drivers *drivers, const char *name,
		  struct record **ret, struct berth_error *err);

/** Array of {Id, Created, CreatedBy, Tags, Size, Comment}. */
int image_history(struct store *store, const char *name, struct record **ret,
		  struct berth_error *err);

/** Is every layer of @image materialised in @driver? One query. */
int image_is_ready(struct store *store, const struct image *image, const char *driver, bool *ret,
		   struct berth_error *err);

/**
 * Finish or undo what dead processes left: half-made layers and images, blobs nobody refers to,
 * layers that a driver has and no row knows (and the other way round). @repair false: only report.
 * Findings go to the array @findings as {id, level, text, fix}. @deep: verify each blob's digest
 * (needs image_work).
 */
int image_check(struct store *store, struct drivers *drivers, bool repair, struct record *findings,
		struct berth_error *err);

#endif
