/* SPDX-License-Identifier: Apache-2.0 */
#include "option.h"

#include <string.h>

#include "base/str.h"

enum { NAMES_MAX = 256 };

void option_each(const struct option *table, option_fn fn, void *arg)
{
	for (; table && table->type != OPTION_END; table++) {
		if (table->type == OPTION_TABLE)
			option_each(table->table, fn, arg);
		else
			fn(arg, table);
	}
}

const struct option *option_find(const struct option *table, const char *name)
{
	const struct option *found = NULL;

	for (; table && table->type != OPTION_END && !found; table++) {
		if (table->type == OPTION_TABLE)
			found = option_find(table->table, name);
		else if (strcmp(table->name, name) == 0)
			found = table;
	}
	return found;
}

static const struct option *find_letter(const struct option *table, char letter)
{
	const struct option *found = NULL;

	for (; table && table->type != OPTION_END && !found; table++) {
		if (table->type == OPTION_TABLE)
			found = find_letter(table->table, letter);
		else if (table->letter == letter)
			found = table;
	}
	return found;
}

/* ------------------------------------------------------------------------------------ values */

/* Decimals of a CPU in 1e-9; more of them are refused rather than cut. */
static int parse_cpus(const char *text, int64_t *ret)
{
	const char *point = strchr(text, '.');
	size_t n_whole = point ? (size_t)(point - text) : strlen(text);
	char digits[32];
	uint64_t value;
	size_t n_decimals = point ? strlen(point + 1) : 0;

	while (n_decimals > 9 && point[n_decimals] == '0')
		n_decimals--;
	if (n_whole > 9 || n_decimals > 9 || n_whole + n_decimals == 0)
		return -BERTH_E_INVALID;
	memset(digits, '0', sizeof(digits));
	memcpy(digits, text, n_whole);
	if (n_decimals > 0)
		memcpy(digits + n_whole, point + 1, n_decimals);
	digits[n_whole + 9] = '\0';
	if (parse_u64(digits, INT64_MAX, &value) < 0)
		return -BERTH_E_INVALID;
	*ret = (int64_t)value;
	return 0;
}

static int parse_bytes(const char *text, int64_t *ret)
{
	uint64_t bytes;

	if (parse_size(text, &bytes) < 0 || bytes > INT64_MAX)
		return -BERTH_E_INVALID;
	*ret = (int64_t)bytes;
	return 0;
}

static const char *parse_value(const struct option *option, const char *text, int64_t *ret)
{
	bool truth;

	switch (option->type) {
	case OPTION_BOOL:
		if (parse_bool(text, &truth) < 0)
			return "it is neither true nor false";
		*ret = truth;
		break;
	case OPTION_INT:
		if (parse_i64(text, INT64_MIN, INT64_MAX, ret) < 0)
			return "it is no whole number";
		break;
	case OPTION_SWAP:
		if (strcmp(text, "-1") == 0) {
			*ret = -1;
			break;
		}
		if (parse_bytes(text, ret) < 0)
			return "it is no size like 512m or 2g, nor -1";
		break;
	case OPTION_SIZE:
		if (parse_bytes(text, ret) < 0)
			return "it is no size like 512m or 2g";
		break;
	case OPTION_DURATION:
		if (parse_duration_ns(text, ret) < 0)
			return "it is no time like 90s or 1m30s";
		break;
	case OPTION_CPUS:
		if (parse_cpus(text, ret) < 0)
			return "it is no number of CPUs like 2 or 1.5";
		break;
	case OPTION_STRING:
	case OPTION_LIST:
	case OPTION_END:
	case OPTION_TABLE:
		break;
	}
	return NULL;
}

/* ----------------------------------------------------------------------------------- parsing */

struct reader {
	struct options *o;
	char *const *next;
	struct berth_error *err;
};

static int give(struct reader *rd, const struct option *option, const char *text)
{
	struct option_given *g = &rd->o->given[rd->o->n_given];
	char letter[] = {'-', option->letter, ',', ' ', '\0'};
	const char *wrong;
	int64_t value = 0;

	if (option->alias)
		option = option_find(rd->o->table, option->alias);
	wrong = parse_value(option, text, &value);
	if (wrong)
		return berth_fail(rd->err, BERTH_E_INVALID,
				  "invalid argument \"%s\" for \"%s--%s\" flag: %s", text,
				  option->letter ? letter : "", option->name, wrong);
	*g = (struct option_given){option, text, value};
	rd->o->n_given++;
	return 0;
}

struct names {
	const char *name[NAMES_MAX];
	size_t n;
};

static void collect_name(void *arg, const struct option *option)
{
	struct names *names = arg;

	if (names->n < NAMES_MAX && !(option->flags & OPTION_HIDDEN))
		names->name[names->n++] = option->name;
}

static int unknown_flag(struct reader *rd, const char *name, size_t n)
{
	cleanup_free char *word = strndup(name, n);
	struct names names = {.n = 0};
	const char *nearest;

	option_each(rd->o->table, collect_name, &names);
	nearest = word ? str_nearest(word, names.name, names.n) : NULL;
	(void)berth_fail(rd->err, BERTH_E_INVALID, "unknown flag: --%.*s", (int)n, name);
	if (nearest)
		berth_error_hint(rd->err, "did you mean '--%s'?", nearest);
	return -BERTH_E_INVALID;
}

