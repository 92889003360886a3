/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/path.h"
#include "core/image/work/layers_parts.h"
#include "core/image/work/stream.h"
#include "core/image/work/unpack.h"

enum { POLL_MS = 20 };

/** Somebody else is at it: look again a little later, unless it is to stop. */
static int wait_a_little(struct layers_run *run, struct berth_error *err)
{
	const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};

	if (atomic_load(&run->stop))
		return berth_fail(err, BERTH_E_CANCELLED, "stopped");
	(void)nanosleep(&pause, NULL); /* woken early we only look earlier */
	return op_check(run->how->op, err);
}

/* --- where the bytes come from -------------------------------------------------------------------
 */

struct input {
	struct layers_run *run;
	int fd;			     /* of the blob in the store, or -1 */
	struct berth_stream *stream; /* of the source */
};

static int read_stream(void *arg, void *buf, size_t n, size_t *ret_n, struct berth_error *err)
{
	struct input *in = arg;
	struct layers_run *run = in->run;
	int r;

	gate_enter(&run->registry_gate);
	r = run->how->from->registry->ops.read(in->stream, buf, n, ret_n, err);
	gate_leave(&run->registry_gate);
	if (r == 0 && *ret_n > n)
		return berth_fail(err, BERTH_E_INTERNAL,
				  "registry driver '%s' read more than asked",
				  run->how->from->registry->name);
	return r;
}

static void input_done(struct input *in)
{
	close_fd(&in->fd);
	if (in->stream) {
		gate_enter(&in->run->registry_gate);
		in->run->how->from->registry->ops.close_stream(in->stream);
		gate_leave(&in->run->registry_gate);
	}
	in->stream = NULL;
}

static int open_source(struct layers_run *run, const struct layer_job *job, struct input *in,
		       struct berth_error *err)
{
	const struct layer_source *from = run->how->from;
	struct berth_reply reply = {.size = sizeof(reply)};
	int r;

	gate_enter(&run->registry_gate);
	r = from->registry->ops.fetch(from->registry->reg, from->where, from->repo, job->desc, 0,
				      UINT64_MAX, run->how->op, &in->stream, &reply, err);
	gate_leave(&run->registry_gate);
	return r;
}

/** The writer of the blob, or NULL if it is in the store; waits while somebody else stores it. */
static int open_writer(struct layers_run *run, const struct layer_job *job,
		       struct content_writer **ret, struct berth_error *err)
{
	uint64_t have;
	int r;

	for (;;) {
		r = content_begin(run->how->store, &job->blob, ret, &have, NULL);
		if (r == -BERTH_E_EXISTS) {
			*ret = NULL;
			return 0;
		}
		if (r == 0)
			/* half a blob of somebody who died: a local source is read again as fast */
			return have ? content_restart(*ret, err) : 0;
		if (r != -BERTH_E_BUSY)
			return content_begin(run->how->store, &job->blob, ret, &have, err);
		r = wait_a_little(run, err);
		if (r < 0)
			return r;
	}
}

static int open_input(struct layers_run *run, const struct layer_job *job, struct input *in,
		      struct content_writer **ret_keep, struct berth_error *err)
{
	int r;

	if (job->desc) {
		r = open_writer(run, job, ret_keep, err);
		if (r < 0)
			return r;
		if (*ret_keep)
			return open_source(run, job, in, err);
	}
	return content_open(run->how->store, &job->blob, &in->fd, err);
}

/* --- where they go -------------------------------------------------------------------------------
 */

