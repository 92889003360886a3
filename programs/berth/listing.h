/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listing: what `ps`, `images`, `history` and others print: rows of named columns, as a table or by
 * a template (--format).
 *
 *	r = listing_open(&l, &ps_listing, format, quiet, err);
 *	for each: listing_row(&l, row, NULL, err)   // an object with a string for each column
 *	r = listing_close(&l, &out, err);
 *
 * A column that nobody asks for need not be computed: listing_wants.
 */
#ifndef BERTH_LISTING_H
#define BERTH_LISTING_H

#include "template.h"

struct listing_column {
	const char *name;    /* ".Names" without the dot */
	const char *heading; /* "NAMES" */
};

struct listing_kind {
	const struct listing_column *columns; /* ends with a NULL name */
	const char *table;		      /* template of the table; tabs between cells */
	const char *quiet;		      /* with -q */
	/** {{.Label "x"}}; as in struct template_env, with the row's source. May be NULL. */
	bool (*method)(const void *source, const char *name, const char *arg, struct str *ret);
};

struct listing {
	const struct listing_kind *kind;
	struct template *template;
	bool is_table;
	struct str body;
};

/** @format NULL, "", "table", "table TEMPLATE", "json" or a template. */
int listing_open(struct listing *l, const struct listing_kind *kind, const char *format, bool quiet,
		 struct berth_error *err);
/** With @table as template of the table, whatever its kind says. */
int listing_open_table(struct listing *l, const struct listing_kind *kind, const char *table,
		       struct berth_error *err);
/** Whether @column may show: by its name, or because the whole row is used (json). */
bool listing_wants(const struct listing *l, const char *column);
/** Whether it is asked for by its name. */
bool listing_wants_only(const struct listing *l, const char *column);
/** @source goes to the method. */
int listing_row(struct listing *l, const struct record *row, const struct record *source,
		struct berth_error *err);
/** Append all of it to @out. */
int listing_close(struct listing *l, struct str *out, struct berth_error *err);
void listing_done(struct listing *l);
#define cleanup_listing cleanup_with(listing_done)

/**
 * A --format of what is no listing: "json" or a template, in which `\t` and `\n` are what they
 * stand for. NULL or "": none, *ret stays as it is.
 */
int listing_template(const char *format, struct template **ret, struct berth_error *err);

#endif
