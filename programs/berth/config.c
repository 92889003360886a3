/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli.h"
#include "listing.h"
#include "programs/defaults.h"
#include "verb.h"

/* clang-format off */
const struct option config_options[] = {
	{"format", 'f', OPTION_STRING, "'json' or a Go template"},
	{0},
};
/* clang-format on */

/* "FILE:12: storage.driver: text (hint: …)" */
static void print_mistakes(const struct record *mistakes, struct str *out)
{
	for (size_t i = 0; i < record_len(mistakes); i++) {
		const struct record *m = record_at(mistakes, i);
		const char *file = record_str_or(record_get(m, "File"), "");
		const char *key = record_str_or(record_get(m, "Key"), "");
		const char *hint = record_str_or(record_get(m, "Hint"), "");
		int64_t line = record_int_or(record_get(m, "Line"), 0);

		if (file[0])
			str_addf(out, "%s:", file);
		if (file[0] && line > 0)
			str_addf(out, "%lld:", (long long)line);
		str_addf(out, "%s%s%s%s", file[0] ? " " : "", key, key[0] ? ": " : "",
			 record_str_or(record_get(m, "Text"), ""));
		if (hint[0])
			str_addf(out, " (hint: %s)", hint);
		str_add_char(out, '\n');
	}
}

/* the file first; then, if it can be read at all, what the drivers think of their options */
static int gather(struct cli *cli, struct record **ret, struct berth_error *err)
{
	cleanup_record struct record *mistakes = NULL;
	int r = config_check(cli->config_file, berth_defaults, &mistakes, err);

	if (r == 0 && record_len(mistakes) == 0) {
		record_free(steal_ptr(mistakes));
		r = cli_config(cli, err);
		if (r == 0)
			r = drivers_check(cli->engine->drivers, &mistakes, err);
	}
	if (r < 0)
		return r;
	*ret = steal_ptr(mistakes);
	return 0;
}

int config_check_verb(struct cli *cli, const struct options *o)
{
	cleanup_record struct record *mistakes = NULL;
	cleanup_str struct str out = STR_INIT;
	struct berth_error err;
	int status;

	if (o->n_args > 0)
		cli->config_file = o->args[0];
	if (gather(cli, &mistakes, &err) < 0)
		return cli_fail(cli, cli->config_file, &err);
	print_mistakes(mistakes, &out);
	if (record_len(mistakes) == 0)
		str_addf(&out, "%s: ok\n",
			 cli->engine->config->file ? cli->engine->config->file : "defaults");
	status = cli_print(cli, &out);
	return status == STATUS_OK && record_len(mistakes) > 0 ? STATUS_FAILED : status;
}

int config_show_verb(struct cli *cli, const struct options *o)
{
	cleanup_record struct record *config = NULL;
	cleanup_template struct template *t = NULL;
	cleanup_str struct str out = STR_INIT;
	struct berth_error err;
	int r = listing_template(options_str(o, "format"), &t, &err);

	if (r == 0)
		r = cli_config(cli, &err);
	if (r == 0)
		r = drivers_config_show(cli->engine->drivers, &config, &err);
	if (r == 0 && t)
		r = template_exec(t, config, NULL, &out, &err);
	if (r < 0)
		return cli_fail(cli, NULL, &err);
	if (!t)
		record_print(config, RECORD_PRETTY, &out);
	str_add_char(&out, '\n');
	return cli_print(cli, &out);
}
