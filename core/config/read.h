/* SPDX-License-Identifier: Apache-2.0 */
/*
 * read: from a tree of JSON to the members of struct config, by the table. Private to core/config.
 */
#ifndef CORE_CONFIG_READ_H
#define CORE_CONFIG_READ_H

#include "core/config/keys.h"

struct config_reader {
	struct config *config;
	const char *label;	 /* of the text, for messages */
	const char *text;	 /* what the tree was made from */
	struct record *mistakes; /* if not NULL, mistakes are appended here and reading goes on */
};

/*
 * All that follows takes an @err which is not NULL: mistakes are written there on their way.
 */

/** The table's defaults and, over them, @defaults (may be NULL), into the zeroed @config. */
int config_read_defaults(struct config *config, const char *defaults, struct berth_error *err);
/** The reader's text. INVALID for the first mistake, unless there is a list for them. */
int config_read(const struct config_reader *reader, struct berth_error *err);

#endif
