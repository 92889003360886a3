/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layers_parts: what layers.c (who works on which layer when) and layer.c (the steps of one) share.
 */
#ifndef CORE_IMAGE_LAYERS_PARTS_H
#define CORE_IMAGE_LAYERS_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/image/work/layers.h"

/** A driver that takes one call at a time gets one at a time. */
struct gate {
	pthread_mutex_t lock;
	bool used;
};

static inline void gate_enter(struct gate *gate)
{
	if (gate->used)
		(void)pthread_mutex_lock(&gate->lock); /* fails for misuse only */
}

static inline void gate_leave(struct gate *gate)
{
	if (gate->used)
		(void)pthread_mutex_unlock(&gate->lock);
}

struct layers_run {
	const struct layers_how *how;
	struct layer_job *job;
	size_t n;
	struct gate storage_gate, registry_gate;
	atomic_bool stop;     /* one failed, or the user gave up */
	atomic_ullong bytes;  /* of blobs, read so far */
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t changed;
	size_t next;	  /* to be begun */
	size_t committed; /* so many are whole, from the base up */
	bool committing;
	unsigned int alive;
	struct berth_error why; /* of the first failure */
};

/** Blob into the store, tree into an ingest, which stays open in job->ingest. */
int layer_fill(struct layers_run *run, struct layer_job *job, struct berth_error *err);
/** Publish what layer_fill left open; nothing if there is none. */
int layer_commit(struct layers_run *run, struct layer_job *job, struct berth_error *err);
void layer_abort(struct layers_run *run, struct layer_job *job);

#endif
