/* SPDX-License-Identifier: Apache-2.0 */
#include "core/image/work/blob.h"

#include <stdlib.h>
#include <time.h>

#include "core/image/work/hash.h"

enum { READ_STEP = 64 * 1024 };

void blob_done(struct blob *blob)
{
	free(blob->bytes);
	*blob = (struct blob){0};
}

static int read_all(const struct registry *reg, struct berth_stream *stream, uint64_t limit,
		    struct str *out, struct berth_error *err)
{
	size_t n;

	do {
		char *room = str_room(out, READ_STEP);
		int r;

		if (!room)
			return str_check(out, err);
		r = reg->ops.read(stream, room, READ_STEP, &n, err);
		if (r < 0)
			return r;
		str_grew(out, n);
		if (out->len > limit)
			return berth_fail(err, BERTH_E_LIMIT, "it is longer than %llu bytes",
					  (unsigned long long)limit);
	} while (n > 0);
	return str_check(out, err);
}

static int fetch(const struct layer_source *from, const struct berth_desc *desc, uint64_t limit,
		 struct berth_op *op, struct str *out, struct berth_error *err)
{
	const struct registry *reg = from->registry;
	struct berth_reply reply = {.size = sizeof(reply)};
	struct berth_stream *stream;
	int r;

	if (desc->bytes != UINT64_MAX && desc->bytes > limit)
		return berth_fail(err, BERTH_E_LIMIT, "it has %llu bytes, at most %llu are allowed",
				  (unsigned long long)desc->bytes, (unsigned long long)limit);
	r = reg->ops.fetch(reg->reg, from->where, from->repo, desc, 0, UINT64_MAX, op, &stream,
			   &reply, err);
	if (r < 0)
		return r;
	r = read_all(reg, stream, limit, out, err);
	reg->ops.close_stream(stream);
	return r;
}

int blob_of(char *bytes, size_t n, struct blob *ret, struct berth_error *err)
{
	cleanup_blob struct blob blob = {.bytes = bytes, .n = n};
	int r;

	if (!bytes)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = hash_bytes(bytes, n, &blob.digest, err);
	if (r < 0)
		return r;
	*ret = blob;
	blob = (struct blob){0};
	return 0;
}

static int check(const struct blob *blob, const struct berth_desc *desc, const struct digest *want,
		 struct berth_error *err)
{
	cleanup_hash struct hash *hash = NULL;
	struct digest got;
	int r;

	if (desc->bytes != UINT64_MAX && blob->n != desc->bytes)
		return berth_fail(err, BERTH_E_CORRUPT, "it has %zu bytes, it should have %llu",
				  blob->n, (unsigned long long)desc->bytes);
	r = hash_new(want->algo, &hash, err);
	if (r == 0)
		r = hash_add(hash, blob->bytes, blob->n, err);
	if (r == 0)
		r = hash_end(hash, &got, err);
	return r < 0 ? r : hash_expect(want, &got, "it", err);
}

int blob_fetch(const struct layer_source *from, const struct berth_desc *desc,
	       const struct digest *digest, uint64_t limit, const char *what, struct berth_op *op,
	       struct blob *ret, struct berth_error *err)
{
	cleanup_blob struct blob blob = {.digest = *digest};
	cleanup_str struct str text = STR_INIT;
	char name[DIGEST_TEXT_MAX];
	int r = fetch(from, desc, limit, op, &text, err);

	if (r == 0) {
		blob.n = text.len;
		blob.bytes = str_steal(&text);
		r = blob.bytes ? check(&blob, desc, digest, err)
			       : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	}
	if (r < 0) {
		berth_error_prefix(err, "%s %s", what, digest_format(digest, name));
		return r;
	}
	*ret = blob;
	blob = (struct blob){0};
	return 0;
}

int blob_store(struct store *store, const struct blob *blob, struct berth_op *op,
	       struct berth_error *err)
{
	const struct timespec pause = {.tv_nsec = 10 * 1000000L};
	cleanup_content struct content_writer *w = NULL;
	uint64_t have;
	int r;

	for (;;) {
		r = content_begin(store, &blob->digest, &w, &have, NULL);
		if (r == -BERTH_E_EXISTS)
			return 0;
		if (r != -BERTH_E_BUSY)
			break;
		r = op_check(op, err);
		if (r < 0)
			return r;
		(void)nanosleep(&pause, NULL); /* woken early we only look earlier */
	}
	if (r < 0)
		return content_begin(store, &blob->digest, &w, &have, err);
	if (have)
		r = content_restart(w, err);
	if (r == 0)
		r = content_write(w, blob->bytes, blob->n, err);
	return r < 0 ? r : content_commit(steal_ptr(w), &blob->digest, err);
}
