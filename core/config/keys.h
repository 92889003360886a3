/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys: the table of all keys of berth.json, and the types that their values have. Private to
 * core/config.
 */
#ifndef CORE_CONFIG_KEYS_H
#define CORE_CONFIG_KEYS_H

#include "core/config/config.h"

/** How a value is kept in struct config. */
enum config_shape {
	CONFIG_STR,	/* char * */
	CONFIG_STRV,	/* char ** */
	CONFIG_BOOL,	/* bool */
	CONFIG_U64,	/* uint64_t */
	CONFIG_ENTRIES, /* struct record *: the "drivers" of a kind */
};

/** How a CONFIG_U64 is written. */
enum config_unit {
	CONFIG_COUNT,
	CONFIG_BYTES,
	CONFIG_MS,
};

struct config_type {
	const char *word;   /* in the documentation: "duration" */
	const char *wanted; /* in messages: "a duration such as \"10s\"" */
	enum config_shape shape;
	enum config_unit unit;
	uint64_t min;
	bool (*fits)(const char *text); /* of a CONFIG_STR, or of each item; NULL: anything */
};

struct config_key {
	const char *section; /* "" = top level */
	const char *key;
	const struct config_type *type;
	size_t offset;	      /* in struct config */
	const char *fallback; /* default; items of a list with blanks between; NULL: "" or empty */
	const char *doc;
};

extern const struct config_key config_keys[];
extern const size_t config_keys_count;

/** The key of a section, or NULL. */
const struct config_key *config_key_find(const char *section, const char *key);
bool config_has_section(const char *section);
/** Names to suggest from: keys of @section, at the top the sections as well. */
const char *config_key_nearest(const char *section, const char *word);

/** Where @key is kept in @config. */
static inline void *config_member(struct config *config, const struct config_key *key)
{
	return (char *)config + key->offset;
}

/** Give back what the member holds; it is 0 or NULL then. */
void config_member_done(struct config *config, const struct config_key *key);
/** A number as it would be written in the file: "64m", "10s"; counts without quotes. */
void config_print_u64(enum config_unit unit, uint64_t value, struct str *out);

#endif
