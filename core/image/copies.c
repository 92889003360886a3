/* SPDX-License-Identifier: Apache-2.0 */
#include "core/image/image.h"
#include "core/image/rows.h"

/* Layers in @driver which @instead has as well, and on which no other layer stands there. */
static int find_leaves(struct store *store, const char *driver, const char *instead, char ***ret,
		       struct berth_error *err)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	int r = db_query(
		store->db, &q, err,
		"SELECT c.chain FROM layer_copy c WHERE c.driver=?1 "
		"AND EXISTS(SELECT 1 FROM layer_copy n WHERE n.chain=c.chain AND n.driver=?2 AND "
		"n.ready=1) AND NOT EXISTS(SELECT 1 FROM layer p JOIN layer_copy pc ON "
		"pc.chain=p.chain AND pc.driver=?1 WHERE p.parent=c.chain)",
		"ss", driver, instead);

	while (r == 0 && (r = db_step(q, err)) > 0)
		r = strv_add(ret, db_text(q, 0)) < 0
			    ? berth_fail(err, BERTH_E_NO_MEMORY, "out of memory")
			    : 0;
	return r;
}

/* Children go before their parents: round by round those on which nothing stands. */
static int drop_rounds(struct store *store, struct storage *st, const char *instead,
		       struct berth_error *err)
{
	size_t dropped;
	int r;

	do {
		cleanup_strv char **leaves = NULL;

		dropped = 0;
		r = find_leaves(store, st->name, instead, &leaves, err);
		strv_foreach (chain, leaves) {
			/* BUSY: a container stands on it */
			if (st->ops.layer_remove(st->st, *chain, NULL) < 0)
				continue;
			store->left_trash = true;
			if (db_run(store->db, NULL, NULL,
				   "DELETE FROM layer_copy WHERE chain=?1 AND driver=?2", "ss",
				   *chain, st->name) == 0)
				dropped++;
		}
	} while (r == 0 && dropped > 0);
	return r;
}

int image_drop_copies(struct store *store, struct drivers *drivers, const char *driver,
		      const char *instead, struct berth_error *err)
{
	struct storage *st;
	cleanup_fd int lock = -1;
	int r = drivers_storage(drivers, driver, &st, err);

	/* alone, as a sweep: who unpacks an image now counts on its layers */
	if (r == 0)
		r = store_lock(store, ROWS_LOCK_KIND, ROWS_LOCK_NAME, false, &lock, err);
	return r < 0 ? r : drop_rounds(store, st, instead, err);
}
