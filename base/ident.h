/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/ident.h - ids and names: their grammars, and new ones.
 *
 * Grammars are checked at the door, before a name becomes part of a path or of a query.
 */
#ifndef BASE_IDENT_H
#define BASE_IDENT_H

#include <stdbool.h>

#include "berth/driver.h"

enum {
	IDENT_ID_MAX = 65,   /* 64 hex digits and a NUL */
	IDENT_NAME_MAX = 64, /* a random name, with its NUL */
	IDENT_SHORT = 12,    /* digits of a short id: printf("%.*s", IDENT_SHORT, id) */
};

/** 64 random hex digits; the first 12 are never all decimal (host names of digits only confuse). */
int ident_random(char out[static IDENT_ID_MAX], struct berth_error *err);
/** "quiet_lovelace": two words; with @try > 0 (after a collision) a digit follows. */
int ident_random_name(unsigned try, char out[static IDENT_NAME_MAX], struct berth_error *err);

/** Exactly 64 lower case hex digits. */
bool ident_is_id(const char *s);
/** 1 to 64 lower case hex digits. */
bool ident_is_id_prefix(const char *s);
/** A container's or volume's name: [a-zA-Z0-9][a-zA-Z0-9_.-]+, as docker's; at most 255 bytes. */
bool ident_is_name(const char *s);
/** A name that drivers are given: [a-z0-9][a-z0-9_.:-]{0,127}. */
bool ident_is_object(const char *s);
/** A driver's own name: [a-z][a-z0-9-]{0,31}. */
bool ident_is_driver(const char *s);

#endif
