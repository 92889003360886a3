/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/record.h - JSON: reading what comes from outside, building and printing what goes there.
 *
 * A record is a tree of values. It hides the library below (base/record.c alone knows it). Three
 * ways:
 *
 *  - record_read_text: a table says which keys go where in a struct. For our own files and the
 *    documents of registries.
 *  - record_parse and record_get, record_path, record_str ...: for trees whose shape varies.
 *  - base/record_write.h: to write JSON fast without building a tree.
 *
 * What is read: strict JSON in UTF-8 and nothing behind it; no key twice in an object, no NUL in
 * a string or key, no number out of range (integers: int64_t and uint64_t), limited depth; the
 * caller limits the bytes. Other engines read some of what is refused here, and see in it what
 * they like: decide nothing by "their parser sees the same". To print a record again is not to
 * get the same bytes: what has a digest is kept as received.
 *
 * null: a key whose value is null reads like a key that is not there, as in Go. A struct record *
 * that is NULL is null or absent, all readers take it, so chains need no checks:
 *
 *	const char *user = record_str(record_path(image, "config.User"));
 */
#ifndef BASE_RECORD_H
#define BASE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "berth/driver.h"

struct record;

enum record_type {
	RECORD_NULL,
	RECORD_BOOL,
	RECORD_INT,  /* fits an int64_t */
	RECORD_UINT, /* above INT64_MAX, fits a uint64_t */
	RECORD_DOUBLE,
	RECORD_STR,
	RECORD_ARRAY,
	RECORD_OBJECT,
	/* in tables only */
	RECORD_STRV,   /* array of strings */
	RECORD_STRMAP, /* object of strings, as "key=value" */
	RECORD_ANY,
};

enum { RECORD_DEPTH_MAX = 64 };

/**
 * Parse @len bytes. @depth is how deep objects and arrays may nest, 0 for RECORD_DEPTH_MAX.
 * INVALID: "line 4, column 7: expected ',' or '}' …", columns count bytes from 1. LIMIT: too deep.
 * The text "null" is success with *@ret NULL.
 */
int record_parse(const char *text, size_t len, unsigned depth, struct record **ret,
		 struct berth_error *err);

/** Give back a reference; of a value inside a tree only if it was taken by record_ref. */
void record_free(struct record *r);
/** One more reference to @r, which may be a part of a tree and may outlive it. Returns @r. */
struct record *record_ref(struct record *r);
/** A deep copy, or NULL when out of memory (or for NULL). */
struct record *record_copy(const struct record *r);

DEFINE_CLEANUP(struct record *, record_free);
#define cleanup_record cleanup_with(record_free_at)

/*
 * Reading. Returned records and strings are borrowed from the tree. Nothing is ever converted: the
 * string "3" is not the number 3. What is of another type answers as if it were not there.
 */

enum record_type record_type(const struct record *r); /* RECORD_NULL for NULL */
const char *record_type_name(enum record_type type);  /* "object", "int" … for messages */

/** The value of @key in object @obj; NULL if absent, null, or @obj is no object. */
struct record *record_get(const struct record *obj, const char *key);
/** Down several objects: "config.Labels". Keys with a dot in them cannot be reached so. */
struct record *record_path(const struct record *obj, const char *path);
/** Whether @key is there, be it null. */
bool record_has(const struct record *obj, const char *key);
/** Members of an object, items of an array, else 0. */
size_t record_len(const struct record *r);
/** Item @i of an array; NULL if there is none, or it is null. */
struct record *record_at(const struct record *arr, size_t i);

const char *record_str(const struct record *r); /* NULL if it is no string */
bool record_int(const struct record *r, int64_t *ret);
bool record_uint(const struct record *r, uint64_t *ret); /* any integer that is not negative */
bool record_double(const struct record *r, double *ret); /* any number */
bool record_bool(const struct record *r, bool *ret);

const char *record_str_or(const struct record *r, const char *fallback);
int64_t record_int_or(const struct record *r, int64_t fallback);
bool record_bool_or(const struct record *r, bool fallback);
/**
 * The strings of an array, deep copied; strv_free. NULL or null gives an empty array. INVALID if it
 * is no array or an item is no string; the error does not name the key.
 */
int record_strv(const struct record *r, char ***ret, struct berth_error *err);

/** The value of a key that must be there and of that type, else INVALID naming the key. Borrowed.
 */
int record_need_str(const struct record *obj, const char *key, const char **ret,
		    struct berth_error *err);
int record_need_int(const struct record *obj, const char *key, int64_t *ret,
		    struct berth_error *err);
int record_need_uint(const struct record *obj, const char *key, uint64_t *ret,
		     struct berth_error *err);
