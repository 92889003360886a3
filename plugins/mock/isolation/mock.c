/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mock isolation: runs the program as an ordinary child process and keeps nothing apart. The root
 * is the directory that the program starts in (and where it is looked for first); it is not its
 * root. INSECURE, for tests.
 *
 * The scenario (see mock.h) may have besides:
 *
 *	"pretend": {"stdout": "...", "stderr": "...", "run_ms": 50, "exit_code": 3,
 *		    "ignore_term": true}	execute nothing: write, wait, and end so
 *	"pretend_exec": {...}		the same for exec; absent: as "pretend" says
 *	"oom": true			the exit says that memory ran out
 *	"stats": {...}			what stats answers
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "../mock.h"
#include "base/clock.h"
#include "base/path.h"
#include "base/record_write.h"
#include "berth/isolation.h"
#include "child.h"

enum { SPEC_MAX = 4 << 20 };

struct berth_isolation {
	struct mock mock;
	int state; /* a file for each sandbox: what save gives */
};

struct berth_sandbox {
	struct berth_isolation *iso;
	char *id;
	char *program;
	struct child child;
	int root; /* our own, or -1 */
	bool frozen;
	uint64_t started_ns; /* 0: not yet */
	uint64_t birth;	     /* of the process, in ticks, as /proc tells: pids come again */
	bool dead;
	struct berth_exit exit; /* if dead */
};

static void sandbox_free(struct berth_sandbox *sb)
{
	child_done(&sb->child);
	close_fd(&sb->root);
	free(sb->id);
	free(sb->program);
	free(sb);
}

/* When a process was born: field 22 of its stat, behind the name, which may hold anything. */
static bool birth_of(int pid, uint64_t *ret)
{
	cleanup_free char *path = str_fmt("/proc/%d/stat", pid);
	cleanup_fd int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	cleanup_free char *text = NULL;
	cleanup_strv char **fields = NULL;
	const char *behind;
	size_t n;

	if (fd < 0 || read_fd_limited(fd, 4096, &text, &n, NULL) < 0)
		return false;
	behind = strrchr(text, ')');
	fields = behind ? strv_split(behind, ' ') : NULL;
	return fields && strv_len(fields) > 20 && parse_u64(fields[20], UINT64_MAX, ret) == 0;
}

static int save_text(const struct berth_sandbox *sb, struct str *out, struct berth_error *err)
{
	struct jw w = jw_to(out, RECORD_COMPACT);

	jw_object_begin(&w);
	jw_key_int(&w, "format", 1);
	jw_key_int(&w, "pid", sb->child.pid);
	jw_key_uint(&w, "birth", sb->birth);
	jw_key_uint(&w, "started_ns", sb->started_ns);
	jw_key_str(&w, "program", sb->program);
	jw_object_end(&w);
	return str_check(out, err);
}

static int write_state(const struct berth_sandbox *sb, unsigned flags, struct berth_error *err)
{
	cleanup_str struct str text = STR_INIT;
	int r = save_text(sb, &text, err);

	return r < 0 ? r
		     : state_replace(sb->iso->state, sb->id, 0600, text.p, text.len, flags, err);
}

static bool has_ended(const struct berth_sandbox *sb)
{
	struct pollfd poll_fd = {.fd = sb->child.pidfd, .events = POLLIN};

	return sb->dead || sb->child.pidfd < 0 || poll(&poll_fd, 1, 0) > 0;
}

