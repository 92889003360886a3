/* SPDX-License-Identifier: Apache-2.0 */
#include "core/image/sweep.h"

#include <stdlib.h>

#include "core/image/rows.h"

#define UNUSED_LAYERS                                                                              \
	"FROM layer_copy c WHERE NOT EXISTS(SELECT 1 FROM image_layer l WHERE l.chain=c.chain)"
#define UNUSED_BLOBS                                                                               \
	"FROM blob b WHERE NOT EXISTS(SELECT 1 FROM image_blob u WHERE u.digest=b.digest)"

/** First column of all rows of @sql, as strings; of two columns "a b". */
static int read_rows(struct store *store, const char *sql, bool two, char ***ret,
		     struct berth_error *err)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	cleanup_strv char **out = strv_copy(NULL);
	int r = db_query(store->db, &q, err, sql, "");

	if (!out)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	while (r == 0 && (r = db_step(q, err)) > 0) {
		r = 0;
		if (strv_addf(&out, "%s%s%s", db_text(q, 0), two ? " " : "",
			      two ? db_text(q, 1) : "") < 0)
			r = berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	}
	if (r < 0)
		return r;
	*ret = steal_ptr(out);
	return 0;
}

/** One layer: from its driver, then its row. false: it stays for now. */
static bool drop_layer(struct store *store, struct drivers *drivers, const char *entry)
{
	cleanup_strv char **part = strv_split(entry, ' ');
	struct storage *storage;

	if (!part || strv_len(part) != 2)
		return false;
	/* a driver that is not there any more keeps its layers, and they keep their rows */
	if (drivers_storage(drivers, part[1], &storage, NULL) < 0)
		return false;
	/* BUSY: a container stands on it */
	store->left_trash = true;
	if (storage->ops.layer_remove(storage->st, part[0], NULL) < 0)
		return false;
	return db_run(store->db, NULL, NULL, "DELETE FROM layer_copy WHERE chain=?1 AND driver=?2",
		      "ss", part[0], part[1]) == 0;
}

/** Children go before their parents: round by round those on which nothing stands. */
static int drop_layers(struct store *store, struct drivers *drivers, struct berth_error *err)
{
	size_t dropped;
	int r;

	do {
		cleanup_strv char **leaves = NULL;

		dropped = 0;
		r = read_rows(store,
			      "SELECT chain,driver " UNUSED_LAYERS
			      " AND NOT EXISTS(SELECT 1 FROM layer p JOIN layer_copy pc ON "
			      "pc.chain=p.chain AND pc.driver=c.driver WHERE p.parent=c.chain)",
			      true, &leaves, err);
		strv_foreach (leaf, leaves)
			dropped += drop_layer(store, drivers, *leaf);
	} while (r == 0 && dropped > 0);
	if (r < 0)
		return r;
	return db_run(store->db, NULL, err,
		      "DELETE FROM layer WHERE NOT EXISTS(SELECT 1 FROM image_layer l WHERE "
		      "l.chain=layer.chain) AND NOT EXISTS(SELECT 1 FROM layer_copy c WHERE "
		      "c.chain=layer.chain)",
		      "");
}

static int drop_blobs(struct store *store, struct berth_error *err)
{
	cleanup_strv char **blobs = NULL;
	int r = read_rows(store, "SELECT digest " UNUSED_BLOBS, false, &blobs, err);

	strv_foreach (b, blobs) {
		struct digest digest;

		if (digest_parse(*b, &digest, NULL) == 0)
			r = content_remove(store, &digest, err);
		if (r == 0)
			r = db_run(store->db, NULL, err, "DELETE FROM blob WHERE digest=?1", "s",
				   *b);
		if (r < 0)
			return r;
	}
	return r;
}

int sweep_locked(struct store *store, struct drivers *drivers, struct berth_error *err)
{
	/* each row by itself: other writers must not wait for a driver or a filesystem */
	int r = drivers ? drop_layers(store, drivers, err) : 0;

	return r == 0 ? drop_blobs(store, err) : r;
}

int sweep_count(struct store *store, uint64_t *ret_layers, uint64_t *ret_blobs,
		struct berth_error *err)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	int r = db_query(store->db, &q, err,
			 "SELECT (SELECT count(*) " UNUSED_LAYERS "),(SELECT count(*) " UNUSED_BLOBS
			 ")",
			 "");

	if (r == 0)
		r = db_step(q, err);
	if (r < 0)
		return r;
	*ret_layers = (uint64_t)db_int(q, 0);
	*ret_blobs = (uint64_t)db_int(q, 1);
	return 0;
}

int image_sweep(struct store *store, struct drivers *drivers, struct berth_error *err)
{
	struct berth_error why = {0};
	cleanup_fd int lock = -1;
	uint64_t layers, blobs;
	int r = sweep_count(store, &layers, &blobs, err);

	if (r < 0 || layers + blobs == 0)
		return r;
	r = store_lock(store, ROWS_LOCK_KIND, ROWS_LOCK_NAME, true, &lock, &why);
	if (r == -BERTH_E_BUSY)
		return 0; /* somebody adds images, and needs perhaps what seems unused; he sweeps
			     later */
	if (r < 0 && err)
		*err = why;
	return r < 0 ? r : sweep_locked(store, drivers, err);
}
