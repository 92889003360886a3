/* SPDX-License-Identifier: Apache-2.0 */
#include "seat.h"

static int make_layer(struct call *c, const struct berth_storage_ops *ops, struct berth_error *err)
{
	struct berth_storage *st = c->object;
	struct berth_ingest *in = NULL;
	union wire_arg *a = c->a;
	bool have = false;
	int r;

	if (c->number == ST_CLAIM) {
		r = ops->claim(st, a[0].p, a[1].op, &have, err);
		a[2].u = have;
	} else {
		r = ops->ingest_begin(st, a[0].p, a[1].op, &in, err);
		a[2].u = (uintptr_t)in;
	}
	return r;
}

static int plan(struct call *c, const struct berth_storage_ops *ops, struct berth_error *err)
{
	const struct berth_plan *made = NULL;
	int r = ops->view_plan(c->object, c->a[0].s, c->a[1].p, &made, err);

	c->a[2].p = made;
	c->a[3].u = (uintptr_t)made; /* which one view_put means */
	return r;
}

static int on_ingest(struct call *c, const struct berth_storage_ops *ops, struct berth_error *err)
{
	struct berth_ingest *in = c->object;
	union wire_arg *a = c->a;

	switch (c->number) {
	case ST_INGEST_TREE:
		return ops->ingest_tree(in, &a[0].fd, err);
	case ST_INGEST_TAR:
		return ops->ingest_tar(in, a[0].fd, a[1].op, err);
	case ST_INGEST_COMMIT:
		return ops->ingest_commit(in, a[0].s, a[1].op, err);
	default:
		ops->ingest_abort(in);
		return 0;
	}
}

static int on_view(struct call *c, const struct berth_storage_ops *ops, struct berth_error *err)
{
	struct berth_storage *st = c->object;
	union wire_arg *a = c->a;

	switch (c->number) {
	case ST_VIEW_CREATE:
		return ops->view_create(st, a[0].s, a[1].s, (uint32_t)a[2].u, a[3].conf, err);
	case ST_VIEW_MOUNT:
		return ops->view_mount(st, a[0].s, a[1].p, &a[2].fd, err);
	case ST_VIEW_PLAN:
		return plan(c, ops, err);
	case ST_VIEW_PUT:
		ops->view_put(st, a[0].s, (const struct berth_plan *)(uintptr_t)a[1].u);
		return 0;
	case ST_VIEW_COMMIT:
		return ops->view_commit(st, a[0].s, a[1].s, a[2].op, err);
	case ST_VIEW_REMOVE:
		return ops->view_remove(st, a[0].s, err);
	default:
		return ops->view_limit(st, a[0].s, a[1].u, a[2].u, err);
	}
}

int storage_call(struct call *c, struct berth_error *err)
{
	const struct berth_storage_ops *ops = &served.ops.storage;
	struct berth_storage *st = c->object;
	union wire_arg *a = c->a;

	switch ((enum wire_storage_call)c->number) {
	case ST_CLAIM:
	case ST_INGEST_BEGIN:
		return make_layer(c, ops, err);
	case ST_INGEST_TREE:
	case ST_INGEST_TAR:
	case ST_INGEST_COMMIT:
	case ST_INGEST_ABORT:
		return on_ingest(c, ops, err);
	case ST_USAGE:
		return ops->usage(st, a[0].s, (uint32_t)a[1].u, a[2].ret, err);
	case ST_LAYER_REMOVE:
		return ops->layer_remove(st, a[0].s, err);
	case ST_VIEW_CREATE:
	case ST_VIEW_MOUNT:
	case ST_VIEW_PLAN:
	case ST_VIEW_PUT:
	case ST_VIEW_COMMIT:
	case ST_VIEW_REMOVE:
	case ST_VIEW_LIMIT:
		return on_view(c, ops, err);
	case ST_CHANGES:
		return ops->changes(st, a[0].s, a[1].fn.change, NULL, a[2].op, err);
	case ST_TREE_OPEN:
		return ops->tree_open(st, a[0].s, &a[1].fd, err);
	case ST_DIFF_TAR:
		return ops->diff_tar(st, a[0].s, a[1].fd, a[2].op, err);
	case ST_EACH:
		return ops->each(st, (uint32_t)a[0].u, a[1].fn.id, NULL, err);
	case ST_CHECK:
		return ops->check(st, a[0].s, (uint32_t)a[1].u, a[2].op, a[3].sink, err);
	case ST_RECLAIM:
		return ops->reclaim(st, a[0].op, &a[1].u, err);
	case ST_BELOW:
		return ops->below(st, a[0].s, (uint32_t)a[1].u, a[2].sink, err);
	}
	return -BERTH_E_INTERNAL;
}
