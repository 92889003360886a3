/* SPDX-License-Identifier: Apache-2.0 */
#include "core/container/move.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/tree_apply.h"
#include "core/container/changed.h"
#include "core/container/make.h"
#include "core/container/tree.h"

/* One container on its way. */
struct move {
	struct container_host *h;
	struct container_row *row;
	struct image *image;
	struct storage *from, *to;
	const struct image_work *work;
	struct changed changed;
	int before, after; /* its tree in both */
	int lock;
};

static void move_done(struct move *m)
{
	close_fd(&m->before);
	close_fd(&m->after);
	changed_done(&m->changed);
	image_free(m->image);
	container_row_free(m->row);
	close_fd(&m->lock);
}

static int open_view(struct storage *st, const char *id, uint32_t flags, int *ret_fd,
		     struct berth_error *err)
{
	struct berth_view_opts opts = {
		.size = sizeof(opts),
		.flags = flags,
		.userns_fd = -1,
		.want_form = BERTH_ST_FORM_DIR,
	};

	return st->ops.view_mount(st->st, id, &opts, ret_fd, err);
}

/* Its lock is held from here on: nobody starts or removes it. */
static int begin(struct move *m, const char *id, const char *to, struct berth_error *err)
{
	struct container_host *h = m->h;
	int r = store_lock(h->store, CONTAINER_LOCK, id, false, &m->lock, err);

	if (r == 0)
		r = container_row_find(h->store, id, &m->row, err);
	if (r == 0 && !(m->row->state & (CONTAINER_CREATED | CONTAINER_EXITED | CONTAINER_DEAD)))
		r = berth_fail(err, BERTH_E_BUSY, "container %s is %s", m->row->name,
			       container_state_name(m->row->state));
	if (r == 0)
		r = drivers_storage(h->drivers, m->row->storage, &m->from, err);
	if (r == 0)
		r = drivers_storage(h->drivers, to, &m->to, err);
	if (r == 0)
		r = image_find(h->store, m->row->image, &m->image, err);
	if (r == 0)
		r = image_work_load(h->config, &m->work, err);
	return r;
}

static int copy_changes(struct move *m, struct berth_error *err)
{
	cleanup_tree_apply struct tree_apply *t = NULL;
	int r = tree_apply_new(m->before, m->after, &t, err);

	for (size_t i = 0; i < m->changed.n && r == 0; i++) {
		const struct image_change *c = &m->changed.change[i];

		r = op_check(m->h->op, err);
		if (r == 0)
			r = tree_apply_one(t, c->kind, c->path, err);
	}
	return r < 0 ? r : tree_apply_end(t, err);
}

/* What the changes are as a layer, in both places. */
static int compare(struct move *m, struct berth_error *err)
{
	struct digest before, after;
	char a[DIGEST_TEXT_MAX], b[DIGEST_TEXT_MAX];
	int r = m->work->digest(m->before, m->changed.change, m->changed.n, m->h->op, &before, err);

	if (r == 0)
		r = m->work->digest(m->after, m->changed.change, m->changed.n, m->h->op, &after,
				    err);
	if (r == 0 && !digest_eq(&before, &after))
		r = berth_fail(err, BERTH_E_CORRUPT,
			       "its changes are %s in storage '%s' and %s in '%s'",
			       digest_format(&before, a), m->from->name, digest_format(&after, b),
			       m->to->name);
	return r;
}

static int to_disk(const struct move *m, struct berth_error *err)
{
	cleanup_fd int fd = openat(m->after, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || syncfs(fd) < 0)
		return berth_fail_errno(err, errno, "write container %.12s to the disk",
					m->row->id);
	return 0;
}

/* From here until flip the new view is one that is to go: whoever finds it knows that from the row. */
static int note_new(struct move *m, struct berth_error *err)
{
	struct db *db = m->h->store->db;
	int r = db_begin(db, err);

	if (r == 0)
		r = db_run(db, NULL, err,
			   "INSERT INTO view_old(container,storage,keep) VALUES(?1,?2,0) "
			   "ON CONFLICT DO UPDATE SET keep=0",
			   "ss", m->row->id, m->to->name);
	if (r == 0)
		r = db_commit(db, DB_DURABLE, err);
	if (r < 0)
		db_rollback(db);
	return r;
}

