/* SPDX-License-Identifier: Apache-2.0 */
#include "core/network/network.h"

#include <string.h>

#include "body.h"
#include "core/container/connect.h"
#include "cells.h"
#include "cli.h"
#include "filters.h"
#include "listing.h"
#include "prune.h"
#include "verb.h"

/* clang-format off */
const struct option network_create_options[] = {
	{"attachable", 0, OPTION_BOOL, NULL, .key = "Attachable", .flags = OPTION_HIDDEN},
	{"aux-address", 0, OPTION_LIST, "Address that containers never get", "name=ip"},
	{"config-from", 0, OPTION_STRING, NULL, .flags = OPTION_IGNORED},
	{"config-only", 0, OPTION_BOOL, NULL, .flags = OPTION_IGNORED},
	{"driver", 'd', OPTION_STRING, "Network driver (default: the config's)", "driver"},
	{"dry-run", 0, OPTION_BOOL, "Only show what would be made"},
	{"gateway", 0, OPTION_LIST, "Gateway of a subnet", "ip"},
	{"ingress", 0, OPTION_BOOL, NULL, .flags = OPTION_IGNORED},
	{"internal", 0, OPTION_BOOL, "No way out, and none in"},
	{"ip-range", 0, OPTION_LIST, "Part of a subnet from which containers get addresses", "cidr"},
	{"ipam-driver", 0, OPTION_STRING, NULL, .flags = OPTION_IGNORED},
	{"ipam-opt", 0, OPTION_LIST, NULL, .flags = OPTION_IGNORED},
	{"ipv4", 0, OPTION_BOOL, "With IPv4 (default: true)"},
	{"ipv6", 0, OPTION_BOOL, "With IPv6"},
	{"label", 0, OPTION_LIST, "Say something about it", "key=value"},
	{"opt", 'o', OPTION_LIST, "Option of the driver", "key=value"},
	{"scope", 0, OPTION_STRING, NULL, .flags = OPTION_IGNORED},
	{"subnet", 0, OPTION_LIST, "Subnet, also several", "cidr"},
	{0},
};
const struct option network_list_options[] = {
	{"filter", 'f', OPTION_LIST, "Only those with: driver=, id=, label=, name=, type=, dangling=", "filter"},
	{"format", 0, OPTION_STRING, "'table', 'table TEMPLATE', 'json' or a Go template"},
	{"no-trunc", 0, OPTION_BOOL, "Whole ids"},
	{"quiet", 'q', OPTION_BOOL, "Only ids"},
	{0},
};
const struct option network_rm_options[] = {
	{"force", 'f', OPTION_BOOL, "None of that name is no mistake"},
	{0},
};
const struct option network_connect_options[] = {
	{"alias", 0, OPTION_LIST, "Further name within the network", "name"},
	{"driver-opt", 0, OPTION_LIST, "Option of the driver", "key=value"},
	{"gw-priority", 0, OPTION_INT, "The network with the highest one is the way out"},
	{"ip", 0, OPTION_STRING, "IPv4 address", "ip"},
	{"ip6", 0, OPTION_STRING, "IPv6 address", "ip"},
	{"link", 0, OPTION_LIST, "Link to another container", "name[:alias]"},
	{"link-local-ip", 0, OPTION_LIST, NULL, .flags = OPTION_IGNORED},
	{0},
};
const struct option network_disconnect_options[] = {
	{"force", 'f', OPTION_BOOL, "Not connected is no mistake"},
	{0},
};

static const struct listing_column columns[] = {
	{"CreatedAt", "CREATED AT"}, {"Driver", "DRIVER"}, {"ID", "NETWORK ID"}, {"IPv4", "IPV4"}, {"IPv6", "IPV6"},
	{"Internal", "INTERNAL"}, {"Labels", "LABELS"}, {"Name", "NAME"}, {"Scope", "SCOPE"}, {NULL, NULL},
};
/* clang-format on */

