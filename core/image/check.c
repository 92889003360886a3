/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <stdlib.h>

#include "base/ident.h"
#include "base/path.h"
#include "core/image/rows.h"
#include "core/image/sweep.h"

struct check {
	struct store *store;
	struct drivers *drivers;
	struct record *findings;
	struct berth_error *err;
	bool repair;
	const char *driver; /* of which the layers are being looked at */
	struct storage *storage;
	char **unknown; /* its layers that no row knows */
};

BERTH_PRINTF(5, 6)
static int report(struct check *c, const char *id, const char *level, const char *fix,
		  const char *fmt, ...)
{
	cleanup_record struct record *item = record_new_object();
	cleanup_str struct str text = STR_INIT;
	va_list ap;
	int r;

	va_start(ap, fmt);
	str_addv(&text, fmt, ap);
	va_end(ap);
	r = str_check(&text, c->err);
	if (r == 0 && !item)
		r = berth_fail(c->err, BERTH_E_NO_MEMORY, "out of memory");
	if (r == 0)
		r = record_set_str(item, "id", id, c->err);
	if (r == 0)
		r = record_set_str(item, "level", level, c->err);
	if (r == 0)
		r = record_set_str(item, "text", str_text(&text), c->err);
	if (r == 0)
		r = record_set_str(item, "fix", c->repair ? "repaired" : fix, c->err);
	return r < 0 ? r : record_append(c->findings, steal_ptr(item), c->err);
}

#define FIX_REPAIR "berth system check --repair"

/** What image_sweep would drop: leftovers of loads that died, or layers that a container kept. */
static int check_leftovers(struct check *c)
{
	uint64_t layers, blobs;
	int r = sweep_count(c->store, &layers, &blobs, c->err);

	if (r < 0 || layers + blobs == 0)
		return r;
	r = report(c, "image.leftover", "warn", FIX_REPAIR,
		   "%llu layers and %llu blobs belong to no image", (unsigned long long)layers,
		   (unsigned long long)blobs);
	return r == 0 && c->repair ? sweep_locked(c->store, c->drivers, c->err) : r;
}

static int check_partial(struct check *c)
{
	cleanup_fd int fd = -1;
	DIR *dir;
	size_t n = 0;
	int r = state_open(c->store->rootfd, "content/partial", O_RDONLY | O_DIRECTORY, 0, &fd,
			   c->err);

	if (r < 0)
		return r;
	dir = fdopendir(fd);
	if (!dir)
		return berth_fail_errno(c->err, errno, "read directory 'content/partial'");
	(void)steal_fd(&fd);
	for (const struct dirent *e; (e = readdir(dir));)
		n += e->d_name[0] != '.';
	(void)closedir(dir);
	if (n == 0)
		return 0;
	r = report(c, "image.partial", "info", FIX_REPAIR, "%zu blobs came in by half", n);
	return r == 0 && c->repair ? content_sweep(c->store, true, NULL, c->err) : r;
}

static int check_blob_file(void *arg, const struct digest *digest, uint64_t size)
{
	struct check *c = arg;
	cleanup_db_stmt struct db_stmt *q = NULL;
	char text[DIGEST_TEXT_MAX];
	int r = db_query(c->store->db, &q, c->err, "SELECT size FROM blob WHERE digest=?1", "s",
			 digest_format(digest, text));

	if (r == 0)
		r = db_step(q, c->err);
	if (r < 0)
		return r;
	if (r > 0 && (uint64_t)db_int(q, 0) == size)
		return 0;
	if (r > 0)
		return report(c, "image.blob-size", "error", "load or pull its image again",
			      "blob %s has %llu bytes, it should have %lld", text,
			      (unsigned long long)size, (long long)db_int(q, 0));
	r = report(c, "image.blob-unknown", "warn", FIX_REPAIR,
		   "blob %s is in the store, and the database does not know it", text);
	return r == 0 && c->repair ? content_remove(c->store, digest, c->err) : r;
}

/** Blobs that images need and that are not there. Nothing can make them again but a load or pull.
 */
static int check_blob_rows(struct check *c)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	int r = db_query(c->store->db, &q, c->err,
			 "SELECT DISTINCT digest,image,kind FROM image_blob ORDER BY digest", "");

	while (r == 0 && (r = db_step(q, c->err)) > 0) {
		struct digest digest;

		r = 0;
		if (digest_parse(db_text(q, 0), &digest, NULL) == 0 &&
		    content_stat(c->store, &digest, NULL, NULL) == 0)
			continue;
		r = report(c, "image.blob-missing", "error", "load or pull the image again",
			   "%s %s of image %s is missing", db_text(q, 2), db_text(q, 0),
			   db_text(q, 1));
	}
	return r;
}

/** A layer that the driver has. Its row says so, or it is adopted or dropped. */
static int check_layer(void *arg, const char *chain)
{
	struct check *c = arg;
	cleanup_db_stmt struct db_stmt *q = NULL;
	bool ready, used;
	int r = db_query(c->store->db, &q, c->err,
			 "SELECT EXISTS(SELECT 1 FROM layer_copy WHERE chain=?1 AND driver=?2 AND "
			 "ready=1),EXISTS(SELECT 1 FROM image_layer WHERE chain=?1)",
			 "ss", chain, c->driver);

	if (r == 0)
		r = db_step(q, c->err);
	if (r < 0)
		return r;
	ready = db_int(q, 0) != 0;
	used = db_int(q, 1) != 0;
	db_stmt_done(steal_ptr(q));
	if (ready)
		return 0;
	if (!used)
		return strv_add(&c->unknown, chain) < 0
			       ? berth_fail(c->err, BERTH_E_NO_MEMORY, "out of memory")
			       : 0;
	r = report(c, "image.layer-unmarked", "info", FIX_REPAIR,
		   "storage '%s' has layer %s, and the database does not know it", c->driver,
		   chain);
	if (r < 0 || !c->repair)
		return r;
	return rows_layer_ready(c->store->db, chain, c->driver, -1, c->err);
}

