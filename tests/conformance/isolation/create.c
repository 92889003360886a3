/* SPDX-License-Identifier: Apache-2.0 */
/* What create takes, refuses, and leaves. */
#include <poll.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "tests/conformance/isolation/iso.h"

enum {
	SPEC_BYTES = 5 << 20,
	CANCELS = 20,
	CANCEL_STEP_US = 400,
};

/* Creating with these bytes fails so, and gives nothing. */
static void refuse_bytes(struct box *b, const char *bytes, size_t n, int one, int other)
{
	struct berth_sandbox *const untouched = (struct berth_sandbox *)(void *)b;
	struct berth_sandbox *sb = untouched;
	int r;

	memset(&err, 0, sizeof(err));
	b->launch.id = b->id;
	b->launch.spec = (struct berth_str){bytes, n};
	r = b->ops->create(b->iso, &b->launch, NULL, &sb, &err);
	ck_assert_msg(r == -one || r == -other, "%zu bytes '%.20s': %s: %s", n, bytes,
		      berth_code_name(r), err.text);
	ck_assert_int_eq(err.code, -r);
	ck_assert_ptr_eq(sb, untouched);
}

START_TEST(what_is_no_specification_is_refused)
{
	static const char *const bad[] = {"",
					  "null",
					  "[]",
					  "7",
					  "\"x\"",
					  "{",
					  "{}",
					  "{\"process\":7}",
					  "{\"process\":{}} trailing",
					  "\xff\xfe{}"};
	struct box b = box("exit 0");
	cleanup_free char *text = record_to_text(b.spec, RECORD_COMPACT);
	cleanup_free char *big = malloc(SPEC_BYTES);
	size_t n = strlen(text);

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refuse_bytes(&b, bad[i], strlen(bad[i]), BERTH_E_INVALID, BERTH_E_INVALID);
	for (size_t len = 1; len < n; len += 13)
		refuse_bytes(&b, text, len, BERTH_E_INVALID, BERTH_E_INVALID);
	memset(big, '[', SPEC_BYTES);
	refuse_bytes(&b, big, 1 << 20, BERTH_E_INVALID, BERTH_E_LIMIT);
	memset(big, ' ', SPEC_BYTES);
	memcpy(big, text, n);
	refuse_bytes(&b, big, SPEC_BYTES, BERTH_E_LIMIT, BERTH_E_LIMIT);
	box_end(&b);
}
END_TEST

/* Fails so, names the key, and leaves nothing. */
static void refuse_key(const char *path, const char *json, const char *says)
{
	struct box b = box("exit 0");

	box_set(&b, path, json);
	ck_fails(BERTH_E_INVALID, box_try_create(&b, &err));
	ck_says(says);
	ck_assert_ptr_null(b.sb);
	ck_assert_int_eq(box_try_create(&b, NULL), -BERTH_E_INVALID);
	ck_assert(!box_has_group(&b));
	box_end(&b);
}

START_TEST(what_makes_no_sense_is_invalid_and_the_text_names_the_key)
{
	refuse_key("process", NULL, "process");
	refuse_key("process", "[]", "process");
	refuse_key("process.args", NULL, "args");
	refuse_key("process.args", "[]", "args");
	refuse_key("process.args", "'exit'", "args");
	refuse_key("process.args", "['/payload',7]", "args");
	refuse_key("process.env", "['A=1',7]", "env");
	refuse_key("process.env", "{}", "env");
	if (suite_trait_is("apart", "no"))
		return; /* it makes nothing of the rest */
	refuse_key("process.cwd", "7", "cwd");
	refuse_key("process.cwd", "'relative'", "cwd");
	refuse_key("process.user.uid", "-1", "user");
	refuse_key("process.user.uid", "'root'", "user");
	refuse_key("process.user.gid", "4294967296", "user");
}
END_TEST

static void refuse_name(struct box *b, const char *id)
{
	cleanup_free char *text = record_to_text(b->spec, RECORD_COMPACT);
	struct berth_sandbox *sb = NULL;

	b->launch.spec = iso_str(text);
	b->launch.id = id;
	ck_fails(BERTH_E_INVALID, b->ops->create(b->iso, &b->launch, NULL, &sb, &err));
	ck_assert_ptr_null(sb);
	if (suite_has("recover"))
		ck_fails(BERTH_E_INVALID, b->ops->recover(b->iso, id, iso_str(""), &sb, &err));
}

