/* SPDX-License-Identifier: Apache-2.0 */
#include "core/driver/trace.h"

/* A call of each, around the driver's own: handles are unwrapped, arguments told. */

struct berth_isolation {
	struct berth_isolation *real;
	struct berth_isolation_ops ops;
	struct trace_name name;
};

struct berth_sandbox {
	struct berth_sandbox *real;
	const struct berth_isolation *top;
};

static int features(struct berth_isolation *iso, struct berth_sink *json, struct berth_error *err)
{
	struct trace_call c = trace_begin(&iso->name, "features");
	int r;

	r = iso->ops.features(iso->real, json, trace_go(&c));
	return trace_end(&c, r, err);
}

static int explain(struct berth_isolation *iso, struct berth_str spec, struct berth_sink *findings,
		   struct berth_error *err)
{
	struct trace_call c = trace_begin(&iso->name, "explain");
	int r;

	trace_bytes(&c, "spec", spec.n);
	r = iso->ops.explain(iso->real, spec, findings, trace_go(&c));
	return trace_end(&c, r, err);
}

static int create(struct berth_isolation *iso, const struct berth_launch *launch,
		  struct berth_op *op, struct berth_sandbox **ret, struct berth_error *err)
{
	struct trace_call c = trace_begin(&iso->name, "create");
	struct berth_sandbox *wrapped = calloc(1, sizeof(*wrapped)), *real = NULL;
	int r;

	trace_str(&c, "id", launch->id);
	trace_bytes(&c, "spec", launch->spec.n);
	trace_u64(&c, "flags", launch->flags);
	r = wrapped ? iso->ops.create(iso->real, launch, op, &real, trace_go(&c))
		    : berth_fail(trace_go(&c), BERTH_E_NO_MEMORY, "out of memory");
	(void)trace_end(&c, r, err);
	if (r < 0 || !real) {
		free(wrapped);
		if (r == 0)
			*ret = NULL;
		return r;
	}
	*wrapped = (struct berth_sandbox){real, iso};
	*ret = wrapped;
	return 0;
}

static int recover(struct berth_isolation *iso, const char *id, struct berth_str state,
		   struct berth_sandbox **ret, struct berth_error *err)
{
	struct trace_call c = trace_begin(&iso->name, "recover");
	struct berth_sandbox *wrapped = calloc(1, sizeof(*wrapped)), *real = NULL;
	int r;

	trace_str(&c, "id", id);
	trace_bytes(&c, "state", state.n);
	r = wrapped ? iso->ops.recover(iso->real, id, state, &real, trace_go(&c))
		    : berth_fail(trace_go(&c), BERTH_E_NO_MEMORY, "out of memory");
	(void)trace_end(&c, r, err);
	if (r < 0 || !real) {
		free(wrapped);
		if (r == 0)
			*ret = NULL;
		return r;
	}
	*wrapped = (struct berth_sandbox){real, iso};
	*ret = wrapped;
	return 0;
}

static int save(struct berth_sandbox *sb, struct berth_sink *state, struct berth_error *err)
{
	struct trace_call c = trace_begin(&sb->top->name, "save");
	int r;

	r = sb->top->ops.save(sb->real, state, trace_go(&c));
	return trace_end(&c, r, err);
}

static int info(struct berth_sandbox *sb, struct berth_sandbox_info *ret, struct berth_error *err)
{
	struct trace_call c = trace_begin(&sb->top->name, "info");
	int r;

	r = sb->top->ops.info(sb->real, ret, trace_go(&c));
	return trace_end(&c, r, err);
}

static int start(struct berth_sandbox *sb, struct berth_error *err)
{
	struct trace_call c = trace_begin(&sb->top->name, "start");
	int r;

	r = sb->top->ops.start(sb->real, trace_go(&c));
	return trace_end(&c, r, err);
}

static int exec(struct berth_sandbox *sb, const struct berth_exec *exec, struct berth_op *op,
		int *ret_pidfd, struct berth_error *err)
{
	struct trace_call c = trace_begin(&sb->top->name, "exec");
	int r;

	trace_bytes(&c, "process", exec->process.n);
	r = sb->top->ops.exec(sb->real, exec, op, ret_pidfd, trace_go(&c));
	return trace_end(&c, r, err);
}

