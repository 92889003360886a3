/* SPDX-License-Identifier: Apache-2.0 */
/* What only the driver btrfs promises, and what its state looks like (storage-btrfs.md). */
#include "own.h"

#include <errno.h>
#include <linux/btrfs.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "tests/conformance/stand.h"

enum {
	FILES = 20000,
	DIRECTORIES = 100,
	GONE_MS = 2000,	 /* to unlink all files takes several times that */
	CHANGES_MS = 50, /* to walk both trees takes several times that */
	SNAPSHOTS = 15,
	SNAPSHOT_MS = 5,
	MB = 1 << 20,
	SUBVOLUME_INO = 256,
	NESTED = 40,	/* deeper than the driver removes as a whole */
	DEEP_NAME = 40, /* directories of 200 bytes: longer than a path can be */
};

static void put_file(const struct rig *r BERTH_UNUSED, int dirfd)
{
	ck_write(dirfd, "file", "whole");
	ck_assert_int_eq(mkdirat(dirfd, "dir", 0755), 0);
	ck_assert_int_eq(mkdirat(dirfd, "dir/sub", 0755), 0);
	ck_write(dirfd, "dir/sub/deep", "deep");
	ck_assert_int_eq(linkat(dirfd, "file", dirfd, "dir/link", 0), 0);
}

static void write_bytes(int dirfd, const char *name, size_t bytes, int want_errno)
{
	static char block[65536];
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	int got = 0;

	ck_assert_int_ge(fd, 0);
	for (size_t at = 0; got == 0 && at < bytes; at += sizeof(block)) {
		memset(block, (int)(at >> 16) + 1, sizeof(block));
		if (write(fd, block, sizeof(block)) < 0)
			got = errno;
	}
	if (got == 0 && fsync(fd) < 0)
		got = errno;
	ck_assert_int_eq(got, want_errno);
	(void)close(fd);
}

static int make_subvolume(int dirfd, const char *name)
{
	struct btrfs_ioctl_vol_args args = {0};
	cleanup_fd int dir = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd;

	(void)snprintf(args.name, sizeof(args.name), "%s", name);
	ck_assert_int_eq(ioctl(dir, BTRFS_IOC_SUBVOL_CREATE, &args), 0);
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return fd;
}

static void set_read_only(int fd, bool on)
{
	__u64 flags = on ? BTRFS_SUBVOL_RDONLY : 0;

	ck_assert_int_eq(ioctl(fd, BTRFS_IOC_SUBVOL_SETFLAGS, &flags), 0);
}

/* ------------------------------------------------------------------------------------- snapshots */

static void put_many(const struct rig *r BERTH_UNUSED, int dirfd)
{
	for (int i = 0; i < FILES; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "%d", i);
		ck_assert_int_eq(mknodat(dirfd, name, S_IFREG | 0644, 0), 0);
	}
}

static int by_time(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a;
	int64_t y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

START_TEST(a_view_of_many_files_is_there_at_once)
{
	int64_t times[SNAPSHOTS];
	struct rig r;
	int fd;

	rig_open(&r);
	rig_layer(&r, "a", NULL, put_many);
	for (int i = 0; i < SNAPSHOTS; i++) {
		char view[16];
		int64_t begin = clock_mono_ns();

		(void)snprintf(view, sizeof(view), "v%d", i);
		rig_view(&r, view, "a", 0);
		times[i] = clock_mono_ns() - begin;
	}
	qsort(times, SNAPSHOTS, sizeof(*times), by_time);
	/* the quickest: others may be at work on this machine */
	ck_assert_msg(times[0] <= (int64_t)SNAPSHOT_MS * 1000000, "a snapshot takes %lld us",
		      (long long)times[0] / 1000);
	fd = rig_mount(&r, "v3");
	ck_assert_uint_eq(rig_count(fd), FILES);
	ck_assert_int_eq(close(fd), 0);
	/* and gone at once */
	times[0] = clock_mono_ns();
	for (int i = 0; i < SNAPSHOTS; i++) {
		char view[16];

		(void)snprintf(view, sizeof(view), "v%d", i);
		ck_ok(r.ops->view_remove(r.st, view, &err));
	}
	ck_ok(r.ops->layer_remove(r.st, "a", &err));
	(void)rig_held(&r);
	times[0] = clock_mono_ns() - times[0];
	ck_assert_msg(times[0] <= (int64_t)GONE_MS * 1000000, "all gone in %lld us",
		      (long long)times[0] / 1000);
	rig_close(&r);
}
END_TEST

static int count_one(void *arg, uint32_t change BERTH_UNUSED, const char *path BERTH_UNUSED)
{
	++*(int *)arg;
	return 0;
}

static void put_directories(const struct rig *r BERTH_UNUSED, int dirfd)
{
	for (int d = 0; d < DIRECTORIES; d++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "d%d", d);
		ck_assert_int_eq(mkdirat(dirfd, name, 0755), 0);
		for (int f = 0; f < FILES / DIRECTORIES; f++) {
			(void)snprintf(name, sizeof(name), "d%d/%d", d, f);
			ck_assert_int_eq(mknodat(dirfd, name, S_IFREG | 0644, 0), 0);
		}
	}
}

