/* SPDX-License-Identifier: Apache-2.0 */
#include "prune.h"

#include <stdio.h>
#include <string.h>

#include "core/container/connect.h"
#include "core/volume/volume.h"
#include "filters.h"
#include "verb.h"

enum { SIZE_DIGITS = 4 };

/* clang-format off */
const struct option prune_options[] = {
	{"filter", 0, OPTION_LIST, "Only those with: until=, label=, label!=", "filter"},
	{"force", 'f', OPTION_BOOL, "Do not ask"},
	{0},
};
const struct option prune_all_options[] = {
	{"all", 'a', OPTION_BOOL, "All that are unused, not only those without a name"},
	{.type = OPTION_TABLE, .table = prune_options},
	{0},
};
const struct option system_prune_options[] = {
	{.type = OPTION_TABLE, .table = prune_all_options},
	{"volumes", 0, OPTION_BOOL, "Anonymous volumes too"},
	{0},
};
/* clang-format on */

bool prune_confirmed(const struct options *o, const char *warning)
{
	char answer[16];

	if (options_bool(o, "force"))
		return true;
	(void)printf("WARNING! %s\nAre you sure you want to continue? [y/N] ", warning);
	(void)fflush(stdout);
	if (!fgets(answer, sizeof(answer), stdin))
		return false;
	return answer[0] == 'y' || answer[0] == 'Y';
}

/* What was removed, kind after kind. */
struct pruned {
	struct record *containers, *networks, *images, *volumes;
	uint64_t bytes;
};

static void pruned_done(struct pruned *p)
{
	record_free(p->containers);
	record_free(p->networks);
	record_free(p->images);
	record_free(p->volumes);
}
#define cleanup_pruned cleanup_with(pruned_done)

static int prune_containers(struct cli *cli, const struct record *filters, struct pruned *p,
			    struct berth_error *err)
{
	uint64_t bytes = 0;
	int r;

	p->containers = record_new_array();
	r = container_prune(&cli->engine->host, filters, p->containers, &bytes, err);
	p->bytes += bytes;
	return r;
}

static int prune_networks(struct cli *cli, const struct record *filters, struct pruned *p,
			  struct berth_error *err)
{
	struct network_host h = container_network_host(&cli->engine->host);

	p->networks = record_new_array();
	return network_prune(&h, filters, p->networks, err);
}

static int prune_images(struct cli *cli, bool all, const struct record *filters, struct pruned *p,
			struct berth_error *err)
{
	uint64_t bytes = 0;
	int r;

	p->images = record_new_array();
	r = image_prune(cli->engine->store, cli->engine->drivers, all, filters, p->images, &bytes,
			err);
	p->bytes += bytes;
	return r;
}

static int prune_volumes(struct cli *cli, bool all, const struct record *filters, struct pruned *p,
			 struct berth_error *err)
{
	uint64_t bytes = 0;
	int r;

	p->volumes = record_new_array();
	r = volume_prune(cli->engine->store, all, filters, p->volumes, &bytes, err);
	p->bytes += bytes;
	return r;
}

static void add_names(struct str *out, const char *title, const struct record *names)
{
	if (record_len(names) == 0)
		return;
	str_addf(out, "Deleted %s:\n", title);
	for (size_t i = 0; i < record_len(names); i++)
		str_addf(out, "%s\n", record_str_or(record_at(names, i), ""));
	str_add_char(out, '\n');
}

static void add_images(struct str *out, const struct record *images)
{
	if (record_len(images) > 0)
		str_add(out, "Deleted Images:\n");
	for (size_t i = 0; i < record_len(images); i++) {
		struct record *val;
		const char *key;

		record_foreach (record_at(images, i), key, val)
			str_addf(out, "%s: %s\n", str_eq(key, "Untagged") ? "untagged" : "deleted",
				 record_str_or(val, ""));
	}
	if (record_len(images) > 0)
		str_add_char(out, '\n');
}

