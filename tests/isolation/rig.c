/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "base/record_write.h"
#include "core/container/caps.h"
#include "core/container/kernel.h"
#include "core/container/seccomp_profile.h"

#define ROUNDS 1000

struct rig rig;

static struct record *json(const char *text)
{
	cleanup_free char *copy = strdup(text);
	struct record *r = NULL;

	for (char *c = copy; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	ck_ok(record_parse(copy, strlen(copy), 0, &r, &err));
	return r;
}

static struct record *read_json(const char *path)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	cleanup_free char *text = NULL;
	struct record *r = NULL;
	size_t len;

	ck_assert_msg(fd >= 0, "open '%s'", path);
	ck_ok(read_fd_limited(fd, 1 << 20, &text, &len, &err));
	ck_ok(record_parse(text, len, 0, &r, &err));
	return r;
}

static struct record *default_seccomp(void)
{
	cleanup_record struct record *top = NULL;
	cleanup_str struct str out = STR_INIT;
	struct jw w = jw_to(&out, RECORD_COMPACT);

	jw_object_begin(&w);
	seccomp_default_write(CAPS_DEFAULT, KERNEL_VERSION_OF(6, 1), &w);
	jw_object_end(&w);
	ck_ok(str_check(&out, &err));
	ck_ok(record_parse(out.p, out.len, 0, &top, &err));
	return record_ref(record_get(top, "seccomp"));
}

void box_set(struct box *b, const char *path, const char *text)
{
	struct record *at = b->spec;
	const char *dot;

	while ((dot = strchr(path, '.'))) {
		cleanup_free char *key = strndup(path, (size_t)(dot - path));

		if (!record_get(at, key))
			ck_ok(record_set(at, key, record_new_object(), &err));
		at = record_get(at, key);
		path = dot + 1;
	}
	if (text)
		ck_ok(record_set(at, path, json(text), &err));
	else
		record_unset(at, path);
}

void box_setf(struct box *b, const char *path, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	box_set(b, path, text);
}

void box_add(struct box *b, const char *path, const char *text)
{
	if (!record_path(b->spec, path))
		box_set(b, path, "[]");
	ck_ok(record_append(record_path(b->spec, path), json(text), &err));
}

static struct record *args_of(const char *words)
{
	cleanup_strv char **v = strv_split(words, ' ');
	struct record *args = record_new_array();

	ck_ok(record_append_str(args, "/payload", &err));
	strv_foreach (word, v)
		ck_ok(record_append_str(args, *word, &err));
	return args;
}

void box_words(struct box *b, const char *words)
{
	ck_ok(record_set(record_get(b->spec, "process"), "args", args_of(words), &err));
}

void box_namespace(struct box *b, const char *type, const char *path)
{
	struct record *old = record_path(b->spec, "linux.namespaces");
	struct record *list = record_new_array();

	for (size_t i = 0; i < record_len(old); i++)
		if (!str_eq(record_str(record_get(record_at(old, i), "type")), type))
			ck_ok(record_append(list, record_ref(record_at(old, i)), &err));
	if (path) {
		struct record *one = record_new_object();

		ck_ok(record_set_str(one, "type", type, &err));
		if (path[0])
			ck_ok(record_set_str(one, "path", path, &err));
		ck_ok(record_append(list, one, &err));
	}
	ck_ok(record_set(record_get(b->spec, "linux"), "namespaces", list, &err));
}

/* Mounts of ours; others come and go on the machine while tests run. */
static bool is_mounted(const struct box *b)
{
	cleanup_fd int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	cleanup_free char *text = NULL;
	size_t len;

	ck_ok(read_fd_limited(fd, 1 << 24, &text, &len, &err));
	return strstr(text, b->root) || strstr(text, rig.groups);
}