/* Take the status of what has ended, once. */
static void take_exit(struct berth_sandbox *sb)
{
	siginfo_t info = {0};

	if (sb->dead)
		return;
	sb->exit = (struct berth_exit){.size = sizeof(sb->exit), .at_ns = (uint64_t)clock_now_ns()};
	/* all others end with it, as in a pid namespace; its id is no other's until it is reaped */
	if (waitid(P_PIDFD, (id_t)sb->child.pidfd, &info, WEXITED | WNOHANG | WNOWAIT) == 0)
		(void)kill(-sb->child.pid, SIGKILL);
	if (waitid(P_PIDFD, (id_t)sb->child.pidfd, &info, WEXITED) < 0) {
		sb->exit.flags = BERTH_EXIT_UNKNOWN; /* of a process that is not our child */
	} else if (info.si_code == CLD_EXITED) {
		sb->exit.code = info.si_status;
	} else {
		sb->exit.signal = info.si_status;
		sb->exit.code = 128 + info.si_status;
		sb->exit.flags = info.si_code == CLD_DUMPED ? BERTH_EXIT_CORE : 0;
	}
	if (record_bool_or(record_get(sb->iso->mock.scenario, "oom"), false))
		sb->exit.flags |= BERTH_EXIT_OOM;
	sb->dead = true;
}

static struct child_spec child_of(const struct berth_isolation *iso, const struct record *process,
				  int root, const int32_t stdio[3], uint32_t preserve_fds,
				  const struct record *pretend)
{

	return (struct child_spec){
		.process = process,
		.root = root,
		.stdio = {stdio[0], stdio[1], stdio[2]},
		.preserve_fds = preserve_fds,
		.pretend = pretend,
		.code = (int)record_int_or(record_get(pretend, "exit_code"), 0),
		.out = record_str(record_get(pretend, "stdout")),
		.err = record_str(record_get(pretend, "stderr")),
		.run_ms = record_int_or(record_get(pretend, "run_ms"), 0),
		.ignore_term = record_bool_or(record_get(pretend, "ignore_term"), false),
	};
}

static char *join_args(const struct record *process)
{
	cleanup_strv char **args = NULL;

	if (record_strv(record_get(process, "args"), &args, NULL) < 0)
		return NULL;
	return strv_join(args, " ");
}

/* Is a sandbox of that name there and alive? What a dead one left is ours to replace. */
static int refuse_twin(const struct berth_isolation *iso, const char *id, struct berth_error *err)
{
	cleanup_free char *text = NULL;
	cleanup_record struct record *state = NULL;
	uint64_t birth;
	size_t n;

	if (state_read(iso->state, id, 4096, &text, &n, NULL) < 0 ||
	    record_parse(text, n, 0, &state, NULL) < 0)
		return 0;
	if (!birth_of((int)record_int_or(record_get(state, "pid"), 0), &birth) ||
	    (int64_t)birth != record_int_or(record_get(state, "birth"), -1))
		return 0;
	return berth_fail(err, BERTH_E_EXISTS, "sandbox '%s' is there already", id);
}

static int open_root(const struct berth_launch *launch, const struct record *spec, int *ret,
		     struct berth_error *err)
{
	const char *path = record_str(record_path(spec, "root.path"));

	if (launch->root_fd >= 0)
		*ret = openat(launch->root_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	else if (launch->root)
		return berth_fail(err, BERTH_E_UNSUPPORTED, "mock isolation takes no mount plans");
	else
		*ret = path ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	if (*ret < 0 && (path || launch->root_fd >= 0))
		return berth_fail_errno(err, errno, "open the root directory");
	return 0;
}

static int launch(struct berth_sandbox *sb, const struct berth_launch *launch,
		  const struct record *spec, struct berth_error *err)
{
	struct record *process;
	struct child_spec child;
	int r;

	r = record_need_object(spec, "process", &process, err);
	if (r == 0)
		r = open_root(launch, spec, &sb->root, err);
	if (r < 0)
		return r;
	sb->program = strdup(record_str_or(record_at(record_get(process, "args"), 0), ""));
	if (!sb->program)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	child = child_of(sb->iso, process, sb->root, launch->stdio, launch->preserve_fds,
			 record_get(sb->iso->mock.scenario, "pretend"));
	r = child_start(&child, &sb->child, err);
	if (r < 0)
		return r;
	(void)birth_of(sb->child.pid, &sb->birth); /* it is our child: there until we reap it */
	return write_state(sb, 0, err);
}

static void kill_child(struct berth_sandbox *sb)
{
	struct pollfd poll_fd = {.fd = sb->child.pidfd, .events = POLLIN};

	if (sb->child.pidfd < 0 || sb->dead)
		return;
	if (!has_ended(sb))
		(void)syscall(SYS_pidfd_send_signal, sb->child.pidfd, SIGKILL, NULL, 0);
	(void)poll(&poll_fd, 1, 10000); /* what is not our child cannot be waited for */
	take_exit(sb);
}

static int mock_create(struct berth_isolation *iso, const struct berth_launch *l,
		       struct berth_op *op, struct berth_sandbox **ret, struct berth_error *err)
{
	cleanup_record struct record *spec = NULL;
	cleanup_free char *args = NULL;
	cleanup_fd int lock = -1;
	struct berth_sandbox *sb;
	int r;

