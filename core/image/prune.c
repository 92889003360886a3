/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "core/image/image.h"
#include "core/store/filter.h"

/* What layers and blobs take. */
static int total(struct store *store, int64_t *ret, struct berth_error *err)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	int r = db_query(store->db, &q, err,
			 "SELECT (SELECT COALESCE(SUM(size),0) FROM layer WHERE size>0) + "
			 "(SELECT COALESCE(SUM(size),0) FROM blob)",
			 "");

	if (r == 0)
		r = db_step(q, err);
	if (r < 0)
		return r;
	*ret = db_int(q, 0);
	return 0;
}

/*
 * Ids of images that no container uses and no image was made from; with @all whatever their names.
 * Newest first, so that children go before their parents.
 */
static int find_unused(struct store *store, bool all, const struct filter_prune *f, char ***ret,
		       struct berth_error *err)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	int r = db_query(store->db, &q, err,
			 "SELECT id,config,created_ns FROM image i "
			 "WHERE NOT EXISTS(SELECT 1 FROM container c WHERE c.image=i.id) "
			 "AND NOT EXISTS(SELECT 1 FROM image c WHERE c.parent=i.id AND NOT ?1) "
			 "AND (?1 OR NOT EXISTS(SELECT 1 FROM image_name n WHERE n.image=i.id)) "
			 "ORDER BY added_ns DESC",
			 "i", (int64_t)all);

	while (r == 0 && (r = db_step(q, err)) > 0) {
		cleanup_record struct record *config = NULL;
		const char *text = db_text(q, 1);

		r = 0;
		(void)record_parse(text, strlen(text), 0, &config, NULL); /* damaged: no labels */
		if (!filter_prune_has(f, db_int(q, 2), record_path(config, "config.Labels")))
			continue;
		if (strv_add(ret, db_text(q, 0)) < 0)
			r = berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	}
	return r;
}

static int names_of_id(struct store *store, const char *id, char ***ret, struct berth_error *err)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	int r = db_query(store->db, &q, err, "SELECT name FROM image_name WHERE image=?1", "s", id);

	while (r == 0 && (r = db_step(q, err)) > 0)
		r = strv_add(ret, db_text(q, 0)) < 0
			    ? berth_fail(err, BERTH_E_NO_MEMORY, "out of memory")
			    : 0;
	return r;
}

static int remove_as(struct store *store, struct drivers *drivers, const char *name,
		     struct record *deleted, struct berth_error *err)
{
	cleanup_record struct record *done = NULL;
	int r = image_remove(store, drivers, name, 0, &done, err);

	/* somebody uses it now, or was quicker; or it has children, which stay */
	if (r == -BERTH_E_BUSY || r == -BERTH_E_NOT_FOUND)
		return 0;
	for (size_t i = 0; i < record_len(done) && r == 0; i++)
		r = record_append(deleted, record_ref(record_at(done, i)), err);
	return r;
}

int image_prune(struct store *store, struct drivers *drivers, bool all,
		const struct record *filters, struct record *deleted, uint64_t *ret_bytes,
		struct berth_error *err)
{
	cleanup_filter_prune struct filter_prune f = {0};
	cleanup_strv char **ids = NULL;
	int64_t before = 0, after = 0;
	int r = filter_prune_read(filters, &f, err);

	if (r == 0)
		r = total(store, &before, err);
	if (r == 0)
		r = find_unused(store, all, &f, &ids, err);
	strv_foreach (id, ids) {
		cleanup_strv char **names = NULL;

		if (r == 0)
			r = names_of_id(store, *id, &names, err);
		/* by name after name, so that one which gets a container meanwhile stays */
		strv_foreach (name, names)
			if (r == 0)
				r = remove_as(store, drivers, *name, deleted, err);
		if (r == 0 && !names)
			r = remove_as(store, drivers, *id, deleted, err);
	}
	if (r == 0)
		r = total(store, &after, err);
	if (r == 0)
		*ret_bytes = before > after ? (uint64_t)(before - after) : 0;
	return r;
}
