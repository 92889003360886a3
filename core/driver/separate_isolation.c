/* SPDX-License-Identifier: Apache-2.0 */
#include "core/driver/separate_call.h"

#include "base/process.h"

static struct proxy *of(const void *handle)
{
	return (struct proxy *)(uintptr_t)handle;
}

static int features(struct berth_isolation *iso, struct berth_sink *json, struct berth_error *err)
{
	union wire_arg a[] = {{.sink = json}};

	return proxy_call(of(iso), ISO_FEATURES, a, err);
}

static int explain(struct berth_isolation *iso, struct berth_str spec, struct berth_sink *findings,
		   struct berth_error *err)
{
	union wire_arg a[] = {{.b = spec}, {.sink = findings}};

	return proxy_call(of(iso), ISO_EXPLAIN, a, err);
}

/* --- what is known of it after a death ----------------------------------------------------------
 */

/* A sandbox of ours has a name, by which another process of the driver finds it. */
static int name_it(struct proxy *p, const char *id, struct berth_str saved, struct berth_error *err)
{
	str_add_n(&p->saved, saved.p ? saved.p : "", saved.n);
	return str_copy(id, &p->id, err);
}

int sandbox_recover(struct proxy *p, struct frame *f, struct berth_error *err)
{
	union wire_arg a[] = {{.s = p->id}, {.b = {p->saved.p, p->saved.len}}, {.u = 0}};
	struct frame again = {.s = f->s,
			      .process = f->process,
			      .channel = f->channel,
			      .host = p->host,
			      .a = a,
			      .signal_fd = -1};
	int r;

	if (!p->s->ops.isolation.recover)
		return berth_fail(err, BERTH_E_DRIVER_DIED,
				  "the process of driver '%s' that made it is gone", p->s->name);
	r = transact(&again, ISO_RECOVER, p->instance->remote, err);
	if (r != 0) {
		berth_error_prefix(err, "find container '%s' again", p->id);
		return r;
	}
	p->remote = a[2].u;
	p->life = f->process->life;
	return 0;
}

/* --- a sandbox ----------------------------------------------------------------------------------
 */

static int create(struct berth_isolation *iso, const struct berth_launch *launch,
		  struct berth_op *op, struct berth_sandbox **ret, struct berth_error *err)
{
	union wire_arg a[] = {{.p = launch}, {.op = op}, {.u = 0}};
	struct proxy *made;
	int r = proxy_make(of(iso), ISO_CREATE, a, 2, &made, err);

	if (r != 0)
		return r;
	r = name_it(made, launch->id, (struct berth_str){NULL, 0}, err);
	if (r < 0) {
		union wire_arg none[1] = {{0}};

		(void)proxy_call(made, ISO_DESTROY, none, NULL); /* the failure is told */
		proxy_drop(made, ISO_FORGET);
		return r;
	}
	*ret = (struct berth_sandbox *)made;
	return 0;
}

static int recover(struct berth_isolation *iso, const char *id, struct berth_str state,
		   struct berth_sandbox **ret, struct berth_error *err)
{
	union wire_arg a[] = {{.s = id}, {.b = state}, {.u = 0}};
	struct proxy *made;
	int r = proxy_make(of(iso), ISO_RECOVER, a, 2, &made, err);

	if (r != 0)
		return r;
	r = name_it(made, id, state, err);
	if (r < 0) {
		proxy_drop(made, ISO_FORGET);
		return r;
	}
	*ret = (struct berth_sandbox *)made;
	return 0;
}

/* What it says is kept here as well (separate_transact.c). */
static int save(struct berth_sandbox *sb, struct berth_sink *state, struct berth_error *err)
{
	union wire_arg a[] = {{.sink = state}};

	return proxy_call(of(sb), ISO_SAVE, a, err);
}

static int info(struct berth_sandbox *sb, struct berth_sandbox_info *ret, struct berth_error *err)
{
	union wire_arg a[] = {{.ret = ret}};

	return proxy_call(of(sb), ISO_INFO, a, err);
}

static int start(struct berth_sandbox *sb, struct berth_error *err)
{
	union wire_arg a[1] = {{0}};

	return proxy_call(of(sb), ISO_START, a, err);
}

/*
 * The process is a child of the driver's process, and callers wait for a child of theirs: so one
 * of ours stands in for it, hands signals on, and ends as it did.
 */
