/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/image/work/inflate.h"
#include "core/image/work/ring.h"
#include "core/image/work/stream.h"

enum {
	INPUT = 256 * 1024,
	CHUNK = 512 * 1024,
	CHUNKS = 6,
};

struct stream {
	struct stream_how how;
	struct ring *ring;
	pthread_t thread;
	bool started, at_end;
	/* the thread's */
	void *input;
	struct hash *blob_hash;
	struct inflate *inflate;
	uint64_t blob_bytes;
	char *room; /* chunk being filled, or NULL */
	size_t room_n, filled;
	/* the caller's */
	struct hash *diff_hash;
	uint64_t bytes;
};

static int check_stop(const struct stream *s, struct berth_error *err)
{
	if (s->how.stop && atomic_load(s->how.stop))
		return berth_fail(err, BERTH_E_CANCELLED, "stopped");
	return 0;
}

/** As much as fits into the input buffer; less only at the end. */
static int read_input(struct stream *s, size_t *ret_n, struct berth_error *err)
{
	size_t have = 0, n = 1;

	while (have < INPUT && n > 0) {
		int r = check_stop(s, err);

		if (r == 0)
			r = s->how.read(s->how.arg, (char *)s->input + have, INPUT - have, &n, err);
		if (r < 0)
			return r;
		have += n;
	}
	s->blob_bytes += have;
	if (s->blob_bytes > s->how.bytes)
		return berth_fail(err, BERTH_E_CORRUPT,
				  "it has more than the %llu bytes that it should",
				  (unsigned long long)s->how.bytes);
	if (s->how.progress)
		(void)atomic_fetch_add(s->how.progress, have);
	*ret_n = have;
	return 0;
}

static int deliver(struct stream *s, const void *in, size_t n, struct berth_error *err)
{
	size_t got;

	do {
		void *room;
		int r;

		if (!s->room) {
			r = ring_room(s->ring, &room, &s->room_n, err);
			if (r < 0)
				return r;
			s->room = room;
			s->filled = 0;
		}
		r = inflate_run(s->inflate, &in, &n, s->room + s->filled, s->room_n - s->filled,
				&got, err);
		if (r < 0)
			return r;
		s->filled += got;
		if (s->filled < s->room_n)
			return 0;
		ring_put(s->ring, s->filled);
		s->room = NULL;
	} while (true);
}

static int produce_some(struct stream *s, size_t *ret_n, struct berth_error *err)
{
	size_t n;
	int r = read_input(s, &n, err);

	if (r == 0 && !s->inflate)
		r = inflate_new(inflate_sniff(s->input, n), s->how.limit, &s->inflate, err);
	if (r == 0 && s->blob_hash)
		r = hash_add(s->blob_hash, s->input, n, err);
	if (r == 0 && s->how.keep && n > 0)
		r = content_write(s->how.keep, s->input, n, err);
	if (r == 0)
		r = deliver(s, s->input, n, err);
	*ret_n = n;
	return r;
}

static void *produce(void *arg)
{
	struct stream *s = arg;
	struct berth_error err = {0};
	size_t n;
	int r;

	do {
		r = produce_some(s, &n, &err);
	} while (r == 0 && n > 0);
	if (r == 0)
		r = inflate_end(s->inflate, &err);
	if (r == 0 && s->how.bytes != UINT64_MAX && s->blob_bytes != s->how.bytes)
		r = berth_fail(&err, BERTH_E_CORRUPT, "it has %llu bytes, it should have %llu",
			       (unsigned long long)s->blob_bytes, (unsigned long long)s->how.bytes);
	if (r == 0 && s->room)
		ring_put(s->ring, s->filled);
	ring_end(s->ring, r < 0 ? &err : NULL);
	return NULL;
}

int stream_thread(void *(*fn)(void *), void *arg, pthread_t *ret, struct berth_error *err)
{
	sigset_t all, old;
	int rc;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all,
			      &old); /* these two fail for wrong arguments only */
	rc = pthread_create(ret, NULL, fn, arg);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc ? berth_fail_errno(err, rc, "start a thread") : 0;
}

int stream_start(const struct stream_how *how, struct stream **ret, struct berth_error *err)
{
	cleanup_stream struct stream *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	s->how = *how;
	s->input = malloc(INPUT);
	if (!s->input)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = ring_new(CHUNK, CHUNKS, &s->ring, err);
	if (r == 0 && how->algo != DIGEST_NONE)
		r = hash_new(how->algo, &s->blob_hash, err);
	if (r == 0 && how->diff_algo != DIGEST_NONE)
		r = hash_new(how->diff_algo, &s->diff_hash, err);
	if (r == 0)
		r = stream_thread(produce, s, &s->thread, err);
	if (r < 0)
		return r;
	s->started = true;
	*ret = steal_ptr(s);
	return 0;
}

int stream_next(void *arg, const void **ret_p, size_t *ret_n, struct berth_error *err)
{
	struct stream *s = arg;
	int r = check_stop(s, err);

	if (s->at_end) {
		*ret_n = 0;
		return r;
	}
	if (r == 0)
		r = ring_next(s->ring, ret_p, ret_n, err);
	if (r < 0)
		return r;
	s->at_end = *ret_n == 0;
	s->bytes += *ret_n;
	return s->diff_hash ? hash_add(s->diff_hash, *ret_p, *ret_n, err) : 0;
}

static void join(struct stream *s)
{
	if (s->started)
		(void)pthread_join(s->thread, NULL); /* ours, and not joined before */
	s->started = false;
}

int stream_finish(struct stream *s, struct stream_end *ret, struct berth_error *err)
{
	struct stream_end end = {0};
	int r;

	if (!s->at_end)
		return berth_fail(err, BERTH_E_INTERNAL, "the stream was not read to its end");
	join(s);
	end.bytes = s->bytes;
	end.blob_bytes = s->blob_bytes;
	r = s->blob_hash ? hash_end(s->blob_hash, &end.blob, err) : 0;
	if (r == 0 && s->diff_hash)
		r = hash_end(s->diff_hash, &end.diff_id, err);
	if (r < 0)
		return r;
	*ret = end;
	return 0;
}

void stream_free(struct stream *s)
{
	if (!s)
		return;
	if (s->ring)
		ring_stop(s->ring);
	join(s);
	inflate_free(s->inflate);
	hash_free(s->blob_hash);
	hash_free(s->diff_hash);
	ring_free(s->ring);
	free(s->input);
	free(s);
}

int stream_read_fd(void *arg, void *buf, size_t n, size_t *ret_n, struct berth_error *err)
{
	const int *fd = arg;
	ssize_t got;

	do {
		got = read(*fd, buf, n);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return berth_fail_errno(err, errno, "read");
	*ret_n = (size_t)got;
	return 0;
}
