/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/log.h"
#include "tests/unit/ck.h"

static int count_calls;

static const char *counted(void)
{
	count_calls++;
	return "value";
}

START_TEST(nothing_is_logged_unless_asked_for)
{
	ck_assert(!log_enabled(BERTH_LOG_ERROR));
	log_debug("here", "key=%s", counted());
	log_line(BERTH_LOG_ERROR, "here", "key=%s", counted());
	ck_assert_int_eq(count_calls, 0);
}
END_TEST

START_TEST(levels_above_the_asked_one_are_not_logged)
{
	char path[96];
	char file[128];
	int dir = ck_dir_at(path);

	(void)snprintf(file, sizeof(file), "%s/log", path);
	ck_ok(log_to_file(file, BERTH_LOG_WARN, &err));
	ck_assert(log_enabled(BERTH_LOG_ERROR));
	ck_assert(log_enabled(BERTH_LOG_WARN));
	ck_assert(!log_enabled(BERTH_LOG_INFO));
	log_line(BERTH_LOG_INFO, "here", "key=%s", counted());
	ck_assert_str_eq(ck_text(dir, "log"), "");
	log_line(BERTH_LOG_WARN, "there", "key=%s", counted());
	ck_assert_int_eq(count_calls, 1);
	ck_assert_ptr_nonnull(strstr(ck_text(dir, "log"), " level=warn pid="));
	ck_assert_ptr_nonnull(strstr(ck_text(dir, "log"), " at=there key=value\n"));
}
END_TEST

START_TEST(a_line_stays_a_line)
{
	char path[96];
	char file[128];
	char big[5000];
	int dir = ck_dir_at(path);
	const char *text;
	struct stat st;

	(void)umask(0);
	(void)snprintf(file, sizeof(file), "%s/log", path);
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	ck_ok(log_to_file(file, BERTH_LOG_DEBUG, &err));
	ck_assert_int_eq(fstatat(dir, "log", &st, 0), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	log_debug("a", "name='%s'", "two\nlines\x1b[0m");
	ck_assert_ptr_nonnull(strstr(ck_text(dir, "log"), "name='two?lines?[0m'\n"));
	log_debug("b", "%s", big);
	errno = EXDEV;
	log_debug("c", "%s", "end");
	ck_assert_int_eq(errno, EXDEV);
	log_to_fd(1000, BERTH_LOG_DEBUG);
	log_debug("d", "%s", "into nothing");
	ck_assert_int_eq(errno, EXDEV);
	text = ck_text(dir, "log");
	ck_assert_uint_lt(strlen(text), 4000);
	ck_assert_ptr_nonnull(strstr(text, "xxx\ntime="));
	ck_assert_ptr_nonnull(strstr(text, " at=c end\n"));
}
END_TEST

START_TEST(levels_have_names)
{
	int level = 42;

	log_to_fd(-1, 0);
	ck_ok(log_parse_level("debug", &level, &err));
	ck_assert_int_eq(level, BERTH_LOG_DEBUG);
	ck_ok(log_parse_level("off", &level, &err));
	ck_assert_int_eq(level, 0);
	ck_fails(BERTH_E_INVALID, log_parse_level("loud", &level, &err));
	ck_says("'loud'");
	ck_fails(BERTH_E_NOT_FOUND, log_to_file("/nonexistent/log", BERTH_LOG_DEBUG, &err));
	ck_assert(!log_enabled(BERTH_LOG_ERROR));
}
END_TEST

int main(void)
{
	return CK_MAIN("base/log", nothing_is_logged_unless_asked_for,
		       levels_above_the_asked_one_are_not_logged, a_line_stays_a_line,
		       levels_have_names);
}
