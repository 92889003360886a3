/* SPDX-License-Identifier: Apache-2.0 */
/* Which subnets a network gets. */
#include <string.h>
#include <sys/random.h>

#include "core/network/address.h"
#include "core/network/pool.h"
#include "core/network/routes.h"

/** Docker's: 15 networks of 65,534 addresses, then 16 of 4,094. */
static const struct {
	const char *base;
	uint8_t prefix;
} default_pools[] = {
	{"172.17.0.0/16", 16}, {"172.18.0.0/16", 16}, {"172.19.0.0/16", 16},  {"172.20.0.0/14", 16},
	{"172.24.0.0/14", 16}, {"172.28.0.0/14", 16}, {"192.168.0.0/16", 20},
};
enum { N_DEFAULT_POOLS = sizeof(default_pools) / sizeof(default_pools[0]), ULA_TRIES = 16 };

/** Subnets that are not to be had. */
struct used {
	struct berth_addr *net;
	char **owner; /* name of the network; NULL: the host */
	size_t n;
};

static void used_done(struct used *u)
{
	for (size_t i = 0; i < u->n; i++)
		free(u->owner[i]);
	free(u->owner);
	free(u->net);
}
#define cleanup_used cleanup_with(used_done)

static int used_add(struct used *u, const struct berth_addr *net, const char *owner,
		    struct berth_error *err)
{
	struct berth_addr *nets = reallocarray(u->net, u->n + 1, sizeof(*nets));
	char **owners;
	char *name = NULL;

	if (nets)
		u->net = nets;
	owners = nets ? reallocarray(u->owner, u->n + 1, sizeof(*owners)) : NULL;
	if (!owners)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	u->owner = owners;
	if (str_copy(owner, &name, err) < 0)
		return -BERTH_E_NO_MEMORY;
	u->net[u->n] = *net;
	u->owner[u->n++] = name;
	return 0;
}

static int used_networks(struct store *store, struct used *u, struct berth_error *err)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	int r = db_query(store->db, &q, err,
			 "SELECT p.subnet,n.name FROM network_pool p JOIN network n ON "
			 "n.id=p.network",
			 "");

	while (r == 0 && (r = db_step(q, err)) > 0) {
		struct berth_addr net;

		r = address_parse_cidr(db_text(q, 0), &net) == 0
			    ? used_add(u, &net, db_text(q, 1), err)
			    : 0;
	}
	return r;
}

static int used_routes(struct used *u, struct berth_error *err)
{
	cleanup_free struct berth_addr *routes = NULL;
	size_t n = 0;
	int r = routes_read(&routes, &n, err);

	for (size_t i = 0; i < n && r == 0; i++)
		r = used_add(u, &routes[i], NULL, err);
	return r;
}

static const char *owner_of(const struct used *u, const struct berth_addr *net)
{
	for (size_t i = 0; i < u->n; i++)
		if (u->net[i].family == net->family && address_overlap(&u->net[i], net))
			return u->owner[i] ? u->owner[i] : "the host";
	return NULL;
}

/** The subnet of that length behind @net. */
static bool subnet_after(struct berth_addr *net)
{
	struct berth_addr last = address_last(net);
	uint8_t prefix = net->prefix;

	if (!address_next(&last))
		return false;
	*net = last;
	net->prefix = prefix;
	return true;
}

static int choose_v4(const struct used *u, struct berth_addr *ret, struct berth_error *err)
{
	for (size_t i = 0; i < N_DEFAULT_POOLS; i++) {
		struct berth_addr base, net;

		if (address_parse_cidr(default_pools[i].base, &base) < 0)
			return berth_fail(err, BERTH_E_INTERNAL, "default pool %zu", i);
		net = base;
		net.prefix = default_pools[i].prefix;
		do {
			if (!owner_of(u, &net)) {
				*ret = net;
				return 0;
			}
		} while (subnet_after(&net) && address_is_in(&base, &net));
	}
	(void)berth_fail(err, BERTH_E_FULL,
			 "all predefined address pools have been fully subnetted");
	berth_error_hint(err, "choose a subnet with --subnet, or remove networks: berth network "
			      "prune");
	return -BERTH_E_FULL;
}