static const struct listing_kind networks_listing = {
	.columns = columns,
	.table = "{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}",
	.quiet = "{{.ID}}",
};

static struct network_host host_of(struct cli *cli)
{
	return container_network_host(&cli->engine->host);
}

/* --- create -------------------------------------------------------------------------------------
 */

/** The n-th value of a list belongs to the n-th subnet, unless one of them says which it is in. */
static int set_nth(const struct options *o, const char *flag, struct record *config,
		   const char *key, struct berth_error *err)
{
	const char *text;
	size_t i = 0;
	int r = 0;

	for (size_t at = 0; r == 0 && (text = options_next(o, flag, &at)); i++) {
		struct record *item = NULL;
		bool is_v6 = strchr(text, ':') != NULL;

		/* the first subnet of its family that has none yet */
		for (size_t k = 0; k < record_len(config) && !item; k++) {
			struct record *one = record_at(config, k);
			const char *subnet = record_str_or(record_get(one, "Subnet"), "");

			if ((strchr(subnet, ':') != NULL) == is_v6 && !record_get(one, key))
				item = one;
		}
		if (!item)
			return berth_fail(err, BERTH_E_INVALID,
					  "--%s %s: there is no subnet for it (--subnet)", flag,
					  text);
		r = record_set_str(item, key, text, err);
	}
	return r;
}

static int set_ipam(const struct options *o, struct record *body, struct berth_error *err)
{
	struct record *ipam, *config = record_new_array();
	const char *text;
	int r = body_object(body, "IPAM", &ipam, err);

	if (r < 0) {
		record_free(config);
		return r;
	}
	r = record_set(ipam, "Config", config, err);
	for (size_t at = 0; r == 0 && (text = options_next(o, "subnet", &at));) {
		struct record *one = record_new_object();

		r = record_append(config, one, err);
		if (r == 0)
			r = record_set_str(one, "Subnet", text, err);
	}
	if (r == 0)
		r = set_nth(o, "ip-range", config, "IPRange", err);
	if (r == 0)
		r = set_nth(o, "gateway", config, "Gateway", err);
	for (size_t at = 0; r == 0 && (text = options_next(o, "aux-address", &at));) {
		if (record_len(config) == 0 || !strchr(text, '='))
			return berth_fail(err, BERTH_E_INVALID,
					  "--aux-address %s: wanted NAME=IP, and a --subnet", text);
		r = body_set_pair(record_at(config, 0), "AuxiliaryAddresses", text, err);
	}
	return r;
}

static int set_pairs(const struct options *o, const char *flag, struct record *body,
		     const char *key, struct berth_error *err)
{
	const char *text;
	int r = 0;

	for (size_t at = 0; r == 0 && (text = options_next(o, flag, &at));)
		r = body_set_pair(body, key, text, err);
	return r;
}

static int create_body(const struct options *o, struct record **ret, struct berth_error *err)
{
	cleanup_record struct record *body = record_new_object();
	const char *driver = options_str(o, "driver");
	const struct option_given *v4 = options_last(o, "ipv4");
	int r = record_set_str(body, "Name", o->args[0], err);

	if (r == 0 && driver)
		r = record_set_str(body, "Driver", driver, err);
	if (r == 0 && options_bool(o, "internal"))
		r = record_set_bool(body, "Internal", true, err);
	if (r == 0 && options_bool(o, "attachable"))
		r = record_set_bool(body, "Attachable", true, err);
	if (r == 0 && v4)
		r = record_set_bool(body, "EnableIPv4", options_bool(o, "ipv4"), err);
	if (r == 0 && options_bool(o, "ipv6"))
		r = record_set_bool(body, "EnableIPv6", true, err);
	if (r == 0)
		r = set_ipam(o, body, err);
	if (r == 0)
		r = set_pairs(o, "opt", body, "Options", err);
	if (r == 0)
		r = set_pairs(o, "label", body, "Labels", err);
	if (r == 0)
		*ret = steal_ptr(body);
	return r;
}

