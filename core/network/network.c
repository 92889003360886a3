/* SPDX-License-Identifier: Apache-2.0 */
#include "core/network/network.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/ident.h"
#include "base/path.h"
#include "core/network/endpoint.h"
#include "core/network/pool.h"
#include "core/network/zone.h"
#include "core/store/filter.h"

enum { OURS_PATH_MAX = 96 };

/* --- being there --------------------------------------------------------------------------------
 */

static int made_path(const char *id, char out[static OURS_PATH_MAX])
{
	return snprintf(out, OURS_PATH_MAX, "networks/%s", id);
}

static int make_now(const struct network_host *h, struct network_row *row, struct network_use *use,
		    struct berth_error *err)
{
	cleanup_str struct str state = STR_INIT;
	cleanup_sink struct berth_sink *sink = NULL;
	char path[OURS_PATH_MAX];
	int r = sink_new(&state, NETWORK_STATE_MAX, &sink, err);

	if (r == 0)
		r = use->driver->ops.create(use->driver->net, &use->desc, sink, err);
	if (r == 0)
		r = network_row_phase(h->store, row->id, "ready", &state, err);
	if (r < 0)
		return r;
	free(row->state);
	row->n_state = state.len;
	row->state = str_steal(&state);
	use->desc.state = (struct berth_str){row->state, row->n_state};
	(void)made_path(row->id, path);
	return state_mkdirs(h->store->runfd, path, 0700, NULL, err);
}

int network_up(const struct network_host *h, struct network_row *row, struct network_use *use,
	       bool again, struct berth_error *err)
{
	cleanup_fd int lock = -1;
	char path[OURS_PATH_MAX];
	int r;

	(void)made_path(row->id, path);
	if (!again && str_eq(row->phase, "ready") && faccessat(h->store->runfd, path, F_OK, 0) == 0)
		return 0;
	r = store_lock(h->store, NETWORK_LOCK, row->id, false, &lock, err);
	if (r < 0)
		return r;
	/* another one may have made it, or removed it, meanwhile */
	if (!again && faccessat(h->store->runfd, path, F_OK, 0) == 0)
		return 0;
	r = make_now(h, row, use, err);
	if (r < 0)
		berth_error_prefix(err, "network '%s'", row->name);
	return r;
}

/* --- new ones -----------------------------------------------------------------------------------
 */

static bool wants_pool(const struct network *driver)
{
	return (driver->caps & (BERTH_NET_V4 | BERTH_NET_V6)) &&
	       !(driver->caps & (BERTH_NET_IPAM | BERTH_NET_NO_NETNS));
}

/** A NetworkCreate with all that may be absent. */
static int spec_complete(const struct record *body, const char *driver, struct record **ret,
			 struct berth_error *err)
{
	cleanup_record struct record *spec = record_copy(body);
	struct record *ipam = spec ? record_get(spec, "IPAM") : NULL;
	int r = spec ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");

	if (r == 0 && !ipam) {
		ipam = record_new_object();
		r = record_set(spec, "IPAM", ipam, err);
	}
	if (r == 0 && !record_get(ipam, "Config"))
		r = record_set(ipam, "Config", record_new_array(), err);
	if (r == 0 && !record_get(spec, "Options"))
		r = record_set(spec, "Options", record_new_object(), err);
	if (r == 0 && !record_get(spec, "Labels"))
		r = record_set(spec, "Labels", record_new_object(), err);
	if (r == 0)
		r = record_set_str(spec, "Driver", driver, err);
	if (r == 0)
		*ret = steal_ptr(spec);
	return r;
}

static int row_new(const struct record *body, const char *name, const char *driver, bool builtin,
		   struct network_row **ret, struct berth_error *err)
{
	cleanup_network_row struct network_row *row = calloc(1, sizeof(*row));
	char id[IDENT_ID_MAX];
	int r = row ? ident_random(id, err) : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");

	if (r == 0)
		r = str_copy(id, &row->id, err);
	if (r == 0)
		r = str_copy(name, &row->name, err);
	if (r == 0)
		r = str_copy(driver, &row->driver, err);
	if (r == 0)
		r = str_copy("making", &row->phase, err);
	if (r == 0)
		r = spec_complete(body, driver, &row->spec, err);
	if (r < 0)
		return r;
	row->builtin = builtin;
	row->created_ns = clock_now_ns();
	*ret = steal_ptr(row);
	return 0;
}

/** Subnets and row in the caller's transaction. */
static int row_fill(const struct network_host *h, struct network_row *row,
		    const struct network *driver, struct berth_error *err)
{
	int r = 0;

	if (wants_pool(driver))
		r = pool_make(h, row, err);
	else if (record_len(record_path(row->spec, "IPAM.Config")) > 0)
		r = berth_fail(err, BERTH_E_UNSUPPORTED,
			       "network driver '%s' takes no subnets from us", driver->name);
	return r < 0 ? r : network_row_insert(h->store, row, err);
}

static bool is_builtin(const struct config *config, const char *name)
{
	const struct config_kind *kind = &config->kind[BERTH_NETWORK];

	return strv_has(kind->builtin, name) || str_eq(kind->driver, name);
}

