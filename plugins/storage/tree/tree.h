/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree - the state of a storage driver whose layers and views are directories.
 *
 * Knows names, the chain of parents, who stands on what, how something becomes visible or vanishes
 * in one step, and what a dead process left. It must not know what is inside of a layer or a view,
 * nor how one is mounted: that is the driver's.
 *
 *	format          "overlay 1"; written last when a state directory is made
 *	lock            taken shared to stand something on a layer, exclusively to remove a layer
 *	layers/L/       one layer: `self` (a file with its name), `parent`, and the content
 *	views/V/        one view: `layer`, and the content
 *	empty/          what a view on nothing stands on: `self` and an empty content
 *	staging/        half-made things, each with the lock of its maker beside it
 *	trash/          what was removed and still takes room
 *
 * L and V are names with '=' for ':'. A layer's `parent` and a view's `layer` are hard links to
 * `self` of the layer below. So they say its name, and the number of links of `self`, less one, is
 * the number of things that stand on a layer: nothing to count, nothing that a crash could leave
 * wrong, and no scan of a thousand layers to know that one may go.
 */
#ifndef STORAGE_TREE_H
#define STORAGE_TREE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/record_write.h"
#include "berth/storage.h"

enum {
	TREE_NAME_MAX = 129,	/* of a layer or view, with its NUL */
	TREE_STAGED_MAX = 160,	/* of an entry of staging/ or trash/, with its NUL */
	TREE_CHAIN_MAX = 10000, /* layers on top of each other; more is a circle */
};

struct tree;

/**
 * What makes one driver's state differ from another's. The calls may be NULL: then a content is a
 * plain directory.
 */
struct tree_kind {
	const char *format;  /* "overlay 1" */
	const char *content; /* directory of a layer's files: "diff" */
	/**
	 * Make the content of a layer, in the staged directory @dirfd: a writable copy of the one
	 * of layer @below, or empty, and then its mode is @mode, if @below is NULL.
	 */
	int (*make)(const struct tree *t, int dirfd, const char *below, mode_t mode,
		    struct berth_error *err);
	/** The content below @dirfd is complete, and is going to be written to the disk. */
	int (*seal)(const struct tree *t, int dirfd, struct berth_error *err);
	/**
	 * Remove of the layer or view @file in @dirfd, which nobody sees any more, what unlinking
	 * removes slowly or not at all. What it leaves is walked and unlinked.
	 */
	int (*erase)(const struct tree *t, int dirfd, const char *file, struct berth_error *err);
	/** Bytes and inodes of layer @file alone, whose content is @fd. NULL: of all that it has. */
	int (*measure)(const struct tree *t, const char *file, int fd, uint64_t *ret_bytes,
		       uint64_t *ret_inodes, struct berth_error *err);
};

/** An open state directory. Immutable after tree_open, so it needs no lock between threads. */
struct tree {
	const struct tree_kind *kind;
	const struct berth_host *host;
	int state;
	int layers;
	int views;
	int staging;
	int trash;
};

/* ------------------------------------------------------------------------------ state (state.c) */

/** Open, or make. @state_fd is duplicated. CORRUPT: something else is in there; nothing changed. */
int tree_open(struct tree *t, const struct tree_kind *kind, const struct berth_host *host,
	      int state_fd, struct berth_error *err);
/** Closes what tree_open opened; also a half-opened or zeroed (all -1) one. */
void tree_done(struct tree *t);

/** Shared: to stand something on a layer. Exclusive: to remove one. Close *@ret_fd to end it. */
int tree_lock(const struct tree *t, bool shared, int *ret_fd, struct berth_error *err);

/** The file name of layer or view @name. INVALID if the grammar of names does not allow it. */
int tree_file(const char *name, char out[static TREE_NAME_MAX], struct berth_error *err);
/** The other way; false if no name makes such a file. */
bool tree_name(const char *file, char out[static TREE_NAME_MAX]);

/** CANCELLED if the user gave up. @op may be NULL. */
int tree_cancelled(const struct tree *t, struct berth_op *op, struct berth_error *err);

/** The same as a walk asks it: walk_how.go_on and .going. */
struct tree_going {
	const struct tree *t;
	struct berth_op *op;
};
int tree_go_on(void *going, struct berth_error *err);

