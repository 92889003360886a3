/* SPDX-License-Identifier: Apache-2.0 */
/* What comes in. */
#include <pthread.h>

#include "tests/conformance/registry/rig.h"

START_TEST(a_tag_names_one_manifest)
{
	cleanup_content struct content c = {0};
	cleanup_heard struct heard h = {.text = STR_INIT};
	struct rig r;

	reg_needs(BERTH_REG_PULL, "capability 'pull'");
	reg_open(&r);
	reg_fill(&r, &c);
	ck_ok(reg_resolve(&r, c.repo, c.ref, &h));
	ck_assert_int_eq(h.calls, 1);
	ck_assert_str_eq(h.digest, c.manifest.digest);
	ck_assert(h.bytes == UINT64_MAX || h.bytes == c.manifest.bytes.len);
	ck_assert_str_eq(h.type, c.manifest.type);
	ck_assert(!(h.flags & BERTH_DESC_SYNTHETIC) || reg_can(&r, BERTH_REG_SYNTHETIC));
	ck_ok(reg_finish(&r, false));
	reg_close(&r);
}
END_TEST

START_TEST(a_digest_names_that_manifest_and_no_other)
{
	cleanup_content struct content c = {0};
	cleanup_heard struct heard h = {.text = STR_INIT};
	char other[REG_DIGEST];
	struct rig r;

	reg_needs(BERTH_REG_PULL, "capability 'pull'");
	reg_open(&r);
	reg_fill(&r, &c);
	if (!c.manifest.digest[0])
		suite_skip("the driver does not say digests of manifests that it makes up");
	ck_ok(reg_resolve(&r, c.repo, c.manifest.digest, &h));
	ck_assert_int_eq(h.calls, 1);
	ck_assert_str_eq(h.digest, c.manifest.digest);
	ck_fails(BERTH_E_NOT_FOUND, reg_resolve(&r, c.repo, reg_digest("?", 1, other), &h));
	ck_assert_int_eq(h.calls, 1);
	reg_close(&r);
}
END_TEST

START_TEST(what_is_not_there_is_not_found)
{
	cleanup_content struct content c = {0};
	cleanup_heard struct heard h = {.text = STR_INIT};
	cleanup_thing struct thing none = {.bytes = STR_INIT};
	cleanup_str struct str out = STR_INIT;
	struct rig r;

	reg_needs(BERTH_REG_PULL, "capability 'pull'");
	reg_open(&r);
	reg_fill(&r, &c);
	reg_make_blob(&none, 77, 100);
	ck_fails(BERTH_E_NOT_FOUND, reg_resolve(&r, c.repo, "no-such-tag", &h));
	ck_fails(BERTH_E_NOT_FOUND, reg_resolve(&r, "example.org/suite/absent", "none", &h));
	ck_fails(BERTH_E_NOT_FOUND, reg_read(&r, c.repo, &none, 0, UINT64_MAX, 100, &out));
	ck_assert_int_eq(h.calls, 0);
	reg_comes_back(&r, &c); /* and a failure spoils nothing */
	reg_close(&r);
}
END_TEST

START_TEST(every_byte_is_as_its_digest_says)
{
	static const size_t pieces[] = {1 << 20, 65537, 4096, 511};
	cleanup_content struct content c = {0};
	char is[REG_DIGEST];
	struct rig r;

	reg_needs(BERTH_REG_PULL, "capability 'pull'");
	reg_open(&r);
	reg_fill(&r, &c);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		cleanup_str struct str out = STR_INIT;

		ck_ok(reg_read(&r, c.repo, &c.layer, 0, UINT64_MAX, pieces[i], &out));
		ck_assert_str_eq(reg_digest(str_text(&out), out.len, is), c.layer.digest);
	}
	for (size_t i = 1; i <= 3; i++) { /* byte for byte: the short one */
		cleanup_str struct str out = STR_INIT;

		ck_ok(reg_read(&r, c.repo, &c.config, 0, UINT64_MAX, i, &out));
		ck_assert_str_eq(reg_digest(str_text(&out), out.len, is), c.config.digest);
	}
	reg_close(&r);
}
END_TEST

static void ck_range(const struct rig *r, const struct content *c, uint64_t from, uint64_t len)
{
	cleanup_str struct str out = STR_INIT;
	uint64_t all = c->layer.bytes.len;
	uint64_t wanted = len < all - from ? len : all - from;

	ck_ok(reg_read(r, c->repo, &c->layer, from, len, 1021, &out));
	ck_assert_msg(out.len == wanted, "from %llu at most %llu of %llu bytes: %zu came",
		      (unsigned long long)from, (unsigned long long)len, (unsigned long long)all,
		      out.len);
	ck_assert_msg(wanted == 0 || memcmp(out.p, c->layer.bytes.p + from, wanted) == 0,
		      "from %llu: other bytes came", (unsigned long long)from);
}

