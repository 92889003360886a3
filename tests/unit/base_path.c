/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "tests/unit/ck.h"

/* A tree "root" with secrets beside it, as a hostile image would like to reach them. */
static int hostile_root(int *ret_top)
{
	int top = ck_dir();
	int root;

	ck_write(top, "secret", "outside");
	ck_assert_int_eq(mkdirat(top, "root", 0755), 0);
	root = openat(top, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(mkdirat(root, "etc", 0755), 0);
	ck_write(root, "etc/passwd", "inside");
	ck_assert_int_eq(symlinkat("../secret", root, "relative"), 0);
	ck_assert_int_eq(symlinkat("/etc/passwd", root, "absolute"), 0);
	ck_assert_int_eq(symlinkat("../../../../../../etc", root, "far"), 0);
	ck_assert_int_eq(symlinkat("loop", root, "loop"), 0);
	*ret_top = top;
	return root;
}

static const char *read_in_root(int root, const char *path)
{
	static char text[64];
	int fd = -1;
	ssize_t n;

	if (root_open(root, path, O_RDONLY, 0, &fd, &err) < 0)
		return NULL;
	n = read(fd, text, sizeof(text) - 1);
	text[n < 0 ? 0 : n] = '\0';
	(void)close(fd);
	return text;
}

START_TEST(links_in_a_rootfs_never_leave_it)
{
	int top;
	int root = hostile_root(&top);

	ck_assert_str_eq(read_in_root(root, "absolute"), "inside");
	ck_assert_str_eq(read_in_root(root, "far/passwd"), "inside");
	ck_assert_str_eq(read_in_root(root, "/etc/passwd"), "inside");
	ck_assert_str_eq(read_in_root(root, "../../etc/../etc/passwd"), "inside");
	ck_assert_ptr_null(read_in_root(root, "relative"));
	ck_assert_int_eq(err.code, BERTH_E_NOT_FOUND);
	ck_assert_ptr_null(read_in_root(root, "../secret"));
	ck_assert_int_eq(err.code, BERTH_E_NOT_FOUND);
}
END_TEST

START_TEST(magic_links_of_proc_do_not_work_in_a_rootfs)
{
	int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = -1;

	ck_assert_int_ge(proc, 0);
	ck_fails(BERTH_E_INVALID, root_open(proc, "self/root/etc", O_RDONLY, 0, &fd, &err));
	ck_assert_int_eq(err.sys_errno, ELOOP); /* refused as such, not only for where it leads */
	ck_assert_int_lt(root_open(proc, "self/fd/0", O_RDONLY, 0, &fd, &err), 0);
	ck_ok(root_open(proc, "self/status", O_RDONLY, 0, &fd, &err));
}
END_TEST

START_TEST(the_root_is_named_by_a_slash_and_by_nothing)
{
	int top;
	int root = hostile_root(&top);
	struct stat want;
	struct stat st;
	static const char *const names[] = {"", "/", ".", "..", "/../.."};

	ck_assert_int_eq(fstat(root, &want), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		ck_ok(root_stat(root, names[i], 0, &st, &err));
		ck_assert_uint_eq(st.st_ino, want.st_ino);
	}
}
END_TEST

START_TEST(a_rootfs_refuses_by_the_right_code)
{
	int top;
	int root = hostile_root(&top);
	int fd = 42;

	ck_fails(BERTH_E_INVALID, root_open(root, "loop", O_RDONLY, 0, &fd, &err));
	ck_fails(BERTH_E_INVALID, root_open(root, "etc/passwd/x", O_RDONLY, 0, &fd, &err));
	ck_fails(BERTH_E_INVALID, root_open(root, "etc", O_WRONLY, 0, &fd, &err));
	ck_fails(BERTH_E_INVALID, root_open(root, "absolute", O_RDONLY | O_NOFOLLOW, 0, &fd, &err));
	ck_fails(BERTH_E_NOT_FOUND, root_open(root, "none", O_RDONLY, 0, &fd, &err));
	ck_says("'none'");
	ck_fails(BERTH_E_EXISTS,
		 root_open(root, "etc/passwd", O_WRONLY | O_CREAT | O_EXCL, 0600, &fd, &err));
	ck_assert_int_eq(fd, 42);
	ck_ok(root_open(root, "etc/new", O_WRONLY | O_CREAT | O_EXCL, 0600, &fd, &err));
	ck_cloexec(fd);
}
END_TEST

START_TEST(foreign_files_are_opened_only_if_regular)
{
	int top;
	int root = hostile_root(&top);
	int fd = 42;
	struct stat st;

	ck_assert_int_eq(mkfifoat(root, "fifo", 0600), 0);
	ck_fails(BERTH_E_INVALID, root_open_regular(root, "fifo", &fd, &err));
	ck_fails(BERTH_E_INVALID, root_open_regular(root, "etc", &fd, &err));
	ck_fails(BERTH_E_NOT_FOUND, root_open_regular(root, "relative", &fd, &err));
	ck_assert_int_eq(fd, 42);
	ck_ok(root_open_regular(root, "absolute", &fd, &err));
	ck_cloexec(fd);
	ck_ok(root_stat(root, "absolute", AT_SYMLINK_NOFOLLOW, &st, &err));
	ck_assert(S_ISLNK(st.st_mode));
	ck_ok(root_stat(root, "absolute", 0, &st, &err));
	ck_assert(S_ISREG(st.st_mode));
}
END_TEST

START_TEST(directories_in_a_rootfs_are_made_through_links_but_never_outside)
{
	int top;
	int root = hostile_root(&top);
	int fd = -1;

	ck_assert_int_eq(symlinkat("/run", root, "var-run"), 0);
	ck_assert_int_eq(symlinkat("../../../../evil", root, "etc/out"), 0);
	ck_ok(root_mkdirs(root, "/var-run/a/b", 0755, NULL, &err));
	ck_assert(ck_exists(root, "run/a/b"));
	ck_ok(root_mkdirs(root, "etc/out/x", 0700, &fd, &err));
	ck_cloexec(fd);
	ck_assert(ck_exists(root, "evil/x"));
	ck_assert(!ck_exists(top, "evil"));
	ck_ok(root_mkdirs(root, "../../up", 0700, NULL, &err));
	ck_assert(ck_exists(root, "up"));
	ck_assert(!ck_exists(top, "up"));
	ck_assert_int_eq(symlinkat("/top", root, "etc/absolute"), 0);
	ck_assert_int_eq(symlinkat("beside/x", root, "etc/relative"), 0);
	ck_ok(root_mkdirs(root, "etc/absolute/y", 0700, NULL, &err));
	ck_assert(ck_exists(root, "top/y"));
	ck_ok(root_mkdirs(root, "etc/relative/y", 0700, NULL, &err));
	ck_assert(ck_exists(root, "etc/beside/x/y"));
	ck_ok(root_mkdirs(root, "far", 0700, NULL, &err));
	ck_ok(root_mkdirs(root, "/", 0700, NULL, &err));
	ck_ok(root_mkdirs(root, "//a//./b/../c/", 0700, NULL, &err));
	ck_assert(ck_exists(root, "a/b"));
	ck_assert(ck_exists(root, "a/c"));
}
END_TEST

START_TEST(directories_are_not_made_over_other_things)
{
	int top;
	int root = hostile_root(&top);
	int fd = 42;

	ck_fails(BERTH_E_INVALID, root_mkdirs(root, "etc/passwd", 0755, &fd, &err));
	ck_fails(BERTH_E_INVALID, root_mkdirs(root, "etc/passwd/x", 0755, &fd, &err));
	ck_fails(BERTH_E_INVALID, root_mkdirs(root, "loop/x", 0755, &fd, &err));
	ck_says("make 'loop/x'");
	ck_assert_int_eq(symlinkat("b/x", root, "a"), 0);
	ck_assert_int_eq(symlinkat("a/x", root, "b"), 0);
	ck_fails(BERTH_E_INVALID, root_mkdirs(root, "a", 0755, &fd, &err));
	ck_assert_int_eq(fd, 42);
}
END_TEST

START_TEST(links_to_directories_to_be_made_are_counted)
{
	cleanup_str struct str path = STR_INIT;
	int dir = ck_dir();

	for (int i = 0; i <= 40; i++) {
		char name[16];
		char target[16];

		(void)snprintf(name, sizeof(name), "l%d", i);
		(void)snprintf(target, sizeof(target), "t%d", i);
		ck_assert_int_eq(symlinkat(target, dir, name), 0);
		str_addf(&path, "%s/../", name);
	}
	ck_fails(BERTH_E_INVALID, root_mkdirs(dir, str_text(&path), 0755, NULL, &err));
	ck_says("too many symlinks");
}
END_TEST

START_TEST(new_directories_have_the_mode_whatever_the_umask)
{
	int dir = ck_dir();
	struct stat st;

	(void)umask(077);
	ck_ok(root_mkdirs(dir, "a/b", 01777, NULL, &err));
	ck_assert_int_eq(fstatat(dir, "a", &st, 0), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 01777);
	ck_assert_int_eq(fstatat(dir, "a/b", &st, 0), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 01777);
	ck_ok(state_mkdir(dir, "c", 0755, 0, &err));
	ck_assert_int_eq(fstatat(dir, "c", &st, 0), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0755);
}
END_TEST

START_TEST(our_own_directories_have_no_links)
{
	int dir = ck_dir();
	int fd = 42;

	ck_assert_int_eq(mkdirat(dir, "real", 0700), 0);
	ck_write(dir, "real/file", "x");
	ck_assert_int_eq(symlinkat("real", dir, "relative"), 0);
	ck_assert_int_eq(symlinkat("/etc", dir, "absolute"), 0);
	ck_assert_int_eq(symlinkat("file", dir, "real/last"), 0);
	ck_fails(BERTH_E_CORRUPT, state_open(dir, "relative/file", O_RDONLY, 0, &fd, &err));
	ck_fails(BERTH_E_CORRUPT, state_open(dir, "absolute/passwd", O_RDONLY, 0, &fd, &err));
	ck_fails(BERTH_E_CORRUPT, state_open(dir, "real/last", O_RDONLY, 0, &fd, &err));
	ck_assert_int_eq(fd, 42);
	ck_ok(state_open(dir, "real/file", O_RDONLY, 0, &fd, &err));
	ck_cloexec(fd);
}
END_TEST

START_TEST(our_own_paths_do_not_leave)
{
	int dir = ck_dir();
	int below;
	int fd = 42;

	ck_write(dir, "outside", "x");
	ck_ok(state_mkdirs(dir, "below/deep", 0700, &below, &err));
	ck_fails(BERTH_E_INVALID, state_open(below, "../../outside", O_RDONLY, 0, &fd, &err));
	ck_fails(BERTH_E_INVALID, state_open(below, "..", O_RDONLY, 0, &fd, &err));
	ck_fails(BERTH_E_INVALID, state_open(below, "/etc/passwd", O_RDONLY, 0, &fd, &err));
	ck_fails(BERTH_E_INVALID, state_mkdirs(below, "../up", 0700, &fd, &err));
	ck_fails(BERTH_E_INVALID, state_mkdirs(below, "/berth-ck-none/x", 0700, &fd, &err));
	ck_assert_int_eq(fd, 42);
	ck_ok(state_open(below, "", O_RDONLY | O_DIRECTORY, 0, &fd, &err));
	ck_ok(state_open(below, ".", O_RDONLY | O_DIRECTORY, 0, &fd, &err));
}
END_TEST

START_TEST(a_directory_is_made_once)
{
	int dir = ck_dir();

	ck_ok(state_mkdir(dir, "a", 0700, 0, &err));
	ck_fails(BERTH_E_EXISTS, state_mkdir(dir, "a", 0700, 0, &err));
	ck_ok(state_mkdir(dir, "a", 0700, STATE_EXIST_OK, &err));
	ck_fails(BERTH_E_INVALID, state_mkdir(dir, "a/b", 0700, 0, &err));
	ck_fails(BERTH_E_INVALID, state_mkdir(dir, "..", 0700, STATE_EXIST_OK, &err));
	ck_fails(BERTH_E_INVALID, state_mkdir(dir, "", 0700, 0, &err));
	ck_write(dir, "file", "");
	ck_assert_int_eq(symlinkat("a", dir, "link"), 0);
	ck_fails(BERTH_E_CORRUPT, state_mkdir(dir, "file", 0700, STATE_EXIST_OK, &err));
	ck_fails(BERTH_E_CORRUPT, state_mkdir(dir, "link", 0700, STATE_EXIST_OK, &err));
	ck_fails(BERTH_E_CORRUPT, state_mkdirs(dir, "link/x", 0700, NULL, &err));
	ck_ok(state_mkdirs(dir, "a", 0700, NULL, &err));
}
END_TEST

START_TEST(a_file_is_read_up_to_its_limit)
{
	int dir = ck_dir();
	char *text = (char *)1;
	size_t len = 42;

	ck_write(dir, "f", "12345");
	ck_write(dir, "empty", "");
	ck_fails(BERTH_E_LIMIT, state_read(dir, "f", 4, &text, &len, &err));
	ck_says("'f'");
	ck_fails(BERTH_E_LIMIT, state_read(dir, "f", 0, &text, &len, &err));
	ck_fails(BERTH_E_NOT_FOUND, state_read(dir, "g", 4, &text, &len, &err));
	ck_assert_ptr_eq(text, (char *)1);
	ck_assert_uint_eq(len, 42);
	ck_ok(state_read(dir, "f", 5, &text, &len, &err));
	ck_assert_str_eq(text, "12345");
	ck_assert_uint_eq(len, 5);
	free(text);
	ck_ok(state_read(dir, "empty", 0, &text, &len, &err));
	ck_assert_str_eq(text, "");
	ck_assert_uint_eq(len, 0);
	free(text);
}
END_TEST

START_TEST(only_regular_files_are_read)
{
	int dir = ck_dir();
	char *text = NULL;

	ck_assert_int_eq(mkfifoat(dir, "fifo", 0600), 0);
	ck_assert_int_eq(mkdirat(dir, "dir", 0700), 0);
	ck_assert_int_eq(symlinkat("/etc/passwd", dir, "link"), 0);
	ck_fails(BERTH_E_CORRUPT, state_read(dir, "fifo", 10, &text, NULL, &err));
	ck_fails(BERTH_E_CORRUPT, state_read(dir, "dir", 10, &text, NULL, &err));
	ck_fails(BERTH_E_CORRUPT, state_read(dir, "link", 100000, &text, NULL, &err));
	ck_assert_ptr_null(text);
}
END_TEST

START_TEST(a_nul_is_refused_where_no_length_is_asked)
{
	int dir = ck_dir();
	char *text = NULL;
	size_t len;

	ck_ok(state_replace(dir, "f", 0600, "a\0b", 3, 0, &err));
	ck_fails(BERTH_E_CORRUPT, state_read(dir, "f", 10, &text, NULL, &err));
	ck_ok(state_read(dir, "f", 10, &text, &len, &err));
	ck_assert_uint_eq(len, 3);
	free(text);
}
END_TEST

START_TEST(a_pipe_is_read_to_its_end)
{
	int p[2];
	char *text = NULL;
	size_t len = 0;
	static char big[20000];

	memset(big, 'x', sizeof(big));
	ck_assert_int_eq(pipe2(p, O_CLOEXEC), 0);
	ck_ok(write_all(p[1], big, sizeof(big), &err));
	ck_assert_int_eq(close(p[1]), 0);
	ck_ok(read_fd_limited(p[0], sizeof(big), &text, &len, &err));
	ck_assert_uint_eq(len, sizeof(big));
	ck_assert_mem_eq(text, big, sizeof(big));
	free(text);
	ck_assert_int_eq(pipe2(p, O_CLOEXEC), 0);
	ck_ok(write_all(p[1], big, sizeof(big), &err));
	ck_fails(BERTH_E_LIMIT, read_fd_limited(p[0], sizeof(big) - 1, &text, &len, &err));
	ck_fails(BERTH_E_IO, read_fd_limited(p[1], 10, &text, &len, &err));
	ck_fails(BERTH_E_IO, write_all(p[0], "x", 1, &err));
}
END_TEST

static int count_entries(int dirfd)
{
	cleanup_dir DIR *d = fdopendir(openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	int n = 0;

	ck_assert_ptr_nonnull(d);
	while (readdir(d))
		n++;
	return n - 2;
}

START_TEST(a_file_is_replaced_whole_and_with_its_mode)
{
	int dir = ck_dir();
	struct stat st;

	(void)umask(077);
	ck_ok(state_replace(dir, "f", 0644, "one", 3, 0, &err));
	ck_ok(state_replace(dir, "f", 0604, "two!", 4, STATE_FSYNC, &err));
	ck_assert_str_eq(ck_text(dir, "f"), "two!");
	ck_assert_int_eq(fstatat(dir, "f", &st, 0), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0604);
	ck_assert_int_eq(count_entries(dir), 1);
}
END_TEST

START_TEST(a_planted_link_is_replaced_not_followed)
{
	int dir = ck_dir();
	struct stat st;

	ck_write(dir, "victim", "safe");
	ck_assert_int_eq(symlinkat("victim", dir, "f"), 0);
	ck_ok(state_replace(dir, "f", 0600, "new", 3, 0, &err));
	ck_assert_str_eq(ck_text(dir, "victim"), "safe");
	ck_assert_str_eq(ck_text(dir, "f"), "new");
	ck_assert_int_eq(fstatat(dir, "f", &st, AT_SYMLINK_NOFOLLOW), 0);
	ck_assert(S_ISREG(st.st_mode));
}
END_TEST

START_TEST(a_failed_replacement_leaves_the_old_and_nothing_else)
{
	int dir = ck_dir();

	ck_write(dir, "f", "old");
	ck_assert_int_eq(mkdirat(dir, "d", 0700), 0);
	ck_fails(BERTH_E_EXISTS, state_replace(dir, "f", 0600, "new", 3, STATE_EXCL, &err));
	ck_says("'f'");
	ck_fails(BERTH_E_IO, state_replace(dir, "d", 0600, "new", 3, 0, &err));
	ck_fails(BERTH_E_INVALID, state_replace(dir, "../f", 0600, "new", 3, 0, &err));
	ck_fails(BERTH_E_INVALID, state_replace(dir, "", 0600, "new", 3, 0, &err));
	ck_assert_str_eq(ck_text(dir, "f"), "old");
	ck_assert_int_eq(count_entries(dir), 2);
	ck_ok(state_replace(dir, "g", 0600, "new", 3, STATE_EXCL, &err));
	ck_assert_str_eq(ck_text(dir, "g"), "new");
}
END_TEST

START_TEST(an_absent_file_is_removed_already)
{
	int dir = ck_dir();

	ck_write(dir, "f", "");
	ck_ok(state_unlink(dir, "f", &err));
	ck_ok(state_unlink(dir, "f", &err));
	ck_fails(BERTH_E_INVALID, state_unlink(dir, "x/f", &err));
	ck_assert_int_eq(mkdirat(dir, "d", 0700), 0);
	ck_assert_int_lt(state_unlink(dir, "d", &err), 0);
}
END_TEST

START_TEST(a_tree_is_removed_and_links_in_it_are_not_followed)
{
	int dir = ck_dir();
	int fds;

	ck_ok(state_mkdirs(dir, "outside/keep", 0700, NULL, &err));
	ck_write(dir, "outside/file", "safe");
	ck_ok(state_mkdirs(dir, "t/a/b/c", 0700, NULL, &err));
	ck_ok(state_mkdirs(dir, "t/empty", 0700, NULL, &err));
	for (int i = 0; i < 300; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "t/a/b/%d", i);
		ck_write(dir, name, "x");
		(void)snprintf(name, sizeof(name), "t/a/dir-%d/sub", i);
		ck_ok(state_mkdirs(dir, name, 0700, NULL, &err));
	}
	ck_assert_int_eq(symlinkat("../outside", dir, "t/relative"), 0);
	ck_assert_int_eq(symlinkat("../../outside/file", dir, "t/a/file"), 0);
	ck_assert_int_eq(symlinkat("/", dir, "t/a/b/absolute"), 0);
	ck_assert_int_eq(mkfifoat(dir, "t/fifo", 0600), 0);
	fds = ck_count_fds();
	ck_ok(remove_tree(dir, "t", &err));
	ck_assert_int_eq(ck_count_fds(), fds);
	ck_assert(!ck_exists(dir, "t"));
	ck_assert(ck_exists(dir, "outside/keep"));
	ck_assert_str_eq(ck_text(dir, "outside/file"), "safe");
}
END_TEST

START_TEST(removing_what_is_no_directory_removes_it)
{
	int dir = ck_dir();

	ck_ok(state_mkdirs(dir, "outside/keep", 0700, NULL, &err));
	ck_write(dir, "file", "");
	ck_assert_int_eq(symlinkat("outside", dir, "link"), 0);
	ck_ok(remove_tree(dir, "file", &err));
	ck_ok(remove_tree(dir, "link", &err));
	ck_ok(remove_tree(dir, "absent", &err));
	ck_assert_int_eq(count_entries(dir), 1);
	ck_assert(ck_exists(dir, "outside/keep"));
	ck_fails(BERTH_E_INVALID, remove_tree(dir, "outside/keep", &err));
	ck_fails(BERTH_E_INVALID, remove_tree(dir, "..", &err));
	ck_fails(BERTH_E_INVALID, remove_tree(dir, ".", &err));
	ck_fails(BERTH_E_INVALID, remove_tree(dir, "", &err));
}
END_TEST

/* @levels directories in each other, made without a long path. */
static void make_deep(int dirfd, const char *name, int levels)
{
	int at = dup(dirfd);

	for (int i = 0; i < levels; i++) {
		int next;

		ck_assert_int_eq(mkdirat(at, name, 0700), 0);
		next = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		ck_assert_int_ge(next, 0);
		ck_write(next, "file", "");
		(void)close(at);
		at = next;
	}
	(void)close(at);
}

START_TEST(a_tree_deeper_than_any_path_is_removed_with_few_descriptors)
{
	struct rlimit before;
	struct rlimit few;
	int dir = ck_dir();

	ck_assert_int_eq(mkdirat(dir, "t", 0700), 0);
	/* the names that we would give to what is moved up are taken */
	ck_assert_int_eq(mkdirat(dir, "t/.deep-0", 0700), 0);
	ck_write(dir, "t/.deep-1", "x");
	make_deep(openat(dir, "t", O_PATH | O_CLOEXEC), "some-longer-name", 3000);
	make_deep(openat(dir, "t/.deep-0", O_PATH | O_CLOEXEC), "y", 100);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = (struct rlimit){(rlim_t)ck_count_fds() + 60, before.rlim_max};
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	ck_ok(remove_tree(dir, "t", &err));
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	ck_assert(!ck_exists(dir, "t"));
}
END_TEST

START_TEST(the_content_goes_and_the_directory_stays)
{
	int dir = ck_dir();
	int fd;

	ck_ok(state_mkdirs(dir, "t/a/b", 0700, NULL, &err));
	ck_write(dir, "t/f", "x");
	fd = openat(dir, "t", O_PATH | O_DIRECTORY | O_CLOEXEC);
	ck_ok(remove_tree_content(fd, &err));
	ck_assert_int_eq(count_entries(fd), 0);
	ck_assert(ck_exists(dir, "t"));
	ck_ok(remove_tree_content(fd, &err));
}
END_TEST

START_TEST(permissions_do_not_stop_a_removal)
{
	int dir = ck_dir();

	ck_ok(state_mkdirs(dir, "t/locked/below", 0700, NULL, &err));
	ck_ok(state_mkdirs(dir, "t/readonly/below", 0700, NULL, &err));
	ck_write(dir, "t/locked/file", "x");
	ck_write(dir, "t/readonly/below/file", "x");
	if (geteuid() == 0) { /* as somebody whom permissions bind */
		ck_assert_int_eq(fchownat(dir, "t", 65534, 65534, 0), 0);
		ck_assert_int_eq(fchownat(dir, "t/locked", 65534, 65534, 0), 0);
		ck_assert_int_eq(fchownat(dir, "t/locked/below", 65534, 65534, 0), 0);
		ck_assert_int_eq(fchownat(dir, "t/readonly", 65534, 65534, 0), 0);
		ck_assert_int_eq(fchownat(dir, "t/readonly/below", 65534, 65534, 0), 0);
		ck_assert_int_eq(fchown(dir, 65534, 65534), 0);
		ck_assert_int_eq(seteuid(65534), 0);
	}
	ck_assert_int_eq(fchmodat(dir, "t/readonly/below", 0555, 0), 0);
	ck_assert_int_eq(fchmodat(dir, "t/readonly", 0500, 0), 0);
	ck_assert_int_eq(fchmodat(dir, "t/locked", 0, 0), 0);
	ck_ok(remove_tree(dir, "t", &err));
	ck_assert(!ck_exists(dir, "t"));
	if (getuid() == 0) { /* the leak check at the end needs it */
		ck_assert_int_eq(seteuid(0), 0);
		ck_assert_int_eq(prctl(PR_SET_DUMPABLE, 1), 0);
	}
}
END_TEST

static bool set_flags(int dirfd, const char *name, int flags)
{
	cleanup_fd int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);

	return fd >= 0 && ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0;
}

