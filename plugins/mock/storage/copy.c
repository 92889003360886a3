/* SPDX-License-Identifier: Apache-2.0 */
#include "copy.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/str.h"

enum { DEPTH_MAX = 500 };

static int copy_dir(int from, int to, int depth, struct berth_error *err);

static int copy_file(int from, int to, const char *name, const struct stat *st,
		     struct berth_error *err)
{
	cleanup_fd int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_fd int out =
		openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	ssize_t n;

	if (in < 0 || out < 0)
		return berth_fail_errno(err, errno, "copy '%s'", name);
	while ((n = copy_file_range(in, NULL, out, NULL, 1 << 30, 0)) > 0)
		;
	if (n < 0)
		return berth_fail_errno(err, errno, "copy '%s'", name);
	return 0;
}

static int copy_link(int from, int to, const char *name, const struct stat *st,
		     struct berth_error *err)
{
	cleanup_free char *target = calloc(1, (size_t)st->st_size + 1);

	if (!target)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	if (readlinkat(from, name, target, (size_t)st->st_size) < 0 ||
	    symlinkat(target, to, name) < 0)
		return berth_fail_errno(err, errno, "copy symlink '%s'", name);
	return 0;
}

static int copy_subdir(int from, int to, const char *name, int depth, struct berth_error *err)
{
	cleanup_fd int in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_fd int out = -1;

	if (in < 0 || mkdirat(to, name, 0700) < 0)
		return berth_fail_errno(err, errno, "copy directory '%s'", name);
	out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (out < 0)
		return berth_fail_errno(err, errno, "open directory '%s'", name);
	return copy_dir(in, out, depth + 1, err);
}

static int copy_node(int from, int to, const char *name, const struct stat *st, int depth,
		     struct berth_error *err)
{
	if (S_ISDIR(st->st_mode))
		return copy_subdir(from, to, name, depth, err);
	if (S_ISREG(st->st_mode))
		return copy_file(from, to, name, st, err);
	if (S_ISLNK(st->st_mode))
		return copy_link(from, to, name, st, err);
	if (mknodat(to, name, st->st_mode & (S_IFMT | 0700), st->st_rdev) < 0)
		return berth_fail_errno(err, errno, "copy special file '%s'", name);
	return 0;
}

static int copy_entry(int from, int to, const char *name, int depth, struct berth_error *err)
{
	struct timespec times[2];
	struct stat st;
	int r;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return berth_fail_errno(err, errno, "stat '%s'", name);
	r = copy_node(from, to, name, &st, depth, err);
	if (r < 0)
		return r;
	/* who is not root keeps what it makes */
	(void)fchownat(to, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW);
	if (!S_ISLNK(st.st_mode) && fchmodat(to, name, st.st_mode & 07777, 0) < 0)
		return berth_fail_errno(err, errno, "set the mode of '%s'", name);
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	if (utimensat(to, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return berth_fail_errno(err, errno, "set the times of '%s'", name);
	return 0;
}

static int copy_dir(int from, int to, int depth, struct berth_error *err)
{
	int fd = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_dir DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	if (!dir) {
		close_fd(&fd);
		return berth_fail_errno(err, errno, "list a directory");
	}
	if (depth > DEPTH_MAX)
		return berth_fail(err, BERTH_E_LIMIT, "directories are nested deeper than %d",
				  DEPTH_MAX);
	while ((entry = readdir(dir))) {
		int r;

		if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, ".."))
			continue;
		r = copy_entry(from, to, entry->d_name, depth, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int copy_tree(int from, int to, struct berth_error *err)
{
	struct stat st;
	int r;

	r = copy_dir(from, to, 0, err);
	if (r < 0)
		return r;
	if (fstat(from, &st) < 0 || fchmod(to, st.st_mode & 07777) < 0)
		return berth_fail_errno(err, errno, "set the mode of the top directory");
	return 0;
}
