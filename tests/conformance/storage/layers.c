/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conformance/storage/cases.h"

static void put_file(const struct rig *r BERTH_UNUSED, int dirfd)
{
	ck_write(dirfd, "file", "text");
}

START_TEST(a_committed_layer_is_listed_and_claimed)
{
	const struct berth_layer_desc desc = {.size = sizeof(desc), .layer = "sha256:a1"};
	struct rig r;
	bool have = true;

	rig_open(&r);
	if (suite_has("claim"))
		ck_ok(r.ops->claim(r.st, &desc, NULL, &have, &err));
	ck_assert(!have || !suite_has("claim"));
	rig_layer(&r, "sha256:a1", NULL, put_file);
	ck_assert_str_eq(rig_names(&r, BERTH_EACH_LAYERS), "sha256:a1 ");
	ck_assert_str_eq(rig_names(&r, BERTH_EACH_VIEWS), "");
	if (suite_has("claim"))
		ck_ok(r.ops->claim(r.st, &desc, NULL, &have, &err));
	ck_assert(have);
	rig_reopen(&r);
	ck_assert_str_eq(rig_names(&r, BERTH_EACH_LAYERS), "sha256:a1 ");
	rig_close(&r);
}
END_TEST

START_TEST(what_is_being_made_is_invisible)
{
	struct berth_ingest *in;
	struct rig r;
	int dir;

	rig_open(&r);
	in = rig_begin(&r, "a", NULL);
	dir = rig_tree(&r, in);
	put_file(&r, dir);
	ck_assert_str_eq(rig_names(&r, BERTH_EACH_LAYERS | BERTH_EACH_VIEWS), "");
	ck_fails(BERTH_E_NOT_FOUND, r.ops->view_create(r.st, "v", "a", 0, NULL, &err));
	ck_ok(r.ops->layer_remove(r.st, "a", &err));
	ck_ok(r.ops->ingest_commit(in, NULL, NULL, &err));
	ck_assert_str_eq(rig_names(&r, BERTH_EACH_LAYERS), "a ");
	ck_assert_int_eq(close(dir), 0);
	rig_close(&r);
}
END_TEST

START_TEST(an_aborted_layer_leaves_nothing)
{
	struct berth_ingest *in;
	struct rig r;
	size_t held;
	int dir;

	rig_open(&r);
	held = rig_held(&r);
	in = rig_begin(&r, "a", NULL);
	dir = rig_tree(&r, in);
	put_file(&r, dir);
	ck_assert_int_eq(close(dir), 0);
	r.ops->ingest_abort(in);
	r.ops->ingest_abort(NULL);
	ck_assert_str_eq(rig_names(&r, BERTH_EACH_LAYERS), "");
	ck_assert_uint_eq(rig_held(&r), held);
	rig_layer(&r, "a", NULL, put_file);
	rig_close(&r);
}
END_TEST

START_TEST(a_layer_exists_once)
{
	const struct berth_layer_desc desc = {.size = sizeof(desc), .layer = "a"};
	struct berth_ingest *in = NULL;
	struct rig r;

	rig_open(&r);
	rig_layer(&r, "a", NULL, put_file);
	ck_fails(BERTH_E_EXISTS, r.ops->ingest_begin(r.st, &desc, NULL, &in, &err));
	ck_assert_ptr_null(in);
	ck_assert_str_eq(rig_names(&r, BERTH_EACH_LAYERS), "a ");
	rig_close(&r);
}
END_TEST

START_TEST(a_layer_has_one_maker_at_a_time)
{
	const struct berth_layer_desc desc = {.size = sizeof(desc), .layer = "a"};
	struct berth_ingest *first;
	struct berth_ingest *second = NULL;
	struct berth_ingest *other;
	struct rig r;

	rig_open(&r);
	first = rig_begin(&r, "a", NULL);
	ck_fails(BERTH_E_BUSY, r.ops->ingest_begin(r.st, &desc, NULL, &second, &err));
	other = rig_begin(&r, "b", NULL);
	r.ops->ingest_abort(first);
	ck_assert_ptr_null(second);
	first = rig_begin(&r, "a", NULL);
	ck_ok(r.ops->ingest_commit(first, NULL, NULL, &err));
	ck_ok(r.ops->ingest_commit(other, NULL, NULL, &err));
	ck_assert_str_eq(rig_names(&r, BERTH_EACH_LAYERS), "a b ");
	rig_close(&r);
}
END_TEST

