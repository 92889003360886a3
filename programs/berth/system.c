/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"
#include "findings.h"
#include "verb.h"

/* clang-format off */
const struct option system_check_options[] = {
	{"deep", 0, OPTION_BOOL, "Also read every blob and verify its digest"},
	{"format", 'f', OPTION_STRING, "'json': the findings as they are"},
	{"repair", 0, OPTION_BOOL, "Put right what can be"},
	{0},
};
/* clang-format on */

int system_check_verb(struct cli *cli, const struct options *o)
{
	const char *format = options_str(o, "format");
	cleanup_record struct record *findings = NULL;
	cleanup_str struct str out = STR_INIT;
	struct berth_error err;
	bool any_error;
	int status;
	int r = findings_check_format(format, &err);

	if (r == 0)
		r = cli_engine_cancellable(cli, &err);
	if (r == 0)
		r = engine_check(cli->engine, options_bool(o, "repair"), options_bool(o, "deep"),
				 &findings, &err);
	if (r < 0)
		return cli_fail(cli, NULL, &err);
	any_error = findings_print(findings, cli_has_colours(STDOUT_FILENO), &out);
	if (format)
		findings_json(findings, &out);
	status = cli_print(cli, &out);
	return status == STATUS_OK && any_error ? STATUS_FAILED : status;
}

/* Called by the monitor when a container has ended and nobody else finishes it. */
int system_finish_verb(struct cli *cli, const struct options *o)
{
	struct berth_error err;
	int r = cli_engine(cli, &err);

	if (r == 0)
		r = container_finish(&cli->engine->host, o->args[0], &err);
	return r < 0 ? cli_fail(cli, o->args[0], &err) : STATUS_OK;
}

/* Called by engine_close when something is better done while nobody waits. */
int system_tidy_verb(struct cli *cli, const struct options *o)
{
	struct berth_error err;
	int r = cli_engine(cli, &err);

	(void)o;
	if (r == 0)
		r = engine_tidy(cli->engine, &err);
	return r < 0 ? cli_fail(cli, NULL, &err) : STATUS_OK;
}
