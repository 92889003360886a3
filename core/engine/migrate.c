/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/migrate.h"

#include <stdlib.h>

#include "core/container/move.h"
#include "core/image/names.h"

/* The whole of a migration. */
struct run {
	struct engine *e;
	const struct migrate *how;
	migrate_fn fn;
	void *arg;
	struct storage *to;
	char **images, **containers; /* ids */
	size_t total, number, failed;
};

static void run_done(struct run *run)
{
	strv_free(run->images);
	strv_free(run->containers);
}

static void tell(struct run *run, const char *kind, const char *name, enum migrate_state state,
		 uint64_t bytes, const struct berth_error *why)
{
	const struct migrate_step step = {
		.kind = kind,
		.name = name,
		.state = state,
		.number = run->number,
		.total = run->total,
		.bytes = bytes,
		.error = why,
	};

	if (state == MIGRATE_FAILED || state == MIGRATE_CANNOT)
		run->failed++;
	run->fn(run->arg, &step);
}

/* --- what is to go -------------------------------------------------------- */

static int read_ids(struct engine *e, const char *sql, char ***ret, struct berth_error *err)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	int r = db_query(e->store->db, &q, err, sql, "");

	while (r == 0 && (r = db_step(q, err)) > 0)
		r = strv_add(ret, db_text(q, 0)) < 0
			    ? berth_fail(err, BERTH_E_NO_MEMORY, "out of memory")
			    : 0;
	return r;
}

static int add_image(struct run *run, const char *name, struct berth_error *err)
{
	cleanup_image struct image *image = NULL;
	int r = image_find(run->e->store, name, &image, err);

	if (r == 0 && !strv_has(run->images, image->id) && strv_add(&run->images, image->id) < 0)
		r = berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	return r;
}

static int add_container(struct run *run, const char *name, struct berth_error *err)
{
	cleanup_row struct container_row *row = NULL;
	int r = container_row_find(run->e->store, name, &row, err);

	if (r == 0 && strv_add(&run->containers, row->id) < 0)
		r = berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	return r;
}

static int choose(struct run *run, struct berth_error *err)
{
	const struct migrate *how = run->how;
	int r = 0;

	strv_foreach (name, how->names) {
		if (r == 0)
			r = how->containers ? add_container(run, *name, err)
					    : add_image(run, *name, err);
	}
	if (strv_len(how->names) == 0) {
		if (how->images)
			r = read_ids(run->e, "SELECT id FROM image ORDER BY added_ns", &run->images,
				     err);
		if (r == 0 && how->containers)
			r = read_ids(run->e,
				     "SELECT id FROM container WHERE state<>'creating' AND "
				     "state<>'removing' ORDER BY created_ns",
				     &run->containers, err);
	}
	run->total = strv_len(run->images) + strv_len(run->containers);
	return r;
}

/* --- images --------------------------------------------------------------- */

static uint64_t missing_bytes(struct run *run, const struct image *image)
{
	cleanup_db_stmt struct db_stmt *q = NULL;

	if (db_query(run->e->store->db, &q, NULL,
		     "SELECT COALESCE(SUM(y.size),0) FROM image_layer l JOIN layer y ON "
		     "y.chain=l.chain WHERE l.image=?1 AND y.size>0 AND NOT EXISTS(SELECT 1 FROM "
		     "layer_copy c WHERE c.chain=l.chain AND c.driver=?2 AND c.ready=1)",
		     "ss", image->id, run->to->name) < 0 ||
	    db_step(q, NULL) <= 0)
		return 0;
	return (uint64_t)db_int(q, 0);
}

/* What people call it. */
static void image_label(struct run *run, const struct image *image, struct str *out)
{
	cleanup_names struct image_names names = {0};

	(void)names_read(run->e->store, image->id, &names, NULL);
	if (names.n > 0)
		str_add(out, reference_short(names.name[0].full));
	else
		str_addf(out, "%.19s", image->id);
}

static int migrate_image(struct run *run, const char *id, struct berth_error *err)
{
	struct engine *e = run->e;
	cleanup_image struct image *image = NULL;
	cleanup_str struct str label = STR_INIT;
	const struct image_work *work;
	struct berth_error why = {0};
	uint64_t bytes;
	bool ready;
	int r = image_find(e->store, id, &image, &why);

	run->number++;
	if (r == -BERTH_E_NOT_FOUND)
		return 0; /* removed meanwhile */
	if (r == 0)
		r = image_is_ready(e->store, image, run->to->name, &ready, &why);
	if (r == 0)
		r = engine_image_work(e, &work, &why);
	if (r < 0)
		return berth_fail(err, why.code, "%s", why.text);
	image_label(run, image, &label);
	bytes = missing_bytes(run, image);
	if (ready || run->how->dry_run) {
		tell(run, "image", str_text(&label), ready ? MIGRATE_ALREADY : MIGRATE_WOULD, bytes,
		     NULL);
		return 0;
	}
	tell(run, "image", str_text(&label), MIGRATE_BEGINS, bytes, NULL);
	r = work->materialise(e->store, e->drivers, image, run->to, e->op, &why);
	tell(run, "image", str_text(&label), r < 0 ? MIGRATE_FAILED : MIGRATE_DONE, bytes, &why);
	return op_check(e->op, err);
}

/* --- containers ----------------------------------------------------------- */

