/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/utf8.h - as much of Unicode as JSON needs. Knows no characters beyond their numbers.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/**
 * Bytes of the character at @s, of which @n (at least 1) may be read; 0 if it is not well-formed:
 * truncated, overlong, a surrogate, beyond U+10FFFF.
 */
size_t utf8_len(const char *s, size_t n);
/** Append character @c, which must be one. */
void utf8_add(struct str *out, uint32_t c);

#endif
