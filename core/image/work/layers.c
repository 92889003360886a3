/* SPDX-License-Identifier: Apache-2.0 */
#include "core/image/work/layers.h"

#include <sched.h>
#include <string.h>
#include <time.h>

#include "base/ident.h"
#include "core/image/work/layers_parts.h"
#include "core/image/work/stream.h"

enum {
	WORKERS_MAX = 8, /* each has a second thread, and buffers of 4 MB */
	TICK_MS = 100,
};

enum job_state {
	JOB_WAITS = 0,
	JOB_FILLED, /* may be committed when its parent is */
};

static void fail_run(struct layers_run *run, const struct layer_job *job,
		     const struct berth_error *why)
{
	char text[DIGEST_TEXT_MAX];

	pthread_mutex_lock(&run->lock);
	if (!run->why.code) {
		run->why = *why;
		if (why->code != BERTH_E_CANCELLED)
			berth_error_prefix(&run->why, "layer %zu of %zu (%.19s)",
					   (size_t)(job - run->job) + 1, run->n,
					   digest_format(&job->diff_id, text));
	}
	atomic_store(&run->stop, true);
	pthread_cond_broadcast(&run->changed);
	pthread_mutex_unlock(&run->lock);
}

/** Publish what is ready, from the base up; one thread at a time does so. */
static void commit_ready(struct layers_run *run)
{
	pthread_mutex_lock(&run->lock);
	while (!run->committing && !atomic_load(&run->stop) && run->committed < run->n &&
	       run->job[run->committed].state == JOB_FILLED) {
		struct layer_job *job = &run->job[run->committed];
		struct berth_error err = {0};
		int r;

		run->committing = true;
		pthread_mutex_unlock(&run->lock);
		r = layer_commit(run, job, &err);
		if (r < 0)
			fail_run(run, job, &err);
		pthread_mutex_lock(&run->lock);
		run->committing = false;
		if (r == 0)
			run->committed++;
		pthread_cond_broadcast(&run->changed);
	}
	pthread_mutex_unlock(&run->lock);
}

/** The next layer to work on; NULL: none. Where the parent must be there first, waits for it. */
static struct layer_job *take_job(struct layers_run *run)
{
	bool late = !run->how->storage || run->how->storage->caps & BERTH_ST_PARENT_LATE;
	struct layer_job *job = NULL;

	pthread_mutex_lock(&run->lock);
	if (run->next < run->n && !atomic_load(&run->stop)) {
		size_t i = run->next++;

		while (!late && run->committed < i && !atomic_load(&run->stop))
			pthread_cond_wait(&run->changed, &run->lock);
		if (!atomic_load(&run->stop))
			job = &run->job[i];
	}
	pthread_mutex_unlock(&run->lock);
	return job;
}

static void *work(void *arg)
{
	struct layers_run *run = arg;
	struct layer_job *job;

	while ((job = take_job(run))) {
		struct berth_error err = {0};

		if (layer_fill(run, job, &err) < 0) {
			fail_run(run, job, &err);
			break;
		}
		pthread_mutex_lock(&run->lock);
		job->state = JOB_FILLED;
		pthread_mutex_unlock(&run->lock);
		commit_ready(run);
	}
	pthread_mutex_lock(&run->lock);
	run->alive--;
	pthread_cond_broadcast(&run->changed);
	pthread_mutex_unlock(&run->lock);
	return NULL;
}

static unsigned int processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned int)CPU_COUNT(&set) : 2;
}

static unsigned int wanted_workers(const struct layers_run *run)
{
	const struct storage *st = run->how->storage;
	unsigned int n = processors();

	/* without that, a layer can only begin when the one below is whole */
	if (st && !(st->caps & BERTH_ST_PARENT_LATE))
		n = 1;
	if (n > run->n)
		n = (unsigned int)run->n;
	return n < WORKERS_MAX ? n : WORKERS_MAX;
}

/** Until all workers have ended. The progress is told in this thread, where the caller expects it.
 */
static void wait_for_workers(struct layers_run *run, uint64_t total)
{
	pthread_mutex_lock(&run->lock);
	while (run->alive > 0) {
		struct timespec until;

		(void)clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += TICK_MS * 1000000L;
		until.tv_sec += until.tv_nsec / 1000000000L;
		until.tv_nsec %= 1000000000L;
		(void)pthread_cond_timedwait(&run->changed, &run->lock,
					     &until); /* in time or not */
		if (op_cancelled(run->how->op))
			atomic_store(&run->stop, true);
		pthread_mutex_unlock(&run->lock);
		op_progress(run->how->op, atomic_load(&run->bytes), total, "bytes");
		pthread_mutex_lock(&run->lock);
	}
	pthread_mutex_unlock(&run->lock);
}

static uint64_t total_bytes(const struct layer_job *job, size_t n)
{
	uint64_t total = 0;

	for (size_t i = 0; i < n; i++)
		total += job[i].bytes == UINT64_MAX ? 0 : job[i].bytes;
	return total;
}

static int run_all(struct layers_run *run, struct berth_error *err)
{
	unsigned int wanted = wanted_workers(run), started = 0;
	pthread_t thread[WORKERS_MAX];
	int r = 0;

	run->alive = wanted;
	while (started < wanted && r == 0) {
		r = stream_thread(work, run, &thread[started], err);
		if (r == 0)
			started++;
	}
	pthread_mutex_lock(&run->lock);
	run->alive -= wanted - started;
	pthread_mutex_unlock(&run->lock);
	wait_for_workers(run, total_bytes(run->job, run->n));
	for (unsigned int i = 0; i < started; i++)
		(void)pthread_join(thread[i], NULL); /* ours, once */
	for (size_t i = 0; i < run->n; i++)
		layer_abort(run, &run->job[i]);
	if (started == 0)
		return r; /* no thread at all */
	if (run->why.code && err)
		*err = run->why;
	if (run->why.code)
		return -(int)run->why.code;
	return op_check(run->how->op, err);
}

int layers_make(const struct layers_how *how, struct layer_job *job, size_t n,
		struct berth_error *err)
{
	struct layers_run run = {.how = how, .job = job, .n = n};
	pthread_condattr_t attr;
	int r;

	if (n == 0)
		return 0;
	run.storage_gate.used = how->storage && how->storage->threads == BERTH_THREADS_ONE;
	run.registry_gate.used = how->from && how->from->registry->threads == BERTH_THREADS_ONE;
	for (size_t i = 0; i < n; i++) {
		job[i].state = JOB_WAITS;
		job[i].ingest = NULL;
	}
	/* none of these can fail on Linux with these arguments */
	(void)pthread_mutex_init(&run.storage_gate.lock, NULL);
	(void)pthread_mutex_init(&run.registry_gate.lock, NULL);
	(void)pthread_mutex_init(&run.lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&run.changed, &attr);
	(void)pthread_condattr_destroy(&attr);
	r = run_all(&run, err);
	(void)pthread_cond_destroy(&run.changed);
	(void)pthread_mutex_destroy(&run.lock);
	(void)pthread_mutex_destroy(&run.registry_gate.lock);
	(void)pthread_mutex_destroy(&run.storage_gate.lock);
	return r;
}
