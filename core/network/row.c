/* SPDX-License-Identifier: Apache-2.0 */
#include "core/network/row.h"

#include <string.h>

#include "base/ident.h"
#include "core/network/address.h"

#define COLUMNS "id,name,driver,phase,builtin,created_ns,spec,state"
enum column {
	COL_ID,
	COL_NAME,
	COL_DRIVER,
	COL_PHASE,
	COL_BUILTIN,
	COL_CREATED,
	COL_SPEC,
	COL_STATE
};

void network_row_free(struct network_row *row)
{
	if (!row)
		return;
	free(row->id);
	free(row->name);
	free(row->driver);
	free(row->phase);
	free(row->state);
	record_free(row->spec);
	free(row);
}

void network_rows_free(struct network_row **rows)
{
	for (size_t i = 0; rows && rows[i]; i++)
		network_row_free(rows[i]);
	free(rows);
}

static int read_subnet(const struct record *pool, struct berth_subnet *ret)
{
	const char *gateway = record_str_or(record_get(pool, "Gateway"), "");
	const char *range = record_str_or(record_get(pool, "IPRange"), "");
	struct berth_addr addr;

	if (address_parse_cidr(record_str_or(record_get(pool, "Subnet"), ""), &ret->net) < 0)
		return -BERTH_E_CORRUPT;
	if (*gateway) {
		if (address_parse(gateway, &ret->gateway) < 0)
			return -BERTH_E_CORRUPT;
		ret->gateway.prefix = ret->net.prefix;
	}
	if (*range) {
		if (address_parse_cidr(range, &addr) < 0)
			return -BERTH_E_CORRUPT;
		ret->first = address_first(&addr);
		ret->last = address_last(&addr);
	}
	return 0;
}

static int read_spec(struct network_row *row, const char *text, struct berth_error *err)
{
	const struct record *pools;
	int r = record_parse(text, strlen(text), 0, &row->spec, err);

	if (r < 0)
		return r;
	pools = record_path(row->spec, "IPAM.Config");
	for (size_t i = 0; i < record_len(pools) && i < NETWORK_SUBNETS_MAX; i++) {
		if (read_subnet(record_at(pools, i), &row->subnet[row->n_subnet++]) < 0)
			return berth_fail(err, BERTH_E_CORRUPT,
					  "the database's record of network '%s' is damaged",
					  row->name);
	}
	return 0;
}

static int read_row(struct db_stmt *q, struct network_row **ret, struct berth_error *err)
{
	cleanup_network_row struct network_row *row = calloc(1, sizeof(*row));
	struct berth_str state = db_blob(q, COL_STATE);
	int r;

	if (!row)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = str_copy(db_text(q, COL_ID), &row->id, err);
	if (r == 0)
		r = str_copy(db_text(q, COL_NAME), &row->name, err);
	if (r == 0)
		r = str_copy(db_text(q, COL_DRIVER), &row->driver, err);
	if (r == 0)
		r = str_copy(db_text(q, COL_PHASE), &row->phase, err);
	if (r < 0)
		return r;
	row->builtin = db_int(q, COL_BUILTIN) != 0;
	row->created_ns = db_int(q, COL_CREATED);
	if (state.n > 0) {
		row->state = malloc(state.n);
		if (!row->state)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		memcpy(row->state, state.p, state.n);
		row->n_state = state.n;
	}
	r = read_spec(row, db_text(q, COL_SPEC), err);
	if (r == 0)
		*ret = steal_ptr(row);
	return r;
}

static int find_prefix(struct store *store, const char *ref, struct network_row **ret,
		       struct berth_error *err)
{
	cleanup_network_row struct network_row *row = NULL;
	cleanup_db_stmt struct db_stmt *q = NULL;
	int r = db_query(store->db, &q, err,
			 "SELECT " COLUMNS " FROM network WHERE id>=?1 AND id<?1||'g' LIMIT 2", "s",
			 ref);

	if (r == 0)
		r = db_step(q, err);
	if (r > 0) {
		r = read_row(q, &row, err);
		if (r == 0)
			r = db_step(q, err);
		if (r > 0)
			return berth_fail(err, BERTH_E_INVALID,
					  "network %s is ambiguous (several ids begin so)", ref);
	}
	if (r < 0)
		return r;
	if (!row)
		return berth_fail(err, BERTH_E_NOT_FOUND, "network %s not found", ref);
	*ret = steal_ptr(row);
	return 0;
}

int network_row_find(struct store *store, const char *ref, struct network_row **ret,
		     struct berth_error *err)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	int r = db_query(store->db, &q, err, "SELECT " COLUMNS " FROM network WHERE name=?1", "s",
			 ref);

	if (r == 0)
		r = db_step(q, err);
	if (r > 0)
		return read_row(q, ret, err);
	if (r == 0 && ident_is_id_prefix(ref))
		return find_prefix(store, ref, ret, err);
	return r < 0 ? r : berth_fail(err, BERTH_E_NOT_FOUND, "network %s not found", ref);
}

int network_row_all(struct store *store, struct network_row ***ret, size_t *ret_n,
		    struct berth_error *err)
{
	cleanup_network_rows struct network_row **rows = calloc(1, sizeof(struct network_row *));
	cleanup_db_stmt struct db_stmt *q = NULL;
	size_t n = 0;
	int r = rows ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");

