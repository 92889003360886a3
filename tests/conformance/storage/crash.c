/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conformance/stand.h"
#include "tests/conformance/storage/cases.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

enum {
	KILLS = 40,
	RACERS = 6,
	RACES = 20,
	THREADS = 4,
	PER_THREAD = 8,
	DISK_BYTES = 32 << 20, /* the least that others than tmpfs can be */
};

static void put_file(const struct rig *r BERTH_UNUSED, int dirfd)
{
	ck_write(dirfd, "file", "whole");
	ck_assert_int_eq(mkdirat(dirfd, "dir", 0755), 0);
	ck_write(dirfd, "dir/last", "whole");
}

/* Everything that is listed is whole, and can go. */
static void ck_whole_and_removable(struct rig *r, size_t held)
{
	cleanup_strv char **views = strv_split(rig_names(r, BERTH_EACH_VIEWS), ' ');

	rig_check(r);
	strv_foreach (view, views) {
		int fd;

		if (!**view)
			continue;
		fd = rig_mount(r, *view);
		ck_assert_str_eq(ck_text(fd, "dir/last"), "whole");
		ck_assert_int_eq(close(fd), 0);
		ck_ok(r->ops->view_remove(r->st, *view, &err));
	}
	/* children stand on parents: as often as it takes, once round is enough per level */
	for (int level = 0; level < 4; level++) {
		cleanup_strv char **layers = strv_split(rig_names(r, BERTH_EACH_LAYERS), ' ');

		strv_foreach (layer, layers)
			if (**layer)
				(void)r->ops->layer_remove(r->st, *layer, NULL);
	}
	ck_assert_str_eq(rig_names(r, BERTH_EACH_LAYERS | BERTH_EACH_VIEWS), "");
	ck_assert_uint_eq(rig_held(r), held);
}

static void kill_and_wait(pid_t pid)
{
	int status = suite_kill(pid);

	ck_assert_msg(WIFSIGNALED(status), "it had ended by itself: %d", WEXITSTATUS(status));
}

START_TEST(a_killed_maker_leaves_nothing_visible)
{
	struct rig r;
	size_t held;
	int ready[2];
	char byte;
	pid_t pid;

	rig_open(&r);
	rig_layer(&r, "base", NULL, put_file);
	held = rig_held(&r);
	ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
	pid = ck_fork();
	if (pid == 0) {
		struct berth_ingest *in = rig_begin(&r, "a", "base");

		ck_write(rig_tree(&r, in), "half", "h");
		(void)!write(ready[1], "r", 1);
		pause();
		_exit(0);
	}
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	kill_and_wait(pid);
	rig_reopen(&r);
	ck_assert_str_eq(rig_names(&r, BERTH_EACH_LAYERS), "base ");
	rig_check(&r);
	ck_assert_uint_eq(rig_held(&r), held);
	rig_close(&r);
}
END_TEST

START_TEST(what_a_killed_maker_began_can_be_made_at_once)
{
	struct rig r;
	int ready[2];
	char byte;
	pid_t pid;
	int fd;

	rig_open(&r);
	rig_layer(&r, "base", NULL, put_file);
	ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
	pid = ck_fork();
	if (pid == 0) {
		struct berth_ingest *in = rig_begin(&r, "a", "base");

		ck_write(rig_tree(&r, in), "half", "h");
		(void)!write(ready[1], "r", 1);
		pause();
		_exit(0);
	}
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	kill_and_wait(pid);
	rig_layer(&r, "a", "base", NULL);
	rig_view(&r, "v", "a", 0);
	fd = rig_mount(&r, "v");
	ck_assert(!ck_exists(fd, "half"));
	ck_assert_str_eq(ck_text(fd, "file"), "whole");
	ck_assert_int_eq(close(fd), 0);
	/* and the dead one's claim on its parent is gone as well */
	ck_ok(r.ops->view_remove(r.st, "v", &err));
	ck_ok(r.ops->layer_remove(r.st, "a", &err));
	ck_ok(r.ops->layer_remove(r.st, "base", &err));
	rig_close(&r);
}
END_TEST

