/* SPDX-License-Identifier: Apache-2.0 */
#include "tar_writer.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tar_index.h"

enum { CHUNK_FILE = 1024 * 1024 };

/* Eleven octal digits; what is larger needs a pax header. */
#define SIZE_OCTAL_MAX UINT64_C(077777777777)

static const char zeros[2 * TAR_BLOCK];

int tar_writer_init(struct tar_writer *w, int fd, const struct berth_host *host,
		    struct berth_error *err)
{
	struct tar_writer fresh = {.fd = fd, .host = host};
	struct stat st;

	if (fstat(fd, &st) < 0)
		return berth_fail_errno(err, errno, "stat the archive");
	if (S_ISREG(st.st_mode)) {
		fresh.regular = true;
		fresh.start = lseek(fd, 0, SEEK_CUR);
		if (fresh.start < 0)
			return berth_fail_errno(err, errno, "seek in the archive");
	}
	*w = fresh;
	return 0;
}

static int wait_writable(const struct tar_writer *w, struct berth_op *op, struct berth_error *err)
{
	struct pollfd polls[2] = {
		{.fd = w->fd, .events = POLLOUT},
		{.fd = w->host->cancel_fd(op), .events = POLLIN},
	};

	while (poll(polls, 2, -1) < 0) {
		if (errno != EINTR)
			return berth_fail_errno(err, errno, "wait for the archive's reader");
	}
	if (polls[1].revents)
		return berth_fail(err, BERTH_E_CANCELLED, "cancelled");
	return 0;
}

static int put(const struct tar_writer *w, const char *bytes, size_t n, struct berth_op *op,
	       struct berth_error *err)
{
	/* A pipe that poll calls writable takes this much without blocking, so a cancel is seen. */
	size_t chunk = w->regular ? CHUNK_FILE : PIPE_BUF;

	while (n > 0) {
		ssize_t done;
		int r = 0;

		if (!w->regular)
			r = wait_writable(w, op, err);
		else if (w->host->cancelled(op))
			r = berth_fail(err, BERTH_E_CANCELLED, "cancelled");
		if (r < 0)
			return r;
		done = write(w->fd, bytes, n < chunk ? n : chunk);
		if (done < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (done < 0)
			return berth_fail_errno(err, errno, "write the archive");
		bytes += done;
		n -= (size_t)done;
	}
	return 0;
}

static void octal(char *field, size_t n, uint64_t value)
{
	field[--n] = '\0';
	while (n > 0) {
		field[--n] = (char)('0' + (value & 7));
		value >>= 3;
	}
}

static void make_header(char block[static TAR_BLOCK], const char *name, char type, uint64_t bytes)
{
	unsigned sum = 0;

	memset(block, 0, TAR_BLOCK);
	memcpy(block, name, strlen(name));
	octal(block + 100, 8, 0644); /* mode */
	octal(block + 108, 8, 0);    /* uid, gid, size, time */
	octal(block + 116, 8, 0);
	octal(block + 124, 12, bytes);
	octal(block + 136, 12, 0);
	memset(block + 148, ' ', 8); /* counts as blanks in its own sum */
	block[156] = type;
	memcpy(block + 257,
	       "ustar\0"
	       "00",
	       8);
	octal(block + 329, 8, 0); /* device numbers */
	octal(block + 337, 8, 0);
	for (int i = 0; i < TAR_BLOCK; i++)
		sum += (unsigned char)block[i];
	octal(block + 148, 7, sum);
	block[155] = ' ';
}

/* A size of 8 GiB or more stands in a pax header before the entry. */
static int put_big_size(struct tar_writer *w, uint64_t bytes, struct berth_op *op,
			struct berth_error *err)
{
	char blocks[2 * TAR_BLOCK] = {0};
	char record[64];
	int n;

	/* "LENGTH size=BYTES\n"; LENGTH has two digits, as BYTES has 10 to 20 */
	n = snprintf(record, sizeof(record), "size=%llu\n", (unsigned long long)bytes);
	n = snprintf(blocks + TAR_BLOCK, TAR_BLOCK, "%d %s", n + 3, record);
	make_header(blocks, "size", 'x', (uint64_t)n);
	return put(w, blocks, sizeof(blocks), op, err);
}

static int begin(struct tar_writer *w, const char *name, uint64_t bytes, struct berth_op *op,
		 struct berth_error *err)
{
	char block[TAR_BLOCK];
	int r;

	if (bytes > SIZE_OCTAL_MAX) {
		r = put_big_size(w, bytes, op, err);
		if (r < 0)
			return r;
	}
	make_header(block, name, '0', bytes > SIZE_OCTAL_MAX ? 0 : bytes);
	return put(w, block, sizeof(block), op, err);
}

int tar_writer_begin(struct tar_writer *w, const char *name, uint64_t bytes, struct berth_op *op,
		     struct berth_error *err)
{
	int r;

	if (w->broken)
		return berth_fail(err, BERTH_E_IO,
				  "the archive is broken by an entry that was given up");
	if (strlen(name) > 100 || bytes > INT64_MAX)
		return berth_fail(err, BERTH_E_LIMIT, "entry '%s' is too long for a tar", name);
	if (w->regular) {
		w->entry = lseek(w->fd, 0, SEEK_CUR);
		if (w->entry < 0)
			return berth_fail_errno(err, errno, "seek in the archive");
	}
	r = begin(w, name, bytes, op, err);
	if (r < 0) {
		tar_writer_undo(w);
		return r;
	}
	w->left = bytes;
	w->padding = (TAR_BLOCK - bytes % TAR_BLOCK) % TAR_BLOCK;
	return 0;
}

int tar_writer_add(struct tar_writer *w, const void *bytes, size_t n, struct berth_op *op,
		   struct berth_error *err)
{
	int r;

	if (n > w->left)
		return berth_fail(err, BERTH_E_CORRUPT, "more bytes than were announced");
	r = put(w, bytes, n, op, err);
	if (r < 0)
		return r;
	w->left -= n;
	return 0;
}

int tar_writer_end(struct tar_writer *w, struct berth_op *op, struct berth_error *err)
{
	if (w->left > 0)
		return berth_fail(err, BERTH_E_CORRUPT, "%llu bytes less than were announced",
				  (unsigned long long)w->left);
	return put(w, zeros, w->padding, op, err);
}

void tar_writer_undo(struct tar_writer *w)
{
	/* if the file cannot be cut, the half entry stays: then nobody may call the archive whole
	 */
	if (!w->regular || ftruncate(w->fd, w->entry) < 0 || lseek(w->fd, w->entry, SEEK_SET) < 0)
		w->broken = true;
}

int tar_writer_file(struct tar_writer *w, const char *name, const void *bytes, size_t n,
		    struct berth_op *op, struct berth_error *err)
{
	int r;

	r = tar_writer_begin(w, name, n, op, err);
	if (r < 0)
		return r;
	r = tar_writer_add(w, bytes, n, op, err);
	if (r == 0)
		r = tar_writer_end(w, op, err);
	if (r < 0)
		tar_writer_undo(w);
	return r;
}

int tar_writer_finish(struct tar_writer *w, struct berth_op *op, struct berth_error *err)
{
	int r;

	r = put(w, zeros, sizeof(zeros), op, err);
	if (r < 0)
		return r;
	if (w->regular && fsync(w->fd) < 0)
		return berth_fail_errno(err, errno, "sync the archive");
	return 0;
}

void tar_writer_drop(struct tar_writer *w)
{
	w->entry = w->start;
	tar_writer_undo(w);
}