/** RFC 4193: a prefix of our own, random so that it clashes with nobody's. */
static int choose_v6(const struct used *u, struct berth_addr *ret, struct berth_error *err)
{
	for (int try = 0; try < ULA_TRIES; try++) {
		struct berth_addr net = {.family = BERTH_IPV6, .prefix = 64, .ip = {0xfd}};

		if (getrandom(net.ip + 1, 5, 0) != 5)
			return berth_fail_errno(err, errno, "get random bytes");
		if (!owner_of(u, &net)) {
			*ret = net;
			return 0;
		}
	}
	return berth_fail(err, BERTH_E_FULL, "no IPv6 subnet is free");
}

/* --- one subnet, from words to decisions -------------------------------------------------------
 */

struct plan {
	struct berth_subnet subnet; /* first and last are always set */
	char text[ADDRESS_TEXT_MAX];
};

static int bad(struct berth_error *err, const char *what, const char *text)
{
	return berth_fail(err, BERTH_E_INVALID, "invalid %s '%.64s'", what, text);
}

static void plan_bounds(struct plan *p)
{
	struct berth_addr *net = &p->subnet.net;
	bool whole = net->prefix >= (net->family == BERTH_IPV4 ? 31 : 127);

	p->subnet.first = address_first(net);
	p->subnet.last = address_last(net);
	if (whole)
		return;
	(void)address_next(&p->subnet.first);
	if (net->family == BERTH_IPV4)
		(void)address_before(&p->subnet.last);
}

static int plan_range(struct plan *p, const char *text, struct berth_error *err)
{
	struct berth_addr range, first, last;

	if (address_parse_cidr(text, &range) < 0)
		return bad(err, "ip-range", text);
	first = address_first(&range);
	last = address_last(&range);
	if (!address_is_in(&p->subnet.net, &first) || !address_is_in(&p->subnet.net, &last))
		return berth_fail(err, BERTH_E_INVALID, "ip-range %s is not within subnet %s", text,
				  p->text);
	if (address_compare(&first, &p->subnet.first) > 0)
		p->subnet.first = first;
	if (address_compare(&last, &p->subnet.last) < 0)
		p->subnet.last = last;
	return 0;
}

static int plan_gateway(struct plan *p, const char *text, struct berth_error *err)
{
	struct berth_addr gateway;

	if (address_parse(text, &gateway) < 0)
		return bad(err, "gateway", text);
	if (!address_is_in(&p->subnet.net, &gateway))
		return berth_fail(err, BERTH_E_INVALID,
				  "no matching subnet for gateway %s: it is not within %s", text,
				  p->text);
	p->subnet.gateway = gateway;
	return 0;
}

static int plan_subnet(const struct used *u, const struct berth_addr *net,
		       const struct record *config, struct plan *p, struct berth_error *err)
{
	const char *range = record_str_or(record_get(config, "IPRange"), "");
	const char *gateway = record_str_or(record_get(config, "Gateway"), "");
	const char *owner;
	int r = 0;

	*p = (struct plan){.subnet.net = address_first(net)};
	p->subnet.net.prefix = net->prefix;
	(void)address_cidr(&p->subnet.net, p->text);
	if (net->prefix == 0 || net->prefix > (net->family == BERTH_IPV4 ? 31 : 127))
		return bad(err, "subnet", p->text);
	owner = owner_of(u, &p->subnet.net);
	if (owner)
		return berth_fail(err, BERTH_E_EXISTS,
				  "subnet %s overlaps with one of network '%s'", p->text, owner);
	plan_bounds(p);
	p->subnet.gateway = p->subnet.first;
	if (*range)
		r = plan_range(p, range, err);
	if (r == 0 && *gateway)
		r = plan_gateway(p, gateway, err);
	return r;
}

static int save_aux(const struct network_host *h, const struct network_row *row,
		    const struct plan *p, const struct record *aux, struct berth_error *err)
{
	struct berth_addr addr, got;
	struct record *val;
	const char *key;
	int r = 0;

	record_foreach (aux, key, val) {
		const char *text = record_str_or(val, "");

		if (address_parse(text, &addr) < 0 || !address_is_in(&p->subnet.net, &addr))
			return bad(err, "auxiliary address", text);
		r = pool_take(h->store, row, addr.family, &addr, "", &got, err);
		if (r < 0)
			return r;
	}
	return r;
}

