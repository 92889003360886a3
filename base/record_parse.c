/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON text (RFC 8259) into a tree. Stricter than the tokener of the library below, which see
 * record.c for; knows where it is, and what it expected there.
 */
#include "base/record.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

enum {
	DEPTH_LIMIT = 1000, /* each level is a frame of ours on the stack */
	SHOWN_MAX = 20,	    /* of the offending text */
};

struct parser {
	const char *start;
	const char *at;
	const char *end;
	unsigned depth;	 /* levels that may still be opened */
	struct str text; /* the last key or number or string with escapes */
	struct berth_error *err;
};

static int parse_value(struct parser *p, struct record **ret);

/* Fail with "line 4, column 7: …" of @p->at. */
static int fail_here(struct parser *p, int code, const char *what)
{
	size_t line = 1;
	const char *line_start = p->start;

	for (const char *s = p->start; s < p->at; s++) {
		if (*s == '\n') {
			line++;
			line_start = s + 1;
		}
	}
	return berth_fail(p->err, code, "line %zu, column %zu: %s", line,
			  (size_t)(p->at - line_start) + 1, what);
}

static int fail_expected(struct parser *p, const char *expected)
{
	char found[SHOWN_MAX + 8];
	char what[128];
	unsigned char c = p->at < p->end ? (unsigned char)*p->at : 0;
	size_t n = 1;

	/* a word is shown whole, as it is what the writer thought would do */
	while (p->at + n < p->end && n < SHOWN_MAX && ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') &&
	       (p->at[n] | 0x20) >= 'a' && (p->at[n] | 0x20) <= 'z')
		n++;
	if (p->at == p->end)
		(void)snprintf(found, sizeof(found), "the end");
	else if (c < 0x20 || c >= 0x7f)
		(void)snprintf(found, sizeof(found), "byte 0x%02x", c);
	else
		(void)snprintf(found, sizeof(found), "'%.*s'", (int)n, p->at);
	(void)snprintf(what, sizeof(what), "expected %s, found %s", expected, found);
	return fail_here(p, BERTH_E_INVALID, what);
}

static int fail_memory(struct parser *p)
{
	return berth_fail(p->err, BERTH_E_NO_MEMORY, "out of memory");
}

static void skip_blanks(struct parser *p)
{
	while (p->at < p->end &&
	       (*p->at == ' ' || *p->at == '\n' || *p->at == '\t' || *p->at == '\r'))
		p->at++;
}

static bool next_is(const struct parser *p, char c)
{
	return p->at < p->end && *p->at == c;
}

/* Four hex digits at @s, or -1. */
static int32_t hex4(const struct parser *p, const char *s)
{
	int32_t value = 0;

	if (p->end - s < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char c = s[i];
		char letter = (char)(c | 0x20);

		if (c >= '0' && c <= '9')
			value = value * 16 + (c - '0');
		else if (letter >= 'a' && letter <= 'f')
			value = value * 16 + (letter - 'a' + 10);
		else
			return -1;
	}
	return value;
}

/* \uXXXX at @p->at, with its other half if it is one. A half alone becomes U+FFFD, as in Go. */
static int parse_unicode(struct parser *p)
{
	int32_t c = hex4(p, p->at + 2);

	if (c < 0)
		return fail_here(p, BERTH_E_INVALID, "expected four hex digits behind \\u");
	if (c == 0)
		return fail_here(p, BERTH_E_INVALID, "a NUL in a string");
	p->at += 6;
	if (c >= 0xd800 && c <= 0xdfff) {
		int32_t low = -1;

		if (c < 0xdc00 && p->end - p->at >= 6 && p->at[0] == '\\' && p->at[1] == 'u')
			low = hex4(p, p->at + 2);
		if (low >= 0xdc00 && low <= 0xdfff) {
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
			p->at += 6;
		} else {
			c = 0xfffd;
		}
	}
	utf8_add(&p->text, (uint32_t)c);
	return 0;
}

static int parse_escape(struct parser *p)
{
	static const char names[] = "\"\\/bfnrt";
	static const char meanings[] = "\"\\/\b\f\n\r\t";
	const char *name;

	if (p->end - p->at < 2) {
		p->at = p->end;
		return fail_expected(p, "the rest of a string");
	}
	if (p->at[1] == 'u')
		return parse_unicode(p);
	name = p->at[1] ? strchr(names, p->at[1]) : NULL;
	if (!name)
		return fail_here(p, BERTH_E_INVALID, "no such escape in a string");
	str_add_char(&p->text, meanings[name - names]);
	p->at += 2;
	return 0;
}