static void copy_payload(const char *root)
{
	char to[128];
	cleanup_fd int in = open(rig.payload, O_RDONLY | O_CLOEXEC);
	cleanup_fd int out = -1;
	char bytes[65536];
	ssize_t n;

	(void)snprintf(to, sizeof(to), "%s/payload", root);
	out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	ck_assert_int_ge(out, 0);
	while ((n = read(in, bytes, sizeof(bytes))) > 0)
		ck_assert_int_eq(write(out, bytes, (size_t)n), n);
	ck_assert_int_eq(n, 0);
}

static int detached(const char *path)
{
	struct mount_attr attr = {.propagation = MS_PRIVATE};
	int fd = (int)syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)), 0);
	return fd;
}

static void make_spec(struct box *b, const char *words)
{
	static const char *const gone[] = {"/etc/resolv.conf", "/etc/hostname", "/etc/hosts"};
	struct record *mounts = record_new_array();
	const struct record *old;

	b->spec = read_json(rig.golden);
	old = record_get(b->spec, "mounts");
	for (size_t i = 0; i < record_len(old); i++) {
		const char *target = record_str(record_get(record_at(old, i), "destination"));

		if (!str_eq(target, gone[0]) && !str_eq(target, gone[1]) &&
		    !str_eq(target, gone[2]))
			ck_ok(record_append(mounts, record_ref(record_at(old, i)), &err));
	}
	ck_ok(record_set(b->spec, "mounts", mounts, &err));
	ck_ok(record_set(record_get(b->spec, "linux"), "seccomp", default_seccomp(), &err));
	box_setf(b, "linux.cgroupsPath", "'%s/%s'", rig.groups, b->id);
	box_words(b, words);
}

static struct berth_isolation *open_driver(const struct berth_driver *head, int state_fd)
{
	const struct berth_conf conf = {.options = head->options};
	void *instance = NULL;

	ck_ok(head->open(lent_host(), &conf, state_fd, &instance, &err));
	return instance;
}

struct box box(const char *words)
{
	static unsigned count;
	const struct berth_driver *head = lent_load(rig.driver);
	struct box b = {.ops = head->ops};
	char own[96];
	int pair[2];

	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	(void)snprintf(b.id, sizeof(b.id), "box%d-%u", (int)getpid(), count++);
	b.fds_before = ck_count_fds();
	b.state_fd = rig_dir(b.state);
	b.own_fd = rig_dir(own);
	(void)close(rig_dir(b.root));
	ck_assert_int_eq(chmod(b.root, 0755), 0);
	b.iso = open_driver(head, b.state_fd);
	copy_payload(b.root);
	b.root_fd = detached(b.root);
	ck_assert_int_eq(pipe2(pair, O_CLOEXEC), 0);
	b.out = pair[0];
	b.out_write = pair[1];
	make_spec(&b, words);
	b.launch = (struct berth_launch){
		.size = sizeof(b.launch),
		.root_fd = b.root_fd,
		.stdio = {-1, b.out_write, b.out_write},
		.console_socket = -1,
		.netns_fd = -1,
		.userns_fd = -1,
		.cgroup_fd = -1,
		.state_fd = b.own_fd,
		.checkpoint_fd = -1,
		.bundle = "/bundle",
	};
	return b;
}

void box_again(struct box *b, const char *words)
{
	const struct berth_driver *head = lent_load(rig.driver);

	if (b->sb)
		box_destroy(b);
	b->ops->forget(b->sb);
	b->sb = NULL;
	head->close(b->iso);
	b->iso = open_driver(head, b->state_fd);
	ck_assert_int_eq(close(b->root_fd), 0);
	b->root_fd = b->launch.root_fd = detached(b->root);
	str_clear(&b->printed);
	box_words(b, words);
}

int box_try_create(struct box *b, struct berth_error *why)
{
	cleanup_free char *text = record_to_text(b->spec, RECORD_COMPACT);

	b->launch.id = b->id;
	b->launch.spec = (struct berth_str){text, strlen(text)};
	return b->ops->create(b->iso, &b->launch, NULL, &b->sb, why);
}

void box_create(struct box *b)
{
	ck_ok(box_try_create(b, &err));
}

