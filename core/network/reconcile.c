/* SPDX-License-Identifier: Apache-2.0 */
/* What dead processes, reboots and other people's hands have left: put right here. */
#include <fcntl.h>
#include <string.h>

#include "base/log.h"
#include "core/network/connection.h"
#include "core/network/zone.h"

bool network_has_left(struct store *store)
{
	cleanup_db_stmt struct db_stmt *q = NULL;

	return db_query(store->db, &q, NULL,
			"SELECT 1 FROM endpoint WHERE phase='leaving' UNION ALL "
			"SELECT 1 FROM network WHERE phase<>'ready' LIMIT 1",
			"") == 0 &&
	       db_step(q, NULL) > 0;
}

/** A network that is half made or half removed: if nobody is at it, it goes. */
static int drop_half(const struct network_host *h, const struct network_row *row,
		     struct berth_error *err)
{
	cleanup_network_row struct network_row *now = NULL;
	cleanup_fd int lock = -1;
	int r = store_lock(h->store, NETWORK_LOCK, row->id, true, &lock, err);

	if (r == -BERTH_E_BUSY)
		return 0;
	if (r == 0)
		r = network_row_find(h->store, row->id, &now, err);
	if (r == -BERTH_E_NOT_FOUND || (r == 0 && str_eq(now->phase, "ready")))
		return 0;
	if (r == 0)
		r = network_erase(h, now, err);
	if (r == 0)
		store_lock_drop(h->store, NETWORK_LOCK, row->id, &lock);
	return r;
}

static int drop_halves(const struct network_host *h, struct berth_error *err)
{
	cleanup_network_rows struct network_row **rows = NULL;
	size_t n = 0;
	int r = network_row_all(h->store, &rows, &n, err);

	for (size_t i = 0; i < n && r == 0; i++)
		if (!str_eq(rows[i]->phase, "ready"))
			r = drop_half(h, rows[i], err);
	return r;
}

int network_sweep(const struct network_host *h, struct berth_error *err)
{
	cleanup_endpoints struct endpoints eps = {0};
	int r = endpoints_in_phase(h->store, "leaving", &eps, err);

	for (size_t i = 0; i < eps.n && r == 0; i++)
		r = connection_release(h, eps.list[i], err);
	return r < 0 ? r : drop_halves(h, err);
}

int network_sweep_in_turn(const struct network_host *h, struct berth_error *err)
{
	cleanup_fd int next = -1, turn = -1;
	int r = store_lock(h->store, "network-sweep", "next", true, &next, err);

	if (r == -BERTH_E_BUSY)
		return 0; /* he has not looked yet, so he will see what we would */
	if (r == 0)
		r = store_lock(h->store, "network-sweep", "turn", false, &turn, err);
	close_fd(&next);
	return r < 0 ? r : network_sweep(h, err);
}

static bool share_port(const struct record *a, const struct record *b)
{
	for (size_t i = 0; i < record_len(a); i++)
		for (size_t k = 0; k < record_len(b); k++) {
			const struct record *x = record_at(a, i), *y = record_at(b, k);

			if (record_int_or(record_get(x, "PublicPort"), 0) ==
				    record_int_or(record_get(y, "PublicPort"), 0) &&
			    str_eq(record_str(record_get(x, "Type")),
				   record_str(record_get(y, "Type"))))
				return true;
		}
	return false;
}

static int publish_nothing(const struct network_host *h, const struct endpoint *ep,
			   struct berth_error *err)
{
	cleanup_endpoint_call struct endpoint_call call = {0};
	cleanup_network_row struct network_row *row = NULL;
	cleanup_network_use struct network_use use = {0};
	int r = network_row_find(h->store, ep->network, &row, err);

	if (r == 0)
		r = network_use_open(h, row, &use, err);
	if (r == 0)
		r = endpoint_call_open(ep, -1, NULL, &call, err);
	if (r < 0)
		return r;
	call.ep.port = NULL;
	call.ep.n_port = 0;
	return use.driver->ops.publish(use.driver->net, &use.desc, &call.ep, err);
}

int network_free_ports(const struct network_host *h, const struct record *ports,
		       struct berth_error *err)
{
	cleanup_endpoints struct endpoints eps = {0};
	int r = endpoints_in_phase(h->store, "leaving", &eps, err);

	for (size_t i = 0; i < eps.n && r == 0; i++) {
		if (!share_port(eps.list[i]->ports, ports))
			continue;
		/* that is quick; its interface takes the kernel longer, and may go later */
		r = publish_nothing(h, eps.list[i], NULL);
		/* or somebody is just at it: wait for him */
		if (r < 0)
			r = connection_release(h, eps.list[i], err);
	}
	return r;
}

/* --- everything ---------------------------------------------------------------------------------
 */

/** Endpoints of containers that do not run, whatever they say of themselves. */
static int find_dead(const struct network_host *h, struct berth_error *err)
{
	int r = db_begin(h->store->db, err);

	if (r == 0)
		r = db_run(
			h->store->db, NULL, err,
			"UPDATE endpoint SET phase='leaving' WHERE phase IN('making','ready') AND "
			"NOT EXISTS(SELECT 1 FROM container c WHERE c.id=endpoint.container AND "
			"c.state IN('creating','starting','running','paused'))",
			"");
	if (r == 0)
		r = db_run(h->store->db, NULL, err,
			   "DELETE FROM endpoint WHERE phase='off' AND NOT EXISTS(SELECT 1 FROM "
			   "container c WHERE c.id=endpoint.container)",
			   "");
	if (r == 0)
		r = db_run(h->store->db, NULL, err,
			   "DELETE FROM network_address WHERE endpoint<>'' AND NOT EXISTS(SELECT 1 "
			   "FROM endpoint e WHERE e.id=network_address.endpoint)",
			   "");
	if (r == 0)
		r = db_commit(h->store->db, DB_LAZY, err);
	if (r < 0)
		db_rollback(h->store->db);
	return r;
}

