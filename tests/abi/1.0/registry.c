/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A registry driver of version 1.0, written against its headers alone: it has one blob, "hello\n".
 * It must load and work with every later engine of ABI 1; so it is never edited.
 */
#include <stdlib.h>

#include <berth/registry.h>

#define HELLO	     "hello\n"
#define HELLO_DIGEST "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"

struct berth_registry {
	const struct berth_host *host;
};

struct berth_stream {
	uint64_t at, end;
};

static int old_resolve(struct berth_registry *reg, const struct berth_where *where,
		       const char *repo, const char *ref, struct berth_op *op, berth_desc_fn fn,
		       void *arg, struct berth_reply *reply, struct berth_error *err)
{
	struct berth_desc desc;

	if (strcmp(ref, "latest") != 0)
		return berth_fail(err, BERTH_E_NOT_FOUND, "'%s' is unknown", ref);
	memset(&desc, 0, sizeof(desc));
	desc.size = sizeof(desc);
	desc.media_type = "text/plain";
	desc.digest = HELLO_DIGEST;
	desc.bytes = strlen(HELLO);
	if (reply && reply->size >= sizeof(*reply))
		reply->http = 200;
	return fn(arg, ref, &desc);
}

static int old_fetch(struct berth_registry *reg, const struct berth_where *where, const char *repo,
		     const struct berth_desc *desc, uint64_t from, uint64_t len,
		     struct berth_op *op, struct berth_stream **ret, struct berth_reply *reply,
		     struct berth_error *err)
{
	struct berth_stream *stream;

	if (strcmp(desc->digest, HELLO_DIGEST) != 0)
		return berth_fail(err, BERTH_E_NOT_FOUND, "'%s' is unknown", desc->digest);
	stream = calloc(1, sizeof(*stream));
	if (!stream)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	stream->at = from;
	stream->end = strlen(HELLO);
	if (len < stream->end - from)
		stream->end = from + len;
	*ret = stream;
	return 0;
}

static int old_read(struct berth_stream *stream, void *buf, size_t n, size_t *ret_n,
		    struct berth_error *err)
{
	if (n > stream->end - stream->at)
		n = (size_t)(stream->end - stream->at);
	memcpy(buf, HELLO + stream->at, n);
	stream->at += n;
	*ret_n = n;
	return 0;
}

static void old_close_stream(struct berth_stream *stream)
{
	free(stream);
}

static int old_open(const struct berth_host *host, const struct berth_conf *conf, int state_fd,
		    void **ret_instance, struct berth_error *err)
{
	struct berth_registry *reg = calloc(1, sizeof(*reg));

	if (!reg)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	reg->host = host;
	*ret_instance = reg;
	return 0;
}

static void old_close(void *instance)
{
	free(instance);
}

static const struct berth_registry_ops ops = {
	.resolve = old_resolve,
	.fetch = old_fetch,
	.read = old_read,
	.close_stream = old_close_stream,
};

static const struct berth_driver head = {
	.size = sizeof(struct berth_driver),
	.kind = BERTH_REGISTRY,
	.host_min = BERTH_HOST_SIZE_1_0,
	.threads = BERTH_THREADS_ONE,
	.caps = BERTH_REG_PULL | BERTH_REG_RANGE,
	.name = "old",
	.version = "1.0.0",
	.summary = "a driver of ABI 1.0",
	.ops = &ops,
	.option_size = sizeof(struct berth_option),
	.ops_size = sizeof(ops),
	.open = old_open,
	.close = old_close,
};

BERTH_DRIVER_EXPORT(BERTH_REGISTRY, "old", "1.0.0", head);
