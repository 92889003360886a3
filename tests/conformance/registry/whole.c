/* SPDX-License-Identifier: Apache-2.0 */
/* What stays whole: killed pushes, several processes, full disks, failing calls, long use. */
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "tests/conformance/fault.h"
#include "tests/conformance/registry/rig.h"

enum { KILLS = 12, CYCLES = 200 };

static void needs_push(void)
{
	reg_needs(BERTH_REG_PUSH, "capability 'push'");
}

/* A place in which one image is finished, if the place can hold more than one session's. */
static void open_with_first(struct rig *r, struct content *first)
{
	reg_open(r);
	if (!reg_can(r, BERTH_REG_ARCHIVE) || reg_is_dir(r))
		reg_fill(r, first);
}

/* A file that is to be written is empty. */
static void make_room(struct rig *r)
{
	if (!reg_can(r, BERTH_REG_ARCHIVE) || reg_is_dir(r))
		return;
	ck_assert_int_eq(ftruncate(r->fd, 0), 0);
	ck_assert_int_eq(lseek(r->fd, 0, SEEK_SET), 0);
}

static void ck_first(struct rig *r, const struct content *first)
{
	if (first->repo)
		reg_comes_back(r, first);
}

static void kill_and_wait(pid_t pid)
{
	int status = suite_kill(pid);

	ck_assert_msg(WIFSIGNALED(status), "it had ended by itself: %d", WEXITSTATUS(status));
}

/* Push the half of an image, say so, and wait to be killed. */
_Noreturn static void push_half(const struct rig *r, const struct content *c, int ready)
{
	struct rig mine;
	struct berth_where where;
	struct berth_desc desc = reg_desc(&c->layer);
	struct berth_upload *up = NULL;

	reg_open_again(r, &mine);
	where = reg_where_push(&mine);
	ck_ok(reg_push_blob(&mine, c->repo, &c->config));
	ck_ok(mine.ops->upload_begin(mine.reg, &where, c->repo, &desc, NULL, NULL, &up, &err));
	ck_ok(mine.ops->write(up, c->layer.bytes.p, c->layer.bytes.len / 2, NULL, &err));
	(void)!write(ready, "r", 1);
	for (;;)
		(void)pause();
}

START_TEST(a_killed_push_is_not_visible_and_can_be_repeated)
{
	cleanup_heard struct heard h = {.text = STR_INIT};
	cleanup_content struct content first = {0};
	cleanup_content struct content c = {0};
	struct rig again;
	struct rig r;
	int ready[2];
	char byte;
	bool is = true;
	pid_t pid;

	needs_push();
	open_with_first(&r, &first);
	reg_make(&c, 9, 100000);
	c.ref = "killed";
	ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
	pid = ck_fork();
	if (pid == 0)
		push_half(&r, &c, ready[1]);
	ck_assert_int_eq(close(ready[1]), 0);
	ck_assert_msg(read(ready[0], &byte, 1) == 1, "the pusher gave up");
	kill_and_wait(pid);
	reg_open_again(&r, &again);
	ck_assert_int_lt(reg_resolve(&again, c.repo, c.ref, &h), 0);
	ck_assert(!reg_is_there(&again, c.repo, &c.layer));
	ck_first(&again, &first);
	ck_ok(reg_finish(&again, false));
	make_room(&again);
	ck_ok(reg_has(&again, c.repo, &c.layer, &is));
	ck_assert(!is);
	ck_ok(reg_push(&again, &c));
	ck_ok(reg_finish(&again, true));
	reg_comes_back(&again, &c);
	ck_first(&again, &first);
	reg_close(&again);
	reg_close(&r);
}
END_TEST

