/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

#include "base/str.h"
#include "body.h"
#include "create_options.h"
#include "csv.h"

enum { NETWORKS_MAX = 64 };

static bool is_ip(const char *text)
{
	unsigned char address[16];

	return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

/* networks that docker has by itself know no names of their own */
static bool is_user_defined(const char *name)
{
	return strcmp(name, "default") != 0 && strcmp(name, "bridge") != 0 &&
	       strcmp(name, "host") != 0 && strcmp(name, "none") != 0 &&
	       !str_has_prefix(name, "container:");
}

/* --------------------------------------------------------------------------------- --network */

struct attachment {
	const char *name;	 /* borrowed */
	char **fields;		 /* of the long form */
	struct record *endpoint; /* what was asked for beyond the name */
};

static void attachment_done(struct attachment *a)
{
	strv_free(a->fields);
	record_free(a->endpoint);
}

static int set_field(struct attachment *a, const char *text, struct berth_error *err)
{
	static const struct {
		const char *name, *key;
		bool is_list;
	} keys[] = {
		{"alias", "Aliases", true},
		{"ip", "IPAMConfig.IPv4Address", false},
		{"ip6", "IPAMConfig.IPv6Address", false},
		{"link-local-ip", "IPAMConfig.LinkLocalIPs", true},
		{"mac-address", "MacAddress", false},
	};
	size_t n = strcspn(text, "=");
	const char *value = text + n + 1;
	int64_t priority;

	if (!text[n])
		return berth_fail(err, BERTH_E_INVALID, "invalid field %s", text);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct record *val;

		if (strlen(keys[i].name) != n || strncmp(keys[i].name, text, n) != 0)
			continue;
		val = record_new_str(value);
		return keys[i].is_list ? body_append(a->endpoint, keys[i].key, val, err)
				       : body_set(a->endpoint, keys[i].key, val, err);
	}
	if (n == 4 && strncmp(text, "name", 4) == 0) {
		a->name = value;
		return 0;
	}
	if (n == 10 && strncmp(text, "driver-opt", 10) == 0) {
		if (!strchr(value, '='))
			return berth_fail(err, BERTH_E_INVALID,
					  "invalid key value pair format in driver options");
		return body_set_pair(a->endpoint, "DriverOpts", value, err);
	}
	if (n == 11 && strncmp(text, "gw-priority", 11) == 0) {
		if (parse_i64(value, INT32_MIN, INT32_MAX, &priority) < 0)
			return berth_fail(err, BERTH_E_INVALID, "invalid gw-priority: %s", value);
		return body_set(a->endpoint, "GwPriority", record_new_int(priority), err);
	}
	return berth_fail(err, BERTH_E_INVALID, "invalid field key %.*s", (int)n, text);
}

static int read_long_form(struct attachment *a, const char *text, struct berth_error *err)
{
	int r = csv_split(text, &a->fields, err);

	strv_foreach (field, a->fields) {
		if (r == 0)
			r = set_field(a, *field, err);
	}
	if (r == 0 && (!a->name || !a->name[0]))
		r = berth_fail(err, BERTH_E_INVALID, "network name/id is not specified");
	if (r < 0)
		berth_error_prefix(err, "invalid argument \"%s\" for \"--network\" flag", text);
	return r;
}

static int read_attachment(struct attachment *a, const char *text, struct berth_error *err)
{
	a->endpoint = record_new_object();
	if (!a->endpoint)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	if (strchr(text, '=') && !str_has_prefix(text, "container:"))
		return read_long_form(a, text, err);
	if (!text[0])
		return berth_fail(err, BERTH_E_INVALID, "no name set for network");
	a->name = text;
	return 0;
}

/* --------------------------------------------------- the flags that are for the first network */

static int add_list(const struct options *o, const char *flag, struct record *endpoint,
		    const char *key, struct berth_error *err)
{
	const char *text;
	int r = 0;

	for (size_t at = 0; r == 0 && (text = options_next(o, flag, &at));)
		r = body_append(endpoint, key, record_new_str(text), err);
	return r;
}

static int conflict(struct berth_error *err, const char *flag, const char *what)
{
	return berth_fail(err, BERTH_E_INVALID,
			  "conflicting options: cannot specify both --%s and per-network %s", flag,
			  what);
}

static int set_single(const struct options *o, const char *flag, const char *what,
		      struct record *endpoint, const char *key, struct berth_error *err)
{
	const char *text = options_str(o, flag);

	if (!text || !text[0])
		return 0;
	if (record_path(endpoint, key))
		return conflict(err, flag, what);
	return body_set(endpoint, key, record_new_str(text), err);
}

static bool is_mac(const char *text)
{
	size_t n = 0;

	for (; *text; n++) {
		if (!isxdigit((unsigned char)text[0]) || !isxdigit((unsigned char)text[1]))
			return false;
		text += 2;
		if (*text == ':' || *text == '-')
			text++;
		else if (*text)
			return false;
	}
	return n == 6;
}

static int set_flags(const struct options *o, struct attachment *a, struct berth_error *err)
{
	const char *mac = options_str(o, "mac-address");
	struct record *e = a->endpoint;
	size_t at = 0;
	int r = 0;

	if (mac && mac[0] && !is_mac(mac))
		return berth_fail(err, BERTH_E_INVALID, "%s is not a valid mac address", mac);
	if (options_next(o, "network-alias", &at) && record_get(e, "Aliases"))
		return conflict(err, "network-alias", "alias");
	r = add_list(o, "network-alias", e, "Aliases", err);
	if (r == 0 && is_user_defined(a->name))
		r = add_list(o, "link", e, "Links", err);
	if (r == 0)
		r = set_single(o, "ip", "IPv4 address", e, "IPAMConfig.IPv4Address", err);
	if (r == 0)
		r = set_single(o, "ip6", "IPv6 address", e, "IPAMConfig.IPv6Address", err);
	if (r == 0)
		r = add_list(o, "link-local-ip", e, "IPAMConfig.LinkLocalIPs", err);
	if (r == 0)
		r = set_single(o, "mac-address", "MAC address", e, "MacAddress", err);
	return r;
}

