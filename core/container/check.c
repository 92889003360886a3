/* SPDX-License-Identifier: Apache-2.0 */
#include "core/container/make.h"
#include "core/container/move.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#include "base/ident.h"
#include "base/path.h"

struct check {
	struct container_host *h;
	bool repair;
	struct record *findings;
	struct storage *storage; /* whose views are looked at */
	char **orphans;
};

static int report(struct check *c, const char *id, const char *text, bool fixed)
{
	cleanup_record struct record *f = record_new_object();
	int r = record_set_str(f, "id", id, NULL);

	if (r == 0)
		r = record_set_str(f, "level", fixed ? "info" : "warn", NULL);
	if (r == 0)
		r = record_set_str(f, "text", text, NULL);
	if (r == 0)
		r = record_set_str(f, "fix", fixed ? "repaired" : "berth system check --repair",
				   NULL);
	return r == 0 ? record_append(c->findings, steal_ptr(f), NULL) : r;
}

static bool has_row(struct check *c, const char *id)
{
	cleanup_db_stmt struct db_stmt *q = NULL;

	/* in doubt it has one: nothing is removed for a database that does not answer */
	return db_query(c->h->store->db, &q, NULL, "SELECT 1 FROM container WHERE id=?1", "s", id) <
		       0 ||
	       db_step(q, NULL) != 0;
}

static int view_seen(void *arg, const char *id)
{
	struct check *c = arg;

	if (!ident_is_id(id) || move_may_hold(c->h->store, id, c->storage->name))
		return 0;
	return strv_add(&c->orphans, id) < 0 ? -BERTH_E_NO_MEMORY : 0;
}

/** Views of one driver that no row knows. */
static int check_views(struct check *c, const char *driver, struct berth_error *err)
{
	int r = drivers_storage(c->h->drivers, driver, &c->storage, err);

	if (r == 0)
		r = c->storage->ops.each(c->storage->st, BERTH_EACH_VIEWS, view_seen, c, err);
	if (r < 0)
		return r;
	strv_foreach (id, c->orphans) {
		cleanup_free char *text = NULL;
		cleanup_fd int lock = -1;

		/* the row comes first, under this lock: who has it and no row is dead */
		if (store_lock(c->h->store, CONTAINER_LOCK, *id, true, &lock, NULL) < 0 ||
		    move_may_hold(c->h->store, *id, c->storage->name))
			continue;
		if (c->repair)
			r = c->storage->ops.view_remove(c->storage->st, *id, err);
		text = str_fmt("storage '%s' holds view %.12s, which belongs to no container there",
			       driver, *id);
		if (r == 0 && text)
			r = report(c, "container.orphan-view", text, c->repair);
		if (r < 0)
			return r;
	}
	strv_free(c->orphans);
	c->orphans = NULL;
	return 0;
}

static int drivers_in_use(struct check *c, char ***ret, struct berth_error *err)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	int r = db_query(c->h->store->db, &q, err,
			 "SELECT storage FROM container WHERE storage IS NOT NULL UNION "
			 "SELECT driver FROM layer_copy",
			 "");

	while (r == 0 && (r = db_step(q, err)) > 0)
		r = strv_add(ret, db_text(q, 0)) < 0
			    ? berth_fail(err, BERTH_E_NO_MEMORY, "out of memory")
			    : 0;
	return r;
}

/** Directories <base>/containers/<id> whose container is gone. */
static int check_dirs(struct check *c, int base, const char *what, struct berth_error *err)
{
	cleanup_fd int fd = -1;
	cleanup_dir DIR *dir = NULL;
	const struct dirent *e;
	int r = state_open(base, "containers", O_RDONLY | O_DIRECTORY, 0, &fd, err);

	if (r < 0)
		return r == -BERTH_E_NOT_FOUND ? 0 : r;
	dir = fdopendir(dup(fd));
	while (r == 0 && dir && (e = readdir(dir))) {
		cleanup_free char *text = NULL;

		if (!ident_is_id(e->d_name) || has_row(c, e->d_name) ||
		    monitor_is_alive(c->h, e->d_name))
			continue;
		if (c->repair)
			r = remove_tree(fd, e->d_name, err);
		text = str_fmt("%s directory %.12s belongs to no container", what, e->d_name);
		if (r == 0 && text)
			r = report(c, "container.orphan-directory", text, c->repair);
	}
	return r;
}

int container_check(struct container_host *h, bool repair, struct record *findings,
		    struct berth_error *err)
{
	struct check c = {.h = h, .repair = repair, .findings = findings};
	cleanup_strv char **drivers = NULL;
	int r = drivers_in_use(&c, &drivers, err);

	if (r < 0)
		return r;
	strv_foreach (driver, drivers) {
		struct berth_error one = {0};

		if (check_views(&c, *driver, &one) < 0)
			r = report(&c, "container.driver", one.text, false);
		strv_free(c.orphans);
		c.orphans = NULL;
		if (r < 0)
			return r;
	}
	r = check_dirs(&c, h->store->rootfd, "state", err);
	if (r == 0)
		r = check_dirs(&c, h->store->runfd, "run-time", err);
	return r;
}
