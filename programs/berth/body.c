/* SPDX-License-Identifier: Apache-2.0 */
#include "body.h"

#include <fcntl.h>
#include <string.h>

#include "base/path.h"

enum { FILE_MAX = 4 << 20 };

int body_object(struct record *body, const char *path, struct record **ret, struct berth_error *err)
{
	struct record *at = body;

	while (*path) {
		size_t n = strcspn(path, ".");
		cleanup_free char *key = strndup(path, n);
		struct record *next;

		if (!key)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		next = record_get(at, key);
		if (!next) {
			int r;

			next = record_new_object();
			r = record_set(at, key, next, err);
			if (r < 0)
				return r;
		}
		at = next;
		path += n;
		path += *path == '.';
	}
	*ret = at;
	return 0;
}

/* the object that holds the last key of @path */
static int parent(struct record *body, const char *path, struct record **ret, const char **ret_key,
		  struct berth_error *err)
{
	const char *dot = strrchr(path, '.');
	cleanup_free char *objects = strndup(path, dot ? (size_t)(dot - path) : 0);

	if (!objects)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	*ret_key = dot ? dot + 1 : path;
	return body_object(body, objects, ret, err);
}

int body_set(struct record *body, const char *path, struct record *val, struct berth_error *err)
{
	struct record *obj;
	const char *key;
	int r = parent(body, path, &obj, &key, err);

	if (r < 0) {
		record_free(val);
		return r;
	}
	return record_set(obj, key, val, err);
}

int body_append(struct record *body, const char *path, struct record *val, struct berth_error *err)
{
	struct record *obj, *arr;
	const char *key;
	int r = parent(body, path, &obj, &key, err);

	if (r == 0 && !record_get(obj, key))
		r = record_set(obj, key, record_new_array(), err);
	if (r < 0) {
		record_free(val);
		return r;
	}
	arr = record_get(obj, key);
	return record_append(arr, val, err);
}

int body_set_pair(struct record *body, const char *path, const char *pair, struct berth_error *err)
{
	size_t n = strcspn(pair, "=");
	cleanup_free char *key = strndup(pair, n);
	struct record *obj;
	int r;

	if (!key)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = body_object(body, path, &obj, err);
	if (r < 0)
		return r;
	return record_set_str(obj, key, pair[n] ? pair + n + 1 : "", err);
}

int body_bad_flag(struct berth_error *err, const char *flag, const char *text, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)berth_vfail(err, BERTH_E_INVALID, 0, fmt, ap);
	va_end(ap);
	berth_error_prefix(err, "invalid argument \"%s\" for \"%s\" flag", text, flag);
	return -BERTH_E_INVALID;
}

int body_read_file(const char *path, char **ret_text, size_t *ret_len, struct berth_error *err)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return berth_fail_errno(err, errno, "cannot open '%s'", path);
	r = read_fd_limited(fd, FILE_MAX, ret_text, ret_len, err);
	if (r < 0)
		berth_error_prefix(err, "'%s'", path);
	return r;
}
