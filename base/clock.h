/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/clock.h - points in time as nanoseconds since 1970 UTC, and the ways docker writes them.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

#include "berth/driver.h"

/** Go's zero time, "0001-01-01T00:00:00Z", which means "never"; parsed and printed as such. */
#define CLOCK_NEVER INT64_MIN

#define CLOCK_SECOND 1000000000LL

enum {
	CLOCK_TEXT_MAX = 40,
	CLOCK_HUMAN_MAX = 32,
};

/** Time of day. */
int64_t clock_now_ns(void);
/** Only ever forward; for durations. */
int64_t clock_mono_ns(void);

/** "2024-01-02T03:04:05.123456789Z", trailing zeros cut as Go's RFC3339Nano does. Returns @out. */
const char *clock_format(int64_t ns, char out[static CLOCK_TEXT_MAX]);
/** The same, but 0 is never too: for state where 0 is "did not happen". */
const char *clock_format_or_never(int64_t ns, char out[static CLOCK_TEXT_MAX]);
/** All nine digits always, as docker's logs -t: "2024-01-02T03:04:05.100000000Z". */
const char *clock_format_log(int64_t ns, char out[static CLOCK_TEXT_MAX]);

/** RFC 3339 with a zone ("…Z", "…+02:00") and up to nine decimals. INVALID. */
int clock_parse(const char *text, int64_t *ret_ns, struct berth_error *err);
/**
 * What docker takes for --since and --until: RFC 3339; the same without zone, seconds, minutes or
 * time (local time then); seconds since 1970 with up to nine decimals; or a Go duration before
 * @now_ns.
 */
int clock_parse_user(const char *text, int64_t now_ns, int64_t *ret_ns, struct berth_error *err);

/** A duration in words, exactly docker's: "Less than a second", "About an hour", "2 weeks". */
const char *clock_human(int64_t duration_ns, char out[static CLOCK_HUMAN_MAX]);

#endif
