/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"
#include "verb.h"

int tag_verb(struct cli *cli, const struct options *o)
{
	struct berth_error err;
	int r = cli_engine(cli, &err);

	if (r == 0)
		r = image_tag(cli->engine->store, o->args[0], o->args[1], &err);
	return r < 0 ? cli_fail(cli, o->args[0], &err) : STATUS_OK;
}
