/* SPDX-License-Identifier: Apache-2.0 */
#include "base/path.h"

#include <errno.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"

enum {
	RETRIES_MAX =
		128,	/* EAGAIN: somebody renames on our way; a hostile one may do so for ever */
	LINKS_MAX = 40, /* as the kernel */
	LINK_TEXT_MAX = 4096, /* as the kernel */
};

static int fail_as(struct berth_error *err, int code, int sys_errno, const char *path)
{
	(void)berth_fail_errno(err, sys_errno, "open '%s'", path);
	if (err)
		err->code = code;
	return -code;
}

static int fail_open(struct berth_error *err, int sys_errno, uint64_t resolve, const char *path)
{
	switch (sys_errno) {
	case ENOSYS:
		return berth_fail(err, BERTH_E_UNSUPPORTED,
				  "open '%s': this kernel has no openat2, needs Linux 5.6", path);
	case ELOOP:
		return fail_as(err,
			       resolve & RESOLVE_NO_SYMLINKS ? BERTH_E_CORRUPT : BERTH_E_INVALID,
			       sys_errno, path);
	case EXDEV:
		return berth_fail(err, BERTH_E_INVALID, "open '%s': the path leaves its directory",
				  path);
	case ENOTDIR:
	case EISDIR:
	case ENAMETOOLONG:
	case EINVAL:
	case ENXIO:
		return fail_as(err, BERTH_E_INVALID, sys_errno, path);
	default:
		return berth_fail_errno(err, sys_errno, "open '%s'", path);
	}
}

/* A descriptor, or -errno. */
static int try_open(int dirfd, const char *path, int flags, mode_t mode, uint64_t resolve)
{
	bool makes = flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE;
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.mode = makes ? mode : 0,
		.resolve = resolve,
	};
	int tries = 0;
	long fd;

	do {
		fd = syscall(SYS_openat2, dirfd, *path ? path : ".", &how, sizeof(how));
	} while (fd < 0 && (errno == EAGAIN || errno == EINTR) && ++tries < RETRIES_MAX);
	return fd < 0 ? -errno : (int)fd;
}

enum {
	IN_ROOT = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	BENEATH = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
};

int root_open(int rootfd, const char *path, int flags, mode_t mode, int *ret_fd,
	      struct berth_error *err)
{
	int fd = try_open(rootfd, path, flags, mode, IN_ROOT);

	if (fd < 0)
		return fail_open(err, -fd, IN_ROOT, path);
	*ret_fd = fd;
	return 0;
}

int state_open(int dirfd, const char *path, int flags, mode_t mode, int *ret_fd,
	       struct berth_error *err)
{
	int fd = try_open(dirfd, path, flags, mode, BENEATH);

	if (fd < 0)
		return fail_open(err, -fd, BENEATH, path);
	*ret_fd = fd;
	return 0;
}

int root_open_regular(int rootfd, const char *path, int *ret_fd, struct berth_error *err)
{
	cleanup_fd int found = -1;
	char self[32];
	struct stat st;
	int fd;
	/* O_PATH first: to open a device, even for a moment, may do something */
	int r = root_open(rootfd, path, O_PATH, 0, &found, err);

	if (r < 0)
		return r;
	if (fstat(found, &st) < 0)
		return berth_fail_errno(err, errno, "stat '%s'", path);
	if (!S_ISREG(st.st_mode))
		return berth_fail(err, BERTH_E_INVALID, "'%s' is not a regular file", path);
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", found);
	fd = open(self, O_RDONLY | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return berth_fail_errno(err, errno, "open '%s'", path);
	*ret_fd = fd;
	return 0;
}

int root_stat(int rootfd, const char *path, int flags, struct stat *ret, struct berth_error *err)
{
	cleanup_fd int fd = -1;
	int follow = flags & AT_SYMLINK_NOFOLLOW ? O_NOFOLLOW : 0;
	int r = root_open(rootfd, path, O_PATH | follow, 0, &fd, err);

	if (r < 0)
		return r;
	if (fstat(fd, ret) < 0)
		return berth_fail_errno(err, errno, "stat '%s'", path);
	return 0;
}

/* mkdir takes the umask away from @mode; put it back, through no symlink. */
static int set_mode(int dirfd, const char *name, mode_t mode, struct berth_error *err)
{
	cleanup_fd int fd =
		openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || fchmod(fd, mode) < 0)
		return berth_fail_errno(err, errno, "set the mode of '%s'", name);
	return 0;
}