	if (r == 0)
		r = db_query(store->db, &q, err, "SELECT " COLUMNS " FROM network ORDER BY name",
			     "");
	while (r == 0 && (r = db_step(q, err)) > 0) {
		struct network_row **more = reallocarray(rows, n + 2, sizeof(*rows));

		if (!more)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		rows = more;
		rows[n] = rows[n + 1] = NULL;
		r = read_row(q, &rows[n], err);
		n++;
	}
	if (r < 0)
		return r;
	*ret = steal_ptr(rows);
	*ret_n = n;
	return 0;
}

int network_row_insert(struct store *store, const struct network_row *row, struct berth_error *err)
{
	cleanup_free char *spec = record_to_text(row->spec, RECORD_COMPACT);
	int r;

	if (!spec)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = db_run(store->db, NULL, err,
		   "INSERT INTO network(id,name,driver,builtin,phase,created_ns,spec) "
		   "VALUES(?1,?2,?3,?4,'making',?5,?6)",
		   "sssiis", row->id, row->name, row->driver, (int64_t)row->builtin,
		   row->created_ns, spec);
	if (r == -BERTH_E_EXISTS)
		return berth_fail(err, BERTH_E_EXISTS, "network with name %s already exists",
				  row->name);
	return r;
}

int network_row_phase(struct store *store, const char *id, const char *phase,
		      const struct str *state, struct berth_error *err)
{
	int r = db_begin(store->db, err);

	if (r == 0 && state)
		r = db_run(store->db, NULL, err, "UPDATE network SET phase=?2,state=?3 WHERE id=?1",
			   "ssb", id, phase, (struct berth_str){str_text(state), state->len});
	else if (r == 0)
		r = db_run(store->db, NULL, err, "UPDATE network SET phase=?2 WHERE id=?1", "ss",
			   id, phase);
	if (r == 0)
		r = db_commit(store->db, DB_DURABLE, err);
	if (r < 0)
		db_rollback(store->db);
	return r;
}

int network_row_delete(struct store *store, const char *id, struct berth_error *err)
{
	int r = db_begin(store->db, err);

	if (r == 0)
		r = db_run(store->db, NULL, err, "DELETE FROM network WHERE id=?1", "s", id);
	if (r == 0)
		r = db_run(store->db, NULL, err, "DELETE FROM network_pool WHERE network=?1", "s",
			   id);
	if (r == 0)
		r = db_run(store->db, NULL, err, "DELETE FROM network_address WHERE network=?1",
			   "s", id);
	if (r == 0)
		r = db_run(store->db, NULL, err, "DELETE FROM endpoint WHERE network=?1", "s", id);
	if (r == 0)
		r = db_commit(store->db, DB_DURABLE, err);
	if (r < 0)
		db_rollback(store->db);
	return r;
}

/* --- for the driver ----------------------------------------------------------------------------
 */

#define MTU_OPTION "com.docker.network.driver.mtu"

static int read_conf(const struct network_host *h, const struct network_row *row,
		     struct network_use *use, struct berth_error *err)
{
	cleanup_strv char **words = NULL;
	struct record *val;
	const char *key;
	uint64_t mtu;

	record_foreach (record_get(row->spec, "Options"), key, val) {
		const char *text = record_str_or(val, "");

		if (str_eq(key, MTU_OPTION)) {
			if (parse_u64(text, UINT16_MAX, &mtu) < 0)
				return berth_fail(err, BERTH_E_INVALID, "invalid MTU '%s'", text);
			use->desc.mtu = (uint32_t)mtu;
		} else if (strv_addf(&words, "%s=%s", key, text) < 0) {
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		}
	}
	if (!words)
		return 0;
	return drivers_object_conf(h->drivers, BERTH_NETWORK, row->driver,
				   (const char *const *)words, &use->conf, err);
}

int network_use_open(const struct network_host *h, const struct network_row *row,
		     struct network_use *ret, struct berth_error *err)
{
	struct network_use use = {.desc = {.size = sizeof(use.desc)}};
	int r = drivers_network(h->drivers, row->driver, &use.driver, err);

	if (r == 0)
		r = read_conf(h, row, &use, err);
	if (r < 0)
		return r;
	use.desc.id = row->id;
	use.desc.name = row->name;
	use.desc.subnet = row->subnet;
	use.desc.n_subnet = row->n_subnet;
	use.desc.conf = use.conf;
	use.desc.state = (struct berth_str){row->state, row->n_state};
	if (record_bool_or(record_get(row->spec, "Internal"), false))
		use.desc.flags |= BERTH_NETWORK_INTERNAL;
	if (record_bool_or(record_get(row->spec, "EnableIPv6"), false))
		use.desc.flags |= BERTH_NETWORK_V6;
	if (row->builtin && str_eq(row->name, h->config->kind[BERTH_NETWORK].driver))
		use.desc.flags |= BERTH_NETWORK_DEFAULT;
	*ret = use;
	return 0;
}

void network_use_done(struct network_use *use)
{
	drivers_object_conf_free(use->conf);
}
