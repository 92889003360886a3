/* SPDX-License-Identifier: Apache-2.0 */
/* A container and more than one process that looks after it. */
#include "rig.h"

#include <signal.h>
#include <sys/wait.h>

static struct berth_str whole(const char *text)
{
	return (struct berth_str){text, strlen(text)};
}

static char *saved(const struct box *b)
{
	cleanup_fd int fd = openat(b->own_fd, "saved", O_RDONLY | O_CLOEXEC);
	char *text = NULL;
	size_t len;

	ck_assert_int_ge(fd, 0);
	ck_ok(read_fd_limited(fd, 65536, &text, &len, &err));
	ck_assert_int_eq(unlinkat(b->own_fd, "saved", 0), 0);
	return text;
}

/* The handle that this process has is given up; another is made from @state. */
static void take_over(struct box *b, const char *state)
{
	b->ops->forget(b->sb);
	b->sb = NULL;
	ck_ok(b->ops->recover(b->iso, b->id, whole(state), &b->sb, &err));
}

/* A creator of its own, which says its state through a file and then ends, or hangs. */
static pid_t create_elsewhere(struct box *b, bool hang)
{
	pid_t pid = fork();

	if (pid == 0) {
		cleanup_free char *state = NULL;

		box_create(b);
		state = box_save(b);
		ck_write(b->own_fd, "saved.tmp", state);
		ck_assert_int_eq(renameat(b->own_fd, "saved.tmp", b->own_fd, "saved"), 0);
		if (hang)
			(void)pause();
		_exit(0);
	}
	for (int i = 0; i < 1000 && !ck_exists(b->own_fd, "saved"); i++)
		(void)usleep(5000);
	ck_assert(ck_exists(b->own_fd, "saved"));
	return pid;
}

static int in_another_process(int (*fn)(struct box *b, const char *state), struct box *b,
			      const char *state)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(fn(b, state));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

START_TEST(one_process_creates_and_another_starts)
{
	struct box b = box("onterm 3 say up pause");
	cleanup_free char *state = NULL;
	pid_t creator;

	b.launch.flags = BERTH_LAUNCH_OUTLIVE;
	creator = create_elsewhere(&b, false);
	ck_assert_int_eq(waitpid(creator, NULL, 0), creator);
	state = saved(&b);
	take_over(&b, state);
	ck_assert_int_gt(box_pid(&b), 0);
	ck_assert_ptr_null(box_line(&b, "up"));
	box_start(&b);
	box_await(&b, "up");
	ck_fails(BERTH_E_BUSY, b.ops->start(b.sb, &err));
	take_over(&b, state); /* older than the start */
	ck_fails(BERTH_E_BUSY, b.ops->start(b.sb, &err));
	ck_ok(b.ops->signal(b.sb, SIGTERM, 0, &err));
	/* this process is the subreaper to which it was given */
	ck_assert_int_eq(box_wait(&b).code, 3);
	box_end(&b);
}
END_TEST

START_TEST(a_start_elsewhere_says_what_is_wrong)
{
	struct box b = box("exit 0");
	cleanup_free char *state = NULL;
	pid_t creator;

	b.launch.flags = BERTH_LAUNCH_OUTLIVE;
	box_set(&b, "process.args", "['/nope']");
	creator = create_elsewhere(&b, false);
	ck_assert_int_eq(waitpid(creator, NULL, 0), creator);
	state = saved(&b);
	take_over(&b, state);
	ck_fails(BERTH_E_EXEC, b.ops->start(b.sb, &err));
	ck_says("stat /nope");
	box_end(&b);
}
END_TEST

START_TEST(without_its_creator_it_never_begins)
{
	struct box b = box("say up pause");
	cleanup_free char *state = NULL;
	struct berth_exit e;
	pid_t creator = create_elsewhere(&b, true);

	state = saved(&b);
	ck_assert(box_has_group(&b));
	ck_assert_int_eq(kill(creator, SIGKILL), 0);
	ck_assert_int_eq(waitpid(creator, NULL, 0), creator);
	take_over(&b, state);
	e = box_wait(&b); /* it ends by itself */
	ck_assert_int_ne(e.code, 0);
	ck_fails(BERTH_E_NOT_FOUND, b.ops->start(b.sb, &err));
	ck_assert_ptr_null(box_line(&b, "up"));
	box_end(&b);
}
END_TEST

static int use_it(struct box *b, const char *state)
{
	struct berth_exit e = {.size = sizeof(e)};
	int pidfd = -1;
	int fd = -1;

	b->sb = NULL;
	if (b->ops->recover(b->iso, b->id, whole(state), &b->sb, NULL) < 0)
		return 1;
	if (box_try_exec(b, "sys keyctl exit 5", "{}", &pidfd, NULL) < 0 ||
	    box_exec_wait(pidfd) != 5)
		return 2;
	if (b->ops->freeze(b->sb, true, NULL) < 0 ||
	    box_try_exec(b, "exit 0", "{}", &pidfd, NULL) != -BERTH_E_BUSY ||
	    b->ops->freeze(b->sb, false, NULL) < 0)
		return 3;
	if (b->ops->reap(b->sb, &e, NULL) != -BERTH_E_BUSY)
		return 4;
	if (b->ops->signal(b->sb, SIGTERM, 0, NULL) < 0 || b->ops->wait_fd(b->sb, &fd, NULL) < 0)
		return 5;
	return 0;
}

