/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config/locate.h"

#include <string.h>

enum { DEPTH_MAX = 64 };

/* A place in the text, and the line it is on. */
struct place {
	const char *at;
	unsigned line;
};

/* A string of the text, without its quotes. */
struct word {
	const char *p;
	size_t n;
};

static void skip_blank(struct place *p)
{
	for (; *p->at && strchr(" \t\r\n,:", *p->at); p->at++)
		p->line += *p->at == '\n';
}

/* From its first quote to behind its last one. */
static struct word take_string(struct place *p)
{
	struct word w = {.p = ++p->at};

	while (*p->at && *p->at != '"')
		p->at += *p->at == '\\' && p->at[1] ? 2 : 1;
	w.n = (size_t)(p->at - w.p);
	if (*p->at)
		p->at++;
	return w;
}

/* Any value, to behind its end. Commas and colons inside are blanks to us. */
static void skip_value(struct place *p)
{
	int depth = 0;

	do {
		skip_blank(p);
		switch (*p->at) {
		case '\0':
			return;
		case '"':
			(void)take_string(p);
			break;
		case '{':
		case '[':
			depth++;
			p->at++;
			break;
		case '}':
		case ']':
			depth--;
			p->at++;
			break;
		default:
			p->at += strcspn(p->at, " \t\r\n,:{}[]\"");
		}
	} while (depth > 0);
}

/* Step to the next member of an object: @p is at its value then. False at the end. */
static bool next_member(struct place *p, struct word *ret_key, unsigned *ret_line)
{
	skip_blank(p);
	if (*p->at != '"')
		return false;
	*ret_line = p->line;
	*ret_key = take_string(p);
	skip_blank(p);
	return true;
}

/* Into the object at @p, to the value of its last member @key. */
static bool enter(struct place *p, const char *key, unsigned *line)
{
	struct place at = *p;
	struct word w;
	unsigned on;
	bool found = false;

	skip_blank(&at);
	if (*at.at != '{')
		return false;
	at.at++;
	while (next_member(&at, &w, &on)) {
		if (w.n == strlen(key) && memcmp(w.p, key, w.n) == 0) {
			found = true;
			*p = at;
			*line = on;
		}
		skip_value(&at);
	}
	return found;
}

unsigned locate_key(const char *text, const char *const path[])
{
	struct place p = {.at = text, .line = 1};
	unsigned line = 1;

	for (; *path && enter(&p, *path, &line); path++)
		;
	return line;
}

/* Is there a member @w in the object whose first member is at @p, before @end? */
static bool is_among(struct place p, const char *end, struct word w)
{
	struct word other;
	unsigned line;

	while (p.at < end && next_member(&p, &other, &line)) {
		if (other.p == w.p)
			return false;
		if (other.n == w.n && memcmp(other.p, w.p, w.n) == 0)
			return true;
		skip_value(&p);
	}
	return false;
}

static bool twice_in(struct place *p, int depth, struct word *ret, unsigned *ret_line);

static bool twice_in_object(struct place *p, int depth, struct word *ret, unsigned *ret_line)
{
	struct place first;
	struct word w;
	unsigned line;

	p->at++;
	first = *p;
	while (next_member(p, &w, &line)) {
		if (is_among(first, p->at, w)) {
			*ret = w;
			*ret_line = line;
			return true;
		}
		if (twice_in(p, depth + 1, ret, ret_line))
			return true;
	}
	if (*p->at)
		p->at++;
	return false;
}

/* In the value at @p, which is stepped over if there is none. */
static bool twice_in(struct place *p, int depth, struct word *ret, unsigned *ret_line)
{
	skip_blank(p);
	if (depth < DEPTH_MAX && *p->at == '{')
		return twice_in_object(p, depth, ret, ret_line);
	if (depth >= DEPTH_MAX || *p->at != '[') {
		skip_value(p);
		return false;
	}
	p->at++;
	for (skip_blank(p); *p->at && *p->at != ']'; skip_blank(p)) {
		if (twice_in(p, depth + 1, ret, ret_line))
			return true;
	}
	if (*p->at)
		p->at++;
	return false;
}

bool locate_twice(const char *text, char ret_key[static LOCATE_KEY_MAX], unsigned *ret_line)
{
	struct place p = {.at = text, .line = 1};
	struct word w;

	if (!twice_in(&p, 0, &w, ret_line))
		return false;
	if (w.n >= LOCATE_KEY_MAX)
		w.n = LOCATE_KEY_MAX - 1;
	memcpy(ret_key, w.p, w.n);
	ret_key[w.n] = '\0';
	return true;
}
