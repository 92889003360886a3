/* SPDX-License-Identifier: Apache-2.0 */
#include "core/driver/trace.h"

/* A call of each, around the driver's own: handles are unwrapped, arguments told. */

struct berth_registry {
	struct berth_registry *real;
	struct berth_registry_ops ops;
	struct trace_name name;
};

struct berth_stream {
	struct berth_stream *real;
	const struct berth_registry *top;
};

struct berth_upload {
	struct berth_upload *real;
	const struct berth_registry *top;
};

static int resolve(struct berth_registry *reg, const struct berth_where *where, const char *repo,
		   const char *ref, struct berth_op *op, berth_desc_fn fn, void *arg,
		   struct berth_reply *reply, struct berth_error *err)
{
	struct trace_call c = trace_begin(&reg->name, "resolve");
	int r;

	trace_str(&c, "host", where->host);
	trace_str(&c, "repo", repo);
	trace_str(&c, "ref", ref);
	r = reg->ops.resolve(reg->real, where, repo, ref, op, fn, arg, reply, trace_go(&c));
	return trace_end(&c, r, err);
}

static int fetch(struct berth_registry *reg, const struct berth_where *where, const char *repo,
		 const struct berth_desc *desc, uint64_t from, uint64_t len, struct berth_op *op,
		 struct berth_stream **ret, struct berth_reply *reply, struct berth_error *err)
{
	struct trace_call c = trace_begin(&reg->name, "fetch");
	struct berth_stream *wrapped = calloc(1, sizeof(*wrapped)), *real = NULL;
	int r;

	trace_str(&c, "host", where->host);
	trace_str(&c, "repo", repo);
	trace_str(&c, "digest", desc->digest);
	trace_u64(&c, "from", from);
	trace_u64(&c, "len", len);
	r = wrapped ? reg->ops.fetch(reg->real, where, repo, desc, from, len, op, &real, reply,
				     trace_go(&c))
		    : berth_fail(trace_go(&c), BERTH_E_NO_MEMORY, "out of memory");
	(void)trace_end(&c, r, err);
	if (r < 0 || !real) {
		free(wrapped);
		if (r == 0)
			*ret = NULL;
		return r;
	}
	*wrapped = (struct berth_stream){real, reg};
	*ret = wrapped;
	return 0;
}

static int stream_read(struct berth_stream *stream, void *buf, size_t n, size_t *ret_n,
		       struct berth_error *err)
{
	struct trace_call c = trace_begin(&stream->top->name, "read");
	int r;

	trace_u64(&c, "n", n);
	r = stream->top->ops.read(stream->real, buf, n, ret_n, trace_go(&c));
	return trace_end(&c, r, err);
}

static void close_stream(struct berth_stream *stream)
{
	struct berth_stream *real = stream ? stream->real : NULL;
	struct trace_call c;

	if (!stream)
		return;
	c = trace_begin(&stream->top->name, "close_stream");
	(void)trace_go(&c);
	stream->top->ops.close_stream(real);
	trace_end_void(&c);
	free(stream);
}

static int has(struct berth_registry *reg, const struct berth_where *where, const char *repo,
	       const struct berth_desc *desc, struct berth_op *op, bool *ret,
	       struct berth_error *err)
{
	struct trace_call c = trace_begin(&reg->name, "has");
	int r;

	trace_str(&c, "host", where->host);
	trace_str(&c, "repo", repo);
	trace_str(&c, "digest", desc->digest);
	r = reg->ops.has(reg->real, where, repo, desc, op, ret, trace_go(&c));
	return trace_end(&c, r, err);
}

static int upload_begin(struct berth_registry *reg, const struct berth_where *where,
			const char *repo, const struct berth_desc *desc, const char *mount_from,
			struct berth_op *op, struct berth_upload **ret, struct berth_error *err)
{
	struct trace_call c = trace_begin(&reg->name, "upload_begin");
	struct berth_upload *wrapped = calloc(1, sizeof(*wrapped)), *real = NULL;
	int r;

	trace_str(&c, "host", where->host);
	trace_str(&c, "repo", repo);
	trace_str(&c, "digest", desc->digest);
	trace_str(&c, "mount_from", mount_from);
	r = wrapped ? reg->ops.upload_begin(reg->real, where, repo, desc, mount_from, op, &real,
					    trace_go(&c))
		    : berth_fail(trace_go(&c), BERTH_E_NO_MEMORY, "out of memory");
	(void)trace_end(&c, r, err);
	if (r < 0 || !real) {
		free(wrapped);
		if (r == 0)
			*ret = NULL;
		return r;
	}
	*wrapped = (struct berth_upload){real, reg};
	*ret = wrapped;
	return 0;
}

static int upload_write(struct berth_upload *up, const void *buf, size_t n, struct berth_op *op,
			struct berth_error *err)
{
	struct trace_call c = trace_begin(&up->top->name, "write");
	int r;

	trace_u64(&c, "n", n);
	r = up->top->ops.write(up->real, buf, n, op, trace_go(&c));
	return trace_end(&c, r, err);
}