START_TEST(a_parent_must_be_there)
{
	const struct berth_layer_desc desc = {
		.size = sizeof(desc), .layer = "b", .parent = "absent"};
	struct berth_ingest *in = NULL;
	struct rig r;

	rig_open(&r);
	ck_fails(BERTH_E_NOT_FOUND, r.ops->ingest_begin(r.st, &desc, NULL, &in, &err));
	ck_says("absent");
	ck_assert_ptr_null(in);
	in = rig_begin(&r, "b", NULL);
	ck_fails(rig_can(&r, BERTH_ST_PARENT_LATE) ? BERTH_E_NOT_FOUND : BERTH_E_INVALID,
		 r.ops->ingest_commit(in, "absent", NULL, &err));
	in = rig_begin(&r, "b", NULL);
	ck_fails(rig_can(&r, BERTH_ST_PARENT_LATE) ? BERTH_E_NOT_FOUND : BERTH_E_INVALID,
		 r.ops->ingest_commit(in, "b", NULL, &err)); /* nor its own */
	ck_assert_str_eq(rig_names(&r, BERTH_EACH_LAYERS), "");
	rig_layer(&r, "b", NULL, NULL); /* both ended, so nobody is at it */
	rig_close(&r);
}
END_TEST

START_TEST(a_parent_is_bound_at_commit_where_that_is_promised)
{
	struct berth_ingest *in;
	struct rig r;

	rig_open(&r);
	if (!rig_can(&r, BERTH_ST_PARENT_LATE)) {
		rig_layer(&r, "base", NULL, NULL);
		in = rig_begin(&r, "b", NULL);
		ck_fails(BERTH_E_INVALID, r.ops->ingest_commit(in, "base", NULL, &err));
	} else {
		in = rig_begin(&r, "b", NULL);
		rig_layer(&r, "base", NULL, NULL);
		ck_ok(r.ops->ingest_commit(in, "base", NULL, &err));
		ck_fails(BERTH_E_BUSY, r.ops->layer_remove(r.st, "base", &err));
	}
	rig_close(&r);
}
END_TEST

START_TEST(a_parent_is_busy_until_its_child_goes)
{
	struct rig r;

	rig_open(&r);
	rig_layer(&r, "a", NULL, put_file);
	rig_layer(&r, "b", "a", NULL);
	rig_layer(&r, "c", "b", NULL);
	ck_fails(BERTH_E_BUSY, r.ops->layer_remove(r.st, "a", &err));
	ck_fails(BERTH_E_BUSY, r.ops->layer_remove(r.st, "b", &err));
	ck_assert_str_eq(rig_names(&r, BERTH_EACH_LAYERS), "a b c ");
	ck_ok(r.ops->layer_remove(r.st, "c", &err));
	ck_fails(BERTH_E_BUSY, r.ops->layer_remove(r.st, "a", &err));
	ck_ok(r.ops->layer_remove(r.st, "b", &err));
	ck_ok(r.ops->layer_remove(r.st, "a", &err));
	ck_assert_str_eq(rig_names(&r, BERTH_EACH_LAYERS), "");
	rig_close(&r);
}
END_TEST

START_TEST(a_layer_is_busy_until_its_view_goes)
{
	struct rig r;

	rig_open(&r);
	rig_layer(&r, "a", NULL, put_file);
	rig_view(&r, "v", "a", 0);
	rig_view(&r, "w", "a", BERTH_VIEW_READ_ONLY);
	ck_fails(BERTH_E_BUSY, r.ops->layer_remove(r.st, "a", &err));
	ck_ok(r.ops->view_remove(r.st, "v", &err));
	ck_fails(BERTH_E_BUSY, r.ops->layer_remove(r.st, "a", &err));
	ck_ok(r.ops->view_remove(r.st, "w", &err));
	ck_ok(r.ops->layer_remove(r.st, "a", &err));
	rig_close(&r);
}
END_TEST

