/* SPDX-License-Identifier: Apache-2.0 */
#include <netinet/in.h> /* before the kernel's, which then leave out the same */

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <stdlib.h>

#include "base/str.h"
#include "bridge.h"

enum { INET = NFPROTO_INET, KEY_MAX = 24, DATA_MAX = 20 };

/* An element of one of the maps. */
struct entry {
	const char *map;
	uint8_t key[KEY_MAX], data[DATA_MAX];
	uint32_t key_len, data_len;
};

static const char *const maps[] = {"ports4", "ports6", "ports4_at", "ports6_at", "refuse6"};
enum { N_MAPS = sizeof(maps) / sizeof(maps[0]) };

/* --- what is to be there -------------------------------------------------- */

static void put_port(uint8_t *to, uint16_t port)
{
	uint16_t wire = htons(port);

	memcpy(to, &wire, sizeof(wire));
}

/* Protocol and port behind what is in the key already. */
static void put_key(struct entry *e, uint8_t proto, uint16_t port)
{
	e->key[e->key_len] = proto;
	put_port(e->key + e->key_len + 4, port);
	e->key_len += 8;
}

static bool is_any(const struct berth_addr *a)
{
	static const uint8_t zero[16];

	return memcmp(a->ip, zero, sizeof(zero)) == 0;
}

/* Port number @i of @port, for the address family of @to. false: it is not for that one. */
static bool entry_of(bool closed, const struct berth_port *port, uint16_t i,
		     const struct berth_addr *to, struct entry *ret)
{
	static const struct berth_addr v4_loopback = {.family = BERTH_IPV4, .ip = {127, 0, 0, 1}};
	const struct berth_addr *host = &port->host;
	bool v4 = to->family == BERTH_IPV4;
	bool at = !is_any(host);
	uint32_t len = v4 ? 4 : 16;

	if (host->family && host->family != to->family)
		return false;
	if (!at && closed) {
		if (!v4)
			return false;
		host = &v4_loopback;
		at = true;
	}
	*ret = (struct entry){.map = v4 ? (at ? "ports4_at" : "ports4")
					: (at ? "ports6_at" : "ports6")};
	if (at) {
		memcpy(ret->key, host->ip, len);
		ret->key_len = len;
	}
	put_key(ret, port->proto, (uint16_t)(port->outside + i));
	memcpy(ret->data, to->ip, len);
	put_port(ret->data + len, (uint16_t)(port->inside + i));
	ret->data_len = len + 4;
	return true;
}

typedef int (*entry_fn)(void *arg, const struct entry *e);

/* Who asks ::1 is refused: of ports that are published on it, or on all addresses. */
static bool refused_of(const struct berth_port *port, uint16_t i, struct entry *ret)
{
	static const uint8_t loopback[16] = {[15] = 1};

	if (port->host.family == BERTH_IPV4 && is_any(&port->host))
		return false;
	if (!is_any(&port->host) && memcmp(port->host.ip, loopback, 16) != 0)
		return false;
	*ret = (struct entry){.map = "refuse6"};
	put_key(ret, port->proto, (uint16_t)(port->outside + i));
	return true;
}

static int each_of_port(bool closed, const struct berth_endpoint *ep, const struct berth_port *port,
			entry_fn fn, void *arg)
{
	bool seen4 = false, seen6 = false;
	struct entry e;
	int r = 0;

	for (uint32_t a = 0; a < ep->n_addr && r == 0; a++) {
		bool *seen = ep->addr[a].family == BERTH_IPV4 ? &seen4 : &seen6;

		if (*seen)
			continue; /* it leads to the first one of each family */
		*seen = true;
		for (uint32_t i = 0; i < port->count && r == 0; i++)
			if (entry_of(closed, port, (uint16_t)i, &ep->addr[a], &e))
				r = fn(arg, &e);
	}
	for (uint32_t i = 0; i < port->count && r == 0; i++)
		if (refused_of(port, (uint16_t)i, &e))
			r = fn(arg, &e);
	return r;
}

static const struct berth_port *port_at(const struct berth_endpoint *ep, uint32_t i)
{
	return (const struct berth_port *)(const void *)((const char *)ep->port +
							 (size_t)i * ep->port_stride);
}

