/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file_copy.h"
#include "base/path.h"

enum { BUFFER_BYTES = 1 << 18 };

/* By hand, where the kernel cannot copy between two files of this filesystem. */
static int read_write(int from, int to, off_t at, off_t end, struct berth_error *err)
{
	cleanup_free char *buffer = malloc(BUFFER_BYTES);

	if (!buffer)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	if (lseek(to, at, SEEK_SET) < 0)
		return berth_fail_errno(err, errno, "seek");
	while (at < end) {
		size_t want = end - at < BUFFER_BYTES ? (size_t)(end - at) : BUFFER_BYTES;
		ssize_t n = pread(from, buffer, want, at);
		int r;

		if (n < 0)
			return berth_fail_errno(err, errno, "read");
		if (n == 0) /* it became shorter; ftruncate at the end makes the rest a hole */
			return 0;
		r = write_all(to, buffer, (size_t)n, err);
		if (r < 0)
			return r;
		at += n;
	}
	return 0;
}

static bool cannot_copy(int sys_errno)
{
	return sys_errno == EINVAL || sys_errno == ENOSYS || sys_errno == EOPNOTSUPP ||
	       sys_errno == EXDEV || sys_errno == EPERM;
}

static int copy_range(int from, int to, off_t at, off_t end, struct berth_error *err)
{
	while (at < end) {
		off_t in = at;
		off_t out = at;
		ssize_t n = copy_file_range(from, &in, to, &out, (size_t)(end - at), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && !cannot_copy(errno))
			return berth_fail_errno(err, errno, "copy");
		if (n <= 0)
			return read_write(from, to, at, end, err);
		at += n;
	}
	return 0;
}

static int copy_sparse(int from, int to, off_t size, struct berth_error *err)
{
	off_t at = 0;
	int r = 0;

	while (r == 0 && at < size) {
		off_t data = lseek(from, at, SEEK_DATA);
		off_t hole;

		if (data < 0 && errno == ENXIO)
			break; /* holes up to the end */
		hole = data < 0 ? -1 : lseek(from, data, SEEK_HOLE);
		if (hole < 0)
			return berth_fail_errno(err, errno, "look for holes");
		r = copy_range(from, to, data, hole < size ? hole : size, err);
		at = hole;
	}
	if (r == 0 && ftruncate(to, size) < 0)
		r = berth_fail_errno(err, errno, "set the size");
	return r;
}

/* Share the blocks. False: they have to be copied. */
static int share(enum file_copy_reflink *reflink, int from, int to, bool *ret_done,
		 struct berth_error *err)
{
	*ret_done = false;
	if (*reflink == FILE_COPY_REFLINK_NEVER)
		return 0;
	if (ioctl(to, FICLONE, from) == 0) {
		*ret_done = true;
		return 0;
	}
	if (errno == ENOSPC || errno == EDQUOT || errno == EIO)
		return berth_fail_errno(err, errno, "share blocks");
	if (*reflink == FILE_COPY_REFLINK_ALWAYS) {
		(void)berth_fail(err, BERTH_E_UNSUPPORTED,
				 "this filesystem cannot share the blocks of a copy");
		berth_error_hint(err, "set the option reflink to 'auto', or use btrfs or xfs");
		return -BERTH_E_UNSUPPORTED;
	}
	*reflink = FILE_COPY_REFLINK_NEVER;
	return 0;
}

int file_copy(int from, int to, off_t size, blkcnt_t blocks, enum file_copy_reflink *reflink,
	      struct berth_error *err)
{
	bool done;
	int r;

	if (size == 0)
		return 0;
	r = share(reflink, from, to, &done, err);
	if (r < 0 || done)
		return r;
	if ((off_t)blocks * 512 >= size)
		return copy_range(from, to, 0, size, err);
	return copy_sparse(from, to, size, err);
}
