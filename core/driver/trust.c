/* SPDX-License-Identifier: Apache-2.0 */
#include "core/driver/trust.h"

#include <fcntl.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"

static bool is_ours(const struct stat *st)
{
	return st->st_uid == 0 || st->st_uid == geteuid();
}

/* @what has the path in it where it is not the one that the caller speaks of. */
static int wrong_owner(const char *what, const char *path, const struct stat *st,
		       struct berth_error *err)
{
	(void)berth_fail(err, BERTH_E_DENIED, "%s belongs to user %u, not to root%s", what,
			 (unsigned)st->st_uid, geteuid() ? " or to you" : "");
	berth_error_hint(err, "chown %u '%s'", (unsigned)geteuid(), path);
	return -BERTH_E_DENIED;
}

static int wrong_mode(const char *what, const char *path, const struct stat *st,
		      struct berth_error *err)
{
	(void)berth_fail(err, BERTH_E_DENIED, "%s can be written by others (mode %04o)", what,
			 (unsigned)st->st_mode & 07777);
	berth_error_hint(err, "chmod go-w '%s'", path);
	return -BERTH_E_DENIED;
}

/* What is wrong with directory @path, which @st is of. */
static int wrong_dir(int (*tell)(const char *, const char *, const struct stat *,
				 struct berth_error *),
		     const char *path, const struct stat *st, struct berth_error *err)
{
	cleanup_free char *what = str_fmt("directory '%s'", path);

	return tell(what ? what : "a directory", path, st, err);
}

static int check_dir(const char *path, bool is_last, struct berth_error *err)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return berth_fail_errno(err, errno, "look at '%s'", path);
	if (!S_ISDIR(st.st_mode))
		return berth_fail(err, BERTH_E_INVALID, "'%s' is not a directory", path);
	if (!is_ours(&st))
		return wrong_dir(wrong_owner, path, &st, err);
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) && (is_last || !(st.st_mode & S_ISVTX)))
		return wrong_dir(wrong_mode, path, &st, err);
	return 0;
}

/* From the root down: what was found good cannot be changed by others while we go on. */
static int check_dirs(char *dir, struct berth_error *err)
{
	int r = check_dir("/", !dir[1], err);

	for (char *at = dir + 1; r == 0 && *at; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		r = check_dir(dir, false, err);
		*at = '/';
	}
	return r == 0 ? check_dir(dir, true, err) : r;
}

/* The directories of file @real. */
static int check_dirs_of(const char *real, struct berth_error *err)
{
	size_t len = (size_t)(strrchr(real, '/') - real);
	cleanup_free char *dir = len ? strndup(real, len) : strdup("/");

	if (!dir)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	return check_dirs(dir, err);
}

int trust_open(const char *path, int *ret_fd, char **ret_real, struct stat *ret_st,
	       struct berth_error *err)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	cleanup_free char *real = NULL;
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return berth_fail_errno(err, errno, "cannot be opened");
	if (!S_ISREG(st.st_mode))
		return berth_fail(err, BERTH_E_INVALID, "not a regular file");
	if (!is_ours(&st))
		return wrong_owner("the file", path, &st, err);
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return wrong_mode("the file", path, &st, err);
	r = path_of_fd(fd, &real, err);
	if (r < 0)
		return r;
	r = check_dirs_of(real, err);
	if (r < 0)
		return r;
	*ret_fd = steal_fd(&fd);
	*ret_real = steal_ptr(real);
	*ret_st = st;
	return 0;
}

int trust_dir(const char *path, struct berth_error *err)
{
	cleanup_fd int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	cleanup_free char *real = NULL;
	int r;

	if (fd < 0)
		return berth_fail_errno(err, errno, "open '%s'", path);
	r = path_of_fd(fd, &real, err);
	return r == 0 ? check_dirs(real, err) : r;
}
