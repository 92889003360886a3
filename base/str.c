/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAP = 64 };

static void fail(struct str *s)
{
	free(s->p);
	*s = (struct str){.failed = true};
}

/* Room for @n more bytes and the final NUL. */
static bool reserve(struct str *s, size_t n)
{
	size_t need;
	size_t cap = s->cap ? s->cap : FIRST_CAP;
	char *p;

	if (s->failed)
		return false;
	if (__builtin_add_overflow(s->len, n, &need) || need >= SIZE_MAX / 2) {
		fail(s);
		return false;
	}
	if (need < s->cap)
		return true;
	while (cap <= need)
		cap *= 2;
	p = realloc(s->p, cap);
	if (!p) {
		fail(s);
		return false;
	}
	s->p = p;
	s->cap = cap;
	return true;
}

void str_add_n(struct str *s, const void *bytes, size_t n)
{
	if (!reserve(s, n))
		return;
	if (n)
		memcpy(s->p + s->len, bytes, n);
	s->len += n;
	s->p[s->len] = '\0';
}

void str_add(struct str *s, const char *text)
{
	str_add_n(s, text, strlen(text));
}

void str_add_char(struct str *s, char c)
{
	str_add_n(s, &c, 1);
}

void str_addv(struct str *s, const char *fmt, va_list ap)
{
	va_list again;
	int n;

	if (!reserve(s, 0))
		return;
	va_copy(again, ap);
	n = vsnprintf(s->p + s->len, s->cap - s->len, fmt, ap);
	if (n >= 0 && (size_t)n >= s->cap - s->len) {
		if (reserve(s, (size_t)n))
			n = vsnprintf(s->p + s->len, s->cap - s->len, fmt, again);
		else
			n = 0;
	}
	va_end(again);
	if (n < 0)
		fail(s);
	else
		s->len += (size_t)n;
}

void str_addf(struct str *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	str_addv(s, fmt, ap);
	va_end(ap);
}

char *str_room(struct str *s, size_t n)
{
	return reserve(s, n) ? s->p + s->len : NULL;
}

void str_grew(struct str *s, size_t n)
{
	if (s->failed)
		return;
	s->len += n;
	s->p[s->len] = '\0';
}

void str_cut(struct str *s, size_t len)
{
	if (len >= s->len)
		return;
	s->len = len;
	s->p[len] = '\0';
}

void str_clear(struct str *s)
{
	s->failed = false;
	str_cut(s, 0);
}

void str_done(struct str *s)
{
	cleanup_free char *p = s->p; /* which keeps errno */

	(void)p;
	*s = (struct str)STR_INIT;
}

const char *str_text(const struct str *s)
{
	return s->p ? s->p : "";
}

char *str_steal(struct str *s)
{
	char *p;

	(void)reserve(s, 0);
	p = s->p;
	if (p)
		p[s->len] = '\0';
	*s = (struct str)STR_INIT;
	return p;
}

int str_check(const struct str *s, struct berth_error *err)
{
	return s->failed ? berth_fail(err, BERTH_E_NO_MEMORY, "out of memory") : 0;
}

char *str_fmt(const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&p, fmt, ap);
	va_end(ap);
	return n < 0 ? NULL : p;
}

int str_copy(const char *text, char **ret, struct berth_error *err)
{
	char *copy = NULL;

	if (text) {
		copy = strdup(text);
		if (!copy)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	}
	*ret = copy;
	return 0;
}

bool str_eq(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

const char *str_after(const char *s, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(s, prefix, n) == 0 ? s + n : NULL;
}

bool str_has_prefix(const char *s, const char *prefix)
{
	return str_after(s, prefix) != NULL;
}

bool str_has_suffix(const char *s, const char *suffix)
{
	size_t len = strlen(s);
	size_t n = strlen(suffix);

	return len >= n && strcmp(s + len - n, suffix) == 0;
}

enum { NEAR_LETTERS = 63 };

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Insertions, deletions, replacements and swaps of neighbours that make @b out of @a. */
static unsigned distance(const char *a, size_t len_a, const char *b, size_t len_b)
{
	unsigned rows[3][NEAR_LETTERS + 1];
	unsigned *before = rows[0];
	unsigned *above = rows[1];
	unsigned *row = rows[2];

	for (size_t j = 0; j <= len_b; j++)
		above[j] = (unsigned)j;
	for (size_t i = 1; i <= len_a; i++) {
		unsigned *oldest = before;

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= len_b; j++) {
			unsigned replaced = above[j - 1] + (a[i - 1] != b[j - 1]);

			row[j] = least(replaced, least(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], before[j - 2] + 1);
		}
		before = above;
		above = row;
		row = oldest;
	}
	return above[len_b];
}

const char *str_nearest(const char *word, const char *const candidates[], size_t n)
{
	size_t len = strlen(word);
	unsigned best = (unsigned)(len + 2) / 3 + 1;
	const char *nearest = NULL;

	if (len < 2 || len > NEAR_LETTERS)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		size_t len_i = candidates[i] ? strlen(candidates[i]) : 0;
		unsigned d;

		if (!len_i || len_i > NEAR_LETTERS)
			continue;
		d = distance(word, len, candidates[i], len_i);
		if (d == 0)
			return NULL;
		if (d < best) {
			best = d;
			nearest = candidates[i];
		}
	}
	return nearest;
}
