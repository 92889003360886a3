/* SPDX-License-Identifier: Apache-2.0 */
#include "ps.h"

#include <string.h>

#include "base/ident.h"
#include "body.h"
#include "cells.h"
#include "cli.h"
#include "filters.h"
#include "table.h"
#include "template_func.h"
#include "verb.h"

enum { COMMAND_MAX = 20, MOUNT_MAX = 15, SIZE_DIGITS = 3 };

/* clang-format off */
const struct option ps_options[] = {
	{"all", 'a', OPTION_BOOL, "Also those that do not run"},
	{"filter", 'f', OPTION_LIST, "Only those with: status=, name=, label=, …", "filter"},
	{"format", 0, OPTION_STRING, "'table', 'table TEMPLATE', 'json' or a Go template"},
	{"last", 'n', OPTION_INT, "The n that were created last, in any state"},
	{"latest", 'l', OPTION_BOOL, "The one that was created last, in any state"},
	{"no-trunc", 0, OPTION_BOOL, "Do not shorten anything"},
	{"quiet", 'q', OPTION_BOOL, "Only ids"},
	{"size", 's', OPTION_BOOL, "With sizes"},
	{0},
};

static const char table[] =
	"{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}";
static const char table_size[] =
	"{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}\t{{.Size}}";
static const char raw[] =
	"container_id: {{.ID}}\nimage: {{.Image}}\ncommand: {{.Command}}\ncreated_at: {{.CreatedAt}}\n"
	"state: {{.State}}\nstatus: {{.Status}}\nnames: {{.Names}}\nlabels: {{.Labels}}\nports: {{.Ports}}\n";
/* clang-format on */

/* ----------------------------------------------------------------------------------- columns */

static const char *text_of(const struct record *c, const char *key)
{
	return record_str_or(record_get(c, key), "");
}

static void add_command(const struct record *c, bool shorten, struct str *out)
{
	cleanup_str struct str text = STR_INIT;

	if (shorten)
		table_shorten(text_of(c, "Command"), COMMAND_MAX, &text);
	else
		str_add(&text, text_of(c, "Command"));
	template_quote(str_text(&text), text.len, out);
}

static void add_created_at(const struct record *c, bool shorten, struct str *out)
{
	cell_time(record_int_or(record_get(c, "Created"), 0), out);
}

static void add_id(const struct record *c, bool shorten, struct str *out)
{
	cell_id(text_of(c, "Id"), shorten, out);
}

static void add_image(const struct record *c, bool shorten, struct str *out)
{
	cleanup_str struct str id = STR_INIT;
	const char *image = text_of(c, "Image");
	const char *hex = str_after(image, "sha256:");

	cell_id(text_of(c, "ImageID"), true, &id);
	if (!image[0])
		str_add(out, "<no image>");
	else if (shorten && id.len > 0 && strncmp(hex ? hex : image, str_text(&id), id.len) == 0)
		str_add(out, str_text(&id));
	else if (shorten)
		str_add_n(out, image, strcspn(image, "@"));
	else
		str_add(out, image);
}

static void add_labels(const struct record *c, bool shorten, struct str *out)
{
	cell_labels(record_get(c, "Labels"), out);
}

static void add_local_volumes(const struct record *c, bool shorten, struct str *out)
{
	const struct record *mounts = record_get(c, "Mounts");
	int n = 0;

	for (size_t i = 0; i < record_len(mounts); i++)
		n += strcmp(text_of(record_at(mounts, i), "Driver"), "local") == 0;
	str_addf(out, "%d", n);
}

static void add_mounts(const struct record *c, bool shorten, struct str *out)
{
	const struct record *mounts = record_get(c, "Mounts");

	for (size_t i = 0; i < record_len(mounts); i++) {
		const char *name = text_of(record_at(mounts, i), "Name");

		if (!name[0])
			name = text_of(record_at(mounts, i), "Source");
		if (i)
			str_add_char(out, ',');
		if (shorten)
			table_shorten(name, MOUNT_MAX, out);
		else
			str_add(out, name);
	}
}

/* the container's own name; those by which others link to it have a second slash */
static void add_names(const struct record *c, bool shorten, struct str *out)
{
	const struct record *names = record_get(c, "Names");
	bool any = false;

	for (size_t i = 0; i < record_len(names); i++) {
		const char *name = record_str_or(record_at(names, i), "");

		name += *name == '/';
		if (shorten && strchr(name, '/'))
			continue;
		str_addf(out, "%s%s", any ? "," : "", name);
		any = true;
		if (shorten)
			break;
	}
}

static void add_networks(const struct record *c, bool shorten, struct str *out)
{
	cell_keys(record_path(c, "NetworkSettings.Networks"), out);
}

static void add_ports(const struct record *c, bool shorten, struct str *out)
{
	cell_ports(record_get(c, "Ports"), out);
}

static void add_running_for(const struct record *c, bool shorten, struct str *out)
{
	cell_since(record_int_or(record_get(c, "Created"), 0), out);
}

