/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "body.h"
#include "create_options.h"

enum { PORT_MAX = 65535 };

struct range {
	uint64_t first, last;
};

static bool parse_range(const char *text, struct range *ret)
{
	const char *dash = strchr(text, '-');
	cleanup_free char *first = strndup(text, dash ? (size_t)(dash - text) : strlen(text));

	if (!first || parse_u64(first, PORT_MAX, &ret->first) < 0)
		return false;
	ret->last = ret->first;
	if (dash && parse_u64(dash + 1, PORT_MAX, &ret->last) < 0)
		return false;
	return ret->first <= ret->last;
}

/* "80", "80/udp" -> the part before the slash and the protocol in lower case */
static int split_protocol(const char *text, char **ret_ports, char **ret_protocol,
			  struct berth_error *err)
{
	size_t n = strcspn(text, "/");
	cleanup_free char *ports = strndup(text, n);
	char *protocol = strdup(text[n] && text[n + 1] ? text + n + 1 : "tcp");

	if (!ports || !protocol) {
		free(protocol);
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	}
	for (char *s = protocol; *s; s++)
		*s = (char)tolower((unsigned char)*s);
	*ret_ports = steal_ptr(ports);
	*ret_protocol = protocol;
	return 0;
}

static int expose(struct record *body, uint64_t port, const char *protocol, struct berth_error *err)
{
	cleanup_free char *key = str_fmt("%u/%s", (unsigned)port, protocol);
	struct record *exposed;
	int r;

	if (!key)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = body_object(body, "ExposedPorts", &exposed, err);
	return r < 0 ? r : record_set(exposed, key, record_new_object(), err);
}

/* ------------------------------------------------------------------------------------ publish */

struct publish {
	char *ip, *host, *container, *protocol;
};

static void publish_done(struct publish *p)
{
	free(p->ip);
	free(p->host);
	free(p->container);
	free(p->protocol);
}
#define cleanup_publish cleanup_with(publish_done)

