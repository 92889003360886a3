/* SPDX-License-Identifier: Apache-2.0 */
/* A container and more than one process that looks after it. */
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/conformance/isolation/iso.h"

enum {
	STATE_MAX = 65536,
	KILLS = 25,
	RACERS = 6,
	RACES = 4,
};

static void need_recover(void)
{
	suite_needs(BERTH_ISO_RECOVER, "to recover (cap 'recover')");
}

/* A creator of its own, which says its state through a file and then ends, or hangs. */
static pid_t create_elsewhere(struct box *b, int notes, bool hang)
{
	pid_t pid = ck_fork();

	if (pid == 0) {
		cleanup_free char *state = NULL;
		int r = box_try_create(b, &err);

		if (r == 0)
			state = box_save(b);
		ck_write(notes, "saved.tmp", r == 0 ? state : berth_code_name(r));
		ck_assert_int_eq(renameat(notes, "saved.tmp", notes, "saved"), 0);
		while (hang)
			(void)pause();
		_exit(0);
	}
	for (int i = 0; i < 2000 && !ck_exists(notes, "saved"); i++)
		(void)usleep(5000);
	ck_assert(ck_exists(notes, "saved"));
	return pid;
}

static char *noted(int notes)
{
	cleanup_fd int fd = openat(notes, "saved", O_RDONLY | O_CLOEXEC);
	char *text = NULL;
	size_t len;

	ck_ok(read_fd_limited(fd, STATE_MAX, &text, &len, &err));
	return text;
}

