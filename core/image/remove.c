/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/ident.h"
#include "core/image/names.h"
#include "core/image/sweep.h"

/*
 * The rules are docker's, as scripts know them:
 *
 *  - by a name: the name goes. If it was the last one, the image goes too, unless somebody uses it.
 *  - by an id: the image goes, with its names if they are all of one repository, else only by
 *    force.
 *  - never: an image that has children or a running container.
 *  - parents that have no name and no other use go as well.
 */

enum conflict {
	CONFLICT_CHILD = 1u << 0,
	CONFLICT_RUNNING = 1u << 1,
	CONFLICT_NAMED = 1u << 2,
	CONFLICT_STOPPED = 1u << 3,
	CONFLICT_HARD = CONFLICT_CHILD | CONFLICT_RUNNING,
	CONFLICT_SOFT = CONFLICT_NAMED | CONFLICT_STOPPED,
};

struct removal {
	struct store *store;
	struct record *out; /* array of what was done */
	uint32_t flags;
	bool image_gone;
};

static const char *short_id(const char *id)
{
	const char *hex = strchr(id, ':');

	return hex ? hex + 1 : id;
}

static int note(struct removal *rm, const char *what, const char *name, struct berth_error *err)
{
	cleanup_record struct record *item = record_new_object();
	int r;

	if (!item)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = record_set_str(item, what, name, err);
	return r < 0 ? r : record_append(rm->out, steal_ptr(item), err);
}

/** The id of a container that uses image @id, or NULL in *ret. @running: -1 whatever its state. */
static int user_of(struct store *store, const char *id, int running, char **ret,
		   struct berth_error *err)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	int r = db_query(
		store->db, &q, err,
		"SELECT id FROM container WHERE image=?1 AND (?2<0 OR "
		"(state IN('starting','running','paused'))=?2) ORDER BY created_ns LIMIT 1",
		"si", id, (int64_t)running);

	if (r == 0)
		r = db_step(q, err);
	if (r < 0)
		return r;
	return str_copy(r > 0 ? db_text(q, 0) : NULL, ret, err);
}

static int has_row(struct store *store, const char *sql, const char *arg, bool *ret,
		   struct berth_error *err)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	int r = db_query(store->db, &q, err, sql, "s", arg);

	if (r == 0)
		r = db_step(q, err);
	if (r < 0)
		return r;
	*ret = r > 0;
	return 0;
}

static int has_children(struct store *store, const char *id, bool *ret, struct berth_error *err)
{
	return has_row(store, "SELECT 1 FROM image WHERE parent=?1", id, ret, err);
}

static int has_names(struct store *store, const char *id, bool *ret, struct berth_error *err)
{
	return has_row(store, "SELECT 1 FROM image_name WHERE image=?1", id, ret, err);
}

static int conflict(const char *id, bool hard, struct berth_error *err, const char *why,
		    const char *user)
{
	return berth_fail(err, BERTH_E_BUSY, "conflict: unable to delete %.*s (%s) - %s%.*s",
			  IDENT_SHORT, short_id(id), hard ? "cannot be forced" : "must be forced",
			  why, IDENT_SHORT, user ? user : "");
}

/** BUSY if one of @mask speaks against it. *ret_used (may be NULL): it is because of a container.
 */
static int check_conflicts(struct store *store, const char *id, uint32_t mask, bool *ret_used,
			   struct berth_error *err)
{
	cleanup_free char *running = NULL;
	cleanup_free char *stopped = NULL;
	bool children = false, named = false;
	int r = has_children(store, id, &children, err);

	if (r == 0)
		r = user_of(store, id, 1, &running, err);
	if (r == 0)
		r = has_names(store, id, &named, err);
	if (r == 0)
		r = user_of(store, id, 0, &stopped, err);
	if (r < 0)
		return r;
	if (ret_used)
		*ret_used = running || stopped;
	if (mask & CONFLICT_CHILD && children)
		return conflict(id, true, err, "image has dependent child images", NULL);
	if (mask & CONFLICT_RUNNING && running)
		return conflict(id, true, err, "image is being used by running container ",
				running);
	if (mask & CONFLICT_NAMED && named)
		return conflict(id, false, err, "image is referenced in multiple repositories",
				NULL);
	if (mask & CONFLICT_STOPPED && stopped)
		return conflict(id, false, err, "image is being used by stopped container ",
				stopped);
	return 0;
}

