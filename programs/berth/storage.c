/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "cli.h"
#include "core/engine/migrate.h"
#include "listing.h"
#include "table.h"
#include "verb.h"

enum { SIZE_DIGITS = 4, BAR_WIDTH = 24 };

/* clang-format off */
const struct option storage_list_options[] = {
	{"format", 0, OPTION_STRING, "'table', 'table TEMPLATE', 'json' or a Go template"},
	{"verbose", 'v', OPTION_BOOL, "Each layer and container, and who uses it"},
	{0},
};
const struct option storage_migrate_options[] = {
	{"all", 0, OPTION_BOOL, "All images and containers (the default)"},
	{"containers", 0, OPTION_BOOL, "Only containers, with what they stand on: all or NAMEs"},
	{"dry-run", 0, OPTION_BOOL, "Say what would be done, how much, and what cannot go"},
	{"images", 0, OPTION_BOOL, "Only images: all or NAMEs"},
	{"keep-old", 0, OPTION_BOOL, "Remove nothing from the old drivers"},
	{"to", 0, OPTION_STRING, "Storage driver (default: the config's)", "driver"},
	{"when-stopped", 0, OPTION_BOOL, "Containers that run now follow when they stop"},
	{0},
};

static const struct listing_column columns[] = {
	{"Containers", "CONTAINERS"}, {"ContainersSize", "SIZE"}, {"Default", "DEFAULT"}, {"Error", "ERROR"},
	{"Images", "IMAGES"}, {"Layers", "LAYERS"}, {"LayersSize", "SIZE"}, {"Name", "DRIVER"}, {NULL, NULL},
};
/* clang-format on */

static const struct listing_kind storage_listing = {
	.columns = columns,
	.table = "{{.Name}}\t{{.Default}}\t{{.Images}}\t{{.Layers}}\t{{.LayersSize}}\t"
		 "{{.Containers}}\t{{.ContainersSize}}",
	.quiet = "{{.Name}}",
};

static const char *human(uint64_t bytes, char out[static STR_SIZE_MAX])
{
	return str_human_size(bytes, STR_SIZE_DECIMAL, SIZE_DIGITS, out);
}

/* --- ls ------------------------------------------------------------------- */

static void cell_text(const struct record *d, const char *name, struct str *out)
{
	const struct record *value = record_get(d, name);
	char text[STR_SIZE_MAX];

	if (str_eq(name, "Default"))
		str_add(out, record_bool_or(value, false) ? "*" : "");
	else if (str_has_suffix(name, "Size"))
		str_add(out, human((uint64_t)record_int_or(value, 0), text));
	else if (record_str(value))
		str_add(out, record_str(value));
	else if (value)
		str_addf(out, "%lld", (long long)record_int_or(value, 0));
}

static int add_row(struct listing *l, const struct record *d, struct berth_error *err)
{
	cleanup_record struct record *cells = record_new_object();
	int r = cells ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");

	for (const struct listing_column *c = columns; r == 0 && c->name; c++) {
		cleanup_str struct str text = STR_INIT;

		cell_text(d, c->name, &text);
		r = str_check(&text, err);
		if (r == 0)
			r = record_set_str(cells, c->name, str_text(&text), err);
	}
	return r < 0 ? r : listing_row(l, cells, NULL, err);
}

static void add_users(const struct record *drivers, struct str *out)
{
	cleanup_str struct str rows = STR_INIT;
	char text[STR_SIZE_MAX];

	str_add(&rows, "DRIVER\tKIND\tID\tSIZE\tUSED BY\n");
	for (size_t i = 0; i < record_len(drivers); i++) {
		const struct record *d = record_at(drivers, i);
		const struct record *users = record_get(d, "Users");

		for (size_t k = 0; k < record_len(users); k++) {
			const struct record *u = record_at(users, k);

			str_addf(&rows, "%s\t%s\t%.19s\t%s\t%s\n",
				 record_str_or(record_get(d, "Name"), ""),
				 record_str_or(record_get(u, "Kind"), ""),
				 record_str_or(record_get(u, "Id"), ""),
				 human((uint64_t)record_int_or(record_get(u, "Size"), 0), text),
				 record_str_or(record_get(u, "Name"), ""));
		}
	}
	str_add_char(out, '\n');
	table_layout(str_text(&rows), out);
}

int storage_list_verb(struct cli *cli, const struct options *o)
{
	cleanup_record struct record *drivers = NULL;
	cleanup_listing struct listing l = {0};
	cleanup_str struct str out = STR_INIT;
	bool verbose = options_bool(o, "verbose");
	struct berth_error err = {0};
	int r = listing_open(&l, &storage_listing, options_str(o, "format"), false, &err);

	if (r == 0)
		r = cli_engine(cli, &err);
	if (r == 0)
		r = engine_storage_list(cli->engine, verbose, &drivers, &err);
	for (size_t i = 0; i < record_len(drivers) && r == 0; i++)
		r = add_row(&l, record_at(drivers, i), &err);
	if (r == 0)
		r = listing_close(&l, &out, &err);
	if (r < 0)
		return cli_fail(cli, NULL, &err);
	if (verbose)
		add_users(drivers, &out);
	return cli_print(cli, &out);
}