/** Entries of a directory without "." and "..": a copy of the names, NUL after each. */
struct tree_names {
	char *p;
	size_t n; /* bytes */
};
int tree_list(int dirfd, const char *name, struct tree_names *ret, struct berth_error *err);
void tree_names_done(struct tree_names *names);
#define cleanup_names cleanup_with(tree_names_done)
/** The next one after @at (NULL: the first), NULL behind the last. */
const char *tree_names_next(const struct tree_names *names, const char *at);

/* ----------------------------------------------------------------------------- layers (layer.c) */

/**
 * The content of layer @file (NULL: the empty one), O_PATH, below @statefd, which is the state
 * directory or a clone of it with owners mapped. NOT_FOUND.
 */
int tree_content_open(const struct tree *t, int statefd, const char *file, int *ret_fd,
		      struct berth_error *err);
/** 1 or 0, or why that cannot be known: what cannot be looked at is not absent. */
int tree_there(int dirfd, const char *path, struct berth_error *err);
/** The same of layer @file. */
int tree_layer_there(const struct tree *t, const char *file, struct berth_error *err);
/**
 * What layer (@dirfd is t->layers) or view (t->views) @file stands on, as a file name, "" if on
 * nothing. NOT_FOUND if there is no such layer or view, CORRUPT if the link is damaged.
 */
int tree_below(const struct tree *t, int dirfd, const char *file, char out[static TREE_NAME_MAX],
	       struct berth_error *err);
/**
 * Make @link (a path ending in "/layer" or "parent") below @dirfd, which says that its directory
 * stands on layer @below (NULL: on nothing). Needs the shared lock.
 */
int tree_stand(const struct tree *t, int dirfd, const char *link, const char *below,
	       struct berth_error *err);
/**
 * Make the top of a content like the one of layer @below, as far as a container sees it through
 * the top of a stack: mode and owner. @below may be NULL: root's, 0755.
 */
int tree_inherit(const struct tree *t, const char *below, int dirfd, const char *content,
		 struct berth_error *err);
/** Directory @part of view @file, O_PATH. NOT_FOUND. */
int tree_view_part(int statefd, const char *file, const char *part, int *ret_fd,
		   struct berth_error *err);
int tree_layer_remove(const struct tree *t, const char *layer, struct berth_error *err);
int tree_each(const struct tree *t, uint32_t flags, berth_id_fn fn, void *arg,
	      struct berth_error *err);
int tree_say_below(const struct tree *t, const char *id, uint32_t each_flag,
		   struct berth_sink *sink, struct berth_error *err);

/* ---------------------------------------------------------------------------- staging (stage.c) */

/** Something that is being made, invisible, and dead as soon as its maker is. */
struct tree_stage {
	const struct tree *t;
	int lock;
	int dir;
	char name[TREE_STAGED_MAX];
};

/**
 * Begin to make layer or view @file (@view says which). BUSY if another process, or thread, is at
 * it, unless @wait.
 */
int tree_stage_begin(const struct tree *t, const char *file, bool view, bool wait,
		     struct tree_stage *ret, struct berth_error *err);
/** Make it visible as @file in @dirfd. EXISTS. The stage goes on until tree_stage_end. */
int tree_stage_publish(struct tree_stage *s, int dirfd, const char *file, struct berth_error *err);
/** Free the room that what was made takes, before tree_stage_end; as far as that works. */
void tree_stage_erase(struct tree_stage *s);
/** Drop what was not published; give back the rest. Also of a zeroed one with t == NULL. */
void tree_stage_end(struct tree_stage *s);

/**
 * Begin to make view @file quickly: in directory @name of staging, whose maker is taken to be alive
 * as long as the shared lock *@ret_lock is held. EXISTS if there is one.
 */
int tree_quick_begin(const struct tree *t, const char *file, int *ret_lock,
		     char name[static TREE_STAGED_MAX], struct berth_error *err);
/** Make it visible if @r, how it went so far, is 0; else remove it. Returns @r, or EXISTS. */
int tree_quick_end(const struct tree *t, const char *name, const char *file, int r,
		   struct berth_error *err);

/** A layer being made. */
struct berth_ingest {
	struct berth_storage *st;
	struct tree_stage stage;
	bool bound; /* `parent` is linked since the beginning */
	char file[TREE_NAME_MAX];
	char parent[TREE_NAME_MAX];
};