void box_start(struct box *b)
{
	ck_ok(b->ops->start(b->sb, &err));
}

static void read_some(struct box *b)
{
	char bytes[65536];
	ssize_t n = read(b->out, bytes, sizeof(bytes));

	ck_assert_int_ge(n, 0);
	str_add_n(&b->printed, bytes, (size_t)n);
}

static void read_what_is_there(struct box *b)
{
	struct pollfd p = {.fd = b->out, .events = POLLIN};

	while (poll(&p, 1, 0) > 0 && p.revents & POLLIN)
		read_some(b);
}

/* The pipe may be small for what it prints: read while it runs. */
struct berth_exit box_wait(struct box *b)
{
	struct berth_exit e = {.size = sizeof(e)};
	struct pollfd p[2] = {{.fd = b->out, .events = POLLIN}, {.events = POLLIN}};

	ck_ok(b->ops->wait_fd(b->sb, &p[1].fd, &err));
	for (;;) {
		ck_assert_msg(poll(p, 2, 20000) > 0, "the container does not end");
		if (p[0].revents & POLLIN)
			read_some(b);
		else if (p[1].revents)
			break;
	}
	ck_ok(b->ops->reap(b->sb, &e, &err));
	return e;
}

struct berth_exit box_run(struct box *b)
{
	box_create(b);
	box_start(b);
	return box_wait(b);
}

const char *box_line(struct box *b, const char *part)
{
	static char line[8192];
	size_t n = strlen(part);

	read_what_is_there(b);
	for (const char *p = str_text(&b->printed); p; p = strchr(p, '\n'), p = p ? p + 1 : NULL) {
		if (strncmp(p, part, n) == 0 && strchr(p, '\n')) {
			(void)snprintf(line, sizeof(line), "%.*s", (int)strcspn(p + n, "\n"),
				       p + n);
			return line;
		}
	}
	return NULL;
}

void box_await(struct box *b, const char *part)
{
	struct pollfd p = {.fd = b->out, .events = POLLIN};

	while (!box_line(b, part)) {
		ck_assert_msg(poll(&p, 1, 10000) > 0, "no line '%s' in:\n%s", part,
			      str_text(&b->printed));
		read_some(b);
	}
}

static bool has_line(struct box *b, const char *line)
{
	cleanup_free char *whole = str_fmt("%s\n", line);
	const char *p;

	read_what_is_there(b);
	for (p = str_text(&b->printed); (p = strstr(p, whole)); p++)
		if (p == str_text(&b->printed) || p[-1] == '\n')
			return true;
	return false;
}

void box_says(struct box *b, const char *line)
{
	ck_assert_msg(has_line(b, line), "no line '%s' in:\n%s", line, str_text(&b->printed));
}

void box_silent(struct box *b, const char *line)
{
	ck_assert_msg(!has_line(b, line), "line '%s' in:\n%s", line, str_text(&b->printed));
}

int32_t box_pid(struct box *b)
{
	struct berth_sandbox_info info = {.size = sizeof(info)};

	ck_ok(b->ops->info(b->sb, &info, &err));
	return info.pid;
}

/* Where groups of this box may be. */
static bool each_group(const struct box *b, bool (*fn)(const char *path, void *arg), void *arg)
{
	static const char *const trees[] = {"",	       "devices", "memory",  "cpu",
					    "cpuacct", "pids",	  "freezer", "cpuset",
					    "blkio",   "hugetlb", "unified"};

	for (size_t i = 0; i < sizeof(trees) / sizeof(trees[0]); i++) {
		char path[256];

		(void)snprintf(path, sizeof(path), "/sys/fs/cgroup/%s%s/%s", trees[i], rig.groups,
			       b->id);
		if (fn(path, arg))
			return true;
	}
	return false;
}

static bool is_there(const char *path, void *arg)
{
	return access(path, F_OK) == 0;
}

bool box_has_group(const struct box *b)
{
	return each_group(b, is_there, NULL);
}

