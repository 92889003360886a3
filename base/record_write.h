/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/record_write.h - write JSON text straight into a struct str, without a tree.
 *
 *	struct jw w = jw_to(&out, RECORD_COMPACT);
 *
 *	jw_object_begin(&w);
 *	jw_key_str(&w, "Id", id);
 *	jw_key(&w, "Args");
 *	jw_strv(&w, args);
 *	jw_object_end(&w);
 *
 * Commas come by themselves. That keys and values alternate and that what begins also ends is the
 * caller's duty. Out of memory shows in the struct str, once, at the end.
 */
#ifndef BASE_RECORD_WRITE_H
#define BASE_RECORD_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/record.h"
#include "base/str.h"

struct jw {
	struct str *out;
	unsigned flags; /* enum record_print_flags */
	unsigned depth;
	bool comma; /* a value stands before the next one */
	bool keyed; /* a key stands before the next value */
};

struct jw jw_to(struct str *out, unsigned flags);

void jw_object_begin(struct jw *w);
void jw_object_end(struct jw *w);
void jw_array_begin(struct jw *w);
void jw_array_end(struct jw *w);
void jw_key(struct jw *w, const char *key);

void jw_str(struct jw *w, const char *s); /* NULL is null; bytes that are not UTF-8 become U+FFFD */
void jw_str_n(struct jw *w, const char *s, size_t n);
void jw_int(struct jw *w, int64_t value);
void jw_uint(struct jw *w, uint64_t value);
void jw_double(struct jw *w, double value); /* as Go; what is not finite becomes null */
void jw_bool(struct jw *w, bool value);
void jw_null(struct jw *w);
void jw_strv(struct jw *w, char *const *v);   /* NULL is null */
void jw_strmap(struct jw *w, char *const *v); /* "key=value" as an object; NULL is null */
void jw_record(struct jw *w, const struct record *r);
/** One value that is JSON already, as it is. */
void jw_raw(struct jw *w, const char *json, size_t n);

void jw_key_str(struct jw *w, const char *key, const char *s);
void jw_key_int(struct jw *w, const char *key, int64_t value);
void jw_key_uint(struct jw *w, const char *key, uint64_t value);
void jw_key_bool(struct jw *w, const char *key, bool value);
void jw_key_raw(struct jw *w, const char *key, const char *json);
void jw_key_object(struct jw *w, const char *key); /* key and jw_object_begin */
void jw_key_array(struct jw *w, const char *key);  /* key and jw_array_begin */

/** A JSON string with its quotes, straight to @out. */
void jw_quote(struct str *out, const char *s, size_t n, unsigned flags);

#endif
