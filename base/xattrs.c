/* SPDX-License-Identifier: Apache-2.0 */
#include "base/xattrs.h"

#include <errno.h>
#include <linux/limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/cleanup.h"
#include "base/str.h"

enum { FD_PATH_ROOM = 300 }; /* "/proc/self/fd/N/" and one component */

/* A file by descriptor or, if fd is -1, by a path whose last component is not followed. */
struct file {
	int fd;
	const char *path;
};

static ssize_t list(const struct file *f, char *names, size_t n)
{
	return f->path ? llistxattr(f->path, names, n) : flistxattr(f->fd, names, n);
}

static ssize_t get(const struct file *f, const char *name, void *value, size_t n)
{
	return f->path ? lgetxattr(f->path, name, value, n) : fgetxattr(f->fd, name, value, n);
}

static int set(const struct file *f, const char *name, const void *value, size_t n)
{
	return f->path ? lsetxattr(f->path, name, value, n, 0)
		       : fsetxattr(f->fd, name, value, n, 0);
}

/* Names, NUL after each. *@ret is NULL if there are none. 0 or -errno. */
static int names_of(const struct file *f, char **ret, size_t *ret_n)
{
	cleanup_free char *names = NULL;
	ssize_t n = list(f, NULL, 0); /* mostly 0: no buffer needed */

	*ret = NULL;
	*ret_n = 0;
	if (n < 0)
		return errno == ENOTSUP ? 0 : -errno;
	if (n == 0)
		return 0;
	names = malloc(XATTR_LIST_MAX);
	if (!names)
		return -ENOMEM;
	n = list(f, names, XATTR_LIST_MAX);
	if (n < 0)
		return -errno;
	*ret = steal_ptr(names);
	*ret_n = (size_t)n;
	return 0;
}

/* The value of @name, NUL-terminated behind its bytes. 0 or -errno. */
static int value_of(const struct file *f, const char *name, char **ret, size_t *ret_n)
{
	cleanup_free char *value = NULL;
	ssize_t n = get(f, name, NULL, 0);

	if (n < 0)
		return -errno;
	value = malloc((size_t)n + 1);
	if (!value)
		return -ENOMEM;
	n = get(f, name, value, (size_t)n);
	if (n < 0)
		return -errno;
	value[n] = '\0';
	*ret = steal_ptr(value);
	*ret_n = (size_t)n;
	return 0;
}

/* 1 if @b has attribute @name of @a with the same value, 0 if not; or -errno. */
static int has_one(const struct file *a, const struct file *b, const char *name)
{
	cleanup_free char *mine = NULL;
	cleanup_free char *other = NULL;
	size_t mine_n;
	size_t other_n;
	int r = value_of(a, name, &mine, &mine_n);

	if (r == 0)
		r = value_of(b, name, &other, &other_n);
	if (r < 0)
		return r == -ENODATA ? 0 : r;
	return mine_n == other_n && memcmp(mine, other, mine_n) == 0;
}

/*
 * 1 if each attribute of @a, but for those that begin with @but, is the same on @b (NULL: any);
 * 0 if not; or -errno. Counts them.
 */
static int has_all(const struct file *a, const struct file *b, const char *but, size_t *ret_count)
{
	cleanup_free char *names = NULL;
	size_t count = 0;
	size_t n;
	int r = names_of(a, &names, &n);

	if (r < 0)
		return r;
	for (const char *name = names; name && name < names + n; name += strlen(name) + 1) {
		if (str_has_prefix(name, but))
			continue;
		count++;
		r = b ? has_one(a, b, name) : 1;
		if (r <= 0)
			return r;
	}
	*ret_count = count;
	return 1;
}

int xattrs_equal(int a, int b, const char *but, bool *ret, struct berth_error *err)
{
	const struct file first = {.fd = a};
	const struct file second = {.fd = b};
	size_t n_first = 0;
	size_t n_second = 0;
	int r = has_all(&first, &second, but, &n_first);

	if (r > 0)
		r = has_all(&second, NULL, but, &n_second);
	if (r < 0)
		return berth_fail_errno(err, -r, "read attributes");
	*ret = r > 0 && n_first == n_second;
	return 0;
}

static int copy(const struct file *from, const struct file *to, const char *what,
		struct berth_error *err)
{
	cleanup_free char *names = NULL;
	size_t n;
	int r = names_of(from, &names, &n);

	for (const char *name = names; r == 0 && name && name < names + n;
	     name += strlen(name) + 1) {
		cleanup_free char *value = NULL;
		size_t size;

		r = value_of(from, name, &value, &size);
		if (r == -ENODATA) {
			r = 0; /* removed since */
			continue;
		}
		if (r == 0 && set(to, name, value, size) < 0)
			r = -errno;
		if (r < 0)
			return berth_fail_errno(err, -r, "copy attribute '%s' of '%s'", name, what);
	}
	return r < 0 ? berth_fail_errno(err, -r, "copy the attributes of '%s'", what) : 0;
}

int xattrs_copy(int from, int to, const char *what, struct berth_error *err)
{
	const struct file a = {.fd = from};
	const struct file b = {.fd = to};

	return copy(&a, &b, what, err);
}

int xattrs_copy_at(int from_dir, const char *from_name, int to_dir, const char *to_name,
		   struct berth_error *err)
{
	char from_path[FD_PATH_ROOM];
	char to_path[FD_PATH_ROOM];
	const struct file a = {.fd = -1, .path = from_path};
	const struct file b = {.fd = -1, .path = to_path};

	(void)snprintf(from_path, sizeof(from_path), "/proc/self/fd/%d/%s", from_dir, from_name);
	(void)snprintf(to_path, sizeof(to_path), "/proc/self/fd/%d/%s", to_dir, to_name);
	return copy(&a, &b, from_name, err);
}

int xattrs_each_at(int dir, const char *name, xattrs_fn fn, void *arg, struct berth_error *err)
{
	cleanup_free char *names = NULL;
	char path[FD_PATH_ROOM];
	const struct file file = {.fd = -1, .path = path};
	size_t n;
	int r;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dir, name);
	r = names_of(&file, &names, &n);
	if (r < 0)
		return berth_fail_errno(err, -r, "list the attributes of '%s'", name);
	for (const char *at = names; r == 0 && at && at < names + n; at += strlen(at) + 1) {
		cleanup_free char *value = NULL;
		size_t size;

		r = value_of(&file, at, &value, &size);
		if (r == 0)
			r = fn(arg, at, value, size, err);
		else if (r == -ENODATA)
			r = 0; /* removed since */
		else
			return berth_fail_errno(err, -r, "read attribute '%s' of '%s'", at, name);
	}
	return r;
}
