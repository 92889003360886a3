/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mock-archive: images that are written down as JSON, for tests: `berth load -i images.json`.
 *
 *	{"mock_images": [
 *	  {"name": "demo:1",
 *	   "config": {"Cmd": ["/bin/sh"], "Env": ["A=1"]},	as in an image's config
 *	   "layers": [{"etc/motd": "hello\n",			a file, mode 0644
 *		       "bin/hello": {"text": "#!/bin/sh\n", "mode": "755"},
 *		       "empty/": null,				a directory
 *		       "etc/.wh.old": null}]}]}			a whiteout is an empty file
 *
 * The same text gives the same digests on every machine of one architecture. Faults are those of
 * the mock registry (see mock.c), under the kind "registry".
 */
#include <sys/stat.h>
#include <unistd.h>

#include "../mock.h"
#include "berth/registry.h"
#include "image.h"

struct berth_registry {
	struct mock mock;
	struct image_set images; /* of the archive that was read last */
};

struct berth_stream {
	struct berth_registry *reg;
	const struct image_blob *blob;
	struct berth_op *op;
	uint64_t at, end, flip, piece;
};

enum { TEXT_MAX = 16 * 1024 * 1024 }; /* bytes */

static int read_archive(struct berth_registry *reg, const struct berth_where *where,
			struct berth_error *err)
{
	cleanup_record struct record *top = NULL;
	cleanup_free char *text = NULL;
	struct stat st;
	size_t n;

	if (fstat(where->fd, &st) < 0)
		return berth_fail_errno(err, errno, "look at the archive");
	if (!S_ISREG(st.st_mode) || st.st_size > TEXT_MAX)
		return berth_fail(err, BERTH_E_UNSUPPORTED, "no text of mock images");
	n = (size_t)st.st_size;
	text = calloc(1, n + 1);
	if (!text)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	if (pread(where->fd, text, n, 0) != (ssize_t)n)
		return berth_fail_errno(err, errno, "read the archive");
	if (record_parse(text, n, 0, &top, NULL) < 0 || !record_get(top, "mock_images"))
		return berth_fail(err, BERTH_E_UNSUPPORTED, "no text of mock images");
	image_set_done(&reg->images);
	return image_set_make(&reg->images, record_get(top, "mock_images"), err);
}

static int tell(const struct image *image, berth_desc_fn fn, void *arg)
{
	const struct berth_desc desc = {
		.size = sizeof(desc),
		.media_type = image->manifest->media_type,
		.digest = image->manifest->digest,
		.bytes = image->manifest->bytes.len,
	};

	return fn(arg, image->name, &desc);
}

static int mock_each(struct berth_registry *reg, const struct berth_where *where,
		     struct berth_op *op, berth_desc_fn fn, void *arg, struct berth_error *err)
{
	int r = mock_call(&reg->mock, NULL, err, "each", "%s", "");

	if (r == 0)
		r = read_archive(reg, where, err);
	for (size_t i = 0; r == 0 && i < reg->images.n_images; i++)
		r = tell(&reg->images.image[i], fn, arg);
	return r;
}

/* By its digest, or by its name, whole or in two parts. */
static bool is_named(const struct image *image, const char *repo, const char *ref)
{
	const char *rest = str_after(image->name, repo);

	if (str_eq(image->manifest->digest, ref))
		return true;
	return rest && (ref[0] ? rest[0] == ':' && str_eq(rest + 1, ref) : rest[0] == '\0');
}

static int mock_resolve(struct berth_registry *reg, const struct berth_where *where,
			const char *repo, const char *ref, struct berth_op *op, berth_desc_fn fn,
			void *arg, struct berth_reply *reply, struct berth_error *err)
{
	int r = mock_call(&reg->mock, NULL, err, "resolve", "repo=%s ref=%s", repo, ref);

	if (r == 0)
		r = read_archive(reg, where, err);
	for (size_t i = 0; r == 0 && i < reg->images.n_images; i++) {
		if (is_named(&reg->images.image[i], repo, ref))
			return tell(&reg->images.image[i], fn, arg);
	}
	return r < 0 ? r
		     : berth_fail(err, BERTH_E_NOT_FOUND, "manifest unknown: '%s' '%s'", repo, ref);
}

static int mock_fetch(struct berth_registry *reg, const struct berth_where *where, const char *repo,
		      const struct berth_desc *desc, uint64_t from, uint64_t len,
		      struct berth_op *op, struct berth_stream **ret, struct berth_reply *reply,
		      struct berth_error *err)
{
	const struct record *fault;
	struct berth_stream *stream;
	int r;