/* @closed: of host_is_closed */
static int each_entry(bool closed, const struct berth_endpoint *ep, entry_fn fn, void *arg)
{
	int r = 0;

	for (uint32_t i = 0; i < ep->n_port && r == 0; i++)
		r = each_of_port(closed, ep, port_at(ep, i), fn, arg);
	return r;
}

static void put_entry(struct nft *b, enum nft_what what, const struct entry *e)
{
	nft_element(b, what, INET, RULES_TABLE, e->map,
		    &(struct nft_element){.key = e->key,
					  .key_len = e->key_len,
					  .data = e->data_len ? e->data : NULL,
					  .data_len = e->data_len});
}

static int add_entry(void *arg, const struct entry *e)
{
	put_entry(arg, NFT_ADD, e);
	return 0;
}

void ports_add(struct nft *b, struct berth_network *net, const struct berth_endpoint *ep)
{
	(void)each_entry(host_is_closed(net), ep, add_entry, b);
}

/* --- what is there -------------------------------------------------------- */

/* Elements of the maps that lead to an endpoint, or that stand where its own are to be. */
struct found {
	bool closed;
	const struct berth_endpoint *ep;
	const char *map;
	struct entry *entry;
	bool *wanted; /* and as it should be */
	size_t n, room;
};

static void found_done(struct found *f)
{
	free(f->entry);
	free(f->wanted);
}

static bool leads_here(const struct berth_endpoint *ep, const struct nft_element *e)
{
	for (uint32_t i = 0; i < ep->n_addr; i++) {
		uint32_t len = ep->addr[i].family == BERTH_IPV4 ? 4 : 16;

		if (e->data_len == len + 4 && memcmp(e->data, ep->addr[i].ip, len) == 0)
			return true;
	}
	return false;
}

/* A wanted one with this key. */
struct match {
	const char *map;
	const struct nft_element *e;
	bool key, all;
};

static int compare(void *arg, const struct entry *e)
{
	struct match *m = arg;

	if (strcmp(m->map, e->map) != 0 || m->e->key_len != e->key_len ||
	    memcmp(m->e->key, e->key, e->key_len) != 0)
		return 0;
	m->key = true;
	m->all = m->e->data_len == e->data_len &&
		 (e->data_len == 0 || memcmp(m->e->data, e->data, e->data_len) == 0);
	return 1;
}

static int keep(struct found *f, const struct nft_element *e, bool wanted)
{
	struct entry *to;

	/* while others change the map, the kernel may list an element twice */
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->entry[i].map, f->map) == 0 && f->entry[i].key_len == e->key_len &&
		    memcmp(f->entry[i].key, e->key, e->key_len) == 0)
			return 0;
	if (f->n == f->room) {
		size_t room = f->room ? 2 * f->room : 32;
		struct entry *more = reallocarray(f->entry, room, sizeof(*more));
		bool *flags;

		if (!more)
			return -ENOMEM;
		f->entry = more;
		flags = reallocarray(f->wanted, room, sizeof(*flags));
		if (!flags)
			return -ENOMEM;
		f->wanted = flags;
		f->room = room;
	}
	to = &f->entry[f->n];
	*to = (struct entry){.map = f->map, .key_len = e->key_len, .data_len = e->data_len};
	memcpy(to->key, e->key, e->key_len);
	if (e->data_len)
		memcpy(to->data, e->data, e->data_len);
	f->wanted[f->n++] = wanted;
	return 0;
}

static int look_at(void *arg, const struct nft_element *e)
{
	struct found *f = arg;
	struct match m = {f->map, e, false, false};

	if (e->key_len > KEY_MAX || e->data_len > DATA_MAX)
		return 0; /* none of ours */
	(void)each_entry(f->closed, f->ep, compare, &m);
	return m.key || leads_here(f->ep, e) ? keep(f, e, m.all) : 0;
}

static int find(struct berth_network *net, const struct berth_endpoint *ep, struct found *f,
		struct berth_error *err)
{
	cleanup_bridge_nft struct bridge_nft nft = {.fd = -1};
	int r;

	*f = (struct found){.closed = host_is_closed(net), .ep = ep};
	r = bridge_nft_borrow(net, &nft, err);
	for (size_t i = 0; i < N_MAPS && r == 0; i++) {
		int code;

		f->map = maps[i];
		code = nft_each_element(nft.fd, INET, RULES_TABLE, maps[i], look_at, f);
		if (code < 0 && code != -ENOENT) /* no table: nothing is there */
			r = berth_fail_errno(err, -code, "list the published ports");
	}
	nft.clean = r == 0;
	return r;
}