START_TEST(killed_at_any_moment_what_was_finished_stays)
{
	cleanup_content struct content first = {0};
	struct rig r;

	needs_push();
	open_with_first(&r, &first);
	if (!first.repo)
		suite_skip("the place is a file, which one session writes");
	srand48(getpid());
	for (int i = 0; i < KILLS; i++) {
		struct rig again;
		pid_t pid = ck_fork();

		if (pid == 0) {
			reg_open_again(&r, &again);
			for (unsigned n = 1;; n++) {
				struct content c = {0};

				reg_make(&c, n % 3, 40000);
				c.ref = n % 2 ? "odd" : "even";
				ck_ok(reg_push(&again, &c));
				ck_ok(reg_finish(&again, true));
				content_done(&c);
			}
		}
		(void)usleep((useconds_t)(2000 + lrand48() % 40000));
		kill_and_wait(pid);
		reg_open_again(&r, &again);
		reg_comes_back(&again, &first);
		for (unsigned n = 0; n < 2; n++) {
			cleanup_heard struct heard h = {.text = STR_INIT};
			struct content c = {.repo = first.repo, .ref = n ? "odd" : "even"};
			int code = reg_resolve(&again, c.repo, c.ref, &h);
			struct content is = {.repo = c.repo, .ref = c.ref};

			ck_assert(code == 0 || code == -BERTH_E_NOT_FOUND);
			if (code < 0)
				continue;
			for (unsigned k = 0; k < 3; k++) { /* one of the three, and whole */
				reg_make(&is, k, 40000);
				is.ref = c.ref;
				if (str_eq(is.manifest.digest, h.digest))
					break;
			}
			reg_comes_back(&again, &is);
			content_done(&is);
		}
		reg_close(&again);
	}
	reg_close(&r);
}
END_TEST

/* Push image @n under a tag of its own; who finds the place busy tries again. 0: done. */
static int push_until_done(const struct rig *r, unsigned n)
{
	struct content c = {0};
	char tag[16];
	struct rig mine;
	int code = -BERTH_E_BUSY;

	reg_open_again(r, &mine);
	reg_make(&c, n, 20000);
	(void)snprintf(tag, sizeof(tag), "t%u", n);
	c.ref = tag;
	for (int tries = 0; tries < 2000 && code == -BERTH_E_BUSY; tries++) {
		code = reg_push(&mine, &c);
		if (code == 0)
			code = reg_finish(&mine, true);
		if (code < 0) {
			(void)reg_finish(&mine, false);
			(void)usleep(1000);
		}
	}
	return code;
}

enum { PUSHERS = 4 };

START_TEST(processes_push_at_once_and_nothing_is_lost)
{
	cleanup_content struct content first = {0};
	pid_t pid[PUSHERS];
	struct rig r;

	needs_push();
	open_with_first(&r, &first);
	if (!first.repo)
		suite_skip("the place is a file, which one session writes");
	ck_ok(reg_finish(&r, false));
	for (unsigned i = 0; i < PUSHERS; i++) {
		pid[i] = ck_fork();
		if (pid[i] == 0)
			_exit(push_until_done(&r, 10 + i) == 0 ? 0 : 1);
	}
	for (unsigned i = 0; i < PUSHERS; i++) {
		int status;

		ck_assert_int_eq(waitpid(pid[i], &status, 0), pid[i]);
		ck_assert_msg(status == 0, "pusher %u failed", i);
	}
	for (unsigned i = 0; i < PUSHERS; i++) {
		cleanup_content struct content c = {0};
		char tag[16];

		(void)snprintf(tag, sizeof(tag), "t%u", 10 + i);
		reg_make(&c, 10 + i, 20000);
		c.ref = tag;
		reg_comes_back(&r, &c);
	}
	reg_comes_back(&r, &first);
	reg_close(&r);
}
END_TEST

START_TEST(places_do_not_see_each_other)
{
	cleanup_content struct content one = {0};
	cleanup_content struct content two = {0};
	cleanup_heard struct heard h = {.text = STR_INIT};
	struct rig other;
	struct rig r;

	reg_needs(BERTH_REG_PUSH | BERTH_REG_ARCHIVE, "capabilities 'push' and 'archive'");
	reg_open(&r);
	other = r; /* the same instance, another place */
	reg_new_place(&other);
	reg_make(&one, 1, 1000);
	reg_make(&two, 2, 1000);
	two.ref = "two";
	ck_ok(reg_push(&r, &one)); /* two pushes that overlap */
	ck_ok(reg_push(&other, &two));
	ck_ok(reg_finish(&r, true));
	ck_ok(reg_finish(&other, true));
	reg_comes_back(&r, &one);
	reg_comes_back(&other, &two);
	ck_fails(BERTH_E_NOT_FOUND, reg_resolve(&r, two.repo, two.ref, &h));
	ck_fails(BERTH_E_NOT_FOUND, reg_resolve(&other, one.repo, one.ref, &h));
	ck_assert_int_eq(close(other.fd), 0);
	reg_close(&r);
}
END_TEST