/* Make and remove all kinds of things for ever; results do not matter, only what is left. */
static void live(const struct rig *r)
{
	for (;;) {
		rig_layer(r, "a", NULL, put_file);
		rig_layer(r, "b", "a", NULL);
		rig_view(r, "v", "b", 0);
		rig_view(r, "w", "a", BERTH_VIEW_READ_ONLY);
		ck_ok(r->ops->view_remove(r->st, "v", &err));
		ck_ok(r->ops->layer_remove(r->st, "b", &err));
		ck_ok(r->ops->view_remove(r->st, "w", &err));
		ck_ok(r->ops->layer_remove(r->st, "a", &err));
	}
}

START_TEST(killed_at_any_moment_it_opens_whole)
{
	struct rig r;
	size_t held;

	srand48(getpid());
	rig_open(&r);
	held = rig_held(&r);
	for (int i = 0; i < KILLS; i++) {
		struct timespec nap = {.tv_nsec = 100000 + lrand48() % 12000000};
		pid_t pid = ck_fork();

		if (pid == 0) {
			live(&r);
			_exit(0);
		}
		(void)nanosleep(&nap, NULL);
		kill_and_wait(pid);
		rig_reopen(&r);
		ck_whole_and_removable(&r, held);
	}
	rig_close(&r);
}
END_TEST

/* Start all children at the same moment; how many of them answered with @code. */
static int race(int (*run)(const struct rig *), const struct rig *r,
		int counts[BERTH_E_INTERNAL + 1])
{
	int gate[2];
	pid_t pids[RACERS];

	ck_assert_int_eq(pipe2(gate, O_CLOEXEC), 0);
	for (int i = 0; i < RACERS; i++) {
		pids[i] = ck_fork();
		if (pids[i] == 0) {
			char byte;

			(void)close(gate[1]);
			(void)!read(gate[0], &byte, 1); /* ends when the gate closes */
			_exit(-run(r));
		}
	}
	(void)close(gate[0]);
	(void)close(gate[1]);
	for (int i = 0; i < RACERS; i++) {
		int status;

		ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
		ck_assert(WIFEXITED(status) && WEXITSTATUS(status) <= BERTH_E_INTERNAL);
		counts[WEXITSTATUS(status)]++;
	}
	return counts[BERTH_OK];
}

static int make_layer(const struct rig *r)
{
	const struct berth_layer_desc desc = {.size = sizeof(desc), .layer = "a"};
	struct berth_ingest *in;
	int got = r->ops->ingest_begin(r->st, &desc, NULL, &in, NULL);

	if (got < 0)
		return got;
	put_file(r, rig_tree(r, in));
	return r->ops->ingest_commit(in, NULL, NULL, NULL);
}

START_TEST(of_those_who_make_the_same_layer_one_does)
{
	struct rig r;

	rig_open(&r);
	for (int i = 0; i < RACES; i++) {
		int counts[BERTH_E_INTERNAL + 1] = {0};

		ck_assert_int_eq(race(make_layer, &r, counts), 1);
		ck_assert_int_eq(counts[BERTH_E_EXISTS] + counts[BERTH_E_BUSY], RACERS - 1);
		rig_check(&r);
		ck_ok(r.ops->layer_remove(r.st, "a", &err));
	}
	rig_close(&r);
}
END_TEST

static int make_view(const struct rig *r)
{
	return r->ops->view_create(r->st, "v", "a", 0, NULL, NULL);
}

