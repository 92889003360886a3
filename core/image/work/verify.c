/* SPDX-License-Identifier: Apache-2.0 */
#include "core/image/work/verify.h"

#include <fcntl.h>

#include "core/image/work/hash.h"
#include "core/image/work/stream.h"

enum { STEP = 1 << 20 };

struct verify {
	struct store *store;
	struct record *findings;
	struct berth_op *op;
	struct berth_error *err;
	char *buffer;
	uint64_t done;
};

static int report(struct verify *v, const struct digest *digest, const char *why)
{
	cleanup_record struct record *item = record_new_object();
	cleanup_free char *text = NULL;
	char name[DIGEST_TEXT_MAX];
	int r;

	text = str_fmt("blob %s is damaged: %s", digest_format(digest, name), why);
	if (!item || !text)
		return berth_fail(v->err, BERTH_E_NO_MEMORY, "out of memory");
	r = record_set_str(item, "id", "image.blob-damaged", v->err);
	if (r == 0)
		r = record_set_str(item, "level", "error", v->err);
	if (r == 0)
		r = record_set_str(item, "text", text, v->err);
	if (r == 0)
		r = record_set_str(item, "fix", "load or pull its image again", v->err);
	return r < 0 ? r : record_append(v->findings, steal_ptr(item), v->err);
}

static int hash_fd(struct verify *v, int fd, enum digest_algo algo, struct digest *ret,
		   struct berth_error *err)
{
	cleanup_hash struct hash *hash = NULL;
	size_t n = 1;
	int r = hash_new(algo, &hash, err);

	while (r == 0 && n > 0) {
		r = op_check(v->op, err);
		if (r == 0)
			r = stream_read_fd(&fd, v->buffer, STEP, &n, err);
		if (r == 0)
			r = hash_add(hash, v->buffer, n, err);
		v->done += r == 0 ? n : 0;
	}
	return r < 0 ? r : hash_end(hash, ret, err);
}

static int verify_one(void *arg, const struct digest *digest, uint64_t size)
{
	struct verify *v = arg;
	struct berth_error why = {0};
	cleanup_fd int fd = -1;
	struct digest got;
	int r = content_open(v->store, digest, &fd, &why);

	if (r == -BERTH_E_NOT_FOUND)
		return 0; /* removed meanwhile */
	if (r == 0)
		r = hash_fd(v, fd, digest->algo, &got, &why);
	if (r == 0)
		r = hash_expect(digest, &got, "it", &why);
	if (r == -BERTH_E_CANCELLED) {
		if (v->err)
			*v->err = why;
		return r;
	}
	op_progress(v->op, v->done, 0, "bytes");
	return r < 0 ? report(v, digest, why.text) : 0;
}

int image_verify(struct store *store, struct record *findings, struct berth_op *op,
		 struct berth_error *err)
{
	cleanup_free char *buffer = malloc(STEP);
	struct verify v = {
		.store = store,
		.findings = findings,
		.op = op,
		.err = err,
		.buffer = buffer,
	};

	if (!buffer)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	return content_each(store, verify_one, &v, err);
}