static int in_another_process(int (*fn)(struct box *b, const char *state), struct box *b,
			      const char *state)
{
	int status = -1;
	pid_t pid = ck_fork();

	if (pid == 0)
		_exit(fn(b, state));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

static int use_it(struct box *b, const char *state)
{
	struct berth_sandbox_info info = {.size = sizeof(info)};
	struct berth_exit e = {.size = sizeof(e)};
	int fd = -1;

	b->sb = NULL;
	if (b->ops->recover(b->iso, b->id, iso_str(state), &b->sb, NULL) < 0)
		return 1;
	if (b->ops->info(b->sb, &info, NULL) < 0 || info.pid != b->first || !info.started_ns)
		return 2;
	if (suite_has("exec") && suite_trait_is("apart", "yes") &&
	    box_exec_wait(box_exec(b, "exit 5")) != 5)
		return 3;
	if (suite_has("freeze") &&
	    (b->ops->freeze(b->sb, true, NULL) < 0 || b->ops->freeze(b->sb, false, NULL) < 0))
		return 4;
	if (b->ops->start(b->sb, NULL) != -BERTH_E_BUSY ||
	    b->ops->reap(b->sb, &e, NULL) != -BERTH_E_BUSY)
		return 5;
	if (b->ops->wait_fd(b->sb, &fd, NULL) < 0 || b->ops->signal(b->sb, SIGTERM, 0, NULL) < 0)
		return 6;
	b->ops->forget(b->sb);
	return 0;
}

START_TEST(another_process_can_do_all_with_it)
{
	struct box b;
	cleanup_free char *state = NULL;

	need_recover();
	b = box("onterm 9 say up pause");
	box_up(&b);
	state = box_save(&b);
	ck_assert_uint_le(strlen(state), STATE_MAX);
	ck_assert_int_eq(in_another_process(use_it, &b, state), 0);
	box_take_over(&b, state); /* one owner at a time */
	ck_assert_int_eq(box_wait(&b).code, 9);
	box_end(&b);
}
END_TEST

static int end_it(struct box *b, const char *state)
{
	struct berth_exit e = {.size = sizeof(e)};

	b->sb = NULL;
	if (b->ops->recover(b->iso, b->id, iso_str(state), &b->sb, NULL) < 0)
		return 1;
	if (b->ops->destroy(b->sb, NULL) < 0)
		return 2;
	if (b->ops->reap(b->sb, &e, NULL) < 0 || !(e.flags & BERTH_EXIT_UNKNOWN))
		return 3;
	b->ops->forget(b->sb);
	return box_has_group(b) ? 4 : 0;
}

START_TEST(another_process_can_destroy_it)
{
	struct box b;
	cleanup_free char *state = NULL;
	struct berth_sandbox *none = NULL;

	need_recover();
	b = box("fork 3 say up pause");
	box_up(&b);
	state = box_save(&b);
	ck_assert_int_eq(in_another_process(end_it, &b, state), 0);
	ck_assert_int_eq(box_wait(&b).code, 137);
	/* no trace is left of it, or a handle of what is dead */
	if (b.ops->recover(b.iso, b.id, iso_str(state), &none, &err) < 0) {
		ck_assert_int_eq(err.code, BERTH_E_NOT_FOUND);
		ck_assert_ptr_null(none);
	} else {
		ck_ok(b.ops->destroy(none, &err));
		b.ops->forget(none);
	}
	box_end(&b);
}
END_TEST

START_TEST(who_recovers_the_dead_hears_that_nobody_knows)
{
	struct berth_exit e = {.size = sizeof(e)};
	struct berth_sandbox *sb = NULL;
	struct box b;
	cleanup_free char *state = NULL;
	int r;

	need_recover();
	b = box("say up pause");
	box_up(&b);
	state = box_save(&b);
	ck_ok(b.ops->signal(b.sb, SIGKILL, 0, &err));
	ck_assert_int_eq(box_wait(&b).code, 137); /* so the first handle has its status */
	r = b.ops->recover(b.iso, b.id, iso_str(state), &sb, &err);
	if (r == 0) {
		ck_ok(b.ops->reap(sb, &e, &err));
		ck_assert_uint_eq(e.flags & BERTH_EXIT_UNKNOWN, BERTH_EXIT_UNKNOWN);
		ck_fails(BERTH_E_NOT_FOUND, b.ops->signal(sb, SIGKILL, 0, &err));
		ck_ok(b.ops->destroy(sb, &err));
		b.ops->forget(sb);
	} else {
		ck_assert_int_eq(r, -BERTH_E_NOT_FOUND);
	}
	box_end(&b);
}
END_TEST

START_TEST(a_specification_is_enough_to_clean_up)
{
	struct berth_exit e = {.size = sizeof(e)};
	struct box b;
	cleanup_free char *spec = NULL;

	need_recover();
	b = box("fork 3 say up pause");
	spec = record_to_text(b.spec, RECORD_COMPACT);
	box_up(&b);
	box_take_over(&b, spec);
	box_destroy(&b);
	ck_ok(b.ops->reap(b.sb, &e, &err));
	b.first = 0; /* nobody is left who knows that it is ours: we reap it */
	box_end(&b);
}
END_TEST

START_TEST(nothing_is_found_where_nothing_is)
{
	struct berth_sandbox *none = NULL;
	cleanup_free char *spec = NULL;
	struct box b;

	need_recover();
	b = box("exit 0");
	spec = record_to_text(b.spec, RECORD_COMPACT);
	ck_fails(BERTH_E_NOT_FOUND, b.ops->recover(b.iso, b.id, iso_str(""), &none, &err));
	ck_fails(BERTH_E_NOT_FOUND, b.ops->recover(b.iso, b.id, iso_str(spec), &none, &err));
	ck_assert_int_eq(b.ops->recover(b.iso, b.id, iso_str(""), &none, NULL), -BERTH_E_NOT_FOUND);
	ck_assert_ptr_null(none);
	box_end(&b);
}
END_TEST

START_TEST(damaged_states_are_refused)
{
	static const char *const odd[] = {"{", "\xff", "[[[[", "{\"a\":", "nonsense"};
	struct berth_sandbox *none = NULL;
	cleanup_free char *state = NULL;
	struct box b;

	need_recover();
	b = box("say up pause");
	box_up(&b);
	state = box_save(&b);
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		ck_fails(BERTH_E_CORRUPT,
			 b.ops->recover(b.iso, b.id, iso_str(odd[i]), &none, &err));
	/* what was cut off is no state either */
	for (size_t n = strlen(state) - 1; n > 2; n -= n > 40 ? n / 8 : 3) {
		int r = b.ops->recover(b.iso, b.id, (struct berth_str){state, n}, &none, &err);

		ck_assert_msg(r < 0, "it takes %zu bytes of its state", n);
	}
	ck_assert_ptr_null(none);
	box_end(&b);
}
END_TEST

/* ------------------------------------------------------------------------------------- hand over */

static bool outlives(struct box *b, int notes, char **ret_state)
{
	pid_t creator;

	b->launch.flags |= BERTH_LAUNCH_OUTLIVE;
	creator = create_elsewhere(b, notes, false);
	ck_assert_int_eq(waitpid(creator, NULL, 0), creator);
	*ret_state = noted(notes);
	return !str_eq(*ret_state, berth_code_name(BERTH_E_UNSUPPORTED));
}

START_TEST(one_process_creates_and_another_starts)
{
	struct box b;
	cleanup_free char *state = NULL;
	int notes;

	need_recover();
	notes = ck_dir();
	b = box("onterm 3 say up pause");
	if (!outlives(&b, notes, &state))
		suite_skip("the driver hands none over (BERTH_LAUNCH_OUTLIVE)");
	box_take_over(&b, state);
	ck_assert_int_gt(box_pid(&b), 0);
	ck_assert_ptr_null(box_line(&b, "up"));
	box_start(&b);
	box_await(&b, "up");
	ck_fails(BERTH_E_BUSY, b.ops->start(b.sb, &err));
	ck_ok(b.ops->signal(b.sb, SIGTERM, 0, &err));
	/* this process is the subreaper to which it was given */
	if (suite_is_separate()) /* it was given to this process, and not to the driver's */
		(void)box_wait(&b);
	else
		ck_assert_int_eq(box_wait(&b).code, 3);
	box_end(&b);
	ck_assert_int_eq(close(notes), 0);
}
END_TEST

START_TEST(a_start_elsewhere_says_what_is_wrong)
{
	struct box b;
	cleanup_free char *state = NULL;
	int notes;

	need_recover();
	notes = ck_dir();
	b = box("exit 0");
	box_set(&b, "process.args", "['/nope']");
	if (!outlives(&b, notes, &state))
		suite_skip("the driver hands none over (BERTH_LAUNCH_OUTLIVE)");
	box_take_over(&b, state);
	ck_fails(BERTH_E_EXEC, b.ops->start(b.sb, &err));
	ck_says("/nope");
	box_end(&b);
	ck_assert_int_eq(close(notes), 0);
}
END_TEST

START_TEST(without_its_creator_it_never_begins)
{
	cleanup_free char *state = NULL;
	struct box b;
	int notes;
	pid_t creator;

	need_recover();
	notes = ck_dir();
	b = box("say up pause");
	creator = create_elsewhere(&b, notes, true);
	state = noted(notes);
	ck_assert_int_eq(kill(creator, SIGKILL), 0);
	ck_assert_int_eq(waitpid(creator, NULL, 0), creator);
	if (b.ops->recover(b.iso, b.id, iso_str(state), &b.sb, &err) == 0) {
		(void)box_wait(&b); /* it ends by itself */
		ck_assert_int_lt(b.ops->start(b.sb, &err), 0);
	} else {
		ck_assert_int_eq(err.code, BERTH_E_NOT_FOUND);
	}
	ck_assert_ptr_null(box_line(&b, "up"));
	box_end(&b);
	ck_assert_int_eq(close(notes), 0);
}
END_TEST

/* ---------------------------------------------------------------------------------- in the middle */

/* All that can be done with one, for ever; results do not matter, only what is left. */
static void live(struct box *b)
{
	for (;;) {
		int pidfd = -1;

		if (box_try_create(b, NULL) < 0)
			_exit(1);
		if (b->ops->start(b->sb, NULL) == 0) {
			if (suite_has("exec"))
				(void)box_try_exec(b, "exit 0", "{}", &pidfd, NULL);
			if (pidfd >= 0)
				(void)box_exec_wait(pidfd);
			if (suite_has("freeze"))
				(void)b->ops->freeze(b->sb, true, NULL);
			if (suite_has("freeze"))
				(void)b->ops->freeze(b->sb, false, NULL);
		}
		if (b->ops->destroy(b->sb, NULL) < 0)
			_exit(2);
		b->ops->forget(b->sb);
		b->sb = NULL;
	}
}

/* Whoever comes afterwards knows the name and the specification. */
static void clean_up(struct box *b, const char *spec)
{
	int r = 0;

	if (suite_driver()->caps & BERTH_ISO_RECOVER) {
		r = b->ops->recover(b->iso, b->id, iso_str(spec), &b->sb, &err);
		ck_assert_msg(r == 0 || r == -BERTH_E_NOT_FOUND, "%s: %s", berth_code_name(r),
			      err.text);
		if (r == 0)
			box_destroy(b);
	}
	b->ops->forget(b->sb);
	b->sb = NULL;
	suite_moved(); /* the driver's own process is a child as well */
	for (int i = 0; i < 400 && waitpid(-1, NULL, WNOHANG) >= 0; i++)
		(void)usleep(5000);
	ck_assert_msg(waitpid(-1, NULL, WNOHANG) < 0, "a process of it is left");
	ck_assert_msg(!box_has_group(b), "a cgroup of it is left");
}

START_TEST(killed_at_any_moment_it_can_be_cleaned_up)
{
	struct box b = box("pause");
	cleanup_free char *spec = record_to_text(b.spec, RECORD_COMPACT);

	srand48(getpid());
	for (int i = 0; i < KILLS; i++) {
		struct timespec nap = {.tv_nsec = 100000 + lrand48() % 20000000};
		int status;
		pid_t pid = ck_fork();

		if (pid == 0) {
			box_reopen(&b);
			live(&b);
		}
		(void)nanosleep(&nap, NULL);
		ck_assert_int_eq(kill(pid, SIGKILL), 0);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_msg(WIFSIGNALED(status), "it had ended by itself: %d",
			      WEXITSTATUS(status));
		clean_up(&b, spec);
	}
	box_again(&b, "exit 8"); /* and its name is free */
	ck_assert_int_eq(box_run(&b).code, 8);
	box_end(&b);
}
END_TEST

/* Start all children at the same moment; how many of them answered with each code. */
static void race(struct box *b, bool same, int counts[BERTH_E_INTERNAL + 1])
{
	int gate[2];
	pid_t pids[RACERS];

	ck_assert_int_eq(pipe2(gate, O_CLOEXEC), 0);
	for (int i = 0; i < RACERS; i++) {
		pids[i] = ck_fork();
		if (pids[i] == 0) {
			char byte;
			int r;

			(void)close(gate[1]);
			box_reopen(b);
			if (!same)
				(void)snprintf(b->id, sizeof(b->id), "racer%d-%d", (int)getpid(),
					       i);
			box_setf(b, "linux.cgroupsPath", "'%s/%s'", box_all.groups, b->id);
			(void)!read(gate[0], &byte, 1); /* ends when the gate closes */
			r = box_try_create(b, NULL);
			if (r == 0) {
				/* it is there until all have tried */
				struct berth_exit e = {.size = sizeof(e)};

				(void)usleep(150000);
				if (b->ops->start(b->sb, NULL) < 0)
					_exit(200);
				e = box_wait(b);
				if (e.code != 7 || b->ops->destroy(b->sb, NULL) < 0)
					_exit(201);
			}
			_exit(-r);
		}
	}
	(void)close(gate[0]);
	(void)close(gate[1]);
	for (int i = 0; i < RACERS; i++) {
		int status;

		ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
		ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) <= BERTH_E_INTERNAL,
			      "signal %d, status %d", WTERMSIG(status), WEXITSTATUS(status));
		counts[WEXITSTATUS(status)]++;
	}
}

