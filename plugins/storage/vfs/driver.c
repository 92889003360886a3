/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/record_write.h"
#include "base/str.h"
#include "vfs.h"

static const struct tree_kind vfs_kind = {
	.format = "vfs 1",
	.content = "tree",
};

static const struct berth_option vfs_options[] = {
	{
		.name = "reflink",
		.type = BERTH_OPT_ENUM,
		.fallback = "auto",
		.choices = "auto|never|always",
		.doc = "Share the blocks of copies: auto, where the filesystem can (btrfs, xfs); "
		       "always, or fail.",
	},
	{.name = NULL},
};

static enum file_copy_reflink reflink_of(const char *word)
{
	if (str_eq(word, "never"))
		return FILE_COPY_REFLINK_NEVER;
	return str_eq(word, "always") ? FILE_COPY_REFLINK_ALWAYS : FILE_COPY_REFLINK_AUTO;
}

int vfs_open(const struct berth_host *host, const struct berth_conf *conf, int state_fd,
	     void **ret_instance, struct berth_error *err)
{
	cleanup_free struct berth_storage *st = calloc(1, sizeof(*st));
	int r;

	if (!st)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	if (conf)
		st->reflink = reflink_of(host->conf_str(conf, "reflink"));
	r = tree_open(&st->tree, &vfs_kind, host, state_fd, err);
	if (r < 0)
		return r;
	*ret_instance = steal_ptr(st);
	return 0;
}

void vfs_close(void *instance)
{
	struct berth_storage *st = instance;

	if (!st)
		return;
	tree_done(&st->tree);
	free(st);
}

static int vfs_status(void *instance, struct berth_sink *json, struct berth_error *err)
{
	struct berth_storage *st = instance;
	cleanup_str struct str text = STR_INIT;
	struct jw w = jw_to(&text, RECORD_COMPACT);
	int r;

	jw_object_begin(&w);
	r = tree_status(&st->tree, &w, err);
	jw_object_end(&w);
	if (r == 0)
		r = str_check(&text, err);
	if (r == 0 && st->tree.host->sink_put(json, text.p, text.len) < 0)
		r = berth_fail(err, BERTH_E_LIMIT, "the status does not fit");
	return r;
}

static int copy_parent(struct berth_storage *st, struct berth_ingest *in, struct berth_op *op,
		       struct berth_error *err)
{
	cleanup_fd int from = -1;
	cleanup_fd int to = -1;
	cleanup_fd int links = -1;
	int r = tree_content_open(&st->tree, st->tree.state, in->parent, &from, err);

	if (r == 0)
		r = tree_ingest_tree(in, &to, err);
	if (r == 0)
		r = state_mkdirs(in->stage.dir, "links", 0700, &links, err);
	if (r == 0)
		r = vfs_copy(st, from, to, links, op, err);
	if (r == 0)
		r = remove_tree(in->stage.dir, "links", err);
	return r;
}

static int vfs_ingest_begin(struct berth_storage *st, const struct berth_layer_desc *desc,
			    struct berth_op *op, struct berth_ingest **ret, struct berth_error *err)
{
	struct berth_ingest *in;
	int r = tree_ingest_begin(&st->tree, st, desc, true, &in, err);

	if (r == 0 && in->parent[0]) {
		r = copy_parent(st, in, op, err);
		if (r == -BERTH_E_FULL) /* others want the room now, not after a reclaim */
			tree_stage_erase(&in->stage);
		if (r < 0)
			tree_ingest_abort(in);
	}
	if (r < 0)
		return r;
	*ret = in;
	return 0;
}

static int vfs_usage(struct berth_storage *st, const char *id, uint32_t each_flag,
		     struct berth_usage *ret, struct berth_error *err)
{
	const struct tree *t = &st->tree;
	struct berth_usage u = {0};
	char file[TREE_NAME_MAX];
	char layer[TREE_NAME_MAX];
	cleanup_fd int dir = -1;
	int r = tree_file(id, file, err);

	if (r == 0 && each_flag & BERTH_EACH_VIEWS) {
		r = tree_below(t, t->views, file, layer, err);
		if (r == 0 && tree_view_part(t->state, file, "tree", &dir, NULL) == 0)
			r = tree_measure(t, dir, NULL, &u.own, &u.inodes, err);
		else if (r == 0 && layer[0]) /* read-only: it is its layer */
			r = tree_layer_size(t, layer, &u.shared, &u.inodes, err);
	} else if (r == 0) {
		r = tree_layer_size(t, file, &u.own, &u.inodes, err);
	}
	if (r < 0)
		return r;
	tree_usage_put(&u, ret);
	return 0;
}

static int vfs_check(struct berth_storage *st, const char *id, uint32_t depth, struct berth_op *op,
		     struct berth_sink *findings, struct berth_error *err)
{
	static const char *const parts[] = {"tree", NULL};
	const struct tree_check c = {
		.t = &st->tree,
		.depth = depth,
		.op = op,
		.findings = findings,
		.view_parts = parts,
	};

	return tree_check(&c, id, err);
}

static const struct berth_storage_ops vfs_ops = {
	.claim = tree_op_claim,
	.ingest_begin = vfs_ingest_begin,
	.ingest_tree = tree_ingest_tree,
	.ingest_commit = tree_ingest_commit,
	.ingest_abort = tree_ingest_abort,
	.usage = vfs_usage,
	.layer_remove = tree_op_layer_remove,
	.view_create = vfs_view_create,
	.view_mount = vfs_view_mount,
	.view_remove = tree_op_view_remove,
	.tree_open = tree_op_tree_open,
	.each = tree_op_each,
	.check = vfs_check,
	.reclaim = tree_op_reclaim,
	.below = tree_op_below,
};

static const struct berth_driver vfs_head = {
	.size = sizeof(struct berth_driver),
	.kind = BERTH_STORAGE,
	.host_min = BERTH_HOST_SIZE_1_0,
	.threads = BERTH_THREADS_FREE,
	.caps = BERTH_ST_INGEST_TREE | BERTH_ST_IDMAP | BERTH_ST_FORM_DIR,
	.needs = BERTH_NEEDS_ROOT,
	.name = "vfs",
	.version = "1.0.0",
	.summary = "a full copy for each layer and container, on any filesystem",
	.options = vfs_options,
	.ops = &vfs_ops,
	.option_size = sizeof(struct berth_option),
	.ops_size = sizeof(struct berth_storage_ops),
	.probe = vfs_probe,
	.open = vfs_open,
	.status = vfs_status,
	.close = vfs_close,
};

BERTH_DRIVER_EXPORT(BERTH_STORAGE, "vfs", "1.0.0", vfs_head);
