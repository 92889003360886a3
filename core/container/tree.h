/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree: a container's files, whether it runs or not, for what looks at them from outside (diff,
 * commit, export, cp).
 */
#ifndef CORE_CONTAINER_TREE_H
#define CORE_CONTAINER_TREE_H

#include "core/container/row.h"

/** What is mounted over the tree of a container that does not run, as a start would do it. */
struct tree_mount {
	char *at;   /* clean absolute path in the container */
	char *host; /* directory or file on the host */
	bool read_only;
};

struct container_tree {
	int lock;  /* of one that does not run and is written to: nobody starts it meanwhile */
	int root;  /* directory; of a running container with all that is mounted in it */
	bool live; /* of a running one */
	struct tree_mount *mount; /* only if it does not run */
	size_t n_mount;
};

/**
 * The tree of container @ref; @write: to be changed. Of a container that does not run it is its view, mounted
 * nowhere.
 */
int container_tree_open(struct container_host *h, const char *ref, bool write,
			struct container_tree *ret, struct berth_error *err);
/**
 * Where @path (absolute or from the root) is looked for: a tree, and the path inside of it; in a
 * container that does not run, another tree than its own where a volume would be mounted. The
 * descriptor is the caller's. DENIED: to be written, and mounted read-only.
 */
int container_tree_find(const struct container_tree *tree, const char *path, bool write,
			int *ret_root, char **ret_path, struct berth_error *err);
void container_tree_close(struct container_tree *tree);
#define cleanup_container_tree cleanup_with(container_tree_close)

/** Its view alone, read-only: what the container itself holds, without volumes. Close it. */
int container_view_open(struct container_host *h, const struct container_row *row, int *ret_fd,
			struct berth_error *err);

/** The tree of its image in the container's driver, to @layer (its top), read-only. */
int container_base_open(struct container_host *h, const struct container_row *row,
			const char *layer, int *ret_fd, struct berth_error *err);

/**
 * What view @view has changed against layer @layer (NULL: nothing), by the driver or by comparing
 * both trees. A non-zero answer of @fn ends it and is returned.
 */
int tree_changes(struct storage *storage, const char *view, const char *layer, berth_change_fn fn,
		 void *arg, struct berth_op *op, struct berth_error *err);

#endif
