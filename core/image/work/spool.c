/* SPDX-License-Identifier: Apache-2.0 */
#include "core/image/work/spool.h"

#include <archive.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "core/image/work/stream.h"

enum { BUFFER = 256 * 1024 };

static int too_large(const struct spool_source *src, struct berth_error *err)
{
	return berth_fail(err, BERTH_E_LIMIT, "it is larger than %llu bytes",
			  (unsigned long long)src->limit);
}

int spool_open(int fd, uint64_t limit, struct berth_op *op, struct spool_source *ret,
	       struct berth_error *err)
{
	struct spool_source src = {.fd = fd, .op = op, .limit = limit, .left = limit};
	size_t n = 1;

	while (src.head_n < INFLATE_MAGIC && n > 0) {
		int r = stream_read_fd(&src.fd, src.head + src.head_n, INFLATE_MAGIC - src.head_n,
				       &n, err);

		if (r < 0)
			return r;
		src.head_n += n;
	}
	src.kind = inflate_sniff(src.head, src.head_n);
	*ret = src;
	return 0;
}

int spool_read(void *arg, void *buf, size_t n, size_t *ret_n, struct berth_error *err)
{
	struct spool_source *src = arg;
	size_t kept = src->head_n - src->head_at;
	int r = op_check(src->op, err);

	if (r < 0)
		return r;
	if (kept > 0) {
		n = kept < n ? kept : n;
		memcpy(buf, src->head + src->head_at, n);
		src->head_at += n;
		*ret_n = n;
		return 0;
	}
	r = stream_read_fd(&src->fd, buf, n, ret_n, err);
	if (r < 0)
		return r;
	if (*ret_n > src->left)
		return too_large(src, err);
	src->left -= *ret_n;
	return 0;
}

static int write_spool(int fd, const void *bytes, size_t n, struct berth_error *err)
{
	int r = write_all(fd, bytes, n, err);

	if (r == -BERTH_E_FULL)
		berth_error_hint(err, "a pipe or a compressed archive needs room below the state "
				      "directory first");
	return r;
}

/** What inflate.h knows. */
static int copy_own(struct spool_source *src, int to, struct berth_error *err)
{
	const struct stream_how how = {
		.read = spool_read,
		.arg = src,
		.bytes = UINT64_MAX,
		.limit = src->limit,
	};
	cleanup_stream struct stream *s = NULL;
	const void *p;
	size_t n;
	int r = stream_start(&how, &s, err);

	while (r == 0) {
		r = stream_next(s, &p, &n, err);
		if (r < 0 || n == 0)
			break;
		r = write_spool(to, p, n, err);
	}
	return r;
}

/** What libarchive's callback needs. */
struct reader {
	struct spool_source *src;
	char *buffer;
	struct berth_error err;
};

static la_ssize_t read_some(struct archive *a, void *arg, const void **ret)
{
	struct reader *rd = arg;
	size_t n;

	*ret = rd->buffer;
	if (spool_read(rd->src, rd->buffer, BUFFER, &n, &rd->err) == 0)
		return (la_ssize_t)n;
	archive_set_error(a, EIO, "%s", rd->err.text);
	return -1;
}

static int archive_failed(struct archive *a, const struct reader *rd, struct berth_error *err)
{
	if (!rd->err.code)
		return berth_fail(err, BERTH_E_CORRUPT, "%s", archive_error_string(a));
	if (err)
		*err = rd->err;
	return -(int)rd->err.code;
}

static int copy_data(struct archive *a, struct reader *rd, int to, struct berth_error *err)
{
	struct archive_entry *entry;
	uint64_t total = 0;
	const void *p;
	la_int64_t offset;
	size_t n;
	int rc = archive_read_next_header(a, &entry);

	if (rc < ARCHIVE_WARN)
		return archive_failed(a, rd, err);
	while (rc != ARCHIVE_EOF &&
	       (rc = archive_read_data_block(a, &p, &n, &offset)) == ARCHIVE_OK) {
		int r;

		total += n;
		if (total > rd->src->limit)
			return too_large(rd->src, err);
		r = write_spool(to, p, n, err);
		if (r < 0)
			return r;
	}
	return rc == ARCHIVE_EOF ? 0 : archive_failed(a, rd, err);
}

static int copy_libarchive(struct spool_source *src, int to, struct berth_error *err)
{
	cleanup_free char *buffer = malloc(BUFFER);
	struct reader rd = {.src = src, .buffer = buffer};
	struct archive *a = archive_read_new();
	int r;

	if (!a || !buffer)
		r = berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	else if (archive_read_support_filter_bzip2(a) < ARCHIVE_WARN ||
		 archive_read_support_filter_xz(a) < ARCHIVE_WARN ||
		 archive_read_support_format_raw(a) < ARCHIVE_WARN ||
		 archive_read_open2(a, &rd, NULL, read_some, NULL, NULL) != ARCHIVE_OK)
		r = archive_failed(a, &rd, err);
	else
		r = copy_data(a, &rd, to, err);
	(void)archive_read_free(a); /* NULL is fine, and what it says was said before */
	return r;
}

int spool_to_file(struct spool_source *src, struct store *store, int *ret_fd,
		  struct berth_error *err)
{
	cleanup_fd int to = -1;
	int r = content_temp(store, &to, err);

	if (r < 0)
		return r;
	if (src->kind == INFLATE_BZIP2 || src->kind == INFLATE_XZ)
		r = copy_libarchive(src, to, err);
	else
		r = copy_own(src, to, err);
	if (r < 0)
		return r;
	if (lseek(to, 0, SEEK_SET) < 0)
		return berth_fail_errno(err, errno, "seek");
	*ret_fd = steal_fd(&to);
	return 0;
}

/** Whether it may be read as it is: from 0 on, anywhere. */
static bool is_ready(int fd, const struct stat *st)
{
	unsigned char head[INFLATE_MAGIC];
	ssize_t n;

	if (S_ISDIR(st->st_mode))
		return true;
	if (!S_ISREG(st->st_mode) || lseek(fd, 0, SEEK_CUR) != 0)
		return false;
	n = pread(fd, head, sizeof(head), 0);
	return n >= 0 && inflate_sniff(head, (size_t)n) == INFLATE_PLAIN;
}

int spool_seekable(struct store *store, int fd, struct berth_op *op, int *ret_fd,
		   struct berth_error *err)
{
	struct spool_source src;
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return berth_fail_errno(err, errno, "stat it");
	if (is_ready(fd, &st)) {
		int own = fcntl(fd, F_DUPFD_CLOEXEC, 3);

		if (own < 0)
			return berth_fail_errno(err, errno, "duplicate a descriptor");
		*ret_fd = own;
		return 0;
	}
	r = spool_open(fd, store->config->limit_archive_size, op, &src, err);
	return r < 0 ? r : spool_to_file(&src, store, ret_fd, err);
}