START_TEST(of_those_who_make_the_same_view_one_does)
{
	struct rig r;

	rig_open(&r);
	rig_layer(&r, "a", NULL, put_file);
	for (int i = 0; i < RACES; i++) {
		int counts[BERTH_E_INTERNAL + 1] = {0};

		ck_assert_int_eq(race(make_view, &r, counts), 1);
		ck_assert_int_eq(counts[BERTH_E_EXISTS], RACERS - 1);
		ck_assert_str_eq(rig_names(&r, BERTH_EACH_VIEWS), "v ");
		rig_check(&r);
		ck_ok(r.ops->view_remove(r.st, "v", &err));
	}
	ck_ok(r.ops->layer_remove(r.st, "a", &err));
	rig_close(&r);
}
END_TEST

/* A view of its own each; the layer goes for one of them, or none. */
static int stand_or_remove(const struct rig *r)
{
	char view[16];

	if (getpid() % 2)
		return r->ops->layer_remove(r->st, "a", NULL);
	(void)snprintf(view, sizeof(view), "v%d", (int)getpid());
	return r->ops->view_create(r->st, view, "a", 0, NULL, NULL);
}

START_TEST(a_layer_never_goes_from_under_a_view)
{
	struct rig r;
	size_t held;

	rig_open(&r);
	held = rig_held(&r);
	for (int i = 0; i < RACES; i++) {
		int counts[BERTH_E_INTERNAL + 1] = {0};

		rig_layer(&r, "a", NULL, put_file);
		(void)race(stand_or_remove, &r, counts);
		ck_assert_int_eq(counts[BERTH_OK] + counts[BERTH_E_BUSY] +
					 counts[BERTH_E_NOT_FOUND],
				 RACERS);
		ck_whole_and_removable(&r, held);
	}
	rig_close(&r);
}
END_TEST

struct thread_arg {
	const struct rig *r;
	int n;
	int failed;
};

static void *make_many(void *arg)
{
	struct thread_arg *a = arg;

	for (int i = 0; i < PER_THREAD; i++) {
		char name[32];
		struct berth_layer_desc desc = {
			.size = sizeof(desc), .layer = name, .parent = "base"};
		struct berth_ingest *in;
		int fd;

		(void)snprintf(name, sizeof(name), "l-%d-%d", a->n, i);
		if (a->r->ops->ingest_begin(a->r->st, &desc, NULL, &in, NULL) < 0) {
			a->failed++;
			continue;
		}
		if (a->r->ops->ingest_tree(in, &fd, NULL) == 0)
			(void)close(fd);
		a->failed += a->r->ops->ingest_commit(in, "base", NULL, NULL) < 0;
		a->failed += a->r->ops->view_create(a->r->st, name, name, 0, NULL, NULL) < 0;
		a->failed += a->r->ops->view_remove(a->r->st, name, NULL) < 0;
	}
	return NULL;
}

