/* SPDX-License-Identifier: Apache-2.0 */
#include "unpack_rig.h"

START_TEST(what_is_in_the_tar_is_in_the_tree)
{
	struct ltar t = {0};
	int d;

	ltar_dir(&t, "d/");
	ltar_file(&t, "d/f", "hello");
	ltar_symlink(&t, "d/s", "f");
	ltar_link(&t, "h", "d/f");
	t.major = 1;
	t.minor = 3;
	ltar_entry(&t, '3', "null", "", "", 0);
	t.major = 7;
	t.minor = 300;
	ltar_entry(&t, '4', "loop", "", "", 0);
	ltar_entry(&t, '6', "pipe", "", "", 0);
	d = ck_unpacks(&t);
	ck_tree(d, "d dir\nd/f file:5\nd/s ->f\nh file:5\nloop block:7:300\nnull char:1:3\n"
		   "pipe fifo:0:0\n");
	ck_assert_str_eq(ck_text(d, "h"), "hello");
	ck_assert_uint_eq(ck_stat(d, "h").st_ino, ck_stat(d, "d/f").st_ino);
}
END_TEST

START_TEST(modes_are_exact_whatever_the_umask)
{
	struct ltar t = {0};
	static const unsigned int modes[] = {04755, 02755, 01777, 07777, 0777, 0600, 0444};
	int d;

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		char name[8] = {'f', (char)('0' + i)};

		t.mode = modes[i];
		t.uid = 1000;
		ltar_file(&t, name, "x");
		name[0] = 'd';
		t.mode = modes[i];
		t.gid = 7;
		ltar_dir(&t, name);
		name[0] = 'p';
		t.mode = modes[i];
		ltar_entry(&t, '6', name, "", "", 0);
	}
	(void)umask(077);
	d = ck_unpacks(&t);
	ck_assert_uint_eq(umask(022), 077);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		char name[8] = {'f', (char)('0' + i)};

		ck_assert_uint_eq(ck_stat(d, name).st_mode & 07777, modes[i]);
		ck_assert_uint_eq(ck_stat(d, name).st_uid, 1000);
		name[0] = 'd';
		ck_assert_uint_eq(ck_stat(d, name).st_mode & 07777, modes[i]);
		ck_assert_uint_eq(ck_stat(d, name).st_gid, 7);
		name[0] = 'p';
		ck_assert_uint_eq(ck_stat(d, name).st_mode & 07777, modes[i]);
	}
}
END_TEST

START_TEST(a_mode_of_zero_is_zero)
{
	struct ltar t = {0};
	int d;

	ltar_file(&t, "f", "x"); /* the maker takes 0 for "usual": put it in by hand */
	memcpy(t.out.p + 100, "0000000", 7);
	memset(t.out.p + 148, ' ', 8);
	{
		unsigned int sum = 0;

		for (size_t i = 0; i < 512; i++)
			sum += (unsigned char)t.out.p[i];
		(void)snprintf(t.out.p + 148, 8, "%06o", sum);
		t.out.p[155] = ' ';
	}
	d = ck_unpacks(&t);
	ck_assert_uint_eq(ck_stat(d, "f").st_mode & 07777, 0);
}
END_TEST

START_TEST(owners_are_exact_up_to_the_highest)
{
	struct ltar t = {0};
	int d;

	t.uid = 4294967294;
	t.gid = 4294967294;
	ltar_file(&t, "f", "");
	t.uid = 1;
	t.gid = 2;
	ltar_symlink(&t, "s", "nowhere");
	ltar_file(&t, "root", "");
	d = ck_unpacks(&t);
	ck_assert_uint_eq(ck_stat(d, "f").st_uid, 4294967294);
	ck_assert_uint_eq(ck_stat(d, "f").st_gid, 4294967294);
	ck_assert_uint_eq(ck_stat(d, "s").st_uid, 1);
	ck_assert_uint_eq(ck_stat(d, "s").st_gid, 2);
	ck_assert_uint_eq(ck_stat(d, "root").st_uid, 0);
}
END_TEST

