/* SPDX-License-Identifier: Apache-2.0 */
/* What goes out. */
#include <pthread.h>

#include "tests/conformance/registry/rig.h"

static void needs_push(void)
{
	reg_needs(BERTH_REG_PUSH, "capability 'push'");
}

/* Finish what was begun, and look at it with the eyes of a reader. */
static void finish(struct rig *r)
{
	ck_ok(reg_finish(r, true));
}

START_TEST(what_was_pushed_comes_back_byte_for_byte)
{
	cleanup_content struct content c = {0};
	struct rig again;
	struct rig r;

	needs_push();
	reg_open(&r);
	reg_fill(&r, &c);
	reg_comes_back(&r, &c);
	ck_ok(reg_finish(&r, false)); /* of the reader: takes nothing away */
	reg_open_again(&r, &again);
	reg_comes_back(&again, &c);
	reg_close(&again);
	reg_close(&r);
}
END_TEST

START_TEST(has_says_what_is_there_already)
{
	cleanup_thing struct thing t = {.bytes = STR_INIT};
	const char *repo = suite_trait("repo");
	bool is = true;
	struct rig r;

	needs_push();
	reg_open(&r);
	reg_make_blob(&t, 5, 5000);
	ck_ok(reg_has(&r, repo, &t, &is));
	ck_assert(!is);
	ck_ok(reg_push_blob(&r, repo, &t));
	ck_ok(reg_has(&r, repo, &t, &is));
	ck_assert(is);
	ck_ok(reg_finish(&r, false));
	reg_close(&r);
}
END_TEST

START_TEST(a_push_is_seen_when_it_is_finished_and_not_before)
{
	cleanup_heard struct heard h = {.text = STR_INIT};
	cleanup_content struct content c = {0};
	struct rig other;
	struct rig r;

	reg_needs(BERTH_REG_PUSH | BERTH_REG_ARCHIVE, "capabilities 'push' and 'archive'");
	reg_open(&r);
	reg_make(&c, 1, 20000);
	ck_ok(reg_push(&r, &c));
	reg_open_again(&r, &other);
	ck_assert_int_lt(reg_resolve(&other, c.repo, c.ref, &h), 0);
	ck_assert_int_eq(h.calls, 0);
	reg_close(&other);
	finish(&r);
	reg_open_again(&r, &other);
	reg_comes_back(&other, &c);
	reg_close(&other);
	reg_close(&r);
}
END_TEST

START_TEST(a_push_that_is_given_up_leaves_nothing)
{
	cleanup_heard struct heard h = {.text = STR_INIT};
	cleanup_content struct content c = {0};
	cleanup_content struct content first = {0};
	struct rig r;
	struct stat st;

	reg_needs(BERTH_REG_PUSH | BERTH_REG_ARCHIVE, "capabilities 'push' and 'archive'");
	reg_open(&r);
	if (reg_is_dir(&r))
		reg_fill(&r, &first);
	reg_make(&c, 1, 20000);
	c.ref = "given-up";
	ck_ok(reg_push(&r, &c));
	ck_ok(reg_finish(&r, false));
	ck_assert_int_lt(reg_resolve(&r, c.repo, c.ref, &h), 0);
	ck_assert(!reg_is_there(&r, c.repo, &c.layer));
	if (reg_is_dir(&r)) {
		reg_comes_back(&r, &first);
	} else {
		ck_assert_int_eq(fstat(r.fd, &st), 0);
		ck_assert_msg(st.st_size == 0, "%lld bytes stay in the file",
			      (long long)st.st_size);
	}
	reg_close(&r);
}
END_TEST

