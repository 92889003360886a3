/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conformance/storage/cases.h"

#include <sys/mount.h>
#include <sys/statvfs.h>

static void put_base(const struct rig *r BERTH_UNUSED, int dirfd)
{
	ck_write(dirfd, "file", "layer");
	ck_assert_int_eq(mkdirat(dirfd, "dir", 0755), 0);
	ck_write(dirfd, "dir/inner", "layer");
}

START_TEST(views_share_nothing_with_each_other_nor_with_their_layer)
{
	struct rig r;
	int v;
	int w;

	rig_open(&r);
	rig_layer(&r, "a", NULL, put_base);
	rig_view(&r, "v", "a", 0);
	rig_view(&r, "w", "a", 0);
	v = rig_mount(&r, "v");
	w = rig_mount(&r, "w");
	ck_write(v, "file", "v");
	ck_write(v, "dir/new", "v");
	ck_assert_int_eq(unlinkat(w, "dir/inner", 0), 0);
	ck_assert_str_eq(ck_text(w, "file"), "layer");
	ck_assert(!ck_exists(w, "dir/new"));
	ck_assert_str_eq(ck_text(v, "dir/inner"), "layer");
	ck_assert_int_eq(close(v), 0);
	ck_assert_int_eq(close(w), 0);
	rig_view(&r, "x", "a", 0);
	v = rig_mount(&r, "x");
	ck_assert_str_eq(ck_text(v, "file"), "layer");
	ck_assert_uint_eq(rig_count(v), 3);
	ck_assert_int_eq(close(v), 0);
	rig_close(&r);
}
END_TEST

START_TEST(a_view_keeps_what_was_written)
{
	struct rig r;
	int fd;

	rig_open(&r);
	rig_layer(&r, "a", NULL, put_base);
	rig_view(&r, "v", "a", 0);
	fd = rig_mount(&r, "v");
	ck_write(fd, "new", "n");
	ck_assert_int_eq(unlinkat(fd, "file", 0), 0);
	ck_assert_int_eq(close(fd), 0);
	rig_reopen(&r);
	fd = rig_mount(&r, "v");
	ck_assert_str_eq(ck_text(fd, "new"), "n");
	ck_assert(!ck_exists(fd, "file"));
	ck_assert_int_eq(close(fd), 0);
	rig_close(&r);
}
END_TEST

START_TEST(a_view_on_nothing_begins_empty)
{
	struct rig r;
	int fd;

	rig_open(&r);
	rig_view(&r, "v", NULL, 0);
	rig_view(&r, "r", NULL, BERTH_VIEW_READ_ONLY);
	fd = rig_mount(&r, "v");
	ck_assert_uint_eq(rig_count(fd), 0);
	ck_write(fd, "new", "n");
	ck_assert_int_eq(close(fd), 0);
	fd = rig_mount(&r, "r");
	ck_assert_uint_eq(rig_count(fd), 0);
	if (!suite_trait_is("mounts", "directory"))
		ck_assert_int_lt(openat(fd, "new", O_WRONLY | O_CREAT | O_CLOEXEC, 0644), 0);
	ck_assert_int_eq(close(fd), 0);
	rig_check(&r);
	rig_close(&r);
}
END_TEST

START_TEST(a_read_only_view_cannot_be_written)
{
	struct rig r;
	int fd;

	cases_need_mounts();
	rig_open(&r);
	rig_layer(&r, "a", NULL, put_base);
	rig_view(&r, "v", "a", BERTH_VIEW_READ_ONLY);
	fd = rig_mount(&r, "v");
	ck_assert_str_eq(ck_text(fd, "dir/inner"), "layer");
	ck_assert_int_lt(openat(fd, "file", O_WRONLY | O_CLOEXEC), 0);
	ck_assert_int_eq(errno, EROFS);
	ck_assert_int_lt(mkdirat(fd, "new", 0755), 0);
	ck_assert_int_eq(close(fd), 0);
	rig_close(&r);
}
END_TEST

START_TEST(a_view_can_be_mounted_only_to_be_read)
{
	struct rig r;
	int fd;

	cases_need_mounts();
	rig_open(&r);
	rig_layer(&r, "a", NULL, put_base);
	rig_view(&r, "v", "a", 0);
	fd = rig_mount(&r, "v");
	ck_write(fd, "file", "changed");
	ck_assert_int_eq(close(fd), 0);
	fd = rig_mount_flags(&r, "v", BERTH_VIEW_READ_ONLY, 0);
	ck_assert_str_eq(ck_text(fd, "file"), "changed");
	ck_assert_str_eq(ck_text(fd, "dir/inner"), "layer");
	ck_assert_int_lt(openat(fd, "file", O_WRONLY | O_CLOEXEC), 0);
	ck_assert_int_eq(errno, EROFS);
	ck_assert_int_eq(close(fd), 0);
	rig_close(&r);
}
END_TEST