START_TEST(bad_names_are_invalid)
{
	static const char *const bad[] = {"",	".",   "..",  "../x",	  "a/b",  "/a", "A",
					  "-a", "a b", "a\n", "\xc3\xa4", "a\\b", "_a", "a*"};
	char text[300];
	struct box b = box("exit 0");

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refuse_name(&b, bad[i]);
	memset(text, 'a', sizeof(text));
	text[299] = '\0';
	refuse_name(&b, text);
	text[129] = '\0';
	refuse_name(&b, text);
	box_end(&b);
}
END_TEST

START_TEST(the_longest_name_is_one)
{
	char id[129];
	struct box b = box("exit 3");
	cleanup_free char *text = NULL;

	memset(id, 'a', 128);
	(void)snprintf(id + 100, 29, ".b_c:d-%021d", (int)getpid());
	box_setf(&b, "linux.cgroupsPath", "'%s/%s'", box_all.groups, id);
	text = record_to_text(b.spec, RECORD_COMPACT);
	ck_assert_uint_eq(strlen(id), 128);
	b.launch.id = id;
	b.launch.spec = iso_str(text);
	ck_ok(b.ops->create(b.iso, &b.launch, NULL, &b.sb, &err));
	box_start(&b);
	ck_assert_int_eq(box_wait(&b).code, 3);
	box_end(&b);
}
END_TEST

START_TEST(a_name_in_use_is_refused_and_free_when_it_is_destroyed)
{
	struct box b = box("say up pause");
	struct berth_sandbox *other = NULL;
	cleanup_free char *text = NULL;

	box_up(&b);
	text = record_to_text(b.spec, RECORD_COMPACT);
	b.launch.spec = iso_str(text);
	ck_fails(BERTH_E_EXISTS, b.ops->create(b.iso, &b.launch, NULL, &other, &err));
	ck_assert_ptr_null(other);
	ck_ok(b.ops->signal(b.sb, 0, 0, &err)); /* the first one lives on */
	box_again(&b, "say up exit 4");
	ck_assert_int_eq(box_run(&b).code, 4);
	box_end(&b);
}
END_TEST

START_TEST(containers_live_side_by_side)
{
	struct box a = box("tellterm 1 say up pause");
	struct box b = box_beside(&a, "tellterm 2 say up pause");

	box_up(&a);
	box_up(&b);
	ck_ok(a.ops->signal(a.sb, SIGKILL, 0, &err));
	ck_assert_int_eq(box_wait(&a).code, 137);
	box_destroy(&a);
	ck_ok(b.ops->signal(b.sb, SIGTERM, 0, &err));
	ck_assert_int_eq(box_wait(&b).code, 2);
	ck_assert_uint_eq(box_count(&a, "term"), 0);
	box_drop(&b);
	box_end(&a);
}
END_TEST

/* ----------------------------------------------------------------------------------- explanations */

/* What explain says of the box as it is: the highest level, and findings that name @part. */
static int64_t worst(struct box *b, const char *part)
{
	cleanup_free char *text = record_to_text(b->spec, RECORD_COMPACT);
	struct berth_sink sink = {.limit = 65536};
	int64_t level = 0;

	ck_ok(b->ops->explain(b->iso, iso_str(text), &sink, &err));
	for (size_t i = 0; i < record_len(sink.findings); i++) {
		const struct record *f = record_at(sink.findings, i);
		int64_t is = record_int_or(record_get(f, "level"), 0);

		if (part && is > BERTH_FINDING_INFO)
			ck_assert_msg(strstr(record_str(record_get(f, "text")), part),
				      "'%s' of '%s'", record_str(record_get(f, "text")), part);
		level = is > level ? is : level;
	}
	lent_sink_done(&sink);
	return level;
}

/* A specification that this driver takes as it is. */
static struct box plain(const char *words)
{
	struct box b = box(words);