	r = mock_call(&reg->mock, &fault, err, "fetch", "digest=%s from=%llu", desc->digest,
		      (unsigned long long)from);
	if (r == 0 && !reg->images.n_images)
		r = read_archive(reg, where, err);
	if (r < 0)
		return r;
	stream = calloc(1, sizeof(*stream));
	if (!stream)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	stream->reg = reg;
	stream->blob = image_blob_find(&reg->images, desc->digest);
	if (!stream->blob) {
		free(stream);
		return berth_fail(err, BERTH_E_NOT_FOUND, "blob unknown: '%s'", desc->digest);
	}
	if (from > stream->blob->bytes.len) {
		free(stream);
		return berth_fail(err, BERTH_E_INVALID, "offset %llu is behind the end of the blob",
				  (unsigned long long)from);
	}
	stream->op = op;
	stream->at = from;
	stream->end = stream->blob->bytes.len;
	if (len < stream->end - from)
		stream->end = from + len;
	stream->flip = (uint64_t)record_int_or(record_get(fault, "flip"), -1);
	stream->piece = (uint64_t)record_int_or(record_get(fault, "piece"), INT64_MAX);
	if (record_has(fault, "truncate") &&
	    (uint64_t)record_int_or(record_get(fault, "truncate"), 0) < stream->end)
		stream->end = (uint64_t)record_int_or(record_get(fault, "truncate"), 0);
	*ret = stream;
	return 0;
}

static int mock_read(struct berth_stream *stream, void *buf, size_t n, size_t *ret_n,
		     struct berth_error *err)
{
	uint64_t left = stream->end > stream->at ? stream->end - stream->at : 0;
	int r = mock_call(&stream->reg->mock, NULL, err, "read", "at=%llu",
			  (unsigned long long)stream->at);

	if (r < 0)
		return r;
	if (stream->reg->mock.host->cancelled(stream->op))
		return berth_fail(err, BERTH_E_CANCELLED, "cancelled");
	if (n > left)
		n = (size_t)left;
	if (n > stream->piece)
		n = (size_t)stream->piece;
	memcpy(buf, stream->blob->bytes.p + stream->at, n);
	if (stream->flip >= stream->at && stream->flip < stream->at + n)
		((unsigned char *)buf)[stream->flip - stream->at] ^= 0xff;
	stream->at += n;
	*ret_n = n;
	return 0;
}

static void mock_close_stream(struct berth_stream *stream)
{
	free(stream);
}

static int mock_finish(struct berth_registry *reg, const struct berth_where *where, bool commit,
		       struct berth_op *op, struct berth_error *err)
{
	int r = mock_call(&reg->mock, NULL, err, "finish", "commit=%s", commit ? "yes" : "no");

	image_set_done(&reg->images);
	return r;
}

static void close_driver(void *instance)
{
	struct berth_registry *reg = instance;

	if (!reg)
		return;
	mock_done(&reg->mock);
	image_set_done(&reg->images);
	free(reg);
}

static int open_driver(const struct berth_host *host, const struct berth_conf *conf, int state_fd,
		       void **ret, struct berth_error *err)
{
	struct berth_registry *reg = calloc(1, sizeof(*reg));
	int r;

	if (!reg)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	reg->mock.transcript = -1;
	r = mock_init(&reg->mock, "registry", host, conf, err);
	if (r == 0)
		r = mock_call(&reg->mock, NULL, err, "open", "%s", "");
	if (r < 0) {
		close_driver(reg);
		return r;
	}
	*ret = reg;
	return 0;
}

static int reload_driver(void *instance, const struct berth_conf *conf, struct berth_error *err)
{
	return mock_reload(&((struct berth_registry *)instance)->mock, conf, err);
}

static const struct berth_registry_ops ops = {
	.resolve = mock_resolve,
	.fetch = mock_fetch,
	.read = mock_read,
	.close_stream = mock_close_stream,
	.each = mock_each,
	.finish = mock_finish,
};

static const struct berth_driver head = {
	.size = sizeof(struct berth_driver),
	.kind = BERTH_REGISTRY,
	.host_min = BERTH_HOST_SIZE_1_0,
	.threads = BERTH_THREADS_ONE,
	.caps = BERTH_REG_PULL | BERTH_REG_ARCHIVE | BERTH_REG_EACH | BERTH_REG_RANGE,
	.name = "mock-archive",
	.version = MOCK_VERSION,
	.summary = "images that are written down as JSON, for tests",
	.options = mock_options,
	.option_size = sizeof(struct berth_option),
	.ops = &ops,
	.ops_size = sizeof(ops),
	.probe = mock_probe,
	.open = open_driver,
	.reload = reload_driver,
	.close = close_driver,
};

BERTH_DRIVER_EXPORT(BERTH_REGISTRY, "mock-archive", MOCK_VERSION, head);
