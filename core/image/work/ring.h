/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ring: bytes from one thread to another, in a few large chunks that are used again and again. The
 * producer waits while all are full, the consumer while all are empty; either may give up.
 */
#ifndef CORE_IMAGE_RING_H
#define CORE_IMAGE_RING_H

#include <stddef.h>

#include "base/cleanup.h"
#include "berth/driver.h"

struct ring;

int ring_new(size_t chunk, unsigned int n, struct ring **ret, struct berth_error *err);
void ring_free(struct ring *ring);
DEFINE_CLEANUP(struct ring *, ring_free);
#define cleanup_ring cleanup_with(ring_free_at)

/* producer */

/** Room for a chunk. CANCELLED if the consumer has given up. */
int ring_room(struct ring *ring, void **ret_p, size_t *ret_n, struct berth_error *err);
/** The first @n bytes of that room are filled (0: it is given back). */
void ring_put(struct ring *ring, size_t n);
/** No more comes: the end, or (@why not NULL) a failure, which the consumer will see as its own. */
void ring_end(struct ring *ring, const struct berth_error *why);

/* consumer */

/** The next chunk, valid until the next call; *ret_n 0 at the end. The failure of the producer. */
int ring_next(struct ring *ring, const void **ret_p, size_t *ret_n, struct berth_error *err);
/** Nothing more is wanted: the producer's next ring_room fails. */
void ring_stop(struct ring *ring);

#endif
