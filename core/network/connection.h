/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connection: all endpoints of one container at its start, from what was asked for to what is there.
 *
 *   connection_open    networks found and made, ports reserved, addresses taken; rows "making"
 *   connection_attach  the drivers connect the namespace; rows "ready", names known
 *   connection_undo    of either, when the start fails
 *
 * Later changes, one network at a time: connection_add, connection_drop.
 */
#ifndef CORE_NETWORK_CONNECTION_H
#define CORE_NETWORK_CONNECTION_H

#include "core/container/spec.h"
#include "core/network/endpoint.h"
#include "core/network/network.h"

enum { CONNECTION_NETWORKS_MAX = 64 };

/** Who is to be connected, and how. Borrowed. */
struct connection_wish {
	const char *container, *name, *hostname;
	const char *mode; /**< HostConfig.NetworkMode */
	const struct record *merged;
	bool dry_run; /**< nothing is made: connection_plan */
};

struct connected {
	struct network_row *row;
	struct network_use use;
	const struct record *config; /**< of EndpointsConfig; may be NULL; borrowed */
	struct endpoint *ep;
	bool kept; /**< it has a row in the database */
	bool attached;
};

struct connection {
	enum spec_network kind;
	const char *container; /**< of "container:REF"; borrowed */
	struct connected *list;
	size_t n;
	size_t gateway;	     /**< which of them leads out; n: none does */
	struct ports ports;  /**< bound sockets, for the monitor */
	bool wants_names;    /**< on a network whose names are answered */
	bool wants_resolver; /**< names are asked for at 127.0.0.11 */
	bool internal;	     /**< nothing leads out */
	bool from_driver;    /**< addresses are known only after the driver has attached it */
	int lock;	     /**< against a reconcile meanwhile */
};
/* clang-format off */
#define CONNECTION_INIT {.lock = -1}
/* clang-format on */

int connection_open(const struct network_host *h, const struct connection_wish *wish,
		    struct connection *ret, struct berth_error *err);
int connection_attach(const struct network_host *h, const struct connection_wish *wish,
		      struct connection *c, int netns_fd, struct berth_error *err);
/** Best effort: what is left over then is "leaving". */
void connection_undo(const struct network_host *h, struct connection *c);
/** Frees; undoes nothing. */
void connection_done(struct connection *c);
#define cleanup_connection cleanup_with(connection_done)

/**
 * What they would make: an array with an object a network, and what its driver plans. Makes nothing
 * (connection_plan.c).
 */
int connection_plan(const struct network_host *h, const struct connection_wish *wish,
		    struct record **ret, struct berth_error *err);

/**
 * One more network, @name, for a container that runs; @pos: which of its networks it is. Then
 * connection_attach.
 */
int connection_open_one(const struct network_host *h, const struct connection_wish *wish,
			const char *name, size_t pos, struct connection *ret,
			struct berth_error *err);

/** The names of the networks in @merged, the main one first; strv_free. */
int connection_names(const struct connection_wish *wish, char ***ret, struct berth_error *err);

/** Does the host ask servers that only it can reach (127.0.0.53)? */
bool connection_host_dns_is_local(void);

/** Detach one that is "leaving", whoever it was; somebody else may have done it: 0. */
int connection_release(const struct network_host *h, const struct endpoint *ep,
		       struct berth_error *err);

#endif