START_TEST(of_those_who_take_the_same_name_one_does)
{
	struct box b = box("exit 7");

	for (int i = 0; i < RACES; i++) {
		int counts[BERTH_E_INTERNAL + 1] = {0};

		race(&b, true, counts);
		ck_assert_int_eq(counts[BERTH_OK], 1);
		for (int code = 0; code <= BERTH_E_INTERNAL; code++)
			ck_assert_msg(!counts[code] || code == BERTH_OK || code == BERTH_E_EXISTS,
				      "%d of them are told: %s", counts[code], berth_code_name(code));
	}
	box_end(&b);
}
END_TEST

START_TEST(processes_make_containers_at_the_same_time)
{
	int counts[BERTH_E_INTERNAL + 1] = {0};
	struct box b = box("exit 7");

	race(&b, false, counts);
	ck_assert_int_eq(counts[BERTH_OK], RACERS);
	box_end(&b);
}
END_TEST

SUITE_CASES(iso_recover_cases, another_process_can_do_all_with_it, another_process_can_destroy_it,
	    who_recovers_the_dead_hears_that_nobody_knows, a_specification_is_enough_to_clean_up,
	    nothing_is_found_where_nothing_is, damaged_states_are_refused,
	    one_process_creates_and_another_starts, a_start_elsewhere_says_what_is_wrong,
	    without_its_creator_it_never_begins, killed_at_any_moment_it_can_be_cleaned_up,
	    of_those_who_take_the_same_name_one_does, processes_make_containers_at_the_same_time);