START_TEST(a_range_is_exactly_what_was_asked_for)
{
	cleanup_content struct content c = {0};
	struct rig r;
	uint64_t all;

	reg_needs(BERTH_REG_PULL, "capability 'pull'");
	reg_open(&r);
	reg_fill(&r, &c);
	all = c.layer.bytes.len;
	for (int i = 0; i < 6; i++) {
		const uint64_t from[] = {0, 1, all / 3, all / 2 + 1, all - 1, all > 512 ? 512 : 0};

		ck_range(&r, &c, from[i], 1);
		ck_range(&r, &c, from[i], 1000);
		ck_range(&r, &c, from[i], all - from[i]);
		ck_range(&r, &c, from[i], all);
		ck_range(&r, &c, from[i], UINT64_MAX);
	}
	reg_close(&r);
}
END_TEST

START_TEST(at_the_end_there_is_nothing_and_behind_it_is_invalid)
{
	cleanup_content struct content c = {0};
	cleanup_str struct str out = STR_INIT;
	struct berth_stream *stream = NULL;
	struct rig r;
	uint64_t all;

	reg_needs(BERTH_REG_PULL, "capability 'pull'");
	reg_open(&r);
	reg_fill(&r, &c);
	all = c.layer.bytes.len;
	ck_range(&r, &c, all, UINT64_MAX);
	ck_range(&r, &c, 0, 0);
	ck_fails(BERTH_E_INVALID, reg_read(&r, c.repo, &c.layer, all + 1, UINT64_MAX, 9, &out));
	ck_fails(BERTH_E_INVALID, reg_read(&r, c.repo, &c.layer, UINT64_MAX, 1, 9, &out));
	/* the end stays the end */
	ck_ok(reg_fetch(&r, c.repo, &c.layer, all - 2, UINT64_MAX, NULL, &stream));
	for (int i = 0; i < 5; i++) {
		char two[2];
		size_t n = 99;

		do
			ck_ok(r.ops->read(stream, two, 2, &n, &err));
		while (i == 0 && n > 0);
		ck_assert_uint_eq(n, 0);
	}
	r.ops->close_stream(stream);
	reg_close(&r);
}
END_TEST

enum { STREAMS = 24 };

START_TEST(many_streams_are_independent)
{
	cleanup_content struct content c = {0};
	struct berth_stream *stream[STREAMS] = {0};
	struct str out[STREAMS] = {{0}};
	struct rig r;
	int open = STREAMS;

	reg_needs(BERTH_REG_PULL, "capability 'pull'");
	reg_open(&r);
	reg_fill(&r, &c);
	for (int i = 0; i < STREAMS; i++)
		ck_ok(reg_fetch(&r, c.repo, i % 2 ? &c.layer : &c.config, 0, UINT64_MAX, NULL,
				&stream[i]));
	while (open > 0) {
		open = 0;
		for (int i = 0; i < STREAMS; i++) {
			size_t piece = 9000 + (size_t)i * 1000;
			size_t n = 0;

			ck_ok(r.ops->read(stream[i], str_room(&out[i], piece), piece, &n, &err));
			str_grew(&out[i], n);
			open += n > 0;
		}
	}
	for (int i = 0; i < STREAMS; i++) {
		const struct thing *t = i % 2 ? &c.layer : &c.config;

		ck_assert_uint_eq(out[i].len, t->bytes.len);
		ck_assert_int_eq(memcmp(out[i].p, t->bytes.p, out[i].len), 0);
		str_done(&out[i]);
		r.ops->close_stream(stream[i]);
	}
	reg_close(&r);
}
END_TEST

START_TEST(an_archives_offset_is_neither_used_nor_moved)
{
	cleanup_content struct content c = {0};
	struct rig r;

	reg_needs(BERTH_REG_ARCHIVE, "capability 'archive'");
	reg_open(&r);
	if (reg_is_dir(&r))
		suite_skip("the place is a directory");
	reg_fill(&r, &c);
	ck_assert_int_eq(lseek(r.fd, 77, SEEK_SET), 77);
	reg_comes_back(&r, &c);
	ck_assert_int_eq(lseek(r.fd, 0, SEEK_CUR), 77);
	reg_close(&r);
}
END_TEST

struct reader {
	const struct rig *r;
	const struct content *c;
	unsigned n;
	int wrong;
};

static void *read_thread(void *arg)
{
	struct reader *me = arg;
	const struct thing *t = me->n % 2 ? &me->c->layer : &me->c->config;
	struct berth_where where = reg_where(me->r);
	struct berth_desc desc = reg_desc(t);
	static const size_t piece = 8192;

	for (int round = 0; round < 8; round++) {
		struct berth_reply reply = {.size = sizeof(reply)};
		struct berth_stream *stream = NULL;
		char buf[8192];
		size_t at = 0;
		size_t n = 1;

		if (me->r->ops->fetch(me->r->reg, &where, me->c->repo, &desc, 0, UINT64_MAX, NULL,
				      &stream, &reply, NULL) < 0) {
			me->wrong++;
			continue;
		}
		while (n > 0 && me->r->ops->read(stream, buf, piece, &n, NULL) == 0) {
			if (n > t->bytes.len - at || memcmp(buf, t->bytes.p + at, n) != 0)
				me->wrong++;
			at += n;
		}
		me->wrong += at != t->bytes.len;
		me->r->ops->close_stream(stream);
	}
	return NULL;
}

