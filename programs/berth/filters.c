/* SPDX-License-Identifier: Apache-2.0 */
#include "filters.h"

#include <ctype.h>
#include <string.h>

#include "body.h"

/* docker: blanks around the name mean nothing, nor does its case; the value is as it stands */
static char *filter_name(const char *text, size_t n)
{
	char *name;

	while (n > 0 && text[n - 1] == ' ')
		n--;
	for (; n > 0 && *text == ' '; n--)
		text++;
	name = strndup(text, n);
	for (char *s = name; s && *s; s++)
		*s = (char)tolower((unsigned char)*s);
	return name;
}

int filters_parse(const struct options *o, struct record **ret, struct berth_error *err)
{
	cleanup_record struct record *filters = record_new_object();
	const char *text;
	int r = filters ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");

	for (size_t at = 0; r == 0 && (text = options_next(o, "filter", &at));) {
		size_t n = strcspn(text, "=");
		cleanup_free char *name = NULL;

		if (!text[n])
			return body_bad_flag(err, "-f, --filter", text,
					     "bad format of filter (expected name=value)");
		name = filter_name(text, n);
		if (!name)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		if (!record_get(filters, name))
			r = record_set(filters, name, record_new_array(), err);
		if (r == 0)
			r = record_append_str(record_get(filters, name), text + n + 1, err);
	}
	if (r < 0)
		return r;
	*ret = steal_ptr(filters);
	return 0;
}
