/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/record_write.h"
#include "base/str.h"
#include "btrfs.h"
#include "quota.h"
#include "subvol.h"

static const struct berth_option btrfs_options[] = {
	{
		.name = "size",
		.type = BERTH_OPT_SIZE,
		.flags = BERTH_OPT_PER_OBJECT,
		.doc = "What a container may write in addition to its image; needs quotas "
		       "(qgroups).",
	},
	{
		.name = "quota",
		.type = BERTH_OPT_ENUM,
		.fallback = "as-is",
		.choices = "as-is|enable",
		.doc = "enable: turn on the quotas of the filesystem when a size is asked for; "
		       "as-is: "
		       "that is the administrator's.",
	},
	{
		.name = "dir",
		.type = BERTH_OPT_PATH,
		.doc = "A directory on btrfs for layers and containers, where berth's root is on "
		       "another filesystem.",
	},
	{.name = NULL},
};

/* ------------------------------------------------------------------------------ contents, tree.h */

static int make_content(const struct tree *t, int dirfd, const char *below, mode_t mode,
			struct berth_error *err)
{
	cleanup_fd int part = -1;
	cleanup_fd int from = -1;
	int r;

	if (!below)
		return subvol_create(dirfd, t->kind->content, mode, err);
	r = tree_content_open(t, t->state, below, &part, err);
	if (r == 0)
		r = state_open(part, ".", O_RDONLY | O_DIRECTORY, 0, &from, err);
	return r < 0 ? r : subvol_snapshot(from, dirfd, t->kind->content, err);
}

static int seal_content(const struct tree *t, int dirfd, struct berth_error *err)
{
	cleanup_fd int fd = -1;
	int r = state_open(dirfd, t->kind->content, O_RDONLY | O_DIRECTORY, 0, &fd, err);

	return r < 0 ? r : subvol_set_read_only(fd, true, err);
}

static int erase_content(const struct tree *t, int dirfd, const char *file, struct berth_error *err)
{
	struct berth_storage *st = (struct berth_storage *)(void *)(uintptr_t)t;
	cleanup_fd int dir = -1;
	struct berth_error why;
	int r = state_open(dirfd, file, O_RDONLY | O_DIRECTORY, 0, &dir, &why);

	if (r == 0)
		r = subvol_destroy(dir, t->kind->content, &why);
	if (r == -BERTH_E_NOT_FOUND)
		return 0;
	if (r < 0) {
		if (err)
			*err = why;
		return r;
	}
	atomic_store(&st->erased, true);
	return 0;
}

static const struct tree_kind btrfs_kind = {
	.format = "btrfs 1",
	.content = "tree",
	.make = make_content,
	.seal = seal_content,
	.erase = erase_content,
	.measure = btrfs_measure,
};

/* ----------------------------------------------------------------------------------------- calls */

static int btrfs_open(const struct berth_host *host, const struct berth_conf *conf, int state_fd,
		      void **ret_instance, struct berth_error *err)
{
	cleanup_free struct berth_storage *st = calloc(1, sizeof(*st));
	cleanup_fd int fd = -1;
	int r;

	if (!st)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	if (conf) {
		(void)host->conf_u64(conf, "size", &st->size); /* not set: no limit */
		st->enable_quota = str_eq(host->conf_str(conf, "quota"), "enable");
	}
	r = place_open(host, conf, state_fd, &fd, err);
	if (r == 0)
		r = tree_open(&st->tree, &btrfs_kind, host, fd, err);
	if (r < 0)
		return r;
	*ret_instance = steal_ptr(st);
	return 0;
}

static void btrfs_close(void *instance)
{
	struct berth_storage *st = instance;

	if (!st)
		return;
	tree_done(&st->tree);
	free(st);
}

static int btrfs_status(void *instance, struct berth_sink *json, struct berth_error *err)
{
	struct berth_storage *st = instance;
	cleanup_str struct str text = STR_INIT;
	struct jw w = jw_to(&text, RECORD_COMPACT);
	enum quota_mode mode;
	int r = quota_mode(st->tree.state, &mode, err);

	jw_object_begin(&w);
	if (r == 0)
		r = tree_status(&st->tree, &w, err);
	if (r < 0)
		return r;
	jw_key_str(&w, "Quotas", quota_word(mode));
	jw_object_end(&w);
	r = str_check(&text, err);
	if (r == 0 && st->tree.host->sink_put(json, text.p, text.len) < 0)
		r = berth_fail(err, BERTH_E_LIMIT, "the status does not fit");
	return r;
}