static bool is_ip(const char *text)
{
	unsigned char address[16];

	return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

/* "[ip:][host:]container[/protocol]"; an IPv6 address may stand in brackets */
static int split_publish(const char *text, struct publish *p, struct berth_error *err)
{
	cleanup_free char *ports = NULL;
	char *container, *host;
	const char *ip = "";
	int r = split_protocol(text, &ports, &p->protocol, err);

	if (r < 0)
		return r;
	container = strrchr(ports, ':');
	host = ports;
	if (container) {
		char *colon;

		*container++ = '\0';
		colon = strrchr(ports, ':');
		if (colon) {
			*colon = '\0';
			host = colon + 1;
			ip = ports;
		}
	} else {
		container = ports;
		host = ports + strlen(ports);
	}
	p->container = strdup(container);
	p->host = strdup(host);
	p->ip = strdup(ip);
	if (!p->container || !p->host || !p->ip)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	if (p->ip[0] == '[' && str_has_suffix(p->ip, "]")) {
		p->ip[strlen(p->ip) - 1] = '\0';
		memmove(p->ip, p->ip + 1, strlen(p->ip));
	}
	if (ip[0] && !is_ip(p->ip))
		return berth_fail(err, BERTH_E_INVALID, "invalid IP address: %s", ip);
	if (!p->container[0])
		return berth_fail(err, BERTH_E_INVALID, "no port specified: %s<empty>", text);
	return 0;
}

static int bind_port(struct record *body, const struct publish *p, uint64_t container,
		     const char *host, struct berth_error *err)
{
	cleanup_free char *key = str_fmt("%u/%s", (unsigned)container, p->protocol);
	cleanup_record struct record *binding = record_new_object();
	struct record *bindings, *list;
	int r = body_object(body, "HostConfig.PortBindings", &bindings, err);

	if (!key || !binding)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	if (r == 0)
		r = record_set_str(binding, "HostIp", p->ip, err);
	if (r == 0)
		r = record_set_str(binding, "HostPort", host, err);
	if (r == 0 && !record_get(bindings, key))
		r = record_set(bindings, key, record_new_array(), err);
	if (r < 0)
		return r;
	list = record_get(bindings, key);
	return record_append(list, steal_ptr(binding), err);
}

/* ports to ports one by one; or all of @host to choose from for one container port */
static int bind_range(struct record *body, const struct publish *p, const struct range *container,
		      const struct range *host, struct berth_error *err)
{
	bool choose = container->first == container->last && host->last > host->first;
	int r = 0;

	for (uint64_t i = 0; r == 0 && i <= container->last - container->first; i++) {
		cleanup_free char *port = NULL;

		if (!p->host[0])
			port = strdup("");
		else if (choose)
			port = str_fmt("%u-%u", (unsigned)host->first, (unsigned)host->last);
		else
			port = str_fmt("%u", (unsigned)(host->first + i));
		if (!port)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		r = expose(body, container->first + i, p->protocol, err);
		if (r == 0)
			r = bind_port(body, p, container->first + i, port, err);
	}
	return r;
}

static int publish(struct record *body, const char *text, struct berth_error *err)
{
	cleanup_publish struct publish p = {0};
	struct range container, host = {0, 0};
	int r = split_publish(text, &p, err);

	if (r < 0)
		return r;
	if (!parse_range(p.container, &container))
		return berth_fail(err, BERTH_E_INVALID, "invalid containerPort: %s", p.container);
	if (p.host[0] && !parse_range(p.host, &host))
		return berth_fail(err, BERTH_E_INVALID, "invalid hostPort: %s", p.host);
	if (strcmp(p.protocol, "tcp") != 0 && strcmp(p.protocol, "udp") != 0 &&
	    strcmp(p.protocol, "sctp") != 0)
		return berth_fail(err, BERTH_E_INVALID, "invalid proto: %s", p.protocol);
	if (p.host[0] && container.first != container.last &&
	    container.last - container.first != host.last - host.first)
		return berth_fail(
			err, BERTH_E_INVALID,
			"invalid ranges specified for container and host Ports: %s and %s",
			p.container, p.host);
	return bind_range(body, &p, &container, &host, err);
}

/* "target=80,published=8080,protocol=udp" in the short form */
static int short_form(const char *text, char **ret, struct berth_error *err)
{
	cleanup_strv char **words = strv_split(text, ',');
	const char *target = "", *published = "", *protocol = "tcp";

	if (!words)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	strv_foreach (word, words) {
		const char *value;

		if (!strchr(*word, '=') || (*word)[0] == '=')
			return berth_fail(err, BERTH_E_INVALID,
					  "invalid publish opts format (should be name=value but "
					  "got '%s')",
					  *word);
		value = str_after(*word, "target=");
		target = value ? value : target;
		value = str_after(*word, "published=");
		published = value ? value : published;
		value = str_after(*word, "protocol=");
		protocol = value ? value : protocol;
	}
	*ret = str_fmt("%s:%s/%s", published, target, protocol);
	return *ret ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
}

static int add_publish(struct record *body, const char *text, struct berth_error *err)
{
	cleanup_free char *plain = NULL;
	int r;

	if (!strchr(text, '='))
		return publish(body, text, err);
	r = short_form(text, &plain, err);
	return r < 0 ? r : publish(body, plain, err);
}

/* ------------------------------------------------------------------------------------- expose */

static int add_expose(struct record *body, const char *text, struct berth_error *err)
{
	cleanup_free char *ports = NULL;
	cleanup_free char *protocol = NULL;
	struct range range;
	int r;

	if (strchr(text, ':'))
		return berth_fail(err, BERTH_E_INVALID, "invalid port format for --expose: %s",
				  text);
	r = split_protocol(text, &ports, &protocol, err);
	if (r < 0)
		return r;
	if (!parse_range(ports, &range))
		return berth_fail(err, BERTH_E_INVALID, "invalid range format for --expose: %s",
				  text);
	for (uint64_t port = range.first; r == 0 && port <= range.last; port++)
		r = expose(body, port, protocol, err);
	return r;
}

int create_ports(const struct options *o, struct record *body, struct berth_error *err)
{
	const char *text;
	int r = 0;

	for (size_t at = 0; r == 0 && (text = options_next(o, "publish", &at));)
		r = add_publish(body, text, err);
	for (size_t at = 0; r == 0 && (text = options_next(o, "expose", &at));)
		r = add_expose(body, text, err);
	return r;
}
