/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"
#include "verb.h"

/* clang-format off */
const struct option rmi_options[] = {
	{"force", 'f', OPTION_BOOL, "With all names, and although stopped containers use it"},
	{"no-prune", 0, OPTION_BOOL, "Keep untagged parents"},
	{0},
};
/* clang-format on */

/* {"Untagged": …}, {"Deleted": …}, as lines */
static int print_removed(struct cli *cli, const struct record *removed)
{
	cleanup_str struct str out = STR_INIT;

	for (size_t i = 0; i < record_len(removed); i++) {
		struct record *val;
		const char *key;

		record_foreach (record_at(removed, i), key, val)
			str_addf(&out, "%s: %s\n", key, record_str_or(val, ""));
	}
	return cli_print(cli, &out);
}

static int remove_one(struct cli *cli, const struct options *o, const char *name,
		      struct berth_error *err)
{
	uint32_t flags = (options_bool(o, "force") ? IMAGE_REMOVE_FORCE : 0) |
			 (options_bool(o, "no-prune") ? IMAGE_REMOVE_NO_PRUNE : 0);
	cleanup_record struct record *removed = NULL;
	int r = image_remove(cli->engine->store, cli->engine->drivers, name, flags, &removed, err);

	if (r == -BERTH_E_NOT_FOUND && flags & IMAGE_REMOVE_FORCE) {
		(void)cli_fail(cli, name, err);
		return 0;
	}
	if (r == 0 && print_removed(cli, removed) != STATUS_OK)
		return berth_fail(err, BERTH_E_IO, "cannot print what was removed");
	return r;
}

int rmi_verb(struct cli *cli, const struct options *o)
{
	return cli_each(cli, o, false, remove_one);
}