START_TEST(files_in_a_set_group_id_directory_keep_their_own_group)
{
	struct ltar t = {0};
	int d;

	t.mode = 02755;
	t.gid = 50;
	ltar_dir(&t, "d");
	ltar_file(&t, "d/f", "");
	ltar_dir(&t, "d/e");
	d = ck_unpacks(&t);
	ck_assert_uint_eq(ck_stat(d, "d").st_mode & 07777, 02755);
	ck_assert_uint_eq(ck_stat(d, "d/f").st_gid, 0);
	ck_assert_uint_eq(ck_stat(d, "d/e").st_gid, 0);
	ck_assert_uint_eq(ck_stat(d, "d/e").st_mode & 07777, 0755);
}
END_TEST

START_TEST(times_are_exact_to_the_nanosecond_and_directories_keep_theirs)
{
	struct ltar t = {0};
	static const char *const names[] = {"d", "d/f", "d/s", "d/p"};
	int d;

	ltar_pax_str(&t, "mtime", "1.000000001");
	ltar_dir(&t, "d");
	ltar_pax_str(&t, "mtime", "2.000000002");
	ltar_file(&t, "d/f", "x");
	ltar_pax_str(&t, "mtime", "3.000000003");
	ltar_symlink(&t, "d/s", "f");
	ltar_pax_str(&t, "mtime", "4.000000004");
	ltar_entry(&t, '6', "d/p", "", "", 0);
	d = ck_unpacks(&t);
	for (long i = 0; i < 4; i++) {
		struct stat st = ck_stat(d, names[i]);

		ck_assert_int_eq(st.st_mtim.tv_sec, i + 1);
		ck_assert_int_eq(st.st_mtim.tv_nsec, i + 1);
	}
}
END_TEST

