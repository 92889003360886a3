/* SPDX-License-Identifier: Apache-2.0 */
#include "archive.h"

struct berth_stream {
	struct session *s;
	struct catalog *catalog; /* holds `text` */
	struct berth_op *op;
	const char *text; /* bytes of a made-up manifest, or NULL: */
	struct place_file file;
	uint64_t at;
	uint64_t end;
};

void archive_close_stream(struct berth_stream *stream)
{
	if (!stream)
		return;
	place_file_done(&stream->file);
	if (stream->catalog)
		session_catalog_put(stream->s, stream->catalog);
	session_put(stream->s);
	free(stream);
}

/* Find the bytes; sets `end` to their length. */
static int find_bytes(struct berth_stream *stream, const struct berth_desc *desc,
		      struct berth_error *err)
{
	const struct catalog_blob *blob;
	char name[PLACE_BLOB_NAME_MAX];
	struct digest digest;
	int r;

	r = digest_parse(desc->digest, &digest, err);
	if (r < 0)
		return r;
	blob = catalog_blob(stream->catalog, &digest);
	if (blob && blob->text) {
		stream->text = blob->text;
		stream->end = blob->bytes;
		return 0;
	}
	r = place_open(&stream->s->place, blob ? blob->entry : place_blob_name(&digest, name),
		       &stream->file, err);
	if (r < 0)
		return r;
	stream->end = stream->file.bytes;
	return 0;
}

static int set_range(struct berth_stream *stream, const struct berth_desc *desc, uint64_t from,
		     uint64_t len, struct berth_error *err)
{
	if (desc->bytes != UINT64_MAX && desc->bytes != stream->end)
		return berth_fail(err, BERTH_E_CORRUPT,
				  "%s: blob %s has %llu bytes, its descriptor says %llu",
				  stream->s->place.label, desc->digest,
				  (unsigned long long)stream->end, (unsigned long long)desc->bytes);
	if (from > stream->end)
		return berth_fail(err, BERTH_E_INVALID, "offset %llu is behind the end of blob %s",
				  (unsigned long long)from, desc->digest);
	stream->at = from;
	if (len < stream->end - from)
		stream->end = from + len;
	return 0;
}

int archive_fetch(struct berth_registry *reg, const struct berth_where *where, const char *repo,
		  const struct berth_desc *desc, uint64_t from, uint64_t len, struct berth_op *op,
		  struct berth_stream **ret, struct berth_reply *reply, struct berth_error *err)
{
	cleanup_session struct session *s = NULL;
	struct berth_stream *stream;
	int r;

	r = session_get(reg, where, SESSION_READ, op, &s, err);
	if (r < 0)
		return r;
	stream = calloc(1, sizeof(*stream));
	if (!stream)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	stream->s = steal_ptr(s);
	stream->op = op;
	stream->file.fd = -1;
	stream->catalog = session_catalog(stream->s);
	r = find_bytes(stream, desc, err);
	if (r == 0)
		r = set_range(stream, desc, from, len, err);
	if (r < 0) {
		archive_close_stream(stream);
		return r;
	}
	*ret = stream;
	return 0;
}

int archive_read(struct berth_stream *stream, void *buf, size_t n, size_t *ret_n,
		 struct berth_error *err)
{
	size_t got;
	int r;

	if (stream->s->reg->host->cancelled(stream->op))
		return berth_fail(err, BERTH_E_CANCELLED, "cancelled");
	if (n > stream->end - stream->at)
		n = (size_t)(stream->end - stream->at);
	if (stream->text) {
		memcpy(buf, stream->text + stream->at, n);
		got = n;
	} else {
		r = place_file_read(&stream->file, stream->at, buf, n, &got, err);
		if (r < 0) {
			berth_error_prefix(err, "%s", stream->s->place.label);
			return r;
		}
	}
	stream->at += got;
	*ret_n = got;
	return 0;
}