static int upload_commit(struct berth_upload *up, struct berth_op *op, struct berth_error *err)
{
	struct trace_call c = trace_begin(&up->top->name, "upload_commit");
	int r;

	r = up->top->ops.upload_commit(up->real, op, trace_go(&c));
	free(up);
	return trace_end(&c, r, err);
}

static void upload_abort(struct berth_upload *up)
{
	struct berth_upload *real = up ? up->real : NULL;
	struct trace_call c;

	if (!up)
		return;
	c = trace_begin(&up->top->name, "upload_abort");
	(void)trace_go(&c);
	up->top->ops.upload_abort(real);
	trace_end_void(&c);
	free(up);
}

static int put_manifest(struct berth_registry *reg, const struct berth_where *where,
			const char *repo, const char *ref, const struct berth_desc *desc,
			struct berth_str bytes, struct berth_op *op, struct berth_error *err)
{
	struct trace_call c = trace_begin(&reg->name, "put_manifest");
	int r;

	trace_str(&c, "host", where->host);
	trace_str(&c, "repo", repo);
	trace_str(&c, "ref", ref);
	trace_str(&c, "digest", desc->digest);
	trace_bytes(&c, "bytes", bytes.n);
	r = reg->ops.put_manifest(reg->real, where, repo, ref, desc, bytes, op, trace_go(&c));
	return trace_end(&c, r, err);
}

static int tags(struct berth_registry *reg, const struct berth_where *where, const char *repo,
		berth_id_fn fn, void *arg, struct berth_op *op, struct berth_error *err)
{
	struct trace_call c = trace_begin(&reg->name, "tags");
	int r;

	trace_str(&c, "host", where->host);
	trace_str(&c, "repo", repo);
	r = reg->ops.tags(reg->real, where, repo, fn, arg, op, trace_go(&c));
	return trace_end(&c, r, err);
}

static int each(struct berth_registry *reg, const struct berth_where *where, struct berth_op *op,
		berth_desc_fn fn, void *arg, struct berth_error *err)
{
	struct trace_call c = trace_begin(&reg->name, "each");
	int r;

	trace_str(&c, "host", where->host);
	r = reg->ops.each(reg->real, where, op, fn, arg, trace_go(&c));
	return trace_end(&c, r, err);
}

static int reg_remove(struct berth_registry *reg, const struct berth_where *where, const char *repo,
		      const char *ref, struct berth_op *op, struct berth_error *err)
{
	struct trace_call c = trace_begin(&reg->name, "remove");
	int r;

	trace_str(&c, "host", where->host);
	trace_str(&c, "repo", repo);
	trace_str(&c, "ref", ref);
	r = reg->ops.remove(reg->real, where, repo, ref, op, trace_go(&c));
	return trace_end(&c, r, err);
}

static int referrers(struct berth_registry *reg, const struct berth_where *where, const char *repo,
		     const char *digest, const char *artifact_type, struct berth_op *op,
		     berth_desc_fn fn, void *arg, struct berth_error *err)
{
	struct trace_call c = trace_begin(&reg->name, "referrers");
	int r;

	trace_str(&c, "host", where->host);
	trace_str(&c, "repo", repo);
	trace_str(&c, "digest", digest);
	trace_str(&c, "artifact_type", artifact_type);
	r = reg->ops.referrers(reg->real, where, repo, digest, artifact_type, op, fn, arg,
			       trace_go(&c));
	return trace_end(&c, r, err);
}

static int search(struct berth_registry *reg, const struct berth_where *where, const char *term,
		  uint32_t limit, struct berth_op *op, struct berth_sink *json,
		  struct berth_error *err)
{
	struct trace_call c = trace_begin(&reg->name, "search");
	int r;

	trace_str(&c, "host", where->host);
	trace_str(&c, "term", term);
	trace_u64(&c, "limit", limit);
	r = reg->ops.search(reg->real, where, term, limit, op, json, trace_go(&c));
	return trace_end(&c, r, err);
}

static int finish(struct berth_registry *reg, const struct berth_where *where, bool commit,
		  struct berth_op *op, struct berth_error *err)
{
	struct trace_call c = trace_begin(&reg->name, "finish");
	int r;

	trace_str(&c, "host", where->host);
	trace_i64(&c, "commit", commit);
	r = reg->ops.finish(reg->real, where, commit, op, trace_go(&c));
	return trace_end(&c, r, err);
}

static const struct berth_registry_ops traced = {
	.resolve = resolve,
	.fetch = fetch,
	.read = stream_read,
	.close_stream = close_stream,
	.has = has,
	.upload_begin = upload_begin,
	.write = upload_write,
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

struct berth_registry *trace_registry(struct registry *pub, const struct trace_name *name)
{
	struct berth_registry *wrapped = calloc(1, sizeof(*wrapped));

	if (!wrapped)
		return NULL;
	*wrapped = (struct berth_registry){pub->reg, pub->ops, *name};
	pub->reg = wrapped;
	pub->ops = traced;
	return wrapped;
}
