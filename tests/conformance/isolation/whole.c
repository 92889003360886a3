/* SPDX-License-Identifier: Apache-2.0 */
/* What holds for all calls: nothing is left, nothing is printed, the caller stays as it was. */
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#include "tests/conformance/isolation/iso.h"

enum {
	LIVES = 25,
	WARM = 5,
	GROWTH_MAX = 65536,
};

/* Everything once, failures among it. */
static void live(struct box *b)
{
	struct berth_sandbox_info info = {.size = sizeof(info)};
	struct berth_sink sink = {.limit = 65536};
	struct berth_exit e = {.size = sizeof(e)};
	struct berth_sandbox *none = NULL;
	cleanup_free char *text = NULL;
	int pidfd = -1;

	box_words(b, "say up pause");
	str_clear(&b->printed);
	box_up(b);
	text = record_to_text(b->spec, RECORD_COMPACT);
	b->launch.spec = iso_str(text);
	(void)b->ops->create(b->iso, &b->launch, NULL, &none, NULL); /* EXISTS */
	ck_ok(b->ops->info(b->sb, &info, &err));
	(void)b->ops->start(b->sb, NULL);    /* BUSY */
	(void)b->ops->reap(b->sb, &e, NULL); /* BUSY */
	if (suite_has("exec")) {
		ck_assert_int_eq(box_exec_wait(box_exec(b, "exit 1")), 1);
		(void)box_try_exec(b, "", "{'args':['nope']}", &pidfd, NULL);
	}
	if (suite_has("save"))
		ck_ok(b->ops->save(b->sb, &sink, &err));
	if (suite_has("recover") &&
	    b->ops->recover(b->iso, b->id, (struct berth_str){sink.text.p, sink.text.len}, &none,
			    NULL) == 0)
		b->ops->forget(none);
	lent_sink_done(&sink);
	if (suite_has("freeze")) {
		ck_ok(b->ops->freeze(b->sb, true, &err));
		ck_ok(b->ops->freeze(b->sb, false, &err));
	}
	if (suite_has("update"))
		(void)b->ops->update(b->sb, iso_str("{\"pids\":"), NULL);
	(void)b->ops->signal(b->sb, SIGKILL, 0, NULL);
	(void)box_wait(b);
	ck_ok(b->ops->destroy(b->sb, &err));
	b->ops->forget(b->sb);
	b->sb = NULL;
	(void)lent_log();
}

START_TEST(no_call_keeps_memory_or_a_descriptor)
{
	struct box b = box("");
	size_t bytes;
	int fds;

	for (int i = 0; i < WARM; i++)
		live(&b);
	bytes = suite_memory();
	fds = ck_count_fds();
	for (int i = 0; i < LIVES; i++)
		live(&b);
	ck_assert_int_eq(ck_count_fds(), fds);
	ck_assert_msg(suite_memory() < bytes + GROWTH_MAX, "%zu bytes more",
		      suite_memory() - bytes);
	box_end(&b);
}
END_TEST

static size_t lines_of(const char *path)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	cleanup_free char *text = NULL;
	size_t n = 0;
	size_t len;

	ck_ok(read_fd_limited(fd, 1 << 24, &text, &len, &err));
	for (const char *p = text; (p = strchr(p, '\n')); p++)
		n++;
	return n;
}

START_TEST(no_mount_is_made_in_the_callers_namespace)
{
	struct box b;
	size_t mounts;

	if (unshare(CLONE_NEWNS) < 0)
		suite_skip("no mount namespace of our own: %s", strerror(errno));
	mounts = lines_of("/proc/self/mountinfo");
	b = box("say up pause");
	box_up(&b);
	ck_assert_uint_eq(lines_of("/proc/self/mountinfo"), mounts);
	box_end(&b);
	ck_assert_uint_eq(lines_of("/proc/self/mountinfo"), mounts);
}
END_TEST