	if (l->spec.n > SPEC_MAX)
		return berth_fail(err, BERTH_E_LIMIT, "config.json has more than %d bytes",
				  SPEC_MAX);
	r = record_parse(l->spec.p, l->spec.n, 0, &spec, err);
	if (r < 0)
		return r;
	args = join_args(record_get(spec, "process"));
	r = mock_call(&iso->mock, NULL, err, "create", "id=%s netns=%s root=%s args=%s", l->id,
		      l->netns_fd >= 0 ? "yes" : "no", l->root_fd >= 0 ? "fd" : "path",
		      mock_arg(args));
	if (r == 0)
		r = mock_check_name(l->id, err);
	if (r == 0 && l->flags & (BERTH_LAUNCH_OUTLIVE | BERTH_LAUNCH_RESTORE))
		r = berth_fail(err, BERTH_E_UNSUPPORTED,
			       "mock isolation hands no container from one process to another");
	/* until we end: of those who want the same name one gets it */
	if (r == 0) {
		lock = openat(iso->state, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (lock < 0 || flock(lock, LOCK_EX) < 0)
			r = berth_fail_errno(err, errno, "lock the state directory");
	}
	if (r == 0)
		r = refuse_twin(iso, l->id, err);
	if (r < 0)
		return r;
	sb = calloc(1, sizeof(*sb));
	if (!sb)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	sb->iso = iso;
	sb->root = -1;
	sb->child = (struct child)CHILD_INIT;
	r = str_copy(l->id, &sb->id, err);
	if (r == 0)
		r = launch(sb, l, spec, err);
	if (r < 0) {
		kill_child(sb);
		sandbox_free(sb);
		return r;
	}
	*ret = sb;
	return 0;
}

/* Fill a handle from what save wrote. A process that is not the one we knew counts as dead. */
static int revive(struct berth_sandbox *sb, const struct record *state, struct berth_error *err)
{
	int64_t pid;
	uint64_t now;
	int r;

	r = record_need_int(state, "pid", &pid, err);
	if (r == 0)
		r = record_need_uint(state, "birth", &sb->birth, err);
	if (r == 0)
		r = str_copy(record_str_or(record_get(state, "program"), ""), &sb->program, err);
	if (r < 0)
		return r;
	sb->started_ns = (uint64_t)record_int_or(record_get(state, "started_ns"), 0);
	sb->child.pid = (int)pid;
	sb->child.pidfd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
	if (sb->child.pidfd >= 0 && birth_of((int)pid, &now) && now == sb->birth)
		return 0;
	close_fd(&sb->child.pidfd);
	/* something pollable that says: it has ended */
	sb->child.pidfd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	take_exit(sb);
	return 0;
}

static int mock_recover(struct berth_isolation *iso, const char *id, struct berth_str state,
			struct berth_sandbox **ret, struct berth_error *err)
{
	cleanup_record struct record *parsed = NULL;
	cleanup_free char *text = NULL;
	struct berth_sandbox *sb;
	size_t n;
	int r;

