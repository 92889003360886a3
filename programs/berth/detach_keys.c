/* SPDX-License-Identifier: Apache-2.0 */
#include "detach_keys.h"

#include <string.h>

/* one key: a character, or ctrl- and one of @ a-z [ \ ] ^ _ */
static bool parse_key(const char *word, char *ret)
{
	const char *after = str_after(word, "ctrl-");

	if (strlen(word) == 1) {
		*ret = word[0];
		return true;
	}
	if (!after || strlen(after) != 1)
		return false;
	if (after[0] >= 'a' && after[0] <= 'z')
		*ret = (char)(after[0] - 'a' + 1);
	else if (after[0] == '@')
		*ret = 0;
	else if (after[0] >= '[' && after[0] <= '_')
		*ret = (char)(after[0] - '[' + 27);
	else
		return false;
	return true;
}

int detach_keys_parse(const char *text, struct detach_keys *ret, struct berth_error *err)
{
	cleanup_strv char **words = strv_split(text && text[0] ? text : "ctrl-p,ctrl-q", ',');
	struct detach_keys dk = {.n = 0};

	if (!words)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	strv_foreach (word, words) {
		if (dk.n == DETACH_KEYS_MAX || !parse_key(*word, &dk.keys[dk.n++]))
			return berth_fail(err, BERTH_E_INVALID,
					  "invalid detach keys '%s': unknown character '%s'", text,
					  *word);
	}
	*ret = dk;
	return 0;
}

/* how much of the sequence stands at the end of its first @seen keys followed by @c */
static size_t advance(const struct detach_keys *dk, size_t seen, char c)
{
	char typed[DETACH_KEYS_MAX + 1];
	size_t n = seen + 1;

	memcpy(typed, dk->keys, seen);
	typed[seen] = c;
	for (size_t len = n; len > 0; len--)
		if (memcmp(dk->keys, typed + n - len, len) == 0)
			return len;
	return 0;
}

bool detach_keys_filter(struct detach_keys *dk, const char *bytes, size_t n, struct str *out)
{
	for (size_t i = 0; i < n; i++) {
		size_t seen;

		if (dk->n == 0) {
			str_add_char(out, bytes[i]);
			continue;
		}
		seen = advance(dk, dk->seen, bytes[i]);
		if (seen == dk->n)
			return true;
		/* what was held back and is no beginning any more goes on */
		if (seen <= dk->seen)
			str_add_n(out, dk->keys, dk->seen + 1 - seen - (seen == 0 ? 1 : 0));
		if (seen == 0)
			str_add_char(out, bytes[i]);
		dk->seen = seen;
	}
	return false;
}
