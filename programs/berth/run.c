/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>

#include "attached.h"
#include "base/ident.h"
#include "base/path.h"
#include "cidfile.h"
#include "create_options.h"
#include "pull.h"
#include "terminal.h"
#include "verb.h"

/* clang-format off */
const struct option run_options[] = {
	{"detach", 'd', OPTION_BOOL, "Run in the background, and print the id"},
	{"detach-keys", 0, OPTION_STRING, "Keys that detach (default ctrl-p,ctrl-q)", "keys"},
	{"dry-run", 0, OPTION_BOOL, "Only show what would be made: addresses, ports, rules"},
	{"sig-proxy", 0, OPTION_BOOL, "Signals go to the container (default true)"},
	{.type = OPTION_TABLE, .table = create_options},
	{0},
};
/* clang-format on */

struct run {
	struct cli *cli;
	const struct options *o;
	struct record *body;
	struct cidfile cidfile;
	struct container_streams streams;
	char id[IDENT_ID_MAX];
	bool detach;
};

static bool has(const struct run *run, const char *key)
{
	return record_bool_or(record_get(run->body, key), false);
}

static uint32_t attach_flags(const struct run *run)
{
	if (run->detach)
		return 0;
	return (has(run, "AttachStdin") ? CONTAINER_ATTACH_STDIN : 0) |
	       (has(run, "AttachStdout") ? CONTAINER_ATTACH_STDOUT : 0) |
	       (has(run, "AttachStderr") ? CONTAINER_ATTACH_STDERR : 0) | CONTAINER_FINISH;
}

/* in the background nothing is attached, and stdin, if it is open, stays so */
static int set_detached(struct run *run, struct berth_error *err)
{
	if (options_last(run->o, "attach"))
		return berth_fail(err, BERTH_E_INVALID,
				  "conflicting options: cannot specify both --attach and --detach");
	record_unset(run->body, "AttachStdin");
	record_unset(run->body, "AttachStdout");
	record_unset(run->body, "AttachStderr");
	record_unset(run->body, "StdinOnce");
	return 0;
}

static int prepare(struct run *run, struct detach_keys *keys, struct berth_error *err)
{
	int r = create_body(run->o, &run->body, err);

	run->detach = options_bool(run->o, "detach");
	if (r == 0)
		r = detach_keys_parse(options_str(run->o, "detach-keys"), keys, err);
	if (r == 0)
		r = pull_wanted(run->o, err);
	if (r == 0 && run->detach)
		r = set_detached(run, err);
	if (r == 0 && !run->detach)
		r = terminal_add_size(run->body, "HostConfig.ConsoleSize", err);
	return r;
}

static int start(struct run *run, struct berth_error *err)
{
	const char *name = options_str(run->o, "name");
	struct cli *cli = run->cli;
	int r = cli_config(cli, err);

	if (r == 0) {
		container_prelaunch(&cli->engine->host, run->body);
		r = cli_engine_cancellable(cli, err);
	}
	if (r == 0)
		r = container_run(&cli->engine->host, name && name[0] ? name : NULL, run->body,
				  attach_flags(run), run->id, &run->streams, err);
	if (r < 0) {
		pull_hint(run->o->args[0], err);
		cidfile_drop(&run->cidfile);
		return r;
	}
	return cidfile_write(&run->cidfile, run->id, err);
}

static int print_id(struct run *run)
{
	cleanup_str struct str out = STR_INIT;

	container_streams_close(&run->streams);
	str_addf(&out, "%s\n", run->id);
	return cli_print(run->cli, &out);
}

static int print_plan(struct run *run)
{
	cleanup_record struct record *plan = NULL;
	cleanup_str struct str out = STR_INIT;
	struct berth_error err = {0};

	if (cli_engine(run->cli, &err) < 0 ||
	    container_plan(&run->cli->engine->host, options_str(run->o, "name"), run->body, &plan,
			   &err) < 0) {
		pull_hint(run->o->args[0], &err);
		return cli_fail(run->cli, run->o->args[0], &err);
	}
	record_print(plan, RECORD_PRETTY, &out);
	str_add_char(&out, '\n');
	return cli_print(run->cli, &out);
}

static int run_prepared(struct run *run, const struct detach_keys *keys)
{
	struct attached a = {
		.streams = &run->streams,
		.object = run->o->args[0],
		.id = run->id,
		.keys = *keys,
		.flags = (has(run, "AttachStdin") ? SESSION_STDIN : 0) |
			 (options_int(run->o, "sig-proxy", 1) ? SESSION_PROXY : 0),
	};
	struct berth_error err = {0};

	/* docker has its own exit codes for these two */
	if (!run->detach && session_check_tty(has(run, "AttachStdin"), has(run, "Tty"), &err) < 0) {
		(void)cli_fail(run->cli, NULL, &err);
		return STATUS_FAILED;
	}
	if (cidfile_open(&run->cidfile, options_str(run->o, "cidfile"), &err) < 0) {
		(void)cli_fail(run->cli, NULL, &err);
		return STATUS_ENGINE;
	}
	if (start(run, &err) < 0)
		return cli_fail(run->cli, run->o->args[0], &err);
	return run->detach ? print_id(run) : attached_run(run->cli, &a);
}

int run_verb(struct cli *cli, const struct options *o)
{
	struct run run = {
		.cli = cli,
		.o = o,
		.cidfile.fd = -1,
		.streams = {.control = -1, .in = -1, .out = -1, .err = -1, .console = -1},
	};
	struct detach_keys keys;
	struct berth_error err = {0};
	int status;

	if (prepare(&run, &keys, &err) < 0)
		status = cli_misused(cli, STATUS_ENGINE, &err);
	else if (options_bool(o, "dry-run"))
		status = print_plan(&run);
	else
		status = run_prepared(&run, &keys);
	cidfile_done(&run.cidfile);
	record_free(run.body);
	return status;
}
