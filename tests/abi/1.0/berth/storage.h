/* SPDX-License-Identifier: Apache-2.0 */
/*
 * berth/storage.h - the calls of a storage driver.
 *
 * Content belongs to the engine: it keeps every image's blobs and manifests by digest. A storage
 * driver holds two things made from them:
 *
 *   layers  written once, then read-only, named by chain id; a cache that can be made again;
 *   views   what a container sees: a stack of layers, writable (a container's own changes: the only
 *           unique data that a driver has) or read-only.
 *
 * Life of a layer:
 *
 *   claim ----yes----------------------------------------------------> there
 *     | no
 *   ingest_begin -> ingest_tree (the engine unpacks into a directory)  \
 *                   ingest_tar  (the driver eats an uncompressed tar)   > ingest_commit -> there
 *                                                                      /  ingest_abort  -> nothing
 *
 * Life of a view:  view_create -> (view_mount)* -> [view_commit] -> view_remove
 *
 * Image layers follow the OCI image specification 1.1 (layer.md): "whiteouts" are the entries
 * `.wh.NAME` and `.wh..wh..opq` of a layer's tar. With BERTH_ST_WHITEOUT_KEEP the engine hands them
 * to the driver in the form of overlayfs (a character device 0/0; the xattr
 * trusted.overlay.opaque=y or, with BERTH_ST_USERXATTR, user.overlay.opaque=y; Linux
 * Documentation/filesystems/overlayfs.rst); without it, the driver's ingest directory starts as a
 * copy of the parent, and the engine deletes what a whiteout names.
 *
 * Mounts are handed out detached (open_tree(2), fsmount(2)): the driver never attaches one, so that
 * none is visible on the host, and none is left behind whoever dies.
 *
 * All calls may run in several processes on one state directory at the same time.
 */
#ifndef BERTH_STORAGE_H
#define BERTH_STORAGE_H

#include "driver.h"

