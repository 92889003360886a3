/* SPDX-License-Identifier: Apache-2.0 */
#include "core/driver/separate_call.h"

static struct proxy *of(const void *handle)
{
	return (struct proxy *)(uintptr_t)handle;
}

static int resolve(struct berth_registry *reg, const struct berth_where *where, const char *repo,
		   const char *ref, struct berth_op *op, berth_desc_fn fn, void *arg,
		   struct berth_reply *reply, struct berth_error *err)
{
	union wire_arg a[] = {{.p = where},
			      {.s = repo},
			      {.s = ref},
			      {.op = op},
			      {.fn = {.desc = fn, .arg = arg}},
			      {.ret = reply}};

	return proxy_call(of(reg), REG_RESOLVE, a, err);
}

static int fetch(struct berth_registry *reg, const struct berth_where *where, const char *repo,
		 const struct berth_desc *desc, uint64_t from, uint64_t len, struct berth_op *op,
		 struct berth_stream **ret, struct berth_reply *reply, struct berth_error *err)
{
	union wire_arg a[] = {{.p = where}, {.s = repo}, {.p = desc}, {.u = from},
			      {.u = len},   {.op = op},	 {.u = 0},    {.ret = reply}};
	struct proxy *made;
	int r = proxy_make(of(reg), REG_FETCH, a, 6, &made, err);

	if (r == 0)
		*ret = (struct berth_stream *)made;
	return r;
}

static int read_stream(struct berth_stream *stream, void *buf, size_t n, size_t *ret_n,
		       struct berth_error *err)
{
	union wire_arg a[] = {{.buf = {buf, n < WIRE_CHUNK ? n : WIRE_CHUNK}}};
	int r = proxy_call(of(stream), REG_READ, a, err);

	if (r == 0)
		*ret_n = a[0].buf.n;
	return r;
}

static void close_stream(struct berth_stream *stream)
{
	proxy_drop(of(stream), REG_CLOSE_STREAM);
}

static int has(struct berth_registry *reg, const struct berth_where *where, const char *repo,
	       const struct berth_desc *desc, struct berth_op *op, bool *ret,
	       struct berth_error *err)
{
	union wire_arg a[] = {{.p = where}, {.s = repo}, {.p = desc}, {.op = op}, {.u = 0}};
	int r = proxy_call(of(reg), REG_HAS, a, err);

	if (r == 0)
		*ret = a[4].u != 0;
	return r;
}

static int upload_begin(struct berth_registry *reg, const struct berth_where *where,
			const char *repo, const struct berth_desc *desc, const char *mount_from,
			struct berth_op *op, struct berth_upload **ret, struct berth_error *err)
{
	union wire_arg a[] = {{.p = where},	 {.s = repo}, {.p = desc},
			      {.s = mount_from}, {.op = op},  {.u = 0}};
	struct proxy *made;
	int r = proxy_make(of(reg), REG_UPLOAD_BEGIN, a, 5, &made, err);

	if (r == 0)
		*ret = (struct berth_upload *)made; /* NULL: it was mounted */
	return r;
}

/* In pieces that one message holds. */
static int write_upload(struct berth_upload *up, const void *buf, size_t n, struct berth_op *op,
			struct berth_error *err)
{
	const char *at = buf;
	int r = 0;

	do {
		size_t some = n < WIRE_CHUNK ? n : WIRE_CHUNK;
		union wire_arg a[] = {{.b = {at, some}}, {.op = op}};

		r = proxy_call(of(up), REG_WRITE, a, err);
		at += some;
		n -= some;
	} while (r == 0 && n > 0);
	return r;
}

static int upload_commit(struct berth_upload *up, struct berth_op *op, struct berth_error *err)
{
	union wire_arg a[] = {{.op = op}};
	int r = proxy_call(of(up), REG_UPLOAD_COMMIT, a, err);

	proxy_free(of(up));
	return r;
}

static void upload_abort(struct berth_upload *up)
{
	proxy_drop(of(up), REG_UPLOAD_ABORT);
}

static int put_manifest(struct berth_registry *reg, const struct berth_where *where,
			const char *repo, const char *ref, const struct berth_desc *desc,
			struct berth_str bytes, struct berth_op *op, struct berth_error *err)
{
	union wire_arg a[] = {{.p = where}, {.s = repo},  {.s = ref},
			      {.p = desc},  {.b = bytes}, {.op = op}};

	return proxy_call(of(reg), REG_PUT_MANIFEST, a, err);
}

static int tags(struct berth_registry *reg, const struct berth_where *where, const char *repo,
		berth_id_fn fn, void *arg, struct berth_op *op, struct berth_error *err)
{
	union wire_arg a[] = {
		{.p = where}, {.s = repo}, {.fn = {.id = fn, .arg = arg}}, {.op = op}};

	return proxy_call(of(reg), REG_TAGS, a, err);
}

static int each(struct berth_registry *reg, const struct berth_where *where, struct berth_op *op,
		berth_desc_fn fn, void *arg, struct berth_error *err)
{
	union wire_arg a[] = {{.p = where}, {.op = op}, {.fn = {.desc = fn, .arg = arg}}};

	return proxy_call(of(reg), REG_EACH, a, err);
}

static int reg_remove(struct berth_registry *reg, const struct berth_where *where, const char *repo,
		      const char *ref, struct berth_op *op, struct berth_error *err)
{
	union wire_arg a[] = {{.p = where}, {.s = repo}, {.s = ref}, {.op = op}};

	return proxy_call(of(reg), REG_REMOVE, a, err);
}

static int referrers(struct berth_registry *reg, const struct berth_where *where, const char *repo,
		     const char *digest, const char *artifact_type, struct berth_op *op,
		     berth_desc_fn fn, void *arg, struct berth_error *err)
{
	union wire_arg a[] = {{.p = where},	    {.s = repo}, {.s = digest},
			      {.s = artifact_type}, {.op = op},	 {.fn = {.desc = fn, .arg = arg}}};

	return proxy_call(of(reg), REG_REFERRERS, a, err);
}

static int search(struct berth_registry *reg, const struct berth_where *where, const char *term,
		  uint32_t limit, struct berth_op *op, struct berth_sink *json,
		  struct berth_error *err)
{
	union wire_arg a[] = {{.p = where}, {.s = term}, {.u = limit}, {.op = op}, {.sink = json}};

	return proxy_call(of(reg), REG_SEARCH, a, err);
}

static int finish(struct berth_registry *reg, const struct berth_where *where, bool commit,
		  struct berth_op *op, struct berth_error *err)
{
	union wire_arg a[] = {{.p = where}, {.u = commit}, {.op = op}};

	return proxy_call(of(reg), REG_FINISH, a, err);
}

const struct berth_registry_ops separate_registry = {
	.resolve = resolve,
	.fetch = fetch,
	.read = read_stream,
	.close_stream = close_stream,
	.has = has,
	.upload_begin = upload_begin,
	.write = write_upload,
	.upload_commit = upload_commit,
	.upload_abort = upload_abort,
	.put_manifest = put_manifest,
	.tags = tags,
	.each = each,
	.remove = reg_remove,
	.referrers = referrers,
	.search = search,
	.finish = finish,
};
