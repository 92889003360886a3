/* SPDX-License-Identifier: Apache-2.0 */
#include "core/driver/options.h"

#include <string.h>

enum {
	NAME_LEN_MAX = 64,
	TEXT_MAX = 64 * 1024, /* of one value */
};

/* An option as ABI 1.0 had it. */
#define OPTION_SIZE_1_0 (offsetof(struct berth_option, doc) + sizeof(void *))

/* --- values --------------------------------------------------------------- */

static const struct {
	const char *name;   /* for inspect and documentation */
	const char *wanted; /* for messages */
} types[] = {
	[BERTH_OPT_STR] = {"string", "a string"},
	[BERTH_OPT_BOOL] = {"bool", "true or false"},
	[BERTH_OPT_U64] = {"number", "a whole number"},
	[BERTH_OPT_SIZE] = {"size", "a size such as \"64m\", or a number of bytes"},
	[BERTH_OPT_DURATION] = {"duration", "a duration with its unit, such as \"10s\""},
	[BERTH_OPT_PATH] = {"path", "an absolute path"},
	[BERTH_OPT_ENUM] = {"enum", "one of"},
	[BERTH_OPT_SECRET] = {"secret", "a string"},
	[BERTH_OPT_JSON] = {"json", "JSON"},
};

const char *options_type_name(uint32_t type)
{
	return type < sizeof(types) / sizeof(types[0]) ? types[type].name : NULL;
}

/* Is @text one of "a|b|c"? */
static bool is_choice(const char *choices, const char *text)
{
	size_t len = strlen(text);

	if (!len || strchr(text, '|'))
		return false;
	for (const char *at = choices; at; at = strchr(at, '|')) {
		at += *at == '|';
		if (strncmp(at, text, len) == 0 && (!at[len] || at[len] == '|'))
			return true;
	}
	return false;
}

static bool is_json(const char *text)
{
	cleanup_record struct record *r = NULL;

	return record_parse(text, strlen(text), 0, &r, NULL) == 0;
}

/* The words that the header promises; fewer than base knows. */
static bool read_bool_word(const char *text, uint64_t *ret)
{
	static const char *const yes[] = {"true", "1", "yes"}, *const no[] = {"false", "0", "no"};

	for (size_t i = 0; i < 3; i++) {
		if (str_eq(text, yes[i]) || str_eq(text, no[i])) {
			*ret = str_eq(text, yes[i]);
			return true;
		}
	}
	return false;
}

/* Is @text a value of @option? Numbers go to *@ret. */
static bool read_text(const struct berth_option *option, const char *text, uint64_t *ret)
{
	if (strnlen(text, TEXT_MAX) == TEXT_MAX)
		return false;
	switch ((enum berth_option_type)option->type) {
	case BERTH_OPT_STR:
	case BERTH_OPT_SECRET:
		return true;
	case BERTH_OPT_BOOL:
		return read_bool_word(text, ret);
	case BERTH_OPT_U64:
		return parse_u64(text, UINT64_MAX, ret) == 0;
	case BERTH_OPT_SIZE:
		return parse_size(text, ret) == 0;
	case BERTH_OPT_DURATION:
		return parse_duration_ms(text, ret) == 0;
	case BERTH_OPT_PATH:
		return text[0] == '/' && strlen(text) < 4096;
	case BERTH_OPT_ENUM:
		return is_choice(option->choices, text);
	case BERTH_OPT_JSON:
		return is_json(text);
	}
	return false;
}

static bool is_number(uint32_t type)
{
	return type == BERTH_OPT_BOOL || type == BERTH_OPT_U64 || type == BERTH_OPT_SIZE ||
	       type == BERTH_OPT_DURATION;
}

int option_set_text(const struct berth_option *option, const char *text, struct option_value *value,
		    struct berth_error *err)
{
	bool is_secret = option->type == BERTH_OPT_SECRET;
	uint64_t number = 0;

	if (!read_text(option, text, &number))
		return berth_fail(err, BERTH_E_INVALID, "option '%s' is '%.60s', wanted %s%s%s",
				  option->name, is_secret ? "***" : text,
				  types[option->type].wanted, option->choices ? " " : "",
				  option->choices ? option->choices : "");
	if (!is_number(option->type)) {
		char *copy;
		int r = str_copy(text, &copy, err);

		if (r < 0)
			return r;
		free(value->text);
		value->text = copy;
	}
	value->number = number;
	value->is_set = true;
	return 0;
}

