/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names_socket: where a container asks for names: 127.0.0.11, port 53, inside of its network
 * namespace. Its monitor answers there (programs/monitor/resolver.h).
 *
 * The sockets have ports of the kernel's choice, and a rule in the namespace (nftables, table
 * "berth_names") leads port 53 to them: so the container may have a server of its own on port 53 of
 * all addresses. Where the kernel has no nftables with NAT, the sockets are on port 53 itself.
 */
#ifndef CORE_NETWORK_NAMES_SOCKET_H
#define CORE_NETWORK_NAMES_SOCKET_H

#include "berth/driver.h"

#define NAMES_SERVER "127.0.0.11"

/** A bound UDP and a listening TCP socket, in that order. The loopback interface is up. */
int names_sockets(int netns_fd, int ret_fds[static 2], struct berth_error *err);

#endif