/* Only what changed is looked at, and the directories above. */
START_TEST(changes_among_many_files_are_found_at_once)
{
	int64_t best = INT64_MAX;
	struct rig r;
	int fd;

	rig_open(&r);
	rig_layer(&r, "a", NULL, put_directories);
	rig_view(&r, "v", "a", 0);
	fd = rig_mount(&r, "v");
	ck_write(fd, "d7/77", "changed");
	ck_write(fd, "new", "n");
	ck_assert_int_eq(unlinkat(fd, "d17/78", 0), 0);
	ck_assert_int_eq(close(fd), 0);
	for (int i = 0; i < 6; i++) {
		int64_t begin = clock_mono_ns();
		int n = 0;

		ck_ok(r.ops->changes(r.st, "v", count_one, &n, NULL, &err));
		ck_assert_int_eq(n, 5); /* with two directories */
		begin = clock_mono_ns() - begin;
		best = begin < best ? begin : best;
	}
	ck_assert_msg(best <= (int64_t)CHANGES_MS * 1000000, "three changes take %lld us",
		      (long long)best / 1000);
	ck_ok(r.ops->view_remove(r.st, "v", &err));
	ck_ok(r.ops->layer_remove(r.st, "a", &err));
	(void)rig_held(&r);
	rig_close(&r);
}
END_TEST

START_TEST(layers_are_read_only_subvolumes)
{
	struct berth_sink sink = {.limit = 65536};
	struct stat st;
	struct rig r;
	int fd;

	rig_open(&r);
	rig_layer(&r, "a", NULL, put_file);
	rig_layer(&r, "b", "a", NULL);
	fd = openat(r.statefd, "layers/b/tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_uint_eq(st.st_ino, SUBVOLUME_INO);
	ck_assert_int_eq(mkdirat(fd, "x", 0755), -1);
	ck_assert_int_eq(errno, EROFS);
	rig_check(&r);
	set_read_only(fd, false);
	ck_ok(r.ops->check(r.st, NULL, BERTH_CHECK_QUICK, NULL, &sink, &err));
	ck_assert_int_eq(lent_finding(&sink, "layer.writable"), BERTH_FINDING_ERROR);
	lent_sink_done(&sink);
	ck_assert_int_eq(close(fd), 0);
	rig_close(&r);
}
END_TEST

/* ----------------------------------------------------------------------------- nested subvolumes */

static void remove_view(const struct rig *r, size_t held)
{
	ck_ok(r->ops->view_remove(r->st, "v", &err));
	ck_assert_str_eq(rig_names(r, BERTH_EACH_VIEWS), "");
	ck_assert_uint_eq(rig_held(r), held);
}

START_TEST(subvolumes_of_a_container_go_with_it)
{
	struct btrfs_ioctl_vol_args_v2 snapshot = {.flags = BTRFS_SUBVOL_RDONLY};
	int flags = FS_IMMUTABLE_FL;
	struct rig r;
	size_t held;
	int fd;
	int outer;
	int inner;

	rig_open(&r);
	rig_layer(&r, "a", NULL, put_file);
	held = rig_held(&r);
	rig_view(&r, "v", "a", 0);
	fd = rig_mount(&r, "v");
	outer = make_subvolume(fd, "outer");
	ck_assert_int_eq(mkdirat(outer, "below", 0755), 0);
	inner = make_subvolume(outer, "inner");
	ck_write(inner, "file", "inner");
	ck_assert_int_eq(ioctl(inner, FS_IOC_SETFLAGS, &flags), 0);
	ck_assert_int_eq(close(inner), 0);
	set_read_only(outer, true);
	/* and one of itself */
	snapshot.fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)snprintf(snapshot.name, sizeof(snapshot.name), "backup");
	ck_assert_int_eq(ioctl((int)snapshot.fd, BTRFS_IOC_SNAP_CREATE_V2, &snapshot), 0);
	ck_assert_int_eq(close((int)snapshot.fd), 0);
	ck_assert_int_eq(close(outer), 0);
	ck_assert_int_eq(close(fd), 0);
	remove_view(&r, held);
	rig_close(&r);
}
END_TEST

