/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/netns.h - sockets in other network namespaces than the caller's, network_namespaces(7).
 */
#ifndef BASE_NETNS_H
#define BASE_NETNS_H

#include "berth/driver.h"

/**
 * A socket(@domain, @type | SOCK_CLOEXEC, @protocol) that belongs to namespace @netns_fd (-1: the
 * caller's own) and works from here. The caller's threads stay where they are.
 */
int netns_socket(int netns_fd, int domain, int type, int protocol, int *ret_fd,
		 struct berth_error *err);

/** Whether @netns_fd is the caller's own namespace; false if that cannot be told. */
bool netns_is_own(int netns_fd);

#endif