int network_create_verb(struct cli *cli, const struct options *o)
{
	cleanup_record struct record *body = NULL, *made = NULL;
	cleanup_str struct str out = STR_INIT;
	bool dry_run = options_bool(o, "dry-run");
	struct berth_error err = {0};
	int r = create_body(o, &body, &err);

	if (r == 0)
		r = cli_engine(cli, &err);
	if (r == 0) {
		struct network_host h = host_of(cli);

		r = network_create(&h, body, dry_run, &made, &err);
	}
	if (r < 0)
		return cli_fail(cli, o->args[0], &err);
	if (dry_run) {
		record_print(made, RECORD_PRETTY, &out);
		str_add_char(&out, '\n');
	} else {
		str_addf(&out, "%s\n", record_str_or(record_get(made, "Id"), ""));
	}
	return cli_print(cli, &out);
}

/* --- rm, prune, reconcile -----------------------------------------------------------------------
 */

static int remove_one(struct cli *cli, const struct options *o, const char *name,
		      struct berth_error *err)
{
	struct network_host h = host_of(cli);
	int r = network_remove(&h, name, err);

	return r == -BERTH_E_NOT_FOUND && options_bool(o, "force") ? 0 : r;
}

int network_rm_verb(struct cli *cli, const struct options *o)
{
	return cli_each(cli, o, true, remove_one);
}

int network_prune_verb(struct cli *cli, const struct options *o)
{
	cleanup_record struct record *filters = NULL, *deleted = record_new_array();
	cleanup_str struct str out = STR_INIT;
	struct berth_error err = {0};
	int status, r;

	if (!prune_confirmed(
		    o, "This will remove all custom networks not used by at least one container."))
		return STATUS_OK;
	r = filters_parse(o, &filters, &err);
	if (r == 0)
		r = cli_engine(cli, &err);
	if (r == 0) {
		struct network_host h = host_of(cli);

		r = network_prune(&h, filters, deleted, &err);
	}
	if (record_len(deleted) > 0)
		str_add(&out, "Deleted Networks:\n");
	for (size_t i = 0; i < record_len(deleted); i++)
		str_addf(&out, "%s\n", record_str_or(record_at(deleted, i), ""));
	status = cli_print(cli, &out);
	return r < 0 ? cli_fail(cli, NULL, &err) : status;
}

int network_reconcile_verb(struct cli *cli, const struct options *o)
{
	struct berth_error err = {0};
	int r = cli_engine(cli, &err);

	if (r == 0) {
		struct network_host h = host_of(cli);

		r = network_reconcile(&h, NULL, &err);
	}
	return r < 0 ? cli_fail(cli, NULL, &err) : STATUS_OK;
}

int network_sweep_verb(struct cli *cli, const struct options *o)
{
	struct berth_error err = {0};
	int r = cli_engine(cli, &err);

	if (r == 0) {
		struct network_host h = host_of(cli);

		cli->engine->store->left_endpoints = false; /* this is who would be started */
		r = network_sweep_in_turn(&h, &err);
	}
	return r < 0 ? cli_fail(cli, NULL, &err) : STATUS_OK;
}

/* --- connect, disconnect ------------------------------------------------------------------------
 */

static int add_list(const struct options *o, const char *flag, struct record *config,
		    const char *key, struct berth_error *err)
{
	const char *text;
	int r = 0;

	for (size_t at = 0; r == 0 && (text = options_next(o, flag, &at));)
		r = body_append(config, key, record_new_str(text), err);
	return r;
}

static int connect_body(const struct options *o, struct record **ret, struct berth_error *err)
{
	cleanup_record struct record *config = record_new_object();
	const char *ip = options_str(o, "ip"), *ip6 = options_str(o, "ip6");
	int r = add_list(o, "alias", config, "Aliases", err);

	if (r == 0)
		r = add_list(o, "link", config, "Links", err);
	if (r == 0)
		r = set_pairs(o, "driver-opt", config, "DriverOpts", err);
	if (r == 0 && ip)
		r = body_set(config, "IPAMConfig.IPv4Address", record_new_str(ip), err);
	if (r == 0 && ip6)
		r = body_set(config, "IPAMConfig.IPv6Address", record_new_str(ip6), err);
	if (r == 0 && options_last(o, "gw-priority"))
		r = record_set_int(config, "GwPriority", options_int(o, "gw-priority", 0), err);
	if (r == 0)
		*ret = steal_ptr(config);
	return r;
}

