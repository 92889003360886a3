/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <unistd.h>

#include "base/path.h"
#include "cli.h"
#include "core/engine/archive.h"
#include "outfile.h"
#include "verb.h"

/* clang-format off */
const struct option export_options[] = {
	{"output", 'o', OPTION_STRING, "To this file instead of stdout", "file"},
	{0},
};
/* clang-format on */

int export_verb(struct cli *cli, const struct options *o)
{
	cleanup_outfile struct outfile to = OUTFILE_INIT;
	struct berth_error err = {0};
	int r = outfile_open(&to, options_str(o, "output"), &err);

	if (r == 0)
		r = cli_engine_cancellable(cli, &err);
	if (r == 0)
		r = engine_export(cli->engine, o->args[0], to.fd, &err);
	if (r == 0)
		r = outfile_commit(&to, &err);
	return r < 0 ? cli_fail(cli, o->args[0], &err) : STATUS_OK;
}