size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t allocated(void)
{
	if (__sanitizer_get_current_allocated_bytes)
		return __sanitizer_get_current_allocated_bytes();
	return mallinfo2().uordblks;
}

/* All that a reader does, what fails included; and a writer, if there is room for one. */
static void cycle(struct rig *r, const struct content *c, bool push)
{
	cleanup_heard struct heard h = {.text = STR_INIT};
	cleanup_str struct str out = STR_INIT;
	struct thing none = {.digest = "sha256:0000000000000000000000000000000000000000000000000000"
				       "000000000000"};

	ck_ok(reg_resolve(r, c->repo, c->ref, &h));
	ck_ok(reg_read(r, c->repo, &c->config, 0, UINT64_MAX, 65536, &out));
	ck_assert_int_lt(reg_resolve(r, c->repo, "no-such-tag", &h), 0);
	ck_assert_int_lt(reg_read(r, c->repo, &none, 0, UINT64_MAX, 10, &out), 0);
	ck_ok(reg_finish(r, false));
	if (push) {
		ck_ok(reg_push(r, c));
		ck_ok(reg_finish(r, true));
	}
}

START_TEST(two_hundred_cycles_lose_no_descriptor_and_no_memory)
{
	cleanup_content struct content c = {0};
	bool push;
	size_t memory;
	size_t held;
	struct rig r;
	int fds;

	reg_needs(BERTH_REG_PULL, "capability 'pull'");
	reg_open(&r);
	reg_fill(&r, &c);
	push = reg_can(&r, BERTH_REG_PUSH) && (!reg_can(&r, BERTH_REG_ARCHIVE) || reg_is_dir(&r));
	for (int i = 0; i < 5; i++)
		cycle(&r, &c, false);
	if (push)
		cycle(&r, &c, true);
	fds = ck_count_fds();
	memory = allocated();
	held = reg_held(&r);
	for (int i = 0; i < CYCLES; i++)
		cycle(&r, &c, push && i % 20 == 0);
	ck_assert_int_eq(ck_count_fds(), fds);
	ck_assert_uint_eq(reg_held(&r), held);
	ck_assert_msg(allocated() <= memory + 16384, "%zu bytes more than before",
		      allocated() - memory);
	reg_close(&r);
}
END_TEST

START_TEST(a_full_disk_is_said_and_spoils_nothing)
{
	cleanup_content struct content first = {0};
	cleanup_content struct content c = {0};
	char path[96];
	int dirfd = ck_dir_at(path);
	struct rig r;
	size_t held;
	int code;

	needs_push();
	if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", path, "tmpfs", 0, "size=2m") < 0)
		suite_skip("no small filesystem can be mounted here");
	if (suite_driver()->needs & BERTH_NEEDS_NETWORK)
		suite_skip("the disk is another machine's");
	ck_assert_int_eq(close(dirfd), 0);
	dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = (struct rig){.fd = -1};
	ck_assert_int_eq(mkdirat(dirfd, "state", 0700), 0);
	reg_open(&r);
	r.head->close(r.reg);
	ck_assert_int_eq(close(r.statefd), 0);
	r.statefd = openat(dirfd, "state", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r.fd >= 0)
		ck_assert_int_eq(close(r.fd), 0);
	reg_new_place_at(&r, dirfd, path);
	{
		void *instance = NULL;

		ck_ok(r.head->open(lent_host(), suite_conf(NULL), r.statefd, &instance, &err));
		r.reg = instance;
	}
	if (!reg_can(&r, BERTH_REG_ARCHIVE) || reg_is_dir(&r))
		reg_fill(&r, &first);
	held = reg_held(&r);
	reg_make(&c, 4, 4 << 20);
	c.ref = "large";
	code = reg_push(&r, &c);
	if (code == 0)
		code = reg_finish(&r, true);
	ck_assert_msg(code == -BERTH_E_FULL, "a full disk: %s: %s", berth_code_name(code),
		      err.text);
	ck_ok(reg_finish(&r, false));
	ck_assert_uint_le(reg_held(&r), held);
	ck_first(&r, &first);
	make_room(&r);
	ck_ok(reg_finish(&r, false));
	reg_make(&c, 5, 2000); /* what fits goes on */
	c.ref = "small";
	ck_ok(reg_push(&r, &c));
	ck_ok(reg_finish(&r, true));
	reg_comes_back(&r, &c);
	reg_close(&r);
	ck_assert_int_eq(close(dirfd), 0);
	(void)umount2(path, MNT_DETACH);
}
END_TEST

