/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pump: bytes from one descriptor to another, as part of a poll loop, fast: in the kernel (splice)
 * where the two can, through a buffer where not. It never waits for a pipe or socket that is full,
 * and changes no flags of descriptors, which others share.
 */
#ifndef BERTH_PUMP_H
#define BERTH_PUMP_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

#include "detach_keys.h"

struct pump {
	int from, to;		  /* borrowed; -1: there is no such stream */
	bool done;		  /* the end of @from was reached, or @to takes no more */
	bool broken;		  /* it was @to, for which nobody reads */
	bool detached;		  /* the keys for that were typed */
	struct detach_keys *keys; /* looked for in what passes; may be NULL */
	/* own */
	bool buffered; /* splice does not work here */
	bool waiting;  /* for @to, which is full */
	bool from_pipe, to_pipe, to_socket, grown;
	size_t total;
	struct str held; /* read, and from held_at on not yet written */
	size_t held_at;
};

void pump_init(struct pump *p, int from, int to);
/** What to poll for next; fd -1: nothing. */
struct pollfd pump_wants(const struct pump *p);
/** After poll: move what can be moved without waiting. */
void pump_move(struct pump *p);
/** Move what is there now, though the end of it may never come. */
void pump_drain(struct pump *p);
void pump_free(struct pump *p);

#endif
