/* SPDX-License-Identifier: Apache-2.0 */
/* Killed, crowded, full or cancelled: what was reported done is there, and nothing else stays. */
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "rig.h"

static struct rig r;

enum { LAYERS = 4, FILES = 300 };

/** An archive that takes a while. */
static int slow(void)
{
	struct rig_archive a = {0};
	struct rig_image image = {0};
	cleanup_free char *noise = malloc(40000);

	for (size_t i = 0; i < 40000; i++)
		noise[i] = (char)(i * 2654435761u >> 13);
	for (int i = 0; i < LAYERS; i++) {
		struct ltar t = {0};

		for (int j = 0; j < FILES; j++) {
			char name[32];

			(void)snprintf(name, sizeof(name), "d%d/f%d-%d", j % 7, i, j);
			ltar_entry(&t, '0', name, "", noise, 2000 + (size_t)(j * 97 % 38000));
		}
		rig_layer(&image, &t, RIG_GZIP);
	}
	rig_oci(&a, &image, "slow:1", false);
	rig_oci_end(&a);
	return rig_archive_fd(&a);
}

static void ck_whole(void)
{
	struct stat st;

	ck_assert(rig_stat(&r, NULL, "slow:1", "d0/f0-0", &st));
	ck_assert(rig_stat(&r, NULL, "slow:1", "d5/f3-299", &st));
	ck_assert_int_eq(st.st_size, 2000 + 299 * 97 % 38000);
}

/** Load in a child. Returns its pid. */
static pid_t load_in_child(int archive)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct rig own;
		cleanup_free char *path = str_fmt("/proc/self/fd/%d", archive);
		int fd = open(path, O_RDONLY | O_CLOEXEC); /* an offset of its own */
		int n;

		rig_open_at(&own, r.dir);
		n = rig_load(&own, fd, NULL, NULL, &err);
		if (n < 0)
			(void)fprintf(stderr, "# %s\n", err.text);
		_exit(n < 0);
	}
	return pid;
}

START_TEST(a_killed_load_leaves_nothing_that_the_next_one_minds)
{
	int archive = slow();
	int killed = 0;

	rig_open(&r);
	for (int ms = 1; ms < 400; ms += 1 + ms / 3) {
		cleanup_record struct record *list = NULL, *findings = record_new_array();
		pid_t pid = load_in_child(archive);
		int status;

		(void)usleep((useconds_t)ms * 1000);
		(void)kill(pid, SIGKILL);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		killed += WIFSIGNALED(status);
		if (rig_count(&r, "SELECT count(*) FROM image") > 0) {
			ck_whole(); /* it shows, so it is whole */
			ck_ok(image_remove(r.store, r.drivers, "slow:1", 0, &list, &err));
		}
		if (ms % 2) {
			/* either a repair puts it right, or the next load */
			ck_ok(image_check(r.store, r.drivers, true, findings, &err));
			ck_empty(&r);
		}
	}
	ck_assert_int_gt(killed, 3);
	{
		cleanup_free char *path = str_fmt("/proc/self/fd/%d", archive);

		ck_loads(&r, open(path, O_RDONLY | O_CLOEXEC));
	}
	ck_whole();
	{
		cleanup_record struct record *list = NULL, *findings = record_new_array();

		ck_ok(image_check(r.store, r.drivers, true, findings, &err));
		ck_ok(image_remove(r.store, r.drivers, "slow:1", 0, &list, &err));
	}
	ck_empty(&r);
	rig_close(&r);
}
END_TEST

START_TEST(several_loads_at_once_all_succeed_and_store_it_once)
{
	int archive = slow();
	pid_t pid[4];

	rig_open(&r);
	for (int i = 0; i < 4; i++)
		pid[i] = load_in_child(archive);
	for (int i = 0; i < 4; i++) {
		int status;

		ck_assert_int_eq(waitpid(pid[i], &status, 0), pid[i]);
		ck_assert_int_eq(status, 0);
	}
	ck_whole();
	ck_assert_int_eq(rig_count(&r, "SELECT count(*) FROM image"), 1);
	ck_assert_int_eq(rig_count(&r, "SELECT count(*) FROM layer_copy WHERE ready=1"), LAYERS);
	ck_assert_int_eq(rig_count(&r, "SELECT count(*) FROM blob"), LAYERS + 2);
	{
		cleanup_record struct record *list = NULL;

		ck_ok(image_remove(r.store, r.drivers, "slow:1", 0, &list, &err));
	}
	ck_empty(&r);
	rig_close(&r);
}
END_TEST

