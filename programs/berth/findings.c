/* SPDX-License-Identifier: Apache-2.0 */
#include "findings.h"

#include <string.h>

static const struct level {
	const char *name, *mark, *colour;
} levels[] = {
	{"ok", "ok", "32"},
	{"info", "info", "36"},
	{"warn", "warning", "33"},
	{"error", "ERROR", "31"},
};

static const struct level *find_level(const char *name)
{
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (strcmp(levels[i].name, name) == 0)
			return &levels[i];
	return &levels[3];
}

bool findings_print_one(const struct record *finding, bool colours, struct str *out)
{
	const struct level *l = find_level(record_str_or(record_get(finding, "level"), ""));
	const char *fix = record_str_or(record_get(finding, "fix"), "");

	if (colours)
		str_addf(out, "  \033[%sm%-7s\033[0m  ", l->colour, l->mark);
	else
		str_addf(out, "  %-7s  ", l->mark);
	str_addf(out, "%s: %s\n", record_str_or(record_get(finding, "id"), "?"),
		 record_str_or(record_get(finding, "text"), ""));
	if (fix[0])
		str_addf(out, "           -> %s\n", fix);
	return l == &levels[3];
}

bool findings_print(const struct record *findings, bool colours, struct str *out)
{
	bool any_error = false;

	for (size_t i = 0; i < record_len(findings); i++)
		any_error = findings_print_one(record_at(findings, i), colours, out) || any_error;
	if (record_len(findings) == 0)
		str_add(out, "  ok       nothing is wrong\n");
	return any_error;
}

void findings_json(const struct record *findings, struct str *out)
{
	str_clear(out);
	record_print(findings, RECORD_PRETTY, out);
	str_add_char(out, '\n');
}

int findings_check_format(const char *format, struct berth_error *err)
{
	if (!format || strcmp(format, "json") == 0)
		return 0;
	return berth_fail(err, BERTH_E_INVALID, "--format takes 'json' only");
}
