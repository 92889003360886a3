/* SPDX-License-Identifier: Apache-2.0 */
#include "core/container/row.h"
#include "core/engine/migrate.h"
#include "core/image/names.h"

/*
 * Every storage driver that the config names or that holds something. Not mere candidates: those
 * that were not chosen need not work here.
 */
static int find_drivers(struct engine *e, char ***ret, struct berth_error *err)
{
	const struct config_kind *k = &e->config->kind[BERTH_STORAGE];
	cleanup_db_stmt struct db_stmt *q = NULL;
	const char *name;
	struct record *entry;
	int r = 0;

	if (drivers_default(e->drivers, BERTH_STORAGE, &name, NULL) == 0)
		r = strv_add(ret, name);
	record_foreach (k->drivers, name, entry)
		if (r == 0 && !strv_has(*ret, name))
			r = strv_add(ret, name);
	if (r < 0)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = db_query(e->store->db, &q, err,
		     "SELECT storage FROM container WHERE storage IS NOT NULL UNION "
		     "SELECT driver FROM layer_copy UNION SELECT storage FROM view_old",
		     "");
	while (r == 0 && (r = db_step(q, err)) > 0) {
		r = 0;
		if (!strv_has(*ret, db_text(q, 0)) && strv_add(ret, db_text(q, 0)) < 0)
			r = berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	}
	return r;
}

/* What one driver holds. */
struct holding {
	struct engine *e;
	struct storage *st;
	const char *name;
	struct record *users; /* or NULL */
	uint64_t layers, layers_bytes, views, views_bytes;
};

static uint64_t size_of(const struct holding *h, const char *id, uint32_t kind)
{
	struct berth_usage u = {.size = sizeof(u)};

	if (!h->st || h->st->ops.usage(h->st->st, id, kind, &u, NULL) < 0)
		return 0;
	return u.own;
}

static int add_user(struct holding *h, const char *kind, const char *id, const char *name,
		    uint64_t size, struct berth_error *err)
{
	struct record *user;
	int r;

	if (!h->users)
		return 0;
	user = record_new_object();
	r = record_append(h->users, user, err);
	if (r == 0)
		r = record_set_str(user, "Kind", kind, err);
	if (r == 0)
		r = record_set_str(user, "Id", id, err);
	if (r == 0)
		r = record_set_str(user, "Name", name, err);
	return r < 0 ? r : record_set_uint(user, "Size", size, err);
}

static int count_layers(struct holding *h, struct berth_error *err)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	int r = db_query(h->e->store->db, &q, err,
			 "SELECT c.chain,(SELECT group_concat(DISTINCT COALESCE(n.name,l.image)) "
			 "FROM image_layer l LEFT JOIN image_name n ON n.image=l.image WHERE "
			 "l.chain=c.chain) FROM layer_copy c WHERE c.driver=?1 AND c.ready=1 "
			 "ORDER BY c.chain",
			 "s", h->name);

	while (r == 0 && (r = db_step(q, err)) > 0) {
		const char *users = db_text(q, 1);
		uint64_t size = size_of(h, db_text(q, 0), BERTH_EACH_LAYERS);

		h->layers++;
		h->layers_bytes += size;
		r = add_user(h, "layer", db_text(q, 0), users ? users : "", size, err);
	}
	return r;
}

static int count_views(struct holding *h, struct berth_error *err)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	int r = db_query(h->e->store->db, &q, err,
			 "SELECT id,name,0 FROM container WHERE storage=?1 UNION ALL "
			 "SELECT v.container,COALESCE(c.name,''),1 FROM view_old v LEFT JOIN "
			 "container c ON c.id=v.container WHERE v.storage=?1",
			 "s", h->name);

	while (r == 0 && (r = db_step(q, err)) > 0) {
		uint64_t size = size_of(h, db_text(q, 0), BERTH_EACH_VIEWS);

		h->views++;
		h->views_bytes += size;
		r = add_user(h, db_int(q, 2) ? "kept" : "container", db_text(q, 0), db_text(q, 1),
			     size, err);
	}
	return r;
}

static int images_of(struct engine *e, const char *driver, int64_t *ret, struct berth_error *err)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	int r = db_query(e->store->db, &q, err,
			 "SELECT COUNT(*) FROM image i WHERE EXISTS(SELECT 1 FROM image_layer l "
			 "WHERE l.image=i.id) AND NOT EXISTS(SELECT 1 FROM image_layer l WHERE "
			 "l.image=i.id AND NOT EXISTS(SELECT 1 FROM layer_copy c WHERE "
			 "c.chain=l.chain AND c.driver=?1 AND c.ready=1))",
			 "s", driver);

	if (r == 0)
		r = db_step(q, err);
	if (r < 0)
		return r;
	*ret = db_int(q, 0);
	return 0;
}

static int write_driver(struct engine *e, const char *name, bool verbose, struct record *out,
			struct berth_error *err)
{
	struct holding h = {.e = e, .name = name, .users = verbose ? record_new_array() : NULL};
	struct berth_error why = {0};
	const char *chosen = "";
	int64_t images;
	int r = record_set_str(out, "Name", name, err);

	if (r == 0 && verbose)
		r = record_set(out, "Users", h.users, err);
	/* one that is broken or missing still has what it has */
	if (r == 0 && drivers_storage(e->drivers, name, &h.st, &why) < 0)
		r = record_set_str(out, "Error", why.text, err);
	(void)drivers_default(e->drivers, BERTH_STORAGE, &chosen, NULL);
	if (r == 0)
		r = record_set_bool(out, "Default", str_eq(chosen, name), err);
	if (r == 0)
		r = count_layers(&h, err);
	if (r == 0)
		r = count_views(&h, err);
	if (r == 0)
		r = images_of(e, name, &images, err);
	if (r == 0)
		r = record_set_int(out, "Images", images, err);
	if (r == 0)
		r = record_set_uint(out, "Layers", h.layers, err);
	if (r == 0)
		r = record_set_uint(out, "LayersSize", h.layers_bytes, err);
	if (r == 0)
		r = record_set_uint(out, "Containers", h.views, err);
	return r < 0 ? r : record_set_uint(out, "ContainersSize", h.views_bytes, err);
}

int engine_storage_list(struct engine *e, bool verbose, struct record **ret,
			struct berth_error *err)
{
	cleanup_record struct record *out = record_new_array();
	cleanup_strv char **names = NULL;
	int r = out ? find_drivers(e, &names, err)
		    : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");

	strv_foreach (name, names) {
		struct record *one;

		if (r < 0)
			return r;
		one = record_new_object();
		r = record_append(out, one, err);
		if (r == 0)
			r = write_driver(e, *name, verbose, one, err);
	}
	if (r == 0)
		*ret = steal_ptr(out);
	return r;
}
