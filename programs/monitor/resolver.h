/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolver: answers a container's questions for names. Names of its networks come from files
 * (names.h); everything else goes to the servers outside, unchanged, from this process's network
 * namespace, which is the host's: so a resolver on the host's 127.0.0.53 is reached as well.
 *
 * The sockets were made inside the container's namespace by who attached it. All descriptors of its
 * own are behind one, for the monitor's loop: poll resolver_fd(), and call resolver_serve().
 */
#ifndef MONITOR_RESOLVER_H
#define MONITOR_RESOLVER_H

#include "berth/driver.h"

struct resolver;

/**
 * @udp is bound, @tcp listens; both are taken over, also on failure. @run: <run>, borrowed for its
 * life.
 */
int resolver_new(int run, const char *id, int udp, int tcp, struct resolver **ret,
		 struct berth_error *err);
int resolver_fd(const struct resolver *r);
/** Serve what is ready; never blocks. */
void resolver_serve(struct resolver *r);
/** NULL is fine. */
void resolver_free(struct resolver *r);

#endif
