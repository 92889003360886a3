/* SPDX-License-Identifier: Apache-2.0 */
/*
 * option: flags on a command line, by tables, as docker takes them (GNU style, as Go's pflag does
 * it):
 *
 *	--name=x  --name x  --rm  --rm=false  -it  -eA=B  -e A=B  -n=5  --
 *
 *	static const struct option options[] = {
 *		{"all", 'a', OPTION_BOOL, "Show all containers"},
 *		{"filter", 'f', OPTION_LIST, "Filter what is shown", "filter"},
 *		{0},
 *	};
 *
 * Values are checked against their type when they are parsed; text stays as it was given.
 */
#ifndef BERTH_OPTION_H
#define BERTH_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "berth/driver.h"

enum option_type {
	OPTION_END = 0,
	OPTION_TABLE, /* no flag: those of another table belong here as well */
	OPTION_BOOL,
	OPTION_STRING, /* the last one counts */
	OPTION_LIST,   /* may be repeated */
	OPTION_INT,
	OPTION_SIZE,	 /* "512m"; bytes */
	OPTION_SWAP,	 /* the same, or -1 */
	OPTION_DURATION, /* "1m30s"; ns */
	OPTION_CPUS,	 /* "1.5"; 1e-9 CPUs */
};

enum option_flags {
	OPTION_HIDDEN = 1u << 0,  /* not in help: another name of something, or not for people */
	OPTION_IGNORED = 1u << 1, /* taken and without effect; not in help */
};

struct option {
	const char *name;
	char letter;
	enum option_type type;
	const char *doc;
	const char *metavar;	    /* what help calls the value; NULL: by type */
	const char *alias;	    /* another name for option @alias, which gets the value */
	const char *key;	    /* for whoever asks: what it sets */
	const struct option *table; /* OPTION_TABLE */
	unsigned flags;
};

/** One flag as it stood on the command line. */
struct option_given {
	const struct option *option;
	const char *text; /* of the value; a bool without one has "true" */
	int64_t value;	  /* of a BOOL, INT, SIZE, SWAP, DURATION, CPUS */
};

struct options {
	const struct option *table;
	struct option_given *given;
	size_t n_given;
	char **args; /* what are no flags; ends with NULL. The strings are borrowed from argv */
	size_t n_args;
	bool help; /* --help was there; nothing else counts then */
};

/**
 * Parse @argv (ends with NULL, without the program's name). @in_order: flags end at the first
 * argument that is none, so that `run IMAGE ls -l` gives -l to ls. INVALID: docker's words, with a
 * suggestion as hint.
 */
int options_parse(const struct option *table, char *const *argv, bool in_order, struct options *ret,
		  struct berth_error *err);
void options_done(struct options *o);
#define cleanup_options cleanup_with(options_done)

/** Whether it was given; the last one, or NULL. */
const struct option_given *options_last(const struct options *o, const char *name);
bool options_bool(const struct options *o, const char *name);
/** NULL if it was not given. */
const char *options_str(const struct options *o, const char *name);
int64_t options_int(const struct options *o, const char *name, int64_t fallback);
/**
 * The next value of a list after position *@at, which begins with 0:
 *
 *	for (size_t at = 0; (text = options_next(o, "env", &at));)
 */
const char *options_next(const struct options *o, const char *name, size_t *at);

/** All of them; strv_free(). */
int options_strv(const struct options *o, const char *name, char ***ret, struct berth_error *err);

/** The table's option @name, NULL if there is none. */
const struct option *option_find(const struct option *table, const char *name);
typedef void (*option_fn)(void *arg, const struct option *option);
/** All of @table and the tables in it, without those that are only hints to others. */
void option_each(const struct option *table, option_fn fn, void *arg);

#endif
