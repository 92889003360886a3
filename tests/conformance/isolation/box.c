/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conformance/isolation/box.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

struct box_all box_all;

/* payload.c, as it was linked: meson.build makes this of it. */
extern const char box_payload[], box_payload_end[];

static struct record *json(const char *text)
{
	cleanup_free char *copy = strdup(text);
	struct record *r = NULL;

	for (char *c = copy; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	ck_ok(record_parse(copy, strlen(copy), 0, &r, &err));
	return r;
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
	return strstr(text, b->root) || strstr(text, box_all.groups);
}

/* Written once a run; each root has a link to it. */
static void put_payload(const char *root)
{
	const size_t n = (size_t)(box_payload_end - box_payload);
	char first[80];
	char to[128];

	(void)snprintf(first, sizeof(first), "%s/payload", ck_top_path);
	(void)snprintf(to, sizeof(to), "%s/payload", root);
	if (link(first, to) < 0) {
		int fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);

		ck_assert_int_eq(write(fd, box_payload, n), (ssize_t)n);
		ck_assert_int_eq(close(fd), 0);
		(void)link(to, first); /* or somebody else was quicker */
	}
}

static int detached(const char *path)
{
	struct mount_attr attr = {.propagation = MS_PRIVATE};
	int fd = (int)syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)), 0);
	return fd;
}

static struct berth_isolation *open_driver(int state_fd)
{
	void *instance = NULL;

	ck_ok(box_driver()->open(lent_host(), box_conf(), state_fd, &instance, &err));
	return instance;
}

/* All but the driver. */
static void furnish(struct box *b, const char *words)
{
	static unsigned count;
	char own[96];
	int pair[2];

	(void)snprintf(b->id, sizeof(b->id), "box%d-%u", (int)getpid(), count++);
	b->own_fd = ck_dir_at(own);
	(void)close(ck_dir_at(b->root));
	ck_assert_int_eq(chmod(b->root, 0755), 0);
	put_payload(b->root);
	b->root_fd = detached(b->root);
	ck_assert_int_eq(pipe2(pair, O_CLOEXEC), 0);
	b->out = pair[0];
	b->out_write = pair[1];
	b->spec = box_spec();
	box_setf(b, "linux.cgroupsPath", "'%s/%s'", box_all.groups, b->id);
	box_words(b, words);
	b->launch = (struct berth_launch){
		.size = sizeof(b->launch),
		.flags = box_all.flags,
		.root_fd = b->root_fd,
		.stdio = {-1, b->out_write, b->out_write},
		.console_socket = -1,
		.netns_fd = -1,
		.userns_fd = -1,
		.cgroup_fd = -1,
		.state_fd = b->own_fd,
		.checkpoint_fd = -1,
		.bundle = "/bundle",
	};
}

struct box box(const char *words)
{
	struct box b = {.ops = box_driver()->ops};

	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	b.fds_before = ck_count_fds();
	b.state_fd = ck_dir_at(b.state);
	b.iso = open_driver(b.state_fd);
	furnish(&b, words);
	return b;
}

struct box box_beside(const struct box *of, const char *words)
{
	struct box b = {.ops = of->ops, .iso = of->iso, .state_fd = -1};

	b.fds_before = ck_count_fds();
	furnish(&b, words);
	return b;
}

void box_reopen(struct box *b)
{
	b->iso = open_driver(b->state_fd);
	b->is_root_used = true; /* by a process beside us, perhaps */
}

void box_again(struct box *b, const char *words)
{
	if (b->sb)
		box_destroy(b);
	b->ops->forget(b->sb);
	b->sb = NULL;
	box_driver()->close(b->iso);
	b->iso = open_driver(b->state_fd);
	str_clear(&b->printed);
	box_words(b, words);
}

int box_try_create(struct box *b, struct berth_error *why)
{
	cleanup_free char *text = record_to_text(b->spec, RECORD_COMPACT);

	/* a detached mount is attached once */
	if (b->is_root_used && b->launch.root_fd >= 0) {
		close_fd(&b->root_fd);
		b->root_fd = b->launch.root_fd = detached(b->root);
	}
	b->is_root_used = true;
	b->launch.id = b->id;
	b->launch.spec = (struct berth_str){text, strlen(text)};
	return b->ops->create(b->iso, &b->launch, NULL, &b->sb, why);
}

void box_create(struct box *b)
{
	ck_ok(box_try_create(b, &err));
	b->first = box_pid(b);
}

void box_start(struct box *b)
{
	ck_ok(b->ops->start(b->sb, &err));
}

