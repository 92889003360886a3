/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <string.h>
#include <time.h>

#include "base/str.h"

static int64_t read_clock(clockid_t id)
{
	struct timespec now;

	(void)clock_gettime(id, &now); /* these two clocks are always there */
	return (int64_t)now.tv_sec * CLOCK_SECOND + now.tv_nsec;
}

int64_t clock_now_ns(void)
{
	return read_clock(CLOCK_REALTIME);
}

int64_t clock_mono_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

static const char *put(char *out, size_t size, const char *text)
{
	(void)snprintf(out, size, "%s", text);
	return out;
}

/* With at least @digits of the nine decimals, and no zeros behind those. */
static const char *format(int64_t ns, int digits, char *out)
{
	struct tm tm;
	time_t seconds;
	int64_t rest;
	char decimals[16] = "";

	if (ns == CLOCK_NEVER)
		return put(out, CLOCK_TEXT_MAX, "0001-01-01T00:00:00Z");
	seconds = ns / CLOCK_SECOND;
	rest = ns % CLOCK_SECOND;
	if (rest < 0) {
		rest += CLOCK_SECOND;
		seconds--;
	}
	(void)gmtime_r(&seconds, &tm);
	if (rest || digits) {
		int len = snprintf(decimals, sizeof(decimals), ".%09d", (int)rest);

		while (len > digits + 1 && decimals[len - 1] == '0')
			decimals[--len] = '\0';
	}
	(void)snprintf(out, CLOCK_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02d%sZ", tm.tm_year + 1900,
		       tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, decimals);
	return out;
}

const char *clock_format(int64_t ns, char out[static CLOCK_TEXT_MAX])
{
	return format(ns, 0, out);
}

const char *clock_format_or_never(int64_t ns, char out[static CLOCK_TEXT_MAX])
{
	return format(ns == 0 ? CLOCK_NEVER : ns, 0, out);
}

const char *clock_format_log(int64_t ns, char out[static CLOCK_TEXT_MAX])
{
	return format(ns, 9, out);
}

/* What a written time says. */
struct moment {
	struct tm tm;
	int64_t ns;
	int parts; /* 3: date, 4: and hour, 5: and minutes, 6: and seconds */
	bool has_zone;
	int64_t offset; /* of the zone, seconds east */
};

/* Exactly @n digits, from @min to @max. */
static bool take_number(const char **at, int n, int min, int max, int *ret)
{
	int value = 0;

	for (int i = 0; i < n; i++) {
		char c = (*at)[i];

		if (c < '0' || c > '9')
			return false;
		value = value * 10 + (c - '0');
	}
	*at += n;
	*ret = value;
	return value >= min && value <= max;
}

static bool take_char(const char **at, char c)
{
	if (**at != c)
		return false;
	(*at)++;
	return true;
}

/* 1 to 9 digits behind a point, as nanoseconds. */
static bool take_decimals(const char **at, int64_t *ret)
{
	int64_t value = 0;
	int n = 0;

	for (; **at >= '0' && **at <= '9'; (*at)++, n++) {
		if (n == 9)
			return false;
		value = value * 10 + (**at - '0');
	}
	if (n == 0)
		return false;
	for (; n < 9; n++)
		value *= 10;
	*ret = value;
	return true;
}

static bool take_clock(const char **at, struct moment *m)
{
	if (!take_number(at, 2, 0, 23, &m->tm.tm_hour))
		return false;
	m->parts = 4;
	if (!take_char(at, ':'))
		return true;
	if (!take_number(at, 2, 0, 59, &m->tm.tm_min))
		return false;
	m->parts = 5;
	if (!take_char(at, ':'))
		return true;
	if (!take_number(at, 2, 0, 59, &m->tm.tm_sec))
		return false;
	m->parts = 6;
	return !take_char(at, '.') || take_decimals(at, &m->ns);
}

static bool take_zone(const char **at, struct moment *m)
{
	int sign = **at == '-' ? -1 : 1;
	int hours;
	int minutes;

	if (!**at)
		return true;
	m->has_zone = true;
	if (take_char(at, 'Z'))
		return true;
	if (!take_char(at, '+') && !take_char(at, '-'))
		return false;
	if (!take_number(at, 2, 0, 23, &hours) || !take_char(at, ':') ||
	    !take_number(at, 2, 0, 59, &minutes))
		return false;
	m->offset = sign * (hours * 3600 + minutes * 60);
	return true;
}

static bool read_moment(const char *text, struct moment *ret)
{
	struct moment m = {.parts = 3, .tm = {.tm_isdst = -1}};
	int year;
	int month;

	if (!take_number(&text, 4, 0, 9999, &year) || !take_char(&text, '-') ||
	    !take_number(&text, 2, 1, 12, &month) || !take_char(&text, '-') ||
	    !take_number(&text, 2, 1, 31, &m.tm.tm_mday))
		return false;
	m.tm.tm_year = year - 1900;
	m.tm.tm_mon = month - 1;
	if (take_char(&text, 'T') && !take_clock(&text, &m))
		return false;
	if (!take_zone(&text, &m) || *text)
		return false;
	*ret = m;
	return true;
}

