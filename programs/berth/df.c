/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "cells.h"
#include "cli.h"
#include "core/engine/usage.h"
#include "images.h"
#include "listing.h"
#include "ps.h"
#include "table.h"
#include "verb.h"

enum { SIZE_DIGITS = 4 };

/* clang-format off */
const struct option df_options[] = {
	{"format", 0, OPTION_STRING, "'table', 'table TEMPLATE', 'json' or a Go template"},
	{"verbose", 'v', OPTION_BOOL, "Each image, container and volume"},
	{0},
};

static const struct listing_column columns[] = {
	{"Active", "ACTIVE"}, {"Reclaimable", "RECLAIMABLE"}, {"Size", "SIZE"},
	{"TotalCount", "TOTAL"}, {"Type", "TYPE"}, {NULL, NULL},
};
/* clang-format on */

static const struct listing_kind df_listing = {
	.columns = columns,
	.table = "{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}",
	.quiet = "{{.Type}}",
};

static const char *human(int64_t bytes, char out[static STR_SIZE_MAX])
{
	return str_human_size(bytes > 0 ? (uint64_t)bytes : 0, STR_SIZE_DECIMAL, SIZE_DIGITS, out);
}

/* One kind of things. */
struct sum {
	const char *type;
	int64_t total, active, bytes, reclaimable;
	bool percent;
};

static struct sum sum_images(const struct record *usage)
{
	const struct record *images = record_get(usage, "Images");
	struct sum s = {
		.type = "Images",
		.total = (int64_t)record_len(images),
		.bytes = record_int_or(record_get(usage, "LayersSize"), 0),
		.percent = true,
	};

	s.reclaimable = s.bytes;
	for (size_t i = 0; i < record_len(images); i++) {
		const struct record *one = record_at(images, i);

		if (record_int_or(record_get(one, "Containers"), 0) == 0)
			continue;
		s.active++;
		s.reclaimable -= record_int_or(record_get(one, "Size"), 0) -
				 record_int_or(record_get(one, "SharedSize"), 0);
	}
	if (s.reclaimable < 0)
		s.reclaimable = 0;
	return s;
}

static struct sum sum_containers(const struct record *usage)
{
	const struct record *all = record_get(usage, "Containers");
	struct sum s = {.type = "Containers", .total = (int64_t)record_len(all), .percent = true};

	for (size_t i = 0; i < record_len(all); i++) {
		const struct record *one = record_at(all, i);
		const char *state = record_str_or(record_get(one, "State"), "");
		int64_t own = record_int_or(record_get(one, "SizeRw"), 0);

		s.bytes += own;
		if (str_eq(state, "running") || str_eq(state, "paused"))
			s.active++;
		else
			s.reclaimable += own;
	}
	return s;
}

static struct sum sum_volumes(const struct record *usage)
{
	const struct record *all = record_get(usage, "Volumes");
	struct sum s = {
		.type = "Local Volumes", .total = (int64_t)record_len(all), .percent = true};

	for (size_t i = 0; i < record_len(all); i++) {
		const struct record *use = record_get(record_at(all, i), "UsageData");
		int64_t size = record_int_or(record_get(use, "Size"), 0);

		s.bytes += size;
		if (record_int_or(record_get(use, "RefCount"), 0) > 0)
			s.active++;
		else
			s.reclaimable += size;
	}
	return s;
}

static int add_sum(struct listing *l, const struct sum *s, struct berth_error *err)
{
	cleanup_record struct record *row = record_new_object();
	cleanup_str struct str reclaimable = STR_INIT;
	char text[STR_SIZE_MAX], number[24];
	int r = record_set_str(row, "Type", s->type, err);

	str_add(&reclaimable, human(s->reclaimable, text));
	if (s->percent && s->bytes > 0)
		str_addf(&reclaimable, " (%lld%%)", (long long)(s->reclaimable * 100 / s->bytes));
	(void)snprintf(number, sizeof(number), "%lld", (long long)s->total);
	if (r == 0)
		r = record_set_str(row, "TotalCount", number, err);
	(void)snprintf(number, sizeof(number), "%lld", (long long)s->active);
	if (r == 0)
		r = record_set_str(row, "Active", number, err);
	if (r == 0)
		r = record_set_str(row, "Size", human(s->bytes, text), err);
	if (r == 0)
		r = record_set_str(row, "Reclaimable", str_text(&reclaimable), err);
	return r < 0 ? r : listing_row(l, row, NULL, err);
}

