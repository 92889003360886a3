/* SPDX-License-Identifier: Apache-2.0 */
#include "template_literal.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

enum { RUNE_BAD = 0xfffd, RUNE_MAX = 0x10ffff, NUMBER_MAX = 64 };

size_t literal_utf8(uint32_t code, char *out)
{
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (char)(0xc0 | code >> 6);
		out[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code > RUNE_MAX || (code >= 0xd800 && code < 0xe000))
		code = RUNE_BAD;
	if (code < 0x10000) {
		out[0] = (char)(0xe0 | code >> 12);
		out[1] = (char)(0x80 | (code >> 6 & 0x3f));
		out[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | code >> 18);
	out[1] = (char)(0x80 | (code >> 12 & 0x3f));
	out[2] = (char)(0x80 | (code >> 6 & 0x3f));
	out[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

uint32_t literal_rune(const char *p, size_t n, size_t *ret_n)
{
	size_t len = utf8_len(p, n);
	uint32_t code;

	*ret_n = len ? len : 1;
	if (len <= 1)
		return len == 1 ? (unsigned char)p[0] : RUNE_BAD;
	code = (unsigned char)p[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++)
		code = code << 6 | ((unsigned char)p[i] & 0x3f);
	return code;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 99;
}

/* @count digits of @base at @p */
static bool digits(const char *p, size_t n, unsigned count, unsigned base, uint32_t *ret)
{
	uint32_t code = 0;

	if (n < count)
		return false;
	for (unsigned i = 0; i < count; i++) {
		if (digit(p[i]) >= (int)base)
			return false;
		code = code * base + (uint32_t)digit(p[i]);
	}
	*ret = code;
	return true;
}

/* An escape after its backslash: its code, whether that is a byte, and how long it is. */
static bool escape(const char *p, size_t n, char quote, uint32_t *ret, bool *ret_byte,
		   size_t *ret_n)
{
	static const char letters[] = "abfnrtv\\", meant[] = "\a\b\f\n\r\t\v\\";
	const char *at;

	*ret_byte = false;
	*ret_n = 1;
	if (n == 0)
		return false;
	at = strchr(letters, p[0]);
	if (p[0] && at) {
		*ret = (unsigned char)meant[at - letters];
		return true;
	}
	if (p[0] == quote) {
		*ret = (unsigned char)quote;
		return true;
	}
	switch (p[0]) {
	case 'x':
		*ret_n = 3;
		*ret_byte = true;
		return digits(p + 1, n - 1, 2, 16, ret);
	case 'u':
		*ret_n = 5;
		return digits(p + 1, n - 1, 4, 16, ret);
	case 'U':
		*ret_n = 9;
		return digits(p + 1, n - 1, 8, 16, ret) && *ret <= RUNE_MAX;
	default:
		*ret_n = 3;
		*ret_byte = true;
		return digits(p, n, 3, 8, ret) && *ret <= 255;
	}
}

bool literal_unquote(char *text, size_t *len)
{
	size_t to = 0;

	for (size_t from = 0; from < *len;) {
		uint32_t code;
		size_t n;
		bool byte;

		if (text[from] != '\\') {
			text[to++] = text[from++];
			continue;
		}
		if (!escape(text + from + 1, *len - from - 1, '"', &code, &byte, &n))
			return false;
		from += 1 + n;
		if (byte)
			text[to++] = (char)code;
		else
			to += literal_utf8(code, text + to); /* never longer than its escape */
	}
	text[to] = '\0';
	*len = to;
	return true;
}

bool literal_char(const char *text, int64_t *ret)
{
	size_t len = strlen(text), n;
	uint32_t code;
	bool byte;

	if (len < 3 || text[0] != '\'' || text[len - 1] != '\'')
		return false;
	if (text[1] != '\\') {
		code = literal_rune(text + 1, len - 2, &n);
		*ret = code;
		return n == len - 2;
	}
	if (!escape(text + 2, len - 3, '\'', &code, &byte, &n) || n != len - 3)
		return false;
	*ret = code;
	return true;
}

static bool parse_int(const char *s, int64_t *ret)
{
	bool negative = *s == '-';
	uint64_t value = 0, max = (uint64_t)INT64_MAX + negative;
	unsigned base = 10;

	if (*s == '+' || *s == '-')
		s++;
	if (s[0] == '0' && s[1]) {
		char c = s[1] | 0x20;

		base = c == 'x' ? 16 : c == 'b' ? 2 : 8;
		s += c == 'x' || c == 'b' || c == 'o' ? 2 : 1;
	}
	if (!*s)
		return false;
	for (; *s; s++) {
		unsigned d = (unsigned)digit(*s);

		if (d >= base || value > (max - d) / base)
			return false;
		value = value * base + d;
	}
	*ret = negative ? (int64_t)(0 - value) : (int64_t)value;
	return true;
}

static bool parse_float(const char *s, double *ret)
{
	bool hex = strpbrk(s, "xX");
	char *end;

	if (!strpbrk(s, hex ? ".pP" : ".eE") ||
	    strspn(s, "+-.0123456789abcdefABCDEFxXpP") != strlen(s))
		return false;
	errno = 0;
	*ret = strtod(s, &end);
	return *end == '\0' && end != s && isfinite(*ret);
}

bool literal_number(const char *text, bool *ret_is_float, int64_t *ret_int, double *ret_double)
{
	char plain[NUMBER_MAX];
	size_t n = 0;

	/* underscores between digits only make it readable */
	for (const char *s = text; *s; s++) {
		if (*s == '_' && s > text && digit(s[-1]) < 16 && digit(s[1]) < 16)
			continue;
		if (*s == '_' || n + 1 == sizeof(plain))
			return false;
		plain[n++] = *s;
	}
	plain[n] = '\0';
	*ret_is_float = !parse_int(plain, ret_int);
	return !*ret_is_float || parse_float(plain, ret_double);
}