int network_connect_verb(struct cli *cli, const struct options *o)
{
	cleanup_record struct record *config = NULL;
	struct berth_error err = {0};
	int r = connect_body(o, &config, &err);

	if (r == 0)
		r = cli_engine(cli, &err);
	if (r == 0)
		r = container_network_connect(&cli->engine->host, o->args[0], o->args[1], config,
					      &err);
	return r < 0 ? cli_fail(cli, o->args[1], &err) : STATUS_OK;
}

int network_disconnect_verb(struct cli *cli, const struct options *o)
{
	struct berth_error err = {0};
	int r = cli_engine(cli, &err);

	if (r == 0)
		r = container_network_disconnect(&cli->engine->host, o->args[0], o->args[1],
						 options_bool(o, "force"), &err);
	return r < 0 ? cli_fail(cli, o->args[1], &err) : STATUS_OK;
}

/* --- ls -----------------------------------------------------------------------------------------
 */

static void cell_text(const struct record *n, const char *name, bool shorten, struct str *out)
{
	static const struct {
		const char *name, *key;
	} flags[] = {{"IPv4", "EnableIPv4"}, {"IPv6", "EnableIPv6"}, {"Internal", "Internal"}};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (str_eq(flags[i].name, name)) {
			str_add(out, record_bool_or(record_get(n, flags[i].key), false) ? "true"
											: "false");
			return;
		}
	if (str_eq(name, "Labels"))
		cell_labels(record_get(n, "Labels"), out);
	else if (str_eq(name, "ID"))
		cell_id(record_str_or(record_get(n, "Id"), ""), shorten, out);
	else if (str_eq(name, "CreatedAt"))
		str_add(out, record_str_or(record_get(n, "Created"), ""));
	else
		str_add(out, record_str_or(record_get(n, name), ""));
}

static int add_row(struct listing *l, const struct record *n, bool shorten, struct berth_error *err)
{
	cleanup_record struct record *cells = record_new_object();
	int r = cells ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");

	for (const struct listing_column *c = columns; r == 0 && c->name; c++) {
		cleanup_str struct str text = STR_INIT;

		if (!listing_wants(l, c->name))
			continue;
		cell_text(n, c->name, shorten, &text);
		r = str_check(&text, err);
		if (r == 0)
			r = record_set_str(cells, c->name, str_text(&text), err);
	}
	return r < 0 ? r : listing_row(l, cells, NULL, err);
}

static int list(struct cli *cli, const struct options *o, struct listing *l, struct str *out,
		struct berth_error *err)
{
	cleanup_record struct record *filters = NULL, *networks = NULL;
	int r = filters_parse(o, &filters, err);

	if (r == 0)
		r = cli_engine(cli, err);
	if (r == 0) {
		struct network_host h = host_of(cli);

		r = network_list(&h, filters, &networks, err);
	}
	for (size_t i = 0; r == 0 && i < record_len(networks); i++)
		r = add_row(l, record_at(networks, i), !options_bool(o, "no-trunc"), err);
	return r < 0 ? r : listing_close(l, out, err);
}

int network_list_verb(struct cli *cli, const struct options *o)
{
	cleanup_listing struct listing l = {0};
	cleanup_str struct str out = STR_INIT;
	struct berth_error err = {0};
	int r = listing_open(&l, &networks_listing, options_str(o, "format"),
			     options_bool(o, "quiet"), &err);

	if (r == 0)
		r = list(cli, o, &l, &out, &err);
	return r < 0 ? cli_fail(cli, NULL, &err) : cli_print(cli, &out);
}
