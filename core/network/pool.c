/* SPDX-License-Identifier: Apache-2.0 */
#include "core/network/pool.h"

#include <string.h>
#include <sys/random.h>

#include "core/network/address.h"

static struct berth_str bytes_of(const struct berth_addr *a)
{
	return (struct berth_str){(const char *)a->ip, address_len(a)};
}

static void take_bytes(struct berth_str bytes, struct berth_addr *a)
{
	if (bytes.n == address_len(a))
		memcpy(a->ip, bytes.p, bytes.n);
}

static int mark(struct store *store, const char *network, const struct berth_addr *a,
		const char *endpoint, struct berth_error *err)
{
	return db_run(store->db, NULL, err,
		      "INSERT INTO network_address(network,ip,endpoint) VALUES(?1,?2,?3)", "sbs",
		      network, bytes_of(a), endpoint);
}

/** The first address from @from to @to that nobody has; false: there is none. */
static int free_between(struct store *store, const char *network, const struct berth_addr *from,
			const struct berth_addr *to, struct berth_addr *ret, bool *ret_found,
			struct berth_error *err)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	struct berth_addr at = *from, taken = *from;
	int r;

	*ret_found = false;
	if (address_compare(from, to) > 0)
		return 0;
	r = db_query(store->db, &q, err,
		     "SELECT ip FROM network_address WHERE network=?1 AND ip>=?2 AND ip<=?3 AND "
		     "length(ip)=length(?2) ORDER BY ip",
		     "sbb", network, bytes_of(from), bytes_of(to));
	while (r == 0 && (r = db_step(q, err)) > 0) {
		take_bytes(db_blob(q, 0), &taken);
		if (address_compare(&taken, &at) != 0)
			break;
		if (!address_next(&at) || address_compare(&at, to) > 0)
			return 0;
		r = 0;
	}
	if (r < 0)
		return r;
	*ret_found = true;
	*ret = at;
	return 0;
}

/** first, last and next of the pool at @pos. */
static int read_pool(struct store *store, const struct network_row *row, uint32_t pos,
		     struct berth_addr out[static 3], struct berth_error *err)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	int r = db_query(store->db, &q, err,
			 "SELECT first,last,next FROM network_pool WHERE network=?1 AND pos=?2",
			 "si", row->id, (int64_t)pos);

	if (r == 0)
		r = db_step(q, err);
	if (r <= 0)
		return r < 0 ? r
			     : berth_fail(err, BERTH_E_CORRUPT, "network '%s' lost its pool",
					  row->name);
	for (int i = 0; i < 3; i++) {
		out[i] = row->subnet[pos].net;
		take_bytes(db_blob(q, i), &out[i]);
	}
	return 0;
}

static int take_any(struct store *store, const struct network_row *row, uint32_t pos,
		    const char *endpoint, struct berth_addr *ret, bool *ret_found,
		    struct berth_error *err)
{
	struct berth_addr pool[3], got, next;
	bool found = false;
	int r = read_pool(store, row, pos, pool, err);

	if (r == 0)
		r = free_between(store, row->id, &pool[2], &pool[1], &got, &found, err);
	if (r == 0 && !found) /* once round */
		r = free_between(store, row->id, &pool[0], &pool[1], &got, &found, err);
	*ret_found = found;
	if (r < 0 || !found)
		return r;
	next = got;
	if (!address_next(&next) || address_compare(&next, &pool[1]) > 0)
		next = pool[0];
	r = mark(store, row->id, &got, endpoint, err);
	if (r == 0)
		r = db_run(store->db, NULL, err,
			   "UPDATE network_pool SET next=?3 WHERE network=?1 AND pos=?2", "sib",
			   row->id, (int64_t)pos, bytes_of(&next));
	*ret = got;
	return r;
}

static bool is_edge(const struct berth_addr *net, const struct berth_addr *a)
{
	struct berth_addr first = address_first(net), last = address_last(net);

	if (net->prefix >= (net->family == BERTH_IPV4 ? 31 : 127))
		return false;
	return address_compare(a, &first) == 0 ||
	       (net->family == BERTH_IPV4 && address_compare(a, &last) == 0);
}

static int take_wanted(struct store *store, const struct network_row *row,
		       const struct berth_addr *wanted, const char *endpoint,
		       struct berth_addr *ret, struct berth_error *err)
{
	char text[ADDRESS_TEXT_MAX];
	int r;

	for (uint32_t i = 0; i < row->n_subnet; i++) {
		const struct berth_addr *net = &row->subnet[i].net;

		if (!address_is_in(net, wanted))
			continue;
		if (is_edge(net, wanted))
			break;
		r = mark(store, row->id, wanted, endpoint, err);
		if (r == -BERTH_E_EXISTS)
			return berth_fail(err, BERTH_E_EXISTS,
					  "network '%s': address %s is already in use", row->name,
					  address_text(wanted, text));
		*ret = *wanted;
		ret->prefix = net->prefix;
		return r;
	}
	return berth_fail(err, BERTH_E_INVALID,
			  "network '%s': no subnet of it contains the address %s", row->name,
			  address_text(wanted, text));
}

int pool_take(struct store *store, const struct network_row *row, uint8_t family,
	      const struct berth_addr *wanted, const char *endpoint, struct berth_addr *ret,
	      struct berth_error *err)
{
	char text[ADDRESS_TEXT_MAX];
	const struct berth_addr *last = NULL;
	bool found = false;
	int r = 0;

	if (wanted->family)
		return take_wanted(store, row, wanted, endpoint, ret, err);
	for (uint32_t i = 0; i < row->n_subnet && r == 0 && !found; i++) {
		if (row->subnet[i].net.family != family)
			continue;
		last = &row->subnet[i].net;
		r = take_any(store, row, i, endpoint, ret, &found, err);
	}
	if (r < 0 || found)
		return r;
	if (!last)
		return -BERTH_E_NOT_FOUND;
	return berth_fail(err, BERTH_E_FULL, "network '%s': no address is free in %s", row->name,
			  address_cidr(last, text));
}

int pool_give_back(struct store *store, const char *endpoint, struct berth_error *err)
{
	return db_run(store->db, NULL, err, "DELETE FROM network_address WHERE endpoint=?1", "s",
		      endpoint);
}

int pool_mac(const struct berth_addr *v4, uint8_t ret[static 6], struct berth_error *err)
{
	uint8_t mac[6] = {0x02, 0x42};

	if (v4)
		memcpy(mac + 2, v4->ip, 4);
	else if (getrandom(mac + 2, 4, 0) != 4)
		return berth_fail_errno(err, errno, "get random bytes");
	memcpy(ret, mac, 6);
	return 0;
}
