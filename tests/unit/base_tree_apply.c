/* SPDX-License-Identifier: Apache-2.0 */
#include "base/tree_apply.h"

#include <sys/xattr.h>

#include "base/tree_copy.h"
#include "base/tree_diff.h"
#include "ck.h"

static int before, after, other; /* other begins as before, and becomes as after */

static int hear(void *arg, char change, const char *path, struct berth_error *why)
{
	return strv_addf((char ***)arg, "%c%s", change, path) < 0 ? -BERTH_E_NO_MEMORY : 0;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(*(char *const *)a + 1, *(char *const *)b + 1);
}

static char **differences(int a, int b)
{
	char **lines = NULL;
	const struct tree_diff_how how = {.fn = hear, .arg = &lines};

	ck_ok(tree_diff(a, b, &how, &err));
	if (lines)
		qsort(lines, strv_len(lines), sizeof(*lines), by_path);
	return lines;
}

static void begin(void)
{
	struct tree_copy_how how = {.links = -1};

	before = ck_dir();
	after = ck_dir();
	other = ck_dir();
	ck_ok(state_mkdirs(before, "a/b/c", 0755, NULL, &err));
	ck_ok(state_mkdirs(before, "d/e", 0755, NULL, &err));
	ck_write(before, "a/one", "1");
	ck_write(before, "a/b/two", "2");
	ck_write(before, "a/b/c/three", "3");
	ck_write(before, "d/e/four", "4");
	ck_assert_int_eq(symlinkat("one", before, "a/link"), 0);
	ck_ok(tree_copy(before, after, &how, &err));
	ck_ok(tree_copy(before, other, &how, &err));
}

/* What was done to after is done to other; nothing differs then. */
static void apply(void)
{
	cleanup_strv char **changes = differences(before, after), **left = NULL;
	cleanup_tree_apply struct tree_apply *t = NULL;

	ck_assert_uint_gt(strv_len(changes), 0);
	ck_ok(tree_apply_new(after, other, &t, &err));
	strv_foreach (c, changes)
		ck_ok(tree_apply_one(t, **c, *c + 1, &err));
	ck_ok(tree_apply_end(t, &err));
	left = differences(after, other);
	ck_assert_msg(!left, "%s", left ? left[0] : "");
}

static struct stat look(int dir, const char *path)
{
	struct stat st;

	ck_assert_int_eq(fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st;
}

START_TEST(files_directories_and_deletions_come_over)
{
	begin();
	ck_write(after, "a/one", "more than it was");
	ck_ok(state_mkdirs(after, "new/deep", 0750, NULL, &err));
	ck_write(after, "new/deep/file", "x");
	ck_ok(remove_tree(after, "d", &err));
	ck_assert_int_eq(unlinkat(after, "a/link", 0), 0);
	apply();
}
END_TEST

START_TEST(a_thing_may_become_another_kind_of_thing)
{
	begin();
	ck_ok(remove_tree(after, "d", &err));
	ck_write(after, "d", "a file now");
	ck_assert_int_eq(unlinkat(after, "a/one", 0), 0);
	ck_ok(state_mkdirs(after, "a/one/two", 0755, NULL, &err));
	ck_assert_int_eq(unlinkat(after, "a/b/two", 0), 0);
	ck_assert_int_eq(symlinkat("/etc/passwd", after, "a/b/two"), 0);
	apply();
}
END_TEST

START_TEST(times_modes_owners_and_attributes_are_kept_to_the_last_bit)
{
	const struct timespec old[2] = {{1000, 123456789}, {2000, 987654321}};
	char value[8] = "";
	int fd;

	begin();
	ck_write(after, "a/b/c/new", "x");
	ck_assert_int_eq(fchmodat(after, "a/b/c/new", 04711, 0), 0);
	ck_assert_int_eq(utimensat(after, "a/b/c/new", old, 0), 0);
	ck_assert_int_eq(fchmodat(after, "a/b", 01777, 0), 0);
	ck_assert_int_eq(utimensat(after, "a/b/c", old, 0), 0);
	ck_assert_int_eq(utimensat(after, "a/b", old, 0), 0);
	fd = openat(after, "a/b/c/new", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(fsetxattr(fd, "trusted.t", "v", 1, 0), 0);
	ck_assert_int_eq(close(fd), 0);
	apply();
	ck_assert_int_eq(look(other, "a/b/c/new").st_mtim.tv_nsec, 987654321);
	ck_assert_int_eq(look(other, "a/b/c").st_mtim.tv_nsec, 987654321);
	ck_assert_int_eq(look(other, "a/b").st_mode & 07777, 01777);
	fd = openat(other, "a/b/c/new", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(fgetxattr(fd, "trusted.t", value, sizeof(value)), 1);
	ck_assert_int_eq(value[0], 'v');
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

START_TEST(names_of_one_file_stay_names_of_one_file)
{
	begin();
	ck_write(after, "x", "shared");
	ck_assert_int_eq(linkat(after, "x", after, "a/b/y", 0), 0);
	ck_assert_int_eq(linkat(after, "x", after, "z", 0), 0);
	apply();
	ck_assert_uint_eq(look(other, "x").st_ino, look(other, "a/b/y").st_ino);
	ck_assert_uint_eq(look(other, "x").st_nlink, 3);
}
END_TEST

START_TEST(a_link_in_the_way_is_not_followed)
{
	int victim = ck_dir();
	cleanup_tree_apply struct tree_apply *t = NULL;
	char path[64];

	begin();
	ck_write(victim, "file", "safe");
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", victim);
	ck_ok(remove_tree(other, "a", &err));
	ck_assert_int_eq(symlinkat(path, other, "a"), 0);
	ck_write(after, "a/file", "evil");
	ck_ok(tree_apply_new(after, other, &t, &err));
	ck_assert_int_lt(tree_apply_one(t, 'A', "a/file", &err), 0);
	ck_assert_int_lt(tree_apply_one(t, 'D', "a/file", &err), 0);
	ck_assert_int_eq(look(victim, "file").st_size, 4);
}
END_TEST

int main(void)
{
	return CK_MAIN("base/tree_apply", files_directories_and_deletions_come_over,
		       a_thing_may_become_another_kind_of_thing,
		       times_modes_owners_and_attributes_are_kept_to_the_last_bit,
		       names_of_one_file_stay_names_of_one_file, a_link_in_the_way_is_not_followed);
}
