/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"
#include "verb.h"

/* clang-format off */
const struct option kill_options[] = {
	{"signal", 's', OPTION_STRING, "Signal to send (default KILL)"},
	{0},
};
/* clang-format on */

static int kill_one(struct cli *cli, const struct options *o, const char *ref,
		    struct berth_error *err)
{
	const char *signal = options_str(o, "signal");

	return container_kill(&cli->engine->host, ref, signal && signal[0] ? signal : NULL, err);
}

int kill_verb(struct cli *cli, const struct options *o)
{
	return cli_each(cli, o, true, kill_one);
}
