/* SPDX-License-Identifier: Apache-2.0 */
#include <time.h>

#include "base/clock.h"
#include "tests/unit/ck.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define HOUR	     (3600 * CLOCK_SECOND)

START_TEST(times_are_printed_as_by_go)
{
	static const struct {
		int64_t ns;
		const char *text;
	} cases[] = {
		{0, "1970-01-01T00:00:00Z"},
		{1704164645123456789, "2024-01-02T03:04:05.123456789Z"},
		{1704164645120000000, "2024-01-02T03:04:05.12Z"},
		{1704164645000000001, "2024-01-02T03:04:05.000000001Z"},
		{1709164800000000000, "2024-02-29T00:00:00Z"},
		{-1, "1969-12-31T23:59:59.999999999Z"},
		{-CLOCK_SECOND, "1969-12-31T23:59:59Z"},
		{CLOCK_NEVER, "0001-01-01T00:00:00Z"},
		{INT64_MAX, "2262-04-11T23:47:16.854775807Z"},
	};
	char out[CLOCK_TEXT_MAX];

	for (size_t i = 0; i < COUNT(cases); i++)
		ck_assert_str_eq(clock_format(cases[i].ns, out), cases[i].text);
	ck_assert_str_eq(clock_format_or_never(0, out), "0001-01-01T00:00:00Z");
	ck_assert_str_eq(clock_format_or_never(1, out), "1970-01-01T00:00:00.000000001Z");
	ck_assert_str_eq(clock_format_log(1704164645120000000, out),
			 "2024-01-02T03:04:05.120000000Z");
	ck_assert_str_eq(clock_format_log(0, out), "1970-01-01T00:00:00.000000000Z");
}
END_TEST

START_TEST(times_are_parsed_exactly)
{
	static const struct {
		const char *text;
		int64_t ns;
	} cases[] = {
		{"2024-01-02T03:04:05.123456789Z", 1704164645123456789},
		{"2024-01-02T03:04:05Z", 1704164645000000000},
		{"2024-01-02T03:04:05.5Z", 1704164645500000000},
		{"2024-01-02T05:04:05+02:00", 1704164645000000000},
		{"2024-01-01T21:34:05-05:30", 1704164645000000000},
		{"2024-01-02T03:04:05+00:00", 1704164645000000000},
		{"1970-01-01T00:00:00Z", 0},
		{"1969-12-31T23:59:59.9Z", -100000000},
		{"0001-01-01T00:00:00Z", CLOCK_NEVER},
		{"2024-02-29T00:00:00Z", 1709164800000000000},
		{"2262-04-11T23:47:16.854775807Z", INT64_MAX},
	};
	int64_t ns = 42;

	ck_assert_int_eq(setenv("TZ", "Asia/Tokyo", 1), 0);
	tzset();
	for (size_t i = 0; i < COUNT(cases); i++) {
		ck_ok(clock_parse(cases[i].text, &ns, &err));
		ck_assert_msg(ns == cases[i].ns, "%s: %lld", cases[i].text, (long long)ns);
	}
}
END_TEST

START_TEST(what_is_no_time_is_refused)
{
	static const char *const bad[] = {
		"",
		"2024",
		"2024-01-02",
		"2024-01-02T03:04Z",
		"2024-01-02T03:04:05",
		"2024-01-02 03:04:05Z",
		"2024-01-02t03:04:05z",
		"2024-13-02T03:04:05Z",
		"2024-00-02T03:04:05Z",
		"2024-02-30T03:04:05Z",
		"2023-02-29T03:04:05Z",
		"2024-01-32T03:04:05Z",
		"2024-01-02T24:04:05Z",
		"2024-01-02T03:60:05Z",
		"2024-01-02T03:04:60Z",
		"2024-01-02T03:04:05.Z",
		"2024-01-02T03:04:05.1234567890Z",
		"2024-01-02T03:04:05+0200",
		"2024-01-02T03:04:05+24:00",
		"2024-01-02T03:04:05Zx",
		"24-01-02T03:04:05Z",
		"2024-1-2T03:04:05Z",
		" 2024-01-02T03:04:05Z",
		"2262-04-11T23:47:16.854775808Z",
		"1677-09-21T00:12:43.145224192Z", /* would be "never" */
		"9999-01-01T00:00:00Z",
		"0001-01-01T00:00:01Z",
		"0001-01-02T00:00:00Z",
		"-024-01-02T03:04:05Z",
	};
	int64_t ns = 42;

	for (size_t i = 0; i < COUNT(bad); i++)
		ck_fails(BERTH_E_INVALID, clock_parse(bad[i], &ns, &err));
	ck_assert_int_eq(ns, 42);
}
END_TEST