/* Bytes that are not those announced, in some way. */
static void ck_refused(const char *bytes, size_t n, uint64_t announced, const char *digest)
{
	struct berth_desc desc = {.size = sizeof(desc), .media_type = REG_LAYER, .digest = digest};
	cleanup_thing struct thing t = {.bytes = STR_INIT};
	const char *repo = suite_trait("repo");
	struct berth_upload *up = NULL;
	struct berth_where where;
	bool is = true;
	struct rig r;
	size_t held;
	int code;

	reg_open(&r);
	/* another blob, so that the place has all that the driver needs */
	reg_make_blob(&t, 8, 1000);
	ck_ok(reg_push_blob(&r, repo, &t));
	held = reg_held(&r);
	where = reg_where_push(&r);
	desc.bytes = announced;
	ck_ok(r.ops->upload_begin(r.reg, &where, repo, &desc, NULL, NULL, &up, &err));
	code = r.ops->write(up, bytes, n, NULL, &err);
	if (code == 0)
		ck_fails(BERTH_E_CORRUPT, r.ops->upload_commit(up, NULL, &err));
	else
		r.ops->upload_abort(up);
	ck_assert_msg(code == 0 || code == -BERTH_E_CORRUPT, "write says %s",
		      berth_code_name(code));
	str_clear(&t.bytes);
	str_add_n(&t.bytes, bytes, n);
	(void)snprintf(t.digest, sizeof(t.digest), "%s", digest);
	ck_ok(reg_has(&r, repo, &t, &is));
	ck_assert_msg(!is, "wrong bytes were kept");
	ck_assert_msg(reg_held(&r) <= held, "what was refused left %zu files", reg_held(&r) - held);
	ck_ok(reg_finish(&r, false));
	reg_close(&r);
}

START_TEST(wrong_bytes_are_corrupt_and_leave_nothing)
{
	char digest[REG_DIGEST];

	needs_push();
	if (!suite_trait_is("verifies", "yes"))
		suite_skip("the driver does not hash what is pushed (trait verifies)");
	ck_refused("other bytes", 11, 11, reg_digest("these bytes", 11, digest));
}
END_TEST

START_TEST(fewer_bytes_than_announced_are_corrupt_and_leave_nothing)
{
	char digest[REG_DIGEST];

	needs_push();
	ck_refused("these byte", 10, 11, reg_digest("these bytes", 11, digest));
	ck_refused("", 0, 11, reg_digest("these bytes", 11, digest));
}
END_TEST

START_TEST(more_bytes_than_announced_are_corrupt_and_leave_nothing)
{
	char digest[REG_DIGEST];

	needs_push();
	ck_refused("these bytes!", 12, 11, reg_digest("these bytes", 11, digest));
	ck_refused("x", 1, 0, reg_digest("", 0, digest));
}
END_TEST

START_TEST(an_aborted_upload_leaves_nothing)
{
	cleanup_thing struct thing t = {.bytes = STR_INIT};
	const char *repo = suite_trait("repo");
	struct berth_upload *up = NULL;
	struct berth_where where;
	struct berth_desc desc;
	bool is = true;
	struct rig r;
	size_t held;

	needs_push();
	reg_open(&r);
	reg_make_blob(&t, 1, 100);
	ck_ok(reg_push_blob(&r, repo, &t));
	held = reg_held(&r);
	reg_make_blob(&t, 2, 100000);
	where = reg_where_push(&r);
	desc = reg_desc(&t);
	for (size_t written = 0; written <= t.bytes.len; written += 50000) {
		ck_ok(r.ops->upload_begin(r.reg, &where, repo, &desc, NULL, NULL, &up, &err));
		ck_ok(r.ops->write(up, t.bytes.p, written, NULL, &err));
		r.ops->upload_abort(up);
		ck_ok(reg_has(&r, repo, &t, &is));
		ck_assert(!is);
		ck_assert_uint_eq(reg_held(&r), held);
	}
	ck_ok(reg_push_blob(&r, repo, &t)); /* and is in nobody's way */
	ck_ok(reg_finish(&r, false));
	reg_close(&r);
}
END_TEST

START_TEST(to_abort_no_upload_is_fine)
{
	struct rig r;

	needs_push();
	reg_open(&r);
	r.ops->upload_abort(NULL);
	reg_close(&r);
}
END_TEST

