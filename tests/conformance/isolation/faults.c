/* SPDX-License-Identifier: Apache-2.0 */
/* Each call of the driver with one failing system call or allocation after the other. */
#include <sys/wait.h>
#include <unistd.h>

#include "tests/conformance/fault.h"
#include "tests/conformance/isolation/iso.h"

/* Nothing of it is there: no child of ours, no group. What was killed may take a moment. */
static void ck_gone(struct box *b)
{
	suite_moved(); /* the driver's own process is a child as well */
	for (int i = 0; i < 400 && waitpid(-1, NULL, WNOHANG) >= 0; i++)
		(void)usleep(1000);
	ck_assert_msg(waitpid(-1, NULL, WNOHANG) < 0, "a process of it is left");
	ck_assert_msg(!box_has_group(b), "a cgroup of it is left");
}

static void away(struct box *b)
{
	ck_ok(b->ops->destroy(b->sb, &err));
	b->ops->forget(b->sb);
	b->sb = NULL;
	ck_gone(b);
}

/* Once, so that what the driver keeps from the first one on is there. */
static struct box used(void)
{
	struct box b = box("pause");

	ck_ok(box_try_create(&b, &err));
	away(&b);
	return b;
}

static int create(void *arg, struct berth_error *e)
{
	return box_try_create(arg, e);
}

static void after_create(void *arg, int result)
{
	struct box *b = arg;

	if (result < 0) {
		ck_gone(b);
		ck_ok(box_try_create(b, &err));
	}
	away(b);
}

START_TEST(a_create_whose_calls_fail_leaves_nothing_and_can_be_repeated)
{
	struct box b = used();

	fault_each(&(struct fault_case){.run = create, .after = after_create, .arg = &b});
	box_end(&b);
}
END_TEST

static void before_start(void *arg)
{
	ck_ok(box_try_create(arg, &err));
}

static int start(void *arg, struct berth_error *e)
{
	const struct box *b = arg;

	return b->ops->start(b->sb, e);
}

static void after_start(void *arg, int result BERTH_UNUSED)
{
	away(arg);
}

START_TEST(a_start_whose_calls_fail_leaves_what_can_be_destroyed)
{
	struct box b = used();

	fault_each(&(struct fault_case){
		.before = before_start, .run = start, .after = after_start, .arg = &b});
	box_end(&b);
}
END_TEST

static int destroy(void *arg, struct berth_error *e)
{
	const struct box *b = arg;

	return b->ops->destroy(b->sb, e);
}

static void before_destroy(void *arg)
{
	struct box *b = arg;

	ck_ok(box_try_create(b, &err));
	ck_ok(b->ops->start(b->sb, &err));
}

START_TEST(a_destroy_whose_calls_fail_can_be_repeated)
{
	struct box b = used();

	fault_each(&(struct fault_case){
		.before = before_destroy, .run = destroy, .after = after_start, .arg = &b});
	box_end(&b);
}
END_TEST

SUITE_CASES(iso_fault_cases, a_create_whose_calls_fail_leaves_nothing_and_can_be_repeated,
	    a_start_whose_calls_fail_leaves_what_can_be_destroyed,
	    a_destroy_whose_calls_fail_can_be_repeated);
