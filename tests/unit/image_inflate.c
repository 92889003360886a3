/* SPDX-License-Identifier: Apache-2.0 */
#include "core/image/work/inflate.h"

#include <isa-l/igzip_lib.h>
#include <zstd.h>

#include "ck.h"
#include "core/image/work/stream.h"

enum { PLAIN = 300000 };

static char plain[PLAIN];

static void make_plain(void)
{
	uint32_t x = 1;

	for (size_t i = 0; i < PLAIN; i++) {
		x = x * 1664525 + 1013904223;
		plain[i] = (char)(i % 1000 < 700 ? 'a' + i % 7 : x >> 24);
	}
}

static void add_gzip(struct str *out, const char *bytes, size_t n)
{
	struct isal_zstream s;
	size_t room = n + n / 8 + 1000;
	char *to = str_room(out, room);

	isal_deflate_stateless_init(&s);
	s.gzip_flag = IGZIP_GZIP;
	s.end_of_stream = 1;
	s.next_in = (uint8_t *)bytes;
	s.avail_in = (uint32_t)n;
	s.next_out = (uint8_t *)to;
	s.avail_out = (uint32_t)room;
	ck_assert_int_eq(isal_deflate_stateless(&s), COMP_OK);
	str_grew(out, s.total_out);
}

static void add_zstd(struct str *out, const char *bytes, size_t n)
{
	size_t room = ZSTD_compressBound(n);
	char *to = str_room(out, room);
	size_t got = ZSTD_compress(to, room, bytes, n, 1);

	ck_assert(!ZSTD_isError(got));
	str_grew(out, got);
}

/** All of @in in pieces of @step into @out in pieces of @cap. */
static int run(const struct str *in, size_t step, size_t cap, uint64_t limit, struct str *out)
{
	cleanup_inflate struct inflate *z = NULL;
	int r = inflate_new(inflate_sniff(in->p, in->len), limit, &z, &err);

	for (size_t at = 0; r == 0 && at < in->len; at += step) {
		size_t n = in->len - at < step ? in->len - at : step;
		char *piece = malloc(n); /* so that reading behind it is caught */
		const void *p = piece;
		size_t got;

		memcpy(piece, in->p + at, n);
		do {
			char *room = malloc(cap);

			r = inflate_run(z, &p, &n, room, cap, &got, &err);
			if (r == 0)
				str_add_n(out, room, got);
			free(room);
		} while (r == 0 && got == cap);
		ck_assert(r < 0 || n == 0);
		free(piece);
	}
	return r < 0 ? r : inflate_end(z, &err);
}

static const size_t sizes[] = {1, 7, 4096, 100000, 1 << 20};

static void ck_inflates(const struct str *in, const char *wanted, size_t n)
{
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (size_t j = 0; j < sizeof(sizes) / sizeof(sizes[0]); j++) {
			cleanup_str struct str out = STR_INIT;
			int r = run(in, sizes[i], sizes[j], UINT64_MAX, &out);

			ck_assert_msg(r == 0, "in %zu, out %zu: %s", sizes[i], sizes[j], err.text);
			ck_assert_msg(out.len == n && (n == 0 || memcmp(out.p, wanted, n) == 0),
				      "in %zu, out %zu: %zu bytes came out of %zu", sizes[i],
				      sizes[j], out.len, n);
		}
	}
}

START_TEST(kinds_are_told_by_their_first_bytes)
{
	ck_assert_int_eq(inflate_sniff("\x1f\x8b\x08", 3), INFLATE_GZIP);
	ck_assert_int_eq(inflate_sniff("\x1f\x8b", 2), INFLATE_PLAIN);
	ck_assert_int_eq(inflate_sniff("\x28\xb5\x2f\xfd", 4), INFLATE_ZSTD);
	ck_assert_int_eq(inflate_sniff("\x5e\x2a\x4d\x18", 4), INFLATE_ZSTD);
	ck_assert_int_eq(inflate_sniff("BZh9", 4), INFLATE_BZIP2);
	ck_assert_int_eq(inflate_sniff("\xfd"
				       "7zXZ\0",
				       6),
			 INFLATE_XZ);
	ck_assert_int_eq(inflate_sniff("", 0), INFLATE_PLAIN);
	ck_assert_int_eq(inflate_sniff("etc/passwd", 10), INFLATE_PLAIN);
}
END_TEST

START_TEST(plain_bytes_stay_as_they_are)
{
	cleanup_str struct str in = STR_INIT;

	make_plain();
	str_add_n(&in, plain, 20000);
	ck_inflates(&in, plain, 20000);
}
END_TEST

START_TEST(gzip_comes_out_whole_in_pieces_of_any_size)
{
	cleanup_str struct str in = STR_INIT;

	make_plain();
	add_gzip(&in, plain, 60000);
	ck_inflates(&in, plain, 60000);
}
END_TEST