START_TEST(immutable_files_do_not_stop_a_removal)
{
	int dir = ck_dir();

	ck_ok(state_mkdirs(dir, "t/d/e", 0700, NULL, &err));
	ck_write(dir, "t/f", "x");
	ck_write(dir, "t/d/g", "x");
	ck_write(dir, "t/d/e/h", "x");
	/* where the filesystem or the privilege lacks, what remains is an ordinary removal */
	(void)set_flags(dir, "t/d/e/h", FS_APPEND_FL);
	(void)set_flags(dir, "t/d/e", FS_APPEND_FL);
	(void)set_flags(dir, "t/d/g", FS_IMMUTABLE_FL);
	(void)set_flags(dir, "t/d", FS_IMMUTABLE_FL);
	(void)set_flags(dir, "t/f", FS_IMMUTABLE_FL);
	(void)set_flags(dir, "t", FS_IMMUTABLE_FL);
	ck_ok(remove_tree(dir, "t", &err));
	ck_assert(!ck_exists(dir, "t"));
	ck_ok(state_mkdirs(dir, "u/d", 0700, NULL, &err));
	(void)set_flags(dir, "u", FS_IMMUTABLE_FL);
	ck_ok(remove_tree_content(openat(dir, "u", O_PATH | O_CLOEXEC), &err));
	ck_ok(remove_tree(dir, "u", &err));
}
END_TEST