struct adding {
	struct nft *b;
	const struct found *found;
	unsigned n;
};

static int add_missing(void *arg, const struct entry *e)
{
	struct adding *a = arg;
	const struct found *f = a->found;

	for (size_t i = 0; i < f->n; i++)
		if (f->wanted[i] && strcmp(f->entry[i].map, e->map) == 0 &&
		    f->entry[i].key_len == e->key_len &&
		    memcmp(f->entry[i].key, e->key, e->key_len) == 0)
			return 0;
	put_entry(a->b, NFT_ADD, e);
	a->n++;
	return 0;
}

int ports_set(struct berth_network *net, const struct berth_endpoint *ep, struct berth_error *err)
{
	cleanup_with(found_done) struct found f = {0};
	struct adding a = {.found = &f};
	struct nft b;
	unsigned n = 0;
	int r = find(net, ep, &f, err);

	if (r < 0)
		return r;
	nft_begin(&b);
	for (size_t i = 0; i < f.n; i++)
		if (!f.wanted[i]) {
			put_entry(&b, NFT_DELETE, &f.entry[i]);
			n++;
		}
	a.b = &b;
	(void)each_entry(f.closed, ep, add_missing, &a);
	if (n + a.n > 0)
		return rules_commit(net, &b, "publish ports", err);
	nft_done(&b);
	return 0;
}

int ports_clear(struct berth_network *net, const struct berth_endpoint *ep, struct berth_error *err)
{
	cleanup_with(found_done) struct found f = {0};
	struct nft b;
	int r = find(net, ep, &f, err);

	if (r < 0 || f.n == 0)
		return r;
	nft_begin(&b);
	for (size_t i = 0; i < f.n; i++)
		/* one that stands at our key and leads elsewhere is somebody else's by now */
		if (f.wanted[i] ||
		    leads_here(ep, &(struct nft_element){.data = f.entry[i].data,
							 .data_len = f.entry[i].data_len}))
			put_entry(&b, NFT_DELETE, &f.entry[i]);
	return rules_commit(net, &b, "take back published ports", err);
}

int ports_missing(struct berth_network *net, const struct berth_endpoint *ep, unsigned *ret,
		  struct berth_error *err)
{
	cleanup_with(found_done) struct found f = {0};
	struct adding a = {.found = &f};
	struct nft b;
	int r = find(net, ep, &f, err);

	if (r < 0)
		return r;
	nft_begin(&b);
	a.b = &b;
	(void)each_entry(f.closed, ep, add_missing, &a);
	nft_done(&b);
	*ret = a.n;
	return 0;
}

/* --- for people ----------------------------------------------------------- */

static int add_line(void *arg, const struct entry *e)
{
	char ***lines = arg;
	bool v6 = strstr(e->map, "6") != NULL;
	uint32_t len = v6 ? 16 : 4;
	const uint8_t *at = e->key_len > 8 ? e->key : NULL, *rest = e->key + e->key_len - 8;
	const char *proto = *rest == IPPROTO_TCP ? "tcp" : *rest == IPPROTO_UDP ? "udp" : "sctp";
	struct berth_addr a = {.family = v6 ? BERTH_IPV6 : BERTH_IPV4};
	cleanup_str struct str line = STR_INIT;
	uint16_t outside, inside;

	memcpy(&outside, rest + 4, 2);
	str_addf(&line, "add element inet " RULES_TABLE " %s { ", e->map);
	if (at) {
		memcpy(a.ip, at, len);
		str_addf(&line, "%s . ", link_addr_text(&a, false));
	}
	str_addf(&line, "%s . %u", proto, ntohs(outside));
	if (e->data_len) {
		memcpy(a.ip, e->data, len);
		memcpy(&inside, e->data + len, 2);
		str_addf(&line, " : %s . %u", link_addr_text(&a, false), ntohs(inside));
	}
	str_add(&line, " }");
	return strv_addf(lines, "%s", str_text(&line));
}

int ports_lines(struct berth_network *net, const struct berth_endpoint *ep, char ***ret)
{
	return each_entry(host_is_closed(net), ep, add_line, ret);
}
