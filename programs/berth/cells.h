/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cells: what stands in docker's tables, in docker's words.
 */
#ifndef BERTH_CELLS_H
#define BERTH_CELLS_H

#include <stdint.h>

#include "base/record.h"
#include "base/str.h"

/** "sha256:4f66ad9a0b2e…" -> "4f66ad9a0b2e"; whole unless @shorten. */
void cell_id(const char *id, bool shorten, struct str *out);
/** "2023-11-14 22:13:20 +0000 UTC", in local time. */
void cell_time(int64_t seconds, struct str *out);
/** "2 minutes ago" */
void cell_since(int64_t seconds, struct str *out);
/** "443/tcp, 0.0.0.0:8080->80/tcp", with neighbours as one range. */
void cell_ports(const struct record *ports, struct str *out);
/** "a=1,b=2" */
void cell_labels(const struct record *labels, struct str *out);
/** The object's keys, sorted, with commas between. */
void cell_keys(const struct record *object, struct str *out);

#endif
