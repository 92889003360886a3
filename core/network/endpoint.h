/* SPDX-License-Identifier: Apache-2.0 */
/*
 * endpoint: one container on one network, as the database has it and as its driver is told of it.
 *
 *   making -> ready -> leaving -> (off | gone)
 *
 * "making" and "ready" hold addresses. "leaving": the container has ended, and the driver has still
 * to let go of it, which nobody waits for (network_sweep). "off": the container does not run; what
 * it had is remembered, so that it gets the same again if it is free then. Each start makes an
 * endpoint with an id of its own, so that the undoing of an earlier one never meets a later one.
 */
#ifndef CORE_NETWORK_ENDPOINT_H
#define CORE_NETWORK_ENDPOINT_H

#include "base/ident.h"
#include "core/network/ports.h"
#include "core/network/row.h"

enum { ENDPOINT_ADDRESSES_MAX = 8, ENDPOINT_IFNAME_MAX = 16 };

struct endpoint {
	char id[IDENT_ID_MAX];
	char *container, *network; /* ids */
	char *phase;
	int64_t pos;
	char ifname[ENDPOINT_IFNAME_MAX];
	uint8_t mac[6];
	struct berth_addr addr[ENDPOINT_ADDRESSES_MAX];
	uint32_t n_addr;
	struct berth_addr gateway4, gateway6;
	struct record *ports; /* of ports_write; may be NULL */
	char **names; /* "NAME", and for links "CONTAINER ALIAS"; the first is the container's */
	struct str state;
};

void endpoint_free(struct endpoint *ep);
DEFINE_CLEANUP(struct endpoint *, endpoint_free);
#define cleanup_endpoint cleanup_with(endpoint_free_at)

struct endpoints {
	struct endpoint **list;
	size_t n;
};
void endpoints_done(struct endpoints *eps);
#define cleanup_endpoints cleanup_with(endpoints_done)

/** Those of a container, main network first. */
int endpoints_of_container(struct store *store, const char *container, struct endpoints *ret,
			   struct berth_error *err);
/** Those of a network, in the order of their making. */
int endpoints_of_network(struct store *store, const char *network, struct endpoints *ret,
			 struct berth_error *err);
int endpoints_in_phase(struct store *store, const char *phase, struct endpoints *ret,
		       struct berth_error *err);
int endpoints_all(struct store *store, struct endpoints *ret, struct berth_error *err);

/** In the caller's transaction, as "making"; one that is "off" makes room. EXISTS: already there. */
int endpoint_insert(struct store *store, const struct endpoint *ep, struct berth_error *err);
/** Attached: its addresses, state and all, as "ready". In the caller's transaction. */
int endpoint_ready(struct store *store, const struct endpoint *ep, struct berth_error *err);
/** All of a container leave. In the caller's transaction. */
int endpoints_leave(struct store *store, const char *container, struct berth_error *err);
/** One. In the caller's transaction. */
int endpoint_leave(struct store *store, const char *id, struct berth_error *err);
/** Detached: its addresses are free, and it is "off", or gone with its container or by @forget. */
int endpoint_left(struct store *store, const struct endpoint *ep, bool forget,
		  struct berth_error *err);

/** Driver's view; pointers into @ep, @ports and @scratch. */
struct endpoint_call {
	struct berth_endpoint ep;
	struct ports ports;
};
int endpoint_call_open(const struct endpoint *ep, int netns_fd, const char *hostname,
		       struct endpoint_call *ret, struct berth_error *err);
void endpoint_call_done(struct endpoint_call *call);
#define cleanup_endpoint_call cleanup_with(endpoint_call_done)

#endif
