/* SPDX-License-Identifier: Apache-2.0 */
#include "core/driver/trace.h"

/* A call of each, around the driver's own: handles are unwrapped, arguments told. */

struct berth_storage {
	struct berth_storage *real;
	struct berth_storage_ops ops;
	struct trace_name name;
};

struct berth_ingest {
	struct berth_ingest *real;
	const struct berth_storage *top;
};

static int claim(struct berth_storage *st, const struct berth_layer_desc *desc, struct berth_op *op,
		 bool *ret_have, struct berth_error *err)
{
	struct trace_call c = trace_begin(&st->name, "claim");
	int r;

	trace_str(&c, "layer", desc->layer);
	trace_str(&c, "parent", desc->parent);
	r = st->ops.claim(st->real, desc, op, ret_have, trace_go(&c));
	return trace_end(&c, r, err);
}

static int ingest_begin(struct berth_storage *st, const struct berth_layer_desc *desc,
			struct berth_op *op, struct berth_ingest **ret, struct berth_error *err)
{
	struct trace_call c = trace_begin(&st->name, "ingest_begin");
	struct berth_ingest *wrapped = calloc(1, sizeof(*wrapped)), *real = NULL;
	int r;

	trace_str(&c, "layer", desc->layer);
	trace_str(&c, "parent", desc->parent);
	r = wrapped ? st->ops.ingest_begin(st->real, desc, op, &real, trace_go(&c))
		    : berth_fail(trace_go(&c), BERTH_E_NO_MEMORY, "out of memory");
	(void)trace_end(&c, r, err);
	if (r < 0 || !real) {
		free(wrapped);
		if (r == 0)
			*ret = NULL;
		return r;
	}
	*wrapped = (struct berth_ingest){real, st};
	*ret = wrapped;
	return 0;
}

static int ingest_tree(struct berth_ingest *in, int *ret_dirfd, struct berth_error *err)
{
	struct trace_call c = trace_begin(&in->top->name, "ingest_tree");
	int r;

	r = in->top->ops.ingest_tree(in->real, ret_dirfd, trace_go(&c));
	return trace_end(&c, r, err);
}

static int ingest_tar(struct berth_ingest *in, int fd, struct berth_op *op, struct berth_error *err)
{
	struct trace_call c = trace_begin(&in->top->name, "ingest_tar");
	int r;

	trace_i64(&c, "fd", fd);
	r = in->top->ops.ingest_tar(in->real, fd, op, trace_go(&c));
	return trace_end(&c, r, err);
}

static int ingest_commit(struct berth_ingest *in, const char *parent, struct berth_op *op,
			 struct berth_error *err)
{
	struct trace_call c = trace_begin(&in->top->name, "ingest_commit");
	int r;

	trace_str(&c, "parent", parent);
	r = in->top->ops.ingest_commit(in->real, parent, op, trace_go(&c));
	free(in);
	return trace_end(&c, r, err);
}

static void ingest_abort(struct berth_ingest *in)
{
	struct berth_ingest *real = in ? in->real : NULL;
	struct trace_call c;

	if (!in)
		return;
	c = trace_begin(&in->top->name, "ingest_abort");
	(void)trace_go(&c);
	in->top->ops.ingest_abort(real);
	trace_end_void(&c);
	free(in);
}

static int usage(struct berth_storage *st, const char *id, uint32_t each_flag,
		 struct berth_usage *ret, struct berth_error *err)
{
	struct trace_call c = trace_begin(&st->name, "usage");
	int r;

	trace_str(&c, "id", id);
	trace_u64(&c, "each_flag", each_flag);
	r = st->ops.usage(st->real, id, each_flag, ret, trace_go(&c));
	return trace_end(&c, r, err);
}

static int layer_remove(struct berth_storage *st, const char *layer, struct berth_error *err)
{
	struct trace_call c = trace_begin(&st->name, "layer_remove");
	int r;

	trace_str(&c, "layer", layer);
	r = st->ops.layer_remove(st->real, layer, trace_go(&c));
	return trace_end(&c, r, err);
}

static int view_create(struct berth_storage *st, const char *view, const char *layer,
		       uint32_t flags, const struct berth_conf *conf, struct berth_error *err)
{
	struct trace_call c = trace_begin(&st->name, "view_create");
	int r;

	trace_str(&c, "view", view);
	trace_str(&c, "layer", layer);
	trace_u64(&c, "flags", flags);
	r = st->ops.view_create(st->real, view, layer, flags, conf, trace_go(&c));
	return trace_end(&c, r, err);
}

static int view_mount(struct berth_storage *st, const char *view,
		      const struct berth_view_opts *opts, int *ret_mount_fd,
		      struct berth_error *err)
{
	struct trace_call c = trace_begin(&st->name, "view_mount");
	int r;

	trace_str(&c, "view", view);
	trace_u64(&c, "flags", opts->flags);
	trace_i64(&c, "userns_fd", opts->userns_fd);
	r = st->ops.view_mount(st->real, view, opts, ret_mount_fd, trace_go(&c));
	return trace_end(&c, r, err);
}

static int view_plan(struct berth_storage *st, const char *view, const struct berth_view_opts *opts,
		     const struct berth_plan **ret, struct berth_error *err)
{
	struct trace_call c = trace_begin(&st->name, "view_plan");
	int r;

	trace_str(&c, "view", view);
	trace_u64(&c, "flags", opts->flags);
	trace_i64(&c, "userns_fd", opts->userns_fd);
	r = st->ops.view_plan(st->real, view, opts, ret, trace_go(&c));
	return trace_end(&c, r, err);
}

