/* SPDX-License-Identifier: Apache-2.0 */
/*
 * detach_keys: the keys that let go of a container's terminal without ending it, ctrl-p ctrl-q by
 * default.
 */
#ifndef BERTH_DETACH_KEYS_H
#define BERTH_DETACH_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

enum { DETACH_KEYS_MAX = 16 };

struct detach_keys {
	char keys[DETACH_KEYS_MAX];
	size_t n;    /* 0: there are none */
	size_t seen; /* of them, at the end of what was typed */
};

/** "ctrl-p,ctrl-q", "a,b", "ctrl-[": NULL or "" is the default. INVALID. */
int detach_keys_parse(const char *text, struct detach_keys *ret, struct berth_error *err);
/**
 * Append to @out what of these @n bytes is to go on: keys that may be the beginning of the sequence
 * are held back until that is clear. true: the sequence is complete.
 */
bool detach_keys_filter(struct detach_keys *dk, const char *bytes, size_t n, struct str *out);

#endif
