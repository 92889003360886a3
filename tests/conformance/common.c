/* SPDX-License-Identifier: Apache-2.0 */
/* Cases for drivers of all kinds: the head, and what probe, open, status and close promise. */
#include <dlfcn.h>
#include <locale.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "core/driver/options.h"
#include "tests/conformance/fault.h"
#include "tests/conformance/run.h"

enum {
	OPENS = 1000,
	OPENS_OF_MANY = 50,
	PROCESSES = 4,
	GROWTH_MAX = 65536, /* bytes in a thousand opens: what libraries keep for themselves */
};

/* ------------------------------------------------------------------------------------------ head */

static bool is_option_name(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");

	return n > 0 && !name[n] && name[0] >= 'a' && name[0] <= 'z';
}

static bool has_choice(const char *choices, const char *value)
{
	cleanup_strv char **all = strv_split(choices, '|');

	return strv_has(all, value);
}

static void ck_option(const struct berth_option *o)
{
	struct option_value value = {.name = o->name, .type = o->type};

	ck_assert_msg(is_option_name(o->name), "'%s' is no name of an option", o->name);
	ck_assert_msg(o->doc && o->doc[0], "option '%s' says nothing of itself", o->name);
	ck_assert_msg(!o->choices == (o->type != BERTH_OPT_ENUM),
		      "option '%s': choices are for ENUM", o->name);
	ck_assert_msg(!(o->flags & BERTH_OPT_REQUIRED) || !o->fallback,
		      "option '%s' is required and has a default", o->name);
	if (!o->fallback)
		return;
	ck_assert_msg(!o->choices || has_choice(o->choices, o->fallback),
		      "option '%s': its default '%s' is no choice", o->name, o->fallback);
	ck_ok(option_set_text(o, o->fallback, &value, &err));
	free(value.text);
}

START_TEST(the_head_says_what_the_engine_needs_to_know)
{
	const struct berth_driver *head = &run.driver.raw;
	struct berth_option o;

	ck_assert_msg(head->summary[0] && !strchr(head->summary, '\n'),
		      "the summary is one line: '%s'", head->summary);
	ck_assert_msg(strspn(head->version, "0123456789") > 0, "a version begins with a number");
	ck_assert_uint_ge(head->host_min, offsetof(struct berth_host, log_str));
	ck_assert_uint_le(head->host_min, sizeof(struct berth_host));
	for (size_t i = 0; options_at(head, i, &o); i++)
		ck_option(&o);
}
END_TEST

START_TEST(the_entry_is_pure)
{
	struct berth_driver before;
	uint32_t n = 0;

	if (suite_is_separate())
		suite_skip("the file is not mapped here");
	head_copy(run.driver.theirs, &before);
	while (run.driver.entry(n))
		n++;
	for (uint32_t i = 0; i < n; i++)
		ck_assert_ptr_eq(run.driver.entry(i), run.driver.entry(i));
	ck_assert_ptr_null(run.driver.entry(n));
	ck_assert_ptr_null(run.driver.entry(UINT32_MAX));
	ck_assert_ptr_eq(run.driver.entry(run.driver.index), run.driver.theirs);
	ck_assert_int_eq(memcmp(&before, &run.driver.raw, sizeof(before)), 0);
}
END_TEST

START_TEST(the_file_says_what_the_head_says)
{
	const struct info *info = &run.driver.info;
	const struct berth_driver *head = &run.driver.raw;

	ck_assert_str_eq(info->name, head->name);
	ck_assert_str_eq(info->version, head->version);
	ck_assert_uint_eq(info->kind, head->kind);
	ck_assert_uint_eq(info->host_min, head->host_min);
	ck_assert_uint_eq(info->abi, BERTH_ABI);
}
END_TEST

/* ------------------------------------------------------------------------------------------ open */

static void *open_in(int dir)
{
	void *instance = NULL;

	ck_ok(suite_driver()->open(lent_host(), suite_conf(NULL), dir, &instance, &err));
	return instance;
}