	b.launch.flags = 0;
	if (worst(&b, NULL) > BERTH_FINDING_INFO)
		box_set(&b, "linux.cgroupsPath", NULL);
	return b;
}

START_TEST(what_explain_finds_nothing_in_is_taken_as_it_is)
{
	iso_needs_call("explain");
	struct box b = plain("exit 6");
	size_t groups = 0;

	(void)groups;
	ck_assert_int_le(worst(&b, NULL), BERTH_FINDING_INFO);
	ck_assert_int_eq(box_run(&b).code, 6);
	box_end(&b);
}
END_TEST

START_TEST(what_it_cannot_is_unsupported_or_may_be_ignored)
{
	iso_needs_call("explain");
	struct box b = plain("exit 6");

	box_set(&b, "linux.intelRdt", "{'closID':'none-such'}");
	if (worst(&b, "intelRdt") <= BERTH_FINDING_INFO)
		suite_skip("the driver takes what was meant to be too much for it");
	ck_fails(BERTH_E_UNSUPPORTED, box_try_create(&b, &err));
	ck_says("intelRdt");
	ck_assert_ptr_null(b.sb);
	b.launch.flags = BERTH_LAUNCH_DEGRADED;
	ck_assert_int_eq(box_run(&b).code, 6);
	box_end(&b);
}
END_TEST

START_TEST(explain_refuses_what_is_no_specification)
{
	struct box b = box("exit 0");
	struct berth_sink sink = {.limit = 65536};

	iso_needs_call("explain");
	ck_fails(BERTH_E_INVALID, b.ops->explain(b.iso, iso_str("{\"process\":"), &sink, &err));
	lent_sink_done(&sink);
	box_end(&b);
}
END_TEST

START_TEST(the_features_are_a_document)
{
	struct box b = box("exit 0");
	struct berth_sink sink = {.limit = 65536};
	struct berth_sink small = {.limit = 3};
	cleanup_record struct record *r = NULL;

	iso_needs_call("features");
	ck_ok(b.ops->features(b.iso, &sink, &err));
	ck_ok(record_parse(sink.text.p, sink.text.len, 0, &r, &err));
	ck_assert_ptr_nonnull(record_str(record_get(r, "ociVersionMin")));
	ck_assert_ptr_nonnull(record_str(record_get(r, "ociVersionMax")));
	ck_fails(BERTH_E_LIMIT, b.ops->features(b.iso, &small, &err));
	lent_sink_done(&small);
	lent_sink_done(&sink);
	box_end(&b);
}
END_TEST

/* ---------------------------------------------------------------------------------- cancellation */

START_TEST(what_is_cancelled_before_is_not_made)
{
	struct box b = box("exit 0");
	cleanup_free char *text = record_to_text(b.spec, RECORD_COMPACT);
	struct berth_op op = LENT_OP;
	int r;

	lent_cancel(&op);
	b.launch.id = b.id;
	b.launch.spec = iso_str(text);
	/* one that is quicker than its first look is right as well */
	r = b.ops->create(b.iso, &b.launch, &op, &b.sb, &err);
	ck_assert_msg(r == 0 || r == -BERTH_E_CANCELLED, "%s: %s", berth_code_name(r), err.text);
	ck_assert_msg((r == 0) == (b.sb != NULL), "an answer, and no sandbox");
	lent_op_done(&op);
	box_end(&b);
}
END_TEST

static struct berth_op *to_cancel;
static int64_t cancelled_at;

static void on_alarm(int signo)
{
	(void)signo;
	cancelled_at = clock_mono_ns();
	lent_cancel(to_cancel);
}

/* One that is cancelled @us after it began. */
static void cancel_after(int us)
{
	struct itimerval timer = {.it_value.tv_usec = us};
	struct berth_op op = LENT_OP;
	struct box b = box("exit 0");
	cleanup_free char *text = record_to_text(b.spec, RECORD_COMPACT);
	int64_t end;
	int r;

	b.launch.id = b.id;
	b.launch.spec = iso_str(text);
	to_cancel = &op;
	cancelled_at = 0;
	ck_assert_int_eq(setitimer(ITIMER_REAL, &timer, NULL), 0);
	r = b.ops->create(b.iso, &b.launch, &op, &b.sb, &err);
	end = clock_mono_ns();
	while (!cancelled_at)
		(void)usleep(100);
	ck_assert_msg(r == 0 || r == -BERTH_E_CANCELLED, "after %d us: %s: %s", us,
		      berth_code_name(r), err.text);
	ck_assert_msg(end - cancelled_at < CLOCK_SECOND, "it goes on for %lld ms",
		      (long long)((end - cancelled_at) / 1000000));
	ck_assert((r == 0) == (b.sb != NULL));
	lent_op_done(&op);
	box_end(&b); /* which looks for what is left */
}