static int signal(struct berth_sandbox *sb, int32_t signo, uint32_t flags, struct berth_error *err)
{
	struct trace_call c = trace_begin(&sb->top->name, "signal");
	int r;

	trace_i64(&c, "signo", signo);
	trace_u64(&c, "flags", flags);
	r = sb->top->ops.signal(sb->real, signo, flags, trace_go(&c));
	return trace_end(&c, r, err);
}

static int wait_fd(struct berth_sandbox *sb, int *ret_fd, struct berth_error *err)
{
	struct trace_call c = trace_begin(&sb->top->name, "wait_fd");
	int r;

	r = sb->top->ops.wait_fd(sb->real, ret_fd, trace_go(&c));
	return trace_end(&c, r, err);
}

static int reap(struct berth_sandbox *sb, struct berth_exit *ret, struct berth_error *err)
{
	struct trace_call c = trace_begin(&sb->top->name, "reap");
	int r;

	r = sb->top->ops.reap(sb->real, ret, trace_go(&c));
	return trace_end(&c, r, err);
}

static int update(struct berth_sandbox *sb, struct berth_str resources, struct berth_error *err)
{
	struct trace_call c = trace_begin(&sb->top->name, "update");
	int r;

	trace_bytes(&c, "resources", resources.n);
	r = sb->top->ops.update(sb->real, resources, trace_go(&c));
	return trace_end(&c, r, err);
}

static int freeze(struct berth_sandbox *sb, bool on, struct berth_error *err)
{
	struct trace_call c = trace_begin(&sb->top->name, "freeze");
	int r;

	trace_i64(&c, "on", on);
	r = sb->top->ops.freeze(sb->real, on, trace_go(&c));
	return trace_end(&c, r, err);
}

static int stats(struct berth_sandbox *sb, struct berth_sink *json, struct berth_error *err)
{
	struct trace_call c = trace_begin(&sb->top->name, "stats");
	int r;

	r = sb->top->ops.stats(sb->real, json, trace_go(&c));
	return trace_end(&c, r, err);
}

static int processes(struct berth_sandbox *sb, berth_id_fn fn, void *arg, struct berth_error *err)
{
	struct trace_call c = trace_begin(&sb->top->name, "processes");
	int r;

	r = sb->top->ops.processes(sb->real, fn, arg, trace_go(&c));
	return trace_end(&c, r, err);
}

static int checkpoint(struct berth_sandbox *sb, int dir_fd, uint32_t flags, struct berth_op *op,
		      struct berth_error *err)
{
	struct trace_call c = trace_begin(&sb->top->name, "checkpoint");
	int r;

	trace_i64(&c, "dir_fd", dir_fd);
	trace_u64(&c, "flags", flags);
	r = sb->top->ops.checkpoint(sb->real, dir_fd, flags, op, trace_go(&c));
	return trace_end(&c, r, err);
}

static int destroy(struct berth_sandbox *sb, struct berth_error *err)
{
	struct trace_call c = trace_begin(&sb->top->name, "destroy");
	int r;

	r = sb->top->ops.destroy(sb->real, trace_go(&c));
	return trace_end(&c, r, err);
}

static void forget(struct berth_sandbox *sb)
{
	struct berth_sandbox *real = sb ? sb->real : NULL;
	struct trace_call c;

	if (!sb)
		return;
	c = trace_begin(&sb->top->name, "forget");
	(void)trace_go(&c);
	sb->top->ops.forget(real);
	trace_end_void(&c);
	free(sb);
}

static const struct berth_isolation_ops traced = {
	.features = features,
	.explain = explain,
	.create = create,
	.recover = recover,
	.save = save,
	.info = info,
	.start = start,
	.exec = exec,
	.signal = signal,
	.wait_fd = wait_fd,
	.reap = reap,
	.update = update,
	.freeze = freeze,
	.stats = stats,
	.processes = processes,
	.checkpoint = checkpoint,
	.destroy = destroy,
	.forget = forget,
};

struct berth_isolation *trace_isolation(struct isolation *pub, const struct trace_name *name)
{
	struct berth_isolation *wrapped = calloc(1, sizeof(*wrapped));

	if (!wrapped)
		return NULL;
	*wrapped = (struct berth_isolation){pub->iso, pub->ops, *name};
	pub->iso = wrapped;
	pub->ops = traced;
	return wrapped;
}
