/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conformance/storage/cases.h"

#include <linux/capability.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

enum {
	SPARSE_SIZE = 64 << 20,
};

static const struct timespec OLD[2] = {{.tv_sec = 981173106, .tv_nsec = 123000000},
				       {.tv_sec = 981173106, .tv_nsec = 456000000}};

static void set_capability(int dirfd, const char *name)
{
	const struct vfs_cap_data cap = {
		.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE,
		.data = {{.permitted = 1u << CAP_NET_BIND_SERVICE}},
	};
	cleanup_fd int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);

	ck_assert_int_eq(fsetxattr(fd, "security.capability", &cap, sizeof(cap), 0), 0);
}

/* One of each kind, with everything that a file can have. */
static void put_zoo(const struct rig *r BERTH_UNUSED, int dirfd)
{
	cleanup_fd int sparse = -1;
	cleanup_fd int dir = -1;

	ck_write(dirfd, "plain", "plain text");
	ck_assert_int_eq(fchownat(dirfd, "plain", 12, 34, 0), 0);
	ck_assert_int_eq(fchmodat(dirfd, "plain", 0640, 0), 0);
	ck_write(dirfd, "setuid", "s");
	ck_assert_int_eq(fchownat(dirfd, "setuid", 12, 34, 0), 0);
	ck_assert_int_eq(fchmodat(dirfd, "setuid", 06755, 0), 0);
	ck_write(dirfd, "capable", "c");
	set_capability(dirfd, "capable");
	ck_assert_int_eq(mkdirat(dirfd, "dir", 0700), 0);
	dir = openat(dirfd, "dir", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(fsetxattr(dir, "trusted.mark", "\0\1", 2, 0), 0);
	ck_assert_int_eq(linkat(dirfd, "plain", dirfd, "dir/second name", 0), 0);
	ck_assert_int_eq(symlinkat("/no/where", dirfd, "dir/link"), 0);
	ck_assert_int_eq(fchownat(dir, "link", 5, 6, AT_SYMLINK_NOFOLLOW), 0);
	ck_assert_int_eq(utimensat(dir, "link", OLD, AT_SYMLINK_NOFOLLOW), 0);
	ck_assert_int_eq(mknodat(dirfd, "device", S_IFBLK | 0660, makedev(7, 300)), 0);
	ck_assert_int_eq(mknodat(dirfd, "fifo", S_IFIFO | 0622, 0), 0);
	ck_assert_int_eq(mknodat(dirfd, "socket", S_IFSOCK | 0755, 0), 0);
	sparse = openat(dirfd, "sparse", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	ck_assert_int_eq(pwrite(sparse, "in the middle", 13, SPARSE_SIZE / 2), 13);
	ck_assert_int_eq(ftruncate(sparse, SPARSE_SIZE), 0);
	ck_assert_int_eq(utimensat(dirfd, "plain", OLD, 0), 0);
	ck_assert_int_eq(fchmod(dir, 01555), 0);
	ck_assert_int_eq(fchown(dir, 7, 8), 0);
	ck_assert_int_eq(futimens(dir, OLD), 0);
}

static struct stat stat_of(int dirfd, const char *path)
{
	struct stat st;

	ck_assert_msg(fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0, "stat '%s'", path);
	return st;
}

static void ck_owned(int dirfd, const char *path, mode_t mode, uid_t uid, gid_t gid)
{
	struct stat st = stat_of(dirfd, path);

	ck_assert_msg(st.st_mode == mode, "'%s' has mode %o, not %o", path, st.st_mode, mode);
	ck_assert_msg(st.st_uid == uid && st.st_gid == gid, "'%s' belongs to %u:%u", path,
		      st.st_uid, st.st_gid);
}

static void ck_old(int dirfd, const char *path)
{
	struct stat st = stat_of(dirfd, path);

	ck_assert_msg(st.st_mtim.tv_sec == OLD[1].tv_sec && st.st_mtim.tv_nsec == OLD[1].tv_nsec,
		      "'%s' is of %lld.%09ld", path, (long long)st.st_mtim.tv_sec,
		      st.st_mtim.tv_nsec);
}

/* The zoo in a view, which may be several layers away from where it was put. */
static void ck_zoo(int fd)
{
	char value[64];
	char bytes[14] = "";
	cleanup_fd int dir = openat(fd, "dir", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_fd int capable = openat(fd, "capable", O_RDONLY | O_CLOEXEC);
	cleanup_fd int sparse = openat(fd, "sparse", O_RDONLY | O_CLOEXEC);
	struct stat st;

	ck_assert_str_eq(ck_text(fd, "plain"), "plain text");
	ck_owned(fd, "plain", S_IFREG | 0640, 12, 34);
	ck_old(fd, "plain");
	ck_owned(fd, "setuid", S_IFREG | 06755, 12, 34);
	ck_assert_int_eq(fgetxattr(capable, "security.capability", value, sizeof(value)), 20);
	ck_owned(fd, "dir", S_IFDIR | 01555, 7, 8);
	ck_old(fd, "dir");
	ck_assert_int_eq(fgetxattr(dir, "trusted.mark", value, sizeof(value)), 2);
	ck_assert_int_eq(memcmp(value, "\0\1", 2), 0);
	st = stat_of(fd, "dir/second name");
	ck_assert_uint_eq(st.st_ino, stat_of(fd, "plain").st_ino);
	ck_assert_uint_eq(st.st_nlink, 2);
	ck_owned(fd, "dir/link", S_IFLNK | 0777, 5, 6);
	ck_old(fd, "dir/link");
	ck_assert_int_eq(readlinkat(fd, "dir/link", value, sizeof(value)), 9);
	ck_assert_int_eq(memcmp(value, "/no/where", 9), 0);
	ck_owned(fd, "device", S_IFBLK | 0660, 0, 0);
	ck_assert_uint_eq(stat_of(fd, "device").st_rdev, makedev(7, 300));
	ck_owned(fd, "fifo", S_IFIFO | 0622, 0, 0);
	ck_owned(fd, "socket", S_IFSOCK | 0755, 0, 0);
	st = stat_of(fd, "sparse");
	ck_assert_int_eq(st.st_size, SPARSE_SIZE);
	ck_assert_int_lt(st.st_blocks, 2048);
	ck_assert_int_eq(pread(sparse, bytes, 13, SPARSE_SIZE / 2), 13);
	ck_assert_str_eq(bytes, "in the middle");
}

START_TEST(files_are_what_they_were)
{
	mode_t mask = umask(077); /* must not matter */
	struct rig r;
	int fd;

	cases_need_owners();
	rig_open(&r);
	umask(0);
	rig_layer(&r, "a", NULL, put_zoo);
	umask(077);
	rig_layer(&r, "b", "a", NULL);
	rig_view(&r, "v", "b", 0);
	rig_view(&r, "r", "b", BERTH_VIEW_READ_ONLY);
	umask(mask);
	fd = rig_mount(&r, "v");
	ck_zoo(fd);
	ck_assert_int_eq(close(fd), 0);
	fd = rig_mount(&r, "r");
	ck_zoo(fd);
	ck_assert_int_eq(close(fd), 0);
	rig_check(&r);
	rig_close(&r);
}
END_TEST

static void put_base(const struct rig *r BERTH_UNUSED, int dirfd)
{
	ck_assert_int_eq(mkdirat(dirfd, "dir", 0755), 0);
	ck_write(dirfd, "dir/one", "1");
	ck_write(dirfd, "dir/two", "2");
	ck_write(dirfd, "gone", "g");
	ck_write(dirfd, "changed", "old");
	ck_assert_int_eq(mkdirat(dirfd, "tree", 0755), 0);
	ck_assert_int_eq(mkdirat(dirfd, "tree/sub", 0755), 0);
	ck_write(dirfd, "tree/sub/file", "f");
}

static void put_whiteouts(const struct rig *r, int dirfd)
{
	rig_hide(r, dirfd, "gone");
	rig_hide(r, dirfd, "tree");
	rig_hide_content(r, dirfd, "dir");
	ck_write(dirfd, "dir/three", "3");
	ck_write(dirfd, "changed", "new");
}

START_TEST(a_whiteout_hides_what_is_below)
{
	struct rig r;
	int fd;

	rig_open(&r);
	rig_layer(&r, "a", NULL, put_base);
	rig_layer(&r, "b", "a", put_whiteouts);
	rig_view(&r, "v", "b", 0);
	fd = rig_mount(&r, "v");
	ck_assert(!ck_exists(fd, "gone"));
	ck_assert(!ck_exists(fd, "tree"));
	ck_assert_str_eq(ck_text(fd, "changed"), "new");
	/* nor does it show itself */
	ck_assert_uint_eq(rig_count(fd), 3);
	ck_assert_int_eq(close(fd), 0);
	rig_view(&r, "w", "a", 0);
	fd = rig_mount(&r, "w");
	ck_assert_str_eq(ck_text(fd, "gone"), "g");
	ck_assert_int_eq(close(fd), 0);
	rig_close(&r);
}
END_TEST

START_TEST(an_opaque_directory_hides_what_is_below)
{
	struct rig r;
	int fd;

	rig_open(&r);
	rig_layer(&r, "a", NULL, put_base);
	rig_layer(&r, "b", "a", put_whiteouts);
	rig_view(&r, "v", "b", 0);
	fd = rig_mount(&r, "v");
	ck_assert(!ck_exists(fd, "dir/one"));
	ck_assert(!ck_exists(fd, "dir/two"));
	ck_assert_str_eq(ck_text(fd, "dir/three"), "3");
	ck_assert_int_eq(close(fd), 0);
	rig_close(&r);
}
END_TEST

static void put_top(const struct rig *r BERTH_UNUSED, int dirfd)
{
	ck_assert_int_eq(fchown(dirfd, 3, 4), 0);
	ck_assert_int_eq(fchmod(dirfd, 0555), 0);
}

START_TEST(a_layer_that_does_not_say_its_top_has_its_parents)
{
	mode_t mask = umask(077);
	struct rig r;
	int fd;

	cases_need_owners();
	rig_open(&r);
	rig_layer(&r, "a", NULL, put_top);
	rig_layer(&r, "b", "a", NULL);
	rig_layer(&r, "other", NULL, NULL);
	rig_view(&r, "v", "b", 0);
	rig_view(&r, "w", "other", 0);
	rig_view(&r, "x", NULL, 0);
	umask(mask);
	fd = rig_mount(&r, "v");
	ck_owned(fd, ".", S_IFDIR | 0555, 3, 4);
	ck_assert_int_eq(close(fd), 0);
	fd = rig_mount(&r, "w");
	ck_owned(fd, ".", S_IFDIR | 0755, 0, 0);
	ck_assert_int_eq(close(fd), 0);
	fd = rig_mount(&r, "x");
	ck_owned(fd, ".", S_IFDIR | 0755, 0, 0);
	ck_assert_int_eq(close(fd), 0);
	rig_close(&r);
}
END_TEST

static unsigned putting;

static void put_number(const struct rig *r BERTH_UNUSED, int dirfd)
{
	char name[32];

	(void)snprintf(name, sizeof(name), "file-%u", putting);
	ck_write(dirfd, name, name);
	ck_write(dirfd, "newest", name);
}

START_TEST(many_layers_stack)
{
	const unsigned layers = (unsigned)suite_trait_u64("layers");
	char parent[32] = "";
	char layer[32];
	struct rig r;
	int fd;

	rig_open(&r);
	for (putting = 1; putting <= layers; putting++) {
		(void)snprintf(layer, sizeof(layer), "sha256:%08x", putting);
		rig_layer(&r, layer, parent[0] ? parent : NULL, put_number);
		memcpy(parent, layer, sizeof(parent));
	}
	rig_view(&r, "v", layer, 0);
	fd = rig_mount(&r, "v");
	ck_assert_str_eq(ck_text(fd, "file-1"), "file-1");
	(void)snprintf(layer, sizeof(layer), "file-%u", layers);
	ck_assert_str_eq(ck_text(fd, "newest"), layer);
	ck_assert_uint_eq(rig_count(fd), layers + 1);
	ck_write(fd, "mine", "m");
	ck_assert_int_eq(close(fd), 0);
	rig_close(&r);
}
END_TEST

/* Deeper than any path can be long, and than there are descriptors. */
static void put_deep(const struct rig *r BERTH_UNUSED, int dirfd)
{
	const unsigned depth = (unsigned)suite_trait_u64("depth");
	int at = fcntl(dirfd, F_DUPFD_CLOEXEC, 3);

	for (unsigned i = 0; i < depth; i++) {
		int next;

		ck_assert_int_eq(mkdirat(at, "deep", 0755), 0);
		next = openat(at, "deep", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		ck_assert_int_ge(next, 0);
		(void)close(at);
		at = next;
	}
	ck_write(at, "bottom", "b");
	ck_assert_int_eq(linkat(at, "bottom", at, "twin", 0), 0);
	(void)close(at);
}

START_TEST(a_tree_may_be_deeper_than_a_path_is_long)
{
	const unsigned depth = (unsigned)suite_trait_u64("depth");
	struct berth_usage usage = {.size = sizeof(usage)};
	struct rig r;
	size_t held;
	int fd;
	int at;

	rig_open(&r);
	held = rig_held(&r);
	rig_layer(&r, "a", NULL, put_deep);
	rig_layer(&r, "b", "a", NULL);
	rig_view(&r, "v", "b", 0);
	fd = rig_mount(&r, "v");
	at = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	for (unsigned i = 0; i < depth; i++) {
		int next = openat(at, "deep", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		ck_assert_msg(next >= 0, "level %u is missing", i);
		(void)close(at);
		at = next;
	}
	ck_assert_str_eq(ck_text(at, "twin"), "b");
	ck_assert_int_eq(close(at), 0);
	ck_assert_int_eq(close(fd), 0);
	rig_check(&r);
	if (suite_has("usage")) {
		ck_ok(r.ops->usage(r.st, "a", BERTH_EACH_LAYERS, &usage, &err));
		ck_assert_uint_eq(usage.inodes, depth + 2);
	}
	ck_ok(r.ops->view_remove(r.st, "v", &err));
	ck_ok(r.ops->layer_remove(r.st, "b", &err));
	ck_ok(r.ops->layer_remove(r.st, "a", &err));
	ck_assert_uint_eq(rig_held(&r), held);
	rig_close(&r);
}
END_TEST

static void put_odd_names(const struct rig *r BERTH_UNUSED, int dirfd)
{
	char name[256];

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	ck_write(dirfd, name, "long");
	ck_write(dirfd, "new\nline", "n");
	ck_write(dirfd, "\xff\xfe", "not utf-8");
	ck_write(dirfd, "a,b:c\\d", "punctuation");
}

START_TEST(every_file_name_works)
{
	struct rig r;
	int fd;

	rig_open(&r);
	rig_layer(&r, "a", NULL, put_odd_names);
	rig_layer(&r, "b", "a", NULL);
	rig_view(&r, "v", "b", 0);
	fd = rig_mount(&r, "v");
	ck_assert_uint_eq(rig_count(fd), 4);
	ck_assert_str_eq(ck_text(fd, "\xff\xfe"), "not utf-8");
	ck_assert_int_eq(close(fd), 0);
	rig_close(&r);
}
END_TEST

START_TEST(the_tree_of_a_layer_can_be_read)
{
	struct rig r;
	struct stat st;
	int fd = -5;

	cases_need("tree_open");
	rig_open(&r);
	rig_layer(&r, "a", NULL, put_base);
	rig_layer(&r, "b", "a", put_whiteouts);
	ck_fails(BERTH_E_NOT_FOUND, r.ops->tree_open(r.st, "absent", &fd, &err));
	ck_assert_int_eq(fd, -5);
	ck_ok(r.ops->tree_open(r.st, "b", &fd, &err));
	ck_cloexec(fd);
	ck_assert_str_eq(ck_text(fd, "changed"), "new");
	if (rig_can(&r, BERTH_ST_WHITEOUT_KEEP)) {
		ck_assert_int_eq(fstatat(fd, "gone", &st, AT_SYMLINK_NOFOLLOW), 0);
		ck_assert(S_ISCHR(st.st_mode) && st.st_rdev == 0);
	} else {
		ck_assert(!ck_exists(fd, "gone"));
	}
	ck_assert_int_eq(close(fd), 0);
	rig_close(&r);
}
END_TEST

SUITE_CASES(file_cases, files_are_what_they_were, a_whiteout_hides_what_is_below,
	    an_opaque_directory_hides_what_is_below,
	    a_layer_that_does_not_say_its_top_has_its_parents, many_layers_stack,
	    a_tree_may_be_deeper_than_a_path_is_long, every_file_name_works,
	    the_tree_of_a_layer_can_be_read);
