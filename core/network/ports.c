/* SPDX-License-Identifier: Apache-2.0 */
#include "core/network/ports.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "core/network/address.h"

static const struct {
	const char *name;
	uint8_t proto;
	int type;
} protocols[] = {
	{"tcp", BERTH_TCP, SOCK_STREAM},
	{"udp", BERTH_UDP, SOCK_DGRAM},
	{"sctp", BERTH_SCTP, SOCK_STREAM},
};
enum { N_PROTOCOLS = sizeof(protocols) / sizeof(protocols[0]) };

static int protocol_find(const char *name)
{
	for (int i = 0; i < N_PROTOCOLS; i++)
		if (str_eq(protocols[i].name, name))
			return i;
	return -1;
}

static int protocol_of(uint8_t proto)
{
	for (int i = 0; i < N_PROTOCOLS; i++)
		if (protocols[i].proto == proto)
			return i;
	return 0;
}

void ports_done(struct ports *ports)
{
	for (size_t i = 0; i < ports->n_fds; i++)
		close_fd(&ports->fds[i]);
	free(ports->fds);
	free(ports->list);
	*ports = (struct ports){0};
}

static int add(struct ports *p, const struct berth_port *port, struct berth_error *err)
{
	if (p->n == PORTS_MAX)
		return berth_fail(err, BERTH_E_LIMIT, "more than %d published ports", PORTS_MAX);
	if (p->n == p->room) {
		size_t room = p->room ? p->room * 2 : 8;
		struct berth_port *more = reallocarray(p->list, room, sizeof(*more));

		if (!more)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		p->list = more;
		p->room = room;
	}
	p->list[p->n++] = *port;
	return 0;
}

static int add_fd(struct ports *p, int *fd, struct berth_error *err)
{
	if (p->n_fds == p->fds_room) {
		size_t room = p->fds_room ? p->fds_room * 2 : 8;
		int *more = reallocarray(p->fds, room, sizeof(*more));

		if (!more)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		p->fds = more;
		p->fds_room = room;
	}
	p->fds[p->n_fds++] = steal_fd(fd);
	return 0;
}

/* --- reserve ------------------------------------------------------------------------------------
 */

/** One port to be had: where, and on which of a range. */
struct want {
	uint16_t inside;
	int protocol;		/* index of protocols */
	struct berth_addr host; /* family 0: all of both */
	uint16_t first, last;	/* 0: any */
};

/** One of both families if the host has IPv6; *ret_both says whether. errno on failure. */
static int socket_of(const struct want *w, bool *ret_both)
{
	int proto = protocols[w->protocol].proto == BERTH_SCTP ? IPPROTO_SCTP : 0;
	int type = protocols[w->protocol].type | SOCK_CLOEXEC;
	int off = 0, on = 1, fd;

	*ret_both = false;
	if (w->host.family == BERTH_IPV4)
		return socket(AF_INET, type, proto);
	fd = socket(AF_INET6, type, proto);
	if (w->host.family == BERTH_IPV6) {
		if (fd >= 0)
			(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
		return fd;
	}
	if (fd >= 0 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) == 0) {
		*ret_both = true;
		return fd;
	}
	close_fd(&fd);
	return socket(AF_INET, type, proto);
}

static int bind_to(int fd, const struct want *w, bool both, uint16_t port)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};

	if (both || w->host.family == BERTH_IPV6) {
		if (w->host.family == BERTH_IPV6)
			memcpy(&v6.sin6_addr, w->host.ip, 16);
		v6.sin6_scope_id = w->host.scope;
		return bind(fd, (const struct sockaddr *)&v6, sizeof(v6));
	}
	memcpy(&v4.sin_addr, w->host.ip, 4);
	return bind(fd, (const struct sockaddr *)&v4, sizeof(v4));
}

static uint16_t port_of(int fd)
{
	struct sockaddr_storage at;
	socklen_t len = sizeof(at);

	if (getsockname(fd, (struct sockaddr *)&at, &len) < 0)
		return 0;
	return at.ss_family == AF_INET6 ? ntohs(((const struct sockaddr_in6 *)&at)->sin6_port)
					: ntohs(((const struct sockaddr_in *)&at)->sin_port);
}