/* While a child is made its parent either stays, or the child cannot be finished. */
START_TEST(a_parent_never_goes_from_under_its_child)
{
	struct berth_ingest *in;
	struct rig r;
	int removed;

	rig_open(&r);
	rig_layer(&r, "a", NULL, put_file);
	in = rig_begin(&r, "b", "a");
	removed = r.ops->layer_remove(r.st, "a", &err);
	if (removed == 0) {
		ck_fails(BERTH_E_NOT_FOUND, r.ops->ingest_commit(in, "a", NULL, &err));
		ck_assert_str_eq(rig_names(&r, BERTH_EACH_LAYERS), "");
	} else {
		ck_assert_int_eq(removed, -BERTH_E_BUSY);
		ck_ok(r.ops->ingest_commit(in, "a", NULL, &err));
		ck_assert_str_eq(rig_names(&r, BERTH_EACH_LAYERS), "a b ");
	}
	rig_check(&r);
	rig_close(&r);
}
END_TEST

START_TEST(to_remove_what_is_absent_is_success)
{
	struct rig r;

	rig_open(&r);
	ck_ok(r.ops->layer_remove(r.st, "absent", &err));
	ck_ok(r.ops->view_remove(r.st, "absent", &err));
	rig_layer(&r, "a", NULL, NULL);
	ck_ok(r.ops->layer_remove(r.st, "a", &err));
	ck_ok(r.ops->layer_remove(r.st, "a", &err));
	rig_close(&r);
}
END_TEST

START_TEST(a_removed_layer_can_be_made_again)
{
	struct rig r;
	int fd;

	rig_open(&r);
	rig_layer(&r, "a", NULL, NULL);
	ck_ok(r.ops->layer_remove(r.st, "a", &err));
	rig_layer(&r, "a", NULL, put_file);
	rig_view(&r, "v", "a", 0);
	fd = rig_mount(&r, "v");
	ck_assert_str_eq(ck_text(fd, "file"), "text");
	ck_assert_int_eq(close(fd), 0);
	rig_close(&r);
}
END_TEST

START_TEST(a_removed_layer_takes_no_room_after_reclaim)
{
	struct rig r;
	size_t held;

	rig_open(&r);
	held = rig_held(&r);
	rig_layer(&r, "a", NULL, put_file);
	rig_view(&r, "v", "a", 0);
	ck_ok(r.ops->view_remove(r.st, "v", &err));
	ck_ok(r.ops->layer_remove(r.st, "a", &err));
	ck_assert_uint_eq(rig_held(&r), held);
	rig_close(&r);
}
END_TEST

/* Everything but [a-z0-9][a-z0-9_.:-]{0,127}. */
START_TEST(a_bad_name_is_invalid)
{
	char long_name[130];
	const char *const bad[] = {"",	  ".",	 "..",	"a/b", "../a", "/a",   "A", "-a",     ".a",
				   "a b", "a\n", "a=b", "a~b", "_a",   "a\\b", "*", long_name};
	struct rig r;

	memset(long_name, 'a', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	rig_open(&r);
	rig_layer(&r, "base", NULL, NULL);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct berth_layer_desc desc = {.size = sizeof(desc), .layer = bad[i]};
		const struct berth_layer_desc on_bad = {
			.size = sizeof(desc), .layer = "b", .parent = bad[i]};
		const struct berth_view_opts opts = {.size = sizeof(opts), .userns_fd = -1};
		struct berth_ingest *in;
		int fd;

		ck_fails(BERTH_E_INVALID, r.ops->ingest_begin(r.st, &desc, NULL, &in, &err));
		ck_fails(BERTH_E_INVALID, r.ops->ingest_begin(r.st, &on_bad, NULL, &in, &err));
		ck_fails(BERTH_E_INVALID, r.ops->layer_remove(r.st, bad[i], &err));
		ck_fails(BERTH_E_INVALID, r.ops->view_create(r.st, bad[i], "base", 0, NULL, &err));
		ck_fails(BERTH_E_INVALID, r.ops->view_create(r.st, "v", bad[i], 0, NULL, &err));
		ck_fails(BERTH_E_INVALID, r.ops->view_mount(r.st, bad[i], &opts, &fd, &err));
		ck_fails(BERTH_E_INVALID, r.ops->view_remove(r.st, bad[i], &err));
	}
	ck_assert_str_eq(rig_names(&r, BERTH_EACH_LAYERS | BERTH_EACH_VIEWS), "base ");
	rig_close(&r);
}
END_TEST