int option_set_record(const struct berth_option *option, const struct record *val,
		      struct option_value *value, struct berth_error *err)
{
	const char *text = record_str(val);
	uint64_t number;
	bool yes;

	if (option->type == BERTH_OPT_JSON) {
		cleanup_free char *json = record_to_text(val, RECORD_COMPACT);

		if (!json)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		return option_set_text(option, json, value, err);
	}
	if (text)
		return option_set_text(option, text, value, err);
	if (option->type == BERTH_OPT_BOOL && record_bool(val, &yes)) {
		value->number = yes;
		value->is_set = true;
		return 0;
	}
	if ((option->type == BERTH_OPT_U64 || option->type == BERTH_OPT_SIZE) &&
	    record_uint(val, &number)) {
		value->number = number;
		value->is_set = true;
		return 0;
	}
	return berth_fail(err, BERTH_E_INVALID, "option '%s' is of type %s, wanted %s%s%s",
			  option->name, record_type_name(record_type(val)),
			  types[option->type].wanted, option->choices ? " " : "",
			  option->choices ? option->choices : "");
}

/* --- table ---------------------------------------------------------------- */

bool options_at(const struct berth_driver *head, size_t i, struct berth_option *ret)
{
	const char *at = (const char *)head->options;

	if (!at)
		return false;
	at += i * head->option_size;
	memset(ret, 0, sizeof(*ret));
	memcpy(ret, at, head->option_size < sizeof(*ret) ? head->option_size : sizeof(*ret));
	return ret->name != NULL;
}

static bool is_option_name(const char *s)
{
	return *s >= 'a' && *s <= 'z' && strlen(s) <= NAME_LEN_MAX &&
	       !s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_")];
}

static int check_option(const struct berth_option *option, struct berth_error *err)
{
	uint64_t number;

	if (!is_option_name(option->name))
		return berth_fail(err, BERTH_E_INVALID,
				  "its option '%.70s' has a bad name (a small letter, then small "
				  "letters, digits and '_')",
				  option->name);
	if (!options_type_name(option->type))
		return berth_fail(err, BERTH_E_INVALID,
				  "its option '%s' is of type %u, which this engine does not know",
				  option->name, option->type);
	if (option->type == BERTH_OPT_ENUM && (!option->choices || !*option->choices))
		return berth_fail(err, BERTH_E_INVALID, "its option '%s' has no choices",
				  option->name);
	if (option->type != BERTH_OPT_ENUM && option->choices)
		return berth_fail(err, BERTH_E_INVALID,
				  "its option '%s' has choices, but is no enum", option->name);
	if (option->fallback && (option->flags & BERTH_OPT_REQUIRED))
		return berth_fail(err, BERTH_E_INVALID,
				  "its option '%s' is required, but has a default", option->name);
	if (option->fallback && !read_text(option, option->fallback, &number))
		return berth_fail(err, BERTH_E_INVALID,
				  "its option '%s' has a default that is no value of it",
				  option->name);
	return 0;
}

static bool is_twice(const struct berth_driver *head, size_t i, const char *name)
{
	struct berth_option other;

	for (size_t j = 0; j < i && options_at(head, j, &other); j++) {
		if (str_eq(other.name, name))
			return true;
	}
	return false;
}

int options_check(const struct berth_driver *head, struct berth_error *err)
{
	struct berth_option option;
	int r = 0;

	if (head->options && head->option_size < OPTION_SIZE_1_0)
		return berth_fail(err, BERTH_E_INVALID,
				  "its options have %u bytes each, at least %zu are needed",
				  head->option_size, OPTION_SIZE_1_0);
	for (size_t i = 0; r == 0 && options_at(head, i, &option); i++) {
		if (i == OPTIONS_MAX)
			return berth_fail(err, BERTH_E_INVALID,
					  "it has more than %d options, or its table has no end",
					  OPTIONS_MAX);
		r = check_option(&option, err);
		if (r == 0 && is_twice(head, i, option.name))
			r = berth_fail(err, BERTH_E_INVALID, "its option '%s' is there twice",
				       option.name);
	}
	return r;
}