/* Put a blob into the place, in an image of its own so that all archives can keep it. */
static void push_layer_in(struct rig *r, struct content *c, size_t piece)
{
	struct berth_where where = reg_where_push(r);
	struct berth_desc desc = reg_desc(&c->layer);
	struct berth_upload *up = NULL;

	ck_ok(r->ops->upload_begin(r->reg, &where, c->repo, &desc, NULL, NULL, &up, &err));
	for (size_t at = 0; at < c->layer.bytes.len;) {
		size_t n = piece < c->layer.bytes.len - at ? piece : c->layer.bytes.len - at;

		ck_ok(r->ops->write(up, c->layer.bytes.p + at, n, NULL, &err));
		ck_ok(r->ops->write(up, "", 0, NULL, &err));
		at += n;
	}
	ck_ok(r->ops->upload_commit(up, NULL, &err));
	ck_ok(reg_push_blob(r, c->repo, &c->config));
	ck_ok(reg_push_manifest(r, c->repo, c->ref, &c->manifest));
	ck_ok(reg_finish(r, true));
	reg_comes_back(r, c);
	ck_ok(reg_finish(r, false));
}

START_TEST(an_upload_comes_in_pieces_of_any_size)
{
	static const struct {
		size_t bytes, piece;
	} way[] = {{300, 1}, {4097, 511}, {70000, 65537}};

	needs_push();
	for (size_t i = 0; i < sizeof(way) / sizeof(way[0]); i++) {
		cleanup_content struct content c = {0};
		struct rig r;

		reg_open(&r);
		reg_make(&c, 3, way[i].bytes);
		push_layer_in(&r, &c, way[i].piece);
		reg_close(&r);
	}
}
END_TEST

START_TEST(an_empty_blob_is_a_blob)
{
	cleanup_content struct content c = {0};
	struct rig r;

	needs_push();
	reg_open(&r);
	reg_make(&c, 3, 0);
	push_layer_in(&r, &c, 1);
	reg_close(&r);
}
END_TEST

START_TEST(to_push_what_is_there_makes_no_second_copy)
{
	cleanup_content struct content c = {0};
	struct rig r;
	size_t held;

	needs_push();
	reg_open(&r);
	reg_make(&c, 1, 20000);
	ck_ok(reg_push(&r, &c));
	held = reg_held(&r);
	ck_ok(reg_push(&r, &c));
	ck_assert_uint_eq(reg_held(&r), held);
	finish(&r);
	reg_comes_back(&r, &c);
	reg_close(&r);
}
END_TEST

START_TEST(a_blob_of_unknown_length_can_be_pushed)
{
	cleanup_content struct content c = {0};
	struct berth_upload *up = NULL;
	struct berth_where where;
	struct berth_desc desc;
	struct rig r;

	needs_push();
	reg_open(&r);
	reg_make(&c, 6, 12345);
	where = reg_where_push(&r);
	desc = reg_desc(&c.layer);
	desc.bytes = UINT64_MAX;
	if (suite_trait_is("unknown_length", "no")) {
		ck_fails(BERTH_E_INVALID,
			 r.ops->upload_begin(r.reg, &where, c.repo, &desc, NULL, NULL, &up, &err));
	} else {
		ck_ok(r.ops->upload_begin(r.reg, &where, c.repo, &desc, NULL, NULL, &up, &err));
		ck_ok(r.ops->write(up, c.layer.bytes.p, c.layer.bytes.len, NULL, &err));
		ck_ok(r.ops->upload_commit(up, NULL, &err));
		ck_ok(reg_push(&r, &c));
		finish(&r);
		reg_comes_back(&r, &c);
	}
	ck_ok(reg_finish(&r, false));
	reg_close(&r);
}
END_TEST

