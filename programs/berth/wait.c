/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"
#include "verb.h"

static int wait_one(struct cli *cli, const struct options *o, const char *ref,
		    struct berth_error *err)
{
	cleanup_str struct str out = STR_INIT;
	int code;
	int r = container_wait(&cli->engine->host, ref, CONTAINER_WAIT_NOT_RUNNING, &code, err);

	if (r < 0)
		return r;
	str_addf(&out, "%d\n", code);
	return cli_print(cli, &out) == STATUS_OK
		       ? 0
		       : berth_fail(err, BERTH_E_IO, "cannot print the exit code");
}

int wait_verb(struct cli *cli, const struct options *o)
{
	return cli_each(cli, o, false, wait_one);
}