START_TEST(a_mount_in_a_tree_stops_the_removal)
{
	char path[96];
	char sub[128];
	int dir = ck_dir_at(path);

	ck_ok(state_mkdirs(dir, "t/mounted", 0700, NULL, &err));
	ck_ok(state_mkdirs(dir, "outside", 0700, NULL, &err));
	ck_write(dir, "outside/file", "safe");
	(void)snprintf(sub, sizeof(sub), "%s/t/mounted", path);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return; /* no privilege: nothing can be mounted in there either */
	(void)strncat(path, "/outside", sizeof(path) - strlen(path) - 1);
	ck_assert_int_eq(mount(path, sub, NULL, MS_BIND, NULL), 0);
	path[strlen(path) - strlen("/outside")] = '\0';
	dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC); /* as it is in this namespace */
	ck_fails(BERTH_E_BUSY, remove_tree(dir, "t", &err));
	ck_says("'mounted'");
	ck_fails(BERTH_E_BUSY, remove_tree(openat(dir, "t", O_PATH | O_CLOEXEC), "mounted", &err));
	ck_assert_str_eq(ck_text(dir, "outside/file"), "safe");
	ck_assert_int_eq(umount2(sub, MNT_DETACH), 0);
	ck_ok(remove_tree(dir, "t", &err));
	ck_assert_str_eq(ck_text(dir, "outside/file"), "safe");
}
END_TEST