START_TEST(a_digest_or_nothing_as_ref_gives_a_manifest_no_name)
{
	cleanup_content struct content c = {0};
	cleanup_content struct content bare = {0};
	cleanup_heard struct heard h = {.text = STR_INIT};
	struct rig r;

	needs_push();
	reg_open(&r);
	reg_make(&c, 1, 2000);
	reg_make(&bare, 2, 2000);
	ck_ok(reg_push(&r, &c));
	bare.ref = "";
	ck_ok(reg_push(&r, &bare));
	bare.ref = bare.manifest.digest;
	ck_ok(reg_push(&r, &bare)); /* and once more, by its digest */
	finish(&r);
	reg_comes_back(&r, &c);
	if (suite_trait_is("untagged", "kept"))
		ck_assert(reg_is_there(&r, bare.repo, &bare.manifest));
	else
		reg_comes_back(&r, &bare);
	if (reg_can(&r, BERTH_REG_TAGS)) {
		struct berth_where where = reg_where(&r);

		ck_ok(r.ops->tags(r.reg, &where, c.repo, reg_hear_id, &h, NULL, &err));
		ck_assert_int_eq(h.calls, 1);
	}
	reg_close(&r);
}
END_TEST

START_TEST(a_tag_goes_to_the_manifest_that_got_it_last)
{
	cleanup_content struct content old = {0};
	cleanup_content struct content new = {0};
	struct rig r;

	needs_push();
	reg_open(&r);
	reg_make(&old, 1, 2000);
	reg_make(&new, 2, 3000);
	ck_ok(reg_push(&r, &old));
	if (reg_is_dir(&r)) /* in two sessions as well as in one */
		finish(&r);
	ck_ok(reg_push(&r, &new));
	finish(&r);
	reg_comes_back(&r, &new);
	reg_close(&r);
}
END_TEST

START_TEST(a_manifest_under_another_digest_is_corrupt)
{
	cleanup_content struct content c = {0};
	cleanup_heard struct heard h = {.text = STR_INIT};
	struct rig r;

	needs_push();
	if (!suite_trait_is("verifies", "yes"))
		suite_skip("the driver does not hash what is pushed (trait verifies)");
	reg_open(&r);
	reg_make(&c, 1, 2000);
	ck_ok(reg_push_blob(&r, c.repo, &c.layer));
	ck_ok(reg_push_blob(&r, c.repo, &c.config));
	c.manifest.bytes.p[0] = ' ';
	ck_fails(BERTH_E_CORRUPT, reg_push_manifest(&r, c.repo, c.ref, &c.manifest));
	c.manifest.bytes.p[0] = '{';
	ck_ok(reg_push_manifest(&r, c.repo, "right", &c.manifest));
	finish(&r);
	ck_fails(BERTH_E_NOT_FOUND, reg_resolve(&r, c.repo, c.ref, &h));
	ck_ok(reg_resolve(&r, c.repo, "right", &h));
	reg_close(&r);
}
END_TEST

START_TEST(what_may_be_mounted_need_not_be_sent)
{
	cleanup_content struct content c = {0};
	cleanup_thing struct thing none = {.bytes = STR_INIT};
	struct berth_upload *up = NULL;
	struct berth_where where;
	struct berth_desc desc;
	bool is = false;
	struct rig r;

	reg_needs(BERTH_REG_PUSH | BERTH_REG_MOUNT, "capability 'mount'");
	reg_open(&r);
	reg_fill(&r, &c);
	where = reg_where_push(&r);
	desc = reg_desc(&c.layer);
	ck_ok(r.ops->upload_begin(r.reg, &where, "other/repo", &desc, c.repo, NULL, &up, &err));
	ck_assert_ptr_null(up);
	ck_ok(reg_has(&r, "other/repo", &c.layer, &is));
	ck_assert(is);
	/* what is not there is to be sent after all */
	reg_make_blob(&none, 99, 50);
	desc = reg_desc(&none);
	ck_ok(r.ops->upload_begin(r.reg, &where, "other/repo", &desc, c.repo, NULL, &up, &err));
	ck_assert_ptr_nonnull(up);
	r.ops->upload_abort(up);
	reg_close(&r);
}
END_TEST

