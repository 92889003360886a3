/* SPDX-License-Identifier: Apache-2.0 */
#include "history.h"

#include <string.h>

#include "base/clock.h"
#include "cells.h"
#include "cli.h"
#include "table.h"
#include "verb.h"

enum { CREATED_BY_MAX = 45, SIZE_DIGITS = 3 };

/* clang-format off */
const struct option history_options[] = {
	{"format", 0, OPTION_STRING, "'table', 'table TEMPLATE', 'json' or a Go template"},
	{"human", 'H', OPTION_BOOL, "Sizes and times for people (default true)"},
	{"no-trunc", 0, OPTION_BOOL, "Do not shorten anything"},
	{"quiet", 'q', OPTION_BOOL, "Only ids"},
	{0},
};

static const char table[] =
	"{{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}";
/* clang-format on */

#define COLUMNS(created)                                                                           \
	{"Comment", "COMMENT"}, {"CreatedAt", "CREATED AT"}, {"CreatedBy", "CREATED BY"},          \
		{"CreatedSince", (created)}, {"ID", "IMAGE"}, {"Size", "SIZE"},                    \
	{                                                                                          \
		NULL, NULL                                                                         \
	}

static const struct listing_column human_columns[] = {COLUMNS("CREATED")};
static const struct listing_column plain_columns[] = {COLUMNS("CREATED AT")};

static const struct listing_kind human_listing = {human_columns, table, "{{.ID}}", NULL};
static const struct listing_kind plain_listing = {plain_columns, table, "{{.ID}}", NULL};

const struct listing_kind *history_listing(unsigned flags)
{
	return flags & HISTORY_HUMAN ? &human_listing : &plain_listing;
}

static void created_at(int64_t seconds, struct str *out)
{
	char text[CLOCK_TEXT_MAX];
	int64_t ns;

	if (!__builtin_mul_overflow(seconds, CLOCK_SECOND, &ns))
		str_add(out, clock_format(ns, text));
}

static void created_by(const struct record *step, bool shorten, struct str *out)
{
	cleanup_free char *text = strdup(record_str_or(record_get(step, "CreatedBy"), ""));

	if (!text) {
		out->failed = true;
		return;
	}
	for (char *s = text; *s; s++)
		if (*s == '\t')
			*s = ' '; /* it would end the cell */
	table_shorten(text, shorten ? CREATED_BY_MAX : SIZE_MAX, out);
}

static void cell_text(const struct record *step, const char *name, unsigned flags, struct str *out)
{
	int64_t created = record_int_or(record_get(step, "Created"), 0);
	uint64_t size = 0;
	char text[STR_SIZE_MAX];

	(void)record_uint(record_get(step, "Size"), &size); /* absent is 0 */
	if (strcmp(name, "Comment") == 0)
		str_add(out, record_str_or(record_get(step, "Comment"), ""));
	else if (strcmp(name, "CreatedBy") == 0)
		created_by(step, flags & HISTORY_SHORTEN, out);
	else if (strcmp(name, "ID") == 0)
		cell_id(record_str_or(record_get(step, "Id"), ""), flags & HISTORY_SHORTEN, out);
	else if (strcmp(name, "Size") == 0 && flags & HISTORY_HUMAN)
		str_add(out, str_human_size(size, STR_SIZE_DECIMAL, SIZE_DIGITS, text));
	else if (strcmp(name, "Size") == 0)
		str_addf(out, "%llu", (unsigned long long)size);
	else if (strcmp(name, "CreatedSince") == 0 && flags & HISTORY_HUMAN)
		cell_since(created, out);
	else
		created_at(created, out);
}

static int add_row(struct listing *l, const struct record *step, unsigned flags,
		   struct berth_error *err)
{
	cleanup_record struct record *row = record_new_object();
	int r = row ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");

	for (const struct listing_column *c = human_columns; r == 0 && c->name; c++) {
		cleanup_str struct str text = STR_INIT;

		cell_text(step, c->name, flags, &text);
		r = str_check(&text, err);
		if (r == 0)
			r = record_set_str(row, c->name, str_text(&text), err);
	}
	return r < 0 ? r : listing_row(l, row, NULL, err);
}

int history_print(struct listing *l, const struct record *steps, unsigned flags, struct str *out,
		  struct berth_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < record_len(steps); i++)
		r = add_row(l, record_at(steps, i), flags, err);
	return r < 0 ? r : listing_close(l, out, err);
}

int history_verb(struct cli *cli, const struct options *o)
{
	unsigned flags = (options_bool(o, "no-trunc") ? 0 : HISTORY_SHORTEN) |
			 (options_int(o, "human", 1) ? HISTORY_HUMAN : 0);
	cleanup_record struct record *steps = NULL;
	cleanup_listing struct listing l = {0};
	cleanup_str struct str out = STR_INIT;
	struct berth_error err;
	int r = listing_open(&l, history_listing(flags), options_str(o, "format"),
			     options_bool(o, "quiet"), &err);

	if (r == 0)
		r = cli_engine(cli, &err);
	if (r == 0)
		r = image_history(cli->engine->store, o->args[0], &steps, &err);
	if (r == 0)
		r = history_print(&l, steps, flags, &out, &err);
	return r < 0 ? cli_fail(cli, o->args[0], &err) : cli_print(cli, &out);
}