int state_mkdir(int dirfd, const char *name, mode_t mode, unsigned flags, struct berth_error *err)
{
	struct stat st;

	if (!path_is_name(name))
		return berth_fail(err, BERTH_E_INVALID, "'%s' is not a name for a directory", name);
	if (mkdirat(dirfd, name, mode) == 0)
		return mode & 077 ? set_mode(dirfd, name, mode, err) : 0;
	if (errno != EEXIST || !(flags & STATE_EXIST_OK))
		return berth_fail_errno(err, errno, "make directory '%s'", name);
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return berth_fail_errno(err, errno, "stat '%s'", name);
	if (!S_ISDIR(st.st_mode))
		return berth_fail(err, BERTH_E_CORRUPT, "'%s' should be a directory", name);
	return 0;
}

/* The next component of *@path, which moves behind it, or NULL at the end. */
static char *next_component(const char **path, struct berth_error *err)
{
	const char *start = *path + strspn(*path, "/");
	size_t n = strcspn(start, "/");
	char *name;

	*path = start + n;
	if (n == 0)
		return NULL;
	name = strndup(start, n);
	if (!name)
		(void)berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	return name;
}

int state_mkdirs(int dirfd, const char *path, mode_t mode, int *ret_fd, struct berth_error *err)
{
	cleanup_fd int at = try_open(dirfd, path, O_RDONLY | O_DIRECTORY, 0, BENEATH);
	const char *rest = path;
	int r;

	if (at < 0 && at != -ENOENT)
		return fail_open(err, -at, BENEATH, path);
	if (at < 0) {
		r = state_open(dirfd, "", O_RDONLY | O_DIRECTORY, 0, &at, err);
		if (r < 0)
			return r;
		while (rest[strspn(rest, "/")]) {
			cleanup_free char *name = next_component(&rest, err);
			int next = -1;

			if (!name)
				return -BERTH_E_NO_MEMORY;
			r = state_mkdir(at, name, mode, STATE_EXIST_OK, err);
			if (r == 0)
				r = state_open(at, name, O_RDONLY | O_DIRECTORY, 0, &next, err);
			if (r < 0)
				return r;
			close_fd(&at);
			at = next;
		}
	}
	if (ret_fd)
		*ret_fd = steal_fd(&at);
	return 0;
}

/*
 * Where root_mkdirs is: @done is a path from the root that exists, @at is open there, @todo is what
 * follows.
 */
struct walk {
	int rootfd;
	int at;
	mode_t mode;
	unsigned links;
	struct str done;
	struct str todo;
};

/* Go to @w->done; -errno. */
static int walk_try(struct walk *w)
{
	int fd = try_open(w->rootfd, str_text(&w->done), O_PATH | O_DIRECTORY, 0, IN_ROOT);

	if (fd < 0)
		return fd;
	close_fd(&w->at);
	w->at = fd;
	return 0;
}

static int walk_open(struct walk *w, struct berth_error *err)
{
	int r = walk_try(w);

	return r < 0 ? fail_open(err, -r, IN_ROOT, str_text(&w->done)) : 0;
}