static int cannot(struct berth_error *why, const char *what)
{
	return berth_fail(why, BERTH_E_UNSUPPORTED, "%s", what);
}

/* What the driver has to be able to do for this one. */
static int check_carries(struct run *run, const struct container_row *row, struct storage *from,
			 struct berth_error *why)
{
	const struct record *host = record_get(row->merged, "HostConfig");
	const char *userns = record_str_or(record_get(host, "UsernsMode"), "");
	cleanup_object_conf struct berth_conf *conf = NULL;
	cleanup_strv char **words = NULL;
	const uint64_t maps = BERTH_ST_IDMAP | BERTH_ST_CHOWN_CLONE;
	struct record *val;
	const char *key;

	record_foreach (record_get(host, "StorageOpt"), key, val)
		if (strv_addf(&words, "%s=%s", key, record_str_or(val, "")) < 0)
			return berth_fail(why, BERTH_E_NO_MEMORY, "out of memory");
	if (*userns && !str_eq(userns, "host") && !(run->to->caps & maps))
		return cannot(why, "it cannot map owners into user namespaces");
	if (run->to->caps & BERTH_ST_ONE_OWNER && !(from->caps & BERTH_ST_ONE_OWNER))
		return cannot(why, "it cannot keep owners of files");
	if (!words)
		return 0;
	return drivers_object_conf(run->e->drivers, BERTH_STORAGE, run->to->name,
				   (const char *const *)words, &conf, why);
}

static uint64_t own_bytes(const struct container_row *row, struct storage *from)
{
	struct berth_usage u = {.size = sizeof(u)};

	return from->ops.usage(from->st, row->id, BERTH_EACH_VIEWS, &u, NULL) == 0 ? u.own : 0;
}

static int leave_running(struct run *run, const struct container_row *row, struct berth_error *err)
{
	int r = 0;

	if (run->how->when_stopped && !run->how->dry_run)
		r = container_move_later(&run->e->host, row->id, run->to->name,
					 run->how->keep_old ? MOVE_KEEP_OLD : 0, err);
	if (r == 0)
		tell(run, "container", row->name,
		     run->how->when_stopped ? MIGRATE_WAITS : MIGRATE_RUNS, 0, NULL);
	return r;
}

static int migrate_container(struct run *run, const char *id, struct berth_error *err)
{
	struct engine *e = run->e;
	cleanup_row struct container_row *row = NULL;
	struct berth_error why = {0};
	struct storage *from;
	uint64_t bytes;
	int r = container_row_find(e->store, id, &row, err);

	run->number++;
	if (r < 0)
		return r == -BERTH_E_NOT_FOUND ? 0 : r; /* removed meanwhile */
	if (str_eq(row->storage, run->to->name)) {
		tell(run, "container", row->name, MIGRATE_ALREADY, 0, NULL);
		return 0;
	}
	if (row->state & CONTAINER_ALIVE)
		return leave_running(run, row, err);
	r = drivers_storage(e->drivers, row->storage, &from, &why);
	bytes = r == 0 ? own_bytes(row, from) : 0;
	if (r == 0)
		r = check_carries(run, row, from, &why);
	if (run->how->dry_run || r < 0) {
		tell(run, "container", row->name, r < 0 ? MIGRATE_CANNOT : MIGRATE_WOULD, bytes,
		     &why);
		return 0;
	}
	tell(run, "container", row->name, MIGRATE_BEGINS, bytes, NULL);
	r = container_move(&e->host, row->id, run->to->name, run->how->keep_old ? MOVE_KEEP_OLD : 0,
			   &why);
	tell(run, "container", row->name, r < 0 ? MIGRATE_FAILED : MIGRATE_DONE, bytes, &why);
	return op_check(e->op, err);
}

/* --- the old copies ------------------------------------------------------- */

static int drop_old(struct run *run, struct berth_error *err)
{
	cleanup_strv char **drivers = NULL;
	int r = move_sweep(&run->e->host, err);

	if (r == 0)
		r = read_ids(run->e, "SELECT DISTINCT driver FROM layer_copy", &drivers, err);
	strv_foreach (driver, drivers) {
		struct berth_error why = {0};

		if (r == 0 && !str_eq(*driver, run->to->name) &&
		    image_drop_copies(run->e->store, run->e->drivers, *driver, run->to->name,
				      &why) < 0)
			tell(run, "driver", *driver, MIGRATE_FAILED, 0, &why);
	}
	return r;
}

int engine_migrate(struct engine *e, const struct migrate *how, migrate_fn fn, void *arg,
		   size_t *ret_failed, struct berth_error *err)
{
	cleanup_with(run_done) struct run run = {.e = e, .how = how, .fn = fn, .arg = arg};
	int r = drivers_storage(e->drivers, how->to, &run.to, err);

	if (r == 0)
		r = choose(&run, err);
	strv_foreach (id, run.images)
		if (r == 0)
			r = migrate_image(&run, *id, err);
	strv_foreach (id, run.containers)
		if (r == 0)
			r = migrate_container(&run, *id, err);
	/* layers are shared: those of single images or containers stay until all have gone */
	if (r == 0 && !how->dry_run && !how->keep_old && strv_len(how->names) == 0)
		r = drop_old(&run, err);
	if (r == 0)
		*ret_failed = run.failed;
	return r;
}
