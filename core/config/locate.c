/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config/locate.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

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
	unsigned line = *path ? 0 : 1;

	for (; *path && enter(&p, *path, &line); path++)
		;
	return line;
}