/* @name at @w->at is a link that leads nowhere yet: what it says is to be done first. */
static int walk_link(struct walk *w, const char *name, size_t parent_len, struct berth_error *err)
{
	cleanup_str struct str todo = STR_INIT;
	char *room = str_room(&todo, LINK_TEXT_MAX);
	ssize_t n = room ? readlinkat(w->at, name, room, LINK_TEXT_MAX) : -1;

	if (n < 0 && room)
		return berth_fail_errno(err, errno, "'%s' is in the way of a directory", name);
	if (++w->links > LINKS_MAX)
		return berth_fail(err, BERTH_E_INVALID, "'%s': too many symlinks", name);
	if (room)
		str_grew(&todo, (size_t)n);
	str_cut(&w->done, str_text(&todo)[0] == '/' ? 0 : parent_len);
	str_add_char(&todo, '/');
	str_add(&todo, str_text(&w->todo));
	str_done(&w->todo);
	w->todo = todo;
	todo = (struct str)STR_INIT;
	if (w->todo.failed || w->done.failed)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	return walk_open(w, err);
}

static int walk_one(struct walk *w, const char *name, struct berth_error *err)
{
	size_t parent_len = w->done.len;
	int r;

	if (w->done.len)
		str_add_char(&w->done, '/');
	str_add(&w->done, name);
	r = str_check(&w->done, err);
	if (r < 0)
		return r;
	r = walk_try(w);
	if (r == 0)
		return 0;
	if (r != -ENOENT)
		return fail_open(err, -r, IN_ROOT, str_text(&w->done));
	if (mkdirat(w->at, name, w->mode) == 0)
		r = set_mode(w->at, name, w->mode, err);
	else if (errno == EEXIST)
		return walk_link(w, name, parent_len, err);
	else
		r = berth_fail_errno(err, errno, "make directory '%s'", name);
	return r < 0 ? r : walk_open(w, err);
}

static int walk_all(struct walk *w, struct berth_error *err)
{
	int r = walk_open(w, err);

	while (r == 0) {
		const char *rest = str_text(&w->todo);
		cleanup_free char *name = NULL;
		cleanup_str struct str todo = STR_INIT;

		if (!rest[strspn(rest, "/")])
			return str_check(&w->todo, err);
		name = next_component(&rest, err);
		if (!name)
			return -BERTH_E_NO_MEMORY;
		str_add(&todo, rest);
		str_done(&w->todo);
		w->todo = todo;
		todo = (struct str)STR_INIT;
		r = walk_one(w, name, err);
	}
	return r;
}

int root_mkdirs(int rootfd, const char *path, mode_t mode, int *ret_fd, struct berth_error *err)
{
	struct walk w = {
		.rootfd = rootfd, .at = -1, .mode = mode, .done = STR_INIT, .todo = STR_INIT};
	int r = 0;

	w.at = try_open(rootfd, path, O_PATH | O_DIRECTORY, 0, IN_ROOT);
	if (w.at == -ENOENT) {
		str_add(&w.todo, path);
		r = walk_all(&w, err);
	} else if (w.at < 0) {
		r = fail_open(err, -w.at, IN_ROOT, path);
	}
	str_done(&w.done);
	str_done(&w.todo);
	if (r == 0 && ret_fd)
		*ret_fd = steal_fd(&w.at);
	close_fd(&w.at);
	if (r < 0)
		berth_error_prefix(err, "make '%s'", path);
	return r;
}

int path_of_fd(int fd, char **ret, struct berth_error *err)
{
	cleanup_str struct str real = STR_INIT;
	char link[32];
	char *room = str_room(&real, LINK_TEXT_MAX);
	ssize_t n;
	int r = str_check(&real, err);

	if (r < 0)
		return r;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, room, LINK_TEXT_MAX);
	if (n < 0)
		return berth_fail_errno(err, errno, "read '%s'", link);
	if (n == LINK_TEXT_MAX || room[0] != '/')
		return berth_fail(err, BERTH_E_INVALID, "it has no usable path");
	str_grew(&real, (size_t)n);
	*ret = str_steal(&real);
	return 0;
}
