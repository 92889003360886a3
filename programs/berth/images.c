/* SPDX-License-Identifier: Apache-2.0 */
#include "images.h"

#include <string.h>

#include "cells.h"
#include "cli.h"
#include "filters.h"
#include "verb.h"

enum { SIZE_DIGITS = 3, OLD_SIZE_DIGITS = 4 };

#define NONE "<none>"

/* clang-format off */
const struct option images_options[] = {
	{"all", 'a', OPTION_BOOL, "Also images between others"},
	{"digests", 0, OPTION_BOOL, "With digests"},
	{"filter", 'f', OPTION_LIST, "Only those with: reference=, label=, dangling=, …", "filter"},
	{"format", 0, OPTION_STRING, "'table', 'table TEMPLATE', 'json' or a Go template"},
	{"no-trunc", 0, OPTION_BOOL, "Do not shorten anything"},
	{"quiet", 'q', OPTION_BOOL, "Only ids"},
	{0},
};

static const char table[] = "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}";
static const char table_digests[] =
	"{{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}";
static const char raw[] =
	"repository: {{.Repository}}\ntag: {{.Tag}}\nimage_id: {{.ID}}\ncreated_at: {{.CreatedAt}}\n"
	"virtual_size: {{.Size}}\n";
/* clang-format on */

static const struct listing_column columns[] = {
	{"Containers", "CONTAINERS"},
	{"CreatedAt", "CREATED AT"},
	{"CreatedSince", "CREATED"},
	{"Digest", "DIGEST"},
	{"ID", "IMAGE ID"},
	{"Repository", "REPOSITORY"},
	{"SharedSize", "SHARED SIZE"},
	{"Size", "SIZE"},
	{"Tag", "TAG"},
	{"UniqueSize", "UNIQUE SIZE"},
	{"VirtualSize", "SIZE"},
	{NULL, NULL},
};

const struct listing_kind images_listing = {
	.columns = columns,
	.table = table,
	.quiet = "{{.ID}}",
};

/* -------------------------------------------------------------------------------------- rows */

struct row {
	struct listing *listing;
	const struct record *image;
	bool shorten;
	const char *repository, *tag, *digest;
};

static void size_text(const struct row *row, const char *name, struct str *out)
{
	int64_t size = record_int_or(record_get(row->image, "Size"), 0);
	int64_t shared = record_int_or(record_get(row->image, "SharedSize"), -1);
	bool is_old = strcmp(name, "Size") != 0; /* docker rounds the others differently */
	char text[STR_SIZE_MAX];

	if (strcmp(name, "SharedSize") == 0)
		size = shared;
	if (strcmp(name, "UniqueSize") == 0)
		size = shared < 0 ? -1 : size - shared;
	if (size < 0)
		str_add(out, "N/A");
	else
		str_add(out, str_human_size((uint64_t)size, STR_SIZE_DECIMAL,
					    is_old ? OLD_SIZE_DIGITS : SIZE_DIGITS, text));
}

static void cell_text(const struct row *row, const char *name, struct str *out)
{
	int64_t created = record_int_or(record_get(row->image, "Created"), 0);
	int64_t containers = record_int_or(record_get(row->image, "Containers"), -1);

	if (strcmp(name, "Containers") == 0 && containers >= 0)
		str_addf(out, "%lld", (long long)containers);
	else if (strcmp(name, "Containers") == 0)
		str_add(out, "N/A");
	else if (strcmp(name, "CreatedAt") == 0)
		cell_time(created, out);
	else if (strcmp(name, "CreatedSince") == 0)
		cell_since(created, out);
	else if (strcmp(name, "Digest") == 0)
		str_add(out, row->digest);
	else if (strcmp(name, "ID") == 0)
		cell_id(record_str_or(record_get(row->image, "Id"), ""), row->shorten, out);
	else if (strcmp(name, "Repository") == 0)
		str_add(out, row->repository);
	else if (strcmp(name, "Tag") == 0)
		str_add(out, row->tag);
	else
		size_text(row, name, out);
}

static int add_row(const struct row *row, struct berth_error *err)
{
	cleanup_record struct record *cells = record_new_object();
	int r = cells ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");

	for (const struct listing_column *c = columns; r == 0 && c->name; c++) {
		cleanup_str struct str text = STR_INIT;

		if (!listing_wants(row->listing, c->name))
			continue;
		cell_text(row, c->name, &text);
		r = str_check(&text, err);
		if (r == 0)
			r = record_set_str(cells, c->name, str_text(&text), err);
	}
	return r < 0 ? r : listing_row(row->listing, cells, NULL, err);
}

/* ------------------------------------------------------------------------------------- names */

/* "name:tag" or "name@digest": the length of the name; the sign before the rest is at that place */
static size_t name_len(const char *reference)
{
	const char *at = strchr(reference, '@');
	const char *colon = strrchr(reference, ':');

	if (at)
		return (size_t)(at - reference);
	return colon && !strchr(colon, '/') ? (size_t)(colon - reference) : strlen(reference);
}