START_TEST(cancelled_at_any_moment_it_ends_in_time_and_leaves_nothing)
{
	const struct sigaction action = {.sa_handler = on_alarm};

	ck_assert_int_eq(sigaction(SIGALRM, &action, NULL), 0);
	for (int i = 0; i < CANCELS; i++)
		cancel_after(1 + i * CANCEL_STEP_US);
}
END_TEST

/* ----------------------------------------------------------------------------------- what is lent */

static bool is_open(int fd)
{
	return fd < 0 || fcntl(fd, F_GETFD) >= 0;
}

START_TEST(what_is_lent_is_as_it_was)
{
	struct box b = box("say up pause");
	struct berth_launch before = b.launch;

	box_create(&b);
	before.id = b.launch.id;
	before.spec = b.launch.spec;
	ck_assert_int_eq(memcmp(&before, &b.launch, sizeof(before)), 0);
	ck_assert(is_open(b.root_fd) && is_open(b.own_fd) && is_open(b.out_write));
	ck_cloexec(b.out_write);
	/* and it keeps nothing of it: neither bytes nor numbers */
	close_fd(&b.root_fd);
	memset(&b.launch, 0xee, sizeof(b.launch));
	box_start(&b);
	box_await(&b, "up");
	box_end(&b);
}
END_TEST

START_TEST(it_reads_and_writes_only_as_much_of_a_struct_as_the_caller_has)
{
	struct {
		struct berth_launch launch;
		char more[64];
	} later;
	struct berth_sandbox_info info = {.size = offsetof(struct berth_sandbox_info, started_ns),
					  .started_ns = 77};
	struct berth_exit e = {.size = offsetof(struct berth_exit, at_ns), .at_ns = 77};
	struct box b = box("exit 5");
	cleanup_free char *text = record_to_text(b.spec, RECORD_COMPACT);

	memset(&later, 0xff, sizeof(later));
	later.launch = b.launch;
	later.launch.size = sizeof(later);
	later.launch.id = b.id;
	later.launch.spec = iso_str(text);
	ck_ok(b.ops->create(b.iso, &later.launch, NULL, &b.sb, &err));
	ck_ok(b.ops->info(b.sb, &info, &err));
	box_start(&b);
	ck_assert_int_eq(box_wait(&b).code, 5);
	ck_ok(b.ops->info(b.sb, &info, &err));
	ck_ok(b.ops->reap(b.sb, &e, &err));
	ck_assert_int_eq(e.code, 5);
	ck_assert_uint_eq(info.started_ns, 77);
	ck_assert_uint_eq(e.at_ns, 77);
	ck_assert_uint_eq(info.size, offsetof(struct berth_sandbox_info, started_ns));
	ck_assert_uint_eq(e.size, offsetof(struct berth_exit, at_ns));
	box_end(&b);
}
END_TEST

SUITE_CASES(iso_create_cases, what_is_no_specification_is_refused,
	    what_makes_no_sense_is_invalid_and_the_text_names_the_key, bad_names_are_invalid,
	    the_longest_name_is_one, a_name_in_use_is_refused_and_free_when_it_is_destroyed,
	    containers_live_side_by_side, what_explain_finds_nothing_in_is_taken_as_it_is,
	    what_it_cannot_is_unsupported_or_may_be_ignored,
	    explain_refuses_what_is_no_specification, the_features_are_a_document,
	    what_is_cancelled_before_is_not_made,
	    cancelled_at_any_moment_it_ends_in_time_and_leaves_nothing, what_is_lent_is_as_it_was,
	    it_reads_and_writes_only_as_much_of_a_struct_as_the_caller_has);
