/* SPDX-License-Identifier: Apache-2.0 */
/*
 * row: a network as the database has it, and what its driver is told of it. Nothing else in
 * core/network writes to the table `network`.
 *
 * `spec` is a NetworkCreate of the Engine API in which everything is decided: its IPAM.Config holds
 * the subnets and gateways that the network really has.
 */
#ifndef CORE_NETWORK_ROW_H
#define CORE_NETWORK_ROW_H

#include "core/driver/drivers.h"
#include "core/store/store.h"

#define NETWORK_LOCK "network"
enum { NETWORK_SUBNETS_MAX = 8, NETWORK_STATE_MAX = 65536 };

/** What the verbs on networks work on. Borrowed members. */
struct network_host {
	const struct config *config;
	struct store *store;
	struct drivers *drivers;
	struct berth_op *op; /**< may be NULL */
};

struct network_row {
	char *id, *name, *driver, *phase; /* phase: "making", "ready", "removing" */
	bool builtin;
	int64_t created_ns;
	struct record *spec;
	char *state;
	size_t n_state;
	struct berth_subnet subnet[NETWORK_SUBNETS_MAX];
	uint32_t n_subnet;
};

void network_row_free(struct network_row *row);
DEFINE_CLEANUP(struct network_row *, network_row_free);
#define cleanup_network_row cleanup_with(network_row_free_at)

/** By name, id or unambiguous prefix. NOT_FOUND "network x not found". */
int network_row_find(struct store *store, const char *ref, struct network_row **ret,
		     struct berth_error *err);
/** All, in the order of their names; *ret ends with NULL. */
int network_row_all(struct store *store, struct network_row ***ret, size_t *ret_n,
		    struct berth_error *err);
void network_rows_free(struct network_row **rows);
DEFINE_CLEANUP(struct network_row **, network_rows_free);
#define cleanup_network_rows cleanup_with(network_rows_free_at)

/** In the caller's transaction, as "making". EXISTS: "network with name x already exists". */
int network_row_insert(struct store *store, const struct network_row *row, struct berth_error *err);
/** @state (may be NULL) is what the driver wrote. */
int network_row_phase(struct store *store, const char *id, const char *phase,
		      const struct str *state, struct berth_error *err);
/** With its pools and addresses. */
int network_row_delete(struct store *store, const char *id, struct berth_error *err);

/** A network with all that a call of its driver needs. */
struct network_use {
	struct network *driver; /* borrowed */
	struct berth_conf *conf;
	struct berth_net_desc desc; /* points into the row */
};

/** @row must outlive *ret. */
int network_use_open(const struct network_host *h, const struct network_row *row,
		     struct network_use *ret, struct berth_error *err);
void network_use_done(struct network_use *use);
#define cleanup_network_use cleanup_with(network_use_done)

#endif
