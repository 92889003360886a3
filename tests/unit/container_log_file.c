/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/ck.h"

#include "core/container/log_file.h"

static const struct log_select all = {.out = true, .err = true};

static int new_log(void)
{
	int dir = ck_dir_at((char[96]){0});
	int fd = openat(dir, "log", O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	(void)close(dir);
	return fd;
}

static void put(int fd, int stream, int64_t at, const char *text)
{
	ck_ok(log_file_append(fd, stream, at, text, strlen(text), &err));
}

static int collect(void *arg, int stream, int64_t at_ns, const char *bytes, size_t n)
{
	(void)stream;
	(void)at_ns;
	str_add_n(arg, bytes, n);
	return 0;
}

/** What a reader gets of @fd: the last @lines lines, or all for -1. */
static const char *read_log(int fd, const struct log_select *select, int64_t lines)
{
	static struct str out;
	cleanup_log_file struct log_file log = {NULL, 0};
	struct log_place place = {0, 0};

	str_clear(&out);
	ck_ok(log_file_open(fd, &log, &err));
	if (lines >= 0)
		place = log_file_tail(&log, select, lines);
	ck_assert_int_eq(log_file_read(&log, select, &place, collect, &out), 0);
	return str_text(&out);
}

START_TEST(what_was_written_is_read)
{
	int fd = new_log();

	put(fd, LOG_STDOUT, 1, "one\n");
	put(fd, LOG_STDERR, 2, "two\nthr");
	put(fd, LOG_STDOUT, 3, "ee\n");
	ck_assert_str_eq(read_log(fd, &all, -1), "one\ntwo\nthree\n");
}
END_TEST

START_TEST(streams_and_times_are_selected)
{
	int fd = new_log();
	struct log_select out = {.out = true}, late = {.out = true, .err = true, .since_ns = 20},
			  early = {.out = true, .err = true, .until_ns = 19};

	put(fd, LOG_STDOUT, 10, "a\n");
	put(fd, LOG_STDERR, 20, "b\n");
	put(fd, LOG_STDOUT, 30, "c\n");
	ck_assert_str_eq(read_log(fd, &out, -1), "a\nc\n");
	ck_assert_str_eq(read_log(fd, &late, -1), "b\nc\n");
	ck_assert_str_eq(read_log(fd, &early, -1), "a\n");
	ck_assert_str_eq(read_log(fd, &out, 1), "c\n");
}
END_TEST

START_TEST(the_tail_counts_lines_not_frames)
{
	int fd = new_log();

	put(fd, LOG_STDOUT, 1, "1\n2\n3");
	put(fd, LOG_STDOUT, 2, "3\n4\n5\n");
	ck_assert_str_eq(read_log(fd, &all, 1), "5\n");
	ck_assert_str_eq(read_log(fd, &all, 2), "4\n5\n");
	ck_assert_str_eq(read_log(fd, &all, 3), "33\n4\n5\n");
	ck_assert_str_eq(read_log(fd, &all, 4), "2\n33\n4\n5\n");
	ck_assert_str_eq(read_log(fd, &all, 5), "1\n2\n33\n4\n5\n");
	ck_assert_str_eq(read_log(fd, &all, 99), "1\n2\n33\n4\n5\n");
	ck_assert_str_eq(read_log(fd, &all, 0), "");
}
END_TEST

START_TEST(a_last_line_without_newline_is_a_line)
{
	int fd = new_log();

	put(fd, LOG_STDOUT, 1, "a\nb\nno newline");
	ck_assert_str_eq(read_log(fd, &all, 1), "no newline");
	ck_assert_str_eq(read_log(fd, &all, 2), "b\nno newline");
}
END_TEST

START_TEST(where_the_streams_change_a_line_begins)
{
	int fd = new_log();

	put(fd, LOG_STDOUT, 1, "a\nb\nno newline");
	put(fd, LOG_STDERR, 2, "wrong\n");
	put(fd, LOG_STDOUT, 3, "c\n");
	ck_assert_str_eq(read_log(fd, &all, 1), "c\n");
	ck_assert_str_eq(read_log(fd, &all, 2), "wrong\nc\n");
	ck_assert_str_eq(read_log(fd, &all, 3), "no newlinewrong\nc\n");
	ck_assert_str_eq(read_log(fd, &all, 4), "b\nno newlinewrong\nc\n");
}
END_TEST

START_TEST(an_empty_log_reads_as_nothing)
{
	int fd = new_log();

	ck_assert_str_eq(read_log(fd, &all, -1), "");
	ck_assert_str_eq(read_log(fd, &all, 3), "");
}
END_TEST

START_TEST(a_frame_that_is_cut_off_ends_the_log)
{
	int fd = new_log();
	struct stat st;

	put(fd, LOG_STDOUT, 1, "whole\n");
	put(fd, LOG_STDOUT, 2, "also whole\n");
	put(fd, LOG_STDOUT, 3, "cut off\n");
	ck_assert_int_eq(fstat(fd, &st), 0);
	for (off_t cut = st.st_size - 1; cut > st.st_size - 28; cut--) {
		ck_assert_int_eq(ftruncate(fd, cut), 0);
		ck_assert_str_eq(read_log(fd, &all, -1), "whole\nalso whole\n");
		ck_assert_str_eq(read_log(fd, &all, 1), "also whole\n");
	}
}
END_TEST

START_TEST(garbage_is_never_read_beyond_its_end)
{
	int fd = new_log();
	char bytes[256];

	for (int fill = 0; fill < 256; fill += 15) {
		memset(bytes, fill, sizeof(bytes));
		ck_assert_int_eq(ftruncate(fd, 0), 0);
		ck_assert_int_eq(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
		(void)read_log(fd, &all, -1);
		(void)read_log(fd, &all, 2);
	}
}
END_TEST

START_TEST(a_frame_that_is_too_long_is_refused)
{
	int fd = new_log();
	static char big[LOG_FRAME_MAX + 1];

	ck_fails(BERTH_E_LIMIT, log_file_append(fd, LOG_STDOUT, 1, big, sizeof(big), &err));
	ck_fails(BERTH_E_LIMIT, log_file_append(fd, LOG_STDOUT, 1, big, 0, &err));
	ck_assert_str_eq(read_log(fd, &all, -1), "");
}
END_TEST

START_TEST(a_full_disk_leaves_whole_frames)
{
	int fd = open("/dev/full", O_RDWR | O_APPEND | O_CLOEXEC);

	ck_fails(BERTH_E_FULL, log_file_append(fd, LOG_STDOUT, 1, "x", 1, &err));
}
END_TEST

int main(void)
{
	return CK_MAIN("container/log_file", what_was_written_is_read, streams_and_times_are_selected,
		       the_tail_counts_lines_not_frames, a_last_line_without_newline_is_a_line,
		       where_the_streams_change_a_line_begins, an_empty_log_reads_as_nothing, a_frame_that_is_cut_off_ends_the_log,
		       garbage_is_never_read_beyond_its_end, a_frame_that_is_too_long_is_refused,
		       a_full_disk_leaves_whole_frames);
}
