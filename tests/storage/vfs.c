/* SPDX-License-Identifier: Apache-2.0 */
/* What only the driver vfs promises, and what its state looks like (storage-vfs.md). */
#include "own.h"

#include <sys/mount.h>

enum { BIG = 3 << 20 };

static char byte_at(size_t i)
{
	return (char)(i * 2654435761u >> 13);
}

/* A file whose bytes tell where they are. */
static void put_big(const struct rig *r BERTH_UNUSED, int dirfd)
{
	cleanup_free char *bytes = malloc(BIG);
	int fd = openat(dirfd, "big", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	for (size_t i = 0; i < BIG; i++)
		bytes[i] = byte_at(i);
	ck_ok(write_all(fd, bytes, BIG, &err));
	ck_assert_int_eq(close(fd), 0);
	ck_write(dirfd, "empty", "");
}

/* Data, hole, data, hole: none of it on a boundary. */
static void put_holes(const struct rig *r BERTH_UNUSED, int dirfd)
{
	int fd = openat(dirfd, "holes", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	ck_assert_int_eq(pwrite(fd, "begin", 5, 0), 5);
	ck_assert_int_eq(pwrite(fd, "middle", 6, 5000001), 6);
	ck_assert_int_eq(ftruncate(fd, 9000003), 0);
	ck_assert_int_eq(close(fd), 0);
	fd = openat(dirfd, "only a hole", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	ck_assert_int_eq(ftruncate(fd, 7777777), 0);
	ck_assert_int_eq(close(fd), 0);
}

static void ck_big(int fd)
{
	cleanup_free char *bytes = NULL;
	cleanup_fd int file = openat(fd, "big", O_RDONLY | O_CLOEXEC);
	size_t n;

	ck_ok(read_fd_limited(file, BIG + 1, &bytes, &n, &err));
	ck_assert_uint_eq(n, BIG);
	for (size_t i = 0; i < n; i++) {
		if (bytes[i] != byte_at(i))
			ck_abort_msg("byte %zu is wrong", i);
	}
}

static void ck_holes(int fd)
{
	char bytes[16] = "";
	cleanup_fd int file = openat(fd, "holes", O_RDONLY | O_CLOEXEC);
	struct stat st;

	ck_assert_int_eq(fstat(file, &st), 0);
	ck_assert_int_eq(st.st_size, 9000003);
	ck_assert_int_lt(st.st_blocks, 200);
	ck_assert_int_eq(pread(file, bytes, 6, 5000001), 6);
	ck_assert_str_eq(bytes, "middle");
	ck_assert_int_eq(pread(file, bytes, 5, 0), 5);
	ck_assert_int_eq(memcmp(bytes, "begin", 5), 0);
	ck_assert_int_eq(fstatat(fd, "only a hole", &st, 0), 0);
	ck_assert_int_eq(st.st_size, 7777777);
	ck_assert_int_eq(st.st_blocks, 0);
}

static void ck_copies(const char *option)
{
	struct rig r;
	int fd;

	own.options[0] = option;
	rig_open(&r);
	rig_layer(&r, "a", NULL, put_big);
	rig_layer(&r, "b", "a", put_holes);
	rig_view(&r, "v", "b", 0);
	fd = rig_mount(&r, "v");
	ck_big(fd);
	ck_holes(fd);
	ck_assert_str_eq(ck_text(fd, "empty"), "");
	ck_assert_int_eq(close(fd), 0);
	rig_close(&r);
}

START_TEST(bytes_and_holes_are_copied)
{
	ck_copies("reflink=never");
}
END_TEST

START_TEST(bytes_and_holes_are_shared_or_copied)
{
	ck_copies("reflink=auto");
}
END_TEST

/* On tmpfs, which cannot. */
START_TEST(reflink_always_is_refused_where_it_cannot_be)
{
	const struct berth_conf conf = {.pairs = (const char *const[]){"reflink=always", NULL}};
	struct rig r;
	void *instance;

	r.head = lent_load(own.file);
	r.ops = r.head->ops;
	r.statefd = rig_tmpfs("8m");
	ck_ok(r.head->open(lent_host(), &conf, r.statefd, &instance, &err));
	r.st = instance;
	rig_layer(&r, "a", NULL, put_big);
	ck_fails(BERTH_E_UNSUPPORTED, r.ops->view_create(r.st, "v", "a", 0, NULL, &err));
	ck_assert_str_ne(err.hint, "");
	ck_assert_str_eq(rig_names(&r, BERTH_EACH_VIEWS), "");
	rig_close(&r);
}
END_TEST

static void put_links(const struct rig *r BERTH_UNUSED, int dirfd)
{
	char name[16];

	ck_write(dirfd, "one", "same");
	ck_assert_int_eq(symlinkat("x", dirfd, "link"), 0);
	ck_assert_int_eq(mkdirat(dirfd, "dir", 0755), 0);
	for (int i = 0; i < 20; i++) {
		(void)snprintf(name, sizeof(name), "dir/%d", i);
		ck_assert_int_eq(linkat(dirfd, "one", dirfd, name, 0), 0);
		(void)snprintf(name, sizeof(name), "dir/l%d", i);
		ck_assert_int_eq(linkat(dirfd, "link", dirfd, name, 0), 0);
	}
}

START_TEST(a_copy_has_its_own_hard_links)
{
	struct rig r;
	struct stat st;
	int fd;
	int tree;

	rig_open(&r);
	rig_layer(&r, "a", NULL, put_links);
	rig_view(&r, "v", "a", 0);
	fd = rig_mount(&r, "v");
	ck_assert_int_eq(fstatat(fd, "dir/7", &st, 0), 0);
	ck_assert_uint_eq(st.st_nlink, 21);
	ck_assert_int_eq(fstatat(fd, "dir/l7", &st, AT_SYMLINK_NOFOLLOW), 0);
	ck_assert_uint_eq(st.st_nlink, 21);
	ck_write(fd, "dir/3", "changed");
	ck_assert_str_eq(ck_text(fd, "one"), "changed");
	ck_ok(r.ops->tree_open(r.st, "a", &tree, &err));
	ck_assert_str_eq(ck_text(tree, "one"), "same");
	ck_assert_int_eq(close(tree), 0);
	ck_assert_int_eq(close(fd), 0);
	rig_check(&r);
	rig_close(&r);
}
END_TEST

START_TEST(the_state_is_as_documented)
{
	struct rig r;

	rig_open(&r);
	rig_layer(&r, "sha256:aa", NULL, put_links);
	rig_layer(&r, "b", "sha256:aa", NULL);
	rig_view(&r, "v", "b", 0);
	rig_view(&r, "ro", "b", BERTH_VIEW_READ_ONLY);
	ck_assert_str_eq(ck_text(r.statefd, "format"), "vfs 1\n");
	ck_assert_str_eq(ck_text(r.statefd, "layers/sha256=aa/tree/one"), "same");
	ck_assert_str_eq(ck_text(r.statefd, "layers/b/tree/one"), "same");
	ck_assert_str_eq(ck_text(r.statefd, "layers/b/parent"), "sha256:aa\n");
	ck_assert_str_eq(ck_text(r.statefd, "views/v/tree/one"), "same");
	ck_assert(!ck_exists(r.statefd, "views/v/links"));
	ck_assert(ck_exists(r.statefd, "views/ro/read-only"));
	ck_assert(!ck_exists(r.statefd, "views/ro/tree"));
	rig_close(&r);
}
END_TEST

START_TEST(a_state_of_another_driver_is_refused)
{
	struct rig r;
	void *instance;

	rig_open(&r);
	ck_write(r.statefd, "format", "overlay 1\n");
	ck_fails(BERTH_E_CORRUPT, r.head->open(lent_host(), NULL, r.statefd, &instance, &err));
	ck_says("overlay 1");
	rig_close(&r);
}
END_TEST

START_TEST(a_probe_says_what_copies_cost)
{
	const struct berth_driver *head = lent_load(own.file);
	const struct berth_conf conf = {.options = head->options};
	struct berth_sink sink = {.limit = 65536};
	int fd = rig_tmpfs("8m");

	ck_ok(head->probe(lent_host(), &conf, fd, &sink, &err));
	ck_assert_int_eq(lent_finding(&sink, "vfs.reflink"), BERTH_FINDING_WARN);
	ck_assert_int_eq(lent_finding(&sink, "vfs.mount"), BERTH_FINDING_OK);
	ck_assert_int_eq(lent_finding(&sink, "vfs.copy"), 0);
	ck_assert_uint_eq(rig_count(fd), 0);
	lent_sink_done(&sink);
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

int main(int argc, char *argv[])
{
	if (argc != 2)
		return 2;
	own.file = argv[1];
	if (geteuid() != 0)
		return ck_skip_all("needs root");
	return CK_MAIN("storage/vfs", bytes_and_holes_are_copied,
		       bytes_and_holes_are_shared_or_copied,
		       reflink_always_is_refused_where_it_cannot_be, a_copy_has_its_own_hard_links,
		       the_state_is_as_documented, a_state_of_another_driver_is_refused,
		       a_probe_says_what_copies_cost);
}
