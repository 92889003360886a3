/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"
#include "verb.h"

static int pause_one(struct cli *cli, const struct options *o, const char *ref,
		     struct berth_error *err)
{
	return container_pause(&cli->engine->host, ref, err);
}

int pause_verb(struct cli *cli, const struct options *o)
{
	return cli_each(cli, o, true, pause_one);
}

static int unpause_one(struct cli *cli, const struct options *o, const char *ref,
		       struct berth_error *err)
{
	return container_unpause(&cli->engine->host, ref, err);
}

int unpause_verb(struct cli *cli, const struct options *o)
{
	return cli_each(cli, o, true, unpause_one);
}
