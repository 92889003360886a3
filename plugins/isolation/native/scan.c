/* SPDX-License-Identifier: Apache-2.0 */
#include "scan.h"

struct cursor {
	const char *p, *end;
};

static void skip_blanks(struct cursor *c)
{
	while (c->p < c->end && (*c->p == ' ' || *c->p == '\t' || *c->p == '\n' || *c->p == '\r'))
		c->p++;
}

/* From the opening quote to behind the closing one. */
static bool skip_string(struct cursor *c)
{
	for (c->p++; c->p < c->end; c->p++) {
		if (*c->p == '\\')
			c->p++;
		else if (*c->p == '"') {
			c->p++;
			return true;
		}
	}
	return false;
}

static bool skip_brackets(struct cursor *c)
{
	size_t depth = 0;

	while (c->p < c->end) {
		char ch = *c->p;

		if (ch == '"') {
			if (!skip_string(c))
				return false;
			continue;
		}
		c->p++;
		if (ch == '{' || ch == '[')
			depth++;
		else if ((ch == '}' || ch == ']') && --depth == 0)
			return true;
	}
	return false;
}

static bool skip_value(struct cursor *c)
{
	if (c->p >= c->end)
		return false;
	if (*c->p == '"')
		return skip_string(c);
	if (*c->p == '{' || *c->p == '[')
		return skip_brackets(c);
	while (c->p < c->end && *c->p != ',' && *c->p != '}' && *c->p != ']' && *c->p != ' ' &&
	       *c->p != '\t' && *c->p != '\n' && *c->p != '\r')
		c->p++;
	return true;
}

/* Is the string from @from to @to, quotes included, @key? */
static bool is_key(const char *from, const char *to, const char *key)
{
	size_t n = strlen(key);

	return (size_t)(to - from) == n + 2 && memcmp(from + 1, key, n) == 0;
}

static bool has_escape(const char *from, const char *to)
{
	return memchr(from, '\\', (size_t)(to - from)) != NULL;
}

static int broken(struct berth_error *err)
{
	return berth_fail(err, BERTH_E_INVALID, "the specification is no JSON object");
}

/* One "key": value; true if it was the one that is looked for. */
static int scan_one(struct cursor *c, const char *key, struct berth_str *ret_value,
		    struct berth_error *err)
{
	const char *from = c->p;
	const char *to;
	const char *value;

	if (c->p >= c->end || *c->p != '"' || !skip_string(c))
		return broken(err);
	to = c->p;
	/* "s\u0065ccomp" is the same key: who writes so wants two readers to disagree */
	if (has_escape(from, to))
		return berth_fail(err, BERTH_E_INVALID,
				  "the specification has a key with an escape sequence");
	skip_blanks(c);
	if (c->p >= c->end || *c->p++ != ':')
		return broken(err);
	skip_blanks(c);
	value = c->p;
	if (!skip_value(c))
		return broken(err);
	if (!is_key(from, to, key))
		return 0;
	*ret_value = (struct berth_str){value, (size_t)(c->p - value)};
	return 1;
}

int scan_member(struct berth_str text, const char *key, struct berth_str *ret,
		struct berth_error *err)
{
	struct cursor c = {text.p, text.p + text.n};
	struct berth_str found = {NULL, 0};
	int r;

	skip_blanks(&c);
	if (c.p >= c.end || *c.p++ != '{')
		return broken(err);
	skip_blanks(&c);
	while (c.p < c.end && *c.p != '}') {
		struct berth_str value;

		r = scan_one(&c, key, &value, err);
		if (r < 0)
			return r;
		if (r > 0 && found.p)
			return berth_fail(err, BERTH_E_INVALID,
					  "the specification has the key '%s' twice", key);
		if (r > 0)
			found = value;
		skip_blanks(&c);
		if (c.p < c.end && *c.p == ',')
			c.p++;
		skip_blanks(&c);
	}
	if (c.p >= c.end)
		return broken(err);
	*ret = found;
	return 0;
}