START_TEST(the_top_takes_what_its_entry_says)
{
	struct ltar t = {0};
	struct stat st;
	int d;

	t.mode = 0711;
	t.uid = 5;
	t.mtime = 77;
	ltar_dir(&t, "./");
	ltar_file(&t, "./f", "");
	d = ck_unpacks(&t);
	ck_assert_int_eq(fstat(d, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0711);
	ck_assert_uint_eq(st.st_uid, 5);
	ck_assert_int_eq(st.st_mtim.tv_sec, 77);
}
END_TEST

START_TEST(directories_that_no_entry_names_are_made)
{
	struct ltar t = {0};
	int d;

	ltar_file(&t, "a/b/c", "x");
	d = ck_unpacks(&t);
	ck_tree(d, "a dir\na/b dir\na/b/c file:1\n");
	ck_assert_uint_eq(ck_stat(d, "a").st_mode & 07777, 0755);
}
END_TEST

START_TEST(an_entry_for_a_directory_that_is_there_changes_it)
{
	struct ltar t = {0};
	int d;

	ltar_file(&t, "a/f", "x");
	t.mode = 0700;
	t.uid = 9;
	t.mtime = 42;
	ltar_dir(&t, "a");
	d = ck_unpacks(&t);
	ck_assert_uint_eq(ck_stat(d, "a").st_mode & 07777, 0700);
	ck_assert_uint_eq(ck_stat(d, "a").st_uid, 9);
	ck_assert_int_eq(ck_stat(d, "a").st_mtim.tv_sec, 42);
	ck_assert(ck_exists(d, "a/f"));
}
END_TEST

START_TEST(the_later_of_two_entries_of_one_name_counts)
{
	struct ltar t = {0};
	int d;

	ltar_file(&t, "f", "first");
	ltar_link(&t, "h", "f");
	t.mode = 0600;
	ltar_file(&t, "f", "2nd");
	ltar_dir(&t, "x");
	ltar_file(&t, "x/y", "gone");
	ltar_file(&t, "x", "now a file");
	ltar_file(&t, "z", "file");
	ltar_dir(&t, "z");
	ltar_file(&t, "z/in", "");
	ltar_symlink(&t, "s", "a");
	ltar_symlink(&t, "s", "b");
	d = ck_unpacks(&t);
	ck_tree(d, "f file:3\nh file:5\ns ->b\nx file:10\nz dir\nz/in file:0\n");
	ck_assert_uint_eq(ck_stat(d, "f").st_mode & 07777, 0600);
	ck_assert_str_eq(ck_text(d, "h"), "first"); /* a new file, not written into the old one */
}
END_TEST

START_TEST(what_replaced_a_directory_does_not_get_its_times)
{
	struct ltar t = {0};
	int d;

	t.mtime = 11;
	t.mode = 0700;
	ltar_dir(&t, "x");
	t.mtime = 22;
	t.mode = 0644;
	ltar_file(&t, "x", "");
	t.mtime = 33;
	ltar_dir(&t, "y/z");
	ltar_file(&t, "y", "");
	d = ck_unpacks(&t);
	ck_assert_int_eq(ck_stat(d, "x").st_mtim.tv_sec, 22);
	ck_assert_uint_eq(ck_stat(d, "x").st_mode & 07777, 0644);
	ck_tree(d, "x file:0\ny file:0\n");
}
END_TEST

START_TEST(sizes_and_entries_are_counted)
{
	struct ltar t = {0};
	struct unpack_result res;

	ltar_file(&t, "a", "12345");
	ltar_file(&t, "b", "123");
	ltar_link(&t, "c", "a");
	ltar_dir(&t, "d");
	ltar_end(&t);
	ck_ok(rig_unpack(&t, ck_dir(), &res));
	ck_assert_uint_eq(res.entries, 4);
	ck_assert_uint_eq(res.bytes, 8);
	ck_assert_uint_eq(res.skipped_xattrs, 0);
}
END_TEST

START_TEST(a_large_file_is_whole)
{
	struct ltar t = {0};
	cleanup_free char *data = malloc(3000000);
	cleanup_free char *back = NULL;
	size_t n;
	int d;

	for (size_t i = 0; i < 3000000; i++)
		data[i] = (char)(i * 7 + i / 1000);
	ltar_entry(&t, '0', "f", "", data, 3000000);
	d = ck_unpacks(&t);
	ck_ok(state_read(d, "f", 4000000, &back, &n, &err));
	ck_assert_uint_eq(n, 3000000);
	ck_assert_mem_eq(back, data, 3000000);
}
END_TEST

START_TEST(holes_stay_holes)
{
	struct ltar t = {0};
	struct stat st;
	char c = 'x';
	int d;

	ltar_pax_str(&t, "GNU.sparse.size", "10000000000");
	ltar_pax_str(&t, "GNU.sparse.map", "0,1,5000000000,1");
	ltar_file(&t, "f", "ab");
	ltar_pax_str(&t, "GNU.sparse.size", "1000000");
	ltar_pax_str(&t, "GNU.sparse.map", "0,0");
	ltar_file(&t, "empty", "");
	d = ck_unpacks(&t);
	st = ck_stat(d, "f");
	ck_assert_int_eq(st.st_size, 10000000000);
	ck_assert_int_lt(st.st_blocks * 512, 1000000);
	{
		int fd = openat(d, "f", O_RDONLY | O_CLOEXEC);

		ck_assert_int_eq(pread(fd, &c, 1, 5000000000), 1);
		ck_assert_int_eq(c, 'b');
		ck_assert_int_eq(pread(fd, &c, 1, 4999999999), 1);
		ck_assert_int_eq(c, '\0');
		(void)close(fd);
	}
	ck_assert_int_eq(ck_stat(d, "empty").st_size, 1000000);
}
END_TEST

/* --- names
 * ------------------------------------------------------------------------------------------- */

START_TEST(leading_slashes_and_dots_mean_nothing)
{
	struct ltar t = {0};
	int d;

	ltar_file(&t, "/etc/a", "");
	ltar_file(&t, "./etc/./b", "");
	ltar_file(&t, "//etc//c", "");
	ltar_file(&t, "etc/x/../d", "");
	ltar_file(&t, "/../../etc/e", "");
	ltar_dir(&t, "/");
	ltar_dir(&t, ".");
	d = ck_unpacks(&t);
	ck_tree(d, "etc dir\netc/a file:0\netc/b file:0\netc/c file:0\netc/d file:0\n"
		   "etc/e file:0\n");
}
END_TEST

START_TEST(names_that_leave_the_top_are_refused)
{
	static const char *const names[] = {"..", "../x", "a/../../x", "./../x", "a/b/../../../x"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct ltar t = {0};

		ltar_file(&t, names[i], "evil");
		ck_unpack_fails(&t, BERTH_E_CORRUPT, names[i]);
		ltar_dir(&t, names[i]);
		ck_unpack_fails(&t, BERTH_E_CORRUPT, names[i]);
	}
}
END_TEST

START_TEST(what_is_no_directory_needs_a_name)
{
	static const char *const names[] = {"", ".", "/", "./", "a/.."};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct ltar t = {0};

		ltar_file(&t, names[i], "x");
		ck_unpack_fails(&t, BERTH_E_CORRUPT, "no name");
	}
}
END_TEST