/* The view in the new driver, whole and on the disk. */
static int fill(struct move *m, struct berth_error *err)
{
	int r = container_ensure_layers(m->h, m->image, m->to, err);

	if (r == 0)
		r = note_new(m, err);
	/* what a try before this one left */
	if (r == 0)
		r = m->to->ops.view_remove(m->to->st, m->row->id, err);
	if (r == 0)
		r = changed_read_all(m->h, m->row, m->image, &m->changed, err);
	if (r == 0)
		r = container_make_view(m->h, m->row->merged, m->row, m->image, m->to, err);
	if (r == 0)
		r = open_view(m->from, m->row->id, BERTH_VIEW_READ_ONLY, &m->before, err);
	if (r == 0)
		r = open_view(m->to, m->row->id, 0, &m->after, err);
	if (r == 0)
		r = copy_changes(m, err);
	if (r == 0)
		r = compare(m, err);
	if (r == 0)
		r = to_disk(m, err);
	close_fd(&m->before);
	close_fd(&m->after);
	return r;
}

static int flip(struct move *m, uint32_t flags, struct berth_error *err)
{
	struct db *db = m->h->store->db;
	int r = db_begin(db, err);

	if (r == 0)
		r = db_run(db, NULL, err, "UPDATE container SET storage=?2 WHERE id=?1", "ss",
			   m->row->id, m->to->name);
	if (r == 0)
		r = db_run(db, NULL, err, "DELETE FROM view_old WHERE container=?1 AND storage=?2",
			   "ss", m->row->id, m->to->name);
	if (r == 0)
		r = db_run(db, NULL, err,
			   "INSERT INTO view_old(container,storage,keep) VALUES(?1,?2,?3) "
			   "ON CONFLICT DO UPDATE SET keep=?3",
			   "ssi", m->row->id, m->from->name, (int64_t)(flags & MOVE_KEEP_OLD));
	if (r == 0)
		r = db_run(db, NULL, err, "DELETE FROM move_wish WHERE container=?1", "s",
			   m->row->id);
	if (r == 0)
		r = db_commit(db, DB_DURABLE, err);
	if (r < 0)
		db_rollback(db);
	return r;
}

/* An old view goes, then the row that knows of it. */
static int drop_old(struct container_host *h, const char *id, const char *storage,
		    struct berth_error *err)
{
	struct storage *st;
	int r = drivers_storage(h->drivers, storage, &st, err);

	if (r == 0)
		r = st->ops.view_remove(st->st, id, err);
	if (r < 0)
		return r;
	h->store->left_trash = true;
	return db_run(h->store->db, NULL, err,
		      "DELETE FROM view_old WHERE container=?1 AND storage=?2", "ss", id, storage);
}

int container_move(struct container_host *h, const char *id, const char *to, uint32_t flags,
		   struct berth_error *err)
{
	cleanup_with(move_done) struct move m = {.h = h, .before = -1, .after = -1, .lock = -1};
	int r = begin(&m, id, to, err);

	if (r < 0 || m.from == m.to)
		return r;
	r = fill(&m, err);
	if (r < 0) {
		close_fd(&m.before);
		close_fd(&m.after);
		(void)drop_old(h, m.row->id, m.to->name, NULL); /* or the next sweep does */
		return r;
	}
	r = flip(&m, flags, err);
	if (r == 0 && !(flags & MOVE_KEEP_OLD))
		(void)drop_old(h, m.row->id, m.from->name, NULL); /* or the next sweep does */
	return r;
}

int container_move_later(struct container_host *h, const char *id, const char *to, uint32_t flags,
			 struct berth_error *err)
{
	return db_run(h->store->db, NULL, err,
		      "INSERT INTO move_wish(container,storage,keep) VALUES(?1,?2,?3) "
		      "ON CONFLICT DO UPDATE SET storage=?2,keep=?3",
		      "ssi", id, to, (int64_t)(flags & MOVE_KEEP_OLD));
}

