/* SPDX-License-Identifier: Apache-2.0 */
#include "core/driver/head.h"

#include "core/driver/drivers.h"
#include "core/driver/stubs.h"

/* When a call must be there, as the public headers say. */
enum rule {
	OPTIONAL,
	REQUIRED,
	WITH,	/* with any of these caps */
	UNLESS, /* but with this cap */
};

struct call {
	const char *name;
	size_t offset;
	enum rule rule;
	uint64_t caps;
};

#define ST(member, ...)                                                                            \
	{                                                                                          \
#member, offsetof(struct berth_storage_ops, member), __VA_ARGS__                   \
	}
#define NET(member, ...)                                                                           \
	{                                                                                          \
#member, offsetof(struct berth_network_ops, member), __VA_ARGS__                   \
	}
#define ISO(member, ...)                                                                           \
	{                                                                                          \
#member, offsetof(struct berth_isolation_ops, member), __VA_ARGS__                 \
	}
#define REG(member, ...)                                                                           \
	{                                                                                          \
#member, offsetof(struct berth_registry_ops, member), __VA_ARGS__                  \
	}

static const struct call storage_calls[] = {
	ST(claim, WITH, BERTH_ST_CLAIM),
	ST(ingest_begin, REQUIRED),
	ST(ingest_tree, WITH, BERTH_ST_INGEST_TREE),
	ST(ingest_tar, WITH, BERTH_ST_INGEST_TAR),
	ST(ingest_commit, REQUIRED),
	ST(ingest_abort, REQUIRED),
	ST(usage, OPTIONAL),
	ST(layer_remove, REQUIRED),
	ST(view_create, REQUIRED),
	ST(view_mount, WITH, BERTH_ST_FORM_DIR),
	ST(view_plan, WITH, BERTH_ST_FORM_BLOCK | BERTH_ST_FORM_IMAGE),
	ST(view_put, OPTIONAL), /* see check_pairs */
	ST(view_commit, OPTIONAL),
	ST(view_remove, REQUIRED),
	ST(view_limit, WITH, BERTH_ST_QUOTA),
	ST(changes, WITH, BERTH_ST_NATIVE_DIFF),
	ST(tree_open, OPTIONAL),
	ST(diff_tar, WITH, BERTH_ST_TAR_EXACT),
	ST(each, REQUIRED),
	ST(check, OPTIONAL),
	ST(reclaim, OPTIONAL),
	ST(below, OPTIONAL),
	{0},
};

static const struct call network_calls[] = {
	NET(plan, OPTIONAL),
	NET(create, OPTIONAL),
	NET(remove, OPTIONAL),
	NET(attach, UNLESS, BERTH_NET_NO_NETNS),
	NET(detach, UNLESS, BERTH_NET_NO_NETNS),
	NET(publish, WITH, BERTH_NET_PUBLISH),
	NET(check, OPTIONAL),
	NET(reconcile, OPTIONAL),
	NET(each, OPTIONAL),
	{0},
};

static const struct call isolation_calls[] = {
	ISO(features, OPTIONAL),
	ISO(explain, OPTIONAL),
	ISO(create, REQUIRED),
	ISO(recover, WITH, BERTH_ISO_RECOVER),
	ISO(save, OPTIONAL),
	ISO(info, REQUIRED),
	ISO(start, REQUIRED),
	ISO(exec, WITH, BERTH_ISO_EXEC),
	ISO(signal, REQUIRED),
	ISO(wait_fd, REQUIRED),
	ISO(reap, REQUIRED),
	ISO(update, WITH, BERTH_ISO_UPDATE),
	ISO(freeze, WITH, BERTH_ISO_PAUSE),
	ISO(stats, WITH, BERTH_ISO_STATS),
	ISO(processes, OPTIONAL),
	ISO(checkpoint, WITH, BERTH_ISO_CHECKPOINT),
	ISO(destroy, REQUIRED),
	ISO(forget, REQUIRED),
	{0},
};