static int btrfs_ingest_begin(struct berth_storage *st, const struct berth_layer_desc *desc,
			      struct berth_op *op BERTH_UNUSED, struct berth_ingest **ret,
			      struct berth_error *err)
{
	return tree_ingest_begin(&st->tree, st, desc, true, ret, err);
}

static int btrfs_reclaim(struct berth_storage *st, struct berth_op *op, uint64_t *ret_bytes,
			 struct berth_error *err)
{
	__u64 transaction;
	int r = tree_reclaim(&st->tree, op, ret_bytes, err);

	/* the kernel frees what a removed subvolume had behind the next commit: soon, then */
	if (atomic_exchange(&st->erased, false))
		(void)ioctl(st->tree.state, BTRFS_IOC_START_SYNC, &transaction);
	return r;
}

struct flags_check {
	struct berth_storage *st;
	struct berth_sink *findings;
};

/* A layer that can be written is no layer any more. */
static int check_flags(void *arg, const char *layer)
{
	const struct flags_check *c = arg;
	const struct tree *t = &c->st->tree;
	cleanup_fd int part = -1;
	cleanup_fd int fd = -1;
	char file[TREE_NAME_MAX];
	char text[TREE_NAME_MAX + 64];
	bool read_only;

	if (tree_file(layer, file, NULL) < 0 ||
	    tree_content_open(t, t->state, file, &part, NULL) < 0 ||
	    state_open(part, ".", O_RDONLY | O_DIRECTORY, 0, &fd, NULL) < 0)
		return 0; /* tree_check said so, or it went meanwhile */
	if (subvol_is_read_only(fd, &read_only, NULL) == 0 && read_only)
		return 0;
	(void)snprintf(text, sizeof(text), "layer '%s' is no read-only subvolume", layer);
	(void)t->host->finding(c->findings, BERTH_FINDING_ERROR, "layer.writable", text,
			       "remove the layer and pull its image again");
	return 0;
}

static int btrfs_check(struct berth_storage *st, const char *id, uint32_t depth,
		       struct berth_op *op, struct berth_sink *findings, struct berth_error *err)
{
	static const char *const parts[] = {"tree", NULL};
	const struct tree_check c = {
		.t = &st->tree,
		.depth = depth,
		.op = op,
		.findings = findings,
		.view_parts = parts,
	};
	struct flags_check flags = {st, findings};
	int r = tree_check(&c, id, err);

	if (r < 0)
		return r;
	return id ? check_flags(&flags, id)
		  : tree_each(&st->tree, BERTH_EACH_LAYERS, check_flags, &flags, err);
}

static const struct berth_storage_ops btrfs_ops = {
	.claim = tree_op_claim,
	.ingest_begin = btrfs_ingest_begin,
	.ingest_tree = tree_ingest_tree,
	.ingest_commit = tree_ingest_commit,
	.ingest_abort = tree_ingest_abort,
	.usage = btrfs_usage,
	.layer_remove = tree_op_layer_remove,
	.view_create = btrfs_view_create,
	.view_mount = btrfs_view_mount,
	.view_remove = tree_op_view_remove,
	.view_limit = btrfs_view_limit,
	.changes = btrfs_changes,
	.tree_open = tree_op_tree_open,
	.each = tree_op_each,
	.check = btrfs_check,
	.reclaim = btrfs_reclaim,
	.below = tree_op_below,
};

static const struct berth_driver btrfs_head = {
	.size = sizeof(struct berth_driver),
	.kind = BERTH_STORAGE,
	.host_min = BERTH_HOST_SIZE_1_0,
	.threads = BERTH_THREADS_FREE,
	.caps = BERTH_ST_INGEST_TREE | BERTH_ST_NATIVE_DIFF | BERTH_ST_IDMAP | BERTH_ST_QUOTA |
		BERTH_ST_FORM_DIR,
	.needs = BERTH_NEEDS_ROOT,
	.name = "btrfs",
	.version = "1.0.0",
	.summary = "layers as subvolumes of btrfs, containers as snapshots",
	.options = btrfs_options,
	.ops = &btrfs_ops,
	.option_size = sizeof(struct berth_option),
	.ops_size = sizeof(struct berth_storage_ops),
	.probe = btrfs_probe,
	.open = btrfs_open,
	.status = btrfs_status,
	.close = btrfs_close,
};

BERTH_DRIVER_EXPORT(BERTH_STORAGE, "btrfs", "1.0.0", btrfs_head);
