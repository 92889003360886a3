/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conformance/storage/cases.h"

#include <sys/xattr.h>

/* What changes said: lines "C path". */
struct said {
	char **lines;
	size_t stop_after;
};

static int hear(void *arg, uint32_t change, const char *path)
{
	struct said *s = arg;
	size_t n = strv_len(s->lines);
	const char *slash = strrchr(path, '/');

	ck_assert_msg(change == 'A' || change == 'C' || change == 'D', "change %u", change);
	ck_assert_msg(path[0] != '/' && path[0], "path '%s'", path);
	strv_foreach (line, s->lines)
		ck_assert_msg(!str_eq(*line + 2, path), "'%s' was said twice", path);
	if (slash) { /* its parent was said before */
		bool found = false;

		strv_foreach (line, s->lines)
			found |= strlen(*line + 2) == (size_t)(slash - path) &&
				 strncmp(*line + 2, path, (size_t)(slash - path)) == 0;
		ck_assert_msg(found, "'%s' before its parent", path);
	}
	ck_assert_int_eq(strv_addf(&s->lines, "%c %s", (int)change, path), 0);
	return s->stop_after && n + 1 == s->stop_after ? 42 : 0;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(*(char *const *)a + 2, *(char *const *)b + 2);
}

static void ck_changes(const struct rig *r, const char *view, const char *expected)
{
	struct said s = {0};
	cleanup_free char *text = NULL;

	ck_ok(r->ops->changes(r->st, view, hear, &s, NULL, &err));
	if (s.lines)
		qsort(s.lines, strv_len(s.lines), sizeof(*s.lines), by_path);
	text = strv_join(s.lines, "\n");
	ck_assert_str_eq(text, expected);
	strv_free(s.lines);
}

static void put_base(const struct rig *r BERTH_UNUSED, int dirfd)
{
	ck_write(dirfd, "file", "layer");
	ck_write(dirfd, "other", "layer");
	ck_assert_int_eq(mkdirat(dirfd, "dir", 0755), 0);
	ck_write(dirfd, "dir/inner", "layer");
	ck_write(dirfd, "dir/inner2", "layer");
	ck_assert_int_eq(mkdirat(dirfd, "dir/sub", 0755), 0);
	ck_write(dirfd, "dir/sub/deep", "layer");
	ck_assert_int_eq(mkdirat(dirfd, "tree", 0755), 0);
	ck_write(dirfd, "tree/leaf", "layer");
}

static int setup(struct rig *r, const char *layer)
{
	cases_need("changes"); /* else the engine walks both trees: nothing of the driver's */
	rig_open(r);
	rig_layer(r, "a", NULL, put_base);
	rig_layer(r, "b", "a", NULL);
	rig_view(r, "v", layer, 0);
	return rig_mount(r, "v");
}

START_TEST(a_new_view_has_no_changes)
{
	struct said s = {0};
	struct rig r;
	int fd = setup(&r, "b");

	ck_changes(&r, "v", "");
	ck_assert_str_eq(ck_text(fd, "dir/sub/deep"), "layer"); /* to read is no change */
	ck_changes(&r, "v", "");
	rig_view(&r, "r", "b", BERTH_VIEW_READ_ONLY);
	ck_changes(&r, "r", "");
	ck_fails(BERTH_E_NOT_FOUND, r.ops->changes(r.st, "absent", hear, &s, NULL, &err));
	ck_assert_int_eq(close(fd), 0);
	rig_close(&r);
}
END_TEST

START_TEST(changes_say_what_was_added_modified_and_deleted)
{
	struct rig r;
	int fd = setup(&r, "b");

	ck_write(fd, "file", "changed");
	ck_write(fd, "new", "n");
	ck_write(fd, "dir/sub/new", "n");
	ck_assert_int_eq(unlinkat(fd, "dir/inner", 0), 0);
	ck_assert_int_eq(mkdirat(fd, "newdir", 0755), 0);
	ck_assert_int_eq(mkdirat(fd, "newdir/sub", 0755), 0);
	ck_write(fd, "newdir/sub/file", "n");
	ck_assert_int_eq(unlinkat(fd, "tree/leaf", 0), 0);
	ck_assert_int_eq(unlinkat(fd, "tree", AT_REMOVEDIR), 0);
	ck_assert_int_eq(symlinkat("x", fd, "link"), 0);
	ck_changes(&r, "v",
		   "C dir\nD dir/inner\nC dir/sub\nA dir/sub/new\nC file\nA link\nA new\n"
		   "A newdir\nA newdir/sub\nA newdir/sub/file\nD tree");
	ck_assert_int_eq(close(fd), 0);
	ck_changes(&r, "v",
		   "C dir\nD dir/inner\nC dir/sub\nA dir/sub/new\nC file\nA link\nA new\n"
		   "A newdir\nA newdir/sub\nA newdir/sub/file\nD tree");
	rig_close(&r);
}
END_TEST

