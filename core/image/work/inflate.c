/* SPDX-License-Identifier: Apache-2.0 */
#include "core/image/work/inflate.h"

#include <isa-l/igzip_lib.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

enum {
	ZSTD_WINDOW_LOG = 27, /* 128 MB; the most that decoders must take without being told */
	STEP_MAX = 1 << 30,   /* isal counts in 32 bits */
};

struct inflate {
	enum inflate_kind kind;
	uint64_t limit, out;
	bool inside; /* a member or frame has begun and did not end */
	struct inflate_state gzip;
	ZSTD_DStream *zstd;
};

enum inflate_kind inflate_sniff(const void *bytes, size_t n)
{
	const uint8_t *b = bytes;

	if (n >= 3 && b[0] == 0x1f && b[1] == 0x8b && b[2] == 8)
		return INFLATE_GZIP;
	if (n >= 4 && b[1] == 0xb5 && b[2] == 0x2f && b[3] == 0xfd && b[0] == 0x28)
		return INFLATE_ZSTD;
	/* a skippable frame of zstd, as seekable writers put first */
	if (n >= 4 && (b[0] & 0xf0) == 0x50 && b[1] == 0x2a && b[2] == 0x4d && b[3] == 0x18)
		return INFLATE_ZSTD;
	if (n >= 3 && memcmp(b, "BZh", 3) == 0)
		return INFLATE_BZIP2;
	if (n >= 6 && memcmp(b,
			     "\xfd"
			     "7zXZ\0",
			     6) == 0)
		return INFLATE_XZ;
	return INFLATE_PLAIN;
}

const char *inflate_name(enum inflate_kind kind)
{
	switch (kind) {
	case INFLATE_PLAIN:
		return "plain";
	case INFLATE_GZIP:
		return "gzip";
	case INFLATE_ZSTD:
		return "zstd";
	case INFLATE_BZIP2:
		return "bzip2";
	case INFLATE_XZ:
		return "xz";
	}
	return "?";
}

static void begin_member(struct inflate *z)
{
	isal_inflate_reset(&z->gzip);
	z->gzip.crc_flag = ISAL_GZIP;
	z->inside = false;
}

int inflate_new(enum inflate_kind kind, uint64_t limit, struct inflate **ret,
		struct berth_error *err)
{
	cleanup_inflate struct inflate *z = NULL;

	if (kind == INFLATE_BZIP2 || kind == INFLATE_XZ)
		return berth_fail(err, BERTH_E_UNSUPPORTED,
				  "it is compressed with %s, known are gzip and zstd",
				  inflate_name(kind));
	z = calloc(1, sizeof(*z));
	if (!z)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	z->kind = kind;
	z->limit = limit;
	if (kind == INFLATE_GZIP) {
		isal_inflate_init(&z->gzip);
		begin_member(z);
	}
	if (kind == INFLATE_ZSTD) {
		z->zstd = ZSTD_createDStream();
		if (!z->zstd || ZSTD_isError(ZSTD_DCtx_setParameter(z->zstd, ZSTD_d_windowLogMax,
								    ZSTD_WINDOW_LOG)))
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	}
	*ret = steal_ptr(z);
	return 0;
}

void inflate_free(struct inflate *z)
{
	if (!z)
		return;
	ZSTD_freeDStream(z->zstd);
	free(z);
}

static const char *gzip_problem(int rc)
{
	switch (rc) {
	case ISAL_INVALID_WRAPPER:
		return "what follows is no gzip header";
	case ISAL_UNSUPPORTED_METHOD:
		return "unknown method of compression";
	case ISAL_INCORRECT_CHECKSUM:
		return "a checksum is wrong";
	default:
		return "the compressed data is damaged";
	}
}

static int run_gzip(struct inflate *z, const void **in, size_t *in_n, void *out, size_t cap,
		    size_t *ret_n, struct berth_error *err)
{
	struct inflate_state *s = &z->gzip;
	size_t n = 0;

	/* isal may hold back bytes that it has read; so go on also when there is no input left */
	for (;;) {
		uint32_t room = (uint32_t)(cap - n), given;
		int rc;

		if (s->block_state == ISAL_BLOCK_FINISH) {
			begin_member(z);
			if (*in_n == 0)
				break;
		}
		given = *in_n > STEP_MAX ? STEP_MAX : (uint32_t)*in_n;
		s->next_in = (uint8_t *)*in; /* only read, says its documentation */
		s->avail_in = given;
		s->next_out = (uint8_t *)out + n;
		s->avail_out = room;
		z->inside |= given > 0;
		rc = isal_inflate(s);
		*in = s->next_in;
		*in_n -= given - s->avail_in;
		n += room - s->avail_out;
		if (rc < 0)
			return berth_fail(err, BERTH_E_CORRUPT, "gzip: %s", gzip_problem(rc));
		if (rc == ISAL_NEED_DICT)
			return berth_fail(err, BERTH_E_CORRUPT, "gzip: it needs a dictionary");
		if (s->block_state == ISAL_BLOCK_FINISH) {
			z->inside = false;
			continue;
		}
		if (n == cap || *in_n == 0)
			break;
	}
	*ret_n = n;
	return 0;
}

static int run_zstd(struct inflate *z, const void **in, size_t *in_n, void *out, size_t cap,
		    size_t *ret_n, struct berth_error *err)
{
	ZSTD_inBuffer from = {.src = *in, .size = *in_n};
	ZSTD_outBuffer to = {.dst = out, .size = cap};
	size_t before;

	do {
		size_t rc;

		before = from.pos + to.pos;
		rc = ZSTD_decompressStream(z->zstd, &to, &from);
		if (ZSTD_isError(rc))
			return berth_fail(err, BERTH_E_CORRUPT, "zstd: %s", ZSTD_getErrorName(rc));
		if (from.pos + to.pos > before)
			z->inside = rc != 0;
	} while (to.pos < cap && from.pos + to.pos > before);
	*in = (const char *)*in + from.pos;
	*in_n -= from.pos;
	*ret_n = to.pos;
	return 0;
}

int inflate_run(struct inflate *z, const void **in, size_t *in_n, void *out, size_t cap,
		size_t *ret_n, struct berth_error *err)
{
	size_t n = 0;
	int r = 0;

	switch (z->kind) {
	case INFLATE_GZIP:
		r = run_gzip(z, in, in_n, out, cap, &n, err);
		break;
	case INFLATE_ZSTD:
		r = run_zstd(z, in, in_n, out, cap, &n, err);
		break;
	default:
		n = *in_n < cap ? *in_n : cap;
		memcpy(out, *in, n);
		*in = (const char *)*in + n;
		*in_n -= n;
	}
	if (r < 0)
		return r;
	z->out += n;
	if (z->out > z->limit)
		return berth_fail(err, BERTH_E_LIMIT, "it is larger than %llu bytes uncompressed",
				  (unsigned long long)z->limit);
	*ret_n = n;
	return 0;
}

int inflate_end(const struct inflate *z, struct berth_error *err)
{
	if (!z->inside)
		return 0;
	return berth_fail(err, BERTH_E_CORRUPT, "%s: it ends too early", inflate_name(z->kind));
}
