/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter: the `filters` of the Docker Engine API: an object of arrays {"label": ["a=b"]}, or, as
 * older clients send it, of objects {"label": {"a=b": true}}. It knows no key's meaning.
 */
#ifndef CORE_IMAGE_FILTER_H
#define CORE_IMAGE_FILTER_H

#include <stdbool.h>

#include "base/record.h"
#include "base/str.h"

/**
 * INVALID, in docker's words, for a key that is not in @known (NULL-terminated) or values that are
 * no strings. @filters NULL: fine.
 */
int filter_check(const struct record *filters, const char *const *known, struct berth_error *err);
/** The values of @key, deep copied; an empty array if there are none. */
int filter_values(const struct record *filters, const char *key, char ***ret,
		  struct berth_error *err);
/** Whether @filters has @key at all. */
bool filter_has(const struct record *filters, const char *key);
/** Whether @labels (object of strings) satisfies every one of @wanted, "key" or "key=value". */
bool filter_labels(char *const *wanted, const struct record *labels);
/** A filter that is one boolean: *ret as @fallback if it is not given. INVALID for another word. */
int filter_bool(const struct record *filters, const char *key, bool fallback, bool *ret,
		struct berth_error *err);

#endif
