/* SPDX-License-Identifier: Apache-2.0 */
#include "core/network/endpoint.h"

#include <string.h>

#include "core/network/address.h"
#include "core/network/pool.h"

#define COLUMNS "id,container,network,phase,pos,ifname,mac,addresses,gateways,ports,names,state"
enum column {
	COL_ID,
	COL_CONTAINER,
	COL_NETWORK,
	COL_PHASE,
	COL_POS,
	COL_IFNAME,
	COL_MAC,
	COL_ADDRESSES,
	COL_GATEWAYS,
	COL_PORTS,
	COL_NAMES,
	COL_STATE,
};

void endpoint_free(struct endpoint *ep)
{
	if (!ep)
		return;
	free(ep->container);
	free(ep->network);
	free(ep->phase);
	record_free(ep->ports);
	strv_free(ep->names);
	str_done(&ep->state);
	free(ep);
}

void endpoints_done(struct endpoints *eps)
{
	for (size_t i = 0; i < eps->n; i++)
		endpoint_free(eps->list[i]);
	free(eps->list);
	*eps = (struct endpoints){0};
}

/* --- texts of columns --------------------------------------------------------------------------
 */

/** "10.0.0.2/24 fd00::2/64" */
static void read_addresses(const char *text, struct endpoint *ep)
{
	cleanup_strv char **words = strv_split(text, ' ');

	strv_foreach (word, words)
		if (ep->n_addr < ENDPOINT_ADDRESSES_MAX &&
		    address_parse_cidr(*word, &ep->addr[ep->n_addr]) == 0)
			ep->n_addr++;
}

static void read_gateways(const char *text, struct endpoint *ep)
{
	cleanup_strv char **words = strv_split(text, ' ');
	struct berth_addr addr;

	strv_foreach (word, words) {
		if (address_parse_cidr(*word, &addr) < 0)
			continue;
		if (addr.family == BERTH_IPV4)
			ep->gateway4 = addr;
		else
			ep->gateway6 = addr;
	}
}

static void add_address(const struct berth_addr *a, struct str *out)
{
	char text[ADDRESS_TEXT_MAX];

	if (a->family)
		str_addf(out, "%s%s", out->len ? " " : "", address_cidr(a, text));
}

struct texts {
	struct str addresses, gateways;
	char mac[MAC_TEXT_MAX];
	char *ports, *names;
};

static void texts_done(struct texts *t)
{
	str_done(&t->addresses);
	str_done(&t->gateways);
	free(t->ports);
	free(t->names);
}
#define cleanup_texts cleanup_with(texts_done)

static int write_texts(const struct endpoint *ep, struct texts *t, struct berth_error *err)
{
	int r;

	for (uint32_t i = 0; i < ep->n_addr; i++)
		add_address(&ep->addr[i], &t->addresses);
	add_address(&ep->gateway4, &t->gateways);
	add_address(&ep->gateway6, &t->gateways);
	(void)mac_text(ep->mac, t->mac);
	t->ports = ep->ports ? record_to_text(ep->ports, RECORD_COMPACT) : strdup("[]");
	t->names = ep->names ? strv_join(ep->names, "\n") : strdup("");
	r = str_check(&t->addresses, err);
	if (r == 0)
		r = str_check(&t->gateways, err);
	if (r == 0 && (!t->ports || !t->names))
		r = berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	return r;
}

/* --- read ---------------------------------------------------------------------------------------
 */

static int read_endpoint(struct db_stmt *q, struct endpoint **ret, struct berth_error *err)
{
	cleanup_endpoint struct endpoint *ep = calloc(1, sizeof(*ep));
	struct berth_str state = db_blob(q, COL_STATE);
	const char *ports = db_text(q, COL_PORTS);
	int r;

	if (!ep)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	(void)snprintf(ep->id, sizeof(ep->id), "%s", db_text(q, COL_ID));
	(void)snprintf(ep->ifname, sizeof(ep->ifname), "%s", db_text(q, COL_IFNAME));
	ep->pos = db_int(q, COL_POS);
	r = str_copy(db_text(q, COL_CONTAINER), &ep->container, err);
	if (r == 0)
		r = str_copy(db_text(q, COL_NETWORK), &ep->network, err);
	if (r == 0)
		r = str_copy(db_text(q, COL_PHASE), &ep->phase, err);
	if (r == 0)
		r = record_parse(ports, strlen(ports), 0, &ep->ports, err);
	if (r < 0)
		return r;
	(void)mac_parse(db_text(q, COL_MAC), ep->mac); /* damaged: none, as if it were new */
	read_addresses(db_text(q, COL_ADDRESSES), ep);
	read_gateways(db_text(q, COL_GATEWAYS), ep);
	ep->names = strv_split(db_text(q, COL_NAMES), '\n');
	if (state.n > 0)
		str_add_n(&ep->state, state.p, state.n);
	*ret = steal_ptr(ep);
	return 0;
}

static int read_all(struct db_stmt *q, struct endpoints *ret, struct berth_error *err)
{
	cleanup_endpoints struct endpoints eps = {0};
	int r;

	while ((r = db_step(q, err)) > 0) {
		struct endpoint **more = reallocarray(eps.list, eps.n + 1, sizeof(*more));

		if (!more)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		eps.list = more;
		r = read_endpoint(q, &eps.list[eps.n], err);
		if (r < 0)
			return r;
		eps.n++;
	}
	if (r < 0)
		return r;
	*ret = eps;
	eps = (struct endpoints){0};
	return 0;
}

