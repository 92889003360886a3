/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table: columns of text under each other, byte for byte as docker's tables (Go's text/tabwriter
 * with its settings: cells of at least 10 characters, 3 blanks between).
 */
#ifndef BERTH_TABLE_H
#define BERTH_TABLE_H

#include "base/str.h"

/**
 * Append @text to @out with each cell that a tab ends padded to the width of its column. A column
 * is a run of lines that have it. Width counts characters.
 */
void table_layout(const char *text, struct str *out);

/** Docker's Ellipsis: @text, or if it is longer than @max characters its beginning and "…". */
void table_shorten(const char *text, size_t max, struct str *out);

#endif
