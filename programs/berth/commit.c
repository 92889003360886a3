/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"
#include "core/engine/commit.h"
#include "verb.h"

/* clang-format off */
const struct option commit_options[] = {
	{"author", 'a', OPTION_STRING, "Who made it", "name"},
	{"change", 'c', OPTION_LIST, "Dockerfile line for the image: CMD, ENV, …", "line"},
	{"message", 'm', OPTION_STRING, "Comment of its history"},
	{"no-pause", 0, OPTION_BOOL, "Do not freeze the container meanwhile"},
	{"pause", 'p', OPTION_BOOL, "Freeze the container meanwhile (default true)"},
	{0},
};
/* clang-format on */

int commit_verb(struct cli *cli, const struct options *o)
{
	cleanup_strv char **lines = NULL;
	cleanup_str struct str out = STR_INIT;
	cleanup_free char *id = NULL;
	struct engine_commit how = {
		.name = o->n_args > 1 && o->args[1][0] ? o->args[1] : NULL,
		.author = options_str(o, "author"),
		.comment = options_str(o, "message"),
		.pause = !options_bool(o, "no-pause") &&
			 (!options_last(o, "pause") || options_bool(o, "pause")),
	};
	struct berth_error err = {0};
	int r = options_strv(o, "change", &lines, &err);

	how.lines = lines;
	if (r == 0)
		r = cli_engine_cancellable(cli, &err);
	if (r == 0)
		r = engine_commit(cli->engine, o->args[0], &how, &id, &err);
	if (r < 0)
		return cli_fail(cli, o->args[0], &err);
	str_addf(&out, "%s\n", id);
	return cli_print(cli, &out);
}