START_TEST(a_volatile_view_can_be_mounted_again)
{
	struct rig r;

	rig_open(&r);
	rig_layer(&r, "a", NULL, put_base);
	rig_view(&r, "v", "a", BERTH_VIEW_VOLATILE);
	for (int i = 0; i < 3; i++) {
		int fd = rig_mount_flags(&r, "v", i == 1 ? BERTH_VIEW_VOLATILE : 0, 0);

		ck_write(fd, "file", "changed");
		ck_assert_int_eq(close(fd), 0);
	}
	rig_close(&r);
}
END_TEST

START_TEST(a_view_exists_once)
{
	struct rig r;
	int fd;

	rig_open(&r);
	rig_layer(&r, "a", NULL, put_base);
	rig_view(&r, "v", "a", 0);
	fd = rig_mount(&r, "v");
	ck_write(fd, "mine", "m");
	ck_assert_int_eq(close(fd), 0);
	ck_fails(BERTH_E_EXISTS, r.ops->view_create(r.st, "v", "a", 0, NULL, &err));
	ck_fails(BERTH_E_EXISTS,
		 r.ops->view_create(r.st, "v", NULL, BERTH_VIEW_READ_ONLY, NULL, &err));
	fd = rig_mount(&r, "v");
	ck_assert_str_eq(ck_text(fd, "mine"), "m");
	ck_assert_int_eq(close(fd), 0);
	/* layers and views have separate name spaces */
	rig_view(&r, "a", "a", 0);
	rig_layer(&r, "v", NULL, NULL);
	ck_assert_str_eq(rig_names(&r, BERTH_EACH_VIEWS), "a v ");
	rig_close(&r);
}
END_TEST

START_TEST(a_view_needs_its_layer)
{
	struct rig r;
	size_t held;

	rig_open(&r);
	held = rig_held(&r);
	ck_fails(BERTH_E_NOT_FOUND, r.ops->view_create(r.st, "v", "absent", 0, NULL, &err));
	ck_says("absent");
	ck_fails(BERTH_E_NOT_FOUND,
		 r.ops->view_create(r.st, "v", "absent", BERTH_VIEW_READ_ONLY, NULL, &err));
	ck_assert_str_eq(rig_names(&r, BERTH_EACH_VIEWS), "");
	ck_assert_uint_eq(rig_held(&r), held);
	rig_close(&r);
}
END_TEST

START_TEST(what_fails_gives_nothing)
{
	const struct berth_view_opts opts = {.size = sizeof(opts), .userns_fd = -1};
	struct rig r;
	int fd = -5;

	rig_open(&r);
	ck_fails(BERTH_E_NOT_FOUND, r.ops->view_mount(r.st, "absent", &opts, &fd, &err));
	ck_assert_int_eq(fd, -5);
	if (suite_has("usage")) {
		struct berth_usage usage = {.size = sizeof(usage), .own = 77};

		ck_fails(BERTH_E_NOT_FOUND,
			 r.ops->usage(r.st, "absent", BERTH_EACH_LAYERS, &usage, &err));
		ck_fails(BERTH_E_NOT_FOUND,
			 r.ops->usage(r.st, "absent", BERTH_EACH_VIEWS, &usage, &err));
		ck_assert_uint_eq(usage.own, 77);
	}
	rig_close(&r);
}
END_TEST

START_TEST(nobody_needs_err)
{
	const struct berth_layer_desc desc = {.size = sizeof(desc), .layer = "A"};
	const struct berth_view_opts opts = {.size = sizeof(opts), .userns_fd = -1};
	struct berth_ingest *in;
	struct rig r;
	int fd;

	rig_open(&r);
	rig_layer(&r, "a", NULL, NULL);
	rig_layer(&r, "b", "a", NULL);
	ck_assert_int_eq(r.ops->ingest_begin(r.st, &desc, NULL, &in, NULL), -BERTH_E_INVALID);
	ck_assert_int_eq(r.ops->layer_remove(r.st, "a", NULL), -BERTH_E_BUSY);
	ck_assert_int_eq(r.ops->view_create(r.st, "v", "c", 0, NULL, NULL), -BERTH_E_NOT_FOUND);
	ck_assert_int_eq(r.ops->view_mount(r.st, "v", &opts, &fd, NULL), -BERTH_E_NOT_FOUND);
	ck_assert_int_eq(r.ops->view_remove(r.st, "V", NULL), -BERTH_E_INVALID);
	rig_close(&r);
}
END_TEST

static void read_mounts(struct str *out)
{
	cleanup_fd int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	char *bytes;
	size_t n;

	ck_ok(read_fd_limited(fd, 1 << 20, &bytes, &n, &err));
	str_add_n(out, bytes, n);
	free(bytes);
}

