/* SPDX-License-Identifier: Apache-2.0 */
#include "core/driver/separate_call.h"

/* Handles of callers are proxies; a call is its arguments in the order of its signature. */
static struct proxy *of(const void *handle)
{
	return (struct proxy *)(uintptr_t)handle;
}

static int claim(struct berth_storage *st, const struct berth_layer_desc *desc, struct berth_op *op,
		 bool *ret_have, struct berth_error *err)
{
	union wire_arg a[] = {{.p = desc}, {.op = op}, {.u = 0}};
	int r = proxy_call(of(st), ST_CLAIM, a, err);

	if (r == 0)
		*ret_have = a[2].u != 0;
	return r;
}

static int ingest_begin(struct berth_storage *st, const struct berth_layer_desc *desc,
			struct berth_op *op, struct berth_ingest **ret, struct berth_error *err)
{
	union wire_arg a[] = {{.p = desc}, {.op = op}, {.u = 0}};
	struct proxy *made;
	int r = proxy_make(of(st), ST_INGEST_BEGIN, a, 2, &made, err);

	if (r == 0)
		*ret = (struct berth_ingest *)made;
	return r;
}

static int ingest_tree(struct berth_ingest *in, int *ret_dirfd, struct berth_error *err)
{
	union wire_arg a[] = {{.fd = -1}};
	int r = proxy_call(of(in), ST_INGEST_TREE, a, err);

	if (r == 0)
		*ret_dirfd = a[0].fd;
	return r;
}

static int ingest_tar(struct berth_ingest *in, int fd, struct berth_op *op, struct berth_error *err)
{
	union wire_arg a[] = {{.fd = fd}, {.op = op}};

	return proxy_call(of(in), ST_INGEST_TAR, a, err);
}

static int ingest_commit(struct berth_ingest *in, const char *parent, struct berth_op *op,
			 struct berth_error *err)
{
	union wire_arg a[] = {{.s = parent}, {.op = op}};
	int r = proxy_call(of(in), ST_INGEST_COMMIT, a, err);

	proxy_free(of(in));
	return r;
}

static void ingest_abort(struct berth_ingest *in)
{
	proxy_drop(of(in), ST_INGEST_ABORT);
}

static int usage(struct berth_storage *st, const char *id, uint32_t each_flag,
		 struct berth_usage *ret, struct berth_error *err)
{
	union wire_arg a[] = {{.s = id}, {.u = each_flag}, {.ret = ret}};

	return proxy_call(of(st), ST_USAGE, a, err);
}

static int layer_remove(struct berth_storage *st, const char *layer, struct berth_error *err)
{
	union wire_arg a[] = {{.s = layer}};

	return proxy_call(of(st), ST_LAYER_REMOVE, a, err);
}

static int view_create(struct berth_storage *st, const char *view, const char *layer,
		       uint32_t flags, const struct berth_conf *conf, struct berth_error *err)
{
	union wire_arg a[] = {{.s = view}, {.s = layer}, {.u = flags}, {.conf = conf}};

	return proxy_call(of(st), ST_VIEW_CREATE, a, err);
}

static int view_mount(struct berth_storage *st, const char *view,
		      const struct berth_view_opts *opts, int *ret_mount_fd,
		      struct berth_error *err)
{
	union wire_arg a[] = {{.s = view}, {.p = opts}, {.fd = -1}};
	int r = proxy_call(of(st), ST_VIEW_MOUNT, a, err);

	if (r == 0)
		*ret_mount_fd = a[2].fd;
	return r;
}

/* What the plan points to is kept with it, until view_put. */
static int view_plan(struct berth_storage *st, const char *view, const struct berth_view_opts *opts,
		     const struct berth_plan **ret, struct berth_error *err)
{
	struct proxy *p = of(st), *made = proxy_new(p);
	union wire_arg a[] = {{.s = view}, {.p = opts}, {.p = NULL}, {.u = 0}};
	int r;

	if (!made)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = proxy_call_held(p, ST_VIEW_PLAN, a, &made->held, err);
	if (r != 0) {
		proxy_free(made);
		return r;
	}
	made->plan = (struct berth_plan *)(uintptr_t)a[2].p;
	made->remote = a[3].u;
	(void)pthread_mutex_lock(&p->lock);
	made->life = p->life;
	made->next = p->next;
	p->next = made;
	(void)pthread_mutex_unlock(&p->lock);
	*ret = made->plan;
	return 0;
}