START_TEST(who_cannot_mount_takes_the_bytes)
{
	cleanup_thing struct thing t = {.bytes = STR_INIT};
	struct berth_upload *up = NULL;
	struct berth_where where;
	struct berth_desc desc;
	struct rig r;

	needs_push();
	reg_open(&r);
	if (reg_can(&r, BERTH_REG_MOUNT))
		suite_skip("the driver can mount");
	reg_make_blob(&t, 1, 50);
	where = reg_where_push(&r);
	desc = reg_desc(&t);
	ck_ok(r.ops->upload_begin(r.reg, &where, suite_trait("repo"), &desc, "some/repo", NULL, &up,
				  &err));
	ck_assert_ptr_nonnull(up);
	ck_ok(r.ops->write(up, t.bytes.p, t.bytes.len, NULL, &err));
	ck_ok(r.ops->upload_commit(up, NULL, &err));
	ck_ok(reg_finish(&r, false));
	reg_close(&r);
}
END_TEST

enum { UPLOADS = 6 };

START_TEST(several_blobs_go_up_at_once)
{
	struct thing t[UPLOADS] = {{{0}}};
	struct berth_upload *up[UPLOADS] = {0};
	const char *repo = suite_trait("repo");
	struct berth_where where;
	struct rig r;
	bool is = false;

	needs_push();
	reg_open(&r);
	where = reg_where_push(&r);
	for (unsigned i = 0; i < UPLOADS; i++) {
		struct berth_desc desc;

		reg_make_blob(&t[i], i, 1000 + i);
		desc = reg_desc(&t[i]);
		if (i > 0 && suite_trait_is("uploads", "one"))
			ck_fails(BERTH_E_BUSY, r.ops->upload_begin(r.reg, &where, repo, &desc, NULL,
								   NULL, &up[i], &err));
		else
			ck_ok(r.ops->upload_begin(r.reg, &where, repo, &desc, NULL, NULL, &up[i],
						  &err));
	}
	for (unsigned half = 0; half < 2; half++) {
		for (unsigned i = 0; i < UPLOADS; i++) {
			size_t n = t[i].bytes.len / 2;

			if (up[i])
				ck_ok(r.ops->write(up[i], t[i].bytes.p + half * n,
						   half ? t[i].bytes.len - n : n, NULL, &err));
		}
	}
	for (unsigned i = UPLOADS; i-- > 0;) { /* not in the order of their beginnings */
		if (!up[i])
			continue;
		ck_ok(r.ops->upload_commit(up[i], NULL, &err));
		ck_ok(reg_has(&r, repo, &t[i], &is));
		ck_assert(is);
	}
	for (unsigned i = 0; i < UPLOADS; i++)
		thing_done(&t[i]);
	ck_ok(reg_finish(&r, false));
	reg_close(&r);
}
END_TEST

struct pusher {
	const struct rig *r;
	unsigned n;
	int wrong;
};

static void *push_thread(void *arg)
{
	struct pusher *me = arg;
	struct berth_where where = reg_where_push(me->r);

	for (unsigned round = 0; round < 6; round++) {
		cleanup_thing struct thing t = {.bytes = STR_INIT};
		struct berth_upload *up = NULL;
		struct berth_desc desc;
		bool is = false;

		reg_make_blob(&t, 1 + me->n * 100 + round, 30000);
		desc = reg_desc(&t);
		if (me->r->ops->upload_begin(me->r->reg, &where, "a/b", &desc, NULL, NULL, &up,
					     NULL) < 0 ||
		    me->r->ops->write(up, t.bytes.p, t.bytes.len, NULL, NULL) < 0 ||
		    me->r->ops->upload_commit(up, NULL, NULL) < 0 ||
		    me->r->ops->has(me->r->reg, &where, "a/b", &desc, NULL, &is, NULL) < 0)
			me->wrong++;
		me->wrong += !is;
	}
	return NULL;
}

START_TEST(threads_push_at_once)
{
	struct pusher pusher[4];
	pthread_t thread[4];
	struct rig r;

	needs_push();
	if (suite_driver()->threads == BERTH_THREADS_ONE)
		suite_skip("the driver's calls are serialised (threads: one)");
	if (suite_trait_is("uploads", "one"))
		suite_skip("blobs go up one after the other (trait uploads)");
	reg_open(&r);
	for (unsigned i = 0; i < 4; i++) {
		pusher[i] = (struct pusher){&r, i, 0};
		ck_assert_int_eq(pthread_create(&thread[i], NULL, push_thread, &pusher[i]), 0);
	}
	for (unsigned i = 0; i < 4; i++) {
		ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
		ck_assert_int_eq(pusher[i].wrong, 0);
	}
	ck_ok(reg_finish(&r, false));
	reg_close(&r);
}
END_TEST

