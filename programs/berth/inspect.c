/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli.h"
#include "listing.h"
#include "verb.h"

/* clang-format off */
const struct option inspect_one_options[] = {
	{"format", 'f', OPTION_STRING, "'json' or a Go template"},
	{"size", 's', OPTION_BOOL, "With sizes, of containers"},
	{0},
};

const struct option inspect_network_options[] = {
	{"format", 'f', OPTION_STRING, "'json' or a Go template"},
	{"verbose", 'v', OPTION_BOOL, NULL, .flags = OPTION_IGNORED},
	{0},
};

const struct option inspect_options[] = {
	{.type = OPTION_TABLE, .table = inspect_one_options},
	{"type", 0, OPTION_STRING, "Only objects of this type: container, image, volume, network"},
	{0},
};
/* clang-format on */

/* ------------------------------------------------------------------------------------- types */

/*
 * What docker's types are where the JSON has nothing: its templates see Go structs, in which every
 * field is there. Only keys that are absent or null now and then matter.
 */
static const struct {
	const char *key;
	enum template_absent absent;
} types[] = {
	{"Aliases", TEMPLATE_ABSENT_LIST},
	{"Annotations", TEMPLATE_ABSENT_MAP},
	{"Args", TEMPLATE_ABSENT_LIST},
	{"Author", TEMPLATE_ABSENT_STRING},
	{"Binds", TEMPLATE_ABSENT_LIST},
	{"BlkioDeviceReadBps", TEMPLATE_ABSENT_LIST},
	{"BlkioDeviceReadIOps", TEMPLATE_ABSENT_LIST},
	{"BlkioDeviceWriteBps", TEMPLATE_ABSENT_LIST},
	{"BlkioDeviceWriteIOps", TEMPLATE_ABSENT_LIST},
	{"BlkioWeightDevice", TEMPLATE_ABSENT_LIST},
	{"CapAdd", TEMPLATE_ABSENT_LIST},
	{"CapDrop", TEMPLATE_ABSENT_LIST},
	{"Cmd", TEMPLATE_ABSENT_LIST},
	{"Comment", TEMPLATE_ABSENT_STRING},
	{"DNSNames", TEMPLATE_ABSENT_LIST},
	{"DeviceCgroupRules", TEMPLATE_ABSENT_LIST},
	{"DeviceRequests", TEMPLATE_ABSENT_LIST},
	{"Devices", TEMPLATE_ABSENT_LIST},
	{"Dns", TEMPLATE_ABSENT_LIST},
	{"DnsOptions", TEMPLATE_ABSENT_LIST},
	{"DnsSearch", TEMPLATE_ABSENT_LIST},
	{"DriverOpts", TEMPLATE_ABSENT_MAP},
	{"Entrypoint", TEMPLATE_ABSENT_LIST},
	{"Env", TEMPLATE_ABSENT_LIST},
	{"ExecIDs", TEMPLATE_ABSENT_LIST},
	{"ExposedPorts", TEMPLATE_ABSENT_MAP},
	{"ExtraHosts", TEMPLATE_ABSENT_LIST},
	{"GroupAdd", TEMPLATE_ABSENT_LIST},
	{"Healthcheck", TEMPLATE_ABSENT_POINTER},
	{"IPAMConfig", TEMPLATE_ABSENT_POINTER},
	{"Init", TEMPLATE_ABSENT_POINTER},
	{"Labels", TEMPLATE_ABSENT_MAP},
	{"Links", TEMPLATE_ABSENT_LIST},
	{"MaskedPaths", TEMPLATE_ABSENT_LIST},
	{"MemorySwappiness", TEMPLATE_ABSENT_POINTER},
	{"Mounts", TEMPLATE_ABSENT_LIST},
	{"Networks", TEMPLATE_ABSENT_MAP},
	{"OnBuild", TEMPLATE_ABSENT_LIST},
	{"OomKillDisable", TEMPLATE_ABSENT_POINTER},
	{"PidsLimit", TEMPLATE_ABSENT_POINTER},
	{"PortBindings", TEMPLATE_ABSENT_MAP},
	{"Ports", TEMPLATE_ABSENT_MAP},
	{"ReadonlyPaths", TEMPLATE_ABSENT_LIST},
	{"RepoDigests", TEMPLATE_ABSENT_LIST},
	{"RepoTags", TEMPLATE_ABSENT_LIST},
	{"SecurityOpt", TEMPLATE_ABSENT_LIST},
	{"Shell", TEMPLATE_ABSENT_LIST},
	{"SizeRootFs", TEMPLATE_ABSENT_POINTER},
	{"SizeRw", TEMPLATE_ABSENT_POINTER},
	{"StopSignal", TEMPLATE_ABSENT_STRING},
	{"StopTimeout", TEMPLATE_ABSENT_POINTER},
	{"StorageOpt", TEMPLATE_ABSENT_MAP},
	{"Sysctls", TEMPLATE_ABSENT_MAP},
	{"Tmpfs", TEMPLATE_ABSENT_MAP},
	{"Ulimits", TEMPLATE_ABSENT_LIST},
	{"Volumes", TEMPLATE_ABSENT_MAP},
	{"VolumesFrom", TEMPLATE_ABSENT_LIST},
};