START_TEST(what_comes_and_goes_is_no_change)
{
	struct rig r;
	int fd = setup(&r, "b");

	ck_write(fd, "dir/sub/passing", "p");
	ck_assert_int_eq(unlinkat(fd, "dir/sub/passing", 0), 0);
	ck_assert_int_eq(mkdirat(fd, "dir/passing", 0755), 0);
	ck_assert_int_eq(unlinkat(fd, "dir/passing", AT_REMOVEDIR), 0);
	ck_changes(&r, "v", "");
	ck_assert_int_eq(close(fd), 0);
	rig_close(&r);
}
END_TEST

START_TEST(metadata_of_a_directory_is_a_change)
{
	struct rig r;
	int fd = setup(&r, "b");
	cleanup_fd int dir = -1;
	ck_assert_int_eq(fchmodat(fd, "dir", 0700, 0), 0);
	ck_assert_int_eq(fchownat(fd, "dir/sub", 1, 1, 0), 0);
	dir = openat(fd, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(fsetxattr(dir, "trusted.mark", "m", 1, 0), 0);
	ck_changes(&r, "v", "C dir\nC dir/sub\nC tree");
	ck_assert_int_eq(close(fd), 0);
	rig_close(&r);
}
END_TEST

START_TEST(a_replaced_directory_says_what_it_lost)
{
	struct rig r;
	int fd = setup(&r, "b");
	cleanup_fd int dir = -1;
	dir = openat(fd, "dir", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_ok(remove_tree_content(dir, &err));
	ck_assert_int_eq(unlinkat(fd, "dir", AT_REMOVEDIR), 0);
	ck_assert_int_eq(mkdirat(fd, "dir", 0755), 0);
	ck_write(fd, "dir/inner2", "again");
	ck_write(fd, "dir/fresh", "f");
	ck_changes(&r, "v", "C dir\nA dir/fresh\nD dir/inner\nC dir/inner2\nD dir/sub");
	ck_assert_int_eq(close(fd), 0);
	rig_close(&r);
}
END_TEST

START_TEST(a_change_of_kind_is_one_change)
{
	struct rig r;
	int fd = setup(&r, "b");

	ck_ok(remove_tree(fd, "tree", &err));
	ck_write(fd, "tree", "a file now");
	ck_assert_int_eq(unlinkat(fd, "file", 0), 0);
	ck_assert_int_eq(mkdirat(fd, "file", 0755), 0);
	ck_write(fd, "file/new", "n");
	ck_changes(&r, "v", "C file\nA file/new\nC tree");
	ck_assert_int_eq(close(fd), 0);
	rig_close(&r);
}
END_TEST

START_TEST(all_in_a_view_on_nothing_is_added)
{
	struct rig r;
	int fd = setup(&r, NULL);
	ck_assert_int_eq(mkdirat(fd, "dir", 0755), 0);
	ck_write(fd, "dir/file", "f");
	ck_changes(&r, "v", "A dir\nA dir/file");
	ck_assert_int_eq(close(fd), 0);
	rig_close(&r);
}
END_TEST

START_TEST(who_hears_of_changes_can_end_it)
{
	struct said s = {.stop_after = 1};
	struct berth_op op = LENT_OP;
	struct rig r;
	int fd = setup(&r, "b");

	ck_write(fd, "one", "1");
	ck_write(fd, "two", "2");
	ck_assert_int_eq(r.ops->changes(r.st, "v", hear, &s, NULL, &err), 42);
	ck_assert_uint_eq(strv_len(s.lines), 1);
	strv_free(s.lines);
	s = (struct said){0};
	op.cancelled = true;
	ck_fails(BERTH_E_CANCELLED, r.ops->changes(r.st, "v", hear, &s, &op, &err));
	strv_free(s.lines);
	ck_assert_int_eq(close(fd), 0);
	rig_close(&r);
}
END_TEST

SUITE_CASES(change_cases, a_new_view_has_no_changes,
	    changes_say_what_was_added_modified_and_deleted, what_comes_and_goes_is_no_change,
	    metadata_of_a_directory_is_a_change, a_replaced_directory_says_what_it_lost,
	    a_change_of_kind_is_one_change, all_in_a_view_on_nothing_is_added,
	    who_hears_of_changes_can_end_it);