static int bind_failed(const struct want *w, uint16_t port, int error, struct berth_error *err)
{
	char text[ADDRESS_TEXT_MAX];
	const char *ip = w->host.family ? address_text(&w->host, text) : "0.0.0.0";
	const char *proto = protocols[w->protocol].name;

	if (error == EADDRINUSE && w->first != w->last)
		return berth_fail(err, BERTH_E_BUSY, "all ports of %u-%u/%s are in use on %s",
				  w->first, w->last, proto, ip);
	if (error == EADDRINUSE) {
		(void)berth_fail(err, BERTH_E_BUSY, "port %u/%s is already in use on %s", port,
				 proto, ip);
		berth_error_hint(err, "berth ps shows what containers publish, ss -lntup what "
				      "listens on the host");
		return -BERTH_E_BUSY;
	}
	if (error == EADDRNOTAVAIL)
		return berth_fail(err, BERTH_E_NOT_FOUND,
				  "cannot publish port %u/%s: this host has no address %s", port,
				  proto, ip);
	return berth_fail_errno(err, error, "reserve port %u/%s on %s", port, proto, ip);
}

static int note(struct ports *p, const struct want *w, bool both, uint16_t port,
		struct berth_error *err)
{
	struct berth_port entry = {
		.size = sizeof(entry),
		.inside = w->inside,
		.outside = port,
		.count = 1,
		.proto = protocols[w->protocol].proto,
		.host = w->host,
	};
	int r;

	if (w->host.family)
		return add(p, &entry, err);
	entry.host = (struct berth_addr){.family = BERTH_IPV4};
	r = add(p, &entry, err);
	entry.host = (struct berth_addr){.family = BERTH_IPV6};
	return r < 0 || !both ? r : add(p, &entry, err);
}

/** @prefer: tried first, 0 for none. */
static int reserve(struct ports *p, const struct want *w, uint16_t prefer, struct berth_error *err)
{
	bool both;
	cleanup_fd int fd = socket_of(w, &both);
	uint32_t port = w->first;
	int r;

	if (fd < 0 && (errno == EPROTONOSUPPORT || errno == EAFNOSUPPORT))
		return berth_fail(err, BERTH_E_UNSUPPORTED, "this kernel has no %s%s",
				  protocols[w->protocol].name,
				  w->host.family == BERTH_IPV6 ? " on IPv6" : "");
	if (fd < 0)
		return berth_fail_errno(err, errno, "make a socket");
	if (!prefer || bind_to(fd, w, both, prefer) < 0) {
		while (bind_to(fd, w, both, (uint16_t)port) < 0) {
			if (errno != EADDRINUSE || port >= w->last)
				return bind_failed(w, (uint16_t)port, errno, err);
			port++;
		}
	}
	r = note(p, w, both, port_of(fd), err);
	return r < 0 ? r : add_fd(p, &fd, err);
}

static int parse_inside(const char *key, struct want *w, struct berth_error *err)
{
	const char *slash = strchrnul(key, '/');
	cleanup_free char *digits = strndup(key, (size_t)(slash - key));
	uint64_t port = 0;

	w->protocol = protocol_find(*slash ? slash + 1 : "tcp");
	if (!digits || w->protocol < 0 || parse_u64(digits, UINT16_MAX, &port) < 0 || port == 0)
		return berth_fail(err, BERTH_E_INVALID, "invalid port '%.32s'", key);
	w->inside = (uint16_t)port;
	return 0;
}

static int parse_outside(const char *text, struct want *w, struct berth_error *err)
{
	cleanup_strv char **parts = strv_split(text, '-');
	size_t n = strv_len(parts);
	uint64_t first = 0, last = 0;

	if (n > 2 || (n > 0 && parse_u64(parts[0], UINT16_MAX, &first) < 0))
		return berth_fail(err, BERTH_E_INVALID, "invalid host port '%.32s'", text);
	last = first;
	if ((n == 2 && parse_u64(parts[1], UINT16_MAX, &last) < 0) || last < first)
		return berth_fail(err, BERTH_E_INVALID, "invalid host port '%.32s'", text);
	w->first = (uint16_t)first;
	w->last = (uint16_t)last;
	return 0;
}

static int parse_host(const char *ip, const char *any, struct want *w, struct berth_error *err)
{
	if (!*ip)
		ip = any && !str_eq(any, "any") ? any : "";
	w->host = (struct berth_addr){0};
	if (*ip && address_parse(ip, &w->host) < 0)
		return berth_fail(err, BERTH_E_INVALID, "invalid IP address: %.64s", ip);
	return 0;
}

/** The random port that this one had before. */
static uint16_t port_before(const struct record *before, const struct want *w)
{
	for (size_t i = 0; i < record_len(before); i++) {
		const struct record *p = record_at(before, i);

		if (record_int_or(record_get(p, "PrivatePort"), 0) == w->inside &&
		    str_eq(record_str(record_get(p, "Type")), protocols[w->protocol].name))
			return (uint16_t)record_int_or(record_get(p, "PublicPort"), 0);
	}
	return 0;
}

