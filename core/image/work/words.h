/* SPDX-License-Identifier: Apache-2.0 */
/*
 * words: the words of a line as a Dockerfile writes them: blanks between, quotes of two kinds, a
 * backslash before a character that means itself, and $NAME, ${NAME}, ${NAME:-word}, ${NAME:+word}
 * from an environment.
 */
#ifndef CORE_IMAGE_WORDS_H
#define CORE_IMAGE_WORDS_H

#include "base/str.h"

/** All words; @env (NAME=value) may be NULL. Quotes are taken away. INVALID: an open quote. */
int words_split(const char *line, char *const *env, char ***ret, struct berth_error *err);
/** The whole line as one word. */
int words_expand(const char *line, char *const *env, char **ret, struct berth_error *err);

#endif