static void add_size(const struct record *c, bool shorten, struct str *out)
{
	uint64_t own = 0, whole = 0;
	char text[STR_SIZE_MAX];

	(void)record_uint(record_get(c, "SizeRw"), &own); /* absent is 0 */
	(void)record_uint(record_get(c, "SizeRootFs"), &whole);
	str_add(out, str_human_size(own, STR_SIZE_DECIMAL, SIZE_DIGITS, text));
	if (whole > 0)
		str_addf(out, " (virtual %s)",
			 str_human_size(whole, STR_SIZE_DECIMAL, SIZE_DIGITS, text));
}

static void add_state(const struct record *c, bool shorten, struct str *out)
{
	str_add(out, text_of(c, "State"));
}

static void add_status(const struct record *c, bool shorten, struct str *out)
{
	str_add(out, text_of(c, "Status"));
}

static const struct {
	const char *name;
	void (*add)(const struct record *c, bool shorten, struct str *out);
} cells[] = {
	{"Command", add_command},
	{"CreatedAt", add_created_at},
	{"ID", add_id},
	{"Image", add_image},
	{"Labels", add_labels},
	{"LocalVolumes", add_local_volumes},
	{"Mounts", add_mounts},
	{"Names", add_names},
	{"Networks", add_networks},
	{"Ports", add_ports},
	{"RunningFor", add_running_for},
	{"Size", add_size},
	{"State", add_state},
	{"Status", add_status},
};

/* in the order of the cells, which is that of the JSON */
static const struct listing_column columns[] = {
	{"Command", "COMMAND"}, {"CreatedAt", "CREATED AT"}, {"ID", "CONTAINER ID"},
	{"Image", "IMAGE"},	{"Labels", "LABELS"},	     {"LocalVolumes", "LOCAL VOLUMES"},
	{"Mounts", "MOUNTS"},	{"Names", "NAMES"},	     {"Networks", "NETWORKS"},
	{"Ports", "PORTS"},	{"RunningFor", "CREATED"},   {"Size", "SIZE"},
	{"State", "STATE"},	{"Status", "STATUS"},	     {NULL, NULL},
};

static bool label_method(const void *source, const char *name, const char *arg, struct str *ret)
{
	if (strcmp(name, "Label") != 0)
		return false;
	if (arg)
		str_add(ret, record_str_or(record_get(record_get(source, "Labels"), arg), ""));
	return true;
}

const struct listing_kind ps_listing = {
	.columns = columns,
	.table = table,
	.quiet = "{{.ID}}",
	.method = label_method,
};

static int add_row(struct listing *l, const struct record *c, bool shorten, struct berth_error *err)
{
	cleanup_record struct record *row = record_new_object();
	int r = row ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");

	for (size_t i = 0; r == 0 && i < sizeof(cells) / sizeof(cells[0]); i++) {
		cleanup_str struct str text = STR_INIT;

		if (!listing_wants(l, cells[i].name))
			continue;
		cells[i].add(c, shorten, &text);
		r = str_check(&text, err);
		if (r == 0)
			r = record_set_str(row, cells[i].name, str_text(&text), err);
	}
	return r < 0 ? r : listing_row(l, row, c, err);
}

int ps_print(struct listing *l, const struct record *containers, bool shorten, struct str *out,
	     struct berth_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < record_len(containers); i++)
		r = add_row(l, record_at(containers, i), shorten, err);
	return r < 0 ? r : listing_close(l, out, err);
}

/* -------------------------------------------------------------------------------------- verb */

static int open_listing(const struct options *o, struct listing *l, struct berth_error *err)
{
	const char *format = options_str(o, "format");
	bool quiet = options_bool(o, "quiet");
	bool is_table = !format || !format[0] || strcmp(format, "table") == 0;

	if (quiet && !is_table)
		cli_warn("Ignoring custom format, because both --format and --quiet are set.");
	if (quiet)
		format = NULL;
	else if (is_table && options_bool(o, "size"))
		return listing_open_table(l, &ps_listing, table_size, err);
	else if (format && strcmp(format, "raw") == 0)
		format = raw;
	return listing_open(l, &ps_listing, format, quiet, err);
}

static int list(struct cli *cli, const struct options *o, struct listing *l, struct str *out,
		struct berth_error *err)
{
	int64_t last = options_int(o, "last", 0);
	uint32_t limit = last > 0 && last < UINT32_MAX ? (uint32_t)last : 0;
	bool size = options_bool(o, "size") || listing_wants_only(l, "Size");
	cleanup_record struct record *filters = NULL;
	cleanup_record struct record *containers = NULL;
	int r = filters_parse(o, &filters, err);

	if (options_bool(o, "latest") && !limit)
		limit = 1;
	if (r == 0)
		r = cli_engine(cli, err);
	if (r == 0)
		r = container_list(&cli->engine->host, options_bool(o, "all") || limit > 0, limit,
				   size, filters, &containers, err);
	if (r < 0)
		return r;
	return ps_print(l, containers, !options_bool(o, "no-trunc"), out, err);
}

int ps_verb(struct cli *cli, const struct options *o)
{
	cleanup_listing struct listing l = {0};
	cleanup_str struct str out = STR_INIT;
	struct berth_error err;
	int r = open_listing(o, &l, &err);

	if (r == 0)
		r = list(cli, o, &l, &out, &err);
	return r < 0 ? cli_fail(cli, NULL, &err) : cli_print(cli, &out);
}