/** Into the tables, and what was decided into @config. */
static int save(const struct network_host *h, struct network_row *row, const struct plan *p,
		struct record *config, struct berth_error *err)
{
	const struct berth_subnet *s = &p->subnet;
	char text[ADDRESS_TEXT_MAX];
	size_t n = address_len(&s->net);
	struct berth_str first = {(const char *)s->first.ip, n},
			 last = {(const char *)s->last.ip, n};
	struct berth_addr got;
	uint32_t pos = row->n_subnet;
	int r;

	row->subnet[row->n_subnet++] = *s;
	row->subnet[pos].gateway.prefix = s->net.prefix;
	r = db_run(h->store->db, NULL, err,
		   "INSERT INTO network_pool(network,pos,subnet,first,last,next) "
		   "VALUES(?1,?2,?3,?4,?5,?4)",
		   "sisbb", row->id, (int64_t)pos, p->text, first, last);
	if (r == 0)
		r = pool_take(h->store, row, s->net.family, &s->gateway, "", &got, err);
	if (r == 0)
		r = save_aux(h, row, p, record_get(config, "AuxiliaryAddresses"), err);
	if (r == 0)
		r = record_set_str(config, "Subnet", p->text, err);
	if (r == 0)
		r = record_set_str(config, "Gateway", address_text(&s->gateway, text), err);
	return r;
}

static int make_given(const struct network_host *h, struct network_row *row, struct used *u,
		      struct record *config, struct berth_error *err)
{
	const char *text = record_str_or(record_get(config, "Subnet"), "");
	struct berth_addr net;
	struct plan p;
	int r;

	if (!*text)
		return berth_fail(err, BERTH_E_INVALID,
				  "an ip-range, gateway or auxiliary address needs a subnet");
	if (address_parse_cidr(text, &net) < 0)
		return bad(err, "subnet", text);
	r = plan_subnet(u, &net, config, &p, err);
	if (r == 0)
		r = used_add(u, &p.subnet.net, row->name, err);
	if (r == 0 && net.family == BERTH_IPV6)
		r = record_set_bool(row->spec, "EnableIPv6", true, err);
	return r < 0 ? r : save(h, row, &p, config, err);
}

static int make_chosen(const struct network_host *h, struct network_row *row, const struct used *u,
		       uint8_t family, struct record *list, struct berth_error *err)
{
	struct record *config = record_new_object();
	struct berth_addr net;
	struct plan p;
	int r = record_append(list, config, err);

	if (r == 0)
		r = family == BERTH_IPV4 ? choose_v4(u, &net, err) : choose_v6(u, &net, err);
	if (r == 0)
		r = plan_subnet(u, &net, NULL, &p, err);
	return r < 0 ? r : save(h, row, &p, config, err);
}

static bool has_family(const struct network_row *row, uint8_t family)
{
	for (uint32_t i = 0; i < row->n_subnet; i++)
		if (row->subnet[i].net.family == family)
			return true;
	return false;
}

int pool_make(const struct network_host *h, struct network_row *row, struct berth_error *err)
{
	struct record *list = record_path(row->spec, "IPAM.Config");
	bool v4 = record_bool_or(record_get(row->spec, "EnableIPv4"), true);
	bool v6 = record_bool_or(record_get(row->spec, "EnableIPv6"), false);
	cleanup_used struct used used = {0};
	int r = used_networks(h->store, &used, err);

	if (record_len(list) + 2 > NETWORK_SUBNETS_MAX)
		return berth_fail(err, BERTH_E_LIMIT, "more than %d subnets",
				  NETWORK_SUBNETS_MAX - 2);
	for (size_t i = 0; i < record_len(list) && r == 0; i++)
		r = make_given(h, row, &used, record_at(list, i), err);
	/* what a user names himself may be the host's: a bridge to it, or a network of his own */
	if (r == 0 &&
	    ((v4 && !has_family(row, BERTH_IPV4)) || (v6 && !has_family(row, BERTH_IPV6))))
		r = used_routes(&used, err);
	if (r == 0 && v4 && !has_family(row, BERTH_IPV4))
		r = make_chosen(h, row, &used, BERTH_IPV4, list, err);
	if (r == 0 && v6 && !has_family(row, BERTH_IPV6))
		r = make_chosen(h, row, &used, BERTH_IPV6, list, err);
	return r;
}