START_TEST(subvolumes_of_a_container_go_however_deep)
{
	char name[201];
	struct rig r;
	size_t held;
	int fd;

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	rig_open(&r);
	held = rig_held(&r);
	rig_view(&r, "v", NULL, 0);
	fd = rig_mount(&r, "v");
	for (int i = 0; i < NESTED; i++) {
		int below = make_subvolume(fd, "s");

		ck_write(below, "file", "x");
		if (i > 0)
			set_read_only(fd, true);
		ck_assert_int_eq(close(fd), 0);
		fd = below;
	}
	for (int i = 0; i < DEEP_NAME; i++) {
		int below;

		ck_assert_int_eq(mkdirat(fd, name, 0755), 0);
		below = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		ck_assert_int_eq(close(fd), 0);
		fd = below;
	}
	ck_assert_int_eq(close(make_subvolume(fd, "last")), 0);
	ck_assert_int_eq(close(fd), 0);
	remove_view(&r, held);
	rig_close(&r);
}
END_TEST

/* --------------------------------------------------------------------------------------- changes */

static int add_change(void *arg, uint32_t change, const char *path)
{
	str_addf(arg, "%c %s\n", (int)change, path);
	return 0;
}

START_TEST(changes_are_found_behind_hard_links_renames_and_subvolumes)
{
	cleanup_str struct str said = STR_INIT;
	struct rig r;
	int fd;
	int sub;

	rig_open(&r);
	rig_layer(&r, "a", NULL, put_file);
	rig_view(&r, "v", "a", 0);
	fd = rig_mount(&r, "v");
	ck_write(fd, "dir/link", "other");
	sub = make_subvolume(fd, "sub");
	ck_write(sub, "file", "inner"); /* of the same inode number as the first file outside */
	ck_assert_int_eq(close(sub), 0);
	ck_assert_int_eq(renameat(fd, "dir/sub", fd, "dir/moved"), 0);
	ck_ok(r.ops->changes(r.st, "v", add_change, &said, NULL, &err));
	ck_assert_msg(strstr(str_text(&said), "C file\n"), "%s", str_text(&said));
	ck_assert_msg(strstr(str_text(&said), "C dir/link\n"), "%s", str_text(&said));
	ck_assert_msg(strstr(str_text(&said), "D dir/sub\n"), "%s", str_text(&said));
	ck_assert_msg(strstr(str_text(&said), "A dir/moved\n"), "%s", str_text(&said));
	ck_assert_msg(strstr(str_text(&said), "A dir/moved/deep\n"), "%s", str_text(&said));
	ck_assert_msg(strstr(str_text(&said), "A sub\nA sub/file\n"), "%s", str_text(&said));
	ck_assert_ptr_null(strstr(str_text(&said), "deep/"));
	ck_assert_int_eq(close(fd), 0);
	rig_close(&r);
}
END_TEST

/* ---------------------------------------------------------------------------------- usage, quotas */

static uint64_t own_bytes(const struct rig *r, const char *id, uint32_t kind)
{
	struct berth_usage u = {.size = sizeof(u)};

	ck_ok(r->ops->usage(r->st, id, kind, &u, &err));
	return u.own;
}

static void put_megabyte(const struct rig *r BERTH_UNUSED, int dirfd)
{
	write_bytes(dirfd, "big", MB, 0);
}

static void ck_about(uint64_t bytes, uint64_t want)
{
	ck_assert_msg(bytes >= want && bytes < want + MB / 2, "%llu bytes, not %llu",
		      (unsigned long long)bytes, (unsigned long long)want);
}

static void ck_own(const struct rig *r, uint64_t written)
{
	ck_about(own_bytes(r, "a", BERTH_EACH_LAYERS), MB);
	ck_about(own_bytes(r, "b", BERTH_EACH_LAYERS), 2 * MB);
	ck_about(own_bytes(r, "v", BERTH_EACH_VIEWS), written);
}