struct faulty {
	struct rig r;
	struct content c;
	struct heard h;
};

static int read_once(void *arg, struct berth_error *e)
{
	struct faulty *f = arg;
	struct berth_where where = reg_where(&f->r);
	struct berth_desc desc = reg_desc(&f->c.config);
	struct berth_reply reply = {.size = sizeof(reply)};
	struct berth_stream *stream = NULL;
	char buf[8192];
	size_t n = 1;
	int code;

	code = f->r.ops->resolve(f->r.reg, &where, f->c.repo, f->c.ref, NULL, reg_hear, &f->h,
				 &reply, e);
	if (code < 0)
		return code;
	code = f->r.ops->fetch(f->r.reg, &where, f->c.repo, &desc, 0, UINT64_MAX, NULL, &stream,
			       &reply, e);
	while (code == 0 && n > 0)
		code = f->r.ops->read(stream, buf, sizeof(buf), &n, e);
	f->r.ops->close_stream(stream);
	return code;
}

static void after_read(void *arg, int result)
{
	struct faulty *f = arg;

	(void)result;
	reg_comes_back(&f->r, &f->c);
	ck_ok(reg_finish(&f->r, false));
}

START_TEST(a_failing_call_spoils_no_reading)
{
	struct faulty f = {0};

	reg_needs(BERTH_REG_PULL, "capability 'pull'");
	reg_open(&f.r);
	reg_fill(&f.r, &f.c);
	ck_ok(reg_finish(&f.r, false));
	fault_each(&(struct fault_case){.run = read_once, .after = after_read, .arg = &f});
	reg_close(&f.r);
	heard_done(&f.h);
	content_done(&f.c);
}
END_TEST

static int push_once(void *arg, struct berth_error *e)
{
	struct faulty *f = arg;
	struct berth_where where = reg_where_push(&f->r);
	struct berth_desc desc = reg_desc(&f->c.layer);
	struct berth_upload *up = NULL;
	int code;

	code = f->r.ops->upload_begin(f->r.reg, &where, f->c.repo, &desc, NULL, NULL, &up, e);
	if (code < 0)
		return code;
	code = f->r.ops->write(up, f->c.layer.bytes.p, f->c.layer.bytes.len, NULL, e);
	if (code < 0) {
		f->r.ops->upload_abort(up);
		return code;
	}
	return f->r.ops->upload_commit(up, NULL, e);
}

/* What failed is not there; what did not is. */
static void after_push(void *arg, int result)
{
	struct faulty *f = arg;
	bool is = true;

	if (result == 0) {
		ck_ok(reg_has(&f->r, f->c.repo, &f->c.layer, &is));
		ck_assert(is);
	}
	ck_ok(reg_finish(&f->r, false));
	make_room(&f->r);
	if (result < 0) {
		ck_ok(reg_push(&f->r, &f->c)); /* and a second try finds nothing in its way */
		ck_ok(reg_finish(&f->r, true));
		reg_comes_back(&f->r, &f->c);
		ck_ok(reg_finish(&f->r, false));
		make_room(&f->r);
	}
}

START_TEST(a_failing_call_leaves_no_half_of_a_push)
{
	struct faulty f = {0};

	needs_push();
	reg_open(&f.r);
	reg_make(&f.c, 3, 3000);
	fault_each(&(struct fault_case){.run = push_once, .after = after_push, .arg = &f});
	reg_close(&f.r);
	content_done(&f.c);
}
END_TEST

SUITE_CASES(registry_whole_cases, a_killed_push_is_not_visible_and_can_be_repeated,
	    killed_at_any_moment_what_was_finished_stays,
	    processes_push_at_once_and_nothing_is_lost, places_do_not_see_each_other,
	    two_hundred_cycles_lose_no_descriptor_and_no_memory,
	    a_full_disk_is_said_and_spoils_nothing, a_failing_call_spoils_no_reading,
	    a_failing_call_leaves_no_half_of_a_push);