static bool read_group_file(const char *path, void *file)
{
	char at[320];
	const char *text;

	(void)snprintf(at, sizeof(at), "%s/%s", path, *(const char **)file);
	text = ck_text(AT_FDCWD, at);
	if (!text)
		return false;
	*(const char **)file = text;
	return true;
}

const char *box_group_file(const struct box *b, const char *file)
{
	const char *found = file;

	return each_group(b, read_group_file, &found) ? found : NULL;
}

bool rig_finds_process(const char *word)
{
	DIR *dir = opendir("/proc");
	bool found = false;
	struct dirent *e;

	while (!found && (e = readdir(dir))) {
		char path[300];
		const char *text;

		if (e->d_name[0] < '0' || e->d_name[0] > '9' || atol(e->d_name) == getpid())
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%s/cmdline", e->d_name);
		text = ck_text(AT_FDCWD, path);
		for (const char *p = text; p && *p; p += strlen(p) + 1)
			found = found || strcmp(p, word) == 0;
	}
	(void)closedir(dir);
	return found;
}

void box_destroy(struct box *b)
{
	ck_ok(b->ops->destroy(b->sb, &err));
}

static void check_nothing_left(const struct box *b)
{
	siginfo_t info = {.si_pid = 0};

	ck_assert_msg(waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 && errno == ECHILD,
		      "child %d is left", info.si_pid);
	ck_assert(!is_mounted(b));
	ck_assert_int_eq(ck_count_fds(), b->fds_before);
}

void box_drop(struct box *b)
{
	if (b->sb) {
		box_destroy(b);
		box_destroy(b); /* idempotent */
	}
	b->ops->forget(b->sb);
	b->sb = NULL;
	lent_load(rig.driver)->close(b->iso);
	record_free(b->spec);
	str_done(&b->printed);
	(void)lent_log();
	(void)close(b->out);
	close_fd(&b->out_write);
	close_fd(&b->root_fd);
	(void)close(b->own_fd);
	(void)close(b->state_fd);
	ck_assert_msg(!box_has_group(b), "a cgroup of '%s' is left", b->id);
}

void box_end(struct box *b)
{
	box_drop(b);
	check_nothing_left(b);
}

int box_try_exec(struct box *b, const char *words, const char *more, int *ret_pidfd,
		 struct berth_error *why)
{
	cleanup_record struct record *extra = json(more);
	cleanup_record struct record *process = record_copy(record_get(b->spec, "process"));
	cleanup_free char *text = NULL;
	struct berth_exec exec = {
		.size = sizeof(exec),
		.stdio = {-1, b->out_write, b->out_write},
		.console_socket = -1,
	};
	const char *key;
	struct record *value;

	ck_ok(record_set(process, "args", args_of(words), &err));
	record_foreach (extra, key, value)
		ck_ok(record_set(process, key, record_ref(value), &err));
	if (record_bool_or(record_get(process, "terminal"), false))
		exec.console_socket = b->launch.console_socket;
	text = record_to_text(process, RECORD_COMPACT);
	exec.process = (struct berth_str){text, strlen(text)};
	return b->ops->exec(b->sb, &exec, NULL, ret_pidfd, why);
}

int box_exec(struct box *b, const char *words)
{
	int pidfd = -1;

	ck_ok(box_try_exec(b, words, "{}", &pidfd, &err));
	ck_cloexec(pidfd);
	return pidfd;
}

int box_exec_wait(int pidfd)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};
	siginfo_t info = {.si_pid = 0};

	ck_assert_msg(poll(&p, 1, 20000) > 0, "the process does not end");
	ck_assert_int_eq(waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED), 0);
	ck_assert_int_eq(close(pidfd), 0);
	return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

char *box_save(struct box *b)
{
	struct berth_sink sink = {.limit = 65536};
	char *text;

	ck_ok(b->ops->save(b->sb, &sink, &err));
	text = strdup(str_text(&sink.text));
	lent_sink_done(&sink);
	return text;
}
