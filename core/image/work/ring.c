/* SPDX-License-Identifier: Apache-2.0 */
#include "core/image/work/ring.h"

#include <pthread.h>
#include <stdlib.h>

struct ring {
	pthread_mutex_t lock;
	pthread_cond_t filled, freed;
	size_t chunk;
	unsigned int n, first, full; /* chunks: in all, the oldest full one, how many are full */
	bool lent;		     /* the consumer looks at the oldest full one */
	bool ended, stopped;
	struct berth_error why; /* code 0: a good end */
	size_t *len;
	char *bytes;
};

int ring_new(size_t chunk, unsigned int n, struct ring **ret, struct berth_error *err)
{
	struct ring *ring = calloc(1, sizeof(*ring));

	if (!ring)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	(void)pthread_mutex_init(&ring->lock, NULL); /* cannot fail without attributes */
	(void)pthread_cond_init(&ring->filled, NULL);
	(void)pthread_cond_init(&ring->freed, NULL);
	ring->chunk = chunk;
	ring->n = n;
	ring->len = calloc(n, sizeof(*ring->len));
	ring->bytes = malloc(chunk * n);
	if (!ring->len || !ring->bytes) {
		ring_free(ring);
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	}
	*ret = ring;
	return 0;
}

void ring_free(struct ring *ring)
{
	if (!ring)
		return;
	(void)pthread_cond_destroy(&ring->freed);
	(void)pthread_cond_destroy(&ring->filled);
	(void)pthread_mutex_destroy(&ring->lock);
	free(ring->len);
	free(ring->bytes);
	free(ring);
}

int ring_room(struct ring *ring, void **ret_p, size_t *ret_n, struct berth_error *err)
{
	unsigned int i;
	bool stopped;

	pthread_mutex_lock(&ring->lock);
	while (ring->full == ring->n && !ring->stopped)
		pthread_cond_wait(&ring->freed, &ring->lock);
	stopped = ring->stopped;
	i = (ring->first + ring->full) % ring->n;
	pthread_mutex_unlock(&ring->lock);
	if (stopped)
		return berth_fail(err, BERTH_E_CANCELLED, "nobody takes the rest");
	*ret_p = ring->bytes + i * ring->chunk;
	*ret_n = ring->chunk;
	return 0;
}

void ring_put(struct ring *ring, size_t n)
{
	if (n == 0)
		return;
	pthread_mutex_lock(&ring->lock);
	ring->len[(ring->first + ring->full) % ring->n] = n;
	ring->full++;
	pthread_cond_signal(&ring->filled);
	pthread_mutex_unlock(&ring->lock);
}

void ring_end(struct ring *ring, const struct berth_error *why)
{
	pthread_mutex_lock(&ring->lock);
	ring->ended = true;
	if (why)
		ring->why = *why;
	pthread_cond_signal(&ring->filled);
	pthread_mutex_unlock(&ring->lock);
}

int ring_next(struct ring *ring, const void **ret_p, size_t *ret_n, struct berth_error *err)
{
	int r = 0;

	pthread_mutex_lock(&ring->lock);
	if (ring->lent) {
		ring->first = (ring->first + 1) % ring->n;
		ring->full--;
		ring->lent = false;
		pthread_cond_signal(&ring->freed);
	}
	while (ring->full == 0 && !ring->ended)
		pthread_cond_wait(&ring->filled, &ring->lock);
	if (ring->full > 0) {
		*ret_p = ring->bytes + ring->first * ring->chunk;
		*ret_n = ring->len[ring->first];
		ring->lent = true;
	} else if (ring->why.code) {
		if (err)
			*err = ring->why;
		r = -ring->why.code;
	} else {
		*ret_n = 0;
	}
	pthread_mutex_unlock(&ring->lock);
	return r;
}

void ring_stop(struct ring *ring)
{
	pthread_mutex_lock(&ring->lock);
	ring->stopped = true;
	pthread_cond_signal(&ring->freed);
	pthread_mutex_unlock(&ring->lock);
}