START_TEST(another_process_can_do_all_with_it)
{
	struct box b = box("onterm 9 say up pause");
	cleanup_free char *state = NULL;

	box_create(&b);
	box_start(&b);
	box_await(&b, "up");
	state = box_save(&b);
	ck_assert_uint_lt(strlen(state), 65536);
	/* groups that come later are known to who makes them */
	ck_ok(b.ops->freeze(b.sb, true, &err));
	ck_ok(b.ops->freeze(b.sb, false, &err));
	ck_assert_int_eq(in_another_process(use_it, &b, state), 0);
	ck_assert_int_eq(box_wait(&b).code, 9);
	box_says(&b, "sys keyctl EPERM"); /* the filter was saved, too */
	box_end(&b);
}
END_TEST

static int end_it(struct box *b, const char *state)
{
	struct berth_exit e = {.size = sizeof(e)};

	b->sb = NULL;
	if (b->ops->recover(b->iso, b->id, whole(state), &b->sb, NULL) < 0)
		return 1;
	if (b->ops->destroy(b->sb, NULL) < 0)
		return 2;
	if (b->ops->reap(b->sb, &e, NULL) < 0 || !(e.flags & BERTH_EXIT_UNKNOWN))
		return 3;
	return box_has_group(b) ? 4 : 0;
}

START_TEST(another_process_can_destroy_it)
{
	struct box b = box("fork 3 say up pause");
	cleanup_free char *state = NULL;
	struct berth_sandbox *none = NULL;

	box_create(&b);
	box_start(&b);
	box_await(&b, "up");
	state = box_save(&b);
	ck_assert_int_eq(in_another_process(end_it, &b, state), 0);
	ck_assert_int_eq(box_wait(&b).code, 137);
	ck_fails(BERTH_E_NOT_FOUND, b.ops->recover(b.iso, b.id, whole(state), &none, &err));
	ck_assert_ptr_null(none);
	box_end(&b);
}
END_TEST

START_TEST(a_specification_is_enough_to_clean_up)
{
	struct box b = box("fork 3 say up pause");
	cleanup_free char *spec = record_to_text(b.spec, RECORD_COMPACT);
	struct berth_exit e = {.size = sizeof(e)};

	box_create(&b);
	box_start(&b);
	box_await(&b, "up");
	take_over(&b, spec);
	box_destroy(&b);
	ck_ok(b.ops->reap(b.sb, &e, &err));
	ck_assert_uint_eq(e.flags & BERTH_EXIT_UNKNOWN, BERTH_EXIT_UNKNOWN);
	ck_assert_int_gt(waitpid(-1, NULL, 0), 0); /* the first process: nobody has reaped it */
	box_end(&b);
}
END_TEST

START_TEST(nothing_is_found_where_nothing_is)
{
	struct box b = box("exit 0");
	struct berth_sandbox *none = NULL;

	ck_fails(BERTH_E_NOT_FOUND, b.ops->recover(b.iso, b.id, whole(""), &none, &err));
	ck_fails(BERTH_E_CORRUPT, b.ops->recover(b.iso, b.id, whole("{\"Pid\":"), &none, &err));
	ck_fails(BERTH_E_UNSUPPORTED,
		 b.ops->recover(b.iso, b.id, whole("{\"NativeState\":2}"), &none, &err));
	ck_fails(BERTH_E_INVALID, b.ops->recover(b.iso, "../x", whole(""), &none, &err));
	ck_assert_ptr_null(none);
	box_end(&b);
}
END_TEST

START_TEST(a_pid_that_is_anothers_now_is_left_alone)
{
	struct box b = box("say up pause");
	cleanup_record struct record *r = NULL;
	cleanup_free char *state = NULL;
	cleanup_free char *forged = NULL;
	pid_t bystander = fork();

	if (bystander == 0)
		for (;;)
			(void)pause();
	box_create(&b);
	box_start(&b);
	box_await(&b, "up");
	state = box_save(&b);
	ck_ok(record_parse(state, strlen(state), 0, &r, &err));
	ck_ok(record_set_int(r, "Pid", bystander, &err));
	forged = record_to_text(r, RECORD_COMPACT);
	take_over(&b, forged);
	ck_assert_int_eq(box_pid(&b), 0);
	ck_fails(BERTH_E_NOT_FOUND, b.ops->signal(b.sb, SIGKILL, 0, &err));
	box_destroy(&b);
	ck_assert_int_eq(waitpid(bystander, NULL, WNOHANG), 0);
	ck_assert_int_eq(kill(bystander, SIGKILL), 0);
	ck_assert_int_gt(waitpid(-1, NULL, 0), 0);
	ck_assert_int_gt(waitpid(-1, NULL, 0), 0);
	box_end(&b);
}
END_TEST

RIG_CASES(life_cases, one_process_creates_and_another_starts, a_start_elsewhere_says_what_is_wrong,
	  without_its_creator_it_never_begins, another_process_can_do_all_with_it,
	  another_process_can_destroy_it, a_specification_is_enough_to_clean_up,
	  nothing_is_found_where_nothing_is, a_pid_that_is_anothers_now_is_left_alone);
