/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/str.h - text: a growing buffer, parsing of numbers that people write, arrays of strings.
 *
 * struct str is a buffer that grows. When memory runs out it remembers that (`failed`), drops its
 * text and ignores further additions, so that a long text is built without a check per line and
 * checked once at the end:
 *
 *	cleanup_str struct str s = STR_INIT;
 *
 *	str_add(&s, "lowerdir=");
 *	str_addf(&s, "%s/%d", dir, n);
 *	*ret = str_steal(&s);
 *	return *ret ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
 *
 * The text is always NUL-terminated, and may hold NULs of its own if they are added by str_add_n.
 * Unless failed, p is NULL only while nothing was ever added; str_text() is never NULL.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "berth/driver.h"

struct str {
	char *p;
	size_t len; /* without the final NUL */
	size_t cap;
	bool failed;
};

/* clang-format off */
#define STR_INIT {NULL, 0, 0, false}
/* clang-format on */

void str_add(struct str *s, const char *text);
void str_add_n(struct str *s, const void *bytes, size_t n);
void str_add_char(struct str *s, char c);
void str_addf(struct str *s, const char *fmt, ...) BERTH_PRINTF(2, 3);
void str_addv(struct str *s, const char *fmt, va_list ap) BERTH_PRINTF(2, 0);
/** Make room for @n more bytes and return where they go, or NULL when failed; then str_grew(s, n).
 */
char *str_room(struct str *s, size_t n);
void str_grew(struct str *s, size_t n);
/** Cut to the first @len bytes; longer is nothing. */
void str_cut(struct str *s, size_t len);
/** Empty, and no longer failed, but the memory stays for what comes next. */
void str_clear(struct str *s);
/** Free everything; usable again as if new. */
void str_done(struct str *s);
/** The text, never NULL: "" when empty or failed. Borrowed until the next addition. */
const char *str_text(const struct str *s);
/** The text as memory for free(), "" if empty; NULL if failed. @s is as new afterwards. */
char *str_steal(struct str *s);
/** 0, or NO_MEMORY if an addition failed. */
int str_check(const struct str *s, struct berth_error *err);

#define cleanup_str cleanup_with(str_done)

/** printf into memory for free(); NULL when out of memory. */
char *str_fmt(const char *fmt, ...) BERTH_PRINTF(1, 2);
/** Make *@ret a copy of @text (NULL gives NULL) which the caller frees, or NO_MEMORY. */
int str_copy(const char *text, char **ret, struct berth_error *err);

bool str_eq(const char *a, const char *b); /* NULL equals NULL only */
bool str_has_prefix(const char *s, const char *prefix);
bool str_has_suffix(const char *s, const char *suffix);
/** What follows @prefix in @s, or NULL if @s begins otherwise. */
const char *str_after(const char *s, const char *prefix);

/*
 * Parsing. The whole string must be the number: no blanks around it, no sign where none belongs.
 * 0; or -BERTH_E_INVALID for another grammar; or -BERTH_E_LIMIT for a number out of range.
 * There is no err: the caller knows the name of what it parses, and says it.
 */

/** Decimal digits, at most @max. */
int parse_u64(const char *s, uint64_t max, uint64_t *ret);
/** Decimal digits with an optional '-' or '+', within [@min, @max]. */
int parse_i64(const char *s, int64_t min, int64_t max, int64_t *ret);
/** Octal digits such as "0755", "755" or "0o755", at most 07777. */
int parse_mode(const char *s, mode_t *ret);
/** "512", "512b", "1.5g", "32MiB", "10 kb": powers of 1024, letters of either case, as docker. */
int parse_size(const char *s, uint64_t *ret_bytes);
/** As Go writes durations: "1h30m", "250ms", "1.5s", "-2m", "0"; a unit is needed. */
int parse_duration_ns(const char *s, int64_t *ret_ns);
/** The same in milliseconds, rounded up; a negative one is out of range. */
int parse_duration_ms(const char *s, uint64_t *ret_ms);
/** "true" "false" "1" "0" "yes" "no" "t" "f", also "True" and "TRUE" and so on. */
int parse_bool(const char *s, bool *ret);

/**
 * The one of the @n candidates that is nearest to @word, for "did you mean 'x'?"; NULL if none is
 * near enough (a third of the letters or so) or @word is one of them. Candidates that are NULL are
 * skipped.
 */
const char *str_nearest(const char *word, const char *const candidates[], size_t n);

enum str_size_base {
	STR_SIZE_DECIMAL, /* "1.234MB": 1 kB is 1000 */
	STR_SIZE_BINARY,  /* "1.177MiB" */
};

enum { STR_SIZE_MAX = 32 };

/**
 * A size for people, as docker prints it, with at most @digits significant digits: 4 for `docker ps
 * -s` and stats, 3 for `docker images`. Returns @out, for use within a printf.
 */
const char *str_human_size(uint64_t bytes, enum str_size_base base, int digits,
			   char out[static STR_SIZE_MAX]);

/*
 * NULL-terminated arrays of strings, made of malloc. A NULL array is an empty one to all readers,
 * and strv_add may begin with it. Each add looks for the end; fine for arguments and environments.
 * Writers return 0 or -BERTH_E_NO_MEMORY, and the array is whole and unchanged on failure.
 */

/** Copies of the arguments, which end with NULL; strv_copy(NULL) for none. NULL when out of memory.
 */
char **strv_new(const char *first, ...) __attribute__((sentinel));
/** A deep copy; of NULL an empty array. NULL when out of memory. */
char **strv_copy(char *const *v);
void strv_free(char **v);
size_t strv_len(char *const *v);
bool strv_has(char *const *v, const char *s);
int strv_add(char ***v, const char *s);
int strv_add_n(char ***v, const char *s, size_t n);
int strv_addf(char ***v, const char *fmt, ...) BERTH_PRINTF(2, 3);
/** Add @s itself, which is freed on failure; NULL is taken for a failed allocation. */
int strv_take(char ***v, char *s);
int strv_add_all(char ***v, char *const *more);
/** The parts of @s between separators, empty ones included; of "" an empty array. NULL: no memory.
 */
char **strv_split(const char *s, char sep);
/** All with @sep between them, as memory for free(). NULL when out of memory. */
char *strv_join(char *const *v, const char *sep);
/** In an array of NAME=value: the value of @name, borrowed, or NULL. The last one wins. */
const char *strv_env(char *const *v, const char *name);
/** Add @entry "NAME=value", in place of an earlier one of that name if there is one. */
int strv_set_env(char ***v, const char *entry);

DEFINE_CLEANUP(char **, strv_free);
#define cleanup_strv cleanup_with(strv_free_at)

/** for each string @s (a char *const * which the loop declares; use *s) of @v, which may be NULL */
#define strv_foreach(s, v) for (char *const *s = (v); s && *s; s++)

#endif
