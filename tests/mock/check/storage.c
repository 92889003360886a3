/* SPDX-License-Identifier: Apache-2.0 */
#include "berth/storage.h"
#include "mocked.h"

static struct mocked m;
static const struct berth_storage_ops *ops;
static struct berth_storage *st;

static void begin(void)
{
	m = mocked_open(MOCK_STORAGE, NULL);
	ops = m.ops;
	st = m.instance;
}

static int ingest(const char *layer, const char *parent, const char *file, const char *text)
{
	struct berth_layer_desc desc = {.size = sizeof(desc), .layer = layer, .parent = parent};
	struct berth_ingest *in;
	int tree;
	int r;

	r = ops->ingest_begin(st, &desc, NULL, &in, &err);
	if (r < 0)
		return r;
	ck_ok(ops->ingest_tree(in, &tree, &err));
	ck_cloexec(tree);
	ck_write(tree, file, text);
	ck_assert_int_eq(close(tree), 0);
	return ops->ingest_commit(in, parent, NULL, &err);
}

static int mount(const char *view, int *ret)
{
	struct berth_view_opts opts = {.size = sizeof(opts), .userns_fd = -1};

	return ops->view_mount(st, view, &opts, ret, &err);
}

static const char *text_in(const char *view, const char *file)
{
	cleanup_fd int fd = -1;

	ck_ok(mount(view, &fd));
	ck_cloexec(fd);
	return ck_text(fd, file);
}

START_TEST(a_view_holds_what_its_layers_hold_and_changes_alone)
{
	cleanup_fd int fd = -1;

	begin();
	ck_ok(ingest("sha256:a", NULL, "one", "1"));
	ck_ok(ingest("sha256:b", "sha256:a", "two", "2"));
	ck_ok(ops->view_create(st, "v", "sha256:b", 0, NULL, &err));
	ck_ok(ops->view_create(st, "w", "sha256:b", 0, NULL, &err));
	ck_assert_str_eq(text_in("v", "one"), "1");
	ck_assert_str_eq(text_in("v", "two"), "2");
	ck_ok(mount("v", &fd));
	ck_write(fd, "one", "changed");
	ck_assert_str_eq(text_in("v", "one"), "changed");
	ck_assert_str_eq(text_in("w", "one"), "1");
	mocked_close(&m);
}
END_TEST

START_TEST(a_copy_keeps_kinds_modes_times_and_hidden_files)
{
	struct berth_layer_desc desc = {.size = sizeof(desc), .layer = "a"};
	struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 2000, .tv_nsec = 5}};
	struct berth_ingest *in;
	struct stat at;
	int tree;

	begin();
	ck_ok(ops->ingest_begin(st, &desc, NULL, &in, &err));
	ck_ok(ops->ingest_tree(in, &tree, &err));
	ck_assert_int_eq(mkdirat(tree, "d", 0711), 0);
	ck_write(tree, "d/.hidden", "x");
	ck_assert_int_eq(fchmodat(tree, "d/.hidden", 04751, 0), 0);
	ck_assert_int_eq(symlinkat("/nowhere", tree, "d/link"), 0);
	ck_assert_int_eq(mkfifoat(tree, "fifo", 0600), 0);
	ck_assert_int_eq(utimensat(tree, "d", times, 0), 0);
	ck_ok(ops->ingest_commit(in, NULL, NULL, &err));
	ck_assert_int_eq(close(tree), 0);
	ck_ok(ops->view_create(st, "v", "a", 0, NULL, &err));
	ck_ok(mount("v", &tree));
	ck_assert_int_eq(fstatat(tree, "d", &at, AT_SYMLINK_NOFOLLOW), 0);
	ck_assert_uint_eq(at.st_mode, S_IFDIR | 0711);
	ck_assert_int_eq(at.st_mtim.tv_sec, 2000);
	ck_assert_int_eq(fstatat(tree, "d/.hidden", &at, AT_SYMLINK_NOFOLLOW), 0);
	ck_assert_uint_eq(at.st_mode, S_IFREG | 04751);
	ck_assert_int_eq(fstatat(tree, "d/link", &at, AT_SYMLINK_NOFOLLOW), 0);
	ck_assert(S_ISLNK(at.st_mode));
	ck_assert_int_eq(fstatat(tree, "fifo", &at, AT_SYMLINK_NOFOLLOW), 0);
	ck_assert(S_ISFIFO(at.st_mode));
	ck_assert_int_eq(close(tree), 0);
	mocked_close(&m);
}
END_TEST

