/* SPDX-License-Identifier: Apache-2.0 */
#include "base/record_write.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

enum {
	INDENT = 4,
	SHORTEST_MAX = 17, /* significant digits that tell any two doubles apart */
};

struct jw jw_to(struct str *out, unsigned flags)
{
	return (struct jw){.out = out, .flags = flags};
}

static void new_line(struct jw *w)
{
	str_add_char(w->out, '\n');
	for (unsigned i = 0; i < w->depth * INDENT; i++)
		str_add_char(w->out, ' ');
}

/* What comes between this and the one before. */
static void separate(struct jw *w)
{
	if (w->keyed) {
		w->keyed = false;
		return;
	}
	if (w->comma)
		str_add_char(w->out, ',');
	if (w->flags & RECORD_PRETTY && w->depth)
		new_line(w);
}

static void begin(struct jw *w, char c)
{
	separate(w);
	str_add_char(w->out, c);
	w->depth++;
	w->comma = false;
}

static void end(struct jw *w, char c)
{
	if (w->depth)
		w->depth--;
	if (w->flags & RECORD_PRETTY && w->comma)
		new_line(w);
	str_add_char(w->out, c);
	w->comma = true;
}

void jw_object_begin(struct jw *w)
{
	begin(w, '{');
}

void jw_object_end(struct jw *w)
{
	end(w, '}');
}

void jw_array_begin(struct jw *w)
{
	begin(w, '[');
}

void jw_array_end(struct jw *w)
{
	end(w, ']');
}

/* Append @c, which cannot stand for itself in a string. */
static void escape(struct str *out, unsigned char c)
{
	static const char letters[] = "\"\\\n\r\t\b\f";
	static const char names[] = "\"\\nrtbf";
	const char *letter = c ? strchr(letters, c) : NULL;

	if (letter) {
		str_add_char(out, '\\');
		str_add_char(out, names[letter - letters]);
	} else {
		str_addf(out, "\\u%04x", c);
	}
}

static bool is_plain(unsigned char c, unsigned flags)
{
	if (c < 0x20 || c == '"' || c == '\\' || c >= 0x80)
		return false;
	return !(flags & RECORD_HTML_ESCAPE) || (c != '<' && c != '>' && c != '&');
}

/* Append the character at @s that is beyond ASCII and return its length. */
static size_t quote_wide(struct str *out, const char *s, size_t n)
{
	size_t len = utf8_len(s, n);

	if (len == 0) {
		str_add(out, "\\ufffd");
		return 1;
	}
	if (len == 3 && memcmp(s, "\xe2\x80", 2) == 0 && (s[2] & 0xfe) == 0xa8) {
		/* line and paragraph separator end a line in JavaScript; Go escapes them always */
		str_add(out, s[2] & 1 ? "\\u2029" : "\\u2028");
		return len;
	}
	str_add_n(out, s, len);
	return len;
}

void jw_quote(struct str *out, const char *s, size_t n, unsigned flags)
{
	size_t at = 0;

	str_add_char(out, '"');
	while (at < n) {
		size_t first = at;

		while (at < n && is_plain((unsigned char)s[at], flags))
			at++;
		str_add_n(out, s + first, at - first);
		if (at == n)
			break;
		if ((unsigned char)s[at] >= 0x80)
			at += quote_wide(out, s + at, n - at);
		else
			escape(out, (unsigned char)s[at++]);
	}
	str_add_char(out, '"');
}

static void key_n(struct jw *w, const char *key, size_t n)
{
	separate(w);
	jw_quote(w->out, key, n, w->flags);
	str_add(w->out, w->flags & RECORD_PRETTY ? ": " : ":");
	w->keyed = true;
}

void jw_key(struct jw *w, const char *key)
{
	key_n(w, key, strlen(key));
}

void jw_raw(struct jw *w, const char *json, size_t n)
{
	separate(w);
	str_add_n(w->out, json, n);
	w->comma = true;
}

void jw_null(struct jw *w)
{
	jw_raw(w, "null", 4);
}

void jw_bool(struct jw *w, bool value)
{
	jw_raw(w, value ? "true" : "false", value ? 4 : 5);
}

void jw_str_n(struct jw *w, const char *s, size_t n)
{
	separate(w);
	jw_quote(w->out, s, n, w->flags);
	w->comma = true;
}

void jw_str(struct jw *w, const char *s)
{
	if (s)
		jw_str_n(w, s, strlen(s));
	else
		jw_null(w);
}

void jw_int(struct jw *w, int64_t value)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%lld", (long long)value);

	jw_raw(w, text, (size_t)n);
}

void jw_uint(struct jw *w, uint64_t value)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%llu", (unsigned long long)value);

	jw_raw(w, text, (size_t)n);
}