START_TEST(threads_work_on_different_layers_at_once)
{
	struct thread_arg args[THREADS];
	pthread_t threads[THREADS];
	struct rig r;
	int layers = 0;

	if (suite_driver()->threads == BERTH_THREADS_ONE)
		suite_skip("one thread at a time calls the driver");
	rig_open(&r);
	rig_layer(&r, "base", NULL, put_file);
	for (int i = 0; i < THREADS; i++) {
		args[i] = (struct thread_arg){.r = &r, .n = i};
		ck_assert_int_eq(pthread_create(&threads[i], NULL, make_many, &args[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
		ck_assert_int_eq(args[i].failed, 0);
	}
	for (const char *at = rig_names(&r, BERTH_EACH_LAYERS); *at; at++)
		layers += *at == ' ';
	ck_assert_int_eq(layers, THREADS * PER_THREAD + 1);
	rig_check(&r);
	rig_close(&r);
}
END_TEST

/* ------------------------------------------------------------------------------------ full disk */

/* Open the driver on @size of its own, which nobody else sees. */
static void open_on(struct rig *r, const char *size)
{
	const char *type = suite_trait("disk");
	const char *why;
	char path[96];
	int fd;

	if (str_eq(type, "tmpfs")) {
		/* what tmpfs can do is what counts */
		rig_open_on(r, rig_tmpfs(size), suite_defaults());
		return;
	}
	fd = ck_dir_at(path);
	rig_own_mounts();
	ck_assert_int_eq(close(fd), 0);
	why = stand_disk(type, DISK_BYTES, path);
	if (why)
		suite_skip("%s: %s", type, why);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	rig_open_on(r, fd, suite_defaults());
}

/* Take all room that is left; false once even a small file does not fit. */
static void fill_up(int dirfd, const char *name)
{
	static const char bytes[4096];
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	while (write(fd, bytes, sizeof(bytes)) > 0)
		;
	ck_assert_int_eq(errno, ENOSPC);
	(void)close(fd);
}

static void put_big(const struct rig *r BERTH_UNUSED, int dirfd)
{
	static const char bytes[65536] = "big";
	int fd = openat(dirfd, "big", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	for (int i = 0; i < 40; i++) /* 2.5 of 4 MB */
		ck_assert_int_eq(write(fd, bytes, sizeof(bytes)), (ssize_t)sizeof(bytes));
	(void)close(fd);
	put_file(r, dirfd);
}

START_TEST(on_a_full_disk_nothing_is_half_made)
{
	const struct berth_layer_desc desc = {.size = sizeof(desc), .layer = "b", .parent = "a"};
	struct berth_ingest *in;
	struct rig r;
	size_t held;
	int got;

	open_on(&r, "4m");
	rig_layer(&r, "a", NULL, put_big);
	held = rig_held(&r);
	fill_up(r.statefd, "ballast");
	got = r.ops->view_create(r.st, "v", "a", 0, NULL, &err);
	ck_assert_msg(got == 0 || got == -BERTH_E_FULL, "%s", err.text);
	ck_assert_str_eq(rig_names(&r, BERTH_EACH_VIEWS), got ? "" : "v ");
	ck_ok(r.ops->view_remove(r.st, "v", &err));
	got = r.ops->ingest_begin(r.st, &desc, NULL, &in, &err);
	if (got == 0)
		got = r.ops->ingest_commit(in, "a", NULL, &err);
	ck_assert_msg(got == 0 || got == -BERTH_E_FULL, "%s", err.text);
	ck_assert_str_eq(rig_names(&r, BERTH_EACH_LAYERS), got ? "a " : "a b ");
	ck_ok(r.ops->layer_remove(r.st, "b", &err));
	rig_check(&r);
	ck_assert_int_eq(unlinkat(r.statefd, "ballast", 0), 0);
	ck_assert_uint_eq(rig_held(&r), held);
	rig_view(&r, "v", NULL, 0);
	rig_close(&r);
}
END_TEST

/* A driver that copies must not keep the room that a failed copy took. */
START_TEST(what_did_not_fit_takes_no_room)
{
	struct rig r;
	int fd;

	open_on(&r, "4m");
	rig_layer(&r, "a", NULL, put_big);
	if (r.ops->view_create(r.st, "v", "a", 0, NULL, &err) < 0)
		ck_assert_int_eq(err.code, BERTH_E_FULL);
	ck_ok(r.ops->view_remove(r.st, "v", &err));
	fd = openat(r.statefd, "probe", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_eq(posix_fallocate(fd, 0, 1 << 20), 0);
	(void)close(fd);
	rig_close(&r);
}
END_TEST

SUITE_CASES(crash_cases, a_killed_maker_leaves_nothing_visible,
	    what_a_killed_maker_began_can_be_made_at_once, killed_at_any_moment_it_opens_whole,
	    of_those_who_make_the_same_layer_one_does, of_those_who_make_the_same_view_one_does,
	    a_layer_never_goes_from_under_a_view, threads_work_on_different_layers_at_once,
	    on_a_full_disk_nothing_is_half_made, what_did_not_fit_takes_no_room);
