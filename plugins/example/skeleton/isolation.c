/* SPDX-License-Identifier: Apache-2.0 */
/*
 * skeleton - an isolation driver in its minimal form: the program runs in namespaces and a root of its
 * own, with the powers of whoever runs the engine. So it says of itself that it is INSECURE, and the
 * config must allow it.
 *
 * What it makes true of an OCI config.json: process.args, env, cwd and user (ids), root, a mount of
 * type proc, the namespaces pid, mount, uts, ipc and network. explain() names the rest, and create()
 * refuses it unless BERTH_LAUNCH_DEGRADED or the option `ignore` is set. What each call promises is in
 * <berth/isolation.h>.
 *
 * A child is cloned by create(), makes itself at home, and waits; start() lets it go. Between clone and
 * exec it calls async-signal-safe functions only: all that it needs is in struct plan before.
 */
#include <berth/isolation.h>

#include <fcntl.h>
#include <grp.h>
#include <json-c/json.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	SPEC_MAX = 4 << 20, /* bytes */
	WORDS_MAX = 4096,   /* of args and env */
	KILL_MS = 10000,    /* a killed process is gone by then, or something is wrong */
};

struct berth_isolation {
	const struct berth_host *host;
	int state;    /* a file for each sandbox, locked while it is ours */
	bool ignores; /* option: take what we do not make true */
};

struct berth_sandbox {
	struct berth_isolation *iso;
	char *id;
	char *program; /* as messages call it */
	int lock;
	int pidfd;
	int talk; /* to the child until it has been executed */
	pid_t pid;
	uint64_t started_ns;
	bool is_dead;
	struct berth_exit exit; /* if dead */
};

/* All that the child needs. */
struct plan {
	uint64_t namespaces; /* CLONE_NEW… */
	char **args, **env;
	char **candidates; /* where args[0] may be */
	const char *cwd;
	uid_t uid;
	gid_t gid;
	bool has_proc;
	bool is_readonly;
	int root; /* a detached mount */
	int netns;
	int stdio[3];
	int talk;
	uint32_t preserve_fds;
};

/* What the child says: how far it came, and the errno that it met there. */
struct report {
	enum stage { STAGE_READY, STAGE_ROOT, STAGE_CWD, STAGE_USER, STAGE_EXEC } stage;
	int failed;
};

static const char *const stage_texts[] = {"wait", "enter the root", "enter the working directory",
					  "become the user", "execute"};

static void close_fd(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
	errno = saved;
}

static void free_words(char **words)
{
	for (char **w = words; w && *w; w++)
		free(*w);
	free(words);
}

static void plan_done(struct plan *plan)
{
	free_words(plan->args);
	free_words(plan->env);
	free_words(plan->candidates);
	close_fd(&plan->root);
	for (int i = 0; i < 3; i++)
		close_fd(&plan->stdio[i]);
	close_fd(&plan->talk);
}

static int no_memory(struct berth_error *err)
{
	return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
}

/* ------------------------------------------------------------------------------------- the specification */

static json_object *get(json_object *object, const char *key)
{
	json_object *value = NULL;

	return json_object_is_type(object, json_type_object) &&
			       json_object_object_get_ex(object, key, &value)
		       ? value
		       : NULL;
}