	r = mock_call(&iso->mock, NULL, err, "recover", "id=%s", id);
	if (r == 0)
		r = mock_check_name(id, err);
	if (r == 0 && state.n > 0 && record_parse(state.p, state.n, 0, &parsed, NULL) < 0)
		r = berth_fail(err, BERTH_E_CORRUPT, "the state of sandbox '%s' is damaged", id);
	/* nothing, or a config.json: then what we wrote ourselves, if it came to that */
	if (r == 0 && !record_has(parsed, "birth")) {
		record_free(steal_ptr(parsed));
		r = state_read(iso->state, id, 4096, &text, &n, err);
		if (r == 0)
			r = record_parse(text, n, 0, &parsed, err);
	}
	if (r < 0)
		return r;
	sb = calloc(1, sizeof(*sb));
	if (!sb)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	sb->iso = iso;
	sb->root = -1;
	sb->child = (struct child)CHILD_INIT;
	r = str_copy(id, &sb->id, err);
	if (r == 0)
		r = revive(sb, parsed, err);
	if (r < 0) {
		sandbox_free(sb);
		return r;
	}
	*ret = sb;
	return 0;
}

static int mock_save(struct berth_sandbox *sb, struct berth_sink *sink, struct berth_error *err)
{
	cleanup_str struct str text = STR_INIT;
	int r = mock_call(&sb->iso->mock, NULL, err, "save", "id=%s", sb->id);

	if (r == 0)
		r = save_text(sb, &text, err);
	if (r == 0 && sb->iso->mock.host->sink_put(sink, text.p, text.len) < 0)
		r = berth_fail(err, BERTH_E_LIMIT, "the sink is full");
	return r;
}

static int mock_info(struct berth_sandbox *sb, struct berth_sandbox_info *ret,
		     struct berth_error *err)
{
	int r = mock_call(&sb->iso->mock, NULL, err, "info", "id=%s", sb->id);

	if (r < 0)
		return r;
	ret->flags = 0;
	ret->pid = has_ended(sb) ? 0 : sb->child.pid;
	if (ret->size >= sizeof(*ret))
		ret->started_ns = sb->started_ns;
	return 0;
}

static int mock_start(struct berth_sandbox *sb, struct berth_error *err)
{
	int r = mock_call(&sb->iso->mock, NULL, err, "start", "id=%s", sb->id);

	if (r == 0)
		r = child_release(&sb->child, sb->program, err);
	if (r < 0)
		return r;
	sb->started_ns = (uint64_t)clock_now_ns();
	return write_state(sb, 0, err);
}

static int need_alive(const struct berth_sandbox *sb, struct berth_error *err)
{
	if (!has_ended(sb))
		return 0;
	return berth_fail(err, BERTH_E_NOT_FOUND, "sandbox '%s' has ended", sb->id);
}

static int mock_exec(struct berth_sandbox *sb, const struct berth_exec *exec, struct berth_op *op,
		     int *ret_pidfd, struct berth_error *err)
{
	cleanup_record struct record *process = NULL;
	cleanup_free char *args = NULL;
	struct child child = CHILD_INIT;
	const struct record *pretend;
	struct child_spec spec;
	int r;

	r = record_parse(exec->process.p, exec->process.n, 0, &process, err);
	if (r < 0)
		return r;
	args = join_args(process);
	r = mock_call(&sb->iso->mock, NULL, err, "exec", "id=%s args=%s", sb->id, mock_arg(args));
	if (r == 0)
		r = need_alive(sb, err);
	if (r == 0 && sb->frozen)
		r = berth_fail(err, BERTH_E_BUSY, "sandbox '%s' is frozen", sb->id);
	if (r < 0)
		return r;
	pretend = record_get(sb->iso->mock.scenario, "pretend_exec");
	if (!pretend)
		pretend = record_get(sb->iso->mock.scenario, "pretend");
	spec = child_of(sb->iso, process, sb->root, exec->stdio, exec->preserve_fds, pretend);
	r = child_start(&spec, &child, err);
	if (r < 0)
		return r;
	r = child_release(&child, record_str(record_at(record_get(process, "args"), 0)), err);
	if (r == 0)
		*ret_pidfd = steal_fd(&child.pidfd);
	else
		(void)waitid(P_PIDFD, (id_t)child.pidfd, &(siginfo_t){0}, WEXITED);
	child_done(&child);
	return r;
}

static int mock_signal(struct berth_sandbox *sb, int32_t signo, uint32_t flags,
		       struct berth_error *err)
{
	int r;