static void put_two(const struct rig *r BERTH_UNUSED, int dirfd)
{
	write_bytes(dirfd, "more", 2 * MB, 0);
}

START_TEST(each_has_only_what_it_wrote_itself)
{
	struct berth_usage u = {.size = sizeof(u)};
	struct rig r;
	int fd;

	rig_open(&r);
	rig_layer(&r, "a", NULL, put_megabyte);
	rig_layer(&r, "b", "a", put_two);
	rig_view(&r, "v", "b", 0);
	ck_own(&r, 0);
	fd = rig_mount(&r, "v");
	write_bytes(fd, "own", 3 * MB, 0);
	ck_assert_int_eq(unlinkat(fd, "more", 0), 0);
	ck_assert_int_eq(close(fd), 0);
	ck_own(&r, 3 * MB);
	ck_ok(r.ops->usage(r.st, "v", BERTH_EACH_VIEWS, &u, &err));
	ck_about(u.shared, 3 * MB);
	rig_close(&r);
}
END_TEST

static const struct berth_conf *size_conf(const char *size)
{
	static const char *pairs[2];
	static struct berth_conf conf;

	pairs[0] = size;
	conf = (struct berth_conf){.pairs = pairs};
	return &conf;
}

START_TEST(without_quotas_a_size_is_refused_with_what_to_do)
{
	struct rig r;

	rig_open(&r);
	rig_layer(&r, "a", NULL, put_file);
	ck_fails(BERTH_E_UNSUPPORTED,
		 r.ops->view_create(r.st, "v", "a", 0, size_conf("size=8388608"), &err));
	ck_assert(strstr(err.hint, "quota"));
	ck_assert_str_eq(rig_names(&r, BERTH_EACH_VIEWS), "");
	rig_close(&r);
}
END_TEST