static void view_put(struct berth_storage *st, const char *view, const struct berth_plan *plan)
{
	struct proxy *p = of(st), *found = NULL;

	(void)pthread_mutex_lock(&p->lock);
	for (struct proxy **at = &p->next; *at && !found; at = found ? at : &(*at)->next) {
		if ((*at)->plan != plan)
			continue;
		found = *at;
		*at = found->next;
	}
	(void)pthread_mutex_unlock(&p->lock);
	if (!found)
		return;
	if (found->life == p->life) {
		union wire_arg a[] = {{.s = view}, {.u = found->remote}};

		(void)proxy_call(p, ST_VIEW_PUT, a, NULL); /* cannot fail, but for a death */
	}
	wire_close_struct(&wire_plan, found->plan);
	proxy_free(found);
}

static int view_commit(struct berth_storage *st, const char *view, const char *layer,
		       struct berth_op *op, struct berth_error *err)
{
	union wire_arg a[] = {{.s = view}, {.s = layer}, {.op = op}};

	return proxy_call(of(st), ST_VIEW_COMMIT, a, err);
}

static int view_remove(struct berth_storage *st, const char *view, struct berth_error *err)
{
	union wire_arg a[] = {{.s = view}};

	return proxy_call(of(st), ST_VIEW_REMOVE, a, err);
}

static int view_limit(struct berth_storage *st, const char *view, uint64_t bytes, uint64_t inodes,
		      struct berth_error *err)
{
	union wire_arg a[] = {{.s = view}, {.u = bytes}, {.u = inodes}};

	return proxy_call(of(st), ST_VIEW_LIMIT, a, err);
}

static int changes(struct berth_storage *st, const char *view, berth_change_fn fn, void *arg,
		   struct berth_op *op, struct berth_error *err)
{
	union wire_arg a[] = {{.s = view}, {.fn = {.change = fn, .arg = arg}}, {.op = op}};

	return proxy_call(of(st), ST_CHANGES, a, err);
}

static int tree_open(struct berth_storage *st, const char *layer, int *ret_dirfd,
		     struct berth_error *err)
{
	union wire_arg a[] = {{.s = layer}, {.fd = -1}};
	int r = proxy_call(of(st), ST_TREE_OPEN, a, err);

	if (r == 0)
		*ret_dirfd = a[1].fd;
	return r;
}

static int diff_tar(struct berth_storage *st, const char *layer, int out_fd, struct berth_op *op,
		    struct berth_error *err)
{
	union wire_arg a[] = {{.s = layer}, {.fd = out_fd}, {.op = op}};

	return proxy_call(of(st), ST_DIFF_TAR, a, err);
}

static int each(struct berth_storage *st, uint32_t flags, berth_id_fn fn, void *arg,
		struct berth_error *err)
{
	union wire_arg a[] = {{.u = flags}, {.fn = {.id = fn, .arg = arg}}};

	return proxy_call(of(st), ST_EACH, a, err);
}

static int check(struct berth_storage *st, const char *id, uint32_t depth, struct berth_op *op,
		 struct berth_sink *findings, struct berth_error *err)
{
	union wire_arg a[] = {{.s = id}, {.u = depth}, {.op = op}, {.sink = findings}};

	return proxy_call(of(st), ST_CHECK, a, err);
}

static int reclaim(struct berth_storage *st, struct berth_op *op, uint64_t *ret_bytes,
		   struct berth_error *err)
{
	union wire_arg a[] = {{.op = op}, {.u = 0}};
	int r = proxy_call(of(st), ST_RECLAIM, a, err);

	if (r == 0)
		*ret_bytes = a[1].u;
	return r;
}

static int below(struct berth_storage *st, const char *id, uint32_t each_flag,
		 struct berth_sink *sink, struct berth_error *err)
{
	union wire_arg a[] = {{.s = id}, {.u = each_flag}, {.sink = sink}};

	return proxy_call(of(st), ST_BELOW, a, err);
}

const struct berth_storage_ops separate_storage = {
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
