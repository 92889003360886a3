/* SPDX-License-Identifier: Apache-2.0 */
/* Each call of the driver with one failing system call or allocation after the other. */
#include "tests/conformance/fault.h"
#include "tests/conformance/storage/cases.h"

static void put_file(const struct rig *r BERTH_UNUSED, int dirfd)
{
	ck_write(dirfd, "file", "whole");
	ck_assert_int_eq(mkdirat(dirfd, "dir", 0755), 0);
	ck_write(dirfd, "dir/last", "whole");
}

/* One line for each thing that is there. */
static void ck_names(const struct rig *r, const char *layers, const char *views)
{
	ck_assert_str_eq(rig_names(r, BERTH_EACH_LAYERS), layers);
	ck_assert_str_eq(rig_names(r, BERTH_EACH_VIEWS), views);
}

/* ---------------------------------------------------------------------------------------- layers */

static int make_layer(void *arg, struct berth_error *e)
{
	const struct berth_layer_desc desc = {.size = sizeof(desc), .layer = "b", .parent = "a"};
	struct berth_ingest *const untouched = arg;
	struct berth_ingest *in = untouched;
	const struct rig *r = arg;
	int dir = -5;
	int got = r->ops->ingest_begin(r->st, &desc, NULL, &in, e);

	if (got < 0) {
		ck_assert_msg(in == untouched, "a failed begin wrote its ingest");
		return got;
	}
	got = r->ops->ingest_tree(in, &dir, e);
	if (got < 0) {
		ck_assert_int_eq(dir, -5);
		r->ops->ingest_abort(in);
		return got;
	}
	ck_write(dir, "more", "whole");
	ck_assert_int_eq(close(dir), 0);
	return r->ops->ingest_commit(in, "a", NULL, e);
}

static void after_layer(void *arg, int result)
{
	const struct rig *r = arg;

	ck_names(r, result == 0 ? "a b " : "a ", "");
	rig_check(r);
	if (result < 0)
		rig_layer(r, "b", "a", NULL);
	ck_ok(r->ops->layer_remove(r->st, "b", &err));
}

START_TEST(a_layer_whose_calls_fail_is_not_there_and_can_be_made)
{
	struct rig r;
	size_t held;

	rig_open(&r);
	rig_layer(&r, "a", NULL, put_file);
	after_layer(&r, -1); /* once, so that what is made with the first one is there */
	held = rig_held(&r);
	fault_each(&(struct fault_case){.run = make_layer, .after = after_layer, .arg = &r});
	ck_assert_uint_eq(rig_held(&r), held);
	rig_close(&r);
}
END_TEST

static void before_removal(void *arg)
{
	rig_layer(arg, "b", "a", NULL);
	rig_view(arg, "v", "a", 0);
}

static int remove_layer(void *arg, struct berth_error *e)
{
	const struct rig *r = arg;

	return r->ops->layer_remove(r->st, "b", e);
}

static int remove_view(void *arg, struct berth_error *e)
{
	const struct rig *r = arg;

	return r->ops->view_remove(r->st, "v", e);
}

/* There, or gone, but nothing between; and the next try is one. */
static void after_removal(void *arg, int result)
{
	const struct rig *r = arg;

	if (result == 0)
		ck_assert(!strchr(rig_names(r, BERTH_EACH_LAYERS), 'b') ||
			  !strchr(rig_names(r, BERTH_EACH_VIEWS), 'v'));
	rig_check(r);
	ck_ok(r->ops->view_remove(r->st, "v", &err));
	ck_ok(r->ops->layer_remove(r->st, "b", &err));
	ck_names(r, "a ", "");
}

START_TEST(a_removal_whose_calls_fail_can_be_repeated)
{
	struct fault_case c = {.before = before_removal, .after = after_removal};
	struct rig r;
	size_t held;

	rig_open(&r);
	rig_layer(&r, "a", NULL, put_file);
	before_removal(&r);
	after_removal(&r, -1);
	held = rig_held(&r);
	c.arg = &r;
	c.run = remove_layer;
	fault_each(&c);
	c.run = remove_view;
	fault_each(&c);
	ck_assert_uint_eq(rig_held(&r), held);
	rig_close(&r);
}
END_TEST

/* ----------------------------------------------------------------------------------------- views */

static int make_view(void *arg, struct berth_error *e)
{
	const struct rig *r = arg;

	return r->ops->view_create(r->st, "v", "a", 0, NULL, e);
}

static void after_view(void *arg, int result)
{
	const struct rig *r = arg;
	int fd;

	ck_names(r, "a ", result == 0 ? "v " : "");
	rig_check(r);
	if (result < 0)
		rig_view(r, "v", "a", 0);
	fd = rig_mount(r, "v");
	ck_assert_str_eq(ck_text(fd, "dir/last"), "whole");
	ck_assert_int_eq(close(fd), 0);
	ck_ok(r->ops->view_remove(r->st, "v", &err));
}

START_TEST(a_view_whose_calls_fail_is_not_there_and_can_be_made)
{
	struct rig r;
	size_t held;

	rig_open(&r);
	rig_layer(&r, "a", NULL, put_file);
	after_view(&r, -1);
	held = rig_held(&r);
	fault_each(&(struct fault_case){.run = make_view, .after = after_view, .arg = &r});
	ck_assert_uint_eq(rig_held(&r), held);
	rig_close(&r);
}
END_TEST

