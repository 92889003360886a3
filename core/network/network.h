/* SPDX-License-Identifier: Apache-2.0 */
/*
 * network: what networks there are, and the verbs on them. Records in and out have the shapes of
 * the Engine API 1.50; names, ids and unambiguous prefixes of ids are accepted as @ref.
 *
 * A network is a row, what its driver made of it, and a directory <run>/networks/<id>, which says
 * that the driver has made it since the machine started. Networks that the config names
 * (network.builtin) are there from the beginning and are made when they are first needed.
 *
 * A row that says "making" or "removing", whose lock nobody holds, is half done: network_reconcile
 * and the next verb on it undo it.
 */
#ifndef CORE_NETWORK_H
#define CORE_NETWORK_H

#include "core/network/row.h"

/** NOT_FOUND: "network x not found". One that the config names is made. */
int network_find(const struct network_host *h, const char *ref, struct network_row **ret,
		 struct berth_error *err);
/** Have its driver make it if it did not since the machine started (@again: in any case). */
int network_up(const struct network_host *h, struct network_row *row, struct network_use *use,
	       bool again, struct berth_error *err);

/** @body is NetworkCreate; *ret: {"Id", "Warning"}, or with @dry_run what would be made. */
int network_create(const struct network_host *h, const struct record *body, bool dry_run,
		   struct record **ret, struct berth_error *err);
/** What its driver would make of it, and of @ep if there is one. UNSUPPORTED: it does not say. */
int network_use_plan(const struct network_use *use, const struct berth_endpoint *ep,
		     struct record **ret, struct berth_error *err);
/** BUSY: containers use it. DENIED: one that is always there. */
int network_remove(const struct network_host *h, const char *ref, struct berth_error *err);
/** Everything of it away, whatever of it is there; its lock is held, and nothing is attached. */
int network_erase(const struct network_host *h, const struct network_row *row,
		  struct berth_error *err);
/** Array of Network without "Containers"; @filters: id, name, driver, type, label, scope, dangling.
 */
int network_list(const struct network_host *h, const struct record *filters, struct record **ret,
		 struct berth_error *err);
int network_inspect(const struct network_host *h, const char *ref, struct record **ret,
		    struct berth_error *err);
/** Those that no container uses; their names into array @deleted. */
int network_prune(const struct network_host *h, const struct record *filters,
		  struct record *deleted, struct berth_error *err);

/** Let the drivers go of endpoints of containers that have ended. */
int network_sweep(const struct network_host *h, struct berth_error *err);
/** The same for who is started to do it: of many at once one works and one waits, which is enough. */
int network_sweep_in_turn(const struct network_host *h, struct berth_error *err);
/** Of those let the ones at least not publish what is in @ports (of ports_write) any more. */
int network_free_ports(const struct network_host *h, const struct record *ports,
		       struct berth_error *err);
/** Is there something for network_sweep? */
bool network_has_left(struct store *store);
/**
 * Make everything as the database says: half made networks and endpoints of dead containers go, and
 * each driver puts back what is missing and drops what is not named. *ret_n (may be NULL): networks
 * that were looked after.
 */
int network_reconcile(const struct network_host *h, size_t *ret_n, struct berth_error *err);

#endif
