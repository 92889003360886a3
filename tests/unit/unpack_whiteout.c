/* SPDX-License-Identifier: Apache-2.0 */
#include "unpack_rig.h"

static void whiteout(struct ltar *t, const char *name)
{
	ltar_file(t, name, "");
}

/* --- kept in the form of overlayfs
 * ----------------------------------------------------------------- */

START_TEST(a_whiteout_is_a_device_of_no_number)
{
	struct ltar t = {0};
	int d;

	ltar_dir(&t, "d");
	whiteout(&t, "d/.wh.gone");
	whiteout(&t, ".wh.top");
	d = ck_unpacks(&t);
	ck_tree(d, "d dir\nd/gone whiteout\ntop whiteout\n");
}
END_TEST

START_TEST(an_opaque_directory_has_the_mark_whenever_it_comes)
{
	struct ltar t = {0};
	int d;

	ltar_dir(&t, "before");
	whiteout(&t, "before/.wh..wh..opq");
	ltar_file(&t, "before/f", "");
	whiteout(&t, "after/.wh..wh..opq");
	ltar_dir(&t, "after");
	d = ck_unpacks(&t);
	ck_tree(d, "after dir trusted.overlay.opaque=y\nbefore dir trusted.overlay.opaque=y\n"
		   "before/f file:0\n");
}
END_TEST

START_TEST(with_user_xattrs_the_mark_is_one)
{
	struct ltar t = {0};
	int d;

	rig_how.flags |= UNPACK_USERXATTR;
	whiteout(&t, "d/.wh..wh..opq");
	d = ck_unpacks(&t);
	ck_tree(d, "d dir user.overlay.opaque=y\n");
}
END_TEST

START_TEST(what_the_layer_has_itself_is_never_whited_out)
{
	struct ltar t = {0};
	int d;

	ltar_file(&t, "f", "1");
	whiteout(&t, ".wh.f");
	whiteout(&t, ".wh.g");
	ltar_file(&t, "g", "2");
	whiteout(&t, ".wh.s");
	ltar_symlink(&t, "s", "x");
	d = ck_unpacks(&t);
	ck_tree(d, "f file:1\ng file:1\ns ->x\n");
}
END_TEST

START_TEST(a_directory_that_is_removed_and_made_is_opaque)
{
	struct ltar t = {0};
	int d;

	ltar_dir(&t, "made-first");
	whiteout(&t, ".wh.made-first");
	whiteout(&t, ".wh.made-then");
	ltar_dir(&t, "made-then");
	whiteout(&t, ".wh.by-its-file");
	ltar_file(&t, "by-its-file/deep/f", "");
	d = ck_unpacks(&t);
	ck_tree(d, "by-its-file dir trusted.overlay.opaque=y\nby-its-file/deep dir\n"
		   "by-its-file/deep/f file:0\nmade-first dir trusted.overlay.opaque=y\n"
		   "made-then dir trusted.overlay.opaque=y\n");
}
END_TEST

START_TEST(two_whiteouts_of_one_name_are_one)
{
	struct ltar t = {0};
	int d;

	whiteout(&t, ".wh.f");
	whiteout(&t, ".wh.f");
	d = ck_unpacks(&t);
	ck_tree(d, "f whiteout\n");
}
END_TEST

START_TEST(aufs_own_files_are_no_part_of_the_tree)
{
	struct ltar t = {0};
	int d;

	ltar_dir(&t, ".wh..wh.plnk");
	ltar_file(&t, ".wh..wh.plnk/1.2", "");
	ltar_file(&t, ".wh..wh.aufs", "");
	ltar_dir(&t, ".wh..wh.orph");
	ltar_file(&t, "d/.wh..wh.x", "");
	ltar_file(&t, "f", "");
	d = ck_unpacks(&t);
	ck_tree(d, "f file:0\n");
}
END_TEST

START_TEST(a_whiteout_needs_a_name)
{
	static const char *const names[] = {".wh.", "d/.wh.", ".wh..", ".wh...", "d/.wh..."};

	for (int keep = 0; keep < 2; keep++) {
		rig_how.flags = keep ? UNPACK_WHITEOUT_KEEP : 0;
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			struct ltar t = {0};

			ltar_dir(&t, "d");
			whiteout(&t, names[i]);
			ck_unpack_fails(&t, BERTH_E_CORRUPT, "no name");
		}
	}
}
END_TEST

START_TEST(a_hard_link_to_what_the_layer_removes_is_refused)
{
	struct ltar t = {0};

	whiteout(&t, ".wh.f");
	ltar_link(&t, "h", "f");
	ck_unpack_fails(&t, BERTH_E_CORRUPT, "removed by this layer");
}
END_TEST

