/* SPDX-License-Identifier: Apache-2.0 */
/*
 * template_literal: what Go's constants in a template stand for. false: malformed.
 */
#ifndef BERTH_TEMPLATE_LITERAL_H
#define BERTH_TEMPLATE_LITERAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A character constant with its quotes: its code point. */
bool literal_char(const char *text, int64_t *ret);
/** "12", "-0x1f", "0b11", "1_000", ".5", "1e3". */
bool literal_number(const char *text, bool *ret_is_float, int64_t *ret_int, double *ret_double);
/** The escapes of an interpreted string without its quotes, resolved in place. */
bool literal_unquote(char *text, size_t *len);

/** Append @code as UTF-8 to @out (4 bytes of room); how many. */
size_t literal_utf8(uint32_t code, char *out);
/** First code point of @n > 0 bytes, U+FFFD if malformed; *ret_n bytes of it. */
uint32_t literal_rune(const char *p, size_t n, size_t *ret_n);

#endif
