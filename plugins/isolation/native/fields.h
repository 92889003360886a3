/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fields: typed reading of the specification's objects.
 *
 *	struct fields f = fields_of(p, record, "process");
 *
 *	proc->cwd = field_str(&f, "cwd");
 *	field_int(&f, "oomScoreAdj", -1000, 1000, &value);
 *	return p->r;
 *
 * What is absent or null reads as NULL, false or 0. What is there with a wrong type or out of range
 * is remembered in the parser, once, with its full name ("process.rlimits[2].soft"), and all
 * further reads go on harmlessly: the caller looks at p->r at the end. Strings are borrowed from the
 * record.
 */
#ifndef NATIVE_FIELDS_H
#define NATIVE_FIELDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/record.h"
#include "arena.h"

struct parser {
	struct arena *arena;
	struct berth_error *err;
	int r; /* the first failure */
};

/* An object and how it is reached: by @key in @up, or as item @index of an array of that name. */
struct fields {
	struct parser *p;
	const struct record *obj;
	const struct fields *up;
	const char *key;
	long index; /* -1: no item */
};

struct fields fields_of(struct parser *p, const struct record *obj, const char *name);
/** The object @key; its obj is NULL if absent. @f must outlive it. */
struct fields field_object(const struct fields *f, const char *key);
/** How many items array @key has. */
size_t field_count(const struct fields *f, const char *key, size_t limit);
/** Item @i of array @key, an object. */
struct fields field_item(const struct fields *f, const char *key, size_t i);

bool field_has(const struct fields *f, const char *key);
const char *field_str(const struct fields *f, const char *key);
bool field_bool(const struct fields *f, const char *key);
/** true if it is there. *@ret is untouched otherwise. */
bool field_int(const struct fields *f, const char *key, int64_t min, int64_t max, int64_t *ret);
bool field_uint(const struct fields *f, const char *key, uint64_t max, uint64_t *ret);
/** NULL-terminated strings, none if absent; the array is in the arena. *@ret_n may be NULL. */
const char **field_strv(const struct fields *f, const char *key, size_t *ret_n);

/** Memory of the parser's arena; NULL (and remembered) when there is none, or for n == 0. */
void *field_array_alloc(const struct fields *f, size_t n, size_t size);

/** "process.rlimits[2]" + "." + @key; @key may be NULL. In the arena. */
const char *field_name(const struct fields *f, const char *key);
/** Remember a failure: "key 'NAME' TEXT". */
void field_fail(const struct fields *f, const char *key, int code, const char *fmt, ...)
	BERTH_PRINTF(4, 5);
#define field_invalid(f, key, ...) field_fail((f), (key), BERTH_E_INVALID, __VA_ARGS__)

#endif
