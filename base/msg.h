/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/msg.h - messages with descriptors between processes of ours, over SOCK_SEQPACKET.
 *
 * A message arrives whole or not at all. What the bytes mean is the caller's. Received descriptors
 * are close-on-exec; none is ever leaked, also not when a message is refused.
 */
#ifndef BASE_MSG_H
#define BASE_MSG_H

#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "berth/driver.h"

enum {
	MSG_FDS_MAX = 16,      /* descriptors in one message */
	MSG_BYTES_MAX = 65536, /* bytes in one message, unless the socket buffers are less */
};

/** Two connected ends. */
int msg_pair(int ret_fds[static 2], struct berth_error *err);
/**
 * Listen at socket @name (one component, however long the path of @dirfd is), mode 0600. One that
 * is there is removed first: the caller holds a lock, so it is stale.
 */
int msg_listen(int dirfd, const char *name, int *ret_fd, struct berth_error *err);
/** NOT_FOUND if there is no such socket, UNREACHABLE if nobody listens. */
int msg_connect(int dirfd, const char *name, int *ret_fd, struct berth_error *err);
/** Next connection; BUSY if @fd is non-blocking and there is none. */
int msg_accept(int fd, int *ret_fd, struct berth_error *err);
/** Who is at the other end, as the kernel knows it. */
int msg_peer(int fd, struct ucred *ret, struct berth_error *err);

/**
 * Send one message of 1 to MSG_BYTES_MAX bytes, with up to MSG_FDS_MAX descriptors, which stay the
 * caller's. No SIGPIPE: UNREACHABLE if the other end is gone. BUSY if non-blocking and full.
 */
int msg_send(int fd, const void *bytes, size_t n, const int *fds, size_t n_fds,
	     struct berth_error *err);
/**
 * Receive one message. *@ret_n is 0 when the other end is gone. CORRUPT for a message that is
 * longer than
 * @cap or has more than @max_fds descriptors; it is consumed. BUSY if non-blocking and there is
 * none.
 * @fds and @ret_n_fds may be NULL if @max_fds is 0.
 */
int msg_recv(int fd, void *bytes, size_t cap, size_t *ret_n, int *fds, size_t max_fds,
	     size_t *ret_n_fds, struct berth_error *err);

#endif