static void close_of(void *instance)
{
	suite_driver()->close(instance);
}

/* Ask for the status, if there is such a call. */
static void ask(void *instance)
{
	struct berth_sink sink = {.limit = 65536};

	if (suite_driver()->status && suite_driver()->status(instance, &sink, &err) < 0)
		ck_abort_msg("status: %s", err.text);
	lent_sink_done(&sink);
}

static size_t entries(int dirfd)
{
	DIR *dir = fdopendir(openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	size_t n = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n - 2;
}

START_TEST(to_close_nothing_is_fine)
{
	close_of(NULL);
}
END_TEST

START_TEST(a_thousand_opens_leave_nothing)
{
	int dir = ck_dir();
	size_t held;
	size_t bytes;
	int fds;

	for (int i = 0; i < 3; i++)
		close_of(open_in(dir));
	held = entries(dir);
	fds = ck_count_fds();
	bytes = suite_memory();
	for (int i = 0; i < OPENS; i++)
		close_of(open_in(dir));
	ck_assert_int_eq(ck_count_fds(), fds);
	ck_assert_uint_eq(entries(dir), held);
	ck_assert_msg(suite_memory() < bytes + GROWTH_MAX, "%zu bytes more",
		      suite_memory() - bytes);
	ck_assert_int_eq(close(dir), 0);
}
END_TEST

START_TEST(no_descriptor_of_an_open_driver_is_inherited)
{
	int dir = ck_dir();
	bool is_there[1024];
	void *instance;

	for (int fd = 0; fd < 1024; fd++)
		is_there[fd] = fcntl(fd, F_GETFD) >= 0;
	instance = open_in(dir);
	ask(instance);
	for (int fd = 0; fd < 1024; fd++) {
		if (!is_there[fd] && fcntl(fd, F_GETFD) >= 0)
			ck_cloexec(fd);
	}
	close_of(instance);
	ck_assert_int_eq(close(dir), 0);
}
END_TEST

START_TEST(instances_live_side_by_side)
{
	int dirs[2] = {ck_dir(), ck_dir()};
	void *a = open_in(dirs[0]);
	void *b = open_in(dirs[1]);
	void *c = open_in(dirs[0]); /* and a second one on the same state */

	ask(a);
	close_of(a);
	ask(b);
	ask(c);
	close_of(c);
	a = open_in(dirs[0]);
	close_of(b);
	ask(a);
	close_of(a);
	ck_assert_int_eq(close(dirs[0]), 0);
	ck_assert_int_eq(close(dirs[1]), 0);
}
END_TEST

START_TEST(processes_open_one_state_at_once)
{
	int dir = ck_dir();
	pid_t pids[PROCESSES];
	int gate[2];

	ck_assert_int_eq(pipe2(gate, O_CLOEXEC), 0);
	for (int p = 0; p < PROCESSES; p++) {
		pids[p] = ck_fork();
		if (pids[p] == 0) {
			char byte;

			(void)close(gate[1]);
			(void)!read(gate[0], &byte, 1); /* ends when all are there */
			for (int i = 0; i < OPENS_OF_MANY; i++) {
				void *instance;
				int r = suite_driver()->open(lent_host(), suite_conf(NULL), dir,
							     &instance, &err);

				if (r < 0)
					_exit(-r);
				close_of(instance);
			}
			_exit(0);
		}
	}
	(void)close(gate[0]);
	(void)close(gate[1]);
	for (int p = 0; p < PROCESSES; p++) {
		int status;

		ck_assert_int_eq(waitpid(pids[p], &status, 0), pids[p]);
		ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
			      "process %d: signal %d, answer %s", p, WTERMSIG(status),
			      berth_code_name(WEXITSTATUS(status)));
	}
	ck_assert_int_eq(close(dir), 0);
}
END_TEST

