/* SPDX-License-Identifier: Apache-2.0 */
#include "base/msg.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"

/* Room for the descriptors of one message, aligned as the kernel wants it. */
union control {
	char bytes[CMSG_SPACE(MSG_FDS_MAX * sizeof(int))];
	struct cmsghdr align;
};

int msg_pair(int ret_fds[static 2], struct berth_error *err)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return berth_fail_errno(err, errno, "make a pair of sockets");
	ret_fds[0] = fds[0];
	ret_fds[1] = fds[1];
	return 0;
}

static int new_socket(int *ret_fd, struct berth_error *err)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return berth_fail_errno(err, errno, "make a socket");
	*ret_fd = fd;
	return 0;
}

int msg_listen(int dirfd, const char *name, int *ret_fd, struct berth_error *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	cleanup_fd int fd = -1;
	int n;
	int r;

	if (!path_is_name(name))
		return berth_fail(err, BERTH_E_INVALID, "'%s' is not a name for a socket", name);
	/* a socket's path has 108 bytes at most: name the directory by its descriptor */
	n = snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/%s", dirfd, name);
	if (n < 0 || (size_t)n >= sizeof(addr.sun_path))
		return berth_fail(err, BERTH_E_INVALID, "'%s' is too long for a socket", name);
	r = state_unlink(dirfd, name, err);
	if (r == 0)
		r = new_socket(&fd, err);
	if (r < 0)
		return r;
	/* before bind, so that it never is there with another mode */
	if (fchmod(fd, 0600) < 0 || bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    listen(fd, SOMAXCONN) < 0)
		return berth_fail_errno(err, errno, "listen at '%s'", name);
	*ret_fd = steal_fd(&fd);
	return 0;
}

int msg_connect(int dirfd, const char *name, int *ret_fd, struct berth_error *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	cleanup_fd int place = -1;
	cleanup_fd int fd = -1;
	int r = state_open(dirfd, name, O_PATH, 0, &place, err);

	if (r == 0)
		r = new_socket(&fd, err);
	if (r < 0)
		return r;
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d", place);
	do {
		r = connect(fd, (const struct sockaddr *)&addr, sizeof(addr));
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return berth_fail_errno(err, errno, "connect to '%s'", name);
	*ret_fd = steal_fd(&fd);
	return 0;
}

/* BUSY for what would wait, UNREACHABLE for an end that is gone. */
static int fail_call(struct berth_error *err, int sys_errno, const char *what)
{
	switch (sys_errno) {
	case EAGAIN:
		return berth_fail(err, BERTH_E_BUSY, "%s: not now", what);
	case EPIPE:
	case ECONNRESET:
	case ENOTCONN:
		return berth_fail(err, BERTH_E_UNREACHABLE, "%s: the other end is gone", what);
	default:
		return berth_fail_errno(err, sys_errno, "%s", what);
	}
}

int msg_accept(int fd, int *ret_fd, struct berth_error *err)
{
	int conn;

	do {
		conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	} while (conn < 0 && (errno == EINTR || errno == ECONNABORTED));
	if (conn < 0)
		return fail_call(err, errno, "accept a connection");
	*ret_fd = conn;
	return 0;
}

int msg_peer(int fd, struct ucred *ret, struct berth_error *err)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 || len != sizeof(peer))
		return berth_fail_errno(err, errno, "ask who is at the other end");
	*ret = peer;
	return 0;
}

int msg_send(int fd, const void *bytes, size_t n, const int *fds, size_t n_fds,
	     struct berth_error *err)
{
	union control control = {.bytes = {0}};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = n};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t sent;

	if (n == 0 || n > MSG_BYTES_MAX || n_fds > MSG_FDS_MAX)
		return berth_fail(err, BERTH_E_INVALID,
				  "a message has 1 to %d bytes and at most %d descriptors",
				  MSG_BYTES_MAX, MSG_FDS_MAX);
	if (n_fds) {
		struct cmsghdr *c = &control.align;

		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n_fds * sizeof(int));
	}
	do {
		sent = sendmsg(fd, &msg, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	return sent < 0 ? fail_call(err, errno, "send a message") : 0;
}

/* All descriptors that came with @msg. */
static size_t take_fds(struct msghdr *msg, int fds[static MSG_FDS_MAX])
{
	size_t n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t n_here;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n_here = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		if (n_here > MSG_FDS_MAX - n)
			n_here = MSG_FDS_MAX -
				 n; /* never: the control buffer has no room for more */
		memcpy(fds + n, CMSG_DATA(c), n_here * sizeof(int));
		n += n_here;
	}
	return n;
}

int msg_recv(int fd, void *bytes, size_t cap, size_t *ret_n, int *fds, size_t max_fds,
	     size_t *ret_n_fds, struct berth_error *err)
{
	union control control;
	struct iovec iov = {.iov_base = bytes, .iov_len = cap};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	int came[MSG_FDS_MAX];
	size_t n_came;
	ssize_t n;

	do {
		n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno == ECONNRESET) {
		n = 0; /* gone with messages of ours unread: gone all the same */
		msg.msg_controllen = 0;
	} else if (n < 0) {
		return fail_call(err, errno, "receive a message");
	}
	n_came = take_fds(&msg, came);
	if (n == 0 || msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC) || n_came > max_fds) {
		for (size_t i = 0; i < n_came; i++)
			(void)close(came[i]);
		n_came = 0;
		if (n > 0)
			return berth_fail(err, BERTH_E_CORRUPT,
					  "a message has more than %zu bytes or %zu descriptors",
					  cap, max_fds);
	}
	if (n_came)
		memcpy(fds, came, n_came * sizeof(int));
	if (ret_n_fds)
		*ret_n_fds = n_came;
	*ret_n = (size_t)n;
	return 0;
}