static bool same_name(const char *a, const char *b)
{
	size_t n = name_len(a);

	return n == name_len(b) && memcmp(a, b, n) == 0;
}

static bool has_name(const struct record *references, const char *reference)
{
	for (size_t i = 0; i < record_len(references); i++)
		if (same_name(record_str_or(record_at(references, i), ""), reference))
			return true;
	return false;
}

static bool is_first(const struct record *references, size_t i)
{
	const char *reference = record_str_or(record_at(references, i), "");

	for (size_t j = 0; j < i; j++)
		if (same_name(record_str_or(record_at(references, j), ""), reference))
			return false;
	return true;
}

static int add_named(struct row *row, const char *reference, const char *tag, const char *digest,
		     struct berth_error *err)
{
	cleanup_free char *name = strndup(reference, name_len(reference));

	if (!name)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	row->repository = name;
	row->tag = tag;
	row->digest = digest;
	return add_row(row, err);
}

/* a row for @reference; with digests, one for each digest of its name */
static int add_tagged(struct row *row, const char *reference, bool digests, struct berth_error *err)
{
	const struct record *all = record_get(row->image, "RepoDigests");
	const char *tag = reference + name_len(reference);
	bool any = false;
	int r = 0;

	tag += *tag == ':';
	for (size_t i = 0; r == 0 && digests && i < record_len(all); i++) {
		const char *digest = record_str_or(record_at(all, i), "");

		if (!same_name(digest, reference))
			continue;
		any = true;
		r = add_named(row, reference, tag, digest + name_len(digest) + 1, err);
	}
	return r < 0 || any ? r : add_named(row, reference, tag, NONE, err);
}

static int add_image(struct row *row, bool digests, struct berth_error *err)
{
	const struct record *tags = record_get(row->image, "RepoTags");
	const struct record *all = record_get(row->image, "RepoDigests");
	bool any = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < record_len(tags); i++) {
		any = true;
		r = add_tagged(row, record_str_or(record_at(tags, i), ""), digests, err);
	}
	for (size_t i = 0; r == 0 && i < record_len(all); i++) {
		const char *reference = record_str_or(record_at(all, i), "");

		if (!strchr(reference, '@') || has_name(tags, reference) ||
		    (!digests && !is_first(all, i)))
			continue;
		any = true;
		r = add_named(row, reference, NONE,
			      digests ? reference + name_len(reference) + 1 : "", err);
	}
	return r < 0 || any ? r : add_named(row, NONE, NONE, NONE, err);
}

int images_print(struct listing *l, const struct record *images, unsigned flags, struct str *out,
		 struct berth_error *err)
{
	bool digests = flags & IMAGES_DIGESTS || listing_wants_only(l, "Digest");
	int r = 0;

	for (size_t i = 0; r == 0 && i < record_len(images); i++) {
		struct row row = {
			.listing = l,
			.image = record_at(images, i),
			.shorten = flags & IMAGES_SHORTEN,
		};

		r = add_image(&row, digests, err);
	}
	return r < 0 ? r : listing_close(l, out, err);
}

/* -------------------------------------------------------------------------------------- verb */

static int open_listing(const struct options *o, struct listing *l, struct berth_error *err)
{
	const char *format = options_str(o, "format");
	bool quiet = options_bool(o, "quiet");
	bool is_table = !format || !format[0] || strcmp(format, "table") == 0;

	if (is_table && !quiet && options_bool(o, "digests"))
		return listing_open_table(l, &images_listing, table_digests, err);
	if (format && strcmp(format, "raw") == 0)
		format = raw;
	return listing_open(l, &images_listing, format, quiet, err);
}

static int list(struct cli *cli, const struct options *o, struct listing *l, struct str *out,
		struct berth_error *err)
{
	unsigned flags = (options_bool(o, "no-trunc") ? 0 : IMAGES_SHORTEN) |
			 (options_bool(o, "digests") ? IMAGES_DIGESTS : 0);
	cleanup_record struct record *filters = NULL;
	cleanup_record struct record *images = NULL;
	int r = filters_parse(o, &filters, err);

	if (r == 0 && o->n_args > 0 && !record_get(filters, "reference"))
		r = record_set(filters, "reference", record_new_array(), err);
	if (r == 0 && o->n_args > 0)
		r = record_append_str(record_get(filters, "reference"), o->args[0], err);
	if (r == 0)
		r = cli_engine(cli, err);
	if (r == 0)
		r = image_list(cli->engine->store, filters, options_bool(o, "all"), &images, err);
	return r < 0 ? r : images_print(l, images, flags, out, err);
}

int images_verb(struct cli *cli, const struct options *o)
{
	cleanup_listing struct listing l = {0};
	cleanup_str struct str out = STR_INIT;
	struct berth_error err;
	int r = open_listing(o, &l, &err);

	if (r == 0)
		r = list(cli, o, &l, &out, &err);
	return r < 0 ? cli_fail(cli, NULL, &err) : cli_print(cli, &out);
}
