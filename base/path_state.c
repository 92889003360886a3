/* SPDX-License-Identifier: Apache-2.0 */
#include "base/path.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"

enum {
	TEMP_MAX = 32,
	TEMP_TRIES = 8,
	READ_FIRST = 4096,
};

int read_fd_limited(int fd, size_t limit, char **ret_bytes, size_t *ret_len,
		    struct berth_error *err)
{
	cleanup_str struct str out = STR_INIT;
	struct stat st;
	size_t step = READ_FIRST;

	/* one byte more than the file has, so that its end is seen by one short read */
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0)
		step = (uint64_t)st.st_size < limit ? (size_t)st.st_size + 1 : limit + 1;
	for (;;) {
		char *room = str_room(&out, step);
		ssize_t n;

		if (!room)
			return str_check(&out, err);
		n = read(fd, room, step);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return berth_fail_errno(err, errno, "read");
		str_grew(&out, (size_t)n);
		if (n == 0)
			break;
		if (out.len > limit)
			return berth_fail(err, BERTH_E_LIMIT, "more than %zu bytes", limit);
		if (out.len >= step)
			step = out.len;
	}
	if (ret_len)
		*ret_len = out.len;
	else if (out.len && memchr(out.p, '\0', out.len))
		return berth_fail(err, BERTH_E_CORRUPT, "there is a NUL in it");
	*ret_bytes = str_steal(&out);
	return 0;
}

int write_all(int fd, const void *bytes, size_t n, struct berth_error *err)
{
	const char *at = bytes;

	while (n > 0) {
		ssize_t written = write(fd, at, n);

		if (written < 0 && errno == EAGAIN) {
			struct pollfd p = {.fd = fd, .events = POLLOUT};

			(void)poll(&p, 1, -1); /* what is wrong, the next write says */
			continue;
		}
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return berth_fail_errno(err, errno, "write");
		at += written;
		n -= (size_t)written;
	}
	return 0;
}

int state_read(int dirfd, const char *path, size_t limit, char **ret_text, size_t *ret_len,
	       struct berth_error *err)
{
	cleanup_fd int fd = -1;
	struct stat st;
	int r = state_open(dirfd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, &fd, err);

	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return berth_fail_errno(err, errno, "stat '%s'", path);
	if (!S_ISREG(st.st_mode))
		return berth_fail(err, BERTH_E_CORRUPT, "'%s' should be a regular file", path);
	r = read_fd_limited(fd, limit, ret_text, ret_len, err);
	if (r < 0)
		berth_error_prefix(err, "read '%s'", path);
	return r;
}

/* A new file of an unused name, which goes to @temp. */
static int temp_open(int dirfd, char temp[static TEMP_MAX], int *ret_fd, struct berth_error *err)
{
	int fd = -1;

	for (int i = 0; i < TEMP_TRIES && fd < 0; i++) {
		uint64_t random;

		if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
			return berth_fail_errno(err, errno, "random bytes");
		(void)snprintf(temp, TEMP_MAX, ".berth-%016llx~", (unsigned long long)random);
		fd = openat(dirfd, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			    0600);
		if (fd < 0 && errno != EEXIST)
			break;
	}
	if (fd < 0)
		return berth_fail_errno(err, errno, "make a temporary file");
	*ret_fd = fd;
	return 0;
}

static int fill(int fd, mode_t mode, const void *bytes, size_t n, unsigned flags,
		struct berth_error *err)
{
	int r = write_all(fd, bytes, n, err);

	if (r < 0)
		return r;
	if (fchmod(fd, mode) < 0)
		return berth_fail_errno(err, errno, "set the mode");
	if (flags & STATE_FSYNC && fsync(fd) < 0)
		return berth_fail_errno(err, errno, "fsync");
	return 0;
}

static int put_in_place(int dirfd, const char *temp, const char *name, unsigned flags,
			struct berth_error *err)
{
	unsigned how = flags & STATE_EXCL ? RENAME_NOREPLACE : 0;

	if (renameat2(dirfd, temp, dirfd, name, how) < 0)
		return berth_fail_errno(err, errno, "rename");
	if (flags & STATE_FSYNC) {
		cleanup_fd int dir = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		/* it is there already; that a power cut may take it back must be told though */
		if (dir < 0 || fsync(dir) < 0)
			return berth_fail_errno(err, errno, "fsync of the directory");
	}
	return 0;
}

int state_replace(int dirfd, const char *name, mode_t mode, const void *bytes, size_t n,
		  unsigned flags, struct berth_error *err)
{
	cleanup_fd int fd = -1;
	char temp[TEMP_MAX];
	int r;

	if (!path_is_name(name))
		return berth_fail(err, BERTH_E_INVALID, "'%s' is not a name for a file", name);
	r = temp_open(dirfd, temp, &fd, err);
	if (r == 0) {
		r = fill(fd, mode, bytes, n, flags, err);
		if (r == 0)
			r = put_in_place(dirfd, temp, name, flags, err);
		if (r < 0)
			(void)unlinkat(dirfd, temp, 0); /* gone already if only fsync failed */
	}
	if (r < 0)
		berth_error_prefix(err, "write '%s'", name);
	return r;
}

int state_unlink(int dirfd, const char *name, struct berth_error *err)
{
	if (!path_is_name(name))
		return berth_fail(err, BERTH_E_INVALID, "'%s' is not a name for a file", name);
	if (unlinkat(dirfd, name, 0) < 0 && errno != ENOENT)
		return berth_fail_errno(err, errno, "remove '%s'", name);
	return 0;
}