START_TEST(gzip_of_several_members_is_one)
{
	cleanup_str struct str in = STR_INIT;

	make_plain();
	add_gzip(&in, plain, 1);
	add_gzip(&in, plain + 1, 20000);
	add_gzip(&in, plain, 0);
	add_gzip(&in, plain + 20001, 9999);
	add_gzip(&in, plain, 0);
	ck_inflates(&in, plain, 30000);
}
END_TEST

START_TEST(gzip_headers_with_names_and_extras_are_read)
{
	cleanup_str struct str in = STR_INIT, body = STR_INIT;

	make_plain();
	add_gzip(&body, plain, 5000);
	/* the same body under a header with an extra field, a name and a comment */
	str_add_n(&in, "\x1f\x8b\x08\x1c\0\0\0\0\0\3\5\0abcde", 17);
	str_add_n(&in, "name\0comment\0", 13);
	str_add_n(&in, body.p + 10, body.len - 10);
	ck_inflates(&in, plain, 5000);
}
END_TEST

START_TEST(zstd_of_several_frames_is_one)
{
	cleanup_str struct str in = STR_INIT;

	make_plain();
	add_zstd(&in, plain, 20000);
	str_add_n(&in, "\x50\x2a\x4d\x18\4\0\0\0skip", 12);
	add_zstd(&in, plain, 0);
	add_zstd(&in, plain + 20000, 10000);
	ck_inflates(&in, plain, 30000);
}
END_TEST

static void ck_corrupt(const struct str *in, const char *why)
{
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		cleanup_str struct str out = STR_INIT;

		ck_fails(BERTH_E_CORRUPT, run(in, sizes[i], 5000, UINT64_MAX, &out));
		ck_says(why);
	}
}

START_TEST(what_is_cut_off_is_corrupt)
{
	make_plain();
	for (int zstd = 0; zstd < 2; zstd++) {
		cleanup_str struct str whole = STR_INIT;

		if (zstd)
			add_zstd(&whole, plain, 9000);
		else
			add_gzip(&whole, plain, 9000);
		for (size_t cut = 5; cut < whole.len; cut += whole.len / 13) {
			cleanup_str struct str in = STR_INIT;

			str_add_n(&in, whole.p, cut);
			ck_corrupt(&in, "too early");
		}
		str_cut(&whole, whole.len - 1);
		ck_corrupt(&whole, "too early");
	}
}
END_TEST

START_TEST(a_wrong_checksum_is_corrupt)
{
	cleanup_str struct str in = STR_INIT;

	make_plain();
	add_gzip(&in, plain, 9000);
	in.p[in.len - 6] ^= 1;
	ck_corrupt(&in, "gzip");
}
END_TEST

START_TEST(garbage_behind_gzip_is_corrupt)
{
	cleanup_str struct str in = STR_INIT;

	make_plain();
	add_gzip(&in, plain, 9000);
	str_add(&in, "garbage that is no gzip header");
	ck_corrupt(&in, "gzip");
}
END_TEST

START_TEST(damage_inside_is_corrupt_or_shows_in_the_checksum)
{
	make_plain();
	for (int zstd = 0; zstd < 2; zstd++) {
		cleanup_str struct str whole = STR_INIT;

		if (zstd)
			add_zstd(&whole, plain, 9000);
		else
			add_gzip(&whole, plain, 9000);
		for (size_t at = 12; at < whole.len; at += 31) {
			cleanup_str struct str out = STR_INIT;
			int r;

			whole.p[at] ^= 0x55;
			r = run(&whole, 1000, 5000, 1 << 20, &out);
			/* zstd is written without a checksum: other bytes may come out */
			ck_assert(r < 0 || zstd);
			whole.p[at] ^= 0x55;
		}
	}
}
END_TEST

START_TEST(a_bomb_meets_the_limit)
{
	cleanup_str struct str in = STR_INIT;
	cleanup_free char *zero = calloc(1, 1 << 20);

	for (int i = 0; i < 4; i++)
		add_gzip(&in, zero, 1 << 20);
	{
		cleanup_str struct str out = STR_INIT;

		ck_assert_int_eq(run(&in, 1 << 20, 65536, 4 << 20, &out), 0);
	}
	{
		cleanup_str struct str out = STR_INIT;

		ck_fails(BERTH_E_LIMIT, run(&in, 1 << 20, 65536, (4 << 20) - 1, &out));
		ck_assert_uint_le(out.len, 4 << 20);
	}
}
END_TEST

START_TEST(other_kinds_are_named)
{
	struct inflate *z = NULL;

	ck_fails(BERTH_E_UNSUPPORTED, inflate_new(INFLATE_BZIP2, 1, &z, &err));
	ck_says("bzip2");
	ck_fails(BERTH_E_UNSUPPORTED, inflate_new(INFLATE_XZ, 1, &z, &err));
	ck_says("xz");
	ck_assert_ptr_null(z);
}
END_TEST

/* --- the stream around
 * ---------------------------------------------------------------------------------- */

struct source {
	const struct str *in;
	size_t at, fail_at;
};