START_TEST(a_name_is_one_component)
{
	char long_name[300];

	ck_assert(path_is_name("a"));
	ck_assert(path_is_name("..."));
	ck_assert(path_is_name(".a"));
	ck_assert(path_is_name("a b"));
	ck_assert(!path_is_name(""));
	ck_assert(!path_is_name("."));
	ck_assert(!path_is_name(".."));
	ck_assert(!path_is_name("a/b"));
	ck_assert(!path_is_name("/"));
	ck_assert(!path_is_name("a/"));
	memset(long_name, 'a', sizeof(long_name));
	long_name[255] = '\0';
	ck_assert(path_is_name(long_name));
	long_name[255] = 'a';
	long_name[256] = '\0';
	ck_assert(!path_is_name(long_name));
}
END_TEST

START_TEST(a_clean_path_is_the_shortest_equal_one)
{
	static const char *const pairs[][2] = {
		{"", "."},
		{".", "."},
		{"./", "."},
		{"/", "/"},
		{"//", "/"},
		{"/.", "/"},
		{"/..", "/"},
		{"/../..", "/"},
		{"/../a", "/a"},
		{"a", "a"},
		{"a/", "a"},
		{"a//b", "a/b"},
		{"a/./b", "a/b"},
		{"a/b/..", "a"},
		{"a/..", "."},
		{"a/../b", "b"},
		{"..", ".."},
		{"../..", "../.."},
		{"../a", "../a"},
		{"a/../..", ".."},
		{"/a/b/../../c", "/c"},
		{"/a/../b/", "/b"},
		{"a/b/./../c/", "a/c"},
		{"...", "..."},
		{"a/...", "a/..."},
		{"/.a/..b", "/.a/..b"},
		{"b../..", "."},
		{"x../a", "x../a"},
		{"../../a/../b", "../../b"},
		{"/a/..", "/"},
		{"ab/cd/../..", "."},
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		cleanup_free char *clean = path_clean(pairs[i][0]);

		ck_assert_msg(str_eq(clean, pairs[i][1]), "'%s' -> '%s'", pairs[i][0], clean);
	}
}
END_TEST