static enum template_absent absent(const char *key)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i].key, key) == 0)
			return types[i].absent;
	return TEMPLATE_ABSENT_UNKNOWN;
}

/* ------------------------------------------------------------------------------------ output */

static int add_object(struct str *out, const struct template *t, const struct record *object,
		      bool first, struct berth_error *err)
{
	static const struct template_env env = {.strict = true, .absent = absent};
	int r;

	if (t) {
		r = template_exec(t, object, &env, out, err);
		if (r == 0)
			str_add_char(out, '\n');
		return r;
	}
	str_add(out, first ? "\n    " : ",\n    ");
	{
		cleanup_free char *text =
			record_to_text(object, RECORD_PRETTY | RECORD_HTML_ESCAPE);

		if (!text)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		for (const char *s = text; *s; s++) {
			str_add_char(out, *s);
			if (*s == '\n')
				str_add(out, "    ");
		}
	}
	return 0;
}

/* "container inspect" looks for containers only, "inspect" for what --type says */
static const char *wanted_type(const struct cli *cli, const struct options *o)
{
	if (str_has_prefix(cli->name, "container "))
		return "container";
	if (str_has_prefix(cli->name, "image "))
		return "image";
	if (str_has_prefix(cli->name, "volume "))
		return "volume";
	if (str_has_prefix(cli->name, "network "))
		return "network";
	return options_str(o, "type");
}

static int inspect_all(struct cli *cli, const struct options *o, const struct template *t,
		       struct str *out)
{
	const char *type = wanted_type(cli, o);
	int status = STATUS_OK;
	bool first = true;

	if (!t)
		str_add_char(out, '[');
	for (size_t i = 0; i < o->n_args; i++) {
		cleanup_record struct record *object = NULL;
		struct berth_error err;
		int r = engine_inspect(cli->engine, o->args[i], type && type[0] ? type : NULL,
				       options_bool(o, "size"), &object, &err);

		if (r == 0)
			r = add_object(out, t, object, first, &err);
		if (r < 0)
			status = cli_fail(cli, o->args[i], &err);
		else
			first = false;
	}
	if (!t)
		str_add(out, first ? "]\n" : "\n]\n");
	return status;
}

int inspect_verb(struct cli *cli, const struct options *o)
{
	cleanup_template struct template *t = NULL;
	cleanup_str struct str out = STR_INIT;
	struct berth_error err;
	int status, printed;
	int r = listing_template(options_str(o, "format"), &t, &err);

	if (r == 0)
		r = cli_engine(cli, &err);
	if (r < 0)
		return cli_fail(cli, NULL, &err);
	status = inspect_all(cli, o, t, &out);
	printed = cli_print(cli, &out);
	return status != STATUS_OK ? status : printed;
}