/* The fewest digits that are @value again, as "d.ddde+dd". */
static void shortest(double value, char *text, size_t size)
{
	for (int digits = 0; digits < SHORTEST_MAX; digits++) {
		(void)snprintf(text, size, "%.*e", digits, value);
		if (strtod(text, NULL) == value)
			return;
	}
}

void jw_double(struct jw *w, double value)
{
	char text[400];
	char *exponent;
	double size = fabs(value);

	if (!isfinite(value)) {
		jw_null(w);
		return;
	}
	shortest(value, text, sizeof(text));
	exponent = strchr(text, 'e');
	if (size != 0 && (size < 1e-6 || size >= 1e21)) {
		/* 1e-07 is 1e-7 in Go, though 1e+21 stays */
		if (exponent[1] == '-' && exponent[2] == '0')
			memmove(exponent + 2, exponent + 3, strlen(exponent + 3) + 1);
	} else {
		int power = (int)strtol(exponent + 1, NULL, 10);
		int digits = (int)(exponent - text) - (text[0] == '-') - 1;
		int decimals = (digits ? digits - 1 : 0) - power;

		(void)snprintf(text, sizeof(text), "%.*f", decimals > 0 ? decimals : 0, value);
	}
	jw_raw(w, text, strlen(text));
}

void jw_strv(struct jw *w, char *const *v)
{
	if (!v) {
		jw_null(w);
		return;
	}
	jw_array_begin(w);
	strv_foreach (s, v)
		jw_str(w, *s);
	jw_array_end(w);
}

void jw_strmap(struct jw *w, char *const *v)
{
	if (!v) {
		jw_null(w);
		return;
	}
	jw_object_begin(w);
	strv_foreach (s, v) {
		size_t n = strcspn(*s, "=");

		key_n(w, *s, n);
		jw_str(w, (*s)[n] ? *s + n + 1 : "");
	}
	jw_object_end(w);
}

static void write_object(struct jw *w, const struct record *obj)
{
	const char *key;
	struct record *val;

	jw_object_begin(w);
	record_foreach (obj, key, val) {
		jw_key(w, key);
		jw_record(w, val);
	}
	jw_object_end(w);
}

static void write_array(struct jw *w, const struct record *arr)
{
	size_t n = record_len(arr);

	jw_array_begin(w);
	for (size_t i = 0; i < n; i++)
		jw_record(w, record_at(arr, i));
	jw_array_end(w);
}

void jw_record(struct jw *w, const struct record *r)
{
	uint64_t u = 0;
	double d = 0;

	switch (record_type(r)) {
	case RECORD_OBJECT:
		write_object(w, r);
		return;
	case RECORD_ARRAY:
		write_array(w, r);
		return;
	case RECORD_STR:
		jw_str(w, record_str(r));
		return;
	case RECORD_INT:
		jw_int(w, record_int_or(r, 0));
		return;
	case RECORD_UINT:
		(void)record_uint(r, &u);
		jw_uint(w, u);
		return;
	case RECORD_DOUBLE:
		(void)record_double(r, &d);
		jw_double(w, d);
		return;
	case RECORD_BOOL:
		jw_bool(w, record_bool_or(r, false));
		return;
	case RECORD_NULL:
	case RECORD_STRV:
	case RECORD_STRMAP:
	case RECORD_ANY:
		break;
	}
	jw_null(w);
}

void jw_key_str(struct jw *w, const char *key, const char *s)
{
	jw_key(w, key);
	jw_str(w, s);
}

void jw_key_int(struct jw *w, const char *key, int64_t value)
{
	jw_key(w, key);
	jw_int(w, value);
}

void jw_key_uint(struct jw *w, const char *key, uint64_t value)
{
	jw_key(w, key);
	jw_uint(w, value);
}

void jw_key_bool(struct jw *w, const char *key, bool value)
{
	jw_key(w, key);
	jw_bool(w, value);
}

void jw_key_raw(struct jw *w, const char *key, const char *json)
{
	jw_key(w, key);
	jw_raw(w, json, strlen(json));
}

void jw_key_object(struct jw *w, const char *key)
{
	jw_key(w, key);
	jw_object_begin(w);
}

void jw_key_array(struct jw *w, const char *key)
{
	jw_key(w, key);
	jw_array_begin(w);
}

void record_print(const struct record *r, unsigned flags, struct str *out)
{
	struct jw w = jw_to(out, flags);

	jw_record(&w, r);
}

char *record_to_text(const struct record *r, unsigned flags)
{
	struct str out = STR_INIT;

	record_print(r, flags, &out);
	return str_steal(&out);
}
