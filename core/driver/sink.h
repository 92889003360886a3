/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sink: what stands behind struct berth_sink. Makers are in drivers.h; here is what the host gives
 * drivers to fill one.
 */
#ifndef CORE_DRIVER_SINK_H
#define CORE_DRIVER_SINK_H

#include "core/driver/drivers.h"

enum { SINK_FINDINGS_MAX = 1000 };

/** As berth_host.sink_put. INVALID if @sink is one for findings. */
int sink_put(struct berth_sink *sink, const char *bytes, size_t n);
/** As berth_host.finding. INVALID if @sink is not one for findings, or for an unknown level. */
int sink_finding(struct berth_sink *sink, uint32_t level, const char *id, const char *text,
		 const char *fix);
/** {id, level, text, fix} appended to @list. */
int finding_add(struct record *list, uint32_t level, const char *id, const char *text,
		const char *fix, struct berth_error *err);
/** The same with a text as of printf. */
int finding_addf(struct record *list, uint32_t level, const char *id, const char *fix,
		 struct berth_error *err, const char *fmt, ...) BERTH_PRINTF(6, 7);
/** "ok", "info", "warn", "error"; NULL for another number. */
const char *finding_level_name(uint32_t level);

#endif