START_TEST(long_names_work_up_to_the_kernels_limit)
{
	struct ltar t = {0};
	cleanup_str struct str path = STR_INIT;
	char part[256];
	int d;

	memset(part, 'n', 255);
	part[255] = '\0';
	ltar_pax_str(&t, "path", part);
	ltar_file(&t, "x", "");
	for (int i = 0; i < 15; i++)
		str_addf(&path, "%s/", part);
	str_add_n(&path, part, 254);
	ltar_pax_str(&t, "path", str_text(&path)); /* 4094 bytes */
	ltar_file(&t, "x", "deep");
	ck_assert_uint_eq(path.len, 4094);
	/* the first is a file, and the second goes through it */
	ck_unpack_fails(&t, BERTH_E_CORRUPT, "no directory");
	ltar_pax_str(&t, "path", str_text(&path));
	ltar_file(&t, "x", "deep");
	d = ck_unpacks(&t);
	ck_assert(ck_exists(d, part));
	ck_assert_str_eq(ck_text(d, str_text(&path)), "deep");
}
END_TEST

START_TEST(longer_names_are_a_clear_failure)
{
	struct ltar t = {0};
	cleanup_str struct str path = STR_INIT;
	char part[257];

	memset(part, 'n', 256);
	part[256] = '\0';
	ltar_pax_str(&t, "path", part);
	ltar_file(&t, "x", "");
	ck_unpack_fails(&t, BERTH_E_LIMIT, "255");
	for (int i = 0; i < 2100; i++)
		str_add(&path, "d/");
	ltar_pax_str(&t, "path", str_text(&path));
	ltar_dir(&t, "x");
	ck_unpack_fails(&t, BERTH_E_LIMIT, "4095");
}
END_TEST

START_TEST(deep_nesting_works)
{
	struct ltar t = {0};
	cleanup_str struct str path = STR_INIT;
	int d;

	for (int i = 0; i < 2000; i++) {
		str_addf(&path, "%sd", i ? "/" : "");
		if (i % 100 == 99) {
			ltar_pax_str(&t, "path", str_text(&path));
			ltar_dir(&t, "x");
		}
	}
	d = ck_unpacks(&t);
	ck_assert(ck_exists(d, str_text(&path)));
}
END_TEST

START_TEST(names_are_bytes)
{
	struct ltar t = {0};
	int d;

	ltar_file(&t, "caf\303\251", "composed");
	ltar_file(&t, "cafe\314\201", "decomposed");
	ltar_file(&t, "\377\376", "no text at all");
	ltar_file(&t, "a\nb", "");
	d = ck_unpacks(&t);
	ck_assert_str_eq(ck_text(d, "caf\303\251"), "composed");
	ck_assert_str_eq(ck_text(d, "cafe\314\201"), "decomposed");
	ck_assert_str_eq(ck_text(d, "\377\376"), "no text at all");
}
END_TEST

START_TEST(a_message_about_a_hostile_name_is_one_line)
{
	struct ltar t = {0};

	ltar_file(&t, "../\033[31m\n\r", "");
	ck_unpack_fails(&t, BERTH_E_CORRUPT, "../?[31m??");
}
END_TEST

/* --- links
 * -------------------------------------------------------------------------------------------- */

/** A directory outside of the tree, and a file in it that must stay as it is. */
static int victim(char path[static 96])
{
	int d = ck_dir_at(path);

	ck_write(d, "file", "untouched");
	return d;
}

