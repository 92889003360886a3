/* SPDX-License-Identifier: Apache-2.0 */
/*
 * findings: what checks report, {id, level, text, fix}, for people or as JSON.
 */
#ifndef BERTH_FINDINGS_H
#define BERTH_FINDINGS_H

#include "base/record.h"

/** A line with a mark by the level, and below it what to do. Returns whether it is an error. */
bool findings_print_one(const struct record *finding, bool colours, struct str *out);
/** All of them, or that there are none. Returns whether an error is among them. */
bool findings_print(const struct record *findings, bool colours, struct str *out);
/** The array itself, in place of what is in @out. */
void findings_json(const struct record *findings, struct str *out);
/** --format is "json", or NULL. */
int findings_check_format(const char *format, struct berth_error *err);

#endif