/* Turns the quotas of the whole filesystem on; so it has one of its own. */
START_TEST(a_size_limits_what_a_container_writes)
{
	const char *why;
	struct rig r;
	int fd;

	own.options[0] = "quota=enable";
	rig_own_mounts();
	why = stand_disk("btrfs", 256 * (size_t)MB, "/var/tmp");
	ck_assert_msg(!why, "%s", why);
	r.statefd = open("/var/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	rig_open_on(&r, r.statefd, rig_conf());
	rig_layer(&r, "a", NULL, put_two);
	ck_ok(r.ops->view_create(r.st, "v", "a", 0, size_conf("size=8388608"), &err));
	rig_view(&r, "w", "a", 0);
	fd = rig_mount(&r, "v");
	write_bytes(fd, "fits", 4 * MB, 0);
	write_bytes(fd, "not", 8 * MB, EDQUOT);
	ck_assert_int_eq(unlinkat(fd, "not", 0), 0);
	ck_ok(r.ops->view_limit(r.st, "v", 32 * MB, 0, &err));
	write_bytes(fd, "now", 8 * MB, 0);
	ck_assert_int_eq(close(fd), 0);
	ck_about(own_bytes(&r, "v", BERTH_EACH_VIEWS), 12 * MB);
	ck_fails(BERTH_E_UNSUPPORTED, r.ops->view_limit(r.st, "v", 0, 10, &err));
	ck_fails(BERTH_E_NOT_FOUND, r.ops->view_limit(r.st, "x", MB, 0, &err));
	fd = rig_mount(&r, "w");
	write_bytes(fd, "free", 16 * MB, 0);
	ck_assert_int_eq(close(fd), 0);
	rig_close(&r);
}
END_TEST

/* ----------------------------------------------------------------------------------------- place */

START_TEST(the_state_may_be_on_another_filesystem)
{
	static char option[128];
	struct rig r;
	void *instance;
	char path[96];
	int root = rig_tmpfs("8m");
	int second;
	int dir = ck_dir_at(path);

	ck_assert_int_eq(mkdirat(root, "one", 0700), 0);
	ck_assert_int_eq(mkdirat(root, "two", 0700), 0);
	(void)snprintf(option, sizeof(option), "dir=%s", path);
	own.options[0] = option;
	rig_open_on(&r, openat(root, "one", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rig_conf());
	rig_layer(&r, "a", NULL, put_file);
	rig_view(&r, "v", "a", 0);
	ck_assert(ck_exists(dir, "berth/views/v/tree/file"));
	rig_reopen(&r);
	ck_assert_str_eq(rig_names(&r, BERTH_EACH_LAYERS | BERTH_EACH_VIEWS), "a v ");
	/* another root does not get it */
	second = openat(root, "two", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_fails(BERTH_E_CORRUPT, r.head->open(lent_host(), rig_conf(), second, &instance, &err));
	/* and nobody takes an empty directory for the state, or forgets that there is one */
	ck_assert_int_eq(renameat(dir, "berth", dir, "unmounted"), 0);
	ck_fails(BERTH_E_CORRUPT,
		 r.head->open(lent_host(), rig_conf(), r.statefd, &instance, &err));
	ck_fails(BERTH_E_INVALID, r.head->open(lent_host(), NULL, r.statefd, &instance, &err));
	ck_assert_int_eq(close(second), 0);
	rig_close(&r);
}
END_TEST

START_TEST(what_is_not_btrfs_is_refused_with_what_to_do)
{
	const struct berth_driver *head = lent_load(own.file);
	const struct berth_conf conf = {.options = head->options};
	struct berth_sink sink = {.limit = 65536};
	void *instance;
	int fd = rig_tmpfs("8m");

	ck_fails(BERTH_E_UNSUPPORTED, head->open(lent_host(), &conf, fd, &instance, &err));
	ck_assert_str_ne(err.hint, "");
	ck_assert_uint_eq(rig_count(fd), 0);
	ck_ok(head->probe(lent_host(), &conf, fd, &sink, &err));
	ck_assert_int_eq(lent_finding(&sink, "btrfs.filesystem"), BERTH_FINDING_ERROR);
	lent_sink_done(&sink);
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

START_TEST(a_probe_tries_snapshots_and_says_whether_sizes_can_be_limited)
{
	const struct berth_driver *head = lent_load(own.file);
	const struct berth_conf conf = {.options = head->options};
	struct berth_sink sink = {.limit = 65536};
	char path[96];
	int fd = ck_dir_at(path);

	ck_ok(head->probe(lent_host(), &conf, fd, &sink, &err));
	ck_assert_int_eq(lent_finding(&sink, "btrfs.snapshot"), BERTH_FINDING_OK);
	ck_assert_int_eq(lent_finding(&sink, "btrfs.mount"), BERTH_FINDING_OK);
	ck_assert_int_eq(lent_finding(&sink, "btrfs.quota"), BERTH_FINDING_INFO);
	ck_assert_uint_eq(rig_count(fd), 0);
	lent_sink_done(&sink);
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

START_TEST(the_state_is_as_documented)
{
	struct rig r;

	rig_open(&r);
	rig_layer(&r, "sha256:aa", NULL, put_file);
	rig_layer(&r, "b", "sha256:aa", NULL);
	rig_view(&r, "v", "b", 0);
	rig_view(&r, "ro", "b", BERTH_VIEW_READ_ONLY);
	ck_assert_str_eq(ck_text(r.statefd, "format"), "btrfs 1\n");
	ck_assert_str_eq(ck_text(r.statefd, "layers/sha256=aa/tree/file"), "whole");
	ck_assert_str_eq(ck_text(r.statefd, "layers/b/tree/file"), "whole");
	ck_assert_str_eq(ck_text(r.statefd, "layers/b/parent"), "sha256:aa\n");
	ck_assert_str_eq(ck_text(r.statefd, "views/v/tree/file"), "whole");
	ck_assert(ck_exists(r.statefd, "views/ro/read-only"));
	ck_assert(!ck_exists(r.statefd, "views/ro/tree"));
	rig_close(&r);
}
END_TEST

int main(int argc, char *argv[])
{
	const char *why;

	if (argc != 2)
		return 2;
	own.file = argv[1];
	why = stand_on("btrfs");
	if (why)
		return ck_skip_all(why);
	return CK_MAIN(
		"storage/btrfs", a_view_of_many_files_is_there_at_once,
		changes_among_many_files_are_found_at_once, layers_are_read_only_subvolumes,
		subvolumes_of_a_container_go_with_it, subvolumes_of_a_container_go_however_deep,
		changes_are_found_behind_hard_links_renames_and_subvolumes,
		each_has_only_what_it_wrote_itself,
		without_quotas_a_size_is_refused_with_what_to_do,
		a_size_limits_what_a_container_writes, the_state_may_be_on_another_filesystem,
		what_is_not_btrfs_is_refused_with_what_to_do,
		a_probe_tries_snapshots_and_says_whether_sizes_can_be_limited,
		the_state_is_as_documented);
}