START_TEST(names_that_are_there_absent_or_none_get_their_codes)
{
	int fd = -7;

	begin();
	ck_ok(ingest("a", NULL, "f", "x"));
	ck_fails(BERTH_E_EXISTS, ingest("a", NULL, "f", "x"));
	ck_fails(BERTH_E_NOT_FOUND, ingest("b", "nowhere", "f", "x"));
	ck_fails(BERTH_E_INVALID, ingest("../b", NULL, "f", "x"));
	ck_ok(ops->view_create(st, "v", NULL, 0, NULL, &err));
	ck_fails(BERTH_E_EXISTS, ops->view_create(st, "v", "a", 0, NULL, &err));
	ck_fails(BERTH_E_NOT_FOUND, ops->view_create(st, "w", "nowhere", 0, NULL, &err));
	ck_fails(BERTH_E_INVALID, ops->view_create(st, "W", NULL, 0, NULL, &err));
	ck_fails(BERTH_E_NOT_FOUND, mount("w", &fd));
	ck_assert_int_eq(fd, -7);
	ck_ok(ops->view_remove(st, "w", &err));
	ck_ok(ops->layer_remove(st, "w", &err));
	ck_fails(BERTH_E_INVALID, ops->view_remove(st, "..", &err));
	ck_fails(BERTH_E_INVALID, ops->layer_remove(st, "a/..", &err));
	mocked_close(&m);
}
END_TEST

START_TEST(what_something_stands_on_is_busy)
{
	begin();
	ck_ok(ingest("a", NULL, "f", "x"));
	ck_ok(ingest("b", "a", "f", "y"));
	ck_ok(ops->view_create(st, "v", "b", 0, NULL, &err));
	ck_fails(BERTH_E_BUSY, ops->layer_remove(st, "a", &err));
	ck_fails(BERTH_E_BUSY, ops->layer_remove(st, "b", &err));
	ck_ok(ops->view_remove(st, "v", &err));
	ck_ok(ops->layer_remove(st, "b", &err));
	ck_ok(ops->layer_remove(st, "a", &err));
	mocked_close(&m);
}
END_TEST

START_TEST(what_is_half_made_is_not_listed_and_goes_with_its_maker)
{
	struct berth_layer_desc desc = {.size = sizeof(desc), .layer = "half"};
	struct berth_ingest *in;
	struct str ids = STR_INIT;
	struct mocked other = {.dir = -1};

	begin();
	ck_ok(ops->ingest_begin(st, &desc, NULL, &in, &err));
	ck_ok(ops->each(st, BERTH_EACH_LAYERS | BERTH_EACH_VIEWS, mocked_hear, &ids, &err));
	ck_assert_str_eq(str_text(&ids), "");
	ck_assert(ck_exists(m.state, "making/layers-half"));
	ck_fails(BERTH_E_BUSY, ingest("half", NULL, "f", "x"));
	ck_ok(mocked_try(&other, MOCK_STORAGE, m.state, NULL));
	ck_assert(ck_exists(m.state, "making/layers-half")); /* its maker lives */
	ops->ingest_abort(in);
	ops->ingest_abort(NULL);
	ck_assert(!ck_exists(m.state, "making/layers-half"));
	ck_assert_int_eq(mkdirat(m.state, "making/layers-dead", 0755), 0);
	other.head->close(other.instance);
	ck_ok(mocked_try(&other, MOCK_STORAGE, m.state, NULL));
	ck_assert(!ck_exists(m.state, "making/layers-dead"));
	mocked_close(&other);
	mocked_close(&m);
}
END_TEST

START_TEST(listings_tell_layers_views_and_what_they_stand_on)
{
	struct str ids = STR_INIT;
	struct berth_sink sink = {.limit = 100};

	begin();
	ck_ok(ingest("a", NULL, "f", "x"));
	ck_ok(ops->view_create(st, "v", "a", 0, NULL, &err));
	ck_ok(ops->each(st, BERTH_EACH_LAYERS | BERTH_EACH_VIEWS, mocked_hear, &ids, &err));
	ck_assert_str_eq(str_text(&ids), "a v ");
	ck_ok(ops->below(st, "v", BERTH_EACH_VIEWS, &sink, &err));
	ck_assert_str_eq(str_text(&sink.text), "a");
	ck_ok(ops->below(st, "a", BERTH_EACH_LAYERS, &sink, &err));
	ck_assert_str_eq(str_text(&sink.text), "a");
	ck_fails(BERTH_E_NOT_FOUND, ops->below(st, "w", BERTH_EACH_VIEWS, &sink, &err));
	lent_sink_done(&sink);
	str_done(&ids);
	mocked_close(&m);
}
END_TEST

int main(void)
{
	return CK_MAIN("mock/storage", a_view_holds_what_its_layers_hold_and_changes_alone,
		       a_copy_keeps_kinds_modes_times_and_hidden_files,
		       names_that_are_there_absent_or_none_get_their_codes,
		       what_something_stands_on_is_busy,
		       what_is_half_made_is_not_listed_and_goes_with_its_maker,
		       listings_tell_layers_views_and_what_they_stand_on);
}
