/* SPDX-License-Identifier: Apache-2.0 */
#include "core/container/make.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/path.h"
#include "core/container/log_format.h"

/** The log as it is now, mapped. What is appended later is found by mapping again. */
struct log_map {
	const char *p;
	size_t n;
};

static void log_unmap(struct log_map *map)
{
	if (map->p)
		(void)munmap((void *)map->p, map->n);
	map->p = NULL;
	map->n = 0;
}
#define cleanup_log_map cleanup_with(log_unmap)

static int log_map(int fd, struct log_map *ret, struct berth_error *err)
{
	struct stat st;
	void *p;

	if (fstat(fd, &st) < 0)
		return berth_fail_errno(err, errno, "read the log");
	if (st.st_size == 0) {
		*ret = (struct log_map){NULL, 0};
		return 0;
	}
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return berth_fail_errno(err, errno, "map the log");
	*ret = (struct log_map){p, (size_t)st.st_size};
	return 0;
}

/** The frame at @at; false at the end, or where a frame is not whole. */
static bool frame_at(const struct log_map *map, size_t at, struct log_frame *ret)
{
	uint32_t tail;

	if (map->n - at < sizeof(*ret) + LOG_FRAME_TAIL)
		return false;
	memcpy(ret, map->p + at, sizeof(*ret));
	if (ret->len > LOG_FRAME_MAX || map->n - at - sizeof(*ret) - LOG_FRAME_TAIL < ret->len)
		return false;
	memcpy(&tail, map->p + at + sizeof(*ret) + ret->len, sizeof(tail));
	return tail == ret->len;
}

static size_t frame_size(const struct log_frame *f)
{
	return sizeof(*f) + f->len + LOG_FRAME_TAIL;
}

static bool wanted(const struct container_logs_opts *opts, const struct log_frame *f)
{
	return (f->stream == 1 ? opts->out : opts->err) &&
	       (!opts->since_ns || f->at_ns >= opts->since_ns) &&
	       (!opts->until_ns || f->at_ns <= opts->until_ns);
}

/**
 * Where the last @tail lines of what is wanted begin: a frame, and how many bytes of it to skip. Frames may
 * end in the middle of a line, so lines are counted, not frames.
 */
static size_t tail_start(const struct log_map *map, const struct container_logs_opts *opts,
			 size_t *ret_skip)
{
	int64_t lines = 0;
	bool at_end = true;
	size_t end = map->n;

	*ret_skip = 0;
	while (end >= sizeof(struct log_frame) + LOG_FRAME_TAIL) {
		struct log_frame f;
		uint32_t len;
		size_t at;

		memcpy(&len, map->p + end - LOG_FRAME_TAIL, sizeof(len));
		if (len > LOG_FRAME_MAX || end < len + sizeof(f) + LOG_FRAME_TAIL)
			return end; /* not whole: what is behind it is all there is */
		at = end - len - sizeof(f) - LOG_FRAME_TAIL;
		if (!frame_at(map, at, &f))
			return end;
		for (size_t i = f.len; wanted(opts, &f) && i-- > 0;) {
			if (map->p[at + sizeof(f) + i] == '\n' && !at_end && ++lines == opts->tail) {
				*ret_skip = i + 1;
				return at;
			}
			at_end = false;
		}
		end = at;
	}
	return 0;
}

/** Frames from *@at on to @fn; *@at ends behind the last whole one. */
static int walk(const struct log_map *map, const struct container_logs_opts *opts, size_t *at,
		size_t skip, container_logs_fn fn, void *arg)
{
	struct log_frame f;

	while (*at < map->n && frame_at(map, *at, &f)) {
		int r = 0;

		if (wanted(opts, &f) && skip < f.len)
			r = fn(arg, f.stream, f.at_ns, map->p + *at + sizeof(f) + skip,
			       f.len - skip);
		skip = 0;
		if (r != 0)
			return r;
		*at += frame_size(&f);
	}
	return 0;
}

/** Until the log grows, or the monitor has gone. */
static int wait_for_more(int notify, int monitor, struct berth_op *op, bool *ret_ended,
			 struct berth_error *err)
{
	struct pollfd p[] = {{.fd = notify, .events = POLLIN}, {.fd = monitor, .events = POLLIN}};
	char events[4096];

	if (poll(p, 2, 500) < 0 && errno != EINTR)
		return berth_fail_errno(err, errno, "wait for output");
	/* what it says does not matter: it woke us */
	if (p[0].revents & POLLIN)
		(void)!read(notify, events, sizeof(events));
	*ret_ended = p[1].revents != 0;
	return op_check(op, err);
}

static int follow(struct container_host *h, const char *id, int fd,
		  const struct container_logs_opts *opts, size_t at, container_logs_fn fn,
		  void *arg, struct berth_error *err)
{
	cleanup_fd int notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK), monitor = -1;
	char self[64];
	bool ended = false;
	int r;

	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (notify < 0 || inotify_add_watch(notify, self, IN_MODIFY) < 0)
		return berth_fail_errno(err, errno, "watch the log");
	r = monitor_connect(h, id, &monitor, err);
	if (r == -BERTH_E_NOT_FOUND)
		ended = true; /* it does not run: there will be no more than there is */
	else if (r == 0)
		r = monitor_send(monitor, MONITOR_WATCH, 0, 0, 0, NULL, NULL, 0, err);
	if (r < 0 && !ended)
		return r;
	for (;;) {
		cleanup_log_map struct log_map map = {NULL, 0};
		bool last = ended;

		r = log_map(fd, &map, err);
		if (r == 0)
			r = walk(&map, opts, &at, 0, fn, arg);
		if (r != 0 || last)
			return r;
		r = wait_for_more(notify, monitor, h->op, &ended, err);
		if (r < 0)
			return r;
	}
}

int container_logs(struct container_host *h, const char *ref,
		   const struct container_logs_opts *opts, container_logs_fn fn, void *arg,
		   struct berth_error *err)
{
	cleanup_row struct container_row *row = NULL;
	cleanup_log_map struct log_map map = {NULL, 0};
	cleanup_fd int dir = -1, fd = -1;
	size_t at = 0, skip = 0;
	int r = container_row_find(h->store, ref, &row, err);

	if (r < 0)
		return r;
	if (str_eq(record_str(record_path(row->merged, "HostConfig.LogConfig.Type")), "none"))
		return berth_fail(err, BERTH_E_UNSUPPORTED,
				  "configured logging driver does not support reading");
	r = container_dir(h->store->rootfd, row->id, 0710, &dir, err);
	/* a reader may come before the first output: then it makes the empty log */
	if (r == 0)
		r = state_open(dir, MONITOR_LOG, O_RDONLY | O_CREAT, 0600, &fd, err);
	if (r == 0)
		r = log_map(fd, &map, err);
	if (r < 0)
		return r;
	if (opts->tail == 0)
		at = map.n;
	else if (opts->tail > 0)
		at = tail_start(&map, opts, &skip);
	r = walk(&map, opts, &at, skip, fn, arg);
	if (r == 0 && opts->follow)
		r = follow(h, row->id, fd, opts, at, fn, arg, err);
	return r;
}