/** A layer begun, unless it is there (NULL then); waits while another process makes it. */
static int begin_ingest(struct layers_run *run, struct layer_job *job, struct berth_error *err)
{
	struct storage *st = run->how->storage;
	char diff_id[DIGEST_TEXT_MAX], blob[DIGEST_TEXT_MAX];
	const struct berth_layer_desc desc = {
		.size = sizeof(desc),
		.layer = job->chain,
		.parent = st->caps & BERTH_ST_PARENT_LATE ? NULL : job->parent,
		.diff_id = digest_format(&job->diff_id, diff_id),
		.blob_digest = digest_format(&job->blob, blob),
		.media_type = job->media_type,
		.blob_size = job->bytes == UINT64_MAX ? 0 : job->bytes,
	};
	int r;

	do {
		struct berth_error why = {0};

		gate_enter(&run->storage_gate);
		r = st->ops.ingest_begin(st->st, &desc, run->how->op, &job->ingest, &why);
		gate_leave(&run->storage_gate);
		if (r == -BERTH_E_EXISTS)
			return 0;
		if (r < 0 && r != -BERTH_E_BUSY && err)
			*err = why;
	} while (r == -BERTH_E_BUSY && (r = wait_a_little(run, err)) == 0 && !job->ingest);
	return r;
}

static int drain(struct stream *s, struct berth_error *err)
{
	const void *p;
	size_t n;
	int r;

	do {
		r = stream_next(s, &p, &n, err);
	} while (r == 0 && n > 0);
	return r;
}

/** The engine's own unpacker fills the driver's directory. */
static int into_tree(struct layers_run *run, struct layer_job *job, struct stream *s,
		     struct berth_error *err)
{
	struct storage *st = run->how->storage;
	const struct config *config = run->how->store->config;
	const struct unpack_how how = {
		.flags = (st->caps & BERTH_ST_WHITEOUT_KEEP ? UNPACK_WHITEOUT_KEEP : 0) |
			 (st->caps & BERTH_ST_USERXATTR ? UNPACK_USERXATTR : 0) |
			 (st->caps & BERTH_ST_ONE_OWNER ? UNPACK_ONE_OWNER : 0),
		.max_entries = config->limit_layer_entries,
		.max_bytes = config->limit_layer_size,
	};
	cleanup_tar struct tar *tar = NULL;
	struct unpack_result result;
	cleanup_fd int dir = -1;
	int r;

	gate_enter(&run->storage_gate);
	r = st->ops.ingest_tree(job->ingest, &dir, err);
	gate_leave(&run->storage_gate);
	if (r == 0)
		r = tar_new(stream_next, s, &tar, err);
	if (r == 0)
		r = unpack_tree(tar, dir, &how, run->how->op, &result, err);
	/* what stands behind the tar's end belongs to the diff id too */
	if (r == 0)
		r = tar_drain(tar, err);
	if (r == 0)
		job->size = (int64_t)result.bytes;
	return r;
}

struct pump {
	struct stream *s;
	int fd;
	uint64_t bytes;
	struct berth_error err;
};

/** All of the stream into a pipe, for a driver that eats tars. */
static void *pump(void *arg)
{
	struct pump *p = arg;
	const void *bytes;
	size_t n;
	int r;

	do {
		r = stream_next(p->s, &bytes, &n, &p->err);
		if (r == 0 && n > 0)
			r = write_all(p->fd, bytes, n, &p->err);
		p->bytes += n;
	} while (r == 0 && n > 0);
	if (r == 0)
		p->err.code = 0;
	close_fd(&p->fd);
	return NULL;
}

/** The driver reads the tar itself. */
static int into_tar(struct layers_run *run, struct layer_job *job, struct stream *s,
		    struct berth_error *err)
{
	struct storage *st = run->how->storage;
	struct pump p = {.s = s};
	cleanup_fd int from = -1;
	struct berth_error why = {0};
	pthread_t thread;
	int pipes[2];
	int r;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return berth_fail_errno(err, errno, "make a pipe");
	from = pipes[0];
	p.fd = pipes[1];
	r = stream_thread(pump, &p, &thread, err);
	if (r < 0) {
		close_fd(&p.fd);
		return r;
	}
	gate_enter(&run->storage_gate);
	r = st->ops.ingest_tar(job->ingest, from, run->how->op, &why);
	gate_leave(&run->storage_gate);
	close_fd(&from); /* a driver that stopped early does not leave the other one waiting */
	(void)pthread_join(thread, NULL);
	/* the end of a tar may come before the end of the file, and a driver may stop reading there
	 */
	if (r == 0 && p.err.sys_errno == EPIPE)
		r = drain(s, &why);
	else if (p.err.code && p.err.sys_errno != EPIPE) {
		why = p.err;
		r = -p.err.code;
	}
	if (r < 0 && err)
		*err = why;
	job->size = r == 0 ? (int64_t)p.bytes : -1;
	return r;
}

