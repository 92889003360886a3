/* SPDX-License-Identifier: Apache-2.0 */
#include "cidfile.h"
#include "cli.h"
#include "create_options.h"
#include "pull.h"
#include "verb.h"

static void warn_all(const struct record *warnings)
{
	for (size_t i = 0; i < record_len(warnings); i++)
		cli_warn(record_str_or(record_at(warnings, i), ""));
}

static int create(struct cli *cli, const struct options *o, const struct record *body,
		  struct cidfile *cidfile, struct record **ret, struct berth_error *err)
{
	const char *name = options_str(o, "name");
	cleanup_record struct record *created = NULL;
	int r = cidfile_open(cidfile, options_str(o, "cidfile"), err);

	if (r < 0)
		return r;
	r = cli_engine_cancellable(cli, err);
	if (r == 0)
		r = container_create(&cli->engine->host, name && name[0] ? name : NULL, body,
				     &created, err);
	if (r < 0) {
		pull_hint(o->args[0], err);
		cidfile_drop(cidfile);
		return r;
	}
	r = cidfile_write(cidfile, record_str_or(record_get(created, "Id"), ""), err);
	if (r == 0)
		*ret = steal_ptr(created);
	return r;
}

int create_verb(struct cli *cli, const struct options *o)
{
	cleanup_record struct record *body = NULL;
	cleanup_record struct record *created = NULL;
	cleanup_str struct str out = STR_INIT;
	struct cidfile cidfile = {.fd = -1};
	struct berth_error err = {0};
	int r = create_body(o, &body, &err);

	if (r == 0)
		r = pull_wanted(o, &err);
	if (r < 0)
		return cli_misused(cli, STATUS_ENGINE, &err);
	r = create(cli, o, body, &cidfile, &created, &err);
	cidfile_done(&cidfile);
	if (r < 0)
		return cli_fail(cli, o->args[0], &err);
	warn_all(record_get(created, "Warnings"));
	str_addf(&out, "%s\n", record_str_or(record_get(created, "Id"), ""));
	return cli_print(cli, &out);
}