static int builtin_make(const struct network_host *h, const char *name, struct berth_error *err)
{
	cleanup_record struct record *body = record_new_object();
	cleanup_network_row struct network_row *row = NULL;
	struct network *driver;
	int r = drivers_network(h->drivers, name, &driver, err);

	if (r == 0)
		r = row_new(body, name, name, true, &row, err);
	if (r == 0)
		r = db_begin(h->store->db, err);
	if (r == 0)
		r = row_fill(h, row, driver, err);
	if (r == 0) /* what its driver makes of it is made when it is first needed */
		r = db_run(h->store->db, NULL, err, "UPDATE network SET phase='ready' WHERE id=?1",
			   "s", row->id);
	if (r == 0)
		r = db_commit(h->store->db, DB_LAZY, err);
	if (r < 0)
		db_rollback(h->store->db);
	return r == -BERTH_E_EXISTS ? 0 : r; /* another process was first */
}

int network_find(const struct network_host *h, const char *ref, struct network_row **ret,
		 struct berth_error *err)
{
	int r = network_row_find(h->store, ref, ret, err);

	if (r != -BERTH_E_NOT_FOUND || !is_builtin(h->config, ref))
		return r;
	r = builtin_make(h, ref, err);
	return r < 0 ? r : network_row_find(h->store, ref, ret, err);
}

/* --- create -------------------------------------------------------------------------------------
 */

/** As a container's; one letter is enough here. */
static bool is_name(const char *name)
{
	return ident_is_name(name) ||
	       (name[0] && !name[1] &&
		(isalpha((unsigned char)*name) || isdigit((unsigned char)*name)));
}

static int check_body(const struct network_host *h, const struct record *body,
		      struct network **ret_driver, struct berth_error *err)
{
	const char *name = record_str_or(record_get(body, "Name"), "");
	const char *driver = record_str_or(record_get(body, "Driver"), "");
	bool v6 = record_bool_or(record_get(body, "EnableIPv6"), false);
	int r;

	if (!is_name(name))
		return berth_fail(
			err, BERTH_E_INVALID,
			"invalid network name '%.64s': only [a-zA-Z0-9][a-zA-Z0-9_.-] are "
			"allowed",
			name);
	if (is_builtin(h->config, name) || str_eq(name, "default") || str_eq(name, "container"))
		return berth_fail(err, BERTH_E_EXISTS, "network with name %s already exists", name);
	r = drivers_network(h->drivers, *driver ? driver : NULL, ret_driver, err);
	if (r < 0)
		return r;
	if (!((*ret_driver)->caps & BERTH_NET_USER_MADE))
		return berth_fail(err, BERTH_E_UNSUPPORTED,
				  "only one network of driver '%s' is allowed",
				  (*ret_driver)->name);
	if (record_bool_or(record_get(body, "Internal"), false) &&
	    !((*ret_driver)->caps & BERTH_NET_INTERNAL))
		return berth_fail(err, BERTH_E_UNSUPPORTED,
				  "network driver '%s' has no internal networks",
				  (*ret_driver)->name);
	if (v6 && !((*ret_driver)->caps & BERTH_NET_V6))
		return berth_fail(err, BERTH_E_UNSUPPORTED, "network driver '%s' has no IPv6",
				  (*ret_driver)->name);
	return 0;
}

/** The row "making", its lock held. */
static int create_row(const struct network_host *h, struct network_row *row,
		      const struct network *driver, int *ret_lock, struct berth_error *err)
{
	cleanup_fd int lock = -1;
	int r = store_lock(h->store, NETWORK_LOCK, row->id, false, &lock, err);

	if (r == 0)
		r = db_begin(h->store->db, err);
	if (r == 0)
		r = row_fill(h, row, driver, err);
	if (r == 0)
		r = db_commit(h->store->db, DB_LAZY, err);
	if (r < 0) {
		db_rollback(h->store->db);
		store_lock_drop(h->store, NETWORK_LOCK, row->id, &lock);
		return r;
	}
	*ret_lock = steal_fd(&lock);
	return 0;
}

/** Everything of it away, whatever of it is there. Its lock is held. */
int network_erase(const struct network_host *h, const struct network_row *row,
		  struct berth_error *err)
{
	cleanup_network_use struct network_use use = {0};
	int r = network_use_open(h, row, &use, err);

	if (r == 0)
		r = use.driver->ops.remove(use.driver->net, &use.desc, err);
	if (r == 0)
		r = zone_remove(h->store, row->id, err);
	return r < 0 ? r : network_row_delete(h->store, row->id, err);
}

int network_use_plan(const struct network_use *use, const struct berth_endpoint *ep,
		     struct record **ret, struct berth_error *err)
{
	cleanup_str struct str text = STR_INIT;
	cleanup_sink struct berth_sink *sink = NULL;
	int r = sink_new(&text, 1 << 20, &sink, err);