/* --- one layer
 * ------------------------------------------------------------------------------------ */

static int check(const struct layer_job *job, const struct stream_end *end, struct berth_error *err)
{
	int r = hash_expect(&job->blob, &end->blob, "the blob", err);

	if (r == 0)
		r = hash_expect(&job->diff_id, &end->diff_id, "the uncompressed layer", err);
	return r;
}

static int run_stream(struct layers_run *run, struct layer_job *job, struct input *in,
		      struct content_writer *keep, struct berth_error *err)
{
	const struct stream_how how = {
		.read = in->stream ? read_stream : stream_read_fd,
		.arg = in->stream ? (void *)in : (void *)&in->fd,
		.algo = job->blob.algo,
		.diff_algo = job->diff_id.algo,
		.bytes = job->bytes,
		.limit = run->how->store->config->limit_layer_size,
		.keep = keep,
		.stop = &run->stop,
		.progress = &run->bytes,
	};
	cleanup_stream struct stream *s = NULL;
	struct stream_end end;
	int r = stream_start(&how, &s, err);

	if (r < 0)
		return r;
	if (!job->ingest)
		r = drain(s, err);
	else if (run->how->storage->caps & BERTH_ST_INGEST_TREE)
		r = into_tree(run, job, s, err);
	else
		r = into_tar(run, job, s, err);
	if (r == 0)
		r = stream_finish(s, &end, err);
	return r < 0 ? r : check(job, &end, err);
}

static int fill_once(struct layers_run *run, struct layer_job *job, bool *ret_stored,
		     struct berth_error *err)
{
	cleanup_with(input_done) struct input in = {.run = run, .fd = -1};
	cleanup_content struct content_writer *keep = NULL;
	int r = 0;

	job->size = -1;
	if (job->unpack)
		r = begin_ingest(run, job, err);
	if (r < 0 || (!job->ingest && !job->desc))
		return r;
	r = open_input(run, job, &in, &keep, err);
	if (r < 0)
		return r;
	*ret_stored = !keep;
	if (!keep && !job->ingest)
		return 0; /* it was checked when it was stored */
	r = run_stream(run, job, &in, keep, err);
	return r == 0 && keep ? content_commit(steal_ptr(keep), &job->blob, err) : r;
}

int layer_fill(struct layers_run *run, struct layer_job *job, struct berth_error *err)
{
	struct berth_error why = {0};
	bool stored = false;
	int r = fill_once(run, job, &stored, &why);

	if (r == -BERTH_E_CORRUPT && stored && job->desc) {
		/* the one in the store is damaged, and here is another: heal it */
		layer_abort(run, job);
		r = content_remove(run->how->store, &job->blob, &why);
		if (r == 0)
			r = fill_once(run, job, &stored, &why);
	}
	if (r < 0 && err)
		*err = why;
	return r;
}

int layer_commit(struct layers_run *run, struct layer_job *job, struct berth_error *err)
{
	struct storage *st = run->how->storage;
	struct berth_ingest *ingest = steal_ptr(job->ingest);
	struct berth_error why = {0};
	int r;

	if (!ingest)
		return 0;
	gate_enter(&run->storage_gate);
	r = st->ops.ingest_commit(ingest, job->parent, run->how->op, &why);
	gate_leave(&run->storage_gate);
	if (r == -BERTH_E_EXISTS)
		return 0;
	if (r < 0 && err)
		*err = why;
	return r;
}

void layer_abort(struct layers_run *run, struct layer_job *job)
{
	if (!job->ingest)
		return;
	gate_enter(&run->storage_gate);
	run->how->storage->ops.ingest_abort(steal_ptr(job->ingest));
	gate_leave(&run->storage_gate);
}
