/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli: what every verb of the command line has: the global flags, the engine when it is wanted, and
 * one way to print and to fail.
 *
 * A verb returns an exit status. Errors are one line on stderr, always by cli_fail:
 *
 *	berth: rm 'web': container is running (hint: berth rm -f)
 */
#ifndef BERTH_CLI_H
#define BERTH_CLI_H

#include "base/str.h"
#include "core/engine/engine.h"
#include "option.h"

enum cli_status {
	STATUS_OK = 0,
	STATUS_FAILED = 1,
	STATUS_ENGINE = 125, /* of run: it was us, not the program */
	STATUS_NOT_EXECUTABLE = 126,
	STATUS_NOT_FOUND = 127,
};

struct verb;

struct cli {
	const char *config_file; /* --config, or NULL */
	const struct verb *verb;
	const char *name; /* as it was called: "ps", "container ls" */
	struct engine *engine;
};

/** The engine with its config; no state is touched. */
int cli_config(struct cli *cli, struct berth_error *err);
/** The engine with its state. */
int cli_engine(struct cli *cli, struct berth_error *err);
/**
 * The same, for what takes long and has something to undo: from now on the first Ctrl-C cancels, so
 * that it ends with an error and nothing half-made; the second one ends the process. (Anything else
 * may be interrupted anywhere: whoever comes next puts it right.)
 */
int cli_engine_cancellable(struct cli *cli, struct berth_error *err);
/** Ctrl-C is somebody else's business again. */
void cli_release_signals(void);
void cli_done(struct cli *cli);

/**
 * Print why @object (NULL: nothing in particular) could not be dealt with; returns the status to
 * exit with: 1, or what docker gives for it.
 */
int cli_fail(const struct cli *cli, const char *object, const struct berth_error *err);
/** The same, for a command line that makes no sense: with a hint at the help; returns @status. */
int cli_misused(const struct cli *cli, int status, struct berth_error *err);
/** A line for people, "WARNING: …", on stderr. */
void cli_warn(const char *text);

/** The whole of @out to stdout at once; an exit status. */
int cli_print(const struct cli *cli, const struct str *out);

/** What a cli_each_fn returns when there is neither anything to print nor anything wrong. */
enum { CLI_SILENT = 1 };

/** For each argument, do @fn; on success its name is printed if @echo. The status of all together.
 */
typedef int (*cli_each_fn)(struct cli *cli, const struct options *o, const char *object,
			   struct berth_error *err);
int cli_each(struct cli *cli, const struct options *o, bool echo, cli_each_fn fn);

/** Colours and progress are for terminals. */
bool cli_has_colours(int fd);

#endif