/* --- migrate -------------------------------------------------------------- */

/* What is on the screen. */
struct screen {
	bool is_terminal;
	char now[96]; /* what is being worked on */
	size_t number, total;
	uint64_t bytes; /* dry run: sum */
	bool quiet;
};

static void clear_bar(const struct screen *s)
{
	if (s->is_terminal)
		(void)fputs("\r\033[K", stderr);
}

static void draw_bar(void *arg, uint64_t done, uint64_t total, const char *unit)
{
	const struct screen *s = arg;
	char bar[BAR_WIDTH + 1];
	unsigned filled;

	(void)unit;
	if (!s->is_terminal || !*s->now || s->total == 0)
		return;
	filled = total ? (unsigned)(done >= total ? BAR_WIDTH : done * BAR_WIDTH / total) : 0;
	for (unsigned i = 0; i < BAR_WIDTH; i++)
		bar[i] = i < filled ? '#' : '.';
	bar[BAR_WIDTH] = '\0';
	(void)fprintf(stderr, "\r\033[K[%s] %zu/%zu %s", bar, s->number, s->total, s->now);
	(void)fflush(stderr);
}

static const char *state_text(enum migrate_state state)
{
	static const char *const text[] = {
		[MIGRATE_DONE] = "moved",
		[MIGRATE_ALREADY] = "is there already",
		[MIGRATE_WOULD] = "would move",
		[MIGRATE_RUNS] = "runs: left where it is",
		[MIGRATE_WAITS] = "runs: follows when it stops",
		[MIGRATE_FAILED] = "failed",
		[MIGRATE_CANNOT] = "cannot go",
	};

	return text[state];
}

static void on_step(void *arg, const struct migrate_step *step)
{
	struct screen *s = arg;
	char size[STR_SIZE_MAX];

	s->number = step->number;
	s->total = step->total;
	(void)snprintf(s->now, sizeof(s->now), "%s %s", step->kind, step->name);
	if (step->state == MIGRATE_BEGINS) {
		draw_bar(s, 0, 1, "");
		return;
	}
	clear_bar(s);
	if (step->state == MIGRATE_WOULD)
		s->bytes += step->bytes;
	(void)printf("%s %s: %s", step->kind, step->name, state_text(step->state));
	if (step->bytes > 0 && (step->state == MIGRATE_DONE || step->state == MIGRATE_WOULD))
		(void)printf(" (%s)", human(step->bytes, size));
	if (step->state == MIGRATE_FAILED || step->state == MIGRATE_CANNOT)
		(void)printf(": %s", step->error->text);
	(void)putchar('\n');
	(void)fflush(stdout);
	s->now[0] = '\0';
}

static int check_words(const struct options *o, struct berth_error *err)
{
	bool images = options_bool(o, "images"), containers = options_bool(o, "containers");

	if (images + containers + options_bool(o, "all") > 1)
		return berth_fail(err, BERTH_E_INVALID,
				  "--all, --images and --containers exclude each other");
	if (o->n_args > 0 && !images && !containers)
		return berth_fail(err, BERTH_E_INVALID,
				  "names need --images or --containers before them");
	return 0;
}

int storage_migrate_verb(struct cli *cli, const struct options *o)
{
	struct screen s = {.is_terminal = isatty(STDERR_FILENO) && cli_has_colours(STDERR_FILENO)};
	bool images = options_bool(o, "images"), containers = options_bool(o, "containers");
	const struct migrate how = {
		.to = options_str(o, "to"),
		.images = images || !containers,
		.containers = containers || !images,
		.names = o->args,
		.keep_old = options_bool(o, "keep-old"),
		.when_stopped = options_bool(o, "when-stopped"),
		.dry_run = options_bool(o, "dry-run"),
	};
	struct berth_error err = {0};
	char size[STR_SIZE_MAX];
	size_t failed = 0;
	int r = check_words(o, &err);

	if (r == 0)
		r = cli_engine_cancellable(cli, &err);
	if (r == 0) {
		op_watch(cli->engine->op, draw_bar, &s);
		r = engine_migrate(cli->engine, &how, on_step, &s, &failed, &err);
		op_watch(cli->engine->op, NULL, NULL);
	}
	clear_bar(&s);
	if (r < 0)
		return cli_fail(cli, how.to, &err);
	if (how.dry_run)
		(void)printf("%s would be written\n", human(s.bytes, size));
	return failed ? STATUS_FAILED : STATUS_OK;
}
