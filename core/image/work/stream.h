/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream: the bytes of one blob on their way: a thread reads, hashes, keeps and decompresses them,
 * the caller takes what comes out, which is hashed too. So both cores work on one layer.
 *
 *     read -> blob digest -> content_write -> inflate -> ring -> diff id -> caller
 *     '------------------ thread ------------------'           '- stream_next -'
 */
#ifndef CORE_IMAGE_STREAM_H
#define CORE_IMAGE_STREAM_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/image/work/hash.h"
#include "core/store/store.h"

struct stream;

/** Up to @n bytes; *ret_n 0 at the end. Is called in the stream's thread. */
typedef int (*stream_read_fn)(void *arg, void *buf, size_t n, size_t *ret_n,
			      struct berth_error *err);

struct stream_how {
	stream_read_fn read;
	void *arg;
	enum digest_algo algo;	     /* of the blob's digest; NONE: is not hashed */
	enum digest_algo diff_algo;  /* of the diff id; the same */
	uint64_t bytes;		     /* length of the blob; UINT64_MAX = unknown */
	uint64_t limit;		     /* on what comes out */
	struct content_writer *keep; /* gets the blob too; or NULL. The caller commits it */
	atomic_bool *stop;	     /* when it becomes true all calls fail (CANCELLED); or NULL */
	atomic_ullong *progress;     /* is increased by the bytes that were read; or NULL */
};

int stream_start(const struct stream_how *how, struct stream **ret, struct berth_error *err);
/** The next decompressed bytes, valid until the next call; 0 at the end. A tar_input_fn. */
int stream_next(void *stream, const void **ret_p, size_t *ret_n, struct berth_error *err);

struct stream_end {
	struct digest blob, diff_id;
	uint64_t blob_bytes, bytes;
};
/** After the end: what it was. */
int stream_finish(struct stream *s, struct stream_end *ret, struct berth_error *err);
/** Ends the thread, wherever it is. */
void stream_free(struct stream *s);
DEFINE_CLEANUP(struct stream *, stream_free);
#define cleanup_stream cleanup_with(stream_free_at)

/** A thread in which no signal is handled, so that these stay with the caller's. */
int stream_thread(void *(*fn)(void *), void *arg, pthread_t *ret, struct berth_error *err);

/** A stream_read_fn: @arg points to a descriptor. */
int stream_read_fd(void *arg, void *buf, size_t n, size_t *ret_n, struct berth_error *err);

#endif