START_TEST(a_symlink_in_the_way_never_leads_out)
{
	struct ltar t = {0};
	char path[96];
	int outside = victim(path);
	int d;

	ltar_symlink(&t, "abs", path);
	ltar_file(&t, "abs/file", "evil");
	ltar_symlink(&t, "up", "../../../../../../../../../..");
	ltar_file(&t, "up/new", "evil");
	ltar_symlink(&t, "magic", "/proc/self/root");
	ltar_file(&t, "magic/x", "evil");
	d = ck_unpacks(&t);
	ck_assert_str_eq(ck_text(outside, "file"), "untouched");
	ck_assert(!ck_exists(outside, "new"));
	/* ".." of the top is the top, and what the links name was made inside */
	ck_assert_str_eq(ck_text(d, "new"), "evil");
	ck_assert(S_ISDIR(ck_stat(d, "proc/self/root").st_mode));
	ck_assert_int_eq(faccessat(d, path + 1, F_OK, 0), 0);
}
END_TEST

START_TEST(a_symlink_at_the_end_is_replaced_never_followed)
{
	static const char types[] = {'0', '3', '6', '2', '1', '5'};
	char path[96];
	int outside = victim(path);

	for (size_t i = 0; i < sizeof(types); i++) {
		struct ltar t = {0};
		cleanup_free char *target = str_fmt("%s/file", path);
		int d;

		ltar_file(&t, "own", "own");
		ltar_symlink(&t, "s", target);
		t.mode = 0600;
		t.uid = 33;
		ltar_entry(&t, types[i], "s", types[i] == '1' ? "own" : "elsewhere", "", 0);
		d = ck_unpacks(&t);
		ck_assert_str_eq(ck_text(outside, "file"), "untouched");
		ck_assert_uint_eq(ck_stat(outside, "file").st_uid, 0);
		ck_assert_uint_eq(ck_stat(outside, "file").st_mode & 0777, 0644);
		ck_assert_uint_eq(ck_stat(outside, "file").st_nlink, 1);
		ck_assert(types[i] == '2' || !S_ISLNK(ck_stat(d, "s").st_mode));
	}
}
END_TEST

START_TEST(a_directory_where_a_symlink_was_is_a_directory)
{
	struct ltar t = {0};
	char path[96];
	int outside = victim(path);
	int d;

	ltar_symlink(&t, "d", path);
	ltar_dir(&t, "d");
	ltar_file(&t, "d/file", "inside");
	d = ck_unpacks(&t);
	ck_assert_str_eq(ck_text(outside, "file"), "untouched");
	ck_tree(d, "d dir\nd/file file:6\n");
}
END_TEST

START_TEST(a_directory_that_becomes_a_symlink_is_not_used_any_more)
{
	struct ltar t = {0};
	char path[96];
	int outside = victim(path);
	int d;

	/* its descriptor is open from the first file on */
	ltar_file(&t, "d/file", "first");
	ltar_symlink(&t, "d", path);
	ltar_file(&t, "d/file", "evil");
	d = ck_unpacks(&t);
	ck_assert_str_eq(ck_text(outside, "file"), "untouched");
	ck_assert(S_ISLNK(ck_stat(d, "d").st_mode));
	ck_assert_int_eq(faccessat(d, path + 1, F_OK, 0), 0);
}
END_TEST

START_TEST(a_symlink_to_nothing_yet_gets_its_directory)
{
	struct ltar t = {0};
	int d;

	ltar_symlink(&t, "run", "/var/run");
	ltar_file(&t, "run/lock/x", "1");
	d = ck_unpacks(&t);
	ck_tree(d, "run ->/var/run\nvar dir\nvar/run dir\nvar/run/lock dir\n"
		   "var/run/lock/x file:1\n");
}
END_TEST

START_TEST(symlinks_in_circles_are_refused)
{
	struct ltar t = {0};

	ltar_symlink(&t, "a", "b");
	ltar_symlink(&t, "b", "a");
	ltar_file(&t, "a/x", "");
	ck_unpack_fails(&t, BERTH_E_CORRUPT, "circles");
}
END_TEST

START_TEST(a_file_in_the_way_is_refused)
{
	struct ltar t = {0};

	ltar_file(&t, "a", "");
	ltar_file(&t, "a/b/c", "");
	ck_unpack_fails(&t, BERTH_E_CORRUPT, "'a/b/c'");
}
END_TEST

