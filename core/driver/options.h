/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options: what a driver declares as its options, and values for them: struct berth_conf. Values
 * come from the config file, or as "key=value" for one object (--storage-opt, -o). Drivers get only
 * what was found good here. Private to core/driver.
 */
#ifndef CORE_DRIVER_OPTIONS_H
#define CORE_DRIVER_OPTIONS_H

#include "core/config/config.h"

enum { OPTIONS_MAX = 256 };

/** Is the driver's table one to work with? INVALID names the option. */
int options_check(const struct berth_driver *head, struct berth_error *err);
/** Option @i of the table as far as both sides know the struct; false at the end. */
bool options_at(const struct berth_driver *head, size_t i, struct berth_option *ret);
/** "size", "duration" ... for people. */
const char *options_type_name(uint32_t type);

/** One value, or none. */
struct option_value {
	const char *name; /* of the option; the driver's */
	uint32_t type;
	bool is_set;
	uint64_t number; /* BOOL, U64, SIZE, DURATION */
	char *text;	 /* all others */
};

/** INVALID does not say where: the caller knows. The text of a secret is not in there. */
int option_set_text(const struct berth_option *option, const char *text, struct option_value *value,
		    struct berth_error *err);
/** From JSON: strings as above; true, false and numbers where they fit; anything for JSON. */
int option_set_record(const struct berth_option *option, const struct record *val,
		      struct option_value *value, struct berth_error *err);

/*
 * conf.c
 */

/**
 * Values of the driver's own: from the config's entry, else the fallbacks. INVALID with file and
 * line. If
 * @mistakes is not NULL all of them go there (as config_mistake_add), the result is 0 and *@ret
 * stays as it is.
 */
int conf_read(const struct config *config, const struct berth_driver *head, struct record *mistakes,
	      struct berth_conf **ret, struct berth_error *err);
/** Values of one object, from "key=value"s (NULL at the end). What they do not set, @below answers.
 */
int conf_read_object(const struct berth_driver *head, const char *const *options,
		     const struct berth_conf *below, struct berth_conf **ret,
		     struct berth_error *err);
void conf_free(struct berth_conf *conf);
DEFINE_CLEANUP(struct berth_conf *, conf_free);
#define cleanup_conf cleanup_with(conf_free_at)

/* The getters of struct berth_host. */
const char *conf_str(const struct berth_conf *conf, const char *key);
int conf_u64(const struct berth_conf *conf, const char *key, uint64_t *ret);
bool conf_bool(const struct berth_conf *conf, const char *key);
const char *conf_json(const struct berth_conf *conf, const char *key);

#endif
