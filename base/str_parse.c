/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include <string.h>
#include <strings.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits of @base at *@at, which moves behind them. */
static int take_digits(const char **at, unsigned base, uint64_t *ret)
{
	uint64_t value = 0;
	const char *s = *at;

	if (*s < '0' || *s >= (char)('0' + base))
		return -BERTH_E_INVALID;
	for (; *s >= '0' && *s < (char)('0' + base); s++) {
		if (__builtin_mul_overflow(value, base, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*s - '0'), &value))
			return -BERTH_E_LIMIT;
	}
	*at = s;
	*ret = value;
	return 0;
}

int parse_u64(const char *s, uint64_t max, uint64_t *ret)
{
	uint64_t value;
	int r;

	/* also what overflows must be digits to its end, to be told from garbage */
	if (!*s || s[strspn(s, "0123456789")])
		return -BERTH_E_INVALID;
	r = take_digits(&s, 10, &value);
	if (r < 0)
		return r;
	if (value > max)
		return -BERTH_E_LIMIT;
	*ret = value;
	return 0;
}

int parse_i64(const char *s, int64_t min, int64_t max, int64_t *ret)
{
	bool negative = *s == '-';
	uint64_t digits;
	int64_t value;
	int r;

	if (*s == '-' || *s == '+')
		s++;
	r = parse_u64(s, negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX, &digits);
	if (r < 0)
		return r;
	value = negative ? (int64_t)(0 - digits) : (int64_t)digits;
	if (value < min || value > max)
		return -BERTH_E_LIMIT;
	*ret = value;
	return 0;
}

int parse_mode(const char *s, mode_t *ret)
{
	uint64_t value;
	int r;

	if (s[0] == '0' && s[1] == 'o')
		s += 2;
	if (!*s || s[strspn(s, "01234567")])
		return -BERTH_E_INVALID;
	r = take_digits(&s, 8, &value);
	if (r < 0)
		return r;
	if (value > 07777)
		return -BERTH_E_LIMIT;
	*ret = (mode_t)value;
	return 0;
}

/*
 * "12", "1.5", ".5" or "5." times @unit, cut to whole numbers. Decimals beyond what can matter to
 * 64 bits are read and dropped.
 */
struct decimal {
	uint64_t whole;
	uint64_t part; /* of `scale` */
	uint64_t scale;
};

static int take_decimal(const char **at, struct decimal *ret)
{
	struct decimal d = {.scale = 1};
	const char *s = *at;
	bool any = is_digit(*s);
	int r;

	if (any) {
		r = take_digits(&s, 10, &d.whole);
		if (r < 0)
			return r;
	}
	if (*s == '.') {
		s++;
		any |= is_digit(*s);
		for (; is_digit(*s); s++) {
			if (d.scale > UINT64_MAX / 100)
				continue;
			d.scale *= 10;
			d.part = d.part * 10 + (uint64_t)(*s - '0');
		}
	}
	if (!any)
		return -BERTH_E_INVALID;
	*at = s;
	*ret = d;
	return 0;
}

static int times(const struct decimal *d, uint64_t unit, uint64_t *ret)
{
	unsigned __int128 value = (unsigned __int128)d->whole * unit;

	value += (unsigned __int128)d->part * unit / d->scale;
	if (value > INT64_MAX)
		return -BERTH_E_LIMIT;
	*ret = (uint64_t)value;
	return 0;
}

int parse_size(const char *s, uint64_t *ret_bytes)
{
	static const char letters[] = "kmgtp";
	struct decimal d;
	unsigned shift = 0;
	int r = take_decimal(&s, &d);

	if (r < 0)
		return r;
	if (*s == ' ' && s[1])
		s++;
	if (*s && strcasecmp(s, "b") != 0) {
		const char *letter = strchr(letters, *s | 0x20);

		if (!letter ||
		    (s[1] && strcasecmp(s + 1, "b") != 0 && strcasecmp(s + 1, "ib") != 0))
			return -BERTH_E_INVALID;
		shift = 10 * (unsigned)(letter - letters + 1);
	}
	return times(&d, UINT64_C(1) << shift, ret_bytes);
}

/* A unit of time at *@at, which moves behind it. 0: none. */
static uint64_t take_time_unit(const char **at)
{
	/* longer names first where one begins another */
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {
		{"ns", 1},	     {"us", 1000},	{"\xc2\xb5s", 1000}, /* micro sign */
		{"\xce\xbcs", 1000},					     /* greek mu */
		{"ms", 1000000},     {"s", 1000000000}, {"m", 60000000000},  {"h", 3600000000000},
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		const char *behind = str_after(*at, units[i].name);

		if (behind) {
			*at = behind;
			return units[i].ns;
		}
	}
	return 0;
}

int parse_duration_ns(const char *s, int64_t *ret_ns)
{
	bool negative = *s == '-';
	uint64_t total = 0;

	if (*s == '-' || *s == '+')
		s++;
	if (!*s)
		return -BERTH_E_INVALID;
	if (strcmp(s, "0") == 0)
		s++;
	while (*s) {
		struct decimal d;
		uint64_t ns;
		int r = take_decimal(&s, &d);
		uint64_t unit = r < 0 ? 0 : take_time_unit(&s);

		if (r < 0)
			return r;
		if (!unit)
			return -BERTH_E_INVALID;
		r = times(&d, unit, &ns);
		if (r < 0)
			return r;
		total += ns; /* two of at most INT64_MAX each fit */
		if (total > INT64_MAX)
			return -BERTH_E_LIMIT;
	}
	*ret_ns = negative ? -(int64_t)total : (int64_t)total;
	return 0;
}

int parse_duration_ms(const char *s, uint64_t *ret_ms)
{
	int64_t ns;
	int r = parse_duration_ns(s, &ns);

	if (r < 0)
		return r;
	if (ns < 0)
		return -BERTH_E_LIMIT;
	*ret_ms = (uint64_t)ns / 1000000 + ((uint64_t)ns % 1000000 != 0);
	return 0;
}

int parse_bool(const char *s, bool *ret)
{
	static const char *const words[2][4] = {
		{"0", "f", "false", "no"},
		{"1", "t", "true", "yes"},
	};

	for (size_t value = 0; value < 2; value++) {
		for (size_t i = 0; i < 4; i++) {
			if (strcasecmp(s, words[value][i]) == 0) {
				*ret = value;
				return 0;
			}
		}
	}
	return -BERTH_E_INVALID;
}

const char *str_human_size(uint64_t bytes, enum str_size_base base, int digits,
			   char out[static STR_SIZE_MAX])
{
	static const char *const units[2][7] = {
		{"B", "kB", "MB", "GB", "TB", "PB", "EB"},
		{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"},
	};
	double step = base == STR_SIZE_DECIMAL ? 1000.0 : 1024.0;
	double size = (double)bytes;
	size_t i = 0;

	for (; size >= step && i < 6; i++)
		size /= step;
	(void)snprintf(out, STR_SIZE_MAX, "%.*g%s", digits, size,
		       units[base == STR_SIZE_DECIMAL ? 0 : 1][i]);
	return out;
}
