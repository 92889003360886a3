/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"
#include "verb.h"

/* clang-format off */
const struct option rm_options[] = {
	{"force", 'f', OPTION_BOOL, "Also those that run: they are killed"},
	{"link", 'l', OPTION_BOOL, NULL, .flags = OPTION_HIDDEN},
	{"volumes", 'v', OPTION_BOOL, "With their anonymous volumes"},
	{0},
};
/* clang-format on */

static int remove_one(struct cli *cli, const struct options *o, const char *ref,
		      struct berth_error *err)
{
	uint32_t flags = (options_bool(o, "force") ? CONTAINER_REMOVE_FORCE : 0) |
			 (options_bool(o, "volumes") ? CONTAINER_REMOVE_VOLUMES : 0);
	int r;

	if (options_bool(o, "link"))
		return berth_fail(err, BERTH_E_UNSUPPORTED, "links are not supported");
	r = container_remove(&cli->engine->host, ref, flags, err);
	if (r != -BERTH_E_NOT_FOUND || !(flags & CONTAINER_REMOVE_FORCE))
		return r;
	/* with force, that it is not there is said, and is what was wanted */
	(void)cli_fail(cli, ref, err);
	return CLI_SILENT;
}

int rm_verb(struct cli *cli, const struct options *o)
{
	return cli_each(cli, o, true, remove_one);
}
