/* SPDX-License-Identifier: Apache-2.0 */
/* Bounds: of time after a cancellation, of memory, of what structs and descriptors say. */
#include <pthread.h>
#include <sys/ioctl.h>

#include "base/clock.h"
#include "tests/conformance/storage/cases.h"

enum {
	MANY_FILES = 1500,
	LIVES = 100,
	GROWTH_MAX = 65536,
	CANCEL_AFTER_US = 2000,
};

static void put_file(const struct rig *r BERTH_UNUSED, int dirfd)
{
	ck_write(dirfd, "file", "text");
}

static void put_many(const struct rig *r BERTH_UNUSED, int dirfd)
{
	for (int i = 0; i < MANY_FILES; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "f%d", i);
		ck_write(dirfd, name, name);
	}
}

/* ---------------------------------------------------------------------------------- cancellation */

struct canceller {
	struct berth_op op;
	pthread_t thread;
	int64_t at;
};

static void *cancel_later(void *arg)
{
	struct canceller *c = arg;

	(void)usleep(CANCEL_AFTER_US);
	c->at = clock_mono_ns();
	lent_cancel(&c->op);
	return NULL;
}

static struct berth_op *cancel_soon(struct canceller *c)
{
	*c = (struct canceller){.op = LENT_OP};
	ck_assert_int_eq(pthread_create(&c->thread, NULL, cancel_later, c), 0);
	return &c->op;
}

/* What the call said after that. */
static void ck_in_time(struct canceller *c, const char *call, int result)
{
	int64_t now = clock_mono_ns();

	ck_assert_int_eq(pthread_join(c->thread, NULL), 0);
	lent_op_done(&c->op);
	ck_assert_msg(result == 0 || result == -BERTH_E_CANCELLED, "%s: %s: %s", call,
		      berth_code_name(result), err.text);
	ck_assert_msg(now - c->at < CLOCK_SECOND, "%s: %lld ms after it was cancelled", call,
		      (long long)((now - c->at) / 1000000));
}

START_TEST(a_cancelled_call_ends_within_a_second)
{
	const struct berth_layer_desc desc = {.size = sizeof(desc), .layer = "b", .parent = "a"};
	struct berth_sink sink = {.limit = 65536};
	struct canceller c;
	struct berth_ingest *in;
	struct rig r;
	uint64_t bytes;
	int got;

	rig_open(&r);
	rig_layer(&r, "a", NULL, put_many);
	got = r.ops->ingest_begin(r.st, &desc, cancel_soon(&c), &in, &err);
	ck_in_time(&c, "ingest_begin", got);
	if (got == 0) {
		got = r.ops->ingest_commit(in, "a", cancel_soon(&c), &err);
		ck_in_time(&c, "ingest_commit", got);
	}
	ck_assert_str_eq(rig_names(&r, BERTH_EACH_LAYERS), got == 0 ? "a b " : "a ");
	if (suite_has("check")) {
		ck_in_time(
			&c, "check",
			r.ops->check(r.st, NULL, BERTH_CHECK_FULL, cancel_soon(&c), &sink, &err));
	}
	if (got == 0)
		ck_ok(r.ops->layer_remove(r.st, "b", &err));
	ck_ok(r.ops->layer_remove(r.st, "a", &err));
	if (suite_has("reclaim")) {
		got = r.ops->reclaim(r.st, cancel_soon(&c), &bytes, &err);
		ck_in_time(&c, "reclaim", got);
	}
	ck_assert_str_eq(rig_names(&r, BERTH_EACH_LAYERS), "");
	lent_sink_done(&sink);
	rig_close(&r);
}
END_TEST

/* ---------------------------------------------------------------------------------------- memory */

static void live(const struct rig *r)
{
	const struct berth_layer_desc bad = {.size = sizeof(bad), .layer = "c", .parent = "absent"};
	struct berth_ingest *in;
	int fd;

	rig_layer(r, "a", NULL, put_file);
	rig_layer(r, "b", "a", NULL);
	rig_view(r, "v", "b", 0);
	fd = rig_mount(r, "v");
	ck_assert_int_eq(close(fd), 0);
	(void)r->ops->ingest_begin(r->st, &bad, NULL, &in, NULL);
	(void)r->ops->view_create(r->st, "v", "a", 0, NULL, NULL);
	(void)rig_names(r, BERTH_EACH_LAYERS | BERTH_EACH_VIEWS);
	ck_ok(r->ops->view_remove(r->st, "v", &err));
	ck_ok(r->ops->layer_remove(r->st, "b", &err));
	ck_ok(r->ops->layer_remove(r->st, "a", &err));
	(void)rig_held(r);
}

START_TEST(no_call_keeps_memory)
{
	struct rig r;
	size_t bytes;

	rig_open(&r);
	for (int i = 0; i < 5; i++)
		live(&r);
	bytes = suite_memory();
	for (int i = 0; i < LIVES; i++)
		live(&r);
	ck_assert_msg(suite_memory() < bytes + GROWTH_MAX, "%zu bytes more",
		      suite_memory() - bytes);
	rig_close(&r);
}
END_TEST

/* --------------------------------------------------------------------------------------- hostile */

/* Callers of another day: members behind `size` are not theirs. */
START_TEST(a_driver_reads_only_as_much_of_a_struct_as_the_caller_has)
{
	struct {
		struct berth_layer_desc desc;
		char more[64];
	} later = {.desc = {.size = sizeof(later), .layer = "a"}};
	struct berth_view_opts early = {.size = offsetof(struct berth_view_opts, want_form),
					.userns_fd = -1,
					.want_form = UINT64_MAX,
					.attr = UINT64_MAX,
					.conf = (const struct berth_conf *)(uintptr_t)0x10};
	struct berth_ingest *in;
	struct rig r;
	int fd;

	memset(later.more, 0xff, sizeof(later.more));
	rig_open(&r);
	ck_ok(r.ops->ingest_begin(r.st, &later.desc, NULL, &in, &err));
	ck_ok(r.ops->ingest_commit(in, NULL, NULL, &err));
	rig_view(&r, "v", "a", 0);
	ck_ok(r.ops->view_mount(r.st, "v", &early, &fd, &err));
	ck_assert_int_eq(close(fd), 0);
	rig_close(&r);
}
END_TEST

START_TEST(what_is_no_user_namespace_is_refused)
{
	struct berth_view_opts opts = {.size = sizeof(opts)};
	struct rig r;
	int fds[2];
	int fd = -5;

	rig_open(&r);
	rig_layer(&r, "a", NULL, put_file);
	rig_view(&r, "v", "a", 0);
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	for (int i = 0; i < 3; i++) {
		static const char *const files[] = {"/dev/null", "/proc/self/ns/mnt"};
		int got;

		opts.userns_fd = i == 2 ? fds[0] : open(files[i], O_RDONLY | O_CLOEXEC);
		got = r.ops->view_mount(r.st, "v", &opts, &fd, &err);
		ck_assert_msg(got < 0, "it takes '%s' for a user namespace", files[i % 2]);
		ck_assert_int_eq(err.code, -got);
		ck_assert_int_eq(fd, -5);
		(void)close(opts.userns_fd);
	}
	(void)close(fds[1]);
	rig_close(&r);
}
END_TEST

SUITE_CASES(bound_cases, a_cancelled_call_ends_within_a_second, no_call_keeps_memory,
	    a_driver_reads_only_as_much_of_a_struct_as_the_caller_has,
	    what_is_no_user_namespace_is_refused);