START_TEST(an_unknown_state_is_left_alone)
{
	static const char later[] = "of a later day 99\n";
	int dir = ck_dir();
	void *instance = &dir;
	size_t held;

	close_of(open_in(dir));
	if (entries(dir) == 0)
		suite_skip("open writes no state which could be of another format");
	ck_write(dir, "format", later);
	held = entries(dir);
	ck_fails(BERTH_E_CORRUPT,
		 suite_driver()->open(lent_host(), suite_conf(NULL), dir, &instance, &err));
	ck_assert_int_eq(suite_driver()->open(lent_host(), suite_conf(NULL), dir, &instance, NULL),
			 -BERTH_E_CORRUPT);
	ck_assert_ptr_eq(instance, &dir);
	ck_assert_str_eq(ck_text(dir, "format"), later);
	ck_assert_uint_eq(entries(dir), held);
	ck_assert_int_eq(close(dir), 0);
}
END_TEST

static size_t status_limit(void)
{
	return suite_driver()->status ? 65536 : 0;
}

START_TEST(the_status_is_one_object_of_words_and_numbers)
{
	struct berth_sink sink = {.limit = status_limit()};
	struct berth_sink small = {.limit = 1};
	cleanup_record struct record *status = NULL;
	int dir = ck_dir();
	void *instance;

	if (!suite_driver()->status)
		suite_skip("the driver has no call 'status'");
	instance = open_in(dir);
	ck_ok(suite_driver()->status(instance, &sink, &err));
	ck_ok(record_parse(sink.text.p, sink.text.len, 0, &status, &err));
	ck_assert_int_eq(record_type(status), RECORD_OBJECT);
	ck_fails(BERTH_E_LIMIT, suite_driver()->status(instance, &small, &err));
	ck_assert_int_eq(suite_driver()->status(instance, &small, NULL), -BERTH_E_LIMIT);
	lent_sink_done(&small);
	lent_sink_done(&sink);
	close_of(instance);
	ck_assert_int_eq(close(dir), 0);
}
END_TEST

/* ------------------------------------------------------------------------------------------ host */

/* With @size bytes of it, as it is lent by an engine of another day. */
static void open_with_host(size_t size)
{
	struct berth_host *host = calloc(1, size);
	int dir = ck_dir();
	void *instance;

	ck_assert_ptr_nonnull(host);
	memset(host, 0xee, size); /* who calls what is behind the end does not come back */
	memcpy(host, lent_host(), size < sizeof(*host) ? size : sizeof(*host));
	host->size = (uint32_t)size;
	ck_ok(suite_driver()->open(host, suite_conf(NULL), dir, &instance, &err));
	ask(instance);
	close_of(instance);
	free(host);
	ck_assert_int_eq(close(dir), 0);
}

START_TEST(the_host_may_be_larger_or_as_small_as_the_head_says)
{
	open_with_host(sizeof(struct berth_host) + 256);
	open_with_host(run.driver.raw.host_min);
}
END_TEST

/* ----------------------------------------------------------------------------------------- probe */

static bool is_healthy(const struct record *findings)
{
	for (size_t at = 0; at < record_len(findings); at++) {
		const struct record *f = record_at(findings, at);
		int64_t level = record_int_or(record_get(f, "level"), 0);
		const char *id = record_str(record_get(f, "id"));

		ck_assert_msg(level >= BERTH_FINDING_OK && level <= BERTH_FINDING_ERROR,
			      "%s: level %lld", id, (long long)level);
		ck_assert_msg(id && id[0] && !strpbrk(id, " \n"), "'%s' is no id", id);
		ck_assert_msg(level <= BERTH_FINDING_INFO || record_str(record_get(f, "fix")),
			      "%s: what is not well has a remedy", id);
		/* an honest one: the rest cannot be shown here either */
		if (level == BERTH_FINDING_ERROR)
			suite_skip("the driver says that it does not work here: %s",
				   record_str_or(record_get(f, "text"), "?"));
	}
	return record_len(findings) > 0;
}

