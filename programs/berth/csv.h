/* SPDX-License-Identifier: Apache-2.0 */
/*
 * csv: one line of comma-separated fields, as docker takes them for --mount: a field may be in
 * double quotes, in which "" is a quote.
 */
#ifndef BERTH_CSV_H
#define BERTH_CSV_H

#include "base/str.h"

/** The fields; strv_free. INVALID: quotes in the wrong place, or none at all. */
int csv_split(const char *line, char ***ret, struct berth_error *err);

#endif