	r = mock_call(&sb->iso->mock, NULL, err, "signal", "id=%s signal=%d all=%s", sb->id, signo,
		      flags & BERTH_SIGNAL_ALL ? "yes" : "no");
	if (r == 0)
		r = need_alive(sb, err);
	if (r < 0)
		return r;
	/* its session is its process group, so far as it leaves it at that */
	if (flags & BERTH_SIGNAL_ALL)
		r = kill(-sb->child.pid, signo);
	else
		r = (int)syscall(SYS_pidfd_send_signal, sb->child.pidfd, signo, NULL, 0);
	return r < 0 ? berth_fail_errno(err, errno, "signal sandbox '%s'", sb->id) : 0;
}

static int mock_wait_fd(struct berth_sandbox *sb, int *ret, struct berth_error *err)
{
	*ret = sb->child.pidfd;
	return 0;
}

static int mock_reap(struct berth_sandbox *sb, struct berth_exit *ret, struct berth_error *err)
{
	uint32_t size = ret->size;
	int r = mock_call(&sb->iso->mock, NULL, err, "reap", "id=%s", sb->id);

	if (r < 0)
		return r;
	if (!has_ended(sb))
		return berth_fail(err, BERTH_E_BUSY, "sandbox '%s' is running", sb->id);
	take_exit(sb);
	memcpy(ret, &sb->exit, size < sizeof(sb->exit) ? size : sizeof(sb->exit));
	ret->size = size;
	return 0;
}

static int mock_update(struct berth_sandbox *sb, struct berth_str resources,
		       struct berth_error *err)
{
	cleanup_record struct record *parsed = NULL;
	int r = mock_call(&sb->iso->mock, NULL, err, "update", "id=%s resources=%.*s", sb->id,
			  (int)resources.n, resources.p);

	if (r == 0)
		r = need_alive(sb, err);
	if (r == 0)
		r = record_parse(resources.p, resources.n, 0, &parsed, err);
	if (r == 0 && record_type(parsed) != RECORD_OBJECT)
		r = berth_fail(err, BERTH_E_INVALID, "the resources are no JSON object");
	return r;
}

static int mock_freeze(struct berth_sandbox *sb, bool on, struct berth_error *err)
{
	int r = mock_call(&sb->iso->mock, NULL, err, "freeze", "id=%s on=%d", sb->id, on);

	if (r == 0)
		r = need_alive(sb, err);
	if (r < 0)
		return r;
	if (kill(-sb->child.pid, on ? SIGSTOP : SIGCONT) < 0)
		return berth_fail_errno(err, errno, "freeze sandbox '%s'", sb->id);
	sb->frozen = on;
	return 0;
}

static int mock_stats(struct berth_sandbox *sb, struct berth_sink *json, struct berth_error *err)
{
	const struct record *given = record_get(sb->iso->mock.scenario, "stats");
	cleanup_free char *text = given ? record_to_text(given, RECORD_COMPACT) : strdup("{}");
	int r = mock_call(&sb->iso->mock, NULL, err, "stats", "id=%s", sb->id);

	if (r == 0 && (!text || berth_sink_str(sb->iso->mock.host, json, text) < 0))
		r = berth_fail(err, BERTH_E_LIMIT, "the sink is full");
	return r;
}

static int mock_processes(struct berth_sandbox *sb, berth_id_fn fn, void *arg,
			  struct berth_error *err)
{
	char pid[16];
	int r = mock_call(&sb->iso->mock, NULL, err, "processes", "id=%s", sb->id);