/* Go over bytes that mean themselves. */
static int skip_plain(struct parser *p)
{
	while (p->at < p->end) {
		unsigned char c = (unsigned char)*p->at;
		size_t n = 1;

		if (c == '"' || c == '\\')
			return 0;
		if (c < 0x20)
			return fail_here(p, BERTH_E_INVALID,
					 "a control character in a string (or no '\"' at its end)");
		if (c >= 0x80)
			n = utf8_len(p->at, (size_t)(p->end - p->at));
		if (n == 0)
			return fail_here(p, BERTH_E_INVALID,
					 "bytes that are not UTF-8 in a string");
		p->at += n;
	}
	return fail_expected(p, "'\"' at the end of a string");
}

/*
 * A string, from its '"'. *@ret and *@ret_len are in the text itself if there is no escape in it
 * and
 * @terminate is not asked for, else in p->text.
 */
static int parse_string(struct parser *p, bool terminate, const char **ret, size_t *ret_len)
{
	const char *plain = ++p->at;
	int r = skip_plain(p);

	if (r == 0 && !terminate && next_is(p, '"')) {
		*ret = plain;
		*ret_len = (size_t)(p->at++ - plain);
		return 0;
	}
	str_clear(&p->text);
	while (r == 0) {
		str_add_n(&p->text, plain, (size_t)(p->at - plain));
		if (next_is(p, '"'))
			break;
		r = parse_escape(p);
		plain = p->at;
		if (r == 0)
			r = skip_plain(p);
	}
	if (r < 0)
		return r;
	if (p->text.failed)
		return fail_memory(p);
	p->at++;
	*ret = p->text.p;
	*ret_len = p->text.len;
	return 0;
}

static size_t skip_digits(struct parser *p)
{
	const char *first = p->at;

	while (p->at < p->end && *p->at >= '0' && *p->at <= '9')
		p->at++;
	return (size_t)(p->at - first);
}

/* Go over a number by its grammar. */
static int skip_number(struct parser *p, bool *ret_whole)
{
	const char *first = p->at;
	bool zero;

	if (next_is(p, '-'))
		p->at++;
	zero = next_is(p, '0');
	if (zero)
		p->at++;
	else if (!skip_digits(p))
		return fail_expected(p, "a digit");
	if (zero && skip_digits(p)) {
		p->at = first;
		return fail_here(p, BERTH_E_INVALID, "a number that begins with 0");
	}
	*ret_whole = true;
	if (next_is(p, '.')) {
		p->at++;
		*ret_whole = false;
		if (!skip_digits(p))
			return fail_expected(p, "a digit");
	}
	if (next_is(p, 'e') || next_is(p, 'E')) {
		p->at++;
		*ret_whole = false;
		if (next_is(p, '+') || next_is(p, '-'))
			p->at++;
		if (!skip_digits(p))
			return fail_expected(p, "a digit");
	}
	return 0;
}

static int parse_number(struct parser *p, struct record **ret)
{
	const char *first = p->at;
	const char *text;
	bool whole;
	bool ok;
	int r = skip_number(p, &whole);

	if (r < 0)
		return r;
	str_clear(&p->text);
	str_add_n(&p->text, first, (size_t)(p->at - first));
	if (p->text.failed)
		return fail_memory(p);
	text = p->text.p;
	if (whole && *text == '-') {
		int64_t value;

		ok = parse_i64(text, INT64_MIN, INT64_MAX, &value) == 0;
		*ret = ok ? record_new_int(value) : NULL;
	} else if (whole) {
		uint64_t value;

		ok = parse_u64(text, UINT64_MAX, &value) == 0;
		*ret = ok ? record_new_uint(value) : NULL;
	} else {
		double value = strtod(text, NULL);

		ok = isfinite(value);
		*ret = ok ? record_new_double(value) : NULL;
	}
	if (!ok) {
		p->at = first;
		return fail_here(p, BERTH_E_INVALID, "a number out of range");
	}
	return *ret ? 0 : fail_memory(p);
}

static bool take_word(struct parser *p, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(p->end - p->at) < n || memcmp(p->at, word, n) != 0)
		return false;
	p->at += n;
	return true;
}