START_TEST(joined_paths_have_one_slash)
{
	static const char *const triples[][3] = {
		{"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"a//", "b", "a/b"},
		{"/", "b", "/b"},  {"//", "b", "/b"},  {"", "b", "b"},
		{"a", "", "a"},	   {"a", "/b", "/b"},  {"", "", ""},
	};

	for (size_t i = 0; i < sizeof(triples) / sizeof(triples[0]); i++) {
		cleanup_free char *joined = path_join(triples[i][0], triples[i][1]);

		ck_assert_str_eq(joined, triples[i][2]);
	}
	ck_assert_str_eq(path_base("a/b"), "b");
	ck_assert_str_eq(path_base("b"), "b");
	ck_assert_str_eq(path_base("a/"), "");
}
END_TEST

int main(void)
{
	return CK_MAIN("base/path", links_in_a_rootfs_never_leave_it,
		       magic_links_of_proc_do_not_work_in_a_rootfs,
		       the_root_is_named_by_a_slash_and_by_nothing,
		       a_rootfs_refuses_by_the_right_code, foreign_files_are_opened_only_if_regular,
		       directories_in_a_rootfs_are_made_through_links_but_never_outside,
		       directories_are_not_made_over_other_things,
		       links_to_directories_to_be_made_are_counted,
		       new_directories_have_the_mode_whatever_the_umask,
		       our_own_directories_have_no_links, our_own_paths_do_not_leave,
		       a_directory_is_made_once, a_file_is_read_up_to_its_limit,
		       only_regular_files_are_read, a_nul_is_refused_where_no_length_is_asked,
		       a_pipe_is_read_to_its_end, a_file_is_replaced_whole_and_with_its_mode,
		       a_planted_link_is_replaced_not_followed,
		       a_failed_replacement_leaves_the_old_and_nothing_else,
		       an_absent_file_is_removed_already,
		       a_tree_is_removed_and_links_in_it_are_not_followed,
		       removing_what_is_no_directory_removes_it,
		       a_tree_deeper_than_any_path_is_removed_with_few_descriptors,
		       the_content_goes_and_the_directory_stays, permissions_do_not_stop_a_removal,
		       immutable_files_do_not_stop_a_removal, a_mount_in_a_tree_stops_the_removal,
		       a_name_is_one_component, a_clean_path_is_the_shortest_equal_one,
		       joined_paths_have_one_slash);
}
