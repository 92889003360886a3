/* SPDX-License-Identifier: Apache-2.0 */
#include "base/tree_copy.h"

#include "base/tree_diff.h"
#include "ck.h"

enum {
	DIRS = 20,
	FILES = 60, /* in each */
	OLD = 1000000000,
};

static int from, to;

static int hear(void *arg, char change, const char *path, struct berth_error *why)
{
	str_addf(arg, "%c %s\n", change, path);
	return 0;
}

static void make_tree(void)
{
	static const struct timespec old[2] = {{.tv_sec = OLD}, {.tv_sec = OLD}};
	char name[32];

	from = ck_dir();
	to = ck_dir();
	for (int d = 0; d < DIRS; d++) {
		(void)snprintf(name, sizeof(name), "d%d", d);
		ck_assert_int_eq(mkdirat(from, name, 0750), 0);
		for (int f = 0; f < FILES; f++) {
			(void)snprintf(name, sizeof(name), "d%d/f%d", d, f);
			ck_write(from, name, name);
		}
		(void)snprintf(name, sizeof(name), "d%d/link", d);
		ck_assert_int_eq(linkat(from, "d0/f0", from, name, 0), 0);
	}
	for (int d = 0; d < DIRS; d++) {
		(void)snprintf(name, sizeof(name), "d%d", d);
		ck_assert_int_eq(utimensat(from, name, old, 0), 0);
	}
}

static void ck_copied(void)
{
	cleanup_str struct str said = STR_INIT;
	const struct tree_diff_how how = {.fn = hear, .arg = &said};
	struct stat st;
	char name[32];

	ck_ok(tree_diff(from, to, &how, &err));
	ck_assert_str_eq(str_text(&said), "");
	for (int d = 0; d < DIRS; d++) {
		(void)snprintf(name, sizeof(name), "d%d", d);
		ck_assert_int_eq(fstatat(to, name, &st, 0), 0);
		ck_assert_int_eq(st.st_mtim.tv_sec, OLD);
		ck_assert_uint_eq(st.st_mode & 07777, 0750);
		(void)snprintf(name, sizeof(name), "d%d/link", d);
		ck_assert_int_eq(fstatat(to, name, &st, 0), 0);
		ck_assert_uint_eq(st.st_nlink, DIRS + 1);
	}
}

START_TEST(one_thread_copies_everything)
{
	struct tree_copy_how how = {.links = -1};

	make_tree();
	ck_ok(tree_copy(from, to, &how, &err));
	ck_copied();
}
END_TEST

START_TEST(several_threads_copy_everything_once)
{
	for (int i = 0; i < 5; i++) {
		struct tree_copy_how how = {.links = -1, .threads = true};

		make_tree();
		ck_ok(tree_copy(from, to, &how, &err));
		ck_copied();
	}
}
END_TEST

/* A file in the way of one thread ends the others, and is what is told. */
START_TEST(what_one_thread_fails_at_is_told)
{
	struct tree_copy_how how = {.links = -1, .threads = true};

	make_tree();
	ck_assert_int_eq(mkdirat(to, "d7", 0755), 0);
	ck_write(to, "d7/f9", "in the way");
	ck_fails(BERTH_E_EXISTS, tree_copy(from, to, &how, &err));
	ck_says("d7/f9");
}
END_TEST

static int give_up(void *arg, uint64_t files, struct berth_error *why)
{
	return files < 100 ? 0 : berth_fail(why, BERTH_E_CANCELLED, "enough");
}

START_TEST(who_asked_for_it_can_end_it)
{
	struct tree_copy_how how = {.links = -1, .threads = true, .go_on = give_up};

	make_tree();
	ck_fails(BERTH_E_CANCELLED, tree_copy(from, to, &how, &err));
	ck_says("enough");
}
END_TEST

int main(void)
{
	return CK_MAIN("base/tree_copy", one_thread_copies_everything,
		       several_threads_copy_everything_once, what_one_thread_fails_at_is_told,
		       who_asked_for_it_can_end_it);
}