/** Layers of no image: children first, so round by round as long as one goes. */
static int drop_unknown(struct check *c)
{
	size_t dropped;
	int r = 0;

	strv_foreach (chain, c->unknown) {
		r = report(c, "image.layer-unknown", "warn", FIX_REPAIR,
			   "storage '%s' has layer %s of no image", c->driver, *chain);
		if (r < 0)
			return r;
	}
	do {
		cleanup_strv char **left = NULL;

		dropped = 0;
		strv_foreach (chain, c->unknown) {
			if (c->repair &&
			    c->storage->ops.layer_remove(c->storage->st, *chain, NULL) == 0)
				dropped++;
			else if (strv_add(&left, *chain) < 0)
				return berth_fail(c->err, BERTH_E_NO_MEMORY, "out of memory");
		}
		strv_free(c->unknown);
		c->unknown = steal_ptr(left);
	} while (dropped > 0);
	return r;
}

static int has_layer(void *arg, const char *id)
{
	return str_eq(arg, id) ? 1 : 0;
}

/** Rows that say "ready", and the driver does not have the layer. */
static int check_lost(struct check *c)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	cleanup_strv char **rows = NULL;
	int r = db_query(c->store->db, &q, c->err,
			 "SELECT chain FROM layer_copy WHERE driver=?1 AND ready=1", "s",
			 c->driver);

	while (r == 0 && (r = db_step(q, c->err)) > 0)
		r = strv_add(&rows, db_text(q, 0)) < 0
			    ? berth_fail(c->err, BERTH_E_NO_MEMORY, "out of memory")
			    : 0;
	db_stmt_done(steal_ptr(q));
	strv_foreach (chain, rows) {
		if (r < 0)
			return r;
		r = c->storage->ops.each(c->storage->st, BERTH_EACH_LAYERS, has_layer, *chain,
					 c->err);
		if (r != 0) {
			r = r < 0 ? r : 0;
			continue;
		}
		r = report(c, "image.layer-lost", "warn", FIX_REPAIR,
			   "storage '%s' has no layer %s, the database believes so", c->driver,
			   *chain);
		if (r == 0 && c->repair)
			r = db_run(c->store->db, NULL, c->err,
				   "DELETE FROM layer_copy WHERE chain=?1 AND driver=?2", "ss",
				   *chain, c->driver);
	}
	return r;
}

static int check_driver(struct check *c, const char *name)
{
	int r = drivers_storage(c->drivers, name, &c->storage, NULL);

	if (r < 0)
		return report(c, "image.storage", "warn", "berth driver ls",
			      "storage driver '%s' has state here and cannot be opened", name);
	c->driver = name;
	r = c->storage->ops.each(c->storage->st, BERTH_EACH_LAYERS, check_layer, c, c->err);
	if (r == 0)
		r = drop_unknown(c);
	strv_free(c->unknown);
	c->unknown = NULL;
	return r == 0 ? check_lost(c) : r;
}

/** Every driver that has a state directory. */
static int check_drivers(struct check *c)
{
	cleanup_fd int fd = -1;
	cleanup_strv char **names = NULL;
	DIR *dir;
	int r = state_open(c->store->rootfd, "storage", O_RDONLY | O_DIRECTORY, 0, &fd, c->err);

	if (r < 0)
		return r;
	dir = fdopendir(fd);
	if (!dir)
		return berth_fail_errno(c->err, errno, "read directory 'storage'");
	(void)steal_fd(&fd);
	for (const struct dirent *e; (e = readdir(dir));)
		/* "auto" is a file: the decision, not a driver */
		if (e->d_type != DT_REG && ident_is_driver(e->d_name) &&
		    strv_add(&names, e->d_name) < 0)
			r = berth_fail(c->err, BERTH_E_NO_MEMORY, "out of memory");
	(void)closedir(dir);
	strv_foreach (name, names)
		if (r == 0)
			r = check_driver(c, *name);
	return r;
}

int image_check(struct store *store, struct drivers *drivers, bool repair, struct record *findings,
		struct berth_error *err)
{
	struct check c = {
		.store = store,
		.drivers = drivers,
		.findings = findings,
		.err = err,
		.repair = repair,
	};
	struct berth_error why = {0};
	cleanup_fd int lock = -1;
	int r = store_lock(store, ROWS_LOCK_KIND, ROWS_LOCK_NAME, true, &lock, &why);

	if (r < 0 && r != -BERTH_E_BUSY && err)
		*err = why;
	if (r == -BERTH_E_BUSY) {
		c.repair = false;
		return report(&c, "image.busy", "info", "check again later",
			      "images are being added now: not looked at");
	}
	if (r == 0)
		r = check_leftovers(&c);
	if (r == 0)
		r = check_partial(&c);
	if (r == 0)
		r = content_each(store, check_blob_file, &c, err);
	if (r == 0)
		r = check_blob_rows(&c);
	if (r == 0 && drivers)
		r = check_drivers(&c);
	return r;
}
