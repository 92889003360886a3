/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes of containers by the project quotas of a filesystem: overlay.so, "TYPE,MOUNT-OPTIONS". */
#include "own.h"

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>

#include "tests/conformance/stand.h"

enum { DISK_BYTES = 400 << 20 };

static void put_one(const struct rig *r BERTH_UNUSED, int dirfd)
{
	ck_write(dirfd, "one", "layer");
}

static int fill_file(int dirfd, const char *name, size_t bytes)
{
	static char block[65536];
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	int failed = fd < 0 ? errno : 0;

	for (size_t at = 0; !failed && at < bytes; at += sizeof(block))
		if (write(fd, block, sizeof(block)) < 0)
			failed = errno;
	if (!failed && fsync(fd) < 0)
		failed = errno;
	(void)close(fd);
	return failed;
}

/* A view of 8 MB, one of 32 MB and 10 files, and one without a limit. */
START_TEST(a_size_limits_what_a_container_writes)
{
	const struct berth_conf conf = {.pairs = (const char *const[]){"size=8388608", NULL}};
	struct rig r;
	int failed;
	int fd;

	rig_open(&r);
	rig_layer(&r, "a", NULL, put_one);
	ck_ok(r.ops->view_create(r.st, "v", "a", 0, &conf, &err));
	ck_ok(r.ops->view_create(r.st, "w", "a", 0, &conf, &err));
	rig_view(&r, "free", "a", 0);
	ck_ok(r.ops->view_limit(r.st, "w", 32 << 20, 10, &err));
	fd = rig_mount(&r, "v");
	ck_write(fd, "one", "copied up");
	ck_assert_int_eq(mkdirat(fd, "dir", 0755), 0);
	ck_assert_int_eq(fill_file(fd, "dir/fits", 4 << 20), 0);
	failed = fill_file(fd, "dir/not", 8 << 20);
	ck_assert_msg(failed == EDQUOT || failed == ENOSPC, "it fits: %d", failed);
	ck_assert_int_eq(close(fd), 0);
	fd = rig_mount(&r, "w");
	ck_assert_int_eq(fill_file(fd, "more", 16 << 20), 0);
	failed = 0;
	for (int i = 0; !failed && i < 20; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "f%d", i);
		failed = mknodat(fd, name, S_IFREG | 0644, 0) < 0 ? errno : 0;
	}
	ck_assert_msg(failed == EDQUOT || failed == ENOSPC, "no limit of files");
	ck_assert_int_eq(close(fd), 0);
	fd = rig_mount(&r, "free");
	ck_assert_int_eq(fill_file(fd, "more", 40 << 20), 0);
	ck_assert_int_eq(close(fd), 0);
	ck_fails(BERTH_E_INVALID, r.ops->view_limit(r.st, "free", 1 << 20, 0, &err));
	ck_ok(r.ops->view_remove(r.st, "v", &err));
	(void)rig_held(&r);
	ck_ok(r.ops->view_create(r.st, "v", "a", 0, &conf, &err));
	rig_close(&r);
}
END_TEST

START_TEST(a_probe_says_that_sizes_can_be_limited)
{
	const struct berth_driver *head = lent_load(own.file);
	const struct berth_conf conf = {.options = head->options};
	struct berth_sink sink = {.limit = 65536};
	char path[96];
	int fd = ck_dir_at(path);

	ck_ok(head->probe(lent_host(), &conf, fd, &sink, &err));
	ck_assert_int_eq(lent_finding(&sink, "overlay.quota"), BERTH_FINDING_OK);
	lent_sink_done(&sink);
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

int main(int argc, char *argv[])
{
	const char *why;

	if (argc != 3)
		return 2;
	own.file = argv[1];
	if (geteuid() != 0)
		return ck_skip_all("needs root");
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return ck_skip_all("no mount namespace of our own");
	why = stand_disk(argv[2], DISK_BYTES, "/var/tmp");
	if (why)
		return ck_skip_all(why);
	return CK_MAIN("storage/quota", a_size_limits_what_a_container_writes,
		       a_probe_says_that_sizes_can_be_limited);
}