/** berth_storage_ops.ingest_begin but for the driver's part: the content is an empty directory. */
int tree_ingest_begin(const struct tree *t, struct berth_storage *st,
		      const struct berth_layer_desc *desc, bool bind, struct berth_ingest **ret,
		      struct berth_error *err);
int tree_ingest_tree(struct berth_ingest *in, int *ret_dirfd, struct berth_error *err);
int tree_ingest_commit(struct berth_ingest *in, const char *parent, struct berth_op *op,
		       struct berth_error *err);
void tree_ingest_abort(struct berth_ingest *in);

/* ------------------------------------------------------------------------------ trash (trash.c) */

/** Move @file in @dirfd to the trash: gone for everybody, in one step. Absent is success. */
int tree_trash(const struct tree *t, int dirfd, const char *file, struct berth_error *err);
/**
 * Move to the trash what dead makers left in staging, and give up the claims that it, and what was
 * in the trash before, still has on layers. Needs the exclusive lock.
 */
int tree_release(const struct tree *t, struct berth_error *err);
/** berth_storage_ops.reclaim */
int tree_reclaim(const struct tree *t, struct berth_op *op, uint64_t *ret_bytes,
		 struct berth_error *err);
/** Remove @name in @dirfd and all below, cancellable; adds to *@ret_bytes what it held. */
int tree_erase(const struct tree *t, int dirfd, const char *name, struct berth_op *op,
	       uint64_t *ret_bytes, struct berth_error *err);

/* ------------------------------------------------------------------------- calls (ops.c, opts.c)
 */

/*
 * Entries for a driver's table. They take it that the driver's struct berth_storage begins with its
 * struct tree.
 */
int tree_op_claim(struct berth_storage *st, const struct berth_layer_desc *desc,
		  struct berth_op *op, bool *ret_have, struct berth_error *err);
int tree_op_layer_remove(struct berth_storage *st, const char *layer, struct berth_error *err);
int tree_op_view_remove(struct berth_storage *st, const char *view, struct berth_error *err);
int tree_op_tree_open(struct berth_storage *st, const char *layer, int *ret_dirfd,
		      struct berth_error *err);
int tree_op_each(struct berth_storage *st, uint32_t flags, berth_id_fn fn, void *arg,
		 struct berth_error *err);
int tree_op_reclaim(struct berth_storage *st, struct berth_op *op, uint64_t *ret_bytes,
		    struct berth_error *err);
int tree_op_below(struct berth_storage *st, const char *id, uint32_t each_flag,
		  struct berth_sink *sink, struct berth_error *err);

/** The keys of `status` that all have, into the object that @w is in. */
int tree_status(const struct tree *t, struct jw *w, struct berth_error *err);
/** Give @usage to a caller, whatever size its struct has. */
void tree_usage_put(const struct berth_usage *usage, struct berth_usage *ret);

/** What a caller of view_mount asks for, whatever size its struct has (NULL: nothing special). */
struct tree_view_opts {
	uint32_t flags;
	int userns_fd;
	uint64_t attr;
};
/** INVALID, UNSUPPORTED */
int tree_view_opts(const struct berth_view_opts *opts, struct tree_view_opts *ret,
		   struct berth_error *err);

/* --------------------------------------------------------------------- knowing (usage.c, check.c)
 */

/** Disk use of the tree @dirfd: bytes and inodes, each hard-linked file once. */
int tree_measure(const struct tree *t, int dirfd, struct berth_op *op, uint64_t *ret_bytes,
		 uint64_t *ret_inodes, struct berth_error *err);
/** The same for layer @file, measured once and then remembered in its directory. */
int tree_layer_size(const struct tree *t, const char *file, uint64_t *ret_bytes,
		    uint64_t *ret_inodes, struct berth_error *err);

struct tree_check {
	const struct tree *t;
	uint32_t depth;
	struct berth_op *op;
	struct berth_sink *findings;
	const char *const *view_parts; /* directories that each writable view has, NULL ends */
};
/** berth_storage_ops.check; @id NULL for all. */
int tree_check(const struct tree_check *c, const char *id, struct berth_error *err);

#endif