/** What one driver is told: all networks of it, and all their endpoints. */
struct whole {
	struct network_use *use;
	struct berth_net_desc *desc;
	struct endpoint_call *call;
	struct berth_endpoint *ep;
	int *netns;
	size_t n_desc, n_ep;
};

static void whole_done(struct whole *w)
{
	for (size_t i = 0; i < w->n_desc; i++)
		network_use_done(&w->use[i]);
	for (size_t i = 0; i < w->n_ep; i++) {
		endpoint_call_done(&w->call[i]);
		close_fd(&w->netns[i]);
	}
	free(w->use);
	free(w->desc);
	free(w->call);
	free(w->ep);
	free(w->netns);
}
#define cleanup_whole cleanup_with(whole_done)

static int netns_of(struct store *store, const char *container)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	char path[64];

	if (db_query(store->db, &q, NULL,
		     "SELECT pid FROM container WHERE id=?1 AND state IN('running','paused')", "s",
		     container) < 0 ||
	    db_step(q, NULL) <= 0 || db_int(q, 0) <= 0)
		return -1;
	(void)snprintf(path, sizeof(path), "/proc/%lld/ns/net", (long long)db_int(q, 0));
	return open(path, O_RDONLY | O_CLOEXEC);
}

static int whole_add(const struct network_host *h, struct whole *w, const struct network_row *row,
		     const struct endpoints *eps, struct berth_error *err)
{
	int r = network_use_open(h, row, &w->use[w->n_desc], err);

	if (r < 0)
		return r;
	w->desc[w->n_desc] = w->use[w->n_desc].desc;
	w->n_desc++;
	for (size_t i = 0; i < eps->n; i++) {
		const struct endpoint *ep = eps->list[i];

		if (!str_eq(ep->network, row->id) || !str_eq(ep->phase, "ready"))
			continue;
		w->netns[w->n_ep] = netns_of(h->store, ep->container);
		r = endpoint_call_open(ep, w->netns[w->n_ep], NULL, &w->call[w->n_ep], err);
		if (r < 0) {
			close_fd(&w->netns[w->n_ep]);
			return r;
		}
		w->ep[w->n_ep] = w->call[w->n_ep].ep;
		w->n_ep++;
	}
	return 0;
}

static int one_driver(const struct network_host *h, const char *name, struct network_row **rows,
		      size_t n, const struct endpoints *eps, struct berth_error *err)
{
	struct network *driver;
	cleanup_whole struct whole w = {
		.use = calloc(n + 1, sizeof(*w.use)),
		.desc = calloc(n + 1, sizeof(*w.desc)),
		.call = calloc(eps->n + 1, sizeof(*w.call)),
		.ep = calloc(eps->n + 1, sizeof(*w.ep)),
		.netns = calloc(eps->n + 1, sizeof(*w.netns)),
	};
	int r = drivers_network(h->drivers, name, &driver, err);

	if (r == 0 && (!w.use || !w.desc || !w.call || !w.ep || !w.netns))
		r = berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	for (size_t i = 0; i < n && r == 0; i++)
		if (str_eq(rows[i]->driver, name))
			r = whole_add(h, &w, rows[i], eps, err);
	if (r < 0)
		return r;
	r = driver->ops.reconcile(driver->net, w.desc, (uint32_t)w.n_desc, sizeof(*w.desc), w.ep,
				  (uint32_t)w.n_ep, sizeof(*w.ep), err);
	if (r == -BERTH_E_UNSUPPORTED)
		return 0; /* it has nothing that could be missing */
	if (r < 0)
		berth_error_prefix(err, "network driver '%s'", name);
	return r;
}

static int all_drivers(const struct network_host *h, struct network_row **rows, size_t n,
		       struct berth_error *err)
{
	cleanup_endpoints struct endpoints eps = {0};
	int r = endpoints_all(h->store, &eps, err);

	for (size_t i = 0; i < n && r == 0; i++) {
		bool done = false;

		for (size_t k = 0; k < i; k++)
			done |= str_eq(rows[k]->driver, rows[i]->driver);
		if (!done)
			r = one_driver(h, rows[i]->driver, rows, n, &eps, err);
	}
	for (size_t i = 0; i < n && r == 0; i++)
		r = zone_write(h->store, rows[i]->id, false, err);
	return r;
}

static bool was_made(const struct network_host *h, const struct network_row *row)
{
	cleanup_free char *path = str_fmt("networks/%s", row->id);

	return !row->builtin || (path && faccessat(h->store->runfd, path, F_OK, 0) == 0);
}

int network_reconcile(const struct network_host *h, size_t *ret_n, struct berth_error *err)
{
	cleanup_network_rows struct network_row **rows = NULL;
	cleanup_fd int lock = -1;
	size_t n = 0, made = 0;
	int r = find_dead(h, err);

	if (r == 0)
		r = network_sweep(h, err);
	/* nobody attaches anything that the drivers would not find in the list */
	if (r == 0)
		r = store_lock(h->store, "network-drivers", "all", false, &lock, err);
	if (r == 0)
		r = network_row_all(h->store, &rows, &n, err);
	for (size_t i = 0; i < n && r == 0; i++) {
		/* one that is always there and was never needed stays unmade */
		if (str_eq(rows[i]->phase, "ready") && was_made(h, rows[i])) {
			struct network_row *kept = rows[made];

			rows[made++] = rows[i];
			rows[i] = kept;
		}
	}
	if (r == 0)
		r = all_drivers(h, rows, made, err);
	if (r == 0 && ret_n)
		*ret_n = made;
	return r;
}