static int reserve_binding(const struct ports_wish *wish, const char *key,
			   const struct record *binding, struct ports *p, struct berth_error *err)
{
	struct want w = {0};
	int r = parse_inside(key, &w, err);

	if (r == 0)
		r = parse_outside(record_str_or(record_get(binding, "HostPort"), ""), &w, err);
	if (r == 0)
		r = parse_host(record_str_or(record_get(binding, "HostIp"), ""), wish->any, &w,
			       err);
	if (r < 0)
		return r;
	return reserve(p, &w, w.first == w.last && w.first ? 0 : port_before(wish->before, &w),
		       err);
}

int ports_reserve(const struct ports_wish *wish, struct ports *ret, struct berth_error *err)
{
	cleanup_ports struct ports p = {0};
	struct record *val;
	const char *key;
	int r = 0;

	record_foreach (wish->bindings, key, val) {
		for (size_t i = 0; i < record_len(val) && r == 0; i++)
			r = reserve_binding(wish, key, record_at(val, i), &p, err);
		if (r < 0)
			return r;
	}
	record_foreach (wish->exposed, key, val) {
		if (record_len(record_get(wish->bindings, key)) > 0)
			continue;
		r = reserve_binding(wish, key, NULL, &p, err);
		if (r < 0)
			return r;
	}
	*ret = p;
	p = (struct ports){0};
	return 0;
}

/* --- as records ---------------------------------------------------------------------------------
 */

static int write_one(const struct berth_port *port, struct record *list, struct berth_error *err)
{
	struct record *out = record_new_object();
	char ip[ADDRESS_TEXT_MAX];
	int r = record_append(list, out, err);

	if (r == 0)
		r = record_set_str(out, "IP", address_text(&port->host, ip), err);
	if (r == 0)
		r = record_set_int(out, "PrivatePort", port->inside, err);
	if (r == 0)
		r = record_set_int(out, "PublicPort", port->outside, err);
	return r < 0 ? r
		     : record_set_str(out, "Type", protocols[protocol_of(port->proto)].name, err);
}

int ports_write(const struct ports *ports, struct record **ret, struct berth_error *err)
{
	cleanup_record struct record *list = record_new_array();
	int r = list ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");

	for (size_t i = 0; i < ports->n && r == 0; i++)
		r = write_one(&ports->list[i], list, err);
	if (r == 0)
		*ret = steal_ptr(list);
	return r;
}

int ports_read(const struct record *list, struct ports *ret, struct berth_error *err)
{
	cleanup_ports struct ports p = {0};
	int r = 0;

	for (size_t i = 0; i < record_len(list) && r == 0; i++) {
		const struct record *item = record_at(list, i);
		int protocol = protocol_find(record_str_or(record_get(item, "Type"), ""));
		struct berth_port port = {
			.size = sizeof(port),
			.inside = (uint16_t)record_int_or(record_get(item, "PrivatePort"), 0),
			.outside = (uint16_t)record_int_or(record_get(item, "PublicPort"), 0),
			.count = 1,
		};

		if (protocol < 0 || !port.inside || !port.outside ||
		    address_parse(record_str_or(record_get(item, "IP"), ""), &port.host) < 0)
			continue;
		if (address_is_any(&port.host))
			port.host.prefix = 0;
		port.proto = protocols[protocol].proto;
		r = add(&p, &port, err);
	}
	if (r < 0)
		return r;
	*ret = p;
	p = (struct ports){0};
	return 0;
}

static int map_one(const struct record *item, struct record *map, struct berth_error *err)
{
	cleanup_free char *key =
		str_fmt("%lld/%s", (long long)record_int_or(record_get(item, "PrivatePort"), 0),
			record_str_or(record_get(item, "Type"), ""));
	cleanup_free char *port =
		str_fmt("%lld", (long long)record_int_or(record_get(item, "PublicPort"), 0));
	struct record *list = key ? record_get(map, key) : NULL;
	struct record *out = record_new_object();
	int r = key && port ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");

	if (r == 0 && !list) {
		list = record_new_array();
		r = record_set(map, key, list, err);
	}
	if (r < 0) {
		record_free(out);
		return r;
	}
	r = record_append(list, out, err);
	if (r == 0)
		r = record_set_str(out, "HostIp", record_str_or(record_get(item, "IP"), ""), err);
	return r < 0 ? r : record_set_str(out, "HostPort", port, err);
}

int ports_map(const struct record *list, const struct record *exposed, struct record **ret,
	      struct berth_error *err)
{
	cleanup_record struct record *map = record_new_object();
	struct record *val;
	const char *key;
	int r = map ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");

	for (size_t i = 0; i < record_len(list) && r == 0; i++)
		r = map_one(record_at(list, i), map, err);
	record_foreach (exposed, key, val) {
		if (r == 0 && !record_has(map, key))
			r = record_set_null(map, key, err);
	}
	if (r == 0)
		*ret = steal_ptr(map);
	return r;
}
