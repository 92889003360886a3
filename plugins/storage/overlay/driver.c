/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/record_write.h"
#include "base/str.h"
#include "overlay.h"
#include "quota.h"

static int forget_limits(const struct tree *t BERTH_UNUSED, int dirfd, const char *file,
			 struct berth_error *err BERTH_UNUSED)
{
	cleanup_fd int dir = -1;

	if (faccessat(dirfd, file, F_OK, AT_SYMLINK_NOFOLLOW) == 0 &&
	    state_open(dirfd, file, O_RDONLY | O_DIRECTORY, 0, &dir, NULL) == 0)
		quota_forget(dir);
	return 0;
}

static const struct tree_kind overlay_kind = {
	.format = "overlay 1",
	.content = "diff",
	.erase = forget_limits,
};

static const struct berth_option overlay_options[] = {
	{
		.name = "redirect_dir",
		.type = BERTH_OPT_ENUM,
		.flags = BERTH_OPT_PER_OBJECT,
		.fallback = "off",
		.choices = "off|on",
		.doc = "on: a directory of the image can be renamed; off: that fails with EXDEV, "
		       "as "
		       "with docker, and programs copy.",
	},
	{
		.name = "metacopy",
		.type = BERTH_OPT_ENUM,
		.flags = BERTH_OPT_PER_OBJECT,
		.fallback = "off",
		.choices = "off|on",
		.doc = "on: a change of owner or mode does not copy a file's data; turns on "
		       "redirect_dir as well.",
	},
	{
		.name = "index",
		.type = BERTH_OPT_ENUM,
		.flags = BERTH_OPT_PER_OBJECT,
		.fallback = "off",
		.choices = "off|on",
		.doc = "on: hard links of the image stay together when one of them is written to; "
		       "off: as with docker, the written one is on its own.",
	},
	{
		.name = "size",
		.type = BERTH_OPT_SIZE,
		.flags = BERTH_OPT_PER_OBJECT,
		.doc = "What a container may write; needs project quotas (xfs or ext4, mounted "
		       "with prjquota).",
	},
	{
		.name = "lower",
		.type = BERTH_OPT_ENUM,
		.fallback = "auto",
		.choices = "auto|fd|each|joined",
		.doc = "How layers are given to the kernel; auto asks it (fd: Linux 6.15, each: "
		       "6.5, "
		       "joined: before, few layers).",
	},
	{.name = NULL},
};

static enum overlay_lower lower_of(const char *word)
{
	if (str_eq(word, "fd"))
		return OVERLAY_LOWER_FD;
	if (str_eq(word, "each"))
		return OVERLAY_LOWER_EACH;
	if (str_eq(word, "joined"))
		return OVERLAY_LOWER_JOINED;
	return OVERLAY_LOWER_UNKNOWN;
}

int overlay_open(const struct berth_host *host, const struct berth_conf *conf, int state_fd,
		 void **ret_instance, struct berth_error *err)
{
	cleanup_free struct berth_storage *st = calloc(1, sizeof(*st));
	int r;

	if (!st)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	if (conf) {
		overlay_how(host, conf, &st->how);
		st->lower = lower_of(host->conf_str(conf, "lower"));
	}
	r = tree_open(&st->tree, &overlay_kind, host, state_fd, err);
	if (r < 0)
		return r;
	*ret_instance = steal_ptr(st);
	return 0;
}

void overlay_close(void *instance)
{
	struct berth_storage *st = instance;

	if (!st)
		return;
	tree_done(&st->tree);
	free(st);
}

static int overlay_status(void *instance, struct berth_sink *json, struct berth_error *err)
{
	struct berth_storage *st = instance;
	cleanup_str struct str text = STR_INIT;
	struct jw w = jw_to(&text, RECORD_COMPACT);
	bool quota;
	int r;

	jw_object_begin(&w);
	r = tree_status(&st->tree, &w, err);
	if (r == 0)
		r = quota_works(st->tree.state, &quota, err);
	if (r < 0)
		return r;
	jw_key_str(&w, "Supports d_type", "true"); /* else its probe refuses it */
	jw_key_str(&w, "Using metacopy", st->how.metacopy ? "true" : "false");
	jw_key_str(&w, "Project Quotas", quota ? "true" : "false");
	jw_key_str(&w, "Native Overlay Diff", "true");
	jw_key_str(&w, "userxattr", "false");
	jw_object_end(&w);
	r = str_check(&text, err);
	if (r == 0 && st->tree.host->sink_put(json, text.p, text.len) < 0)
		r = berth_fail(err, BERTH_E_LIMIT, "the status does not fit");
	return r;
}