static int parse_spec(struct berth_str spec, json_object **ret, struct berth_error *err)
{
	json_tokener *parser;
	bool is_whole;

	if (spec.n > SPEC_MAX)
		return berth_fail(err, BERTH_E_LIMIT, "config.json has more than %d bytes",
				  SPEC_MAX);
	parser = json_tokener_new_ex(32);
	if (!parser)
		return no_memory(err);
	json_tokener_set_flags(parser, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	*ret = json_tokener_parse_ex(parser, spec.p ? spec.p : "", (int)spec.n);
	is_whole = json_tokener_get_error(parser) == json_tokener_success;
	json_tokener_free(parser);
	if (is_whole && json_object_is_type(*ret, json_type_object))
		return 0;
	json_object_put(*ret);
	return berth_fail(err, BERTH_E_INVALID, "config.json is no JSON object");
}

static const struct {
	const char *name;
	uint64_t flag;
} namespaces[] = {
	{"pid", CLONE_NEWPID}, {"mount", CLONE_NEWNS},	  {"uts", CLONE_NEWUTS},
	{"ipc", CLONE_NEWIPC}, {"network", CLONE_NEWNET},
};

static uint64_t namespace_flag(json_object *one)
{
	const char *type = json_object_get_string(get(one, "type"));

	for (size_t i = 0; type && i < sizeof(namespaces) / sizeof(namespaces[0]); i++)
		if (strcmp(type, namespaces[i].name) == 0)
			return namespaces[i].flag;
	return 0;
}

static bool is_proc(json_object *mount)
{
	const char *type = json_object_get_string(get(mount, "type"));
	const char *to = json_object_get_string(get(mount, "destination"));

	return type && to && strcmp(type, "proc") == 0 && strcmp(to, "/proc") == 0;
}

/* Calls @fn for each part that would not be made true; stops when it does not return 0. */
typedef int (*ignored_fn)(void *arg, const char *key);

static int each_unknown_key(json_object *object, const char *prefix, const char *const known[],
			    ignored_fn fn, void *arg)
{
	if (!json_object_is_type(object, json_type_object))
		return 0;
	json_object_object_foreach(object, key, value)
	{
		char text[128];
		size_t i = 0;
		int r;

		(void)value;
		while (known[i] && strcmp(known[i], key) != 0)
			i++;
		if (known[i])
			continue;
		(void)snprintf(text, sizeof(text), "%s%.64s", prefix, key);
		r = fn(arg, text);
		if (r != 0)
			return r;
	}
	return 0;
}

static int each_ignored(json_object *spec, ignored_fn fn, void *arg)
{
	static const char *const in_spec[] = {"ociVersion", "process",	   "root", "mounts",
					      "linux",	    "annotations", NULL};
	static const char *const in_process[] = {"args", "env", "cwd", "user", "terminal", NULL};
	static const char *const in_user[] = {"uid", "gid", NULL};
	static const char *const in_root[] = {"path", "readonly", NULL};
	static const char *const in_linux[] = {"namespaces", NULL};
	json_object *mounts = get(spec, "mounts");
	json_object *spaces = get(get(spec, "linux"), "namespaces");
	int r = each_unknown_key(spec, "", in_spec, fn, arg);

	if (r == 0)
		r = each_unknown_key(get(spec, "process"), "process.", in_process, fn, arg);
	if (r == 0)
		r = each_unknown_key(get(get(spec, "process"), "user"), "process.user.", in_user,
				     fn, arg);
	if (r == 0)
		r = each_unknown_key(get(spec, "root"), "root.", in_root, fn, arg);
	if (r == 0)
		r = each_unknown_key(get(spec, "linux"), "linux.", in_linux, fn, arg);
	for (size_t i = 0; r == 0 && mounts && i < json_object_array_length(mounts); i++)
		if (!is_proc(json_object_array_get_idx(mounts, i)))
			r = fn(arg, "mounts");
	for (size_t i = 0; r == 0 && spaces && i < json_object_array_length(spaces); i++) {
		json_object *one = json_object_array_get_idx(spaces, i);

		if (!namespace_flag(one) || get(one, "path"))
			r = fn(arg, "linux.namespaces");
	}
	return r;
}

static int invalid(const char *key, struct berth_error *err)
{
	return berth_fail(err, BERTH_E_INVALID, "config.json: '%s' is missing or of the wrong kind",
			  key);
}

/* An array of strings; absent is an empty one. */
static int read_words(json_object *process, const char *key, char ***ret, struct berth_error *err)
{
	json_object *array = get(process, key);
	size_t n = 0;

	if (array && !json_object_is_type(array, json_type_array))
		return invalid(key, err);
	if (array)
		n = json_object_array_length(array);
	if (n > WORDS_MAX)
		return berth_fail(err, BERTH_E_LIMIT, "'%s' has more than %d words", key,
				  WORDS_MAX);
	*ret = calloc(n + 1, sizeof(**ret));
	if (!*ret)
		return no_memory(err);
	for (size_t i = 0; i < n; i++) {
		json_object *word = json_object_array_get_idx(array, i);

		if (!json_object_is_type(word, json_type_string) ||
		    strlen(json_object_get_string(word)) !=
			    (size_t)json_object_get_string_len(word))
			return invalid(key, err);
		(*ret)[i] = strdup(json_object_get_string(word));
		if (!(*ret)[i])
			return no_memory(err);
	}
	return 0;
}

static int read_id(json_object *user, const char *key, uint32_t *ret, struct berth_error *err)
{
	json_object *id = get(user, key);

	if (!id)
		return 0;
	if (!json_object_is_type(id, json_type_int) || json_object_get_int64(id) < 0 ||
	    json_object_get_int64(id) >= UINT32_MAX)
		return invalid("process.user", err);
	*ret = (uint32_t)json_object_get_int64(id);
	return 0;
}

/* args[0] itself if it has a slash, else one word for each directory of PATH. */
static int make_candidates(struct plan *plan, struct berth_error *err)
{
	const char *path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	size_t n = 0;

	for (char **e = plan->env; *e; e++)
		if (strncmp(*e, "PATH=", 5) == 0)
			path = *e + 5;
	plan->candidates = calloc(strlen(path) + 2, sizeof(*plan->candidates));
	if (!plan->candidates)
		return no_memory(err);
	if (strchr(plan->args[0], '/')) {
		plan->candidates[0] = strdup(plan->args[0]);
		return plan->candidates[0] ? 0 : no_memory(err);
	}
	for (const char *dir = path; *dir; dir += *dir == ':') {
		size_t len = strcspn(dir, ":");
		size_t room = len + strlen(plan->args[0]) + 2;
		char *word = len ? malloc(room) : NULL;

		if (!word && len)
			return no_memory(err);
		if (len) {
			(void)snprintf(word, room, "%.*s/%s", (int)len, dir, plan->args[0]);
			plan->candidates[n++] = word;
		}
		dir += len;
	}
	return 0;
}

static int read_process(json_object *process, struct plan *plan, struct berth_error *err)
{
	json_object *cwd = get(process, "cwd");
	uint32_t uid = 0;
	uint32_t gid = 0;
	int r;

	if (!json_object_is_type(process, json_type_object))
		return invalid("process", err);
	if (json_object_get_boolean(get(process, "terminal")))
		return berth_fail(err, BERTH_E_UNSUPPORTED, "'skeleton' has no terminals");
	plan->cwd = cwd ? json_object_get_string(cwd) : "/";
	if ((cwd && !json_object_is_type(cwd, json_type_string)) || plan->cwd[0] != '/')
		return invalid("process.cwd", err);
	r = read_words(process, "args", &plan->args, err);
	if (r == 0 && !(plan->args[0] && plan->args[0][0]))
		r = invalid("process.args", err);
	if (r == 0)
		r = read_words(process, "env", &plan->env, err);
	if (r == 0)
		r = read_id(get(process, "user"), "uid", &uid, err);
	if (r == 0)
		r = read_id(get(process, "user"), "gid", &gid, err);
	if (r == 0)
		r = make_candidates(plan, err);
	plan->uid = uid;
	plan->gid = gid;
	return r;
}

static void read_namespaces(json_object *spec, struct plan *plan)
{
	json_object *spaces = get(get(spec, "linux"), "namespaces");
	json_object *mounts = get(spec, "mounts");

	plan->namespaces = CLONE_NEWNS; /* the root is its own in any case */
	for (size_t i = 0; spaces && i < json_object_array_length(spaces); i++)
		plan->namespaces |= namespace_flag(json_object_array_get_idx(spaces, i));
	if (plan->netns >= 0)
		plan->namespaces &= ~(uint64_t)CLONE_NEWNET;
	for (size_t i = 0; mounts && i < json_object_array_length(mounts); i++)
		plan->has_proc |= is_proc(json_object_array_get_idx(mounts, i));
	plan->is_readonly = json_object_get_boolean(get(get(spec, "root"), "readonly"));
}

static int read_root(json_object *spec, const struct berth_launch *launch, struct plan *plan,
		     struct berth_error *err)
{
	const char *path = json_object_get_string(get(get(spec, "root"), "path"));

	if (launch->root_fd >= 0)
		plan->root = fcntl(launch->root_fd, F_DUPFD_CLOEXEC, 3);
	else if (launch->root)
		return berth_fail(err, BERTH_E_UNSUPPORTED, "'skeleton' takes no plans of mounts");
	else if (!path)
		return invalid("root.path", err);
	else
		plan->root = open_tree(AT_FDCWD, path,
				       OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	return plan->root < 0 ? berth_fail_errno(err, errno, "open the root") : 0;
}

/* Out of the way of 0 to 2, and of what is preserved. */
static int read_stdio(const struct berth_launch *launch, struct plan *plan, struct berth_error *err)
{
	for (int i = 0; i < 3; i++) {
		int null = launch->stdio[i] < 0 ? open("/dev/null", O_RDWR | O_CLOEXEC) : -1;
		int from = launch->stdio[i] < 0 ? null : launch->stdio[i];

		plan->stdio[i] = fcntl(from, F_DUPFD_CLOEXEC, 3 + (int)launch->preserve_fds);
		close_fd(&null);
		if (plan->stdio[i] < 0)
			return berth_fail_errno(err, errno, "prepare stdio");
	}
	plan->preserve_fds = launch->preserve_fds;
	return 0;
}

/* --------------------------------------------------------------------------------------------- the child */

/* From here to child_main(): no allocation, no locks, nothing but system calls. */

static _Noreturn void give_up(const struct plan *plan, enum stage stage)
{
	const struct report report = {stage, errno};

	(void)!write(plan->talk, &report, sizeof(report));
	_exit(127);
}

/* The root is laid over "/" and becomes it; the old one goes from under our feet. */
static bool enter_root(const struct plan *plan)
{
	struct mount_attr readonly = {.attr_set = MOUNT_ATTR_RDONLY};

	if (plan->netns >= 0 && setns(plan->netns, CLONE_NEWNET) < 0)
		return false;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    move_mount(plan->root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0 ||
	    fchdir(plan->root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return false;
	if (plan->has_proc) {
		(void)mkdir("/proc", 0555); /* if it is there, fine; else the mount fails */
		if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
			return false;
	}
	return !plan->is_readonly ||
	       mount_setattr(AT_FDCWD, "/", 0, &readonly, sizeof(readonly)) == 0;
}

static bool become_user(const struct plan *plan)
{
	return setgroups(0, NULL) == 0 && setresgid(plan->gid, plan->gid, plan->gid) == 0 &&
	       setresuid(plan->uid, plan->uid, plan->uid) == 0;
}

static bool arrange_fds(const struct plan *plan)
{
	unsigned first = 3 + plan->preserve_fds;
	unsigned talk = (unsigned)plan->talk;

	for (int i = 0; i < 3; i++)
		if (dup2(plan->stdio[i], i) < 0)
			return false;
	for (unsigned fd = 3; fd < first; fd++)
		(void)fcntl((int)fd, F_SETFD, 0);
	if (talk > first)
		(void)syscall(SYS_close_range, first, talk - 1, 0);
	return syscall(SYS_close_range, talk + 1, ~0U, 0) == 0;
}

static _Noreturn void child_main(const struct plan *plan)
{
	const struct report ready = {STAGE_READY, 0};
	int failed = ENOENT;
	sigset_t none;
	char go;

	(void)setsid();
	for (int sig = 1; sig < NSIG; sig++)
		(void)signal(sig, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	/* nobody could recover it: without its creator it ends */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || !enter_root(plan) || !arrange_fds(plan))
		give_up(plan, STAGE_ROOT);
	if (!become_user(plan) || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		give_up(plan, STAGE_USER);
	if (chdir(plan->cwd) < 0)
		give_up(plan, STAGE_CWD);
	if (write(plan->talk, &ready, sizeof(ready)) != sizeof(ready) ||
	    read(plan->talk, &go, 1) != 1)
		_exit(127);
	for (char **c = plan->candidates; *c; c++) {
		(void)execve(*c, plan->args, plan->env);
		if (errno != ENOENT && errno != ENOTDIR)
			failed = errno;
	}
	errno = failed;
	give_up(plan, STAGE_EXEC);
}

/* ------------------------------------------------------------------------------------ required: its life */

static uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static bool has_ended(const struct berth_sandbox *sb)
{
	struct pollfd ended = {.fd = sb->pidfd, .events = POLLIN};

	return sb->is_dead || sb->pidfd < 0 || poll(&ended, 1, 0) > 0;
}

/* The status of what has ended, once. */
static void take_exit(struct berth_sandbox *sb)
{
	siginfo_t info = {0};

	if (sb->is_dead || sb->pidfd < 0)
		return;
	sb->exit = (struct berth_exit){.size = sizeof(sb->exit), .at_ns = now_ns()};
	/* without a pid namespace others may be left; until it is reaped their group's number is theirs */
	(void)kill(-sb->pid, SIGKILL);
	if (waitid(P_PIDFD, (id_t)sb->pidfd, &info, WEXITED) < 0) {
		sb->exit.flags = BERTH_EXIT_UNKNOWN;
	} else if (info.si_code == CLD_EXITED) {
		sb->exit.code = info.si_status;
	} else {
		sb->exit.signal = info.si_status;
		sb->exit.code = 128 + info.si_status;
		sb->exit.flags = info.si_code == CLD_DUMPED ? BERTH_EXIT_CORE : 0;
	}
	sb->is_dead = true;
}

static int end_child(struct berth_sandbox *sb, struct berth_error *err)
{
	struct pollfd ended = {.fd = sb->pidfd, .events = POLLIN};

	close_fd(&sb->talk);
	if (sb->is_dead || sb->pidfd < 0)
		return 0;
	/* its session first; with a pid namespace all others go with the first process */
	(void)kill(-sb->pid, SIGKILL);
	(void)syscall(SYS_pidfd_send_signal, sb->pidfd, SIGKILL, NULL, 0);
	if (poll(&ended, 1, KILL_MS) <= 0)
		return berth_fail(err, BERTH_E_TIMEOUT, "sandbox '%s' does not end", sb->id);
	take_exit(sb);
	return 0;
}

static void skeleton_forget(struct berth_sandbox *sb)
{
	if (!sb)
		return;
	close_fd(&sb->talk);
	close_fd(&sb->pidfd);
	close_fd(&sb->lock);
	free(sb->id);
	free(sb->program);
	free(sb);
}

/* [a-z0-9][a-z0-9_.:-]{0,127} */
static int check_name(const char *name, struct berth_error *err)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.:-");

	if (name[0] && strchr(first, name[0]) && !name[n] && n <= 128)
		return 0;
	return berth_fail(err, BERTH_E_INVALID, "'%.140s' is no name", name);
}

/* A name is taken as long as somebody holds its lock; what a dead one left is free. */
static int take_name(struct berth_sandbox *sb, struct berth_error *err)
{
	sb->lock = openat(sb->iso->state, sb->id, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (sb->lock < 0)
		return berth_fail_errno(err, errno, "make a file for sandbox '%s'", sb->id);
	if (flock(sb->lock, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return berth_fail_errno(err, errno, "lock sandbox '%s'", sb->id);
	close_fd(&sb->lock);
	return berth_fail(err, BERTH_E_EXISTS, "sandbox '%s' is there already", sb->id);
}

/* What the child says next: 0 when it is as far as @wanted, or its failure. */
static int hear(struct berth_sandbox *sb, enum stage wanted, struct berth_op *op,
		struct berth_error *err)
{
	struct pollfd fds[2] = {{.fd = sb->talk, .events = POLLIN},
				{.fd = sb->iso->host->cancel_fd(op), .events = POLLIN}};
	struct report report;
	ssize_t n;

	while (poll(fds, 2, -1) < 0 && errno == EINTR)
		;
	if (sb->iso->host->cancelled(op))
		return berth_fail(err, BERTH_E_CANCELLED, "cancelled");
	n = read(sb->talk, &report, sizeof(report));
	if (n == 0 && wanted == STAGE_EXEC)
		return 0; /* closed by its execution */
	if (n != sizeof(report))
		return berth_fail(err, BERTH_E_IO, "the program ended before it began");
	if (report.stage == wanted && report.failed == 0)
		return 0;
	if (report.stage != STAGE_EXEC)
		return berth_fail_errno(err, report.failed, "%s", stage_texts[report.stage]);
	(void)berth_fail_errno(err, report.failed, "exec: \"%s\"", sb->program);
	if (report.failed == ENOENT && !strchr(sb->program, '/'))
		(void)berth_fail(err, BERTH_E_EXEC,
				 "exec: \"%s\": executable file not found in $PATH", sb->program);
	if (err) {
		err->code = BERTH_E_EXEC;
		err->sys_errno = report.failed;
	}
	return -BERTH_E_EXEC;
}

static int clone_child(struct berth_sandbox *sb, struct plan *plan, struct berth_error *err)
{
	struct clone_args args = {.exit_signal = SIGCHLD, .flags = CLONE_PIDFD | plan->namespaces};
	int talk[2];
	long pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, talk) < 0)
		return berth_fail_errno(err, errno, "make a pair of sockets");
	sb->talk = talk[0];
	plan->talk = fcntl(talk[1], F_DUPFD_CLOEXEC, 3 + (int)plan->preserve_fds);
	close_fd(&talk[1]);
	if (plan->talk < 0)
		return berth_fail_errno(err, errno, "prepare a socket");
	args.pidfd = (uintptr_t)&sb->pidfd;
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		child_main(plan);
	if (pid < 0) {
		sb->pidfd = -1;
		return berth_fail_errno(err, errno, "clone a process");
	}
	sb->pid = (pid_t)pid;
	close_fd(&plan->talk); /* its end is the child's alone: we hear when it is closed */
	return 0;
}

static int refuse_ignored(void *arg, const char *key)
{
	struct berth_error *err = arg;
	int r = berth_fail(err, BERTH_E_UNSUPPORTED, "'skeleton' does not do what '%s' asks for",
			   key);

	berth_error_hint(err, "use the driver native, or set the option ignore");
	return r;
}

static int make_plan(json_object *spec, const struct berth_launch *launch, bool ignores,
		     struct plan *plan, struct berth_error *err)
{
	int r = read_process(get(spec, "process"), plan, err);

	if (r == 0 && launch->flags & (BERTH_LAUNCH_OUTLIVE | BERTH_LAUNCH_RESTORE))
		r = berth_fail(err, BERTH_E_UNSUPPORTED,
			       "'skeleton' cannot hand containers from one process to another");
	if (r == 0 && !ignores && !(launch->flags & BERTH_LAUNCH_DEGRADED))
		r = each_ignored(spec, refuse_ignored, err);
	if (r < 0)
		return r;
	plan->netns = launch->netns_fd;
	read_namespaces(spec, plan);
	r = read_root(spec, launch, plan, err);
	return r < 0 ? r : read_stdio(launch, plan, err);
}

static int launch_it(struct berth_sandbox *sb, const struct berth_launch *launch, json_object *spec,
		     struct berth_op *op, struct berth_error *err)
{
	struct plan plan = {.root = -1, .netns = -1, .stdio = {-1, -1, -1}, .talk = -1};
	int r = make_plan(spec, launch, sb->iso->ignores, &plan, err);

	if (r == 0) {
		sb->program = strdup(plan.args[0]);
		r = sb->program ? clone_child(sb, &plan, err) : no_memory(err);
	}
	plan_done(&plan);
	return r < 0 ? r : hear(sb, STAGE_READY, op, err);
}

/* On failure nothing is left: no process, no file. */
static void undo_create(struct berth_sandbox *sb)
{
	(void)end_child(sb, NULL);
	if (sb->lock >= 0)
		(void)unlinkat(sb->iso->state, sb->id, 0);
	skeleton_forget(sb);
}

static int skeleton_create(struct berth_isolation *iso, const struct berth_launch *launch,
			   struct berth_op *op, struct berth_sandbox **ret, struct berth_error *err)
{
	struct berth_sandbox *sb;
	json_object *spec = NULL;
	int r = check_name(launch->id, err);

	if (r == 0 && iso->host->cancelled(op))
		r = berth_fail(err, BERTH_E_CANCELLED, "cancelled");
	if (r == 0)
		r = parse_spec(launch->spec, &spec, err);
	if (r < 0)
		return r;
	sb = calloc(1, sizeof(*sb));
	if (!sb) {
		json_object_put(spec);
		return no_memory(err);
	}
	sb->iso = iso;
	sb->lock = sb->pidfd = sb->talk = -1;
	sb->id = strdup(launch->id);
	r = sb->id ? take_name(sb, err) : no_memory(err);
	if (r == 0)
		r = launch_it(sb, launch, spec, op, err);
	json_object_put(spec);
	if (r < 0)
		undo_create(sb);
	else
		*ret = sb;
	return r;
}

static int skeleton_info(struct berth_sandbox *sb, struct berth_sandbox_info *ret,
			 struct berth_error *err)
{
	(void)err;
	ret->flags = 0;
	ret->pid = has_ended(sb) ? 0 : sb->pid;
	if (ret->size >= offsetof(struct berth_sandbox_info, started_ns) + sizeof(uint64_t))
		ret->started_ns = sb->started_ns;
	return 0;
}

static int skeleton_start(struct berth_sandbox *sb, struct berth_error *err)
{
	int r;

	if (has_ended(sb))
		return berth_fail(err, BERTH_E_NOT_FOUND, "sandbox '%s' has ended", sb->id);
	if (sb->talk < 0)
		return berth_fail(err, BERTH_E_BUSY, "sandbox '%s' is started already", sb->id);
	if (send(sb->talk, "", 1, MSG_NOSIGNAL) != 1)
		return berth_fail_errno(err, errno, "let the program go");
	r = hear(sb, STAGE_EXEC, NULL, err);
	close_fd(&sb->talk);
	if (r == 0)
		sb->started_ns = now_ns();
	return r;
}

static int skeleton_signal(struct berth_sandbox *sb, int32_t signo, uint32_t flags,
			   struct berth_error *err)
{
	int r;

	if (has_ended(sb))
		return berth_fail(err, BERTH_E_NOT_FOUND, "sandbox '%s' has ended", sb->id);
	r = flags & BERTH_SIGNAL_ALL
		    ? kill(-sb->pid, signo) /* so far as they have stayed in its group */
		    : (int)syscall(SYS_pidfd_send_signal, sb->pidfd, signo, NULL, 0);
	return r < 0 ? berth_fail_errno(err, errno, "signal sandbox '%s'", sb->id) : 0;
}

static int skeleton_wait_fd(struct berth_sandbox *sb, int *ret_fd, struct berth_error *err)
{
	(void)err;
	*ret_fd = sb->pidfd;
	return 0;
}

static int skeleton_reap(struct berth_sandbox *sb, struct berth_exit *ret, struct berth_error *err)
{
	uint32_t size = ret->size;

	if (!has_ended(sb))
		return berth_fail(err, BERTH_E_BUSY, "sandbox '%s' is running", sb->id);
	take_exit(sb);
	memcpy(ret, &sb->exit, size < sizeof(sb->exit) ? size : sizeof(sb->exit));
	ret->size = size;
	return 0;
}

static int skeleton_destroy(struct berth_sandbox *sb, struct berth_error *err)
{
	int r = end_child(sb, err);

	if (r < 0)
		return r;
	if (sb->lock >= 0 && unlinkat(sb->iso->state, sb->id, 0) < 0 && errno != ENOENT)
		return berth_fail_errno(err, errno, "remove the file of sandbox '%s'", sb->id);
	close_fd(&sb->lock); /* the name is free */
	return 0;
}

/* ------------------------------------------------------------------------------------- optional: explain */

struct explaining {
	const struct berth_host *host;
	struct berth_sink *findings;
};

static int tell_ignored(void *arg, const char *key)
{
	const struct explaining *e = arg;
	char text[192];

	(void)snprintf(text, sizeof(text), "what '%s' asks for is not done", key);
	return e->host->finding(e->findings, BERTH_FINDING_ERROR, "skeleton.ignored", text,
				"use the driver native");
}

static int skeleton_explain(struct berth_isolation *iso, struct berth_str spec,
			    struct berth_sink *findings, struct berth_error *err)
{
	struct explaining e = {iso->host, findings};
	json_object *parsed = NULL;
	int r = parse_spec(spec, &parsed, err);

	if (r < 0)
		return r;
	r = each_ignored(parsed, tell_ignored, &e);
	json_object_put(parsed);
	return r < 0 ? berth_fail(err, -r, "the findings do not fit") : 0;
}

/* ---------------------------------------------------------------------------------- required: open, close */

static void skeleton_close(void *instance)
{
	struct berth_isolation *iso = instance;

	if (!iso)
		return;
	close_fd(&iso->state);
	free(iso);
}

static int skeleton_open(const struct berth_host *host, const struct berth_conf *conf, int state_fd,
			 void **ret_instance, struct berth_error *err)
{
	struct berth_isolation *iso = calloc(1, sizeof(*iso));

	if (!iso)
		return no_memory(err);
	iso->host = host;
	iso->ignores = host->conf_bool(conf, "ignore");
	iso->state = fcntl(state_fd, F_DUPFD_CLOEXEC, 3);
	if (iso->state < 0) {
		int failed = errno;

		free(iso);
		return berth_fail_errno(err, failed, "keep the state directory");
	}
	*ret_instance = iso;
	return 0;
}

/* ----------------------------------------------------------------------------------------- the tables */

static const struct berth_option skeleton_options[] = {
	{
		.name = "ignore",
		.type = BERTH_OPT_BOOL,
		.fallback = "false",
		.doc = "Run containers although parts of their specification are not made true.",
	},
	{.name = NULL},
};

static const struct berth_isolation_ops skeleton_ops = {
	.create = skeleton_create,
	.info = skeleton_info,
	.start = skeleton_start,
	.signal = skeleton_signal,
	.wait_fd = skeleton_wait_fd,
	.reap = skeleton_reap,
	.destroy = skeleton_destroy,
	.forget = skeleton_forget,
	/* optional from here; not here: features, recover, save, exec, update, freeze, stats,
	 * processes, checkpoint */
	.explain = skeleton_explain,
};

static const struct berth_driver skeleton_head = {
	.size = sizeof(skeleton_head),
	.kind = BERTH_ISOLATION,
	.host_min = BERTH_HOST_SIZE_1_0,
	.threads = BERTH_THREADS_ONE, /* its callers are single-threaded */
	.caps = BERTH_ISO_PID_IS_REAL | BERTH_ISO_ROOT_FD | BERTH_ISO_NET_NETNS |
		BERTH_ISO_INSECURE,
	.needs = BERTH_NEEDS_ROOT,
	.name = "skeleton",
	.version = "0.1.0",
	.summary = "namespaces and a root of its own, with all powers",
	.options = skeleton_options,
	.ops = &skeleton_ops,
	.option_size = sizeof(struct berth_option),
	.ops_size = sizeof(skeleton_ops),
	.open = skeleton_open,
	.close = skeleton_close,
};

BERTH_DRIVER_EXPORT(BERTH_ISOLATION, "skeleton", "0.1.0", skeleton_head);
