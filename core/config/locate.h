/* SPDX-License-Identifier: Apache-2.0 */
/*
 * locate: on which line of a JSON text something stands. The parser knows it for faults of syntax
 * only; this finds it again for faults of meaning. It is given text that was parsed before, and
 * looks at nothing but brackets, strings and ends of lines. A key that is written with escapes is
 * not found.
 */
#ifndef CORE_CONFIG_LOCATE_H
#define CORE_CONFIG_LOCATE_H

/**
 * The line, from 1, of the key that the parts of @path (NULL at the end) lead to, or of the last
 * part that is there; 0 if there is none of them.
 */
unsigned locate_key(const char *text, const char *const path[]);

#endif
