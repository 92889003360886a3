/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"

#include <string.h>

#include "template_literal.h"

enum { CELL_MIN = 10, PADDING = 3, COLUMNS_MAX = 64 };

struct line {
	const char *text;
	size_t len;
	size_t n_cells; /* that a tab ends; at most COLUMNS_MAX, further tabs are text */
};

struct layout {
	struct line *lines;
	size_t n_lines;
	size_t widths[COLUMNS_MAX];
	struct str *out;
};

static size_t count_characters(const char *p, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; count++) {
		size_t len;

		(void)literal_rune(p + i, n - i, &len);
		i += len;
	}
	return count;
}

static size_t cell_len(const char *at, const char *end)
{
	const char *tab = memchr(at, '\t', (size_t)(end - at));

	return (size_t)((tab ? tab : end) - at);
}

/* cell @column of a line that has it */
static const char *find_cell(const struct line *line, size_t column, size_t *ret_len)
{
	const char *at = line->text, *end = line->text + line->len;

	while (column-- > 0)
		at += cell_len(at, end) + 1;
	*ret_len = cell_len(at, end);
	return at;
}

static void print_line(struct layout *l, const struct line *line)
{
	const char *at = line->text, *end = line->text + line->len;

	for (size_t i = 0; i < line->n_cells; i++) {
		size_t n = cell_len(at, end);
		size_t used = count_characters(at, n);

		str_add_n(l->out, at, n);
		if (used < l->widths[i])
			str_addf(l->out, "%*s", (int)(l->widths[i] - used), "");
		at += n + 1;
	}
	str_add_n(l->out, at, (size_t)(end - at));
	str_add_char(l->out, '\n');
}

/* lines @begin to @end, whose widths up to @column are known */
static void print_block(struct layout *l, size_t column, size_t begin, size_t end)
{
	for (size_t i = begin; i < end;) {
		size_t width = CELL_MIN, first = i;

		if (l->lines[i].n_cells <= column) {
			print_line(l, &l->lines[i++]);
			continue;
		}
		for (; i < end && l->lines[i].n_cells > column; i++) {
			size_t len;
			const char *cell = find_cell(&l->lines[i], column, &len);
			size_t wanted = count_characters(cell, len) + PADDING;

			width = wanted > width ? wanted : width;
		}
		l->widths[column] = width;
		print_block(l, column + 1, first, i);
	}
}

static struct line read_line(const char *text, size_t len)
{
	struct line line = {text, len, 0};

	for (size_t i = 0; i < len && line.n_cells < COLUMNS_MAX; i++)
		line.n_cells += text[i] == '\t';
	return line;
}

void table_layout(const char *text, struct str *out)
{
	size_t n = 0;
	cleanup_free struct line *lines = NULL;
	struct layout l = {.out = out};

	for (const char *s = text; *s; s++)
		n += *s == '\n';
	lines = calloc(n + 1, sizeof(*lines));
	if (!lines) {
		out->failed = true;
		return;
	}
	l.lines = lines;
	while (*text) {
		size_t len = strcspn(text, "\n");

		lines[l.n_lines++] = read_line(text, len);
		text += len + (text[len] == '\n');
	}
	print_block(&l, 0, 0, l.n_lines);
}

void table_shorten(const char *text, size_t max, struct str *out)
{
	size_t len = strlen(text), n = 0;

	if (count_characters(text, len) <= max) {
		str_add(out, text);
		return;
	}
	for (size_t i = 1; i < max; i++) {
		size_t step;

		(void)literal_rune(text + n, len - n, &step);
		n += step;
	}
	str_add_n(out, text, n);
	if (max > 0)
		str_add(out, "…");
}