static bool same_repo(const char *a, const char *b)
{
	size_t n = name_repo_len(a);

	return n == name_repo_len(b) && strncmp(a, b, n) == 0;
}

/** One tag at most, and all else are digests of one repository, the tag's. */
static bool is_single(const struct image_names *names)
{
	const char *single = NULL;

	if (names->n <= 1)
		return names->n == 1;
	for (size_t i = 0; i < names->n; i++) {
		if (name_is_digest(names->name[i].full))
			continue;
		if (single)
			return false;
		single = names->name[i].full;
	}
	if (!single)
		single = names->name[0].full;
	for (size_t i = 0; i < names->n; i++)
		if (!same_repo(single, names->name[i].full))
			return false;
	return true;
}

static int untag(struct removal *rm, const char *full, struct berth_error *err)
{
	int r = db_run(rm->store->db, NULL, err, "DELETE FROM image_name WHERE name=?1", "s", full);

	return r < 0 ? r : note(rm, "Untagged", reference_short(full), err);
}

/** All names; with @repo_of only the digests of its repository. */
static int untag_all(struct removal *rm, const char *id, const char *repo_of,
		     struct berth_error *err)
{
	cleanup_names struct image_names names = {0};
	int r = names_read(rm->store, id, &names, err);

	for (size_t i = 0; i < names.n && r == 0; i++) {
		const char *full = names.name[i].full;

		if (repo_of && !(name_is_digest(full) && same_repo(full, repo_of)))
			continue;
		r = untag(rm, full, err);
	}
	return r;
}

/** "Deleted" for each layer that nobody needs any more, top first. */
static int note_layers(struct removal *rm, const char *id, struct berth_error *err)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	int r = db_query(
		rm->store->db, &q, err,
		"SELECT chain FROM image_layer l WHERE image=?1 "
		"AND NOT EXISTS(SELECT 1 FROM image_layer o WHERE o.chain=l.chain AND o.image<>?1) "
		"AND NOT EXISTS(SELECT 1 FROM container WHERE image=?1) ORDER BY pos DESC",
		"s", id);

	while (r == 0 && (r = db_step(q, err)) > 0)
		r = note(rm, "Deleted", db_text(q, 0), err);
	return r;
}

static int delete_rows(struct removal *rm, const char *id, struct berth_error *err)
{
	struct db *db = rm->store->db;
	int r = note(rm, "Deleted", id, err);

	if (r == 0)
		r = note_layers(rm, id, err);
	if (r == 0)
		r = db_run(db, NULL, err, "DELETE FROM image WHERE id=?1", "s", id);
	if (r == 0)
		r = db_run(db, NULL, err, "DELETE FROM image_layer WHERE image=?1", "s", id);
	if (r == 0)
		r = db_run(db, NULL, err, "DELETE FROM image_blob WHERE image=?1", "s", id);
	if (r == 0)
		rm->image_gone = true;
	return r;
}

static int parent_of(struct store *store, const char *id, char **ret, struct berth_error *err)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	int r = db_query(store->db, &q, err,
			 "SELECT p.id FROM image i JOIN image p ON p.id=i.parent WHERE i.id=?1",
			 "s", id);

	if (r == 0)
		r = db_step(q, err);
	if (r < 0)
		return r;
	return str_copy(r > 0 ? db_text(q, 0) : NULL, ret, err);
}

/**
 * The image itself. *ret_stop: it stays, quietly. @quiet: a conflict is no failure, unless nobody
 * but the conflict's own reason keeps an image without names and children.
 */
static int delete_one(struct removal *rm, const char *id, bool force, bool quiet, bool *ret_stop,
		      struct berth_error *err)
{
	struct berth_error why = {0};
	bool used = false, named = false, children = false;
	int r = check_conflicts(rm->store, id, CONFLICT_HARD | (force ? 0 : CONFLICT_SOFT), &used,
				&why);

	if (r == -BERTH_E_BUSY && quiet) {
		r = has_names(rm->store, id, &named, err);
		if (r == 0)
			r = has_children(rm->store, id, &children, err);
		if (r < 0)
			return r;
		*ret_stop = true;
		if (used || named || children)
			return 0;
		r = -BERTH_E_BUSY;
	}
	if (r < 0) {
		if (err)
			*err = why;
		return r;
	}
	r = untag_all(rm, id, NULL, err);
	return r < 0 ? r : delete_rows(rm, id, err);
}