/* --- what was left for later ---------------------------------------------- */

struct later {
	char *id, *storage;
	uint32_t flags;
};

/* The rows of a query for container, storage, keep. */
static int read_later(struct store *store, const char *sql, const char *arg, struct later **ret,
		      size_t *ret_n, struct berth_error *err)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	int r = db_query(store->db, &q, err, sql, arg ? "s" : "", arg);

	*ret = NULL;
	*ret_n = 0;
	while (r == 0 && (r = db_step(q, err)) > 0) {
		struct later *more = reallocarray(*ret, *ret_n + 1, sizeof(**ret));

		if (!more)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		*ret = more;
		more += (*ret_n)++;
		*more = (struct later){strdup(db_text(q, 0)), strdup(db_text(q, 1)),
				       db_int(q, 2) ? MOVE_KEEP_OLD : 0};
		r = more->id && more->storage ? 0
					      : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	}
	return r;
}

static void later_free(struct later *all, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(all[i].id);
		free(all[i].storage);
	}
	free(all);
}

/* Unless somebody is making it just now, or it has become the container's own. */
static void sweep_old(struct container_host *h, const char *id, const char *storage)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	cleanup_fd int lock = -1;

	if (store_lock(h->store, CONTAINER_LOCK, id, true, &lock, NULL) < 0 ||
	    db_query(
		    h->store->db, &q, NULL,
		    "SELECT 1 FROM view_old v WHERE container=?1 AND storage=?2 AND keep=0 AND NOT "
		    "EXISTS(SELECT 1 FROM container WHERE id=?1 AND storage=?2)",
		    "ss", id, storage) < 0 ||
	    db_step(q, NULL) <= 0)
		return;
	db_stmt_done(steal_ptr(q));
	(void)drop_old(h, id, storage, NULL); /* or the next one does */
}

int move_sweep(struct container_host *h, struct berth_error *err)
{
	struct later *all;
	size_t n;
	int r = read_later(h->store,
			   "SELECT w.container,w.storage,w.keep FROM move_wish w JOIN container c "
			   "ON c.id=w.container WHERE c.state IN('created','exited')",
			   NULL, &all, &n, err);

	for (size_t i = 0; i < n && r == 0; i++) {
		struct berth_error why = {0};

		/* it stays where it is, and is tried again */
		if (container_move(h, all[i].id, all[i].storage, all[i].flags, &why) < 0)
			log_line(BERTH_LOG_WARN, "container.move", "id=%s storage=%s error='%s'",
				 all[i].id, all[i].storage, why.text);
	}
	later_free(all, n);
	if (r == 0)
		r = read_later(h->store, "SELECT container,storage,keep FROM view_old WHERE keep=0",
			       NULL, &all, &n, err);
	for (size_t i = 0; i < n && r == 0; i++)
		sweep_old(h, all[i].id, all[i].storage);
	later_free(all, n);
	return r;
}

int move_forget(struct container_host *h, const char *id, struct berth_error *err)
{
	struct later *all;
	size_t n;
	int r = read_later(h->store,
			   "SELECT container,storage,keep FROM view_old WHERE container=?1", id,
			   &all, &n, err);

	for (size_t i = 0; i < n && r == 0; i++)
		r = drop_old(h, all[i].id, all[i].storage, err);
	later_free(all, n);
	return r;
}

bool move_may_hold(struct store *store, const char *id, const char *storage)
{
	cleanup_db_stmt struct db_stmt *q = NULL;

	/* in doubt it may: nothing is removed for a database that does not answer */
	return db_query(store->db, &q, NULL,
			"SELECT 1 FROM container WHERE id=?1 AND storage=?2 UNION "
			"SELECT 1 FROM view_old WHERE container=?1 AND storage=?2",
			"ss", id, storage) < 0 ||
	       db_step(q, NULL) != 0;
}
