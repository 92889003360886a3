/* SPDX-License-Identifier: Apache-2.0 */
#include "reach.h"

#include <string.h>

const char *reach_of(const char *host_ip)
{
	if (!*host_ip || str_eq(host_ip, "0.0.0.0") || str_eq(host_ip, "::"))
		return "everywhere: this machine, its containers, its networks";
	if (str_has_prefix(host_ip, "127.") || str_eq(host_ip, "::1"))
		return "this machine only";
	return "whoever reaches that address";
}

static int add_port(struct record *findings, const char *name, const struct record *port,
		    struct berth_error *err)
{
	const char *ip = record_str_or(record_get(port, "IP"), "");
	int64_t outside = record_int_or(record_get(port, "PublicPort"), 0);
	cleanup_free char *text = NULL;
	struct record *one;
	int r;

	if (outside == 0)
		return 0; /* exposed, not published */
	text = str_fmt(strchr(ip, ':') ? "[%s]:%lld/%s of container '%s' is reached from %s"
				       : "%s:%lld/%s of container '%s' is reached from %s",
		       ip, (long long)outside, record_str_or(record_get(port, "Type"), "tcp"), name,
		       reach_of(ip));
	if (!text)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	one = record_new_object();
	r = record_append(findings, one, err);
	if (r == 0)
		r = record_set_str(one, "id", "port.reach", err);
	if (r == 0)
		r = record_set_str(one, "level", "info", err);
	if (r == 0)
		r = record_set_str(one, "text", text, err);
	if (r == 0)
		r = record_set_null(one, "fix", err);
	if (r == 0)
		r = record_set_str(one, "driver", "Published ports", err);
	return r < 0 ? r : record_set_bool(one, "used", true, err);
}

int reach_findings(struct cli *cli, struct record *findings, struct berth_error *err)
{
	cleanup_record struct record *all = NULL;
	int r = container_list(&cli->engine->host, false, 0, false, NULL, &all, err);

	for (size_t i = 0; i < record_len(all) && r == 0; i++) {
		const struct record *c = record_at(all, i);
		const char *name = record_str_or(record_at(record_get(c, "Names"), 0), "/");
		const struct record *ports = record_get(c, "Ports");

		for (size_t k = 0; k < record_len(ports) && r == 0; k++)
			r = add_port(findings, name + (*name == '/'), record_at(ports, k), err);
	}
	return r;
}