int record_need_bool(const struct record *obj, const char *key, bool *ret, struct berth_error *err);
int record_need_object(const struct record *obj, const char *key, struct record **ret,
		       struct berth_error *err);
int record_need_array(const struct record *obj, const char *key, struct record **ret,
		      struct berth_error *err);

/**
 * for each member of object @obj (any other type has none) in the order of the text; @key is a
 * const char * and @val a struct record * of the caller, @val NULL for null. The object must not
 * change meanwhile.
 */
#define record_foreach(obj, key, val)	       record_foreach_at(obj, key, val, __LINE__)
#define record_foreach_at(obj, key, val, line) record_foreach_as(obj, key, val, line)
#define record_foreach_as(obj, key, val, line)                                                     \
	for (struct record_iter iter_##line = record_iter(obj);                                    \
	     record_next(&iter_##line, &(key), &(val));)

struct record_iter {
	void *at;
};

struct record_iter record_iter(const struct record *obj);
bool record_next(struct record_iter *iter, const char **ret_key, struct record **ret_val);

/*
 * Building. NULL means out of memory for all of these. record_set and record_append take over @val,
 * also when they fail; a @val that is NULL fails (NO_MEMORY), so that they may be nested:
 *
 *	r = record_set(obj, "Names", record_from_strv(names), err);
 */

struct record *record_new_object(void);
struct record *record_new_array(void);
struct record *record_new_str(const char *s); /* must not be NULL */
struct record *record_new_str_n(const char *s, size_t n);
struct record *record_new_int(int64_t value);
struct record *record_new_uint(uint64_t value);
struct record *record_new_double(double value);
struct record *record_new_bool(bool value);
struct record *record_from_strv(char *const *v); /* of NULL an empty array */

/** Put @val at @key; replaces, in its place, or adds at the end. 0 or NO_MEMORY. */
int record_set(struct record *obj, const char *key, struct record *val, struct berth_error *err);
/** NULL sets null. */
int record_set_str(struct record *obj, const char *key, const char *s, struct berth_error *err);
int record_set_int(struct record *obj, const char *key, int64_t value, struct berth_error *err);
int record_set_uint(struct record *obj, const char *key, uint64_t value, struct berth_error *err);
int record_set_double(struct record *obj, const char *key, double value, struct berth_error *err);
int record_set_bool(struct record *obj, const char *key, bool value, struct berth_error *err);
int record_set_null(struct record *obj, const char *key, struct berth_error *err);
/** Absent is fine. */
void record_unset(struct record *obj, const char *key);
int record_append(struct record *arr, struct record *val, struct berth_error *err);
int record_append_null(struct record *arr, struct berth_error *err);
int record_append_str(struct record *arr, const char *s, struct berth_error *err);

enum record_print_flags {
	RECORD_COMPACT = 0,	      /* as Go's json.Marshal without HTML escapes */
	RECORD_PRETTY = 1u << 0,      /* as json.MarshalIndent("", "    ") */
	RECORD_HTML_ESCAPE = 1u << 1, /* < > & as \u003c \u003e \u0026, Go's default */
};

/** Append the JSON text of @r (NULL: null) to @out, without a final newline. */
void record_print(const struct record *r, unsigned flags, struct str *out);
/** The same into memory for free(); NULL when out of memory. */
char *record_to_text(const struct record *r, unsigned flags);

/*
 * Tables.
 *
 *	static const struct record_field descriptor_fields[] = {
 *		{"mediaType", RECORD_STR, true, offsetof(struct descriptor, media_type)},
 *		{"size", RECORD_INT, true, offsetof(struct descriptor, size)},
 *		{0},
 *	};
 *
 * Members by type: STR char * (malloc'ed), INT int64_t, UINT uint64_t, BOOL bool, DOUBLE double,
 * STRV and STRMAP char ** (strv), OBJECT, ARRAY and ANY struct record * (a reference). What is
 * absent is 0 or NULL. Keys that no table names are ignored.
 */
struct record_field {
	const char *key;
	enum record_type type;
	bool required;
	size_t offset;
};

/**
 * Fill struct *@out of @size bytes, which need not be initialised and is untouched on failure; what
 * no field names becomes zero. INVALID: "key 'size' is a string, wanted an int". Then
 * record_read_free.
 */
int record_read(const struct record *obj, const struct record_field *fields, void *out, size_t size,
		struct berth_error *err);
/** record_parse and record_read in one. */
int record_read_text(const char *text, size_t len, const struct record_field *fields, void *out,
		     size_t size, struct berth_error *err);
/** Free what a table's members hold and make them 0 or NULL. */
void record_read_free(const struct record_field *fields, void *out);

#endif
