/* SPDX-License-Identifier: Apache-2.0 */
/*
 * move: a container from one storage driver to another.
 *
 *	view in the new driver -> changes go over -> compared -> synced
 *	-> row: the new driver, and the old view is to go (one durable transaction)
 *	-> the old view goes
 *
 * Killed before the transaction it is where it was, and the next try begins anew; killed after, it
 * is over, and the old view goes with the next move_sweep.
 */
#ifndef CORE_CONTAINER_MOVE_H
#define CORE_CONTAINER_MOVE_H

#include "core/container/row.h"

enum move_flags {
	MOVE_KEEP_OLD = 1u << 0, /* the old view stays, as it is, until the container goes */
};

/**
 * Container @id to storage driver @to. 0 also if it is there. BUSY: it runs. UNSUPPORTED, INVALID:
 * the driver cannot carry it.
 */
int container_move(struct container_host *h, const char *id, const char *to, uint32_t flags,
		   struct berth_error *err);
/** It goes to @to when it has stopped. */
int container_move_later(struct container_host *h, const char *id, const char *to, uint32_t flags,
			 struct berth_error *err);
/** Move those that wait for it and do not run any more, and remove views that were left behind. */
int move_sweep(struct container_host *h, struct berth_error *err);
/** Remove the old views of container @id, kept ones too: it goes. */
int move_forget(struct container_host *h, const char *id, struct berth_error *err);
/** Whether storage driver @storage may hold a view of container @id: its own, or an old one. */
bool move_may_hold(struct store *store, const char *id, const char *storage);

#endif