START_TEST(a_whiteout_through_a_symlink_stays_inside)
{
	struct ltar t = {0};
	char path[96];
	int outside = ck_dir_at(path);
	cleanup_free char *inside = NULL;
	int d;

	ck_write(outside, "file", "untouched");
	ltar_symlink(&t, "s", path);
	whiteout(&t, "s/.wh.file");
	whiteout(&t, "s/.wh..wh..opq");
	d = ck_unpacks(&t);
	ck_assert_str_eq(ck_text(outside, "file"), "untouched");
	inside = str_fmt("%s/file", path + 1);
	ck_assert(S_ISCHR(ck_stat(d, inside).st_mode));
}
END_TEST

/* --- applied to a copy of the parent
 * ----------------------------------------------------------------- */

/** A tree as of layers below. */
static int below(void)
{
	int d = ck_dir();

	rig_how.flags = 0;
	ck_assert_int_eq(mkdirat(d, "d", 0755), 0);
	ck_assert_int_eq(mkdirat(d, "d/sub", 0755), 0);
	ck_write(d, "d/old", "old");
	ck_write(d, "d/sub/deep", "deep");
	ck_write(d, "file", "old");
	ck_assert_int_eq(symlinkat("d", d, "link"), 0);
	return d;
}

static void apply(struct ltar *t, int d)
{
	ltar_end(t);
	ck_ok(rig_unpack(t, d, NULL));
}

START_TEST(applied_whiteouts_remove_files_links_and_trees)
{
	struct ltar t = {0};
	int d = below();

	whiteout(&t, ".wh.file");
	whiteout(&t, ".wh.link");
	whiteout(&t, "d/.wh.sub");
	whiteout(&t, "d/.wh.never-was");
	whiteout(&t, "nowhere/.wh.x");
	apply(&t, d);
	ck_tree(d, "d dir\nd/old file:3\n");
}
END_TEST

START_TEST(an_applied_opaque_directory_keeps_what_this_layer_made)
{
	struct ltar t = {0};
	int d = below();

	ltar_dir(&t, "d");
	ltar_file(&t, "d/before", "1");
	ltar_file(&t, "d/sub/mine", "2");
	whiteout(&t, "d/.wh..wh..opq");
	ltar_file(&t, "d/behind", "3");
	apply(&t, d);
	ck_tree(d, "d dir\nd/before file:1\nd/behind file:1\nd/sub dir\nd/sub/mine file:1\n"
		   "file file:3\nlink ->d\n");
}
END_TEST

START_TEST(an_applied_opaque_top_removes_all_that_was_there)
{
	struct ltar t = {0};
	int d = below();

	ltar_file(&t, "mine", "");
	whiteout(&t, ".wh..wh..opq");
	apply(&t, d);
	ck_tree(d, "mine file:0\n");
}
END_TEST

START_TEST(an_applied_whiteout_never_removes_what_this_layer_made)
{
	struct ltar t = {0};
	int d = below();

	ltar_file(&t, "file", "new");
	whiteout(&t, ".wh.file");
	ltar_dir(&t, "d/sub");
	ltar_file(&t, "d/sub/mine", "");
	whiteout(&t, "d/.wh.sub");
	whiteout(&t, "d/.wh.old");
	ltar_file(&t, "d/old", "again");
	ltar_link(&t, "hard", "file");
	whiteout(&t, ".wh.hard");
	apply(&t, d);
	ck_tree(d, "d dir\nd/old file:5\nd/sub dir\nd/sub/mine file:0\nfile file:3\n"
		   "hard file:3\nlink ->d\n");
	ck_assert_str_eq(ck_text(d, "file"), "new");
}
END_TEST

START_TEST(this_layers_things_are_known_through_links_too)
{
	struct ltar t = {0};
	int d = below();

	ltar_file(&t, "link/mine", "");
	whiteout(&t, "d/.wh..wh..opq");
	apply(&t, d);
	ck_tree(d, "d dir\nd/mine file:0\nfile file:3\nlink ->d\n");
}
END_TEST

START_TEST(a_file_of_a_layer_below_is_replaced_not_written_into)
{
	struct ltar t = {0};
	int d = below();

	ck_assert_int_eq(linkat(d, "file", d, "same", 0), 0);
	ltar_file(&t, "file", "new content");
	apply(&t, d);
	ck_assert_str_eq(ck_text(d, "same"), "old");
	ck_assert_str_eq(ck_text(d, "file"), "new content");
}
END_TEST

