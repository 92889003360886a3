/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"
#include "verb.h"

int diff_verb(struct cli *cli, const struct options *o)
{
	static const char letters[] = "CAD";
	cleanup_record struct record *changes = NULL;
	cleanup_str struct str out = STR_INIT;
	struct berth_error err = {0};
	int r = cli_engine(cli, &err);

	if (r == 0)
		r = container_diff(&cli->engine->host, o->args[0], &changes, &err);
	if (r < 0)
		return cli_fail(cli, o->args[0], &err);
	for (size_t i = 0; i < record_len(changes); i++) {
		const struct record *c = record_at(changes, i);

		str_addf(&out, "%c %s\n", letters[record_int_or(record_get(c, "Kind"), 0) & 3],
			 record_str_or(record_get(c, "Path"), ""));
	}
	return cli_print(cli, &out);
}
