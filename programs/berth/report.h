/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report: what `version` and `info` print: lines "Label: value" out of a record, or a template over
 * it.
 */
#ifndef BERTH_REPORT_H
#define BERTH_REPORT_H

#include "cli.h"

struct report_line {
	const char *label;
	const char *path; /* of the value; a line whose value is absent is left out */
	int indent;
	const char *suffix; /* template that follows the value, or NULL */
};

/** Print @data: by @format if there is one, else as @title (may be NULL) and @lines. An exit
 * status. */
int report_print(struct cli *cli, const char *format, const char *title,
		 const struct report_line *lines, const struct record *data);

#endif
