/* SPDX-License-Identifier: Apache-2.0 */
#include "core/container/make.h"

#include <string.h>

#include "core/store/filter.h"

static int find_stopped(struct container_host *h, const struct filter_prune *f, char ***ret,
			struct berth_error *err)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	int r = db_query(h->store->db, &q, err,
			 "SELECT id,created_ns,summary FROM container "
			 "WHERE state IN('created','exited','dead') ORDER BY created_ns",
			 "");

	while (r == 0 && (r = db_step(q, err)) > 0) {
		cleanup_record struct record *summary = NULL;
		const char *text = db_text(q, 2);

		r = 0;
		if (text)
			(void)record_parse(text, strlen(text), 0, &summary, NULL);
		if (!filter_prune_has(f, db_int(q, 1), record_get(summary, "Labels")))
			continue;
		if (strv_add(ret, db_text(q, 0)) < 0)
			r = berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	}
	return r;
}

/* What it alone holds; 0 where the driver cannot tell. */
static uint64_t own_size(struct container_host *h, const char *id)
{
	struct berth_usage u = {.size = sizeof(u)};
	cleanup_row struct container_row *row = NULL;
	struct storage *st;

	if (container_row_find(h->store, id, &row, NULL) < 0 ||
	    drivers_storage(h->drivers, row->storage, &st, NULL) < 0 ||
	    st->ops.usage(st->st, id, BERTH_EACH_VIEWS, &u, NULL) < 0)
		return 0;
	return u.own;
}

int container_prune(struct container_host *h, const struct record *filters, struct record *deleted,
		    uint64_t *ret_bytes, struct berth_error *err)
{
	cleanup_filter_prune struct filter_prune f = {0};
	cleanup_strv char **ids = NULL;
	uint64_t bytes = 0;
	int r = filter_prune_read(filters, &f, err);

	if (r == 0)
		r = find_stopped(h, &f, &ids, err);
	strv_foreach (id, ids) {
		uint64_t size = own_size(h, *id);

		if (r < 0)
			return r;
		r = container_remove(h, *id, 0, err);
		if (r == -BERTH_E_BUSY || r == -BERTH_E_NOT_FOUND) { /* started or gone meanwhile */
			r = 0;
			continue;
		}
		if (r == 0)
			r = record_append_str(deleted, *id, err);
		bytes += size;
	}
	*ret_bytes = bytes;
	return r;
}