START_TEST(since_takes_what_docker_takes)
{
	const int64_t now = 1704164645000000000;
	static const struct {
		const char *text;
		int64_t ns;
	} cases[] = {
		{"10m", 1704164045000000000},
		{"1h30m", 1704159245000000000},
		{"-1s", 1704164646000000000},
		{"0s", 1704164645000000000},
		{"0", 0},
		{"1704164645", 1704164645000000000},
		{"1704164645.25", 1704164645250000000},
		{"1704164645.000000001", 1704164645000000001},
		{"2024-01-02T03:04:05Z", 1704164645000000000},
		{"2024-01-02T03:04:05.5Z", 1704164645500000000},
		{"2024-01-02T04:04:05+01:00", 1704164645000000000},
		{"2024-01-02T03:04Z", 1704164640000000000},
		{"2024-01-02T03Z", 1704164400000000000},
		{"2024-01-02Z", 1704153600000000000},
		/* local: nine hours east */
		{"2024-01-02", 1704121200000000000},
		{"2024-01-02T12", 1704164400000000000},
		{"2024-01-02T12:04", 1704164640000000000},
		{"2024-01-02T12:04:05", 1704164645000000000},
		{"2024-01-02T12:04:05.25", 1704164645250000000},
	};
	static const char *const bad[] = {"",
					  "x",
					  "10",
					  "-5",
					  "10x",
					  "1704164645.",
					  ".5",
					  "2024-01",
					  "2024-02-30",
					  "yesterday",
					  "99999999999999999999",
					  "1704164645.0000000001",
					  "2024-01-02T",
					  "2024-01-02T12:"};
	int64_t ns = 42;

	ck_assert_int_eq(setenv("TZ", "JST-9", 1), 0);
	tzset();
	for (size_t i = 0; i < COUNT(cases); i++) {
		ck_ok(clock_parse_user(cases[i].text, now, &ns, &err));
		ck_assert_msg(ns == cases[i].ns, "%s: %lld", cases[i].text, (long long)ns);
	}
	ns = 42;
	for (size_t i = 0; i < COUNT(bad); i++) {
		int r = clock_parse_user(bad[i], now, &ns, &err);

		if (strcmp(bad[i], "10") == 0) /* seconds since 1970 */
			ck_assert_int_eq(r, 0);
		else
			ck_assert_msg(r == -BERTH_E_INVALID, "'%s': %d", bad[i], r);
	}
}
END_TEST

START_TEST(durations_in_words_are_dockers)
{
	static const struct {
		int64_t ns;
		const char *text;
	} cases[] = {
		{-5 * CLOCK_SECOND, "Less than a second"},
		{0, "Less than a second"},
		{CLOCK_SECOND - 1, "Less than a second"},
		{CLOCK_SECOND, "1 second"},
		{2 * CLOCK_SECOND, "2 seconds"},
		{59 * CLOCK_SECOND, "59 seconds"},
		{60 * CLOCK_SECOND, "About a minute"},
		{119 * CLOCK_SECOND, "About a minute"},
		{120 * CLOCK_SECOND, "2 minutes"},
		{3599 * CLOCK_SECOND, "59 minutes"},
		{HOUR, "About an hour"},
		{HOUR + 29 * 60 * CLOCK_SECOND, "About an hour"},
		{HOUR + 30 * 60 * CLOCK_SECOND, "2 hours"},
		{47 * HOUR, "47 hours"},
		{47 * HOUR + HOUR / 2, "2 days"},
		{48 * HOUR, "2 days"},
		{13 * 24 * HOUR, "13 days"},
		{14 * 24 * HOUR, "2 weeks"},
		{59 * 24 * HOUR, "8 weeks"},
		{60 * 24 * HOUR, "2 months"},
		{729 * 24 * HOUR, "24 months"},
		{730 * 24 * HOUR, "2 years"},
		{3650 * 24 * HOUR, "10 years"},
	};
	char out[CLOCK_HUMAN_MAX];

	for (size_t i = 0; i < COUNT(cases); i++)
		ck_assert_str_eq(clock_human(cases[i].ns, out), cases[i].text);
}
END_TEST

START_TEST(clocks_go_forward)
{
	int64_t mono = clock_mono_ns();
	int64_t now = clock_now_ns();

	ck_assert_int_ge(clock_mono_ns(), mono);
	ck_assert_int_gt(now, 1704164645000000000);
	ck_assert_int_lt(now - (int64_t)time(NULL) * CLOCK_SECOND, 2 * CLOCK_SECOND);
}
END_TEST

int main(void)
{
	return CK_MAIN("base/clock", times_are_printed_as_by_go, times_are_parsed_exactly,
		       what_is_no_time_is_refused, since_takes_what_docker_takes,
		       durations_in_words_are_dockers, clocks_go_forward);
}