int endpoints_of_container(struct store *store, const char *container, struct endpoints *ret,
			   struct berth_error *err)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	int r = db_query(store->db, &q, err,
			 "SELECT " COLUMNS " FROM endpoint WHERE container=?1 ORDER BY pos", "s",
			 container);

	return r < 0 ? r : read_all(q, ret, err);
}

int endpoints_of_network(struct store *store, const char *network, struct endpoints *ret,
			 struct berth_error *err)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	int r = db_query(store->db, &q, err,
			 "SELECT " COLUMNS " FROM endpoint WHERE network=?1 ORDER BY rowid", "s",
			 network);

	return r < 0 ? r : read_all(q, ret, err);
}

int endpoints_in_phase(struct store *store, const char *phase, struct endpoints *ret,
		       struct berth_error *err)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	int r = db_query(store->db, &q, err, "SELECT " COLUMNS " FROM endpoint WHERE phase=?1", "s",
			 phase);

	return r < 0 ? r : read_all(q, ret, err);
}

int endpoints_all(struct store *store, struct endpoints *ret, struct berth_error *err)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	int r = db_query(store->db, &q, err, "SELECT " COLUMNS " FROM endpoint ORDER BY rowid", "");

	return r < 0 ? r : read_all(q, ret, err);
}

/* --- write --------------------------------------------------------------------------------------
 */

int endpoint_insert(struct store *store, const struct endpoint *ep, struct berth_error *err)
{
	cleanup_texts struct texts t = {0};
	int r = write_texts(ep, &t, err);

	if (r == 0)
		r = db_run(store->db, NULL, err,
			   "DELETE FROM endpoint WHERE container=?1 AND network=?2 AND phase='off'",
			   "ss", ep->container, ep->network);
	if (r == 0)
		r = db_run(store->db, NULL, err,
			   "INSERT INTO endpoint(id,container,network,pos,phase,ifname,mac,"
			   "addresses,gateways,ports,names) "
			   "VALUES(?1,?2,?3,?4,'making',?5,?6,?7,?8,?9,?10)",
			   "sssissssss", ep->id, ep->container, ep->network, ep->pos, ep->ifname,
			   t.mac, str_text(&t.addresses), str_text(&t.gateways), t.ports, t.names);
	return r;
}

int endpoint_ready(struct store *store, const struct endpoint *ep, struct berth_error *err)
{
	cleanup_texts struct texts t = {0};
	int r = write_texts(ep, &t, err);

	if (r == 0)
		r = db_run(store->db, NULL, err,
			   "UPDATE endpoint SET phase='ready',mac=?2,addresses=?3,gateways=?4,"
			   "state=?5 WHERE id=?1",
			   "ssssb", ep->id, t.mac, str_text(&t.addresses), str_text(&t.gateways),
			   (struct berth_str){str_text(&ep->state), ep->state.len});
	return r;
}

int endpoints_leave(struct store *store, const char *container, struct berth_error *err)
{
	return db_run(store->db, NULL, err,
		      "UPDATE endpoint SET phase='leaving' WHERE container=?1 AND phase IN("
		      "'making','ready')",
		      "s", container);
}

int endpoint_leave(struct store *store, const char *id, struct berth_error *err)
{
	return db_run(store->db, NULL, err, "UPDATE endpoint SET phase='leaving' WHERE id=?1", "s",
		      id);
}

int endpoint_left(struct store *store, const struct endpoint *ep, bool forget,
		  struct berth_error *err)
{
	int r = db_begin(store->db, err);

	if (r == 0)
		r = pool_give_back(store, ep->id, err);
	if (r == 0)
		r = db_run(store->db, NULL, err,
			   "UPDATE endpoint SET phase='off',state=NULL WHERE id=?1", "s", ep->id);
	if (r == 0 && forget)
		r = db_run(store->db, NULL, err, "DELETE FROM endpoint WHERE id=?1", "s", ep->id);
	else if (r == 0)
		r = db_run(
			store->db, NULL, err,
			"DELETE FROM endpoint WHERE id=?1 AND NOT EXISTS(SELECT 1 FROM container "
			"WHERE id=endpoint.container)",
			"s", ep->id);
	if (r == 0)
		r = db_commit(store->db, DB_LAZY, err);
	if (r < 0)
		db_rollback(store->db);
	return r;
}

/* --- for the driver ----------------------------------------------------------------------------
 */

int endpoint_call_open(const struct endpoint *ep, int netns_fd, const char *hostname,
		       struct endpoint_call *ret, struct berth_error *err)
{
	struct endpoint_call call = {0};
	int r = ports_read(ep->ports, &call.ports, err);

	if (r < 0)
		return r;
	call.ep = (struct berth_endpoint){
		.size = sizeof(call.ep),
		.id = ep->id,
		.network = ep->network,
		.container = ep->container,
		.hostname = hostname,
		.ifname = ep->ifname,
		.addr = ep->addr,
		.n_addr = ep->n_addr,
		.port = call.ports.list,
		.n_port = (uint32_t)call.ports.n,
		.port_stride = sizeof(struct berth_port),
		.netns_fd = netns_fd,
		.state = {str_text(&ep->state), ep->state.len},
	};
	memcpy(call.ep.mac, ep->mac, sizeof(call.ep.mac));
	*ret = call;
	return 0;
}

void endpoint_call_done(struct endpoint_call *call)
{
	ports_done(&call->ports);
}