void box_up(struct box *b)
{
	box_create(b);
	box_start(b);
	box_await(b, "up");
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

unsigned box_count(struct box *b, const char *part)
{
	unsigned n = 0;

	read_what_is_there(b);
	for (const char *p = str_text(&b->printed); p && *p;
	     p = strchr(p, '\n'), p = p ? p + 1 : NULL)
		n += str_has_prefix(p, part);
	return n;
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

		(void)snprintf(path, sizeof(path), "/sys/fs/cgroup/%s%s/%s", trees[i],
			       box_all.groups, b->id);
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

void box_destroy(struct box *b)
{
	ck_ok(b->ops->destroy(b->sb, &err));
}

/* What lost its parent came to us, the subreaper; but the first process is the driver's to reap. */
static void check_no_child(const struct box *b)
{
	siginfo_t info = {.si_pid = 0};

	for (int i = 0; i < 400; i++) {
		info.si_pid = 0;
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) < 0)
			return;
		ck_assert_msg(!info.si_pid || info.si_pid != b->first,
			      "nobody has reaped the first process");
		if (!info.si_pid)
			(void)usleep(5000);
	}
	ck_abort_msg("a child process is left");
}

static void check_nothing_left(const struct box *b)
{
	if (!box_all.has_children)
		check_no_child(b);
	ck_assert_msg(!is_mounted(b), "a mount is left");
	ck_assert_int_eq(ck_count_fds(), b->fds_before);
}

static size_t entries(int dirfd)
{
	DIR *dir = fdopendir(openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	size_t n = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n - 2;
}

void box_drop(struct box *b)
{
	bool was_made = b->sb;

	if (was_made) {
		box_destroy(b);
		box_destroy(b); /* idempotent */
	}
	b->ops->forget(b->sb);
	b->sb = NULL;
	if (b->state_fd >= 0)
		box_driver()->close(b->iso);
	record_free(b->spec);
	str_done(&b->printed);
	(void)lent_log();
	(void)close(b->out);
	close_fd(&b->out_write);
	close_fd(&b->root_fd);
	ck_assert_msg(!was_made || entries(b->own_fd) == 0, "run-time files of '%s' are left",
		      b->id);
	(void)close(b->own_fd);
	close_fd(&b->state_fd);
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

void box_take_over(struct box *b, const char *state)
{
	b->ops->forget(b->sb);
	b->sb = NULL;
	ck_ok(b->ops->recover(b->iso, b->id, (struct berth_str){state, strlen(state)}, &b->sb,
			      &err));
}

int box_take_master(int socket, char *name, size_t size)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = {name, size - 1};
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t n = recvmsg(socket, &m, MSG_CMSG_CLOEXEC);
	int fd;

	ck_assert_int_gt(n, 0);
	name[n] = '\0';
	ck_assert_ptr_nonnull(CMSG_FIRSTHDR(&m));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	return fd;
}

/* ------------------------------------------------------------------------------- after all cases */

/* Outside of a case nothing can be asserted. */
static void kill_all(const char *group)
{
	char path[700];
	char pids[4096];
	int fd;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%s/freezer.state", group);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		(void)!write(fd, "THAWED", 6);
		(void)close(fd);
	}
	(void)snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, pids, sizeof(pids) - 1);
	close_fd(&fd);
	pids[n > 0 ? n : 0] = '\0';
	for (const char *p = pids; *p; p += strcspn(p, "\n"), p += *p == '\n')
		(void)kill((pid_t)atol(p), SIGKILL);
	for (int i = 0; i < 200 && rmdir(group) < 0 && errno == EBUSY; i++)
		(void)usleep(5000);
}

/* The groups' parent in each hierarchy; what is in there is left by tests that failed. */
static void remove_groups(const char *tree)
{
	char parent[300];
	const struct dirent *e;
	DIR *dir;

	(void)snprintf(parent, sizeof(parent), "/sys/fs/cgroup/%s%s", tree, box_all.groups);
	dir = opendir(parent);
	while (dir && (e = readdir(dir))) {
		char group[600];

		(void)snprintf(group, sizeof(group), "%s/%s", parent, e->d_name);
		if (e->d_type == DT_DIR && e->d_name[0] != '.')
			kill_all(group);
	}
	if (dir)
		(void)closedir(dir);
	(void)rmdir(parent);
}

void box_remove_groups(void)
{
	DIR *dir = opendir("/sys/fs/cgroup");
	const struct dirent *e;

	remove_groups("");
	while (dir && (e = readdir(dir)))
		if (e->d_name[0] != '.' && strlen(e->d_name) < 100)
			remove_groups(e->d_name);
	if (dir)
		(void)closedir(dir);
}

bool box_has_cgroups(void)
{
	return access("/sys/fs/cgroup/memory/tasks", W_OK) == 0 ||
	       access("/sys/fs/cgroup/cgroup.procs", W_OK) == 0;
}