static int read_source(void *arg, void *buf, size_t n, size_t *ret_n, struct berth_error *e)
{
	struct source *s = arg;
	size_t left = s->in->len - s->at;

	if (s->at >= s->fail_at)
		return berth_fail(e, BERTH_E_UNREACHABLE, "the other side is gone");
	n = n < 1000 ? n : 1000;
	n = n < left ? n : left;
	memcpy(buf, s->in->p + s->at, n);
	s->at += n;
	*ret_n = n;
	return 0;
}

static struct stream_how how_of(struct source *src)
{
	return (struct stream_how){
		.read = read_source,
		.arg = src,
		.algo = DIGEST_SHA256,
		.diff_algo = DIGEST_SHA256,
		.bytes = UINT64_MAX,
		.limit = UINT64_MAX,
	};
}

static int take_all(struct stream *s, size_t *ret_n)
{
	const void *p;
	size_t n;
	int r;

	*ret_n = 0;
	do {
		r = stream_next(s, &p, &n, &err);
		*ret_n += r == 0 ? n : 0;
	} while (r == 0 && n > 0);
	return r;
}

START_TEST(a_stream_knows_both_digests)
{
	cleanup_str struct str in = STR_INIT;
	struct source src = {.in = &in, .fail_at = SIZE_MAX};
	struct stream_how how = how_of(&src);
	cleanup_stream struct stream *s = NULL;
	struct stream_end end;
	struct digest blob, diff_id;
	size_t n;

	make_plain();
	add_gzip(&in, plain, PLAIN);
	ck_ok(hash_bytes(in.p, in.len, &blob, &err));
	ck_ok(hash_bytes(plain, PLAIN, &diff_id, &err));
	how.bytes = in.len;
	ck_ok(stream_start(&how, &s, &err));
	ck_assert_int_eq(take_all(s, &n), 0);
	ck_assert_uint_eq(n, PLAIN);
	ck_ok(stream_finish(s, &end, &err));
	ck_assert(digest_eq(&end.blob, &blob));
	ck_assert(digest_eq(&end.diff_id, &diff_id));
	ck_assert_uint_eq(end.blob_bytes, in.len);
	ck_assert_uint_eq(end.bytes, PLAIN);
}
END_TEST

START_TEST(a_failing_source_is_the_takers_failure)
{
	cleanup_str struct str in = STR_INIT;
	struct source src = {.in = &in, .fail_at = 30000};
	struct stream_how how = how_of(&src);
	cleanup_stream struct stream *s = NULL;
	size_t n;

	make_plain();
	str_add_n(&in, plain, PLAIN);
	ck_ok(stream_start(&how, &s, &err));
	ck_fails(BERTH_E_UNREACHABLE, take_all(s, &n));
	ck_says("gone");
}
END_TEST

START_TEST(more_or_fewer_bytes_than_announced_are_corrupt)
{
	cleanup_str struct str in = STR_INIT;

	make_plain();
	str_add_n(&in, plain, PLAIN);
	for (int i = 0; i < 2; i++) {
		struct source src = {.in = &in, .fail_at = SIZE_MAX};
		struct stream_how how = how_of(&src);
		cleanup_stream struct stream *s = NULL;
		size_t n;

		how.bytes = i ? PLAIN - 1 : PLAIN + 1;
		ck_ok(stream_start(&how, &s, &err));
		ck_fails(BERTH_E_CORRUPT, take_all(s, &n));
		ck_says("bytes");
	}
}
END_TEST

START_TEST(a_stream_can_be_left_at_any_time)
{
	cleanup_str struct str in = STR_INIT;
	const void *p;
	size_t n;

	make_plain();
	for (int i = 0; i < 40; i++)
		add_gzip(&in, plain, PLAIN);
	for (int taken = 0; taken < 3; taken++) {
		struct source src = {.in = &in, .fail_at = SIZE_MAX};
		struct stream_how how = how_of(&src);
		struct stream *s = NULL;

		ck_ok(stream_start(&how, &s, &err));
		for (int i = 0; i < taken; i++)
			ck_ok(stream_next(s, &p, &n, &err));
		stream_free(s);
	}
	stream_free(NULL);
}
END_TEST

int main(void)
{
	return CK_MAIN(
		"image/inflate", kinds_are_told_by_their_first_bytes, plain_bytes_stay_as_they_are,
		gzip_comes_out_whole_in_pieces_of_any_size, gzip_of_several_members_is_one,
		gzip_headers_with_names_and_extras_are_read, zstd_of_several_frames_is_one,
		what_is_cut_off_is_corrupt, a_wrong_checksum_is_corrupt,
		garbage_behind_gzip_is_corrupt, damage_inside_is_corrupt_or_shows_in_the_checksum,
		a_bomb_meets_the_limit, other_kinds_are_named, a_stream_knows_both_digests,
		a_failing_source_is_the_takers_failure,
		more_or_fewer_bytes_than_announced_are_corrupt, a_stream_can_be_left_at_any_time);
}