START_TEST(a_probe_reports_and_leaves_nothing)
{
	int fd = ck_dir();
	int fds = ck_count_fds();

	if (!suite_driver()->probe)
		suite_skip("the driver has no call 'probe'");
	for (int i = 0; i < 2; i++) {
		struct berth_sink sink = {.limit = 65536};

		ck_ok(suite_driver()->probe(lent_host(), suite_conf(NULL), fd, &sink, &err));
		ck_assert_msg(is_healthy(sink.findings), "it found nothing");
		lent_sink_done(&sink);
		ck_assert_uint_eq(entries(fd), 0);
	}
	if (!suite_is_separate())
		ck_assert_int_eq(ck_count_fds(), fds);
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

/* --------------------------------------------------------------------------- what is not its own */

static void live_once(void)
{
	struct berth_sink sink = {.limit = 65536};
	int dirs[2] = {ck_dir(), ck_dir()};
	void *instance;

	if (suite_driver()->probe)
		ck_ok(suite_driver()->probe(lent_host(), suite_conf(NULL), dirs[1], &sink, &err));
	instance = open_in(dirs[0]);
	ask(instance);
	close_of(instance);
	lent_sink_done(&sink);
	ck_assert_int_eq(close(dirs[0]), 0);
	ck_assert_int_eq(close(dirs[1]), 0);
}

START_TEST(to_probe_and_open_prints_nothing)
{
	char text[256] = "";
	int out[2];
	int status;
	pid_t pid;

	ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
	pid = ck_fork();
	if (pid == 0) {
		(void)dup2(out[1], STDOUT_FILENO);
		(void)dup2(out[1], STDERR_FILENO);
		live_once();
		(void)fflush(NULL);
		_exit(0);
	}
	(void)close(out[1]);
	ck_assert_msg(read(out[0], text, sizeof(text) - 1) == 0, "it prints '%s'", text);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	(void)close(out[0]);
}
END_TEST

/* All of a process that is shared with the engine. */
static void describe_process(struct str *out)
{
	char locale[64];
	struct stat st;
	sigset_t mask;
	mode_t bits = umask(0);

	(void)umask(bits);
	(void)snprintf(locale, sizeof(locale), "%s", setlocale(LC_ALL, NULL));
	ck_assert_int_eq(stat(".", &st), 0);
	ck_assert_int_eq(sigprocmask(SIG_BLOCK, NULL, &mask), 0);
	str_addf(out, "umask %o\nlocale %s\ndirectory %llu:%llu\n", bits, locale,
		 (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	str_addf(out, "user %u:%u group %u:%u session %d group %d\n", getuid(), geteuid(), getgid(),
		 getegid(), (int)getsid(0), (int)getpgrp());
	for (int sig = 1; sig < NSIG; sig++) {
		struct sigaction action;

		if (sigaction(sig, NULL, &action) == 0)
			str_addf(out, "signal %d %p %x %d\n", sig, (void *)action.sa_handler,
				 (unsigned)action.sa_flags, sigismember(&mask, sig));
	}
	for (char *const *e = environ; *e; e++)
		str_addf(out, "env %s\n", *e);
	for (int i = 0; i < 2; i++) {
		static const char *const links[] = {"/proc/self/ns/mnt", "/proc/self/ns/net"};
		char to[64] = "";

		(void)!readlink(links[i], to, sizeof(to) - 1);
		str_addf(out, "%s %s\n", links[i], to);
	}
}

static size_t threads(void)
{
	cleanup_fd int tasks = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return entries(tasks);
}

START_TEST(the_process_stays_as_it_was)
{
	cleanup_str struct str before = STR_INIT;
	cleanup_str struct str after = STR_INIT;
	size_t n = threads();

	describe_process(&before);
	live_once();
	describe_process(&after);
	ck_assert_str_eq(str_text(&before), str_text(&after));
	for (int tries = 0; threads() != n && tries < 100; tries++) /* one that is just ending */
		(void)usleep(10000);
	if (!suite_is_separate()) {
		ck_assert_uint_eq(threads(), n);
		ck_assert_msg(waitpid(-1, NULL, WNOHANG) < 0, "a child process is left");
	}
}
END_TEST

START_TEST(only_the_directories_it_is_given_are_written)
{
	const struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY};
	const struct mount_attr writable = {.attr_clr = MOUNT_ATTR_RDONLY};
	char path[96];
	int fd = ck_dir_at(path);

	(void)close(fd);
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount(path, path, NULL, MS_BIND, NULL) < 0)
		suite_skip("no mount namespace of our own: %s", strerror(errno));
	if (mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, (struct mount_attr *)&read_only,
			  sizeof(read_only)) < 0 ||
	    mount_setattr(AT_FDCWD, path, 0, (struct mount_attr *)&writable, sizeof(writable)) < 0)
		suite_skip("nothing can be made read-only: %s", strerror(errno));
	(void)snprintf(ck_top_path, sizeof(ck_top_path), "%.63s", path);
	ck_assert_msg(mkdirat(AT_FDCWD, "/var/tmp/berth-conformance-not", 0700) < 0 &&
			      errno == EROFS,
		      "this is not read-only");
	live_once();
}
END_TEST