#ifdef __cplusplus
extern "C" {
#endif

struct berth_storage; /* the instance; completed by the driver */
struct berth_ingest;  /* a layer being made; completed by the driver */

/** berth_driver.caps of a storage driver. */
#define BERTH_ST_INGEST_TREE (UINT64_C(1) << 0) /**< ingest_tree works */
#define BERTH_ST_INGEST_TAR  (UINT64_C(1) << 1) /**< ingest_tar works */
#define BERTH_ST_CLAIM	     (UINT64_C(1) << 2) /**< claim may answer yes for a layer not ingested */
/** parent may be NULL at ingest_begin and is bound at commit: layers unpack in parallel. */
#define BERTH_ST_PARENT_LATE   (UINT64_C(1) << 3)
#define BERTH_ST_WHITEOUT_KEEP (UINT64_C(1) << 4) /**< stores whiteouts in overlayfs' form */
#define BERTH_ST_NATIVE_DIFF   (UINT64_C(1) << 5) /**< changes is better than walking two trees */
#define BERTH_ST_IDMAP	       (UINT64_C(1) << 6) /**< view_mount honours userns_fd without copying */
#define BERTH_ST_CHOWN_CLONE   (UINT64_C(1) << 7)  /**< honours userns_fd by a copy per mapping */
#define BERTH_ST_QUOTA	       (UINT64_C(1) << 8)  /**< view_limit works */
#define BERTH_ST_VERIFY	       (UINT64_C(1) << 9)  /**< reads are verified (fs-verity, dm-verity) */
#define BERTH_ST_SHARE_RO      (UINT64_C(1) << 10) /**< state may be on a read-only filesystem */
#define BERTH_ST_FORM_DIR      (UINT64_C(1) << 11) /**< view_mount: a directory tree */
#define BERTH_ST_FORM_BLOCK    (UINT64_C(1) << 12) /**< view_plan: a block device */
#define BERTH_ST_FORM_IMAGE    (UINT64_C(1) << 13) /**< view_plan: image files */
#define BERTH_ST_USERXATTR     (UINT64_C(1) << 14) /**< whiteout xattrs are user.overlay.* */
#define BERTH_ST_TAR_EXACT                                                                         \
	(UINT64_C(1) << 15)		      /**< diff_tar returns the very bytes ingest_tar ate */
#define BERTH_ST_ONE_FILE (UINT64_C(1) << 16) /**< a layer is one file: removal is O(1) */
/**
 * All files belong to the engine's user: what a layer says of owners, and devices and xattrs that
 * this user cannot make, is left out when it is unpacked. For engines without privileges.
 */
#define BERTH_ST_ONE_OWNER (UINT64_C(1) << 17)

/** What the engine knows about a layer. Growable. Strings may be NULL where not known. */
struct berth_layer_desc {
	uint32_t size;
	uint32_t flags;		 /**< 0 */
	const char *layer;	 /**< name of the layer: "sha256:<64 hex>", the chain id */
	const char *parent;	 /**< name of its parent, or NULL: base layer, or bound at commit */
	const char *diff_id;	 /**< digest of the uncompressed tar */
	const char *blob_digest; /**< digest of the blob as the registry has it */
	const char *media_type;	 /**< of the blob */
	const char *reference;	 /**< image reference that is being pulled, for lazy drivers */
	uint64_t blob_size;	 /**< 0 = unknown */
	struct berth_str annotations; /**< JSON object of the descriptor */
	struct berth_str referrers;   /**< JSON array of descriptors, or empty */
};

/** Disk use in bytes and inodes. Growable. UINT64_MAX = unknown. */
struct berth_usage {
	uint32_t size;
	uint32_t flags;
	uint64_t own;	 /**< freed if just this were removed */
	uint64_t shared; /**< held together with others (layers below) */
	uint64_t inodes;
};

enum berth_step_kind {
	BERTH_STEP_BIND = 1,	 /**< bind `source` (or source_fd) */
	BERTH_STEP_FS = 2,	 /**< mount fstype from `source` with `options` */
	BERTH_STEP_OVERLAY = 3,	 /**< overlay of the steps `lower`, `upper`, `work` */
	BERTH_STEP_DETACHED = 4, /**< source_fd is a detached mount */
	BERTH_STEP_BLOCK = 5,	 /**< `source` is a block device for a virtual machine */
	BERTH_STEP_IMAGE = 6,	 /**< `source` is an image file for a virtual machine */
};
enum berth_step_flags {
	BERTH_STEP_IDMAP = 1u << 0,    /**< apply the view's user namespace here */
	BERTH_STEP_VOLATILE = 1u << 1, /**< no sync on unmount */
	BERTH_STEP_READ_ONLY = 1u << 2,
};

/** One step of a mount plan. Growable: arrays of it carry a stride. */
struct berth_mount_step {
	uint32_t size;
	uint32_t kind;		    /**< enum berth_step_kind */
	const char *fstype;	    /**< for FS */
	const char *source;	    /**< path on the host, or NULL if source_fd is used */
	int32_t source_fd;	    /**< or -1 */
	int32_t onto;		    /**< index of an earlier step, -1 = the root of the view */
	const char *target;	    /**< path below `onto`, "" = the top */
	uint64_t attr;		    /**< MOUNT_ATTR_* */
	const char *const *options; /**< "key" or "key=value", NULL ends; may be NULL */
	const uint32_t *lower;	    /**< indexes of earlier steps, top first */
	uint32_t n_lower;
	int32_t upper; /**< index of an earlier step, -1 = read-only overlay */
	int32_t work;
	uint32_t flags; /**< enum berth_step_flags */
};

/** A view as data. Growable. Belongs to the driver until view_put. */
struct berth_plan {
	uint32_t size;
	uint32_t n;	 /**< number of steps */
	uint32_t stride; /**< distance of two steps in bytes */
	uint32_t reserved;
	uint64_t form; /**< the BERTH_ST_FORM_… bit that it has */
	const struct berth_mount_step *step;
};

enum berth_view_flags {
	BERTH_VIEW_READ_ONLY = 1u << 0, /**< never written: a driver may mount the layer itself */
	BERTH_VIEW_VOLATILE = 1u << 1,	/**< contents need not survive a crash of the machine */
};

/** How to mount a view. Growable. */
struct berth_view_opts {
	uint32_t size;
	uint32_t flags;	   /**< enum berth_view_flags */
	int32_t userns_fd; /**< map ownership for this user namespace; -1 = none */
	uint32_t reserved;
	uint64_t want_form;	       /**< one BERTH_ST_FORM_… bit (view_plan) */
	uint64_t attr;		       /**< MOUNT_ATTR_* for the whole */
	const struct berth_conf *conf; /**< PER_OBJECT options of this view */
};

/** Kinds of changes, as `docker diff` prints them. */
enum berth_change {
	BERTH_CHANGE_MODIFIED = 'C',
	BERTH_CHANGE_ADDED = 'A',
	BERTH_CHANGE_DELETED = 'D',
};

/**
 * One change: @path is relative to the root of the view without a leading slash; parents come
 * before children. A non-zero return ends the walk and is returned by it.
 */
typedef int (*berth_change_fn)(void *arg, uint32_t change, const char *path);

/** Depth of a check. */
enum berth_check_depth {
	BERTH_CHECK_QUICK = 0, /**< structure only: milliseconds */
	BERTH_CHECK_FULL = 1,  /**< every file's metadata, link counts, parents */
};

/** Flags of berth_storage_ops.each. */
enum berth_each_flags {
	BERTH_EACH_LAYERS = 1u << 0,
	BERTH_EACH_VIEWS = 1u << 1,
};

/**
 * The table. @id is a layer or a view; layers and views have separate name spaces.
 * "Required" calls must be there, or the file is refused. For the others the host answers
 * UNSUPPORTED or has a way of its own, which is said.
 */
struct berth_storage_ops {
	/**
	 * Optional (default: is it there?). Is layer @desc->layer there, or can it be served
	 * without ingesting (a lazy or shared store)? Called before a download is scheduled.
	 */
	int (*claim)(struct berth_storage *st, const struct berth_layer_desc *desc,
		     struct berth_op *op, bool *ret_have, struct berth_error *err);
	/**
	 * Required. Begin to make a layer. EXISTS if it is there already, BUSY if another process
	 * is making it now (try again later). Parent: NOT_FOUND if named and absent. What was begun
	 * is invisible to every other call until commit (but a driver may answer BUSY to the
	 * removal of its parent), and dies with its process: reclaim, or the next ingest_begin of
	 * that layer, removes it.
	 */
	int (*ingest_begin)(struct berth_storage *st, const struct berth_layer_desc *desc,
			    struct berth_op *op, struct berth_ingest **ret,
			    struct berth_error *err);
	/**
	 * Required with BERTH_ST_INGEST_TREE. The directory to fill, as an O_DIRECTORY fd that the
	 * caller closes. Empty with WHITEOUT_KEEP; else a writable copy of the parent. Its own mode
	 * and owner are those of the root directory, if the caller sets them; left alone they
	 * become the parent's (0755 of root without one).
	 */
	int (*ingest_tree)(struct berth_ingest *in, int *ret_dirfd, struct berth_error *err);
	/**
	 * Required with BERTH_ST_INGEST_TAR. Read an uncompressed tar from @fd to its end. Hostile:
	 * names are checked by the driver as the engine's unpacker does (docs/formats/layers.md).
	 */
	int (*ingest_tar)(struct berth_ingest *in, int fd, struct berth_op *op,
			  struct berth_error *err);
	/**
	 * Required. Make the layer visible, atomically, on top of @parent (NULL = base layer; must
	 * be the one of ingest_begin unless PARENT_LATE). Returns 0 only when a power cut one
	 * instruction later leaves it present and whole. Ends @in in every case. EXISTS: another
	 * one was first; ours is dropped. NOT_FOUND: no such parent.
	 */
	int (*ingest_commit)(struct berth_ingest *in, const char *parent, struct berth_op *op,
			     struct berth_error *err);
	/** Required. Drop it. NULL is fine. */
	void (*ingest_abort)(struct berth_ingest *in);
	/** Optional (default: the engine walks). Disk use of a layer or, with a view's name, of a
	 * view. */
	int (*usage)(struct berth_storage *st, const char *id, uint32_t each_flag,
		     struct berth_usage *ret, struct berth_error *err);
	/**
	 * Required. Remove a layer. Absent: 0. BUSY if a layer or view is on top of it, and nothing
	 * changed then. Answers at once: the data may go to a trash of the driver, which reclaim
	 * empties.
	 */
	int (*layer_remove)(struct berth_storage *st, const char *layer, struct berth_error *err);

	/**
	 * Required. Make view @view on @layer (NULL = on nothing). EXISTS if there is one of that
	 * name, NOT_FOUND if there is no such layer. @flags: enum berth_view_flags. @conf: its
	 * PER_OBJECT options, kept by the driver. Cheap: nothing proportional to the size of the
	 * layer unless the driver has no other way (its documentation says so).
	 */
	int (*view_create)(struct berth_storage *st, const char *view, const char *layer,
			   uint32_t flags, const struct berth_conf *conf, struct berth_error *err);
	/**
	 * Required with BERTH_ST_FORM_DIR. *ret_mount_fd: a detached mount whose root is the view,
	 * for move_mount(2). The caller closes it; closing an unattached one leaves nothing. May be
	 * called again while mounted elsewhere, but to write through two mounts of one view is
	 * undefined: a driver that can tell answers BUSY, overlayfs cannot. So the second one asks
	 * for BERTH_VIEW_READ_ONLY, or goes through the first. UNSUPPORTED if @opts asks for what
	 * caps do not promise, or this kernel or filesystem cannot.
	 */
	int (*view_mount)(struct berth_storage *st, const char *view,
			  const struct berth_view_opts *opts, int *ret_mount_fd,
			  struct berth_error *err);
	/** Optional. The same as data, owned by the driver until view_put with the same pointer. */
	int (*view_plan)(struct berth_storage *st, const char *view,
			 const struct berth_view_opts *opts, const struct berth_plan **ret,
			 struct berth_error *err);
	/** Required with view_plan. */
	void (*view_put)(struct berth_storage *st, const char *view, const struct berth_plan *plan);
	/**
	 * Optional. Turn what the view changed into layer @layer, a child of the view's layer; the
	 * view stays. Durable like ingest_commit. Default: the engine makes the tar and ingests it.
	 */
	int (*view_commit)(struct berth_storage *st, const char *view, const char *layer,
			   struct berth_op *op, struct berth_error *err);
	/** Required. Remove a view and its changes. Absent: 0. BUSY while mounted, where it can
	 * tell. */
	int (*view_remove)(struct berth_storage *st, const char *view, struct berth_error *err);
	/** Required with BERTH_ST_QUOTA. Limit what the view may hold; 0 = no limit. */
	int (*view_limit)(struct berth_storage *st, const char *view, uint64_t bytes,
			  uint64_t inodes, struct berth_error *err);

	/**
	 * Optional (default: the engine walks both trees). What view @view has changed against its
	 * layer. Required with BERTH_ST_NATIVE_DIFF.
	 */
	int (*changes)(struct berth_storage *st, const char *view, berth_change_fn fn, void *arg,
		       struct berth_op *op, struct berth_error *err);
	/**
	 * Optional. The tree of layer @layer alone (whiteouts in overlayfs' form) as an O_PATH
	 * directory, if WHITEOUT_KEEP; the whole tree up to it otherwise.
	 */
	int (*tree_open)(struct berth_storage *st, const char *layer, int *ret_dirfd,
			 struct berth_error *err);
	/** Required with BERTH_ST_TAR_EXACT. Write the tar of layer @layer to @out_fd. */
	int (*diff_tar)(struct berth_storage *st, const char *layer, int out_fd,
			struct berth_op *op, struct berth_error *err);

	/**
	 * Required. All that the driver holds: names of layers, of views, or both (first layers),
	 * as
	 * @flags (enum berth_each_flags) says. Nothing half-made, nothing in the trash.
	 */
	int (*each)(struct berth_storage *st, uint32_t flags, berth_id_fn fn, void *arg,
		    struct berth_error *err);
	/**
	 * Optional. Look for damage: @id a layer's name or NULL for all; @depth enum
	 * berth_check_depth. Changes nothing.
	 */
	int (*check)(struct berth_storage *st, const char *id, uint32_t depth, struct berth_op *op,
		     struct berth_sink *findings, struct berth_error *err);
	/**
	 * Optional. Free what nobody can reach any more: trash, half-made layers of dead processes.
	 * *ret_bytes: what was freed, if known, else 0. May be slow; cancellable at any point.
	 */
	int (*reclaim)(struct berth_storage *st, struct berth_op *op, uint64_t *ret_bytes,
		       struct berth_error *err);
	/**
	 * Optional. The name of the layer that view @view stands on, "" if none, to @sink;
	 * NOT_FOUND if there is no such view. With BERTH_EACH_LAYERS as @each_flag: the parent of a
	 * layer.
	 */
	int (*below)(struct berth_storage *st, const char *id, uint32_t each_flag,
		     struct berth_sink *sink, struct berth_error *err);
};

#ifdef __cplusplus
}
#endif

#endif /* BERTH_STORAGE_H */
