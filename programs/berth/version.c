/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli.h"
#include "report.h"
#include "verb.h"

/* clang-format off */
const struct option format_options[] = {
	{"format", 'f', OPTION_STRING, "'json' or a Go template"},
	{0},
};
/* clang-format on */

/* docker's shape: templates ask for {{.Server.Version}}; here client and server are one program */
static int both(const struct record *server, struct record **ret, struct berth_error *err)
{
	static const char *const shared[] = {"Version", "ApiVersion", "Os", "Arch"};
	cleanup_record struct record *all = record_new_object();
	cleanup_record struct record *client = record_new_object();
	int r = all && client ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");

	for (size_t i = 0; r == 0 && i < sizeof(shared) / sizeof(shared[0]); i++)
		r = record_set_str(client, shared[i],
				   record_str_or(record_get(server, shared[i]), ""), err);
	if (r == 0)
		r = record_set_str(client, "Context", "default", err);
	if (r == 0)
		r = record_set(all, "Client", steal_ptr(client), err);
	if (r == 0)
		r = record_set(all, "Server", record_copy(server), err);
	if (r < 0)
		return r;
	*ret = steal_ptr(all);
	return 0;
}

static const struct report_line lines[] = {
	{"Version", "Server.Version", 1, NULL},
	{"API version", "Server.ApiVersion", 1, " (minimum version {{.Server.MinAPIVersion}})"},
	{"Driver ABI", "Server.DriverABI", 1, NULL},
	{"OS/Arch", "Server.Os", 1, "/{{.Server.Arch}}"},
	{"Kernel Version", "Server.KernelVersion", 1, NULL},
	{0},
};

int version_verb(struct cli *cli, const struct options *o)
{
	cleanup_record struct record *server = NULL;
	cleanup_record struct record *all = NULL;
	struct berth_error err;
	int r = cli_config(cli, &err);

	if (r == 0)
		r = engine_version(cli->engine, &server, &err);
	if (r == 0)
		r = both(server, &all, &err);
	if (r < 0)
		return cli_fail(cli, NULL, &err);
	return report_print(cli, options_str(o, "format"), "berth:", lines, all);
}