static int print_sums(const struct options *o, const struct record *usage, struct str *out,
		      struct berth_error *err)
{
	const struct sum sums[] = {sum_images(usage),
				   sum_containers(usage),
				   sum_volumes(usage),
				   {.type = "Build Cache"}};
	cleanup_listing struct listing l = {0};
	int r = listing_open(&l, &df_listing, options_str(o, "format"), false, err);

	for (size_t i = 0; i < sizeof(sums) / sizeof(sums[0]) && r == 0; i++)
		r = add_sum(&l, &sums[i], err);
	return r < 0 ? r : listing_close(&l, out, err);
}

/* --- each of them --------------------------------------------------------- */

static int print_images(const struct record *usage, struct str *out, struct berth_error *err)
{
	static const char table[] =
		"{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.VirtualSize}}\t"
		"{{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}";
	cleanup_listing struct listing l = {0};
	int r = listing_open_table(&l, &images_listing, table, err);

	str_add(out, "Images space usage:\n\n");
	return r < 0 ? r : images_print(&l, record_get(usage, "Images"), IMAGES_SHORTEN, out, err);
}

static void print_containers(const struct record *usage, struct str *out)
{
	const struct record *all = record_get(usage, "Containers");
	cleanup_str struct str rows = STR_INIT;
	char text[STR_SIZE_MAX];

	str_add(&rows, "CONTAINER ID\tIMAGE\tCOMMAND\tSIZE\tSTATUS\tNAMES\n");
	for (size_t i = 0; i < record_len(all); i++) {
		const struct record *c = record_at(all, i);
		const char *name = record_str_or(record_at(record_get(c, "Names"), 0), "/");

		cell_id(record_str_or(record_get(c, "Id"), ""), true, &rows);
		str_addf(&rows, "\t%s\t\"", record_str_or(record_get(c, "Image"), ""));
		table_shorten(record_str_or(record_get(c, "Command"), ""), 20, &rows);
		str_addf(&rows, "\"\t%s\t%s\t%s\n",
			 human(record_int_or(record_get(c, "SizeRw"), 0), text),
			 record_str_or(record_get(c, "Status"), ""), name + 1);
	}
	str_add(out, "\nContainers space usage:\n\n");
	table_layout(str_text(&rows), out);
}

static void print_volumes(const struct record *usage, struct str *out)
{
	const struct record *all = record_get(usage, "Volumes");
	cleanup_str struct str rows = STR_INIT;
	char text[STR_SIZE_MAX];

	str_add(&rows, "VOLUME NAME\tLINKS\tSIZE\n");
	for (size_t i = 0; i < record_len(all); i++) {
		const struct record *v = record_at(all, i);
		const struct record *use = record_get(v, "UsageData");

		str_addf(&rows, "%s\t%lld\t%s\n", record_str_or(record_get(v, "Name"), ""),
			 (long long)record_int_or(record_get(use, "RefCount"), 0),
			 human(record_int_or(record_get(use, "Size"), 0), text));
	}
	str_add(out, "\nLocal Volumes space usage:\n\n");
	table_layout(str_text(&rows), out);
	str_add(out, "\nBuild cache usage: 0B\n");
}

static int print_each(const struct options *o, const struct record *usage, struct str *out,
		      struct berth_error *err)
{
	cleanup_template struct template *t = NULL;
	int r = listing_template(options_str(o, "format"), &t, err);

	if (r == 0 && t) {
		r = template_exec(t, usage, &(struct template_env){0}, out, err);
		str_add_char(out, '\n');
		return r;
	}
	if (r == 0)
		r = print_images(usage, out, err);
	print_containers(usage, out);
	print_volumes(usage, out);
	return r;
}

int df_verb(struct cli *cli, const struct options *o)
{
	cleanup_record struct record *usage = NULL;
	cleanup_str struct str out = STR_INIT;
	struct berth_error err = {0};
	int r = cli_engine(cli, &err);

	if (r == 0)
		r = engine_usage(cli->engine, &usage, &err);
	if (r == 0)
		r = options_bool(o, "verbose") ? print_each(o, usage, &out, &err)
					       : print_sums(o, usage, &out, &err);
	return r < 0 ? cli_fail(cli, NULL, &err) : cli_print(cli, &out);
}
