/* SPDX-License-Identifier: Apache-2.0 */
/*
 * locate: on which line of a JSON text something stands. The parser knows it for faults of syntax
 * only; this finds it again for faults of meaning. It is given text that was parsed before, and
 * looks at nothing but brackets, strings and ends of lines. A key that is written with escapes is
 * not found.
 */
#ifndef CORE_CONFIG_LOCATE_H
#define CORE_CONFIG_LOCATE_H

#include <stdbool.h>
#include <stddef.h>

/**
 * The line, from 1, of the key that the parts of @path (NULL at the end) lead to, or of the last
 * part that is there. Of a key that is there twice it is the last one, as for the parser.
 */
unsigned locate_key(const char *text, const char *const path[]);

enum { LOCATE_KEY_MAX = 64 };

/** Is there an object that has a key twice? Then the key, cut to fit, and the line of the second.
 */
bool locate_twice(const char *text, char ret_key[static LOCATE_KEY_MAX], unsigned *ret_line);

#endif
