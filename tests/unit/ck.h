/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/ck.h - what all test programs share, on top of check.
 *
 *	START_TEST(a_name_has_no_slash)
 *	{
 *		ck_fails(BERTH_E_INVALID, state_mkdir(ck_dir(), "a/b", 0700, 0, &err));
 *	}
 *	END_TEST
 *
 *	int main(void)
 *	{
 *		return CK_MAIN("base/path", a_name_has_no_slash);
 *	}
 *
 * Each test runs in its own process (CK_FORK=no: not). A test that is forgotten in CK_MAIN is a
 * warning of the compiler. Files go below ck_dir(), which main removes.
 */
#ifndef TESTS_CK_H
#define TESTS_CK_H

#include <check.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "base/str.h"
#include "berth/driver.h"

/** For the calls under test. */
static struct berth_error err BERTH_UNUSED;

enum { CK_UNTOUCHED = -77 };

/** @expr succeeds, and leaves err alone as all our functions do. */
#define ck_ok(expr)                                                                                \
	do {                                                                                       \
		int ck_r_;                                                                         \
                                                                                                   \
		err.code = CK_UNTOUCHED;                                                           \
		ck_r_ = (expr);                                                                    \
		ck_assert_msg(ck_r_ == 0, "%s: %s: %s", #expr, berth_code_name(ck_r_),             \
			      err.code == CK_UNTOUCHED ? "(no text)" : err.text);                  \
		ck_assert_msg(err.code == CK_UNTOUCHED, "%s: succeeded, but wrote err: %s", #expr, \
			      err.text);                                                           \
	} while (0)

/** @expr fails with -@wanted, and if it takes err, says the same there. */
#define ck_fails(wanted, expr)                                                                     \
	do {                                                                                       \
		int ck_r_;                                                                         \
                                                                                                   \
		memset(&err, 0, sizeof(err));                                                      \
		err.code = CK_UNTOUCHED;                                                           \
		ck_r_ = (expr);                                                                    \
		ck_assert_msg(ck_r_ == -(wanted), "%s: wanted %s, not %s: %s", #expr,              \
			      berth_code_name(wanted), berth_code_name(ck_r_), err.text);          \
		ck_assert_msg(err.code == CK_UNTOUCHED ||                                          \
				      (err.code == (int)(wanted) && err.text[0] != '\0'),          \
			      "%s: err says %s: '%s'", #expr, berth_code_name(err.code),           \
			      err.text);                                                           \
	} while (0)

/** The text of the last failure has @part in it. */
#define ck_says(part)                                                                              \
	ck_assert_msg(strstr(err.text, (part)), "'%s' is not in '%s'", (part), err.text)

/** @fd is an open descriptor, close-on-exec. */
#define ck_cloexec(fd) ck_assert_int_eq(fcntl((fd), F_GETFD), FD_CLOEXEC)

/** Of the whole program, however many files it has. */
__attribute__((weak)) char ck_top_path[64];

/** A new empty directory of this test; its path in @path if not NULL. */
BERTH_UNUSED
static int ck_dir_at(char path[static 96])
{
	int fd;

	ck_assert_msg(ck_top_path[0], "CK_MAIN has not run");
	(void)snprintf(path, 96, "%s/XXXXXX", ck_top_path);
	ck_assert_msg(mkdtemp(path), "mkdtemp '%s'", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return fd;
}

BERTH_UNUSED
static int ck_dir(void)
{
	char path[96];

	return ck_dir_at(path);
}

/** File @path in @dirfd with this text. */
BERTH_UNUSED
static void ck_write(int dirfd, const char *path, const char *text)
{
	int fd = openat(dirfd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	ck_assert_msg(fd >= 0, "make '%s'", path);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	ck_assert_int_eq(close(fd), 0);
}

/** What file @path in @dirfd has, at most 4095 bytes; static. NULL if it is not there. */
BERTH_UNUSED
static const char *ck_text(int dirfd, const char *path)
{
	static char text[4096];
	int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return NULL;
	n = read(fd, text, sizeof(text) - 1);
	ck_assert_int_ge(n, 0);
	text[n] = '\0';
	ck_assert_int_eq(close(fd), 0);
	return text;
}

BERTH_UNUSED
static bool ck_exists(int dirfd, const char *path)
{
	struct stat st;

	return fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/** How many descriptors this process has. */
BERTH_UNUSED
static int ck_count_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* The file of check is one that has no name any more, as none of ours is. */
BERTH_UNUSED
static void ck_drop_reports(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 3; fd < 256; fd++) {
		char path[32];
		char to[256] = "";

		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		if (readlink(path, to, sizeof(to) - 1) > 0 && str_has_suffix(to, " (deleted)"))
			(void)dup3(null, fd, O_CLOEXEC);
	}
}

/**
 * fork() for a child that may be killed at any moment: what check would write for it, to the file
 * that it shares with its parent, is dropped. A failed assertion in it is its exit with 1.
 */
BERTH_UNUSED
static pid_t ck_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		ck_drop_reports();
	return pid;
}

/** For main: the whole program is skipped on this machine. */
BERTH_UNUSED
static int ck_skip_all(const char *reason)
{
	(void)printf("1..0 # SKIP %s\n", reason);
	return 0;
}

#define CK_MAIN(name, ...) ck_main((name), (const TTest *const[]){__VA_ARGS__, NULL})

BERTH_UNUSED
static int ck_main(const char *name, const TTest *const tests[])
{
	Suite *suite = suite_create(name);
	TCase *cases = tcase_create(name);
	SRunner *runner;
	int failed;
	int top;

	(void)snprintf(ck_top_path, sizeof(ck_top_path), "/var/tmp/berth-ck-XXXXXX");
	if (!mkdtemp(ck_top_path)) {
		perror("mkdtemp");
		return 1;
	}
	for (; *tests; tests++)
		tcase_add_test(cases, *tests);
	tcase_set_timeout(cases, 30);
	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	top = open("/var/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (remove_tree(top, path_base(ck_top_path), &err) < 0) {
		(void)fprintf(stderr, "%s\n", err.text);
		failed++;
	}
	(void)close(top);
	return failed != 0;
}

#endif