static int overlay_ingest_begin(struct berth_storage *st, const struct berth_layer_desc *desc,
				struct berth_op *op BERTH_UNUSED, struct berth_ingest **ret,
				struct berth_error *err)
{
	return tree_ingest_begin(&st->tree, st, desc, false, ret, err);
}

static int layer_usage(struct berth_storage *st, const char *file, struct berth_usage *u,
		       struct berth_error *err)
{
	const struct tree *t = &st->tree;
	char below[TREE_NAME_MAX];
	uint64_t inodes;
	int r = tree_layer_size(t, file, &u->own, &u->inodes, err);

	if (r == 0)
		r = tree_below(t, t->layers, file, below, err);
	while (r == 0 && below[0]) {
		uint64_t bytes;

		r = tree_layer_size(t, below, &bytes, &inodes, err);
		if (r == 0) {
			u->shared += bytes;
			r = tree_below(t, t->layers, below, below, err);
		}
	}
	return r;
}

static int view_usage(struct berth_storage *st, const char *id, struct berth_usage *u,
		      struct berth_error *err)
{
	const struct tree *t = &st->tree;
	struct overlay_view v;
	cleanup_fd int upper = -1;
	int r = overlay_view_find(st, id, &v, err);

	if (r == 0 && v.layer[0]) {
		struct berth_usage layer = {0};

		r = layer_usage(st, v.layer, &layer, err);
		u->shared = layer.own + layer.shared;
	}
	if (r < 0 || v.read_only)
		return r;
	r = tree_view_part(t->state, v.file, "upper", &upper, err);
	return r < 0 ? r : tree_measure(t, upper, NULL, &u->own, &u->inodes, err);
}

static int overlay_usage(struct berth_storage *st, const char *id, uint32_t each_flag,
			 struct berth_usage *ret, struct berth_error *err)
{
	struct berth_usage u = {0};
	char file[TREE_NAME_MAX];
	int r = tree_file(id, file, err);

	if (r == 0)
		r = each_flag & BERTH_EACH_VIEWS ? view_usage(st, id, &u, err)
						 : layer_usage(st, file, &u, err);
	if (r < 0)
		return r;
	tree_usage_put(&u, ret);
	return 0;
}

static int overlay_check(struct berth_storage *st, const char *id, uint32_t depth,
			 struct berth_op *op, struct berth_sink *findings, struct berth_error *err)
{
	static const char *const parts[] = {"upper", "work", NULL};
	const struct tree_check c = {
		.t = &st->tree,
		.depth = depth,
		.op = op,
		.findings = findings,
		.view_parts = parts,
	};

	return tree_check(&c, id, err);
}

static const struct berth_storage_ops overlay_ops = {
	.claim = tree_op_claim,
	.ingest_begin = overlay_ingest_begin,
	.ingest_tree = tree_ingest_tree,
	.ingest_commit = tree_ingest_commit,
	.ingest_abort = tree_ingest_abort,
	.usage = overlay_usage,
	.layer_remove = tree_op_layer_remove,
	.view_create = overlay_view_create,
	.view_mount = overlay_view_mount,
	.view_remove = tree_op_view_remove,
	.view_limit = overlay_view_limit,
	.changes = overlay_changes,
	.tree_open = tree_op_tree_open,
	.each = tree_op_each,
	.check = overlay_check,
	.reclaim = tree_op_reclaim,
	.below = tree_op_below,
};

static const struct berth_driver overlay_head = {
	.size = sizeof(struct berth_driver),
	.kind = BERTH_STORAGE,
	.host_min = BERTH_HOST_SIZE_1_0,
	.threads = BERTH_THREADS_FREE,
	.caps = BERTH_ST_INGEST_TREE | BERTH_ST_PARENT_LATE | BERTH_ST_WHITEOUT_KEEP |
		BERTH_ST_NATIVE_DIFF | BERTH_ST_IDMAP | BERTH_ST_QUOTA | BERTH_ST_FORM_DIR,
	.needs = BERTH_NEEDS_ROOT,
	.name = "overlay",
	.version = "1.0.0",
	.summary = "layers as directories, stacked by overlayfs",
	.options = overlay_options,
	.ops = &overlay_ops,
	.option_size = sizeof(struct berth_option),
	.ops_size = sizeof(struct berth_storage_ops),
	.probe = overlay_probe,
	.open = overlay_open,
	.status = overlay_status,
	.close = overlay_close,
};

BERTH_DRIVER_EXPORT(BERTH_STORAGE, "overlay", "1.0.0", overlay_head);