static const struct call registry_calls[] = {
	REG(resolve, WITH, BERTH_REG_PULL),
	REG(fetch, WITH, BERTH_REG_PULL),
	REG(read, WITH, BERTH_REG_PULL),
	REG(close_stream, WITH, BERTH_REG_PULL),
	REG(has, WITH, BERTH_REG_PUSH),
	REG(upload_begin, WITH, BERTH_REG_PUSH),
	REG(write, WITH, BERTH_REG_PUSH),
	REG(upload_commit, WITH, BERTH_REG_PUSH),
	REG(upload_abort, WITH, BERTH_REG_PUSH),
	REG(put_manifest, WITH, BERTH_REG_PUSH),
	REG(tags, WITH, BERTH_REG_TAGS),
	REG(each, WITH, BERTH_REG_EACH),
	REG(remove, WITH, BERTH_REG_DELETE),
	REG(referrers, WITH, BERTH_REG_REFERRERS),
	REG(search, WITH, BERTH_REG_SEARCH),
	REG(finish, WITH, BERTH_REG_ARCHIVE),
	{0},
};

static const struct {
	const struct call *calls;
	size_t size;
	const void *stubs;
} kinds[] = {
	[BERTH_STORAGE] = {storage_calls, sizeof(struct berth_storage_ops), &stubs_storage},
	[BERTH_NETWORK] = {network_calls, sizeof(struct berth_network_ops), &stubs_network},
	[BERTH_ISOLATION] = {isolation_calls, sizeof(struct berth_isolation_ops), &stubs_isolation},
	[BERTH_REGISTRY] = {registry_calls, sizeof(struct berth_registry_ops), &stubs_registry},
};

/* A table is nothing but pointers to functions, so one of them can be looked at by its place. */
typedef void (*any_call)(void);

static any_call call_at(const void *table, size_t offset)
{
	any_call call;

	memcpy(&call, (const char *)table + offset, sizeof(call));
	return call;
}

static const char *cap_of(uint32_t kind, uint64_t caps)
{
	const char *name = caps ? driver_cap_name(kind, (unsigned)__builtin_ctzll(caps)) : NULL;

	return name ? name : "?";
}

static int check_call(const struct berth_driver *head, const struct call *call,
		      struct berth_error *err)
{
	uint64_t promised = head->caps & call->caps;

	switch (call->rule) {
	case OPTIONAL:
		return 0;
	case REQUIRED:
		return berth_fail(err, BERTH_E_INVALID, "it lacks the required call '%s'",
				  call->name);
	case WITH:
		if (!promised)
			return 0;
		return berth_fail(err, BERTH_E_INVALID,
				  "it lacks the call '%s', which its cap '%s' promises", call->name,
				  cap_of(head->kind, promised));
	case UNLESS:
		if (promised)
			return 0;
		return berth_fail(err, BERTH_E_INVALID,
				  "it lacks the call '%s', which is required without the cap '%s'",
				  call->name, cap_of(head->kind, call->caps));
	}
	return 0;
}

/* What one call hands out another one takes back. */
static int check_pairs(const struct berth_driver *head, const union ops *ops,
		       struct berth_error *err)
{
	if (head->kind == BERTH_STORAGE && ops->storage.view_plan && !ops->storage.view_put)
		return berth_fail(err, BERTH_E_INVALID,
				  "it lacks the call 'view_put', which is required with "
				  "'view_plan'");
	return 0;
}

static void copy_table(const struct berth_driver *head, union ops *ret)
{
	size_t ours = kinds[head->kind].size;

	memset(ret, 0, sizeof(*ret));
	memcpy(ret, head->ops, head->ops_size < ours ? head->ops_size : ours);
}

int clamp_ops(const struct berth_driver *head, union ops *ret, struct berth_error *err)
{
	const void *stubs = kinds[head->kind].stubs;
	union ops ops;
	int r;

	copy_table(head, &ops);
	r = check_pairs(head, &ops, err);
	for (const struct call *c = kinds[head->kind].calls; r == 0 && c->name; c++) {
		any_call stub;

		if (call_at(&ops, c->offset))
			continue;
		r = check_call(head, c, err);
		stub = call_at(stubs, c->offset);
		memcpy((char *)&ops + c->offset, &stub, sizeof(stub));
	}
	if (r < 0)
		return r;
	*ret = ops;
	return 0;
}

int clamp_each_call(const struct berth_driver *head, clamp_call_fn fn, void *arg)
{
	union ops ops;
	int r = 0;

	copy_table(head, &ops);
	for (const struct call *c = kinds[head->kind].calls; r == 0 && c->name; c++)
		r = fn(arg, c->name, call_at(&ops, c->offset) != NULL);
	return r;
}