static int parse_word(struct parser *p, struct record **ret)
{
	if (take_word(p, "null")) {
		*ret = NULL;
		return 0;
	}
	if (take_word(p, "true"))
		*ret = record_new_bool(true);
	else if (take_word(p, "false"))
		*ret = record_new_bool(false);
	else
		return fail_expected(p, "a value");
	return *ret ? 0 : fail_memory(p);
}

static int enter(struct parser *p)
{
	if (p->depth == 0)
		return fail_here(p, BERTH_E_LIMIT, "objects and arrays are nested too deep");
	p->depth--;
	p->at++;
	skip_blanks(p);
	return 0;
}

static void leave(struct parser *p)
{
	p->depth++;
	p->at++;
}

/* "key": value */
static int parse_member(struct parser *p, struct record *obj)
{
	cleanup_free char *key = NULL;
	cleanup_record struct record *val = NULL;
	const char *text;
	size_t len;
	int r;

	if (!next_is(p, '"'))
		return fail_expected(p, record_len(obj) ? "a key in quotes"
							: "a key in quotes or '}'");
	r = parse_string(p, true, &text, &len);
	if (r < 0)
		return r;
	if (record_has(obj, text)) {
		char what[96];

		(void)snprintf(what, sizeof(what), "key '%.48s' is there twice", text);
		return fail_here(p, BERTH_E_INVALID, what);
	}
	key = strndup(text, len);
	if (!key)
		return fail_memory(p);
	skip_blanks(p);
	if (!next_is(p, ':'))
		return fail_expected(p, "':'");
	p->at++;
	r = parse_value(p, &val);
	if (r < 0)
		return r;
	return val ? record_set(obj, key, steal_ptr(val), p->err)
		   : record_set_null(obj, key, p->err);
}

static int parse_object(struct parser *p, struct record **ret)
{
	cleanup_record struct record *obj = record_new_object();
	int r = obj ? enter(p) : fail_memory(p);

	while (r == 0 && (record_len(obj) || !next_is(p, '}'))) {
		r = parse_member(p, obj);
		if (r < 0)
			break;
		skip_blanks(p);
		if (next_is(p, '}'))
			break;
		if (!next_is(p, ','))
			return fail_expected(p, "',' or '}'");
		p->at++;
		skip_blanks(p);
	}
	if (r < 0)
		return r;
	leave(p);
	*ret = steal_ptr(obj);
	return 0;
}

static int parse_array(struct parser *p, struct record **ret)
{
	cleanup_record struct record *arr = record_new_array();
	int r = arr ? enter(p) : fail_memory(p);

	while (r == 0 && (record_len(arr) || !next_is(p, ']'))) {
		cleanup_record struct record *val = NULL;

		r = parse_value(p, &val);
		if (r == 0)
			r = val ? record_append(arr, steal_ptr(val), p->err)
				: record_append_null(arr, p->err);
		if (r < 0)
			break;
		skip_blanks(p);
		if (next_is(p, ']'))
			break;
		if (!next_is(p, ','))
			return fail_expected(p, "',' or ']'");
		p->at++;
	}
	if (r < 0)
		return r;
	leave(p);
	*ret = steal_ptr(arr);
	return 0;
}

static int parse_value(struct parser *p, struct record **ret)
{
	const char *text;
	size_t len;
	int r;

	skip_blanks(p);
	switch (p->at < p->end ? *p->at : '\0') {
	case '{':
		return parse_object(p, ret);
	case '[':
		return parse_array(p, ret);
	case '"':
		r = parse_string(p, false, &text, &len);
		if (r < 0)
			return r;
		*ret = record_new_str_n(text, len);
		return *ret ? 0 : fail_memory(p);
	case '-':
	case '0' ... '9':
		return parse_number(p, ret);
	default:
		return parse_word(p, ret);
	}
}

int record_parse(const char *text, size_t len, unsigned depth, struct record **ret,
		 struct berth_error *err)
{
	cleanup_record struct record *value = NULL;
	struct parser p = {
		.start = text,
		.at = text,
		.end = text + len,
		.depth = depth == 0	       ? RECORD_DEPTH_MAX
			 : depth < DEPTH_LIMIT ? depth
					       : DEPTH_LIMIT,
		.err = err,
	};
	int r = parse_value(&p, &value);

	if (r == 0) {
		skip_blanks(&p);
		if (p.at < p.end)
			r = fail_expected(&p, "the end");
	}
	str_done(&p.text);
	if (r == 0)
		*ret = steal_ptr(value);
	return r;
}