static int read_long(struct reader *rd, const char *word)
{
	const char *name = word + 2;
	size_t n = strcspn(name, "=");
	cleanup_free char *key = strndup(name, n);
	const struct option *option;

	if (!key)
		return berth_fail(rd->err, BERTH_E_NO_MEMORY, "out of memory");
	if (n == 0 || name[0] == '-')
		return berth_fail(rd->err, BERTH_E_INVALID, "bad flag syntax: %s", word);
	option = option_find(rd->o->table, key);
	if (!option && strcmp(key, "help") == 0) {
		rd->o->help = true;
		return 0;
	}
	if (!option)
		return unknown_flag(rd, name, n);
	if (name[n] == '=')
		return give(rd, option, name + n + 1);
	if (option->type == OPTION_BOOL)
		return give(rd, option, "true");
	if (!*rd->next)
		return berth_fail(rd->err, BERTH_E_INVALID, "flag needs an argument: --%s", key);
	return give(rd, option, *rd->next++);
}

/* "-it", "-eA=B", "-n=5" */
static int read_letters(struct reader *rd, const char *word)
{
	for (const char *s = word + 1; *s; s++) {
		const struct option *option = find_letter(rd->o->table, *s);
		int r;

		if (!option && *s == 'h') {
			rd->o->help = true;
			return 0;
		}
		if (!option)
			return berth_fail(rd->err, BERTH_E_INVALID,
					  "unknown shorthand flag: '%c' in %s", *s, word);
		if (s[1] == '=')
			return give(rd, option, s + 2);
		if (option->type != OPTION_BOOL && s[1])
			return give(rd, option, s + 1);
		if (option->type != OPTION_BOOL && !*rd->next)
			return berth_fail(rd->err, BERTH_E_INVALID,
					  "flag needs an argument: '%c' in %s", *s, word);
		r = give(rd, option, option->type == OPTION_BOOL ? "true" : *rd->next++);
		if (r < 0 || option->type != OPTION_BOOL)
			return r;
	}
	return 0;
}

static int read_words(struct reader *rd, bool in_order)
{
	struct options *o = rd->o;

	while (*rd->next && !o->help) {
		char *word = *rd->next;
		int r = 0;

		if (word[0] != '-' || !word[1]) {
			if (in_order)
				break;
			o->args[o->n_args++] = word;
			rd->next++;
			continue;
		}
		rd->next++;
		if (strcmp(word, "--") == 0)
			break;
		r = word[1] == '-' ? read_long(rd, word) : read_letters(rd, word);
		if (r < 0)
			return r;
	}
	for (; *rd->next; rd->next++)
		o->args[o->n_args++] = *rd->next;
	return 0;
}

int options_parse(const struct option *table, char *const *argv, bool in_order, struct options *ret,
		  struct berth_error *err)
{
	cleanup_options struct options o = {.table = table};
	struct reader rd = {.o = &o, .next = argv, .err = err};
	size_t n = 1, letters = 1;
	int r;

	strv_foreach (word, argv) {
		n++;
		letters += (*word)[0] == '-' && (*word)[1] != '-' ? strlen(*word) : 1;
	}
	o.args = calloc(n, sizeof(*o.args));
	o.given = calloc(letters, sizeof(*o.given)); /* "-it" is more than one */
	if (!o.args || !o.given)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = read_words(&rd, in_order);
	if (r < 0)
		return r;
	*ret = o;
	o = (struct options){0};
	return 0;
}

void options_done(struct options *o)
{
	free(o->given);
	free(o->args);
	o->given = NULL;
	o->args = NULL;
}

/* ---------------------------------------------------------------------------------- questions */

const struct option_given *options_last(const struct options *o, const char *name)
{
	for (size_t i = o->n_given; i > 0; i--)
		if (strcmp(o->given[i - 1].option->name, name) == 0)
			return &o->given[i - 1];
	return NULL;
}

bool options_bool(const struct options *o, const char *name)
{
	const struct option_given *g = options_last(o, name);

	return g && g->value;
}

const char *options_str(const struct options *o, const char *name)
{
	const struct option_given *g = options_last(o, name);

	return g ? g->text : NULL;
}

int64_t options_int(const struct options *o, const char *name, int64_t fallback)
{
	const struct option_given *g = options_last(o, name);

	return g ? g->value : fallback;
}

const char *options_next(const struct options *o, const char *name, size_t *at)
{
	for (; *at < o->n_given; (*at)++)
		if (strcmp(o->given[*at].option->name, name) == 0)
			return o->given[(*at)++].text;
	return NULL;
}

int options_strv(const struct options *o, const char *name, char ***ret, struct berth_error *err)
{
	cleanup_strv char **all = strv_copy(NULL);
	const char *text;

	if (!all)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	for (size_t at = 0; (text = options_next(o, name, &at));)
		if (strv_add(&all, text) < 0)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	*ret = steal_ptr(all);
	return 0;
}
