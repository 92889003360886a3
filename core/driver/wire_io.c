/* SPDX-License-Identifier: Apache-2.0 */
#include "core/driver/wire.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum { FDS_AT_ONCE = 250 }; /* the kernel takes 253 with one piece */

struct header {
	uint32_t bytes;
	uint16_t type;
	uint16_t n_fds;
};

union control {
	char bytes[CMSG_SPACE(FDS_AT_ONCE * sizeof(int))];
	struct cmsghdr align;
};

static int wait_for(const struct wire_port *port, short events, struct berth_error *err)
{
	struct pollfd p = {.fd = port->fd, .events = events};

	if (port->wait)
		return port->wait(port->arg, events, err);
	if (poll(&p, 1, -1) < 0 && errno != EINTR)
		return berth_fail_errno(err, errno, "wait for a driver");
	return 0;
}

static bool is_gone(int sys_errno)
{
	return sys_errno == EPIPE || sys_errno == ECONNRESET || sys_errno == ENOTCONN;
}

/* Go on after @n < 0, or not. */
static int again(const struct wire_port *port, short events, struct berth_error *err)
{
	if (errno == EINTR)
		return 0;
	if (errno == EAGAIN)
		return wait_for(port, events, err);
	if (is_gone(errno))
		return berth_fail(err, BERTH_E_UNREACHABLE, "the other end is gone");
	return berth_fail_errno(err, errno, "talk to a driver's process");
}

/* --- sending -------------------------------------------------------------- */

static void attach(struct msghdr *msg, union control *control, const int *fds, size_t n)
{
	struct cmsghdr *c = &control->align;

	memset(control, 0, sizeof(*c));
	msg->msg_control = control;
	msg->msg_controllen = CMSG_SPACE(n * sizeof(int));
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(c), fds, n * sizeof(int));
}

/* All of @iov, with the descriptors beside its first byte. */
static int send_all(const struct wire_port *port, struct iovec *iov, int n_iov, const int *fds,
		    size_t n_fds, struct berth_error *err)
{
	union control control;

	while (n_iov) {
		struct msghdr msg = {.msg_iov = iov, .msg_iovlen = (size_t)n_iov};
		ssize_t n;

		if (n_fds)
			attach(&msg, &control, fds, n_fds);
		n = sendmsg(port->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0) {
			int r = again(port, POLLOUT, err);

			if (r < 0)
				return r;
			continue;
		}
		n_fds = 0;
		while (n_iov && (size_t)n >= iov->iov_len) {
			n -= (ssize_t)iov->iov_len;
			iov++;
			n_iov--;
		}
		if (n_iov) {
			iov->iov_base = (char *)iov->iov_base + n;
			iov->iov_len -= (size_t)n;
		}
	}
	return 0;
}

int wire_send(const struct wire_port *port, enum wire_type type, const struct wire *w,
	      struct berth_error *err)
{
	struct header h = {(uint32_t)w->out.len, (uint16_t)type, (uint16_t)w->n_fds};
	struct iovec iov[] = {{&h, sizeof(h)}, {w->out.p, w->out.len}};
	size_t sent = w->n_fds < FDS_AT_ONCE ? w->n_fds : FDS_AT_ONCE;
	int r;

	if (w->bad || w->out.failed)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	if (w->out.len > WIRE_BYTES_MAX)
		return berth_fail(err, BERTH_E_LIMIT, "a call has more than %d bytes",
				  WIRE_BYTES_MAX);
	r = send_all(port, iov, w->out.len ? 2 : 1, w->fds, sent, err);
	/* what is too much for one piece goes beside one more byte each */
	while (r == 0 && sent < w->n_fds) {
		size_t n = w->n_fds - sent < FDS_AT_ONCE ? w->n_fds - sent : FDS_AT_ONCE;
		struct iovec more = {(char[]){0}, 1};

		r = send_all(port, &more, 1, w->fds + sent, n, err);
		sent += n;
	}
	return r;
}

/* --- receiving ------------------------------------------------------------ */

/* The descriptors of one piece to the end of @w's. */
static void keep_fds(struct wire *w, struct msghdr *msg, size_t want)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (w->n_fds < want) {
				w->fds[w->n_fds++] = fd;
			} else {
				(void)close(fd);
				w->bad = true;
			}
		}
	}
	if (msg->msg_flags & MSG_CTRUNC)
		w->bad = true;
}

/* @n bytes, and what comes beside them. */
static int recv_all(const struct wire_port *port, void *bytes, size_t n, struct wire *w,
		    size_t want, struct berth_error *err)
{
	size_t have = 0;

	while (have < n) {
		union control control;
		struct iovec iov = {(char *)bytes + have, n - have};
		struct msghdr msg = {
			.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = &control,
			.msg_controllen = sizeof(control),
		};
		ssize_t got = recvmsg(port->fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
		int r = 0;

		if (got < 0) {
			r = again(port, POLLIN, err);
		} else if (got == 0) {
			r = berth_fail(err, BERTH_E_UNREACHABLE, "the other end is gone");
		} else {
			keep_fds(w, &msg, want);
			have += (size_t)got;
		}
		if (r < 0)
			return r;
	}
	return 0;
}

/* The header comes with descriptors before it is known how many there may be. */
static int recv_header(const struct wire_port *port, struct header *h, struct wire *w,
		       struct berth_error *err)
{
	int r;

	w->fds = calloc(FDS_AT_ONCE, sizeof(int));
	if (!w->fds)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = recv_all(port, h, sizeof(*h), w, FDS_AT_ONCE, err);
	if (r < 0)
		return r;
	if (w->bad || h->bytes > WIRE_BYTES_MAX || h->n_fds > WIRE_FDS_MAX || w->n_fds > h->n_fds ||
	    h->type < WIRE_HELLO || h->type > WIRE_DESC)
		return berth_fail(err, BERTH_E_CORRUPT, "a message is not as agreed");
	if (h->n_fds > FDS_AT_ONCE) {
		int *more = reallocarray(w->fds, h->n_fds, sizeof(int));

		if (!more)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		w->fds = more;
	}
	return 0;
}

int wire_recv(const struct wire_port *port, enum wire_type *ret_type, struct wire *ret,
	      struct berth_error *err)
{
	cleanup_wire struct wire w = {.is_reader = true};
	struct header h;
	int r = recv_header(port, &h, &w, err);

	if (r < 0)
		return r;
	w.n = h.bytes;
	w.body = malloc(w.n + 1);
	if (!w.body)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = recv_all(port, w.body, w.n, &w, h.n_fds, err);
	while (r == 0 && !w.bad && h.n_fds > FDS_AT_ONCE && w.n_fds < h.n_fds) {
		char none;

		r = recv_all(port, &none, 1, &w, h.n_fds, err);
	}
	if (r == 0 && (w.bad || w.n_fds != h.n_fds))
		r = berth_fail(err, BERTH_E_CORRUPT, "a message is not as agreed");
	if (r < 0)
		return r;
	*ret = w;
	memset(&w, 0, sizeof(w));
	*ret_type = (enum wire_type)h.type;
	return 0;
}
