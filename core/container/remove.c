/* SPDX-License-Identifier: Apache-2.0 */
#include "core/container/connect.h"
#include "core/container/make.h"
#include "core/container/move.h"

#include <string.h>

#include "base/clock.h"
#include "base/path.h"
#include "core/volume/volume.h"

/** Remove <base>/containers/<id>; absent is fine. */
static int remove_dir(int base, const char *id, struct berth_error *err)
{
	cleanup_fd int parent = -1;
	int r = state_open(base, "containers", O_RDONLY | O_DIRECTORY, 0, &parent, err);

	if (r == -BERTH_E_NOT_FOUND)
		return 0;
	return r < 0 ? r : remove_tree(parent, id, err);
}

int container_erase(struct container_host *h, const struct container_row *row, int *lock,
		    bool volumes, struct berth_error *err)
{
	bool monitored = monitor_is_alive(h, row->id);
	struct storage *storage;
	int r = drivers_storage(h->drivers, row->storage, &storage, err);

	if (r == 0)
		r = storage->ops.view_remove(storage->st, row->id, err);
	if (r == 0)
		r = move_forget(h, row->id, err);
	/* with a monitor, which is at its end, it is the monitor who tidies up */
	if (!monitored)
		h->store->left_trash = true;
	if (r == 0)
		r = volume_release(h->store, row->id, volumes, err);
	if (r == 0)
		r = remove_dir(h->store->rootfd, row->id, err);
	/* the run-time directory is the monitor's while it lives; it removes it as its last act */
	if (r == 0 && !monitored)
		r = remove_dir(h->store->runfd, row->id, err);
	if (r == 0)
		/* what is gone for the user stays so, whatever happens to the machine */
		r = container_row_delete(h->store, row->id,
					 row->auto_remove ? DB_LAZY : DB_DURABLE, err);
	if (r == 0)
		container_left(h, row->id);
	if (r == 0)
		store_lock_drop(h->store, CONTAINER_LOCK, row->id, lock);
	return r;
}

/** Kill it and wait until it has ended. */
static int end_it(struct container_host *h, struct container_row *row, struct berth_error *err)
{
	int r = container_kill(h, row->id, "KILL", err);

	if (r == 0)
		r = container_wait(h, row->id, CONTAINER_WAIT_NOT_RUNNING, &row->exit_code, err);
	if (r == -BERTH_E_INVALID || r == -BERTH_E_NOT_FOUND)
		r = 0; /* it ended by itself, or was removed (--rm), meanwhile */
	return r;
}

int container_remove(struct container_host *h, const char *ref, uint32_t flags,
		     struct berth_error *err)
{
	cleanup_row struct container_row *row = NULL;
	cleanup_fd int lock = -1;
	int r = container_row_find(h->store, ref, &row, err);

	if (r < 0)
		return r;
	if (row->state & CONTAINER_ALIVE) {
		if (!(flags & CONTAINER_REMOVE_FORCE)) {
			(void)berth_fail(err, BERTH_E_BUSY,
					 "cannot remove container \"/%s\": container is running",
					 row->name);
			berth_error_hint(err, "stop the container before removing or force remove");
			return -BERTH_E_BUSY;
		}
		r = end_it(h, row, err);
		if (r < 0)
			return r;
	}
	r = store_lock(h->store, CONTAINER_LOCK, row->id, false, &lock, err);
	if (r < 0)
		return r;
	r = container_row_move(h->store, row->id,
			       CONTAINER_CREATED | CONTAINER_EXITED | CONTAINER_DEAD,
			       CONTAINER_REMOVING, DB_LAZY, err);
	if (r == -BERTH_E_NOT_FOUND && (flags & CONTAINER_REMOVE_FORCE))
		return 0; /* its --rm was quicker */
	if (r == 0)
		r = container_erase(h, row, &lock, (flags & CONTAINER_REMOVE_VOLUMES) != 0, err);
	return r;
}

/* Whether it is to go to another storage driver now. */
static bool has_wish(struct store *store, const char *id)
{
	cleanup_db_stmt struct db_stmt *q = NULL;

	return db_query(store->db, &q, NULL, "SELECT 1 FROM move_wish WHERE container=?1", "s",
			id) == 0 &&
	       db_step(q, NULL) > 0;
}

int container_finish(struct container_host *h, const char *id, struct berth_error *err)
{
	cleanup_row struct container_row *row = NULL;
	cleanup_free char *text = NULL;
	cleanup_record struct record *end = NULL;
	char path[CONTAINER_PATH_MAX + sizeof("/" MONITOR_EXIT)];
	cleanup_fd int lock = -1;
	int64_t code = 137, flags = BERTH_EXIT_UNKNOWN, at = 0;
	size_t len;
	int r;

	r = store_lock(h->store, CONTAINER_LOCK, id, false, &lock, err);
	if (r == 0)
		r = container_row_find(h->store, id, &row, err);
	if (r == -BERTH_E_NOT_FOUND)
		return 0; /* somebody finished and removed it */
	if (r < 0)
		return r;
	if (!(row->state & (CONTAINER_ALIVE | CONTAINER_STARTING)))
		return 0;
	/* killed, the monitor has left processes and cgroups behind */
	if (!monitor_is_alive(h, id)) {
		r = container_sandbox_end(h, row, err);
		if (r < 0)
			return r;
	}
	(void)snprintf(path, sizeof(path), "containers/%s/" MONITOR_EXIT, id);
	/* without that file the monitor died: the defaults above say what is known */
	if (state_read(h->store->runfd, path, 4096, &text, &len, NULL) == 0 &&
	    record_parse(text, len, 0, &end, NULL) == 0) {
		code = record_int_or(record_get(end, "Code"), code);
		flags = record_int_or(record_get(end, "Flags"), flags);
		at = record_int_or(record_get(end, "At"), 0);
	}
	if (row->auto_remove) {
		r = container_row_move(h->store, id, CONTAINER_ALIVE | CONTAINER_STARTING,
				       CONTAINER_REMOVING, DB_LAZY, err);
		return r < 0 ? r : container_erase(h, row, &lock, true, err);
	}
	h->store->left_trash |= has_wish(h->store, id); /* tidying moves it */
	r = container_row_ended(h->store, id, CONTAINER_EXITED, (int)code, (uint32_t)flags,
				at ? at : clock_now_ns(), NULL, err);
	if (r == 0)
		container_left(h, id);
	return r;
}