/* What was done is told, also if the rest failed. */
static int report(struct cli *cli, const struct pruned *p, int r, struct berth_error *err)
{
	cleanup_str struct str out = STR_INIT;
	char size[STR_SIZE_MAX];
	int status;

	add_names(&out, "Containers", p->containers);
	add_names(&out, "Networks", p->networks);
	add_names(&out, "Volumes", p->volumes);
	add_images(&out, p->images);
	str_addf(&out, "Total reclaimed space: %s\n",
		 str_human_size(p->bytes, STR_SIZE_DECIMAL, SIZE_DIGITS, size));
	status = cli_print(cli, &out);
	return r < 0 ? cli_fail(cli, NULL, err) : status;
}

static int begin(struct cli *cli, const struct options *o, struct record **ret_filters,
		 struct berth_error *err)
{
	int r = filters_parse(o, ret_filters, err);

	return r < 0 ? r : cli_engine_cancellable(cli, err);
}

int container_prune_verb(struct cli *cli, const struct options *o)
{
	cleanup_record struct record *filters = NULL;
	cleanup_pruned struct pruned p = {0};
	struct berth_error err = {0};
	int r;

	if (!prune_confirmed(o, "This will remove all stopped containers."))
		return STATUS_OK;
	r = begin(cli, o, &filters, &err);
	if (r == 0)
		r = prune_containers(cli, filters, &p, &err);
	return report(cli, &p, r, &err);
}

int image_prune_verb(struct cli *cli, const struct options *o)
{
	cleanup_record struct record *filters = NULL;
	bool all = options_bool(o, "all");
	cleanup_pruned struct pruned p = {0};
	struct berth_error err = {0};
	int r;

	if (!prune_confirmed(o, all ? "This will remove all images without at least one container "
				      "associated to them."
				    : "This will remove all dangling images."))
		return STATUS_OK;
	r = begin(cli, o, &filters, &err);
	if (r == 0)
		r = prune_images(cli, all, filters, &p, &err);
	return report(cli, &p, r, &err);
}

int volume_prune_verb(struct cli *cli, const struct options *o)
{
	cleanup_record struct record *filters = NULL;
	bool all = options_bool(o, "all");
	cleanup_pruned struct pruned p = {0};
	struct berth_error err = {0};
	int r;

	if (!prune_confirmed(o, all ? "This will remove all local volumes not used by at least "
				      "one container."
				    : "This will remove anonymous local volumes not used by at "
				      "least one container."))
		return STATUS_OK;
	r = begin(cli, o, &filters, &err);
	if (r == 0)
		r = prune_volumes(cli, all, filters, &p, &err);
	return report(cli, &p, r, &err);
}

int system_prune_verb(struct cli *cli, const struct options *o)
{
	cleanup_record struct record *filters = NULL;
	cleanup_str struct str warning = STR_INIT;
	bool all = options_bool(o, "all"), volumes = options_bool(o, "volumes");
	cleanup_pruned struct pruned p = {0};
	struct berth_error err = {0};
	int r;

	str_addf(&warning,
		 "This will remove:\n  - all stopped containers\n"
		 "  - all networks not used by at least one container\n%s  - %s\n",
		 volumes ? "  - all anonymous volumes not used by at least one container\n" : "",
		 all ? "all images without at least one container associated to them"
		     : "all dangling images");
	if (!prune_confirmed(o, str_text(&warning)))
		return STATUS_OK;
	r = begin(cli, o, &filters, &err);
	if (r == 0)
		r = prune_containers(cli, filters, &p, &err);
	if (r == 0)
		r = prune_networks(cli, filters, &p, &err);
	if (r == 0 && volumes)
		r = prune_volumes(cli, false, filters, &p, &err);
	if (r == 0)
		r = prune_images(cli, all, filters, &p, &err);
	return report(cli, &p, r, &err);
}