	if (r == 0)
		r = use->driver->ops.plan(use->driver->net, &use->desc, ep, sink, err);
	if (r == 0)
		r = str_check(&text, err);
	return r < 0 ? r : record_parse(str_text(&text), text.len, 0, ret, err);
}

/** In a transaction that is taken back: addresses are chosen as they would be. */
static int dry(const struct network_host *h, struct network_row *row, const struct network *driver,
	       struct record **ret, struct berth_error *err)
{
	cleanup_network_use struct network_use use = {0};
	int r = db_begin(h->store->db, err);

	if (r == 0)
		r = row_fill(h, row, driver, err);
	db_rollback(h->store->db);
	if (r == 0)
		r = network_use_open(h, row, &use, err);
	if (r == 0)
		r = network_use_plan(&use, NULL, ret, err);
	if (r == 0)
		r = record_set(*ret, "IPAM", record_ref(record_get(row->spec, "IPAM")), err);
	return r;
}

static int answer(const char *id, struct record **ret, struct berth_error *err)
{
	cleanup_record struct record *out = record_new_object();
	int r = record_set_str(out, "Id", id, err);

	if (r == 0)
		r = record_set_str(out, "Warning", "", err);
	if (r == 0)
		*ret = steal_ptr(out);
	return r;
}

int network_create(const struct network_host *h, const struct record *body, bool dry_run,
		   struct record **ret, struct berth_error *err)
{
	const char *name = record_str_or(record_get(body, "Name"), "");
	cleanup_network_row struct network_row *row = NULL;
	cleanup_network_use struct network_use use = {0};
	struct network *driver;
	cleanup_fd int lock = -1;
	int r = check_body(h, body, &driver, err);

	if (r == 0)
		r = row_new(body, name, driver->name, false, &row, err);
	if (r < 0 || dry_run)
		return r < 0 ? r : dry(h, row, driver, ret, err);
	/* options first: what is wrong with them is known before anything is made */
	r = network_use_open(h, row, &use, err);
	if (r == 0)
		r = create_row(h, row, driver, &lock, err);
	if (r < 0)
		return r;
	network_use_done(&use);
	use = (struct network_use){0};
	r = network_use_open(h, row, &use, err);
	if (r == 0)
		r = make_now(h, row, &use, err);
	if (r < 0) {
		/* what cannot be undone now is found by network_reconcile: its row says "making" */
		(void)network_erase(h, row, NULL);
		return r;
	}
	return answer(row->id, ret, err);
}

/* --- remove -------------------------------------------------------------------------------------
 */

static int check_unused(const struct network_host *h, const struct network_row *row,
			struct berth_error *err)
{
	cleanup_endpoints struct endpoints eps = {0};
	int r = endpoints_of_network(h->store, row->id, &eps, err);

	for (size_t i = 0; i < eps.n && r == 0; i++) {
		const struct endpoint *ep = eps.list[i];

		if (str_eq(ep->phase, "making") || str_eq(ep->phase, "ready")) {
			(void)berth_fail(err, BERTH_E_BUSY,
					 "network '%s' has active endpoints (container '%s')",
					 row->name,
					 strv_len(ep->names) ? ep->names[0] : ep->container);
			berth_error_hint(err, "berth network disconnect, or stop the container");
			r = -BERTH_E_BUSY;
		}
	}
	return r;
}

int network_remove(const struct network_host *h, const char *ref, struct berth_error *err)
{
	cleanup_network_row struct network_row *row = NULL;
	cleanup_fd int lock = -1;
	int r = network_find(h, ref, &row, err);

	if (r < 0)
		return r;
	if (row->builtin)
		return berth_fail(err, BERTH_E_DENIED,
				  "%s is a pre-defined network and cannot be removed", row->name);
	r = store_lock(h->store, NETWORK_LOCK, row->id, false, &lock, err);
	if (r == 0)
		r = check_unused(h, row, err);
	if (r == 0)
		r = network_sweep(h, err);
	if (r == 0)
		r = network_row_phase(h->store, row->id, "removing", NULL, err);
	if (r == 0)
		r = network_erase(h, row, err);
	if (r == 0)
		store_lock_drop(h->store, NETWORK_LOCK, row->id, &lock);
	return r;
}

int network_prune(const struct network_host *h, const struct record *filters,
		  struct record *deleted, struct berth_error *err)
{
	cleanup_network_rows struct network_row **rows = NULL;
	cleanup_filter_prune struct filter_prune f = {0};
	size_t n = 0;
	int r = filter_prune_read(filters, &f, err);

	if (r == 0)
		r = network_row_all(h->store, &rows, &n, err);
	for (size_t i = 0; i < n && r == 0; i++) {
		struct berth_error why = {0};

		if (rows[i]->builtin ||
		    !filter_prune_has(&f, rows[i]->created_ns, record_get(rows[i]->spec, "Labels")))
			continue;
		r = network_remove(h, rows[i]->id, &why);
		if (r == -BERTH_E_BUSY || r == -BERTH_E_NOT_FOUND) {
			r = 0;
			continue;
		}
		if (r == 0)
			r = record_append_str(deleted, rows[i]->name, err);
		else if (err)
			*err = why;
	}
	return r;
}
