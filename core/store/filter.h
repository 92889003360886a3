/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter: the `filters` of the Docker Engine API: an object of arrays {"label": ["a=b"]}, or, as
 * older clients send it, of objects {"label": {"a=b": true}}. It knows no key's meaning.
 */
#ifndef CORE_STORE_FILTER_H
#define CORE_STORE_FILTER_H

#include <stdbool.h>
#include <stdint.h>

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
/** The narrowest of the "until" filters (a time, or an age), INT64_MAX without any. INVALID. */
int filter_until(const struct record *filters, int64_t *ret, struct berth_error *err);
/** What prune asks for: labels that must be there ("label") or must not ("label!"), and an age. */
struct filter_prune {
	char **labels, **without;
	int64_t until_ns; /* created before; INT64_MAX: whenever */
};
int filter_prune_read(const struct record *filters, struct filter_prune *ret,
		      struct berth_error *err);
bool filter_prune_has(const struct filter_prune *f, int64_t created_ns,
		      const struct record *labels);
void filter_prune_done(struct filter_prune *f);
#define cleanup_filter_prune cleanup_with(filter_prune_done)
/** A filter that is one boolean: *ret as @fallback if it is not given. INVALID for another word. */
int filter_bool(const struct record *filters, const char *key, bool fallback, bool *ret,
		struct berth_error *err);

#endif
