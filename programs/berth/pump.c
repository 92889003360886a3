/* SPDX-License-Identifier: Apache-2.0 */
#include "pump.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

enum {
	SPLICE_MAX = 1 << 20,
	READ_MAX = 128 << 10,
	PIPE_SAFE = 4096, /* what a pipe that polls writable takes without waiting */
	GROW_AFTER = 256 << 10,
	ROUNDS = 16, /* of one call, so that other streams and signals have their turn */
};

void pump_init(struct pump *p, int from, int to)
{
	struct stat st;

	*p = (struct pump){.from = from, .to = to, .done = from < 0 || to < 0};
	if (!p->done && fstat(to, &st) == 0) {
		p->to_pipe = S_ISFIFO(st.st_mode);
		p->to_socket = S_ISSOCK(st.st_mode);
	}
	if (!p->done && fstat(from, &st) == 0)
		p->from_pipe = S_ISFIFO(st.st_mode);
}

void pump_free(struct pump *p)
{
	str_done(&p->held);
}

struct pollfd pump_wants(const struct pump *p)
{
	if (p->done)
		return (struct pollfd){.fd = -1};
	if (p->waiting)
		return (struct pollfd){.fd = p->to, .events = POLLOUT};
	return (struct pollfd){.fd = p->from, .events = POLLIN};
}

static bool is_ready(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	return poll(&p, 1, 0) > 0;
}

/* a bigger pipe needs fewer turns, which is worth it once it is clear that much passes through */
static void grow(struct pump *p)
{
	if (p->grown || p->total < GROW_AFTER)
		return;
	p->grown = true;
	/* one of them, or none, is a pipe; if it may not grow, it works as it is */
	(void)fcntl(p->from, F_SETPIPE_SZ, SPLICE_MAX);
	(void)fcntl(p->to, F_SETPIPE_SZ, SPLICE_MAX);
}

static void finish(struct pump *p, bool broken)
{
	p->done = true;
	p->broken = broken;
}

/* true: there may be more to move */
static bool move_spliced(struct pump *p)
{
	ssize_t n;

	/* what is no pipe may wait in spite of the flag */
	if (!p->from_pipe && !p->waiting && !is_ready(p->from, POLLIN))
		return false;
	n = splice(p->from, NULL, p->to, NULL, SPLICE_MAX, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	p->waiting = false;
	if (n > 0) {
		p->total += (size_t)n;
		grow(p);
		return true;
	}
	if (n == 0) {
		finish(p, false);
		return false;
	}
	switch (errno) {
	case EINTR:
		return true;
	case EAGAIN:
		p->waiting = is_ready(p->from, POLLIN);
		return false;
	case EPIPE:
		finish(p, true);
		return false;
	default: /* not for this kind of files (a terminal, O_APPEND), or an error that read tells
		  */
		p->buffered = true;
		return true;
	}
}

/* ------------------------------------------------------------------------ through a buffer */

static ssize_t put(struct pump *p, const char *bytes, size_t n)
{
	if (p->to_socket)
		return send(p->to, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	return write(p->to, bytes, p->to_pipe && n > PIPE_SAFE ? PIPE_SAFE : n);
}

/* true: nothing is held any more */
static bool write_held(struct pump *p)
{
	while (p->held_at < p->held.len) {
		ssize_t n;

		if (!is_ready(p->to, POLLOUT)) {
			p->waiting = true;
			return false;
		}
		n = put(p, str_text(&p->held) + p->held_at, p->held.len - p->held_at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			p->waiting = true;
			return false;
		}
		if (n < 0) {
			finish(p, true);
			return false;
		}
		p->held_at += (size_t)n;
	}
	p->waiting = false;
	str_clear(&p->held);
	p->held_at = 0;
	return true;
}

static void keep(struct pump *p, size_t n)
{
	cleanup_str struct str typed = STR_INIT;

	if (!p->keys) {
		str_grew(&p->held, n);
		return;
	}
	str_add_n(&typed, p->held.p, n);
	p->detached = detach_keys_filter(p->keys, str_text(&typed), typed.len, &p->held);
}

/* true: there may be more to move */
static bool move_buffered(struct pump *p)
{
	char *room;
	ssize_t n;

	if (!write_held(p) || p->detached)
		return false;
	if (!is_ready(p->from, POLLIN))
		return false;
	room = str_room(&p->held, READ_MAX);
	if (!room) {
		finish(p, true);
		return false;
	}
	n = read(p->from, room, READ_MAX);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return false;
	if (n <= 0) { /* EIO is how a terminal says that it has ended */
		finish(p, false);
		return false;
	}
	keep(p, (size_t)n);
	return write_held(p) && !p->detached;
}

void pump_move(struct pump *p)
{
	for (int i = 0; i < ROUNDS && !p->done; i++) {
		bool more;

		if (p->keys || p->buffered)
			more = move_buffered(p);
		else
			more = move_spliced(p);
		if (!more)
			return;
	}
}

void pump_drain(struct pump *p)
{
	while (!p->done) {
		struct pollfd want = pump_wants(p);

		if (poll(&want, 1, p->waiting ? -1 : 0) <= 0)
			return;
		pump_move(p);
	}
}
