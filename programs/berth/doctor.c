/* SPDX-License-Identifier: Apache-2.0 */
#include "core/driver/doctor.h"

#include <unistd.h>

#include "cli.h"
#include "findings.h"
#include "reach.h"
#include "verb.h"

/* clang-format off */
const struct option doctor_options[] = {
	{"format", 'f', OPTION_STRING, "'json': the findings as they are"},
	{0},
};
/* clang-format on */

static const char *driver_of(const struct record *finding)
{
	return record_str_or(record_get(finding, "driver"), "");
}

static bool is_used(const struct record *finding)
{
	return record_bool_or(record_get(finding, "used"), true);
}

static void add_heading(const struct record *finding, struct str *out)
{
	const char *driver = driver_of(finding);

	if (!driver[0])
		str_add(out, "This machine\n");
	else
		str_addf(out, "%s%s\n", driver, is_used(finding) ? "" : " (not in use)");
}

/* grouped by what they are about; what is wrong with a driver that nobody uses is no error */
static bool print_groups(const struct record *findings, struct str *out)
{
	bool colours = cli_has_colours(STDOUT_FILENO), any_error = false;
	const char *group = NULL;

	for (size_t i = 0; i < record_len(findings); i++) {
		const struct record *finding = record_at(findings, i);

		if (!group || !str_eq(group, driver_of(finding))) {
			group = driver_of(finding);
			add_heading(finding, out);
		}
		if (findings_print_one(finding, colours, out) && is_used(finding))
			any_error = true;
	}
	return any_error;
}

/* To look must make nothing. */
static bool has_state(const struct cli *cli)
{
	cleanup_free char *path = str_fmt("%s/berth.db", cli->engine->config->root);

	return path && access(path, R_OK | W_OK) == 0;
}

int doctor_verb(struct cli *cli, const struct options *o)
{
	const char *format = options_str(o, "format");
	cleanup_record struct record *findings = NULL;
	cleanup_str struct str out = STR_INIT;
	struct berth_error err = {0};
	bool any_error;
	int status;
	int r = findings_check_format(format, &err);

	if (r == 0)
		r = cli_config(cli, &err);
	if (r == 0)
		r = doctor(cli->engine->drivers, &findings, &err);
	/* what runs is told where there is a state, and root may read it */
	if (r == 0 && has_state(cli) && cli_engine(cli, NULL) == 0)
		r = reach_findings(cli, findings, &err);
	if (r < 0)
		return cli_fail(cli, NULL, &err);
	any_error = print_groups(findings, &out);
	if (format)
		findings_json(findings, &out);
	status = cli_print(cli, &out);
	return status == STATUS_OK && any_error ? STATUS_FAILED : status;
}
