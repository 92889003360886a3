/* SPDX-License-Identifier: Apache-2.0 */
#include "core/container/log_file.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

struct frame {
	uint32_t len;
	uint8_t stream;
	uint8_t reserved[3];
	int64_t at_ns;
};

enum { TAIL = sizeof(uint32_t), FRAME_MIN = sizeof(struct frame) + TAIL };

_Static_assert(sizeof(struct frame) == 16, "on-disk format");

int log_file_append(int fd, int stream, int64_t at_ns, const void *bytes, size_t n,
		    struct berth_error *err)
{
	struct frame head = {.len = (uint32_t)n, .stream = (uint8_t)stream, .at_ns = at_ns};
	struct iovec v[] = {{&head, sizeof(head)}, {(void *)bytes, n}, {&head.len, TAIL}};
	ssize_t put;
	off_t end;

	if (n == 0 || n > LOG_FRAME_MAX)
		return berth_fail(err, BERTH_E_LIMIT, "a log frame of %zu bytes", n);
	do
		put = writev(fd, v, 3);
	while (put < 0 && errno == EINTR);
	if (put == (ssize_t)(n + FRAME_MIN))
		return 0;
	if (put < 0)
		return berth_fail_errno(err, errno, "write the log");
	end = lseek(fd, 0, SEEK_END);
	if (end < put || ftruncate(fd, end - put) < 0)
		return berth_fail(err, BERTH_E_IO, "the log ends in half a frame");
	return berth_fail(err, BERTH_E_FULL, "no room for the log");
}

int log_file_open(int fd, struct log_file *ret, struct berth_error *err)
{
	struct stat st;
	void *p;

	if (fstat(fd, &st) < 0)
		return berth_fail_errno(err, errno, "read the log");
	if (st.st_size == 0) {
		*ret = (struct log_file){NULL, 0};
		return 0;
	}
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return berth_fail_errno(err, errno, "map the log");
	*ret = (struct log_file){p, (size_t)st.st_size};
	return 0;
}

void log_file_close(struct log_file *log)
{
	if (log->p)
		(void)munmap((void *)log->p, log->n);
	log->p = NULL;
	log->n = 0;
}

/** The frame at @at; false at the end, or where a frame is not whole. */
static bool frame_at(const struct log_file *log, size_t at, struct frame *ret)
{
	uint32_t tail;

	if (at > log->n || log->n - at < FRAME_MIN)
		return false;
	memcpy(ret, log->p + at, sizeof(*ret));
	if (ret->len > LOG_FRAME_MAX || log->n - at - FRAME_MIN < ret->len)
		return false;
	memcpy(&tail, log->p + at + sizeof(*ret) + ret->len, TAIL);
	return tail == ret->len;
}

/** The frame that ends at @end. */
static bool frame_before(const struct log_file *log, size_t end, size_t *ret_at, struct frame *ret)
{
	uint32_t len;

	if (end < FRAME_MIN)
		return false;
	memcpy(&len, log->p + end - TAIL, TAIL);
	if (len > LOG_FRAME_MAX || end - FRAME_MIN < len)
		return false;
	*ret_at = end - FRAME_MIN - len;
	return frame_at(log, *ret_at, ret) && ret->len == len;
}

static bool selected(const struct log_select *select, const struct frame *f)
{
	return (f->stream == LOG_STDOUT ? select->out : select->err) &&
	       (!select->since_ns || f->at_ns >= select->since_ns) &&
	       (!select->until_ns || f->at_ns <= select->until_ns);
}

/** Behind the last whole frame: what follows it was cut off, and going backwards must begin before
 * it. */
static size_t whole_end(const struct log_file *log)
{
	struct frame f;
	size_t at;

	if (log->n == 0 || frame_before(log, log->n, &at, &f))
		return log->n;
	for (at = 0; frame_at(log, at, &f);)
		at += f.len + FRAME_MIN;
	return at;
}

struct log_place log_file_tail(const struct log_file *log, const struct log_select *select,
			       int64_t lines)
{
	size_t end = whole_end(log), at, later = end;
	bool at_end = true; /* a newline at the very end ends the last line, and begins none */
	int64_t found = 0;
	int stream = 0;
	struct frame f;

	if (lines <= 0)
		return (struct log_place){end, 0};
	for (; frame_before(log, end, &at, &f); end = at) {
		if (!selected(select, &f))
			continue;
		/* where one stream interrupts the other, a line begins, whatever came before */
		if (stream && f.stream != stream && log->p[at + sizeof(f) + f.len - 1] != '\n' &&
		    ++found == lines)
			return (struct log_place){later, 0};
		stream = f.stream;
		later = at;
		for (size_t i = f.len; i-- > 0; at_end = false)
			if (log->p[at + sizeof(f) + i] == '\n' && !at_end && ++found == lines)
				return i + 1 < f.len
					       ? (struct log_place){at, i + 1}
					       : (struct log_place){at + f.len + FRAME_MIN, 0};
	}
	return (struct log_place){0, 0};
}

int log_file_read(const struct log_file *log, const struct log_select *select,
		  struct log_place *place, log_file_fn fn, void *arg)
{
	struct frame f;

	while (frame_at(log, place->frame, &f)) {
		const char *bytes = log->p + place->frame + sizeof(f);
		int r = 0;

		if (selected(select, &f) && place->skip < f.len)
			r = fn(arg, f.stream, f.at_ns, bytes + place->skip, f.len - place->skip);
		if (r != 0)
			return r;
		place->frame += f.len + FRAME_MIN;
		place->skip = 0;
	}
	return 0;
}
