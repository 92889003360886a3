/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conformance/storage/cases.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

enum { OPENS = 50 };

static void put_file(const struct rig *r BERTH_UNUSED, int dirfd)
{
	ck_write(dirfd, "file", "text");
}

START_TEST(caps_have_their_calls)
{
	const struct berth_driver *head = suite_driver();
	const uint64_t forms = BERTH_ST_FORM_DIR | BERTH_ST_FORM_BLOCK | BERTH_ST_FORM_IMAGE;

	ck_assert_uint_eq(head->kind, BERTH_STORAGE);
	ck_assert(head->caps & (BERTH_ST_INGEST_TREE | BERTH_ST_INGEST_TAR));
	ck_assert(!(head->caps & BERTH_ST_INGEST_TREE) || suite_has("ingest_tree"));
	ck_assert(!(head->caps & BERTH_ST_INGEST_TAR) || suite_has("ingest_tar"));
	ck_assert(!(head->caps & BERTH_ST_QUOTA) || suite_has("view_limit"));
	ck_assert(!(head->caps & BERTH_ST_NATIVE_DIFF) || suite_has("changes"));
	ck_assert(!(head->caps & BERTH_ST_TAR_EXACT) || suite_has("diff_tar"));
	ck_assert(!(head->caps & BERTH_ST_FORM_DIR) || suite_has("view_mount"));
	ck_assert(head->caps & forms);
	ck_assert(suite_has("view_plan") == suite_has("view_put"));
	ck_assert(!(head->caps & BERTH_ST_IDMAP) || !(head->caps & BERTH_ST_CHOWN_CLONE));
}
END_TEST

START_TEST(opens_and_reclaims_leave_what_is_held)
{
	struct rig r;
	size_t held;
	int fds;

	rig_open(&r);
	rig_layer(&r, "a", NULL, put_file);
	held = rig_held(&r);
	rig_reopen(&r);
	fds = ck_count_fds();
	for (int i = 0; i < OPENS; i++)
		rig_reopen(&r);
	ck_assert_int_eq(ck_count_fds(), fds);
	ck_assert_uint_eq(rig_held(&r), held);
	rig_close(&r);
}
END_TEST

START_TEST(no_call_leaves_a_descriptor)
{
	struct berth_usage usage = {.size = sizeof(usage)};
	struct rig r;
	int fds = 0;

	rig_open(&r);
	rig_layer(&r, "base", NULL, put_file);
	for (int i = 0; i < 3; i++) {
		int fd;

		rig_layer(&r, "a", "base", put_file);
		rig_view(&r, "v", "a", 0);
		fd = rig_mount(&r, "v");
		ck_write(fd, "new", "n");
		ck_assert_int_eq(close(fd), 0);
		if (suite_has("usage"))
			ck_ok(r.ops->usage(r.st, "v", BERTH_EACH_VIEWS, &usage, &err));
		rig_check(&r);
		(void)r.ops->view_create(r.st, "v", "a", 0, NULL, NULL);
		(void)r.ops->layer_remove(r.st, "a", NULL);
		ck_ok(r.ops->view_remove(r.st, "v", &err));
		ck_ok(r.ops->layer_remove(r.st, "a", &err));
		(void)rig_held(&r);
		if (i == 0)
			fds = ck_count_fds();
	}
	ck_assert_int_eq(ck_count_fds(), fds);
	rig_close(&r);
}
END_TEST

START_TEST(two_instances_do_not_see_each_other)
{
	struct rig a;
	struct rig b;

	rig_open(&a);
	rig_open(&b);
	rig_layer(&a, "a", NULL, put_file);
	rig_layer(&b, "b", NULL, put_file);
	rig_layer(&b, "a", NULL, put_file);
	rig_view(&a, "v", "a", 0);
	ck_assert_str_eq(rig_names(&a, BERTH_EACH_LAYERS | BERTH_EACH_VIEWS), "a v ");
	ck_assert_str_eq(rig_names(&b, BERTH_EACH_LAYERS | BERTH_EACH_VIEWS), "a b ");
	rig_close(&a);
	ck_ok(b.ops->layer_remove(b.st, "a", &err));
	rig_close(&b);
}
END_TEST

START_TEST(two_instances_on_one_state_see_the_same)
{
	struct rig a;
	struct rig b;
	void *instance;

	rig_open(&a);
	b = a;
	ck_ok(a.head->open(lent_host(), rig_conf(), a.statefd, &instance, &err));
	b.st = instance;
	rig_layer(&a, "a", NULL, put_file);
	rig_view(&b, "v", "a", 0);
	ck_fails(BERTH_E_BUSY, a.ops->layer_remove(a.st, "a", &err));
	ck_assert_str_eq(rig_names(&a, BERTH_EACH_VIEWS), "v ");
	b.head->close(b.st);
	rig_close(&a);
}
END_TEST

