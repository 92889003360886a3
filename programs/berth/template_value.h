/* SPDX-License-Identifier: Apache-2.0 */
/*
 * template_value: what a template computes with: Go's basic values, and lists and maps of a record.
 */
#ifndef BERTH_TEMPLATE_VALUE_H
#define BERTH_TEMPLATE_VALUE_H

#include "arena.h"
#include "base/record.h"
#include "base/str.h"

enum value_kind {
	VALUE_NONE,    /* Go's invalid value: a key that a map does not have */
	VALUE_NIL,     /* null in a map of anything */
	VALUE_POINTER, /* null where Go has a pointer */
	VALUE_BOOL,
	VALUE_INT,
	VALUE_UINT, /* above INT64_MAX */
	VALUE_FLOAT,
	VALUE_STRING,
	VALUE_LIST,
	VALUE_MAP,
};

struct value {
	enum value_kind kind;
	bool free_keys; /* MAP: with keys that people chose, so that any may be missing */
	union {
		bool boolean;
		int64_t integer;
		uint64_t natural;
		double number;
		const struct record *record; /* LIST, MAP; NULL: nil, like empty */
		struct {
			const char *p;
			size_t n;
		} string;
	};
};

/** Where values that are computed live. */
struct values {
	struct arena arena;
	struct record *kept; /* array: lists that functions made */
	bool headings;
	const struct record *row; /* json escapes < > & within this one, as docker does; or NULL */
};

struct value value_of(const struct record *r);
struct value value_string(const char *p, size_t n);
struct value value_int(int64_t i);
struct value value_bool(bool b);
/** What @s holds now, copied. LIMIT, NO_MEMORY. */
int value_take_str(struct values *vs, struct str *s, struct value *ret, struct berth_error *err);
/** The error that fits to an allocation from @vs that failed. */
int values_exhausted(const struct values *vs, struct berth_error *err);

/** What if and and think of it. */
bool value_truth(const struct value *v);
/** As Go's %v prints it; of nothing and nil "<nil>". */
void value_print(const struct value *v, struct str *out);
void value_print_float(double f, struct str *out);
/** As docker's json function. */
void value_json(const struct value *v, struct str *out);
/** Go's name of its type, for messages. */
const char *value_type_name(const struct value *v);

/** Item @key of a map as value, and how a missing one answers: kind VALUE_NONE. */
struct value value_member(const struct value *map, const char *key);

/** Members of an object in the order of their keys; count is record_len(). */
struct member {
	const char *key;
	const struct record *value;
};
/** From the arena; NULL when exhausted. */
const struct member *value_members(struct values *vs, const struct value *map, size_t *ret_n);

#endif
