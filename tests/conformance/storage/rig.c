/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conformance/storage/rig.h"

#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <sys/xattr.h>

static void open_driver(struct rig *r, const struct berth_conf *conf)
{
	void *instance;

	ck_ok(r->head->open(lent_host(), conf, r->statefd, &instance, &err));
	r->st = instance;
}

void rig_open_on(struct rig *r, int statefd, const struct berth_conf *conf)
{
	r->head = rig_driver();
	r->ops = r->head->ops;
	r->statefd = statefd;
	open_driver(r, conf);
}

void rig_open(struct rig *r)
{
	int fd = ck_dir_at(r->path);

	rig_open_on(r, fd, rig_conf());
}

void rig_reopen(struct rig *r)
{
	r->head->close(r->st);
	open_driver(r, rig_conf());
}

void rig_close(struct rig *r)
{
	r->head->close(r->st);
	ck_assert_int_eq(close(r->statefd), 0);
}

bool rig_can(const struct rig *r, uint64_t caps)
{
	return (r->head->caps & caps) == caps;
}

struct berth_ingest *rig_begin(const struct rig *r, const char *layer, const char *parent)
{
	const struct berth_layer_desc desc = {
		.size = sizeof(desc), .layer = layer, .parent = parent};
	struct berth_ingest *in;

	ck_ok(r->ops->ingest_begin(r->st, &desc, NULL, &in, &err));
	return in;
}

int rig_tree(const struct rig *r, struct berth_ingest *in)
{
	int dir;

	ck_ok(r->ops->ingest_tree(in, &dir, &err));
	ck_cloexec(dir);
	return dir;
}

void rig_layer(const struct rig *r, const char *layer, const char *parent, rig_fill_fn fill)
{
	struct berth_ingest *in = rig_begin(r, layer, parent);
	int dir = rig_tree(r, in);

	if (fill)
		fill(r, dir);
	ck_assert_int_eq(close(dir), 0);
	ck_ok(r->ops->ingest_commit(in, parent, NULL, &err));
}

void rig_view(const struct rig *r, const char *view, const char *layer, uint32_t flags)
{
	ck_ok(r->ops->view_create(r->st, view, layer, flags, NULL, &err));
}

int rig_mount_flags(const struct rig *r, const char *view, uint32_t flags, uint64_t attr)
{
	const struct berth_view_opts opts = {
		.size = sizeof(opts), .flags = flags, .userns_fd = -1, .attr = attr};
	int fd;

	ck_ok(r->ops->view_mount(r->st, view, &opts, &fd, &err));
	ck_cloexec(fd);
	return fd;
}

int rig_mount(const struct rig *r, const char *view)
{
	return rig_mount_flags(r, view, 0, 0);
}

void rig_hide(const struct rig *r, int dirfd, const char *path)
{
	if (rig_can(r, BERTH_ST_WHITEOUT_KEEP)) {
		ck_assert_msg(mknodat(dirfd, path, S_IFCHR, 0) == 0, "whiteout '%s'", path);
		return;
	}
	/* the cases hide one component, or a path whose directories are there */
	cleanup_free char *dir = strndup(path, (size_t)(path_base(path) - path));
	cleanup_fd int at = openat(dirfd, dir[0] ? dir : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	ck_ok(remove_tree(at, path_base(path), &err));
}

void rig_hide_content(const struct rig *r, int dirfd, const char *path)
{
	const char *name =
		rig_can(r, BERTH_ST_USERXATTR) ? "user.overlay.opaque" : "trusted.overlay.opaque";
	cleanup_fd int fd = -1;

	if (rig_can(r, BERTH_ST_WHITEOUT_KEEP))
		ck_assert_int_eq(mkdirat(dirfd, path, 0755), 0);
	fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	if (rig_can(r, BERTH_ST_WHITEOUT_KEEP))
		ck_assert_int_eq(fsetxattr(fd, name, "y", 1, 0), 0);
	else
		ck_ok(remove_tree_content(fd, &err));
}

static int add_name(void *arg, const char *id)
{
	return strv_add(arg, id);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

const char *rig_names(const struct rig *r, uint32_t each_flag)
{
	static struct str text;
	cleanup_strv char **names = NULL;

	ck_ok(r->ops->each(r->st, each_flag, add_name, &names, &err));
	if (names)
		qsort(names, strv_len(names), sizeof(*names), by_name);
	str_clear(&text);
	strv_foreach (name, names)
		str_addf(&text, "%s ", *name);
	return str_text(&text);
}

size_t rig_count(int dirfd)
{
	DIR *dir = fdopendir(openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	const struct dirent *e;
	size_t n = 0;

	ck_assert_ptr_nonnull(dir);
	while ((e = readdir(dir))) {
		if (str_eq(e->d_name, ".") || str_eq(e->d_name, ".."))
			continue;
		n++;
		if (e->d_type == DT_DIR) {
			cleanup_fd int sub =
				openat(dirfd, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

			ck_assert_int_ge(sub, 0);
			n += rig_count(sub);
		}
	}
	(void)closedir(dir);
	return n;
}

size_t rig_held(const struct rig *r)
{
	uint64_t bytes;
	int got = r->ops->reclaim(r->st, NULL, &bytes, &err);

	/* a driver without trash has no such call */
	ck_assert_msg(got == 0 || got == -BERTH_E_UNSUPPORTED, "reclaim: %s", err.text);
	return rig_count(r->statefd);
}

void rig_check(const struct rig *r)
{
	struct berth_sink sink = {.limit = 65536};
	int got = r->ops->check(r->st, NULL, BERTH_CHECK_FULL, NULL, &sink, &err);

	ck_assert_msg(got == 0 || got == -BERTH_E_UNSUPPORTED, "check: %s", err.text);
	ck_assert_msg(record_len(sink.findings) == 0, "check found: %s",
		      record_str(record_get(record_at(sink.findings, 0), "text")));
	lent_sink_done(&sink);
}

static void write_map(pid_t pid, const char *which, unsigned base)
{
	char path[64];
	cleanup_fd int fd = -1;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, which);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	ck_assert_int_gt(dprintf(fd, "0 %u 65536", base), 0);
}

int rig_userns(unsigned base)
{
	char path[64];
	int ready[2];
	char byte;
	pid_t pid;
	int fd;

	ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWUSER) == 0)
			(void)!write(ready[1], "r", 1);
		pause();
		_exit(0);
	}
	ck_assert_int_eq(close(ready[1]), 0);
	ck_assert_msg(read(ready[0], &byte, 1) == 1, "no user namespace");
	ck_assert_int_eq(close(ready[0]), 0);
	write_map(pid, "uid_map", base);
	write_map(pid, "gid_map", base);
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	return fd;
}

void rig_as_root_of(int userns, int (*fn)(int dirfd), int dirfd)
{
	int status;
	pid_t pid = ck_fork();

	if (pid == 0) {
		if (setns(userns, CLONE_NEWUSER) < 0 || setresgid(0, 0, 0) < 0 ||
		    setresuid(0, 0, 0) < 0)
			_exit(255);
		_exit(fn(dirfd));
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
		      "in the user namespace step %d failed", WEXITSTATUS(status));
}

void rig_own_mounts(void)
{
	ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
	ck_assert_int_eq(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
}

int rig_tmpfs(const char *size)
{
	char path[96];
	char option[32];
	int fd = ck_dir_at(path);

	rig_own_mounts();
	ck_assert_int_eq(close(fd), 0);
	(void)snprintf(option, sizeof(option), "size=%s", size);
	ck_assert_int_eq(mount("tmpfs", path, "tmpfs", 0, option), 0);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return fd;
}