START_TEST(a_load_goes_on_when_another_one_that_it_waits_for_is_killed)
{
	int archive = slow();
	pid_t first, second;
	int status;

	rig_open(&r);
	first = load_in_child(archive);
	(void)usleep(30000);
	second = load_in_child(archive);
	(void)usleep(50000);
	(void)kill(first, SIGKILL);
	ck_assert_int_eq(waitpid(first, &status, 0), first);
	ck_assert_int_eq(waitpid(second, &status, 0), second);
	ck_assert_int_eq(status, 0);
	ck_whole();
	rig_close(&r);
}
END_TEST

static struct berth_op *cancelled_later;

static void on_progress(void *arg, uint64_t done, uint64_t total, const char *unit)
{
	if (done > 0)
		op_cancel(cancelled_later);
}

START_TEST(a_cancelled_load_leaves_nothing)
{
	struct record *list = NULL;
	int fd = slow();
	int n;

	rig_open(&r);
	ck_ok(op_new(on_progress, NULL, &cancelled_later, &err));
	n = r.work->load(r.store, r.drivers, fd, "x", NULL, NULL, NULL, cancelled_later, &list,
			 &err);
	/* it may have been done before the first look at the clock */
	if (n < 0) {
		ck_assert_int_eq(n, -BERTH_E_CANCELLED);
		ck_empty(&r);
	}
	record_free(list);
	op_free(cancelled_later);
	ck_ok(op_new(NULL, NULL, &cancelled_later, &err));
	op_cancel(cancelled_later);
	ck_fails(BERTH_E_CANCELLED, r.work->load(r.store, r.drivers, fd, "x", NULL, NULL, NULL,
						 cancelled_later, &list, &err));
	op_free(cancelled_later);
	(void)close(fd);
	rig_close(&r);
}
END_TEST

START_TEST(a_full_disk_is_said_and_leaves_nothing)
{
	int archive = slow();
	bool failed = false, done = false;

	/* the mount is seen by this test only */
	ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	for (int mb = 2; mb <= 128 && !done; mb *= 2) {
		cleanup_free char *options = str_fmt("size=%dm", mb);
		cleanup_free char *path = str_fmt("/proc/self/fd/%d", archive);
		char dir[96];
		int n;

		(void)close(ck_dir_at(dir));
		ck_assert_int_eq(mount("tmpfs", dir, "tmpfs", 0, options), 0);
		rig_open_at(&r, dir);
		n = rig_load(&r, open(path, O_RDONLY | O_CLOEXEC), NULL, NULL, &err);
		if (n < 0) {
			ck_assert_msg(n == -BERTH_E_FULL, "with %d MB: %s: %s", mb,
				      berth_code_name(n), err.text);
			ck_empty(&r);
			failed = true;
		} else {
			ck_whole();
			done = true;
		}
		rig_close(&r);
		ck_assert_int_eq(umount2(dir, MNT_DETACH), 0);
	}
	ck_assert(failed && done);
}
END_TEST

START_TEST(nothing_is_left_open)
{
	int archive = slow();
	cleanup_free char *path = str_fmt("/proc/self/fd/%d", archive);
	int before;

	rig_open(&r);
	/* the first one opens drivers and the log, which stay */
	ck_loads(&r, open(path, O_RDONLY | O_CLOEXEC));
	before = ck_count_fds();
	ck_loads(&r, open(path, O_RDONLY | O_CLOEXEC));
	{
		cleanup_record struct record *list = NULL;

		ck_ok(image_remove(r.store, r.drivers, "slow:1", 0, &list, &err));
	}
	ck_loads(&r, open(path, O_RDONLY | O_CLOEXEC));
	ck_assert_int_eq(ck_count_fds(), before);
	rig_close(&r);
}
END_TEST

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	rig_build = argv[1];
	rig_driver = argv[2];
	if (geteuid() != 0)
		return ck_skip_all("storage drivers need root");
	return CK_MAIN("image/crash", a_killed_load_leaves_nothing_that_the_next_one_minds,
		       several_loads_at_once_all_succeed_and_store_it_once,
		       a_load_goes_on_when_another_one_that_it_waits_for_is_killed,
		       a_cancelled_load_leaves_nothing, a_full_disk_is_said_and_leaves_nothing,
		       nothing_is_left_open);
}
