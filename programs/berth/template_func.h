/* SPDX-License-Identifier: Apache-2.0 */
/*
 * template_func: the functions that templates may call.
 */
#ifndef BERTH_TEMPLATE_FUNC_H
#define BERTH_TEMPLATE_FUNC_H

#include "template_value.h"

enum { TEMPLATE_ARGS_MAX = 64 };

struct template_function {
	const char *name;
	unsigned min, max; /* how many arguments; max 0: any number */
	const char *types; /* of the arguments: 's' string, 'i' integer, '.' anything; the last one
			      repeats */
	/** 0, or INVALID with what is wrong, without the place; LIMIT. */
	int (*call)(struct values *vs, const struct value *args, size_t n, struct value *ret,
		    struct berth_error *err);
};

/** NULL: there is none. "and" and "or" have no call: they evaluate only what they need. */
const struct template_function *template_function(const char *name, size_t n);

/** Go's strconv.Quote. */
void template_quote(const char *p, size_t n, struct str *out);

/** printf of Go's fmt. */
int template_printf(struct values *vs, const struct value *args, size_t n, struct value *ret,
		    struct berth_error *err);

#endif