START_TEST(hard_links_to_outside_are_refused)
{
	char path[96];
	int outside = victim(path);
	cleanup_free char *absolute = str_fmt("%s/file", path);
	cleanup_free char *relative = str_fmt("../../../../../../..%s/file", path);
	const char *const targets[] = {absolute, relative, "../x", "s/file", "s"};

	for (size_t i = 0; i < 4; i++) {
		struct ltar t = {0};

		ltar_symlink(&t, "s", path);
		ltar_link(&t, "h", targets[i]);
		ck_unpack_fails(&t, BERTH_E_CORRUPT, "hard link");
	}
	ck_assert_uint_eq(ck_stat(outside, "file").st_nlink, 1);
}
END_TEST

START_TEST(a_hard_link_to_a_symlink_is_that_symlink)
{
	struct ltar t = {0};
	char path[96];
	cleanup_free char *target = NULL;
	int outside = victim(path);
	int d;

	target = str_fmt("%s/file", path);
	ltar_symlink(&t, "s", target);
	ltar_link(&t, "h", "s");
	d = ck_unpacks(&t);
	ck_assert(S_ISLNK(ck_stat(d, "h").st_mode));
	ck_assert_uint_eq(ck_stat(d, "h").st_ino, ck_stat(d, "s").st_ino);
	ck_assert_uint_eq(ck_stat(outside, "file").st_nlink, 1);
}
END_TEST

START_TEST(hard_links_to_nothing_directories_and_themselves_are_refused)
{
	struct ltar t = {0};

	ltar_link(&t, "h", "nothing");
	ck_unpack_fails(&t, BERTH_E_CORRUPT, "no such file");
	ltar_dir(&t, "d");
	ltar_link(&t, "h", "d");
	ck_unpack_fails(&t, BERTH_E_CORRUPT, "directory");
	ltar_link(&t, "h", "/");
	ck_unpack_fails(&t, BERTH_E_CORRUPT, "directory");
	ltar_file(&t, "h", "");
	ltar_link(&t, "h", "./h");
	ck_unpack_fails(&t, BERTH_E_CORRUPT, "same name");
}
END_TEST

START_TEST(a_symlink_needs_a_target)
{
	struct ltar t = {0};

	ltar_symlink(&t, "s", "");
	ck_unpack_fails(&t, BERTH_E_CORRUPT, "target");
}
END_TEST

/* --- xattrs
 * ------------------------------------------------------------------------------------------- */

/* cap_net_raw+ep, version 2 */
#define CAPS "\1\0\0\2\0\40\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

START_TEST(capabilities_survive_the_change_of_owner)
{
	struct ltar t = {0};
	char value[32];
	char path[64];
	int d;

	ltar_pax(&t, "SCHILY.xattr.security.capability", CAPS, 20);
	t.uid = 1000;
	t.mode = 0755;
	ltar_file(&t, "ping", "program");
	d = ck_unpacks(&t);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/ping", d);
	ck_assert_int_eq(lgetxattr(path, "security.capability", value, sizeof(value)), 20);
	ck_assert_mem_eq(value, CAPS, 20);
	ck_assert_uint_eq(ck_stat(d, "ping").st_uid, 1000);
}
END_TEST

START_TEST(xattrs_of_files_and_directories_are_kept)
{
	struct ltar t = {0};
	int d;

	ltar_pax_str(&t, "SCHILY.xattr.user.a", "1");
	ltar_pax_str(&t, "LIBARCHIVE.xattr.user.b", "Mg==");
	ltar_file(&t, "f", "");
	ltar_pax_str(&t, "SCHILY.xattr.trusted.c", "3");
	ltar_dir(&t, "d");
	d = ck_unpacks(&t);
	ck_tree(d, "d dir trusted.c=3\nf file:0 user.a=1 user.b=2\n");
}
END_TEST

START_TEST(xattrs_that_cannot_be_there_and_do_no_harm_are_counted)
{
	struct ltar t = {0};
	struct unpack_result res;

	ltar_pax_str(&t, "SCHILY.xattr.user.a", "1"); /* a symlink takes none */
	ltar_symlink(&t, "s", "x");
	ltar_end(&t);
	ck_ok(rig_unpack(&t, ck_dir(), &res));
	ck_assert_uint_eq(res.skipped_xattrs, 1);
}
END_TEST

