/* SPDX-License-Identifier: Apache-2.0 */
/* Ports, addresses and names: what is asked of the network, as far as it can be judged from words.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "core/container/spec_parts.h"

static const char *text(const struct record *obj, const char *key)
{
	return record_str_or(record_get(obj, key), "");
}

static int invalid(struct berth_error *err, const char *sentence)
{
	return berth_fail(err, BERTH_E_INVALID, "%s", sentence);
}

static int invalid_quoted(struct berth_error *err, const char *sentence, const char *value)
{
	char shown[SPEC_SHOWN_MAX];

	return berth_fail(err, BERTH_E_INVALID, "%s: \"%s\"", sentence, spec_shown(value, shown));
}

static bool is_address(const char *s)
{
	unsigned char address[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, s, address) == 1 || inet_pton(AF_INET6, s, address) == 1;
}

/* A word of a line of hosts or resolv.conf: nothing that could begin another one. */
static bool is_word(const char *s)
{
	if (!*s)
		return false;
	for (; *s; s++) {
		if ((unsigned char)*s <= ' ' || *s == 0x7f)
			return false;
	}
	return true;
}

int spec_port_parse(const char *port, char out[static SPEC_PORT_MAX])
{
	static const char *const protocols[] = {"tcp", "udp", "sctp"};
	const char *slash = strchr(port, '/');
	const char *protocol = slash ? slash + 1 : "tcp";
	size_t n = strcspn(port, "/");
	char digits[8];
	uint64_t number;

	if (n == 0 || n >= sizeof(digits))
		return -1;
	memcpy(digits, port, n);
	digits[n] = '\0';
	if (parse_u64(digits, UINT16_MAX, &number) < 0 || number == 0)
		return -1;
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		if (strcasecmp(protocols[i], protocol) == 0) {
			(void)snprintf(out, SPEC_PORT_MAX, "%u/%s", (unsigned)number, protocols[i]);
			return 0;
		}
	}
	return -1;
}

/* "8080" or "8000-8010", of which one that is free is taken. */
static bool is_port_range(const char *s)
{
	cleanup_strv char **parts = strv_split(s, '-');
	uint64_t first = 0, last = 0;
	size_t n = strv_len(parts);

	if (n < 1 || n > 2 || parse_u64(parts[0], UINT16_MAX, &first) < 0)
		return false;
	last = first;
	return (n == 1 || parse_u64(parts[1], UINT16_MAX, &last) == 0) && last >= first;
}

static int check_bindings(const struct record *list, struct berth_error *err)
{
	char shown[SPEC_SHOWN_MAX];

	for (size_t i = 0; i < record_len(list); i++) {
		const char *port = text(record_at(list, i), "HostPort");
		const char *address = text(record_at(list, i), "HostIp");

		if (*port && !is_port_range(port))
			return invalid_quoted(err, "invalid port specification", port);
		if (*address && !is_address(address))
			return berth_fail(err, BERTH_E_INVALID, "invalid IP address: %s",
					  spec_shown(address, shown));
	}
	return 0;
}

/* The same with "80/tcp" for "80". */
static int check_ports(struct record *host, struct berth_error *err)
{
	cleanup_record struct record *clean = record_new_object();
	char port[SPEC_PORT_MAX];
	struct record *val;
	const char *key;
	int r = 0;

	record_foreach (record_get(host, "PortBindings"), key, val) {
		if (spec_port_parse(key, port) < 0)
			return invalid_quoted(err, "invalid port specification", key);
		r = check_bindings(val, err);
		if (r == 0)
			r = record_set(clean, port, record_ref(val), err);
		if (r < 0)
			return r;
	}
	return record_set(host, "PortBindings", steal_ptr(clean), err);
}

static int check_extra_host(const char *line, struct berth_error *err)
{
	const char *address = strchr(line, ':');

	/* only the first colon separates: an address may hold more */
	if (!address || address == line || !is_word(line))
		return invalid_quoted(err, "bad format for add-host", line);
	address++;
	if (!str_eq(address, "host-gateway") && !is_address(address))
		return invalid_quoted(err, "invalid IP address in add-host", address);
	return 0;
}

static int check_words(const struct record *host, const char *key, struct berth_error *err)
{
	const struct record *list = record_get(host, key);

	for (size_t i = 0; i < record_len(list); i++) {
		const char *word = record_str_or(record_at(list, i), "");

		if (!is_word(word))
			return invalid_quoted(err, key, word);
	}
	return 0;
}

static int check_names(const struct record *host, struct berth_error *err)
{
	const struct record *hosts = record_get(host, "ExtraHosts");
	const struct record *dns = record_get(host, "Dns");
	char shown[SPEC_SHOWN_MAX];
	int r = 0;

	for (size_t i = 0; r == 0 && i < record_len(hosts); i++)
		r = check_extra_host(record_str_or(record_at(hosts, i), ""), err);
	for (size_t i = 0; r == 0 && i < record_len(dns); i++) {
		const char *server = record_str_or(record_at(dns, i), "");

		if (!is_address(server))
			r = berth_fail(err, BERTH_E_INVALID, "invalid IP address: %s",
				       spec_shown(server, shown));
	}
	if (r == 0)
		r = check_words(host, "DnsSearch", err);
	return r == 0 ? check_words(host, "DnsOptions", err) : r;
}

/* What makes no sense in the namespace of another container. */
static int check_shared(const struct record *config, const struct record *host,
			struct berth_error *err)
{
	const char *other = spec_mode_container(host, "NetworkMode");