START_TEST(an_upload_ends_when_the_user_gives_up)
{
	cleanup_thing struct thing t = {.bytes = STR_INIT};
	struct berth_op op = LENT_OP;
	const char *repo = suite_trait("repo");
	struct berth_upload *up = NULL;
	struct berth_where where;
	struct berth_desc desc;
	uint64_t begin;
	bool is = true;
	struct rig r;
	int code;

	needs_push();
	reg_open(&r);
	reg_make_blob(&t, 1, 100000);
	where = reg_where_push(&r);
	desc = reg_desc(&t);
	ck_ok(r.ops->upload_begin(r.reg, &where, repo, &desc, NULL, &op, &up, &err));
	ck_ok(r.ops->write(up, t.bytes.p, 5000, &op, &err));
	lent_cancel(&op);
	begin = reg_now();
	code = r.ops->write(up, t.bytes.p + 5000, t.bytes.len - 5000, &op, &err);
	ck_assert_msg(code == -BERTH_E_CANCELLED, "cancelled, and write says %s",
		      berth_code_name(code));
	r.ops->upload_abort(up);
	ck_assert_uint_lt(reg_now() - begin, 1000);
	ck_ok(reg_has(&r, repo, &t, &is));
	ck_assert(!is);
	lent_op_done(&op);
	ck_ok(reg_finish(&r, false));
	reg_close(&r);
}
END_TEST

START_TEST(one_writes_at_a_time)
{
	cleanup_content struct content c = {0};
	cleanup_content struct content late = {0};
	struct rig other;
	struct rig r;

	reg_needs(BERTH_REG_PUSH | BERTH_REG_ONE_WRITER, "capability 'one-writer'");
	reg_open(&r);
	if (reg_can(&r, BERTH_REG_ARCHIVE) && !reg_is_dir(&r))
		suite_skip("a file belongs to one session from its first byte on");
	reg_make(&c, 1, 2000);
	reg_make(&late, 2, 2000);
	late.ref = "late";
	ck_ok(reg_push(&r, &c));
	reg_open_again(&r, &other);
	ck_fails(BERTH_E_BUSY, reg_push(&other, &late));
	finish(&r);
	reg_comes_back(&other, &c); /* reading is everybody's */
	ck_ok(reg_push(&other, &late));
	ck_ok(reg_finish(&other, true));
	reg_comes_back(&other, &c);
	reg_comes_back(&other, &late);
	reg_close(&other);
	reg_close(&r);
}
END_TEST

SUITE_CASES(registry_push_cases, what_was_pushed_comes_back_byte_for_byte,
	    has_says_what_is_there_already, a_push_is_seen_when_it_is_finished_and_not_before,
	    a_push_that_is_given_up_leaves_nothing, wrong_bytes_are_corrupt_and_leave_nothing,
	    fewer_bytes_than_announced_are_corrupt_and_leave_nothing,
	    more_bytes_than_announced_are_corrupt_and_leave_nothing,
	    an_aborted_upload_leaves_nothing, to_abort_no_upload_is_fine,
	    an_upload_comes_in_pieces_of_any_size, an_empty_blob_is_a_blob,
	    to_push_what_is_there_makes_no_second_copy, a_blob_of_unknown_length_can_be_pushed,
	    a_digest_or_nothing_as_ref_gives_a_manifest_no_name,
	    a_tag_goes_to_the_manifest_that_got_it_last, a_manifest_under_another_digest_is_corrupt,
	    what_may_be_mounted_need_not_be_sent, who_cannot_mount_takes_the_bytes,
	    several_blobs_go_up_at_once, threads_push_at_once,
	    an_upload_ends_when_the_user_gives_up, one_writes_at_a_time);
