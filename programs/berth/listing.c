/* SPDX-License-Identifier: Apache-2.0 */
#include "listing.h"

#include <string.h>

#include "table.h"

/* `\t` and `\n` as what they stand for, without blanks around */
static char *unescape(const char *format)
{
	cleanup_str struct str out = STR_INIT;
	size_t len = strlen(format);

	while (len > 0 && format[len - 1] == ' ')
		len--;
	for (size_t i = strspn(format, " "); i < len; i++) {
		bool escape = format[i] == '\\' && i + 1 < len &&
			      (format[i + 1] == 't' || format[i + 1] == 'n');

		str_add_char(&out, !escape ? format[i] : format[i + 1] == 't' ? '\t' : '\n');
		i += escape;
	}
	return str_steal(&out);
}

/* {{.Label "com.example.some-thing"}} has the heading "some thing" */
static bool heading_method(const void *source, const char *name, const char *arg, struct str *ret)
{
	const char *dot;

	if (strcmp(name, "Label") != 0)
		return false;
	dot = arg ? strrchr(arg, '.') : NULL;
	for (arg = dot ? dot + 1 : arg; arg && *arg; arg++)
		str_add_char(ret, *arg == '-' || *arg == '_' ? ' ' : *arg);
	return true;
}

static int add_row(struct listing *l, const struct record *row, const struct record *source,
		   bool headings, struct str *out, struct berth_error *err)
{
	struct template_env env = {
		.strict = true,
		.row_type = "row",
		.headings = headings,
		.method = headings && l->kind->method ? heading_method : l->kind->method,
		.method_arg = source,
	};
	int r = template_exec(l->template, row, &env, out, err);

	str_add_char(out, '\n');
	return r;
}

static struct record *headings(const struct listing_column *columns)
{
	struct record *row = record_new_object();

	for (; row && columns->name; columns++)
		(void)record_set_str(row, columns->name, columns->heading,
				     NULL); /* missing shows */
	return row;
}

static int add_headings(struct listing *l, struct str *out, struct berth_error *err)
{
	cleanup_record struct record *row = headings(l->kind->columns);

	return row ? add_row(l, row, NULL, true, out, err)
		   : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
}

static int parse(const char *format, struct template **ret, struct berth_error *err)
{
	cleanup_free char *text = unescape(format);

	if (!text)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	return template_parse(text, ret, err);
}

int listing_template(const char *format, struct template **ret, struct berth_error *err)
{
	if (!format || !format[0])
		return 0;
	return parse(strcmp(format, "json") == 0 ? "{{json .}}" : format, ret, err);
}

int listing_open_table(struct listing *l, const struct listing_kind *kind, const char *table,
		       struct berth_error *err)
{
	*l = (struct listing){.kind = kind, .is_table = true};
	return parse(table, &l->template, err);
}

int listing_open(struct listing *l, const struct listing_kind *kind, const char *format, bool quiet,
		 struct berth_error *err)
{
	cleanup_str struct str unused = STR_INIT;
	int r;

	*l = (struct listing){.kind = kind};
	if (!format || !format[0] || strcmp(format, "table") == 0) {
		l->is_table = !quiet;
		return parse(quiet ? kind->quiet : kind->table, &l->template, err);
	}
	l->is_table = str_has_prefix(format, "table");
	if (l->is_table)
		format += strlen("table");
	r = parse(strcmp(format, "json") == 0 ? "{{json .}}" : format, &l->template, err);
	/* what makes no sense is to be told also when there are no rows */
	return r < 0 ? r : add_headings(l, &unused, err);
}

bool listing_wants_only(const struct listing *l, const char *column)
{
	return template_uses(l->template, column);
}

bool listing_wants(const struct listing *l, const char *column)
{
	return template_uses(l->template, column) || template_uses_all(l->template);
}

int listing_row(struct listing *l, const struct record *row, const struct record *source,
		struct berth_error *err)
{
	return add_row(l, row, source, false, &l->body, err);
}

int listing_close(struct listing *l, struct str *out, struct berth_error *err)
{
	cleanup_str struct str text = STR_INIT;
	int r;

	if (!l->is_table) {
		str_add_n(out, str_text(&l->body), l->body.len);
		return str_check(&l->body, err);
	}
	r = add_headings(l, &text, err);
	if (r < 0)
		return r;
	str_add_n(&text, str_text(&l->body), l->body.len);
	r = str_check(&text, err);
	if (r == 0)
		table_layout(str_text(&text), out);
	return r;
}

void listing_done(struct listing *l)
{
	template_free(l->template);
	str_done(&l->body);
	l->template = NULL;
}