/* ------------------------------------------------------------------------------------ together */

static int check_attachment(const struct attachment *all, size_t n, const struct attachment *a,
			    struct berth_error *err)
{
	for (const struct attachment *other = all; other < a; other++)
		if (strcmp(other->name, a->name) == 0)
			return berth_fail(err, BERTH_E_INVALID,
					  "network \"%s\" is specified multiple times", a->name);
	if (n > 1 && !is_user_defined(a->name) && strcmp(a->name, "bridge") != 0 &&
	    strcmp(a->name, "default") != 0)
		return berth_fail(err, BERTH_E_INVALID,
				  "conflicting options: cannot attach both user-defined and "
				  "non-user-defined network-modes");
	if (record_len(record_get(a->endpoint, "Aliases")) > 0 && !is_user_defined(a->name))
		return berth_fail(err, BERTH_E_INVALID,
				  "network-scoped aliases are only supported for user-defined "
				  "networks");
	return 0;
}

static int set_attachments(const struct options *o, struct record *body, struct attachment *all,
			   size_t n, bool given, struct berth_error *err)
{
	struct record *endpoints;
	int r = set_flags(o, &all[0], err);

	for (size_t i = 0; r == 0 && i < n; i++)
		r = check_attachment(all, n, &all[i], err);
	if (r == 0 && given)
		r = body_set(body, "HostConfig.NetworkMode", record_new_str(all[0].name), err);
	if (r < 0 || (n == 1 && record_len(all[0].endpoint) == 0))
		return r;
	r = body_object(body, "NetworkingConfig.EndpointsConfig", &endpoints, err);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = record_set(endpoints, all[i].name, steal_ptr(all[i].endpoint), err);
	return r;
}

static int set_networks(const struct options *o, struct record *body, struct berth_error *err)
{
	struct attachment all[NETWORKS_MAX] = {{0}};
	const char *text;
	bool given = false;
	size_t n = 0;
	int r = 0;

	for (size_t at = 0; r == 0 && (text = options_next(o, "network", &at)); n++) {
		if (n == NETWORKS_MAX)
			return berth_fail(err, BERTH_E_LIMIT, "more than %d networks",
					  NETWORKS_MAX);
		r = read_attachment(&all[n], text, err);
		given = true;
	}
	if (!given)
		r = read_attachment(&all[n++], "default", err);
	if (r == 0)
		r = set_attachments(o, body, all, n, given, err);
	for (size_t i = 0; i < n; i++)
		attachment_done(&all[i]);
	return r;
}

/* ------------------------------------------------------------------------------------- names */

/* "host:ip" or "host=ip", also with an IPv6 address in brackets, as "host:ip" */
static int add_host(struct record *body, const char *text, struct berth_error *err)
{
	size_t n = strcspn(text, strchr(text, '=') ? "=" : ":");
	cleanup_free char *ip = NULL;
	cleanup_free char *line = NULL;
	size_t len;

	if (n == 0 || !text[n])
		return body_bad_flag(err, "--add-host", text, "bad format for add-host: \"%s\"",
				     text);
	ip = strdup(text + n + 1);
	if (!ip)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	len = strlen(ip);
	if (len > 2 && ip[0] == '[' && ip[len - 1] == ']') {
		ip[len - 1] = '\0';
		memmove(ip, ip + 1, len - 1);
	}
	if (strcmp(ip, "host-gateway") != 0 && !is_ip(ip))
		return body_bad_flag(err, "--add-host", text,
				     "invalid IP address in add-host: \"%s\"", ip);
	line = str_fmt("%.*s:%s", (int)n, text, ip);
	if (!line)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	return body_append(body, "HostConfig.ExtraHosts", record_new_str(line), err);
}

/* labels of letters, digits and inner hyphens or underscores; "." alone is the root */
static bool is_domain(const char *text)
{
	size_t label = 0;

	if (strcmp(text, ".") == 0)
		return true;
	if (!text[0] || strlen(text) > 255)
		return false;
	for (const char *s = text; *s; s++) {
		bool inner = *s == '-' || *s == '_';

		if (*s == '.') {
			if (label == 0)
				return false;
			label = 0;
			continue;
		}
		if (!isalnum((unsigned char)*s) && !inner)
			return false;
		if (inner && (label == 0 || !s[1] || s[1] == '.'))
			return false;
		if (++label > 63)
			return false;
	}
	return true;
}

static int set_names(const struct options *o, struct record *body, struct berth_error *err)
{
	const char *text;
	int r = 0;

	for (size_t at = 0; r == 0 && (text = options_next(o, "add-host", &at));)
		r = add_host(body, text, err);
	for (size_t at = 0; r == 0 && (text = options_next(o, "dns", &at));) {
		if (!is_ip(text))
			return body_bad_flag(err, "--dns", text,
					     "IP address is not correctly formatted: %s", text);
		r = body_append(body, "HostConfig.Dns", record_new_str(text), err);
	}
	for (size_t at = 0; r == 0 && (text = options_next(o, "dns-search", &at));) {
		if (!is_domain(text))
			return body_bad_flag(err, "--dns-search", text, "%s is not a valid domain",
					     text);
		r = body_append(body, "HostConfig.DnsSearch", record_new_str(text), err);
	}
	return r;
}

int create_network(const struct options *o, struct record *body, struct berth_error *err)
{
	int r = set_networks(o, body, err);

	return r < 0 ? r : set_names(o, body, err);
}
