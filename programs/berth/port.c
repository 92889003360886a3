/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli.h"
#include "reach.h"
#include "verb.h"

/* clang-format off */
const struct option port_options[] = {
	{"reach", 0, OPTION_BOOL, "Say from where each is reached"},
	{0},
};
/* clang-format on */

/* What a line has besides the address. */
struct shown {
	bool port, reach;
};

static void add_binding(const char *port, const struct record *binding, struct shown shown,
			struct str *out)
{
	const char *ip = record_str_or(record_get(binding, "HostIp"), "");
	bool v6 = strchr(ip, ':') != NULL;

	if (shown.port)
		str_addf(out, "%s -> ", port);
	str_addf(out, "%s%s%s:%s", v6 ? "[" : "", ip, v6 ? "]" : "",
		 record_str_or(record_get(binding, "HostPort"), ""));
	if (shown.reach)
		str_addf(out, "\t%s", reach_of(ip));
	str_add_char(out, '\n');
}

static int all_ports(const struct record *ports, bool reach, struct str *out)
{
	struct record *val;
	const char *key;

	record_foreach (ports, key, val) {
		for (size_t i = 0; i < record_len(val); i++)
			add_binding(key, record_at(val, i), (struct shown){true, reach}, out);
	}
	return 0;
}

static int one_port(const struct record *ports, const char *wanted, const char *container,
		    bool reach, struct str *out, struct berth_error *err)
{
	cleanup_free char *port = strchr(wanted, '/') ? strdup(wanted) : str_fmt("%s/tcp", wanted);
	const struct record *list = port ? record_get(ports, port) : NULL;

	if (!port)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	if (record_len(list) == 0)
		return berth_fail(err, BERTH_E_NOT_FOUND, "no public port '%s' published for %s",
				  port, container);
	for (size_t i = 0; i < record_len(list); i++)
		add_binding(port, record_at(list, i), (struct shown){false, reach}, out);
	return 0;
}

int port_verb(struct cli *cli, const struct options *o)
{
	cleanup_record struct record *container = NULL;
	cleanup_str struct str out = STR_INIT;
	bool reach = options_bool(o, "reach");
	const struct record *ports;
	struct berth_error err = {0};
	int r = cli_engine(cli, &err);

	if (r == 0)
		r = container_inspect(&cli->engine->host, o->args[0], false, &container, &err);
	if (r == 0) {
		ports = record_path(container, "NetworkSettings.Ports");
		r = o->n_args > 1 ? one_port(ports, o->args[1], o->args[0], reach, &out, &err)
				  : all_ports(ports, reach, &out);
	}
	return r < 0 ? cli_fail(cli, NULL, &err) : cli_print(cli, &out);
}