static int mount_view(void *arg, struct berth_error *e)
{
	const struct berth_view_opts opts = {.size = sizeof(opts), .userns_fd = -1};
	const struct rig *r = arg;
	int fd = -5;
	int got = r->ops->view_mount(r->st, "v", &opts, &fd, e);

	if (got < 0) {
		ck_assert_int_eq(fd, -5);
		return got;
	}
	ck_assert_str_eq(ck_text(fd, "dir/last"), "whole");
	ck_write(fd, "dir/mine", "m"); /* nor is it any less than it should be */
	ck_assert_int_eq(close(fd), 0);
	return 0;
}

static void after_mount(void *arg, int result BERTH_UNUSED)
{
	int fd = rig_mount(arg, "v");

	ck_assert_str_eq(ck_text(fd, "dir/last"), "whole");
	ck_assert_int_eq(close(fd), 0);
}

START_TEST(a_mount_whose_calls_fail_gives_nothing)
{
	struct rig r;

	rig_open(&r);
	rig_layer(&r, "a", NULL, put_file);
	rig_view(&r, "v", "a", 0);
	fault_each(&(struct fault_case){.run = mount_view, .after = after_mount, .arg = &r});
	ck_ok(r.ops->view_remove(r.st, "v", &err));
	rig_close(&r);
}
END_TEST

/* --------------------------------------------------------------------------------------- the rest */

static void before_reclaim(void *arg)
{
	const struct rig *r = arg;

	rig_layer(r, "b", NULL, put_file);
	ck_ok(r->ops->layer_remove(r->st, "b", &err));
}

static int reclaim(void *arg, struct berth_error *e)
{
	const struct rig *r = arg;
	uint64_t bytes = 77;
	int got = r->ops->reclaim(r->st, NULL, &bytes, e);

	ck_assert_msg(got == 0 || bytes == 77, "a failed reclaim wrote its result");
	return got;
}

static void after_reclaim(void *arg, int result BERTH_UNUSED)
{
	ck_names(arg, "a ", "");
	rig_check(arg);
}

START_TEST(a_reclaim_whose_calls_fail_goes_on_later)
{
	struct rig r;
	size_t held;

	cases_need("reclaim");
	rig_open(&r);
	rig_layer(&r, "a", NULL, put_file);
	before_reclaim(&r);
	held = rig_held(&r);
	fault_each(&(struct fault_case){
		.before = before_reclaim, .run = reclaim, .after = after_reclaim, .arg = &r});
	ck_assert_uint_eq(rig_held(&r), held);
	rig_close(&r);
}
END_TEST

static int count_one(void *arg, const char *id BERTH_UNUSED)
{
	++*(int *)arg;
	return 0;
}

static int list(void *arg, struct berth_error *e)
{
	const struct rig *r = arg;
	int n = 0;
	int got = r->ops->each(r->st, BERTH_EACH_LAYERS | BERTH_EACH_VIEWS, count_one, &n, e);

	ck_assert_msg(got < 0 || n == 2, "it lists %d of 2 and calls that success", n);
	return got;
}

static int measure(void *arg, struct berth_error *e)
{
	struct berth_usage usage = {.size = sizeof(usage), .own = 77};
	const struct rig *r = arg;
	int got = r->ops->usage(r->st, "a", BERTH_EACH_LAYERS, &usage, e);

	ck_assert_msg(got == 0 || usage.own == 77, "a failed usage wrote its result");
	return got;
}

static int ask_below(void *arg, struct berth_error *e)
{
	struct berth_sink sink = {.limit = 200};
	const struct rig *r = arg;
	int got = r->ops->below(r->st, "v", BERTH_EACH_VIEWS, &sink, e);

	ck_assert_msg(got < 0 || str_eq(str_text(&sink.text), "a"), "it says '%s' and success",
		      str_text(&sink.text));
	lent_sink_done(&sink);
	return got;
}

static int count_change(void *arg, uint32_t change BERTH_UNUSED, const char *path BERTH_UNUSED)
{
	++*(int *)arg;
	return 0;
}

static int ask_changes(void *arg, struct berth_error *e)
{
	const struct rig *r = arg;
	int n = 0;
	int got = r->ops->changes(r->st, "v", count_change, &n, NULL, e);

	ck_assert_msg(got < 0 || n == 1, "it says %d changes of 1 and success", n);
	return got;
}

START_TEST(an_answer_whose_calls_fail_is_right_or_none)
{
	struct rig r;
	int fd;

	rig_open(&r);
	rig_layer(&r, "a", NULL, put_file);
	rig_view(&r, "v", "a", 0);
	fd = rig_mount(&r, "v");
	ck_write(fd, "new", "n");
	ck_assert_int_eq(close(fd), 0);
	fault_each(&(struct fault_case){.run = list, .arg = &r});
	if (suite_has("usage"))
		fault_each(&(struct fault_case){.run = measure, .arg = &r});
	if (suite_has("below"))
		fault_each(&(struct fault_case){.run = ask_below, .arg = &r});
	if (suite_has("changes"))
		fault_each(&(struct fault_case){.run = ask_changes, .arg = &r});
	rig_check(&r);
	ck_names(&r, "a ", "v ");
	rig_close(&r);
}
END_TEST

SUITE_CASES(fault_cases, a_layer_whose_calls_fail_is_not_there_and_can_be_made,
	    a_removal_whose_calls_fail_can_be_repeated,
	    a_view_whose_calls_fail_is_not_there_and_can_be_made,
	    a_mount_whose_calls_fail_gives_nothing, a_reclaim_whose_calls_fail_goes_on_later,
	    an_answer_whose_calls_fail_is_right_or_none);
