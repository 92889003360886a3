/* SPDX-License-Identifier: Apache-2.0 */
/* The calls which are the same for all drivers whose state is a tree; see tree.h. */
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/path.h"
#include "base/str.h"

#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif
#ifndef F2FS_SUPER_MAGIC
#define F2FS_SUPER_MAGIC 0xF2F52010
#endif

static const struct tree *tree_of(const struct berth_storage *st)
{
	return (const struct tree *)(const void *)st;
}

int tree_op_claim(struct berth_storage *st, const struct berth_layer_desc *desc,
		  struct berth_op *op BERTH_UNUSED, bool *ret_have, struct berth_error *err)
{
	char file[TREE_NAME_MAX];
	int r = tree_file(desc->layer, file, err);

	if (r == 0)
		r = tree_layer_there(tree_of(st), file, err);
	if (r < 0)
		return r;
	*ret_have = r > 0;
	return 0;
}

int tree_op_layer_remove(struct berth_storage *st, const char *layer, struct berth_error *err)
{
	return tree_layer_remove(tree_of(st), layer, err);
}

int tree_op_view_remove(struct berth_storage *st, const char *view, struct berth_error *err)
{
	const struct tree *t = tree_of(st);
	char file[TREE_NAME_MAX];
	int r = tree_file(view, file, err);

	return r < 0 ? r : tree_trash(t, t->views, file, err);
}

int tree_op_tree_open(struct berth_storage *st, const char *layer, int *ret_dirfd,
		      struct berth_error *err)
{
	const struct tree *t = tree_of(st);
	char file[TREE_NAME_MAX];
	int r = tree_file(layer, file, err);

	return r < 0 ? r : tree_content_open(t, t->state, file, ret_dirfd, err);
}

int tree_op_each(struct berth_storage *st, uint32_t flags, berth_id_fn fn, void *arg,
		 struct berth_error *err)
{
	return tree_each(tree_of(st), flags, fn, arg, err);
}

int tree_op_reclaim(struct berth_storage *st, struct berth_op *op, uint64_t *ret_bytes,
		    struct berth_error *err)
{
	return tree_reclaim(tree_of(st), op, ret_bytes, err);
}

int tree_op_below(struct berth_storage *st, const char *id, uint32_t each_flag,
		  struct berth_sink *sink, struct berth_error *err)
{
	return tree_say_below(tree_of(st), id, each_flag, sink, err);
}

void tree_usage_put(const struct berth_usage *usage, struct berth_usage *ret)
{
	size_t head = offsetof(struct berth_usage, own);
	size_t size = ret->size < sizeof(*ret) ? ret->size : sizeof(*ret);

	if (size > head)
		memcpy((char *)ret + head, (const char *)usage + head, size - head);
}

/* Names that `docker info` shows; a number for the rest. Nothing is decided by them. */
static const char *filesystem_name(uint64_t magic)
{
	switch (magic) {
	case EXT4_SUPER_MAGIC:
		return "extfs";
	case XFS_SUPER_MAGIC:
		return "xfs";
	case BTRFS_SUPER_MAGIC:
		return "btrfs";
	case TMPFS_MAGIC:
		return "tmpfs";
	case F2FS_SUPER_MAGIC:
		return "f2fs";
	case OVERLAYFS_SUPER_MAGIC:
		return "overlayfs";
	case NFS_SUPER_MAGIC:
		return "nfs";
	default:
		return NULL;
	}
}

static int count(const struct tree *t, const char *dir, uint64_t *ret, struct berth_error *err)
{
	cleanup_names struct tree_names names = {0};
	int r = tree_list(t->state, dir, &names, err);

	if (r < 0)
		return r;
	*ret = 0;
	for (const char *at = NULL; (at = tree_names_next(&names, at));)
		++*ret;
	return 0;
}

int tree_status(const struct tree *t, struct jw *w, struct berth_error *err)
{
	struct statfs fs;
	uint64_t layers;
	uint64_t views;
	uint64_t trash;
	char number[STR_SIZE_MAX];
	const char *name;
	int r = count(t, "layers", &layers, err);

	if (r == 0)
		r = count(t, "views", &views, err);
	if (r == 0)
		r = count(t, "trash", &trash, err);
	if (r < 0)
		return r;
	if (fstatfs(t->state, &fs) < 0)
		return berth_fail_errno(err, errno, "statfs of the state directory");
	name = filesystem_name((uint64_t)fs.f_type);
	(void)snprintf(number, sizeof(number), "0x%llx", (unsigned long long)fs.f_type);
	jw_key_str(w, "Backing Filesystem", name ? name : number);
	jw_key_uint(w, "Layers", layers);
	jw_key_uint(w, "Views", views);
	jw_key_uint(w, "Trash", trash);
	return 0;
}