	if (!other && !str_eq(text(host, "NetworkMode"), "container"))
		return 0;
	if (!other || !*other)
		return invalid(err, "invalid network mode: invalid container format "
				    "container:<name|id>");
	if (*text(config, "Hostname"))
		return invalid(err, "conflicting options: hostname and the network mode");
	if (record_len(record_get(host, "Links")) > 0)
		return invalid(err,
			       "conflicting options: container type network can't be used with "
			       "links. This would result in undefined behavior");
	if (record_len(record_get(host, "Dns")) > 0)
		return invalid(err, "conflicting options: dns and the network mode");
	if (record_len(record_get(host, "ExtraHosts")) > 0)
		return invalid(err,
			       "conflicting options: custom host-to-IP mapping and the network "
			       "mode");
	if (record_len(record_get(host, "PortBindings")) > 0 ||
	    record_bool_or(record_get(host, "PublishAllPorts"), false))
		return invalid(err, "conflicting options: port publishing and the container type "
				    "network mode");
	if (record_len(record_get(config, "ExposedPorts")) > 0)
		return invalid(err, "conflicting options: port exposing and the container type "
				    "network mode");
	return 0;
}

static int check_host_mode(const struct record *config, const struct record *host,
			   struct record *warnings, struct berth_error *err)
{
	if (spec_mode_is_host(host, "UTSMode") && *text(config, "Hostname"))
		return invalid(err, "conflicting options: hostname and the UTS mode");
	if (!spec_mode_is_host(host, "NetworkMode"))
		return 0;
	if (record_len(record_get(host, "Links")) > 0)
		return invalid(err, "conflicting options: host type networking can't be used with "
				    "links. This would result in undefined behavior");
	if (record_len(record_get(host, "PortBindings")) > 0)
		return record_append_str(warnings,
					 "Published ports are discarded when using host network "
					 "mode",
					 err);
	return 0;
}

static bool is_mac(const char *s)
{
	for (int i = 0; i < 6; i++, s += 2) {
		if (i && *s++ != ':')
			return false;
		if (!isxdigit((unsigned char)s[0]) || !isxdigit((unsigned char)s[1]))
			return false;
	}
	return !*s;
}

/* An endpoint of the main network, made if there is none. */
static int main_endpoint(struct record *endpoints, const char *name, struct record **ret,
			 struct berth_error *err)
{
	struct record *made = record_get(endpoints, name);
	int r = 0;

	if (!made) {
		made = record_new_object();
		r = record_set(endpoints, name, made, err);
	}
	if (r == 0)
		*ret = made;
	return r;
}

/* The address of the container as a whole belongs to its main network since API 1.44. */
static int move_mac(struct record *config, const struct record *host, struct record *endpoints,
		    struct record *warnings, struct berth_error *err)
{
	const char *mac = text(config, "MacAddress"), *mode = text(host, "NetworkMode");
	char shown[SPEC_SHOWN_MAX];
	struct record *endpoint;
	int r;

	if (!*mac)
		return 0;
	if (!is_mac(mac))
		return berth_fail(err, BERTH_E_INVALID, "invalid MAC address: %s",
				  spec_shown(mac, shown));
	if (str_eq(mode, "host") || str_eq(mode, "none") || str_has_prefix(mode, "container:"))
		return invalid(err, "conflicting options: mac-address and the network mode");
	r = main_endpoint(endpoints, *mode ? mode : "default", &endpoint, err);
	if (r < 0)
		return r;
	if (*text(endpoint, "MacAddress") && !str_eq(text(endpoint, "MacAddress"), mac))
		return invalid(err,
			       "the container-wide MAC address must match the "
			       "endpoint-specific MAC address for the main network, or be left "
			       "empty");
	r = record_set_str(endpoint, "MacAddress", mac, err);
	if (r == 0)
		r = record_set_str(config, "MacAddress", "", err);
	return r < 0 ? r
		     : record_append_str(
			       warnings,
			       "The container-wide MacAddress field is now deprecated. It "
			       "should be specified in EndpointsConfig instead.",
			       err);
}

static int check_endpoints(const struct record *endpoints, struct berth_error *err)
{
	char shown[SPEC_SHOWN_MAX], name[SPEC_SHOWN_MAX];
	struct record *val;
	const char *key;

	record_foreach (endpoints, key, val) {
		const struct record *ipam = record_get(val, "IPAMConfig");
		const char *v4 = text(ipam, "IPv4Address"), *v6 = text(ipam, "IPv6Address");
		const char *mac = text(val, "MacAddress");

		if (*v4 && (!is_address(v4) || strchr(v4, ':')))
			return berth_fail(err, BERTH_E_INVALID,
					  "invalid config for network %s: invalid IPv4 address: %s",
					  spec_shown(key, name), spec_shown(v4, shown));
		if (*v6 && (!is_address(v6) || !strchr(v6, ':')))
			return berth_fail(err, BERTH_E_INVALID,
					  "invalid config for network %s: invalid IPv6 address: %s",
					  spec_shown(key, name), spec_shown(v6, shown));
		if (*mac && !is_mac(mac))
			return berth_fail(err, BERTH_E_INVALID,
					  "invalid config for network %s: invalid MAC address: %s",
					  spec_shown(key, name), spec_shown(mac, shown));
	}
	return 0;
}

int spec_network_check(struct record *config, struct record *host, struct record *networking,
		       struct record *warnings, struct berth_error *err)
{
	struct record *endpoints = record_get(networking, "EndpointsConfig");
	int r = check_shared(config, host, err);

	if (r == 0)
		r = check_host_mode(config, host, warnings, err);
	if (r == 0)
		r = check_ports(host, err);
	if (r == 0)
		r = check_names(host, err);
	if (r == 0)
		r = check_endpoints(endpoints, err);
	return r == 0 ? move_mac(config, host, endpoints, warnings, err) : r;
}
