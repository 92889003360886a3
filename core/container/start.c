/* SPDX-License-Identifier: Apache-2.0 */
#include "core/container/make.h"

#include <string.h>

#include "base/clock.h"
#include "base/ident.h"
#include "base/log.h"

/** A monitor that was killed while it launched could not clean up after itself. */
static void clean_after(struct container_host *h, const struct container_row *row)
{
	struct berth_error err = {0};

	/* one that is alive is cleaning up itself */
	if (!monitor_is_alive(h, row->id) && container_sandbox_end(h, row, &err) < 0)
		log_debug("container.start", "id=%s error='%s'", row->id, err.text);
}

/** A start that failed: the container is "created" again, with docker's code and the reason. */
static void note_failure(struct container_host *h, const struct container_row *row,
			 const struct berth_error *why)
{
	int code = 128;

	if (why->code == BERTH_E_EXEC)
		code = why->sys_errno == ENOENT ? 127 : 126;
	clean_after(h, row);
	/* if even this fails, container_recover finds the row in "starting" */
	(void)container_row_ended(h->store, row->id, CONTAINER_CREATED, code, 0, clock_now_ns(),
				  why->text, NULL);
}

int container_start(struct container_host *h, const char *ref, uint32_t attach,
		    struct container_streams *ret_streams, struct berth_error *err)
{
	cleanup_row struct container_row *row = NULL;
	struct berth_error why = {0};
	cleanup_fd int lock = -1;
	int r = container_row_find(h->store, ref, &row, err);

	if (r < 0)
		return r;
	if (row->state & CONTAINER_ALIVE && !attach)
		return 0; /* docker: starting what runs is fine */
	r = store_lock(h->store, CONTAINER_LOCK, row->id, false, &lock, err);
	if (r == 0)
		r = container_row_move(h->store, row->id, CONTAINER_CREATED | CONTAINER_EXITED,
				       CONTAINER_STARTING, DB_LAZY, err);
	if (r < 0)
		return r;
	r = container_launch(h, row, -1, attach, ret_streams, &why);
	if (r < 0) {
		note_failure(h, row, &why);
		if (err)
			*err = why;
	}
	return r;
}

void container_prelaunch(struct container_host *h, const struct record *body)
{
	const char *isolation;

	if (h->spare_monitor < 0 && container_isolation_name(h, body, &isolation, NULL) == 0)
		(void)monitor_spawn(h, isolation, &h->spare_monitor, NULL);
}

int container_run(struct container_host *h, const char *name, const struct record *body,
		  uint32_t attach, char *ret_id, struct container_streams *ret_streams,
		  struct berth_error *err)
{
	cleanup_row struct container_row *row = NULL;
	cleanup_fd int monitor = -1, lock = -1;
	struct berth_error why = {0};
	const char *isolation;
	int r;

	ret_id[0] = '\0';
	monitor = steal_fd(&h->spare_monitor);
	r = container_isolation_name(h, body, &isolation, err);
	if (r == 0 && monitor < 0)
		r = monitor_spawn(h, isolation, &monitor, err);
	if (r == 0)
		r = container_make(h, name, body, &row, &lock, NULL, err);
	if (r < 0)
		return r;
	memcpy(ret_id, row->id, IDENT_ID_MAX);
	r = container_row_move(h->store, row->id, CONTAINER_CREATING, CONTAINER_STARTING,
			       row->auto_remove ? DB_LAZY : DB_DURABLE, &why);
	if (r == 0)
		r = container_launch(h, row, steal_fd(&monitor), attach, ret_streams, &why);
	if (r == 0)
		return 0;
	if (row->auto_remove) {
		clean_after(h, row);
		/* the row stays "starting" if that fails, and the next command tries again */
		(void)container_erase(h, row, &lock, true, NULL);
	} else {
		note_failure(h, row, &why);
	}
	if (err)
		*err = why;
	return r;
}
