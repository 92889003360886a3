/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include <string.h>

#include "template.h"
#include "template_value.h"

static int add_template(const char *text, const struct record *data, struct str *out,
			struct berth_error *err)
{
	static const struct template_env env = {.strict = true};
	cleanup_template struct template *t = NULL;
	int r = template_parse(text, &t, err);

	return r < 0 ? r : template_exec(t, data, &env, out, err);
}

static int add_line(const struct report_line *line, int width, const struct record *data,
		    struct str *out, struct berth_error *err)
{
	struct value v = value_of(record_path(data, line->path));

	if (v.kind == VALUE_NIL || (v.kind == VALUE_STRING && v.string.n == 0))
		return 0;
	str_addf(out, "%*s%s:%*s", line->indent, "", line->label,
		 width ? width - (int)strlen(line->label) : 1, "");
	value_print(&v, out);
	if (line->suffix) {
		int r = add_template(line->suffix, data, out, err);

		if (r < 0)
			return r;
	}
	str_add_char(out, '\n');
	return 0;
}

/* with a title, values stand under each other */
static int add_lines(const char *title, const struct report_line *lines, const struct record *data,
		     struct str *out, struct berth_error *err)
{
	int width = 0, r = 0;

	if (title) {
		str_addf(out, "%s\n", title);
		for (const struct report_line *line = lines; line->label; line++)
			if ((int)strlen(line->label) + 1 > width)
				width = (int)strlen(line->label) + 1;
	}
	for (; r == 0 && lines->label; lines++)
		r = add_line(lines, width, data, out, err);
	return r;
}

int report_print(struct cli *cli, const char *format, const char *title,
		 const struct report_line *lines, const struct record *data)
{
	cleanup_str struct str out = STR_INIT;
	struct berth_error err;
	int r;

	if (format && format[0]) {
		r = add_template(str_eq(format, "json") ? "{{json .}}" : format, data, &out, &err);
		str_add_char(&out, '\n');
	} else {
		r = add_lines(title, lines, data, &out, &err);
	}
	return r < 0 ? cli_fail(cli, NULL, &err) : cli_print(cli, &out);
}