/* ---------------------------------------------------------------------------------------- faults */

struct opening {
	int dir;
	void *instance;
};

static void before_open(void *arg)
{
	struct opening *o = arg;

	o->instance = o;
}

static int open_once(void *arg, struct berth_error *e)
{
	struct opening *o = arg;

	return suite_driver()->open(lent_host(), suite_conf(NULL), o->dir, &o->instance, e);
}

static void after_open(void *arg, int result)
{
	struct opening *o = arg;

	if (result == 0) {
		ask(o->instance);
		close_of(o->instance);
		return;
	}
	ck_assert_msg(o->instance == o, "a failed open wrote its instance");
	close_of(open_in(o->dir)); /* the next one is fine */
}

START_TEST(an_open_whose_calls_fail_leaves_nothing)
{
	struct opening o = {.dir = ck_dir()};

	(void)suite_conf(NULL); /* makes no descriptors later */
	fault_each(&(struct fault_case){
		.before = before_open, .run = open_once, .after = after_open, .arg = &o});
	ck_assert_int_eq(close(o.dir), 0);
}
END_TEST

static int probe_once(void *arg, struct berth_error *e)
{
	struct berth_sink sink = {.limit = 65536};
	int r = suite_driver()->probe(lent_host(), suite_conf(NULL), *(int *)arg, &sink, e);

	lent_sink_done(&sink);
	return r;
}

/* If it was the removal that failed, something stays: the next probe has a directory of its own. */
static void after_probe(void *arg, int result BERTH_UNUSED)
{
	ck_ok(remove_tree_content(*(int *)arg, &err));
}

START_TEST(a_probe_whose_calls_fail_does_not_give_up)
{
	int dir = ck_dir();

	if (!suite_driver()->probe)
		suite_skip("the driver has no call 'probe'");
	fault_each(&(struct fault_case){.run = probe_once, .after = after_probe, .arg = &dir});
	ck_assert_int_eq(close(dir), 0);
}
END_TEST

SUITE_CASES(common_cases, the_head_says_what_the_engine_needs_to_know, the_entry_is_pure,
	    the_file_says_what_the_head_says, to_close_nothing_is_fine,
	    a_thousand_opens_leave_nothing, no_descriptor_of_an_open_driver_is_inherited,
	    instances_live_side_by_side, processes_open_one_state_at_once,
	    an_unknown_state_is_left_alone, the_status_is_one_object_of_words_and_numbers,
	    the_host_may_be_larger_or_as_small_as_the_head_says, a_probe_reports_and_leaves_nothing,
	    to_probe_and_open_prints_nothing, the_process_stays_as_it_was,
	    only_the_directories_it_is_given_are_written, an_open_whose_calls_fail_leaves_nothing,
	    a_probe_whose_calls_fail_does_not_give_up);
