/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli.h"
#include "listing.h"
#include "verb.h"

/* clang-format off */
const struct option driver_inspect_options[] = {
	{"format", 'f', OPTION_STRING, "'json' or a Go template"},
	{"kind", 0, OPTION_STRING, "Only a driver of: storage, network, isolation, registry", "kind"},
	{"run", 0, OPTION_BOOL, "Load it as well, and tell what it says itself"},
	{0},
};

/* ----------------------------------------------------------------------------------- listing */

static const struct listing_column columns[] = {
	{"ABI", "ABI"},
	{"File", "FILE"},
	{"Kind", "KIND"},
	{"Name", "NAME"},
	{"State", "STATE"},
	{"Version", "VERSION"},
	{NULL, NULL},
};

static const struct listing_kind driver_listing = {
	.columns = columns,
	.table = "{{.Kind}}\t{{.Name}}\t{{.Version}}\t{{.ABI}}\t{{.File}}\t{{.State}}",
	.quiet = "{{.Name}}",
};
/* clang-format on */

struct lister {
	struct listing *listing;
	struct drivers *drivers;
	struct berth_error *err;
};

static const char *state_text(const struct lister *ls, const struct driver_file *file,
			      const char *const defaults[])
{
	if (file->refused.code)
		return file->refused.text;
	if (file->kind <= BERTH_REGISTRY && str_eq(defaults[file->kind], file->name))
		return "default";
	return "";
}

static int add_file(void *arg, const struct driver_file *file)
{
	struct lister *ls = arg;
	const char *defaults[BERTH_REGISTRY + 1] = {NULL};
	cleanup_record struct record *row = record_new_object();
	int r = row ? 0 : berth_fail(ls->err, BERTH_E_NO_MEMORY, "out of memory");

	for (uint32_t kind = BERTH_NETWORK; kind <= BERTH_ISOLATION; kind++)
		(void)drivers_default(ls->drivers, kind, &defaults[kind], NULL); /* then none is */
	if (r == 0)
		r = record_set_int(row, "ABI", file->abi, ls->err);
	if (r == 0)
		r = record_set_str(row, "File", file->path, ls->err);
	if (r == 0)
		r = record_set_str(row, "Kind", driver_kind_name(file->kind), ls->err);
	if (r == 0)
		r = record_set_str(row, "Name", file->name, ls->err);
	if (r == 0)
		r = record_set_str(row, "State", state_text(ls, file, defaults), ls->err);
	if (r == 0)
		r = record_set_str(row, "Version", file->version, ls->err);
	return r < 0 ? r : listing_row(ls->listing, row, NULL, ls->err);
}

int driver_list_verb(struct cli *cli, const struct options *o)
{
	cleanup_listing struct listing l = {0};
	cleanup_str struct str out = STR_INIT;
	struct berth_error err = {0};
	struct lister ls = {.listing = &l, .err = &err};
	int r = listing_open(&l, &driver_listing, options_str(o, "format"), false, &err);

	if (r == 0)
		r = cli_config(cli, &err);
	if (r == 0) {
		ls.drivers = cli->engine->drivers;
		r = drivers_each_file(ls.drivers, add_file, &ls, &err);
	}
	if (r == 0)
		r = listing_close(&l, &out, &err);
	return r < 0 ? cli_fail(cli, NULL, &err) : cli_print(cli, &out);
}

/* ----------------------------------------------------------------------------------- inspect */

static int inspect(struct cli *cli, const struct options *o, const char *name,
		   struct template *format, struct record *all, struct str *out,
		   struct berth_error *err)
{
	const char *word = options_str(o, "kind");
	uint32_t kind = word ? driver_kind_parse(word) : 0;
	cleanup_record struct record *driver = NULL;
	int r;

	if (word && !kind)
		return berth_fail(
			err, BERTH_E_INVALID,
			"'%s' is no kind of drivers: storage, network, isolation, registry", word);
	r = drivers_inspect(cli->engine->drivers, kind, name, options_bool(o, "run"), &driver, err);
	if (r < 0)
		return r;
	if (!format)
		return record_append(all, steal_ptr(driver), err);
	r = template_exec(format, driver, NULL, out, err);
	str_add_char(out, '\n');
	return r;
}

int driver_inspect_verb(struct cli *cli, const struct options *o)
{
	cleanup_record struct record *all = record_new_array();
	cleanup_template struct template *format = NULL;
	cleanup_str struct str out = STR_INIT;
	int status = STATUS_OK, printed;
	struct berth_error err = {0};
	int r = all ? 0 : berth_fail(&err, BERTH_E_NO_MEMORY, "out of memory");

	if (r == 0)
		r = listing_template(options_str(o, "format"), &format, &err);
	if (r == 0)
		r = cli_config(cli, &err);
	if (r < 0)
		return cli_fail(cli, NULL, &err);
	for (size_t i = 0; i < o->n_args; i++)
		if (inspect(cli, o, o->args[i], format, all, &out, &err) < 0)
			status = cli_fail(cli, o->args[i], &err);
	if (!format) {
		record_print(all, RECORD_PRETTY, &out);
		str_add_char(&out, '\n');
	}
	printed = cli_print(cli, &out);
	return status != STATUS_OK ? status : printed;
}