START_TEST(threads_read_at_once)
{
	cleanup_content struct content c = {0};
	struct reader reader[4];
	pthread_t thread[4];
	struct rig r;

	reg_needs(BERTH_REG_PULL, "capability 'pull'");
	if (suite_driver()->threads == BERTH_THREADS_ONE)
		suite_skip("the driver's calls are serialised (threads: one)");
	reg_open(&r);
	reg_fill(&r, &c);
	for (unsigned i = 0; i < 4; i++) {
		reader[i] = (struct reader){&r, &c, i, 0};
		ck_assert_int_eq(pthread_create(&thread[i], NULL, read_thread, &reader[i]), 0);
	}
	for (unsigned i = 0; i < 4; i++) {
		ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
		ck_assert_int_eq(reader[i].wrong, 0);
	}
	reg_close(&r);
}
END_TEST

START_TEST(a_stream_ends_when_the_user_gives_up)
{
	cleanup_content struct content c = {0};
	struct berth_op op = LENT_OP;
	struct berth_stream *stream = NULL;
	uint64_t begin;
	char buf[64];
	size_t got = 0;
	struct rig r;
	int code;

	reg_needs(BERTH_REG_PULL, "capability 'pull'");
	reg_open(&r);
	reg_fill(&r, &c);
	ck_ok(reg_fetch(&r, c.repo, &c.layer, 0, UINT64_MAX, &op, &stream));
	ck_ok(r.ops->read(stream, buf, sizeof(buf), &got, &err));
	ck_assert_uint_gt(got, 0);
	lent_cancel(&op);
	begin = reg_now();
	do {
		size_t n = 0;

		err.code = 0;
		code = r.ops->read(stream, buf, sizeof(buf), &n, &err);
		got += n;
	} while (code == 0 && got < c.layer.bytes.len);
	ck_assert_msg(code == -BERTH_E_CANCELLED, "cancelled, and %zu bytes came: %s", got,
		      berth_code_name(code));
	ck_assert_int_eq(err.code, BERTH_E_CANCELLED);
	ck_assert_uint_lt(reg_now() - begin, 1000);
	r.ops->close_stream(stream);
	reg_comes_back(&r, &c);
	lent_op_done(&op);
	reg_close(&r);
}
END_TEST

START_TEST(what_was_cancelled_before_it_began_is_over_at_once)
{
	cleanup_content struct content c = {0};
	cleanup_heard struct heard h = {.text = STR_INIT};
	struct berth_op op = LENT_OP;
	struct berth_reply reply = {.size = sizeof(reply)};
	struct berth_stream *stream = NULL;
	struct berth_where where;
	uint64_t begin;
	struct rig r;
	int code;

	reg_needs(BERTH_REG_PULL, "capability 'pull'");
	reg_open(&r);
	reg_fill(&r, &c);
	where = reg_where(&r);
	lent_cancel(&op);
	begin = reg_now();
	code = r.ops->resolve(r.reg, &where, c.repo, c.ref, &op, reg_hear, &h, &reply, &err);
	ck_assert(code == 0 || code == -BERTH_E_CANCELLED);
	code = reg_fetch(&r, c.repo, &c.layer, 0, UINT64_MAX, &op, &stream);
	ck_assert(code == 0 || code == -BERTH_E_CANCELLED);
	r.ops->close_stream(stream);
	ck_assert_uint_lt(reg_now() - begin, 1000);
	lent_op_done(&op);
	reg_close(&r);
}
END_TEST

START_TEST(to_close_no_stream_is_fine)
{
	struct rig r;

	reg_needs(BERTH_REG_PULL, "capability 'pull'");
	reg_open(&r);
	r.ops->close_stream(NULL);
	reg_close(&r);
}
END_TEST

SUITE_CASES(registry_pull_cases, a_tag_names_one_manifest,
	    a_digest_names_that_manifest_and_no_other, what_is_not_there_is_not_found,
	    every_byte_is_as_its_digest_says, a_range_is_exactly_what_was_asked_for,
	    at_the_end_there_is_nothing_and_behind_it_is_invalid, many_streams_are_independent,
	    an_archives_offset_is_neither_used_nor_moved, threads_read_at_once,
	    a_stream_ends_when_the_user_gives_up,
	    what_was_cancelled_before_it_began_is_over_at_once, to_close_no_stream_is_fine);