START_TEST(marks_of_overlayfs_do_not_come_from_images)
{
	static const char *const names[] = {
		"SCHILY.xattr.trusted.overlay.opaque",
		"SCHILY.xattr.user.overlay.opaque",
		"SCHILY.xattr.trusted.overlay.redirect",
		"SCHILY.xattr.trusted.overlay.metacopy",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct ltar t = {0};

		ltar_pax_str(&t, names[i], "y");
		ltar_dir(&t, "d");
		ck_unpack_fails(&t, BERTH_E_CORRUPT, "overlay");
		ltar_pax_str(&t, names[i], "y");
		ltar_file(&t, "f", "");
		ck_unpack_fails(&t, BERTH_E_CORRUPT, "overlay");
	}
}
END_TEST

START_TEST(acls_are_set_and_not_handed_on)
{
	struct ltar t = {0};
	char path[64], value[128];
	int d;

	ltar_pax_str(&t, "SCHILY.acl.access",
		     "user::rwx,user:lisa:r-x:502,group::r-x,mask::r-x,other::---");
	ltar_pax_str(&t, "SCHILY.acl.default",
		     "user::rwx\nuser:502:rwx\ngroup::r-x\nmask::rwx\nother::r-x");
	t.mode = 0750;
	ltar_dir(&t, "d");
	ltar_file(&t, "d/plain", "");
	ltar_dir(&t, "d/e");
	ltar_pax_str(&t, "SCHILY.acl.access",
		     "user::rw-,group::r--,user:7:r--,mask::r--,other::---");
	ltar_file(&t, "d/own", "");
	d = ck_unpacks(&t);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/d", d);
	if (lgetxattr(path, "system.posix_acl_access", NULL, 0) < 0 && errno == EOPNOTSUPP)
		return; /* this filesystem has none */
	/* version, then user_obj, user 502, group_obj, mask, other */
	ck_assert_int_eq(lgetxattr(path, "system.posix_acl_access", value, sizeof(value)), 44);
	ck_assert_mem_eq(value + 12, "\2\0\5\0\366\1\0\0", 8);
	ck_assert_int_eq(lgetxattr(path, "system.posix_acl_default", value, sizeof(value)), 44);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/d/plain", d);
	ck_assert_int_lt(lgetxattr(path, "system.posix_acl_access", value, sizeof(value)), 0);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/d/e", d);
	ck_assert_int_lt(lgetxattr(path, "system.posix_acl_default", value, sizeof(value)), 0);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/d/own", d);
	ck_assert_int_eq(lgetxattr(path, "system.posix_acl_access", value, sizeof(value)), 44);
	ck_assert_uint_eq(ck_stat(d, "d").st_mode & 0777, 0750);
}
END_TEST

START_TEST(acls_that_make_no_sense_are_refused)
{
	static const char *const acls[] = {"user",   "user::rwz",     "nobody::rwx",
					   "user::", "user:lisa:rwx", "user::rwx:1:2:3"};

	for (size_t i = 0; i < sizeof(acls) / sizeof(acls[0]); i++) {
		struct ltar t = {0};
		int r;

		ltar_pax_str(&t, "SCHILY.acl.access", acls[i]);
		ltar_file(&t, "f", "");
		ltar_end(&t);
		r = rig_unpack(&t, ck_dir(), NULL);
		ck_assert_msg(r == -BERTH_E_CORRUPT || r == -BERTH_E_UNSUPPORTED, "'%s' gave %s",
			      acls[i], berth_code_name(r));
		ck_says("ACL");
	}
}
END_TEST

/* --- limits
 * -------------------------------------------------------------------------------------------- */

START_TEST(more_entries_than_allowed_are_refused)
{
	struct ltar t = {0};

	rig_how.max_entries = 3;
	for (int i = 0; i < 3; i++)
		ltar_file(&t, "f", "");
	(void)ck_unpacks(&t);
	for (int i = 0; i < 4; i++)
		ltar_file(&t, "f", "");
	ck_unpack_fails(&t, BERTH_E_LIMIT, "3 entries");
	rig_how.max_entries = 100000;
}
END_TEST

