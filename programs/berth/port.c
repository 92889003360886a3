/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli.h"
#include "verb.h"

static void add_binding(const char *port, const struct record *binding, bool with_port,
			struct str *out)
{
	const char *ip = record_str_or(record_get(binding, "HostIp"), "");
	bool v6 = strchr(ip, ':') != NULL;

	if (with_port)
		str_addf(out, "%s -> ", port);
	str_addf(out, "%s%s%s:%s\n", v6 ? "[" : "", ip, v6 ? "]" : "",
		 record_str_or(record_get(binding, "HostPort"), ""));
}

static int all_ports(const struct record *ports, struct str *out)
{
	struct record *val;
	const char *key;

	record_foreach (ports, key, val) {
		for (size_t i = 0; i < record_len(val); i++)
			add_binding(key, record_at(val, i), true, out);
	}
	return 0;
}

static int one_port(const struct record *ports, const char *wanted, const char *container,
		    struct str *out, struct berth_error *err)
{
	cleanup_free char *port = strchr(wanted, '/') ? strdup(wanted) : str_fmt("%s/tcp", wanted);
	const struct record *list = port ? record_get(ports, port) : NULL;

	if (!port)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	if (record_len(list) == 0)
		return berth_fail(err, BERTH_E_NOT_FOUND, "no public port '%s' published for %s",
				  port, container);
	for (size_t i = 0; i < record_len(list); i++)
		add_binding(port, record_at(list, i), false, out);
	return 0;
}

int port_verb(struct cli *cli, const struct options *o)
{
	cleanup_record struct record *container = NULL;
	cleanup_str struct str out = STR_INIT;
	const struct record *ports;
	struct berth_error err = {0};
	int r = cli_engine(cli, &err);

	if (r == 0)
		r = container_inspect(&cli->engine->host, o->args[0], false, &container, &err);
	if (r == 0) {
		ports = record_path(container, "NetworkSettings.Ports");
		r = o->n_args > 1 ? one_port(ports, o->args[1], o->args[0], &out, &err)
				  : all_ports(ports, &out);
	}
	return r < 0 ? cli_fail(cli, NULL, &err) : cli_print(cli, &out);
}