static int stand_in(const struct separate *s, int pidfd, int status_fd, int *ret_pidfd,
		    struct berth_error *err)
{
	char *const argv[] = {(char[]){"berth-driver-host"}, (char[]){"stand-in"}, NULL};
	char *const envp[] = {NULL};
	const int fds[] = {-1, -1, -1, pidfd, status_fd};
	const struct process_spec spec = {
		.path = s->program,
		.argv = argv,
		.envp = envp,
		.fds = fds,
		.n_fds = 5,
		.flags = PROCESS_SIGNALS_BLOCKED, /* none is lost before it is ready */
	};
	int r = process_spawn(&spec, ret_pidfd, NULL, err);

	if (r < 0)
		berth_error_prefix(err, "start what stands in for the process");
	return r;
}

static int exec(struct berth_sandbox *sb, const struct berth_exec *exec, struct berth_op *op,
		int *ret_pidfd, struct berth_error *err)
{
	union wire_arg a[] = {{.p = exec}, {.op = op}, {.fd = -1}, {.fd = -1}};
	int r = proxy_call(of(sb), ISO_EXEC, a, err);

	if (r != 0)
		return r;
	/* without it nobody holds the other end of status_fd: the driver's process ends the program */
	r = stand_in(of(sb)->s, a[2].fd, a[3].fd, ret_pidfd, err);
	close_fd(&a[2].fd);
	close_fd(&a[3].fd);
	return r;
}

static int send_signal(struct berth_sandbox *sb, int32_t signo, uint32_t flags,
		       struct berth_error *err)
{
	union wire_arg a[] = {{.u = (uint32_t)signo}, {.u = flags}};

	return proxy_call(of(sb), ISO_SIGNAL, a, err);
}

/* Ours for as long as the sandbox is; of a new process there is a new one. */
static int wait_fd(struct berth_sandbox *sb, int *ret_fd, struct berth_error *err)
{
	struct proxy *p = of(sb);
	union wire_arg a[] = {{.fd = -1}};
	int r;

	if (p->wait_fd >= 0) {
		*ret_fd = p->wait_fd;
		return 0;
	}
	r = proxy_call(p, ISO_WAIT_FD, a, err);
	if (r == 0)
		*ret_fd = p->wait_fd = a[0].fd;
	return r;
}

static int reap(struct berth_sandbox *sb, struct berth_exit *ret, struct berth_error *err)
{
	union wire_arg a[] = {{.ret = ret}};

	return proxy_call(of(sb), ISO_REAP, a, err);
}

static int update(struct berth_sandbox *sb, struct berth_str resources, struct berth_error *err)
{
	union wire_arg a[] = {{.b = resources}};

	return proxy_call(of(sb), ISO_UPDATE, a, err);
}

static int freeze(struct berth_sandbox *sb, bool on, struct berth_error *err)
{
	union wire_arg a[] = {{.u = on}};

	return proxy_call(of(sb), ISO_FREEZE, a, err);
}

static int stats(struct berth_sandbox *sb, struct berth_sink *json, struct berth_error *err)
{
	union wire_arg a[] = {{.sink = json}};

	return proxy_call(of(sb), ISO_STATS, a, err);
}

static int processes(struct berth_sandbox *sb, berth_id_fn fn, void *arg, struct berth_error *err)
{
	union wire_arg a[] = {{.fn = {.id = fn, .arg = arg}}};

	return proxy_call(of(sb), ISO_PROCESSES, a, err);
}

static int checkpoint(struct berth_sandbox *sb, int dir_fd, uint32_t flags, struct berth_op *op,
		      struct berth_error *err)
{
	union wire_arg a[] = {{.fd = dir_fd}, {.u = flags}, {.op = op}};

	return proxy_call(of(sb), ISO_CHECKPOINT, a, err);
}

static int destroy(struct berth_sandbox *sb, struct berth_error *err)
{
	union wire_arg a[1] = {{0}};

	return proxy_call(of(sb), ISO_DESTROY, a, err);
}

static void forget(struct berth_sandbox *sb)
{
	proxy_drop(of(sb), ISO_FORGET);
}

const struct berth_isolation_ops separate_isolation = {
	.features = features,
	.explain = explain,
	.create = create,
	.recover = recover,
	.save = save,
	.info = info,
	.start = start,
	.exec = exec,
	.signal = send_signal,
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