/** The image, then its parents as far as nobody needs them. */
static int delete_image(struct removal *rm, const char *id, bool quiet, struct berth_error *err)
{
	cleanup_free char *at = strdup(id);
	bool force = rm->flags & IMAGE_REMOVE_FORCE;
	int r = 0;

	if (!at)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	while (at && r == 0) {
		cleanup_free char *parent = NULL;
		bool stop = false;

		r = parent_of(rm->store, at, &parent, err);
		if (r == 0)
			r = delete_one(rm, at, force, quiet, &stop, err);
		if (stop || rm->flags & IMAGE_REMOVE_NO_PRUNE)
			break;
		free(at);
		at = steal_ptr(parent);
		force = false;
		quiet = true;
	}
	return r;
}

/** @name is a reference (not an id) of @image: it goes, and the image if that was the last one. */
static int remove_by_name(struct removal *rm, const struct image *image, const char *name,
			  struct berth_error *err)
{
	cleanup_reference struct reference ref = {0};
	cleanup_names struct image_names names = {0};
	cleanup_free char *full = NULL;
	cleanup_free char *user = NULL;
	bool tags_left = false, any_left = false;
	int r = names_read(rm->store, image->id, &names, err);

	if (r == 0 && !(rm->flags & IMAGE_REMOVE_FORCE) && is_single(&names))
		r = user_of(rm->store, image->id, -1, &user, err);
	if (r < 0)
		return r;
	if (user)
		return berth_fail(err, BERTH_E_BUSY,
				  "conflict: unable to remove repository reference \"%s\" (must "
				  "force) - container %.*s is using its referenced image %.*s",
				  name, IDENT_SHORT, user, IDENT_SHORT, short_id(image->id));
	r = reference_parse(name, &ref, err);
	if (r == 0)
		r = reference_full(&ref, &full, err);
	if (r == 0)
		r = untag(rm, full, err);
	for (size_t i = 0; i < names.n; i++)
		if (!str_eq(names.name[i].full, full) && !name_is_digest(names.name[i].full) &&
		    full && same_repo(names.name[i].full, full))
			tags_left = true;
	/* digests of a repository without any tag left mean nothing to people */
	if (r == 0 && !name_is_digest(full) && !tags_left)
		r = untag_all(rm, image->id, full, err);
	if (r == 0)
		r = has_names(rm->store, image->id, &any_left, err);
	return r < 0 || any_left ? r : delete_image(rm, image->id, true, err);
}

static int remove_by_id(struct removal *rm, const struct image *image, struct berth_error *err)
{
	cleanup_names struct image_names names = {0};
	uint32_t mask = CONFLICT_HARD;
	int r = names_read(rm->store, image->id, &names, err);

	if (r == 0 && is_single(&names)) {
		if (!(rm->flags & IMAGE_REMOVE_FORCE))
			mask |= CONFLICT_STOPPED;
		r = check_conflicts(rm->store, image->id, mask, NULL, err);
		if (r == 0)
			r = untag_all(rm, image->id, NULL, err);
	}
	return r < 0 ? r : delete_image(rm, image->id, false, err);
}

int image_remove(struct store *store, struct drivers *drivers, const char *name, uint32_t flags,
		 struct record **ret, struct berth_error *err)
{
	cleanup_record struct record *out = record_new_array();
	cleanup_image struct image *image = NULL;
	struct removal rm = {.store = store, .out = out, .flags = flags};
	int r;

	if (!out)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = db_begin(store->db, err);
	if (r < 0)
		return r;
	r = image_find(store, name, &image, err);
	if (r == 0)
		r = image->name ? remove_by_name(&rm, image, name, err)
				: remove_by_id(&rm, image, err);
	/* what is gone for the user stays so; and a driver must not drop a layer of which the database
	 * could believe again that it is needed */
	if (r == 0)
		r = db_commit(store->db, DB_DURABLE, err);
	if (r < 0) {
		db_rollback(store->db);
		return r;
	}
	if (rm.image_gone)
		(void)image_sweep(store, drivers, NULL); /* what stays, the next sweep finds */
	*ret = steal_ptr(out);
	return 0;
}