START_TEST(every_allowed_name_works_and_comes_back_as_it_was)
{
	char long_name[129];
	const char *const good[] = {"0", "a", "a.b", "a_b", "a-b", "sha256:0af", "a::b", long_name};
	struct rig r;

	memset(long_name, 'z', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	rig_open(&r);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		char expected[300];

		rig_layer(&r, good[i], NULL, NULL);
		rig_view(&r, good[i], good[i], 0);
		(void)snprintf(expected, sizeof(expected), "%s %s ", good[i], good[i]);
		ck_assert_str_eq(rig_names(&r, BERTH_EACH_LAYERS | BERTH_EACH_VIEWS), expected);
		ck_ok(r.ops->view_remove(r.st, good[i], &err));
		ck_ok(r.ops->layer_remove(r.st, good[i], &err));
	}
	rig_close(&r);
}
END_TEST

static const char *below(const struct rig *r, const char *id, uint32_t each_flag)
{
	static char text[160];
	struct berth_sink sink = {.limit = sizeof(text) - 1};

	ck_ok(r->ops->below(r->st, id, each_flag, &sink, &err));
	(void)snprintf(text, sizeof(text), "%s", str_text(&sink.text));
	lent_sink_done(&sink);
	return text;
}

START_TEST(what_stands_on_what_can_be_asked)
{
	struct berth_sink sink = {.limit = 100};
	struct rig r;

	cases_need("below");
	rig_open(&r);
	rig_layer(&r, "sha256:a", NULL, NULL);
	rig_layer(&r, "b", "sha256:a", NULL);
	rig_view(&r, "v", "b", 0);
	rig_view(&r, "none", NULL, 0);
	ck_assert_str_eq(below(&r, "b", BERTH_EACH_LAYERS), "sha256:a");
	ck_assert_str_eq(below(&r, "sha256:a", BERTH_EACH_LAYERS), "");
	ck_assert_str_eq(below(&r, "v", 0), "b");
	ck_assert_str_eq(below(&r, "none", BERTH_EACH_VIEWS), "");
	ck_fails(BERTH_E_NOT_FOUND, r.ops->below(r.st, "b", 0, &sink, &err));
	ck_fails(BERTH_E_NOT_FOUND, r.ops->below(r.st, "v", BERTH_EACH_LAYERS, &sink, &err));
	rig_close(&r);
}
END_TEST

START_TEST(a_cancelled_ingest_is_as_if_it_had_not_begun)
{
	const struct berth_layer_desc desc = {.size = sizeof(desc), .layer = "b", .parent = "a"};
	struct berth_op op = LENT_OP;
	struct berth_ingest *in;
	struct rig r;

	rig_open(&r);
	rig_layer(&r, "a", NULL, put_file);
	op.cancelled = true;
	if (r.ops->ingest_begin(r.st, &desc, &op, &in, &err) == 0)
		ck_fails(BERTH_E_CANCELLED, r.ops->ingest_commit(in, "a", &op, &err));
	else
		ck_assert_int_eq(err.code, BERTH_E_CANCELLED);
	ck_assert_str_eq(rig_names(&r, BERTH_EACH_LAYERS), "a ");
	rig_layer(&r, "b", "a", NULL);
	rig_close(&r);
}
END_TEST

static int stop_at_first(void *arg, const char *id BERTH_UNUSED)
{
	++*(int *)arg;
	return 7;
}

START_TEST(a_listing_ends_when_its_reader_says_so)
{
	struct rig r;
	int calls = 0;

	rig_open(&r);
	rig_layer(&r, "a", NULL, NULL);
	rig_layer(&r, "b", NULL, NULL);
	ck_assert_int_eq(r.ops->each(r.st, BERTH_EACH_LAYERS, stop_at_first, &calls, &err), 7);
	ck_assert_int_eq(calls, 1);
	rig_close(&r);
}
END_TEST

SUITE_CASES(layer_cases, a_committed_layer_is_listed_and_claimed, what_is_being_made_is_invisible,
	    an_aborted_layer_leaves_nothing, a_layer_exists_once, a_layer_has_one_maker_at_a_time,
	    a_parent_must_be_there, a_parent_is_bound_at_commit_where_that_is_promised,
	    a_parent_is_busy_until_its_child_goes, a_layer_is_busy_until_its_view_goes,
	    a_parent_never_goes_from_under_its_child, to_remove_what_is_absent_is_success,
	    a_removed_layer_can_be_made_again, a_removed_layer_takes_no_room_after_reclaim,
	    a_bad_name_is_invalid, every_allowed_name_works_and_comes_back_as_it_was,
	    what_stands_on_what_can_be_asked, a_cancelled_ingest_is_as_if_it_had_not_begun,
	    a_listing_ends_when_its_reader_says_so);
