/* SPDX-License-Identifier: Apache-2.0 */
#include "core/image/work/words.h"

#include <string.h>

struct scan {
	const char *at;
	char *const *env;
	struct str word;
	bool any; /* the word has begun, be it empty as in "" */
};

static bool is_name(char c, bool first)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       (!first && c >= '0' && c <= '9');
}

static size_t name_len(const char *s)
{
	size_t n = 0;

	while (is_name(s[n], n == 0))
		n++;
	return n;
}

static const char *lookup(const struct scan *s, const char *name, size_t n)
{
	cleanup_free char *copy = strndup(name, n);

	return copy ? strv_env(s->env, copy) : NULL;
}

/** What stands behind '$'. */
static int variable(struct scan *s, struct berth_error *err)
{
	const char *value, *end;
	size_t n;

	if (*s->at != '{') {
		n = name_len(s->at);
		if (n == 0) {
			str_add_char(&s->word, '$');
			return 0;
		}
		value = lookup(s, s->at, n);
		str_add(&s->word, value ? value : "");
		s->at += n;
		return 0;
	}
	end = strchr(s->at, '}');
	n = name_len(s->at + 1);
	if (!end || n == 0)
		return berth_fail(err, BERTH_E_INVALID, "failed to process \"$%s\": no variable",
				  s->at);
	value = lookup(s, s->at + 1, n);
	s->at += 1 + n;
	if (s->at[0] == ':' && (s->at[1] == '-' || s->at[1] == '+')) {
		bool wants_set = s->at[1] == '+';

		if ((value && *value) == wants_set) {
			str_add_n(&s->word, s->at + 2, (size_t)(end - s->at - 2));
			value = NULL;
		} else if (wants_set) {
			value = NULL;
		}
	} else if (s->at != end) {
		return berth_fail(err, BERTH_E_INVALID, "unsupported modifier in substitution");
	}
	str_add(&s->word, value ? value : "");
	s->at = end + 1;
	return 0;
}

static int single_quoted(struct scan *s, struct berth_error *err)
{
	const char *end = strchr(s->at, '\'');

	if (!end)
		return berth_fail(err, BERTH_E_INVALID,
				  "unexpected end of statement while looking for matching "
				  "single-quote");
	str_add_n(&s->word, s->at, (size_t)(end - s->at));
	s->at = end + 1;
	return 0;
}

static int double_quoted(struct scan *s, struct berth_error *err)
{
	while (*s->at != '"') {
		char c = *s->at;
		int r = 0;

		if (c == '\0')
			return berth_fail(err, BERTH_E_INVALID,
					  "unexpected end of statement while looking for matching "
					  "double-quote");
		s->at++;
		if (c == '$')
			r = variable(s, err);
		else if (c == '\\' && *s->at && strchr("\"$\\", *s->at))
			str_add_char(&s->word, *s->at++);
		else
			str_add_char(&s->word, c);
		if (r < 0)
			return r;
	}
	s->at++;
	return 0;
}

/** One word, or, with @blanks, all that is left. */
static int scan_word(struct scan *s, bool blanks, struct berth_error *err)
{
	int r = 0;

	str_clear(&s->word);
	s->any = false;
	while (*s->at && r == 0 && (blanks || !strchr(" \t", *s->at))) {
		char c = *s->at++;

		s->any = true;
		if (c == '\'')
			r = single_quoted(s, err);
		else if (c == '"')
			r = double_quoted(s, err);
		else if (c == '$')
			r = variable(s, err);
		else if (c == '\\' && *s->at)
			str_add_char(&s->word, *s->at++);
		else
			str_add_char(&s->word, c);
	}
	return r < 0 ? r : str_check(&s->word, err);
}

int words_split(const char *line, char *const *env, char ***ret, struct berth_error *err)
{
	struct scan s = {.at = line, .env = env};
	cleanup_strv char **words = strv_copy(NULL);
	int r = words ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");

	while (r == 0) {
		s.at += strspn(s.at, " \t");
		if (!*s.at)
			break;
		r = scan_word(&s, false, err);
		if (r == 0 && s.any && strv_add(&words, str_text(&s.word)) < 0)
			r = berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	}
	str_done(&s.word);
	if (r < 0)
		return r;
	*ret = steal_ptr(words);
	return 0;
}

int words_expand(const char *line, char *const *env, char **ret, struct berth_error *err)
{
	struct scan s = {.at = line, .env = env};
	int r = scan_word(&s, true, err);

	if (r == 0)
		r = str_copy(str_text(&s.word), ret, err);
	str_done(&s.word);
	return r;
}
