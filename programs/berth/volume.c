/* SPDX-License-Identifier: Apache-2.0 */
#include "core/volume/volume.h"

#include <string.h>

#include "cells.h"
#include "cli.h"
#include "filters.h"
#include "listing.h"
#include "verb.h"

/* clang-format off */
const struct option volume_create_options[] = {
	{"driver", 'd', OPTION_STRING, "Who keeps it (default: local)"},
	{"label", 0, OPTION_LIST, "Say something about it", "key=value"},
	{"opt", 'o', OPTION_LIST, "Option of the driver", "key=value"},
	{0},
};
const struct option volume_list_options[] = {
	{"filter", 'f', OPTION_LIST, "Only those with: name=, label=, dangling=, driver=", "filter"},
	{"format", 0, OPTION_STRING, "'table', 'table TEMPLATE', 'json' or a Go template"},
	{"quiet", 'q', OPTION_BOOL, "Only names"},
	{0},
};
const struct option volume_rm_options[] = {
	{"force", 'f', OPTION_BOOL, "None of that name is no mistake"},
	{0},
};

static const struct listing_column columns[] = {
	{"Availability", "AVAILABILITY"}, {"Driver", "DRIVER"}, {"Group", "GROUP"}, {"Labels", "LABELS"},
	{"Links", "LINKS"}, {"Mountpoint", "MOUNTPOINT"}, {"Name", "VOLUME NAME"}, {"Scope", "SCOPE"},
	{"Size", "SIZE"}, {"Status", "STATUS"}, {NULL, NULL},
};
/* clang-format on */

static const struct listing_kind volumes_listing = {
	.columns = columns,
	.table = "{{.Driver}}\t{{.Name}}",
	.quiet = "{{.Name}}",
};

/* --- create, rm ----------------------------------------------------------- */

static int labels_of(const struct options *o, struct record **ret, struct berth_error *err)
{
	cleanup_record struct record *labels = record_new_object();
	const char *text;
	int r = labels ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");

	for (size_t at = 0; r == 0 && (text = options_next(o, "label", &at));) {
		size_t n = strcspn(text, "=");
		cleanup_free char *key = strndup(text, n);

		if (!key)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		r = record_set_str(labels, key, text[n] ? text + n + 1 : "", err);
	}
	if (r == 0)
		*ret = steal_ptr(labels);
	return r;
}

static int check_driver(const struct options *o, struct berth_error *err)
{
	const char *driver = options_str(o, "driver");
	size_t at = 0;

	if (driver && *driver && !str_eq(driver, "local"))
		return berth_fail(err, BERTH_E_NOT_FOUND,
				  "volume driver '%s' not found (only 'local')", driver);
	if (options_next(o, "opt", &at))
		return berth_fail(err, BERTH_E_UNSUPPORTED,
				  "options of the driver 'local' are not supported yet");
	return 0;
}

int volume_create_verb(struct cli *cli, const struct options *o)
{
	cleanup_record struct record *labels = NULL, *made = NULL;
	cleanup_str struct str out = STR_INIT;
	struct berth_error err = {0};
	int r = check_driver(o, &err);

	if (r == 0)
		r = labels_of(o, &labels, &err);
	if (r == 0)
		r = cli_engine(cli, &err);
	if (r == 0)
		r = volume_create(cli->engine->store, o->args[0], labels, &made, &err);
	if (r < 0)
		return cli_fail(cli, o->args[0], &err);
	str_addf(&out, "%s\n", record_str_or(record_get(made, "Name"), ""));
	return cli_print(cli, &out);
}

static int remove_one(struct cli *cli, const struct options *o, const char *name,
		      struct berth_error *err)
{
	int r = volume_remove(cli->engine->store, name, err);

	return r == -BERTH_E_NOT_FOUND && options_bool(o, "force") ? 0 : r;
}

int volume_rm_verb(struct cli *cli, const struct options *o)
{
	return cli_each(cli, o, true, remove_one);
}

/* --- ls ------------------------------------------------------------------- */

static void cell_text(const struct record *v, const char *name, struct str *out)
{
	if (str_eq(name, "Labels"))
		cell_labels(record_get(v, "Labels"), out);
	else if (str_eq(name, "Size") || str_eq(name, "Links") || str_eq(name, "Group") ||
		 str_eq(name, "Availability") || str_eq(name, "Status"))
		str_add(out, "N/A");
	else
		str_add(out, record_str_or(record_get(v, name), ""));
}

static int add_row(struct listing *l, const struct record *v, struct berth_error *err)
{
	cleanup_record struct record *cells = record_new_object();
	int r = cells ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");

	for (const struct listing_column *c = columns; r == 0 && c->name; c++) {
		cleanup_str struct str text = STR_INIT;

		if (!listing_wants(l, c->name))
			continue;
		cell_text(v, c->name, &text);
		r = str_check(&text, err);
		if (r == 0)
			r = record_set_str(cells, c->name, str_text(&text), err);
	}
	return r < 0 ? r : listing_row(l, cells, NULL, err);
}

static int list(struct cli *cli, const struct options *o, struct listing *l, struct str *out,
		struct berth_error *err)
{
	cleanup_record struct record *filters = NULL, *volumes = NULL;
	int r = filters_parse(o, &filters, err);

	if (r == 0)
		r = cli_engine(cli, err);
	if (r == 0)
		r = volume_list(cli->engine->store, filters, false, &volumes, err);
	for (size_t i = 0; r == 0 && i < record_len(volumes); i++)
		r = add_row(l, record_at(volumes, i), err);
	return r < 0 ? r : listing_close(l, out, err);
}

int volume_list_verb(struct cli *cli, const struct options *o)
{
	cleanup_listing struct listing l = {0};
	cleanup_str struct str out = STR_INIT;
	struct berth_error err = {0};
	int r = listing_open(&l, &volumes_listing, options_str(o, "format"),
			     options_bool(o, "quiet"), &err);

	if (r == 0)
		r = list(cli, o, &l, &out, &err);
	return r < 0 ? cli_fail(cli, NULL, &err) : cli_print(cli, &out);
}