START_TEST(a_mount_is_detached_and_leaves_nothing)
{
	cleanup_str struct str before = STR_INIT;
	cleanup_str struct str after = STR_INIT;
	char path[96];
	struct rig r;
	int fd;
	int target;

	cases_need_mounts();
	rig_own_mounts(); /* so that others do not mount in between */
	rig_open(&r);
	rig_layer(&r, "a", NULL, put_base);
	rig_view(&r, "v", "a", 0);
	read_mounts(&before);
	fd = rig_mount(&r, "v");
	read_mounts(&after);
	ck_assert_str_eq(str_text(&before), str_text(&after));
	ck_assert_int_eq(close(fd), 0);
	fd = rig_mount(&r, "v");
	target = ck_dir_at(path);
	ck_assert_int_eq(
		move_mount(fd, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH),
		0);
	ck_assert_int_eq(close(fd), 0);
	ck_assert_int_eq(close(target), 0);
	target = open(path, O_PATH | O_CLOEXEC);
	ck_assert_str_eq(ck_text(target, "file"), "layer");
	ck_assert_int_eq(close(target), 0);
	rig_close(&r);
}
END_TEST

START_TEST(mount_attributes_are_those_asked_for)
{
	const uint64_t attr = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOATIME;
	const struct berth_view_opts bad = {
		.size = sizeof(bad), .userns_fd = -1, .attr = UINT64_C(1) << 40};
	struct statvfs fs;
	struct rig r;
	int fd;

	cases_need_mounts();
	rig_open(&r);
	rig_layer(&r, "a", NULL, put_base);
	rig_view(&r, "v", "a", 0);
	fd = rig_mount_flags(&r, "v", 0, attr);
	ck_assert_int_eq(fstatvfs(fd, &fs), 0);
	ck_assert_uint_eq(fs.f_flag & (ST_NOSUID | ST_NODEV | ST_NOATIME | ST_RDONLY),
			  ST_NOSUID | ST_NODEV | ST_NOATIME);
	ck_assert_int_eq(close(fd), 0);
	fd = rig_mount_flags(&r, "v", 0, MOUNT_ATTR_RDONLY);
	ck_assert_int_lt(mkdirat(fd, "new", 0755), 0);
	ck_assert_int_eq(errno, EROFS);
	ck_assert_int_eq(close(fd), 0);
	ck_fails(BERTH_E_INVALID, r.ops->view_mount(r.st, "v", &bad, &fd, &err));
	rig_close(&r);
}
END_TEST

START_TEST(a_mounted_view_is_busy_or_can_go)
{
	struct rig r;
	int fd;
	int removed;

	rig_open(&r);
	rig_layer(&r, "a", NULL, put_base);
	rig_view(&r, "v", "a", 0);
	fd = rig_mount(&r, "v");
	removed = r.ops->view_remove(r.st, "v", &err);
	ck_assert(removed == 0 || removed == -BERTH_E_BUSY);
	ck_assert_str_eq(rig_names(&r, BERTH_EACH_VIEWS), removed == 0 ? "" : "v ");
	ck_assert_int_eq(close(fd), 0);
	ck_ok(r.ops->view_remove(r.st, "v", &err));
	rig_check(&r);
	rig_close(&r);
}
END_TEST

START_TEST(a_directory_of_a_layer_can_be_moved_as_mv_does)
{
	struct rig r;
	int fd;

	rig_open(&r);
	rig_layer(&r, "a", NULL, put_base);
	rig_view(&r, "v", "a", 0);
	fd = rig_mount(&r, "v");
	if (renameat(fd, "dir", fd, "moved") < 0) {
		/* then as mv falls back: by a copy */
		ck_assert_int_eq(errno, EXDEV);
		ck_assert_int_eq(mkdirat(fd, "moved", 0755), 0);
		ck_write(fd, "moved/inner", "layer");
		ck_assert_int_eq(unlinkat(fd, "dir/inner", 0), 0);
		ck_assert_int_eq(unlinkat(fd, "dir", AT_REMOVEDIR), 0);
	}
	ck_assert_int_eq(close(fd), 0);
	fd = rig_mount(&r, "v");
	ck_assert(!ck_exists(fd, "dir"));
	ck_assert_str_eq(ck_text(fd, "moved/inner"), "layer");
	ck_assert_int_eq(close(fd), 0);
	rig_close(&r);
}
END_TEST

SUITE_CASES(view_cases, views_share_nothing_with_each_other_nor_with_their_layer,
	    a_view_keeps_what_was_written, a_view_on_nothing_begins_empty,
	    a_read_only_view_cannot_be_written, a_view_can_be_mounted_only_to_be_read,
	    a_volatile_view_can_be_mounted_again, a_view_exists_once, a_view_needs_its_layer,
	    what_fails_gives_nothing, nobody_needs_err, a_mount_is_detached_and_leaves_nothing,
	    mount_attributes_are_those_asked_for, a_mounted_view_is_busy_or_can_go,
	    a_directory_of_a_layer_can_be_moved_as_mv_does);