START_TEST(a_directory_over_a_file_below_and_the_other_way_round)
{
	struct ltar t = {0};
	int d = below();

	ltar_dir(&t, "file");
	ltar_file(&t, "file/in", "");
	ltar_file(&t, "d", "now a file");
	apply(&t, d);
	ck_tree(d, "d file:10\nfile dir\nfile/in file:0\nlink ->d\n");
}
END_TEST

START_TEST(a_directory_below_takes_what_this_layers_entry_says_and_nothing_else)
{
	struct ltar t = {0};
	char path[64];
	int d = below();

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/d", d);
	ck_assert_int_eq(setxattr(path, "user.old", "1", 1, 0), 0);
	ck_assert_int_eq(fchmodat(d, "d", 02777, 0), 0);
	ck_assert_int_eq(fchownat(d, "d", 5, 6, 0), 0);
	t.mode = 0750;
	t.mtime = 99;
	ltar_pax_str(&t, "SCHILY.xattr.user.new", "2");
	ltar_dir(&t, "d");
	apply(&t, d);
	ck_tree(d, "d dir user.new=2\nd/old file:3\nd/sub dir\nd/sub/deep file:4\nfile file:3\n"
		   "link ->d\n");
	ck_assert_uint_eq(ck_stat(d, "d").st_mode & 07777, 0750);
	ck_assert_uint_eq(ck_stat(d, "d").st_gid, 0);
	ck_assert_int_eq(ck_stat(d, "d").st_mtim.tv_sec, 99);
}
END_TEST

START_TEST(what_is_made_in_a_set_group_id_directory_below_is_exact)
{
	struct ltar t = {0};
	int d = below();

	ck_assert_int_eq(fchownat(d, "d", 0, 6, 0), 0);
	ck_assert_int_eq(fchmodat(d, "d", 02755, 0), 0);
	ltar_file(&t, "d/f", "");
	ltar_dir(&t, "d/e");
	ltar_symlink(&t, "d/s", "x");
	apply(&t, d);
	ck_assert_uint_eq(ck_stat(d, "d/f").st_gid, 0);
	ck_assert_uint_eq(ck_stat(d, "d/e").st_gid, 0);
	ck_assert_uint_eq(ck_stat(d, "d/e").st_mode & 07777, 0755);
	ck_assert_uint_eq(ck_stat(d, "d/s").st_gid, 0);
	ck_assert_uint_eq(ck_stat(d, "d").st_mode & 07777, 02755);
}
END_TEST

START_TEST(many_files_are_all_known_as_this_layers)
{
	struct ltar t = {0};
	int d = below();
	char name[32];

	for (int i = 0; i < 3000; i++) {
		(void)snprintf(name, sizeof(name), "d/f%d", i);
		ltar_file(&t, name, "");
	}
	whiteout(&t, "d/.wh..wh..opq");
	apply(&t, d);
	ck_assert(!ck_exists(d, "d/old"));
	for (int i = 0; i < 3000; i++) {
		(void)snprintf(name, sizeof(name), "d/f%d", i);
		ck_assert(ck_exists(d, name));
	}
}
END_TEST

int main(void)
{
	if (geteuid() != 0)
		return ck_skip_all("whiteouts need root");
	return CK_MAIN("unpack/whiteout", a_whiteout_is_a_device_of_no_number,
		       an_opaque_directory_has_the_mark_whenever_it_comes,
		       with_user_xattrs_the_mark_is_one,
		       what_the_layer_has_itself_is_never_whited_out,
		       a_directory_that_is_removed_and_made_is_opaque,
		       two_whiteouts_of_one_name_are_one, aufs_own_files_are_no_part_of_the_tree,
		       a_whiteout_needs_a_name, a_hard_link_to_what_the_layer_removes_is_refused,
		       a_whiteout_through_a_symlink_stays_inside,
		       applied_whiteouts_remove_files_links_and_trees,
		       an_applied_opaque_directory_keeps_what_this_layer_made,
		       an_applied_opaque_top_removes_all_that_was_there,
		       an_applied_whiteout_never_removes_what_this_layer_made,
		       this_layers_things_are_known_through_links_too,
		       a_file_of_a_layer_below_is_replaced_not_written_into,
		       a_directory_over_a_file_below_and_the_other_way_round,
		       a_directory_below_takes_what_this_layers_entry_says_and_nothing_else,
		       what_is_made_in_a_set_group_id_directory_below_is_exact,
		       many_files_are_all_known_as_this_layers);
}