START_TEST(a_file_larger_than_allowed_is_refused_be_it_all_holes)
{
	struct ltar t = {0};

	ltar_pax_str(&t, "GNU.sparse.size", "1099511627777");
	ltar_pax_str(&t, "GNU.sparse.map", "0,0");
	ltar_file(&t, "f", "");
	ck_unpack_fails(&t, BERTH_E_LIMIT, "'f'");
}
END_TEST

START_TEST(a_cancelled_operation_ends_it)
{
	struct ltar t = {0};
	struct ltar_input in;
	cleanup_op struct berth_op *op = NULL;
	cleanup_tar struct tar *tar = NULL;
	struct unpack_result res;

	ltar_file(&t, "f", "x");
	ltar_end(&t);
	in = (struct ltar_input){.p = t.out.p, .n = t.out.len, .step = 700};
	ck_ok(op_new(NULL, NULL, &op, &err));
	op_cancel(op);
	ck_ok(tar_new(ltar_next, &in, &tar, &err));
	ck_fails(BERTH_E_CANCELLED, unpack_tree(tar, ck_dir(), &rig_how, op, &res, &err));
	free(in.copy);
	ltar_done(&t);
}
END_TEST

START_TEST(no_descriptor_is_left)
{
	struct ltar t = {0};
	int before, d;

	for (int i = 0; i < 60; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "d%d/f", i);
		ltar_file(&t, name, "x");
	}
	ltar_file(&t, "../x", "");
	ltar_end(&t);
	d = ck_dir();
	before = ck_count_fds();
	ck_fails(BERTH_E_CORRUPT, rig_unpack(&t, d, NULL));
	ck_assert_int_eq(ck_count_fds(), before);
}
END_TEST

int main(void)
{
	if (geteuid() != 0)
		return ck_skip_all("owners and devices need root");
	return CK_MAIN("unpack/tree", what_is_in_the_tar_is_in_the_tree,
		       modes_are_exact_whatever_the_umask, a_mode_of_zero_is_zero,
		       owners_are_exact_up_to_the_highest,
		       files_in_a_set_group_id_directory_keep_their_own_group,
		       times_are_exact_to_the_nanosecond_and_directories_keep_theirs,
		       the_top_takes_what_its_entry_says, directories_that_no_entry_names_are_made,
		       an_entry_for_a_directory_that_is_there_changes_it,
		       the_later_of_two_entries_of_one_name_counts,
		       what_replaced_a_directory_does_not_get_its_times,
		       sizes_and_entries_are_counted, a_large_file_is_whole, holes_stay_holes,
		       leading_slashes_and_dots_mean_nothing, names_that_leave_the_top_are_refused,
		       what_is_no_directory_needs_a_name, long_names_work_up_to_the_kernels_limit,
		       longer_names_are_a_clear_failure, deep_nesting_works, names_are_bytes,
		       a_message_about_a_hostile_name_is_one_line,
		       a_symlink_in_the_way_never_leads_out,
		       a_symlink_at_the_end_is_replaced_never_followed,
		       a_directory_where_a_symlink_was_is_a_directory,
		       a_directory_that_becomes_a_symlink_is_not_used_any_more,
		       a_symlink_to_nothing_yet_gets_its_directory, symlinks_in_circles_are_refused,
		       a_file_in_the_way_is_refused, hard_links_to_outside_are_refused,
		       a_hard_link_to_a_symlink_is_that_symlink,
		       hard_links_to_nothing_directories_and_themselves_are_refused,
		       a_symlink_needs_a_target, capabilities_survive_the_change_of_owner,
		       xattrs_of_files_and_directories_are_kept,
		       xattrs_that_cannot_be_there_and_do_no_harm_are_counted,
		       marks_of_overlayfs_do_not_come_from_images, acls_are_set_and_not_handed_on,
		       acls_that_make_no_sense_are_refused, more_entries_than_allowed_are_refused,
		       a_file_larger_than_allowed_is_refused_be_it_all_holes,
		       a_cancelled_operation_ends_it, no_descriptor_is_left);
}
