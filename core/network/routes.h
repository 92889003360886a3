/* SPDX-License-Identifier: Apache-2.0 */
/*
 * routes: which subnets this host reaches or has, read from the kernel, so that no network of ours
 * gets one of them by itself. It changes nothing.
 */
#ifndef CORE_NETWORK_ROUTES_H
#define CORE_NETWORK_ROUTES_H

#include <berth/network.h>

enum { ROUTES_MAX = 65536 };

/** All destinations of the host's routing tables (its own addresses are among them) but the default
 * routes; free() *ret. LIMIT: more than ROUTES_MAX. */
int routes_read(struct berth_addr **ret, size_t *ret_n, struct berth_error *err);

#endif
