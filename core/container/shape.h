/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shape: JSON of the Engine API in the one form that the engine keeps and shows: all keys in the
 * order of Docker's structs, each with the default of its type, and no others. It reads like Go's
 * decoder: null is like absent, unknown keys are dropped, the case of letters in keys is ignored.
 * It knows types only; what values make sense is for others to say.
 *
 *	static const struct shape mapping[] = {
 *		{"PathOnHost", SHAPE_STR},
 *		{"Options", SHAPE_STRMAP, SHAPE_OMIT},
 *		{NULL},
 *	};
 *
 * All keys are there until shape_prune has dropped the empty ones that Docker leaves out; so that
 * values can be filled in between without changing the order.
 */
#ifndef CORE_CONTAINER_SHAPE_H
#define CORE_CONTAINER_SHAPE_H

#include "base/record.h"

enum shape_type {
	SHAPE_STR = 1,
	SHAPE_BOOL,
	SHAPE_INT,
	SHAPE_SIZE,	/* two numbers that are not negative */
	SHAPE_STRV,	/* strings */
	SHAPE_STRSLICE, /* strings, or one string instead of an array */
	SHAPE_STRVS,	/* arrays of strings */
	SHAPE_STRMAP,	/* object of strings */
	SHAPE_SET,	/* object of empty objects */
	SHAPE_OBJECT,	/* object of .members, or null */
	SHAPE_STRUCT,	/* object of .members, never null */
	SHAPE_LIST,	/* array of objects of .members */
	SHAPE_MAP,	/* object of objects of .members */
	SHAPE_MAP_LIST, /* object of arrays of objects of .members */
	SHAPE_INLINE,	/* no key of its own: .members are keys of the same object */
};

enum shape_flags {
	SHAPE_OMIT = 1u << 0,	  /* shape_prune drops it if it is empty */
	SHAPE_POINTER = 1u << 1,  /* absent is null, not 0 or false; and only null is empty */
	SHAPE_NOT_NULL = 1u << 2, /* absent is {} or [], not null */
};

struct shape {
	const char *key; /* NULL ends the table */
	enum shape_type type;
	unsigned flags;
	const struct shape *members;
};

enum {
	SHAPE_ITEMS_MAX = 65536, /* of one array or object */
};

/**
 * Read @in (NULL: an empty object) into a new object. INVALID: "key 'HostConfig.Memory' is a
 * string, wanted an int", where @where is "HostConfig" or "". LIMIT: more than SHAPE_ITEMS_MAX.
 */
int shape_read(const struct shape *shape, const struct record *in, const char *where,
	       struct record **ret, struct berth_error *err);
/** Drop what has SHAPE_OMIT and is empty, in @obj and in what is below it. */
void shape_prune(const struct shape *shape, struct record *obj);

#endif