START_TEST(usage_says_what_would_be_freed)
{
	struct berth_usage layer = {.size = sizeof(layer)};
	struct berth_usage view = {.size = sizeof(view)};
	struct berth_usage old = {.size = offsetof(struct berth_usage, inodes), .inodes = 77};
	static const char bytes[1 << 20] = "x";
	struct rig r;
	int fd;
	int file;

	cases_need("usage");
	rig_open(&r);
	rig_layer(&r, "a", NULL, put_file);
	rig_view(&r, "v", "a", 0);
	ck_ok(r.ops->usage(r.st, "a", BERTH_EACH_LAYERS, &layer, &err));
	ck_assert_uint_eq(layer.inodes, 2);
	ck_assert_uint_gt(layer.own, 0);
	ck_assert_uint_lt(layer.own, 65536);
	fd = rig_mount(&r, "v");
	file = openat(fd, "big", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	ck_assert_int_eq(write(file, bytes, sizeof(bytes)), (ssize_t)sizeof(bytes));
	ck_assert_int_eq(fsync(file), 0);
	(void)close(file);
	ck_assert_int_eq(close(fd), 0);
	ck_ok(r.ops->usage(r.st, "v", BERTH_EACH_VIEWS, &view, &err));
	ck_assert_uint_ge(view.own, 1 << 20);
	ck_assert_uint_lt(view.own, 2 << 20);
	/* a caller with an older, smaller struct gets what it knows */
	ck_ok(r.ops->usage(r.st, "a", BERTH_EACH_LAYERS, &old, &err));
	ck_assert_uint_eq(old.own, layer.own);
	ck_assert_uint_eq(old.inodes, 77);
	rig_close(&r);
}
END_TEST

START_TEST(a_check_of_what_is_whole_finds_nothing)
{
	struct berth_sink sink = {.limit = 65536};
	struct rig r;

	cases_need("check");
	rig_open(&r);
	rig_layer(&r, "a", NULL, put_file);
	rig_layer(&r, "b", "a", NULL);
	rig_view(&r, "v", "b", 0);
	rig_view(&r, "r", "b", BERTH_VIEW_READ_ONLY);
	rig_view(&r, "n", NULL, 0);
	ck_ok(r.ops->check(r.st, NULL, BERTH_CHECK_QUICK, NULL, &sink, &err));
	ck_ok(r.ops->check(r.st, "b", BERTH_CHECK_FULL, NULL, &sink, &err));
	ck_assert_ptr_null(sink.findings);
	ck_fails(BERTH_E_NOT_FOUND,
		 r.ops->check(r.st, "absent", BERTH_CHECK_QUICK, NULL, &sink, &err));
	rig_check(&r);
	rig_close(&r);
}
END_TEST

START_TEST(a_reclaim_can_be_cancelled_and_goes_on_later)
{
	struct berth_op op = LENT_OP;
	struct rig r;
	size_t held;
	uint64_t bytes = 77;

	cases_need("reclaim");
	rig_open(&r);
	held = rig_held(&r);
	rig_layer(&r, "a", NULL, put_file);
	ck_ok(r.ops->layer_remove(r.st, "a", &err));
	op.cancelled = true;
	ck_fails(BERTH_E_CANCELLED, r.ops->reclaim(r.st, &op, &bytes, &err));
	ck_assert_uint_eq(bytes, 77);
	close_fd(&op.fd); /* it stays readable */
	op = (struct berth_op)LENT_OP;
	ck_ok(r.ops->reclaim(r.st, &op, &bytes, &err));
	ck_assert_uint_ne(bytes, 77);
	ck_assert_uint_eq(rig_held(&r), held);
	rig_close(&r);
}
END_TEST

START_TEST(a_reclaim_frees_what_a_container_made_immutable)
{
	int flags = FS_IMMUTABLE_FL;
	struct rig r;
	size_t held;
	int fd;
	int file;

	cases_need_owners();
	rig_open(&r);
	rig_layer(&r, "a", NULL, put_file);
	held = rig_held(&r);
	rig_view(&r, "v", "a", 0);
	fd = rig_mount(&r, "v");
	ck_assert_int_eq(mkdirat(fd, "dir", 0755), 0);
	ck_write(fd, "dir/file", "f");
	file = openat(fd, "dir/file", O_RDONLY | O_CLOEXEC);
	if (ioctl(file, FS_IOC_SETFLAGS, &flags) == 0)
		ck_assert_int_lt(unlinkat(fd, "dir/file", 0), 0);
	ck_assert_int_eq(close(file), 0);
	ck_assert_int_eq(close(fd), 0);
	ck_ok(r.ops->view_remove(r.st, "v", &err));
	ck_assert_uint_eq(rig_held(&r), held);
	rig_close(&r);
}
END_TEST

START_TEST(nothing_is_printed)
{
	char text[64];
	int out[2];
	int status;
	pid_t pid;

	ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
	pid = ck_fork();
	if (pid == 0) {
		const struct berth_view_opts opts = {.size = sizeof(opts), .userns_fd = -1};
		struct rig r;
		int fd;

		(void)dup2(out[1], STDOUT_FILENO);
		(void)dup2(out[1], STDERR_FILENO);
		rig_open(&r);
		rig_layer(&r, "a", NULL, put_file);
		rig_view(&r, "v", "a", 0);
		fd = rig_mount(&r, "v");
		(void)close(fd);
		(void)r.ops->layer_remove(r.st, "a", NULL);
		(void)r.ops->view_mount(r.st, "absent", &opts, &fd, NULL);
		(void)rig_held(&r);
		rig_close(&r);
		_exit(0);
	}
	(void)close(out[1]);
	ck_assert_int_eq(read(out[0], text, sizeof(text)), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	(void)close(out[0]);
}
END_TEST

SUITE_CASES(whole_cases, caps_have_their_calls, opens_and_reclaims_leave_what_is_held,
	    no_call_leaves_a_descriptor, two_instances_do_not_see_each_other,
	    two_instances_on_one_state_see_the_same, usage_says_what_would_be_freed,
	    a_check_of_what_is_whole_finds_nothing, a_reclaim_can_be_cancelled_and_goes_on_later,
	    a_reclaim_frees_what_a_container_made_immutable, nothing_is_printed);
