/* SPDX-License-Identifier: Apache-2.0 */
#include "csv.h"

#include <string.h>

/* a field in quotes, after the first one; returns what follows, NULL if it does not end */
static const char *read_quoted(const char *s, struct str *out)
{
	for (; *s; s++) {
		if (*s != '"') {
			str_add_char(out, *s);
		} else if (s[1] == '"') {
			str_add_char(out, '"');
			s++;
		} else {
			return s + 1;
		}
	}
	return NULL;
}

static int read_field(const char **at, char ***fields, struct berth_error *err)
{
	cleanup_str struct str field = STR_INIT;
	const char *s = *at;

	if (*s == '"') {
		s = read_quoted(s + 1, &field);
		if (!s || (*s && *s != ','))
			return berth_fail(err, BERTH_E_INVALID,
					  "a quote that does not end a field");
	} else {
		size_t n = strcspn(s, ",");

		if (memchr(s, '"', n))
			return berth_fail(err, BERTH_E_INVALID, "a bare quote in a field");
		str_add_n(&field, s, n);
		s += n;
	}
	*at = s;
	if (strv_take(fields, str_steal(&field)) < 0)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	return 0;
}

int csv_split(const char *line, char ***ret, struct berth_error *err)
{
	cleanup_strv char **fields = NULL;

	if (!*line)
		return berth_fail(err, BERTH_E_INVALID, "it is empty");
	for (;;) {
		int r = read_field(&line, &fields, err);

		if (r < 0)
			return r;
		if (!*line)
			break;
		line++;
	}
	*ret = steal_ptr(fields);
	return 0;
}