/* false for the 30th of February, and for what does not fit (nor does what would be CLOCK_NEVER).
 */
static bool to_ns(const struct moment *m, int64_t *ret)
{
	struct tm tm = m->tm;
	int64_t ns;
	time_t seconds = m->has_zone ? timegm(&tm) : mktime(&tm);

	if (tm.tm_mday != m->tm.tm_mday || tm.tm_mon != m->tm.tm_mon)
		return false;
	if (m->has_zone && tm.tm_year == 1 - 1900 && tm.tm_yday == 0 && seconds % 86400 == 0 &&
	    !m->ns && !m->offset) {
		*ret = CLOCK_NEVER;
		return true;
	}
	if (__builtin_mul_overflow((int64_t)seconds - m->offset, CLOCK_SECOND, &ns) ||
	    __builtin_add_overflow(ns, m->ns, &ns))
		return false;
	*ret = ns;
	return true;
}

int clock_parse(const char *text, int64_t *ret_ns, struct berth_error *err)
{
	struct moment m;

	if (!read_moment(text, &m) || m.parts != 6 || !m.has_zone || !to_ns(&m, ret_ns))
		return berth_fail(err, BERTH_E_INVALID,
				  "'%.64s' is not a time such as 2024-01-02T03:04:05Z", text);
	return 0;
}

/* "1704164645.25" */
static bool read_unix(const char *text, int64_t *ret)
{
	int64_t decimals = 0;
	int64_t seconds = 0;
	int64_t ns;
	const char *at = text;

	for (; *at >= '0' && *at <= '9'; at++) {
		if (__builtin_mul_overflow(seconds, 10, &seconds) ||
		    __builtin_add_overflow(seconds, *at - '0', &seconds))
			return false;
	}
	if (at == text || (take_char(&at, '.') && !take_decimals(&at, &decimals)) || *at)
		return false;
	if (__builtin_mul_overflow(seconds, CLOCK_SECOND, &ns) ||
	    __builtin_add_overflow(ns, decimals, &ns))
		return false;
	*ret = ns;
	return true;
}

int clock_parse_user(const char *text, int64_t now_ns, int64_t *ret_ns, struct berth_error *err)
{
	struct moment m;
	int64_t ns;

	if (strcmp(text, "0") != 0 && parse_duration_ns(text, &ns) == 0) {
		if (__builtin_sub_overflow(now_ns, ns, &ns))
			return berth_fail(err, BERTH_E_INVALID, "'%.64s' is out of range", text);
		*ret_ns = ns;
		return 0;
	}
	if (read_unix(text, &ns) || (read_moment(text, &m) && to_ns(&m, &ns))) {
		*ret_ns = ns;
		return 0;
	}
	return berth_fail(
		err, BERTH_E_INVALID,
		"'%.64s' is neither a time (2024-01-02T03:04:05Z, 2024-01-02, seconds since "
		"1970) nor a duration (10m, 1h30m)",
		text);
}

static const char *count(char *out, int64_t n, const char *unit)
{
	(void)snprintf(out, CLOCK_HUMAN_MAX, "%lld %s", (long long)n, unit);
	return out;
}

const char *clock_human(int64_t duration_ns, char out[static CLOCK_HUMAN_MAX])
{
	int64_t seconds = duration_ns / CLOCK_SECOND;
	int64_t minutes = seconds / 60;
	int64_t hours = (int64_t)((double)duration_ns / (3600.0 * (double)CLOCK_SECOND) + 0.5);

	if (seconds < 1)
		return put(out, CLOCK_HUMAN_MAX, "Less than a second");
	if (seconds == 1)
		return put(out, CLOCK_HUMAN_MAX, "1 second");
	if (minutes == 1)
		return put(out, CLOCK_HUMAN_MAX, "About a minute");
	if (minutes >= 60 && hours == 1)
		return put(out, CLOCK_HUMAN_MAX, "About an hour");
	if (seconds < 60)
		return count(out, seconds, "seconds");
	if (minutes < 60)
		return count(out, minutes, "minutes");
	if (hours < 48)
		return count(out, hours, "hours");
	if (hours < 24 * 7 * 2)
		return count(out, hours / 24, "days");
	if (hours < 24 * 30 * 2)
		return count(out, hours / 24 / 7, "weeks");
	if (hours < 24 * 365 * 2)
		return count(out, hours / 24 / 30, "months");
	return count(out, minutes / 60 / 24 / 365, "years");
}