	if (r < 0 || has_ended(sb))
		return r;
	(void)snprintf(pid, sizeof(pid), "%d", sb->child.pid);
	return fn(arg, pid);
}

static int mock_destroy(struct berth_sandbox *sb, struct berth_error *err)
{
	int r = mock_call(&sb->iso->mock, NULL, err, "destroy", "id=%s", sb->id);

	if (r < 0)
		return r;
	if (!sb->dead && sb->child.pid > 0 && !has_ended(sb))
		(void)kill(-sb->child.pid, SIGKILL); /* what it started, too */
	kill_child(sb);
	return state_unlink(sb->iso->state, sb->id, err);
}

static void mock_forget(struct berth_sandbox *sb)
{
	if (!sb)
		return;
	(void)mock_call(&sb->iso->mock, NULL, NULL, "forget", "id=%s", sb->id);
	sandbox_free(sb);
}

static int mock_features(struct berth_isolation *iso, struct berth_sink *json,
			 struct berth_error *err)
{
	int r = mock_call(&iso->mock, NULL, err, "features", "%s", "");

	if (r == 0 &&
	    berth_sink_str(iso->mock.host, json,
			   "{\"ociVersionMin\":\"1.0.0\",\"ociVersionMax\":\"1.2.0\"}") < 0)
		r = berth_fail(err, BERTH_E_LIMIT, "the sink is full");
	return r;
}

static void close_driver(void *instance)
{
	struct berth_isolation *iso = instance;

	if (!iso)
		return;
	mock_done(&iso->mock);
	close_fd(&iso->state);
	free(iso);
}

static int open_driver(const struct berth_host *host, const struct berth_conf *conf, int state_fd,
		       void **ret, struct berth_error *err)
{
	struct berth_isolation *iso = calloc(1, sizeof(*iso));
	int r;

	if (!iso)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	iso->state = iso->mock.transcript = -1;
	r = mock_init(&iso->mock, "isolation", host, conf, err);
	if (r == 0)
		r = mock_call(&iso->mock, NULL, err, "open", "%s", "");
	if (r == 0) {
		iso->state = fcntl(state_fd, F_DUPFD_CLOEXEC, 3);
		r = iso->state < 0 ? berth_fail_errno(err, errno, "keep the state directory") : 0;
	}
	if (r < 0) {
		close_driver(iso);
		return r;
	}
	*ret = iso;
	return 0;
}

static int reload_driver(void *instance, const struct berth_conf *conf, struct berth_error *err)
{
	return mock_reload(&((struct berth_isolation *)instance)->mock, conf, err);
}

static const struct berth_isolation_ops ops = {
	.features = mock_features,
	.create = mock_create,
	.recover = mock_recover,
	.save = mock_save,
	.info = mock_info,
	.start = mock_start,
	.exec = mock_exec,
	.signal = mock_signal,
	.wait_fd = mock_wait_fd,
	.reap = mock_reap,
	.update = mock_update,
	.freeze = mock_freeze,
	.stats = mock_stats,
	.processes = mock_processes,
	.destroy = mock_destroy,
	.forget = mock_forget,
};

static const struct berth_driver head = {
	MOCK_HEAD,
	.options = mock_options,
	.kind = BERTH_ISOLATION,
	.caps = BERTH_ISO_EXEC | BERTH_ISO_PAUSE | BERTH_ISO_UPDATE | BERTH_ISO_STATS |
		BERTH_ISO_RECOVER | BERTH_ISO_PID_IS_REAL | BERTH_ISO_ROOT_FD |
		BERTH_ISO_NET_NETNS | BERTH_ISO_INSECURE,
	.summary = "ordinary child processes, kept apart from nothing, for tests",
	.ops = &ops,
	.ops_size = sizeof(ops),
	.open = open_driver,
	.reload = reload_driver,
	.close = close_driver,
};

BERTH_DRIVER_EXPORT(BERTH_ISOLATION, "mock", MOCK_VERSION, head);