static void view_put(struct berth_storage *st, const char *view, const struct berth_plan *plan)
{
	struct trace_call c = trace_begin(&st->name, "view_put");

	trace_str(&c, "view", view);
	(void)trace_go(&c);
	st->ops.view_put(st->real, view, plan);
	trace_end_void(&c);
}

static int view_commit(struct berth_storage *st, const char *view, const char *layer,
		       struct berth_op *op, struct berth_error *err)
{
	struct trace_call c = trace_begin(&st->name, "view_commit");
	int r;

	trace_str(&c, "view", view);
	trace_str(&c, "layer", layer);
	r = st->ops.view_commit(st->real, view, layer, op, trace_go(&c));
	return trace_end(&c, r, err);
}

static int view_remove(struct berth_storage *st, const char *view, struct berth_error *err)
{
	struct trace_call c = trace_begin(&st->name, "view_remove");
	int r;

	trace_str(&c, "view", view);
	r = st->ops.view_remove(st->real, view, trace_go(&c));
	return trace_end(&c, r, err);
}

static int view_limit(struct berth_storage *st, const char *view, uint64_t bytes, uint64_t inodes,
		      struct berth_error *err)
{
	struct trace_call c = trace_begin(&st->name, "view_limit");
	int r;

	trace_str(&c, "view", view);
	trace_u64(&c, "bytes", bytes);
	trace_u64(&c, "inodes", inodes);
	r = st->ops.view_limit(st->real, view, bytes, inodes, trace_go(&c));
	return trace_end(&c, r, err);
}

static int changes(struct berth_storage *st, const char *view, berth_change_fn fn, void *arg,
		   struct berth_op *op, struct berth_error *err)
{
	struct trace_call c = trace_begin(&st->name, "changes");
	int r;

	trace_str(&c, "view", view);
	r = st->ops.changes(st->real, view, fn, arg, op, trace_go(&c));
	return trace_end(&c, r, err);
}

static int tree_open(struct berth_storage *st, const char *layer, int *ret_dirfd,
		     struct berth_error *err)
{
	struct trace_call c = trace_begin(&st->name, "tree_open");
	int r;

	trace_str(&c, "layer", layer);
	r = st->ops.tree_open(st->real, layer, ret_dirfd, trace_go(&c));
	return trace_end(&c, r, err);
}

static int diff_tar(struct berth_storage *st, const char *layer, int out_fd, struct berth_op *op,
		    struct berth_error *err)
{
	struct trace_call c = trace_begin(&st->name, "diff_tar");
	int r;

	trace_str(&c, "layer", layer);
	trace_i64(&c, "out_fd", out_fd);
	r = st->ops.diff_tar(st->real, layer, out_fd, op, trace_go(&c));
	return trace_end(&c, r, err);
}

static int each(struct berth_storage *st, uint32_t flags, berth_id_fn fn, void *arg,
		struct berth_error *err)
{
	struct trace_call c = trace_begin(&st->name, "each");
	int r;

	trace_u64(&c, "flags", flags);
	r = st->ops.each(st->real, flags, fn, arg, trace_go(&c));
	return trace_end(&c, r, err);
}

static int check(struct berth_storage *st, const char *id, uint32_t depth, struct berth_op *op,
		 struct berth_sink *findings, struct berth_error *err)
{
	struct trace_call c = trace_begin(&st->name, "check");
	int r;

	trace_str(&c, "id", id);
	trace_u64(&c, "depth", depth);
	r = st->ops.check(st->real, id, depth, op, findings, trace_go(&c));
	return trace_end(&c, r, err);
}

static int reclaim(struct berth_storage *st, struct berth_op *op, uint64_t *ret_bytes,
		   struct berth_error *err)
{
	struct trace_call c = trace_begin(&st->name, "reclaim");
	int r;

	r = st->ops.reclaim(st->real, op, ret_bytes, trace_go(&c));
	return trace_end(&c, r, err);
}

static int below(struct berth_storage *st, const char *id, uint32_t each_flag,
		 struct berth_sink *sink, struct berth_error *err)
{
	struct trace_call c = trace_begin(&st->name, "below");
	int r;

	trace_str(&c, "id", id);
	trace_u64(&c, "each_flag", each_flag);
	r = st->ops.below(st->real, id, each_flag, sink, trace_go(&c));
	return trace_end(&c, r, err);
}

static const struct berth_storage_ops traced = {
	.claim = claim,
	.ingest_begin = ingest_begin,
	.ingest_tree = ingest_tree,
	.ingest_tar = ingest_tar,
	.ingest_commit = ingest_commit,
	.ingest_abort = ingest_abort,
	.usage = usage,
	.layer_remove = layer_remove,
	.view_create = view_create,
	.view_mount = view_mount,
	.view_plan = view_plan,
	.view_put = view_put,
	.view_commit = view_commit,
	.view_remove = view_remove,
	.view_limit = view_limit,
	.changes = changes,
	.tree_open = tree_open,
	.diff_tar = diff_tar,
	.each = each,
	.check = check,
	.reclaim = reclaim,
	.below = below,
};

struct berth_storage *trace_storage(struct storage *pub, const struct trace_name *name)
{
	struct berth_storage *wrapped = calloc(1, sizeof(*wrapped));

	if (!wrapped)
		return NULL;
	*wrapped = (struct berth_storage){pub->st, pub->ops, *name};
	pub->st = wrapped;
	pub->ops = traced;
	return wrapped;
}
