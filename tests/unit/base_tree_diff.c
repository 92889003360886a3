/* SPDX-License-Identifier: Apache-2.0 */
#include "base/tree_diff.h"

#include <sys/xattr.h>

#include "base/tree_copy.h"
#include "ck.h"

static int before, after;

static int hear(void *arg, char change, const char *path, struct berth_error *why)
{
	str_addf(arg, "%c %s\n", change, path);
	return 0;
}

static int by_line(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What differs, sorted by the line; static. */
static const char *diff(void)
{
	static char text[4096];
	cleanup_str struct str out = STR_INIT;
	const struct tree_diff_how how = {.fn = hear, .arg = &out};
	cleanup_strv char **lines = NULL;
	size_t n;

	ck_ok(tree_diff(before, after, &how, &err));
	lines = strv_split(str_text(&out), '\n');
	n = strv_len(lines);
	qsort(lines, n, sizeof(*lines), by_line);
	text[0] = '\0';
	for (size_t i = 0; i < n; i++)
		if (*lines[i])
			(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s\n",
				       lines[i]);
	return text;
}

static void begin(void)
{
	struct tree_copy_how how = {.links = -1};

	before = ck_dir();
	after = ck_dir();
	ck_ok(state_mkdirs(before, "a/b/c", 0755, NULL, &err));
	ck_ok(state_mkdirs(before, "d/e", 0755, NULL, &err));
	ck_write(before, "a/one", "1");
	ck_write(before, "a/b/two", "2");
	ck_write(before, "a/b/c/three", "3");
	ck_write(before, "d/e/four", "4");
	ck_assert_int_eq(symlinkat("one", before, "a/link"), 0);
	ck_assert_int_eq(mkfifoat(before, "fifo", 0600), 0);
	ck_ok(tree_copy(before, after, &how, &err));
}

START_TEST(a_copy_differs_in_nothing)
{
	begin();
	ck_assert_str_eq(diff(), "");
}
END_TEST

START_TEST(parents_of_what_changed_are_modified)
{
	begin();
	ck_write(after, "a/b/c/three", "33");
	ck_assert_str_eq(diff(), "C a\nC a/b\nC a/b/c\nC a/b/c/three\n");
}
END_TEST

START_TEST(parents_come_before_children)
{
	cleanup_str struct str out = STR_INIT;
	const struct tree_diff_how how = {.fn = hear, .arg = &out};

	begin();
	ck_write(after, "a/b/c/new", "");
	ck_ok(tree_diff(before, after, &how, &err));
	ck_assert_str_eq(str_text(&out), "C a\nC a/b\nC a/b/c\nA a/b/c/new\n");
}
END_TEST

START_TEST(a_deleted_directory_is_one_change)
{
	begin();
	ck_ok(remove_tree(after, "a", &err));
	ck_assert_str_eq(diff(), "D a\n");
}
END_TEST

START_TEST(a_new_directory_is_said_with_all_in_it)
{
	begin();
	ck_ok(state_mkdirs(after, "n/m", 0755, NULL, &err));
	ck_write(after, "n/m/f", "");
	ck_assert_str_eq(diff(), "A n\nA n/m\nA n/m/f\n");
}
END_TEST

static void drop_b(void)
{
	int dir = openat(after, "a", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ck_ok(remove_tree(dir, "b", &err));
	ck_assert_int_eq(close(dir), 0);
}

START_TEST(another_kind_is_one_change)
{
	begin();
	drop_b();
	ck_write(after, "a/b", "");
	ck_assert_int_eq(unlinkat(after, "fifo", 0), 0);
	ck_ok(state_mkdir(after, "fifo", 0700, 0, &err));
	ck_write(after, "fifo/x", "");
	ck_assert_str_eq(diff(), "A fifo/x\nC a\nC a/b\nC fifo\n");
}
END_TEST

START_TEST(what_a_directory_lost_is_said_one_by_one)
{
	begin();
	drop_b();
	ck_assert_int_eq(mkdirat(after, "a/b", 0755), 0);
	ck_assert_str_eq(diff(), "C a\nC a/b\nD a/b/c\nD a/b/two\n");
}
END_TEST

START_TEST(owners_modes_times_links_and_attributes_are_changes)
{
	const struct timespec times[2] = {{1, 5}, {1, 5}};
	int fd;

	begin();
	ck_assert_int_eq(fchmodat(after, "d", 0700, 0), 0);
	ck_assert_int_eq(utimensat(after, "a/one", times, 0), 0);
	ck_assert_int_eq(unlinkat(after, "a/link", 0), 0);
	ck_assert_int_eq(symlinkat("two", after, "a/link"), 0);
	fd = openat(after, "a/b/two", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(fsetxattr(fd, "user.x", "1", 1, 0), 0);
	ck_assert_int_eq(close(fd), 0);
	ck_assert_str_eq(diff(), "C a\nC a/b\nC a/b/two\nC a/link\nC a/one\nC d\n");
}
END_TEST

START_TEST(against_nothing_all_is_added)
{
	begin();
	ck_ok(remove_tree(after, "a", &err));
	before = -1;
	ck_assert_str_eq(diff(), "A d\nA d/e\nA d/e/four\nA fifo\n");
}
END_TEST

static int stop_at_second(void *arg, char change, const char *path, struct berth_error *why)
{
	return ++*(int *)arg == 2 ? 42 : 0;
}

START_TEST(who_hears_of_it_can_end_it)
{
	int heard = 0;
	const struct tree_diff_how how = {.fn = stop_at_second, .arg = &heard};

	begin();
	ck_assert_int_eq(tree_diff(-1, after, &how, &err), 42);
	ck_assert_int_eq(heard, 2);
}
END_TEST

static bool is_known(void *arg, const struct stat *old, const struct stat *now)
{
	struct stat st;

	return fstatat(after, "a", &st, 0) == 0 && now->st_ino == st.st_ino;
}

START_TEST(what_is_known_to_be_the_same_is_not_looked_at)
{
	cleanup_str struct str out = STR_INIT;
	const struct tree_diff_how how = {.fn = hear, .arg = &out, .same = is_known};

	begin();
	ck_write(after, "a/b/c/three", "33");
	ck_write(after, "d/e/four", "44");
	ck_ok(tree_diff(before, after, &how, &err));
	ck_assert_str_eq(str_text(&out), "C d\nC d/e\nC d/e/four\n");
}
END_TEST

int main(void)
{
	return CK_MAIN("base/tree_diff", a_copy_differs_in_nothing,
		       parents_of_what_changed_are_modified, parents_come_before_children,
		       a_deleted_directory_is_one_change, a_new_directory_is_said_with_all_in_it,
		       another_kind_is_one_change, what_a_directory_lost_is_said_one_by_one,
		       owners_modes_times_links_and_attributes_are_changes,
		       against_nothing_all_is_added, who_hears_of_it_can_end_it,
		       what_is_known_to_be_the_same_is_not_looked_at);
}