/* All of a process that is shared with the engine. */
static void describe(struct str *out)
{
	static const char *const links[] = {"ns/mnt",
					    "ns/net",
					    "ns/uts",
					    "ns/ipc",
					    "ns/user",
					    "ns/cgroup",
					    "ns/pid_for_children",
					    "cwd",
					    "root"};
	sigset_t mask;
	mode_t bits = umask(0);

	(void)umask(bits);
	ck_assert_int_eq(sigprocmask(SIG_BLOCK, NULL, &mask), 0);
	str_addf(out, "umask %o user %u:%u group %u:%u session %d group %d\n", bits, getuid(),
		 geteuid(), getgid(), getegid(), (int)getsid(0), (int)getpgrp());
	for (int sig = 1; sig < NSIG; sig++) {
		struct sigaction action;

		if (sigaction(sig, NULL, &action) == 0)
			str_addf(out, "signal %d %p %x %d\n", sig, (void *)action.sa_handler,
				 (unsigned)action.sa_flags, sigismember(&mask, sig));
	}
	for (char *const *e = environ; *e; e++)
		str_addf(out, "env %s\n", *e);
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		char path[64];
		char to[256] = "";

		(void)snprintf(path, sizeof(path), "/proc/self/%s", links[i]);
		(void)!readlink(path, to, sizeof(to) - 1);
		str_addf(out, "%s %s\n", path, to);
	}
}

START_TEST(the_caller_stays_as_it_was)
{
	cleanup_str struct str before = STR_INIT;
	cleanup_str struct str after = STR_INIT;
	struct box b = box("");

	describe(&before);
	live(&b);
	describe(&after);
	ck_assert_str_eq(str_text(&before), str_text(&after));
	box_end(&b);
}
END_TEST

START_TEST(nothing_is_printed)
{
	char text[256] = "";
	int out[2];
	int status;
	pid_t pid;

	ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
	pid = ck_fork();
	if (pid == 0) {
		struct box b;

		(void)dup2(out[1], STDOUT_FILENO);
		(void)dup2(out[1], STDERR_FILENO);
		b = box("");
		live(&b);
		box_drop(&b);
		_exit(0);
	}
	(void)close(out[1]);
	ck_assert_msg(read(out[0], text, sizeof(text) - 1) == 0, "it prints '%s'", text);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	(void)close(out[0]);
}
END_TEST

START_TEST(nobody_needs_err)
{
	struct box b = box("say up pause");
	struct berth_exit e = {.size = sizeof(e)};
	struct berth_sandbox *none = NULL;
	cleanup_free char *text = NULL;
	int pidfd = -1;

	box_up(&b);
	text = record_to_text(b.spec, RECORD_COMPACT);
	b.launch.spec = iso_str(text);
	ck_assert_int_eq(b.ops->create(b.iso, &b.launch, NULL, &none, NULL), -BERTH_E_EXISTS);
	b.launch.id = "../x";
	ck_assert_int_eq(b.ops->create(b.iso, &b.launch, NULL, &none, NULL), -BERTH_E_INVALID);
	ck_assert_int_eq(b.ops->start(b.sb, NULL), -BERTH_E_BUSY);
	ck_assert_int_eq(b.ops->reap(b.sb, &e, NULL), -BERTH_E_BUSY);
	if (suite_has("exec"))
		ck_assert_int_eq(box_try_exec(&b, "", "{'args':['nope']}", &pidfd, NULL),
				 -BERTH_E_EXEC);
	ck_assert_int_eq(b.ops->destroy(b.sb, NULL), 0);
	ck_assert_int_eq(b.ops->signal(b.sb, SIGTERM, 0, NULL), -BERTH_E_NOT_FOUND);
	b.launch.id = b.id;
	box_end(&b);
}
END_TEST

SUITE_CASES(iso_whole_cases, no_call_keeps_memory_or_a_descriptor,
	    no_mount_is_made_in_the_callers_namespace, the_caller_stays_as_it_was,
	    nothing_is_printed, nobody_needs_err);
