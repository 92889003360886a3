/* SPDX-License-Identifier: Apache-2.0 */
#include "core/container/make.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/path.h"

enum { STATE_MAX = 4 << 20 };

struct recovery {
	struct container_host *h;
	struct record *findings; /* or NULL */
};

static void note(struct recovery *rec, const char *id, const char *text)
{
	struct record *f = rec->findings ? record_new_object() : NULL;

	log_debug("container.recover", "id=%s did='%s'", id, text);
	/* a report that does not fit into memory is no reason to stop repairing */
	if (f && record_set_str(f, "id", "container.recovered", NULL) == 0 &&
	    record_set_str(f, "level", "info", NULL) == 0 &&
	    record_set(f, "text", record_new_str(text), NULL) == 0)
		(void)record_append(rec->findings, f, NULL);
	else
		record_free(f);
}

/** What the isolation driver saved or, if it did not come to that, the specification. */
static char *saved_state(struct container_host *h, const char *id, size_t *ret_n)
{
	static const char *const files[] = {MONITOR_SANDBOX, MONITOR_SPEC};
	char *state = NULL;

	*ret_n = 0;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]) && !state; i++) {
		char path[CONTAINER_PATH_MAX + sizeof("/" MONITOR_SPEC)];

		(void)snprintf(path, sizeof(path), "containers/%s/%s", id, files[i]);
		if (state_read(h->store->runfd, path, STATE_MAX, &state, ret_n, NULL) < 0)
			state = NULL;
	}
	return state;
}

int container_sandbox_end(struct container_host *h, const struct container_row *row,
			  struct berth_error *err)
{
	cleanup_free char *state = NULL;
	struct berth_sandbox *sandbox;
	struct isolation *iso;
	size_t n = 0;
	int r = drivers_isolation(h->drivers, row->isolation, &iso, err);

	if (r < 0)
		return r;
	state = saved_state(h, row->id, &n);
	r = iso->ops.recover(iso->iso, row->id, (struct berth_str){state, n}, &sandbox, err);
	if (r == -BERTH_E_NOT_FOUND || r == -BERTH_E_UNSUPPORTED)
		return 0;
	if (r < 0)
		return r;
	r = iso->ops.destroy(sandbox, err);
	iso->ops.forget(sandbox);
	return r;
}

static int run_dir_remove(struct recovery *rec, const char *id, struct berth_error *err)
{
	cleanup_fd int parent = -1;
	int r = state_open(rec->h->store->runfd, "containers", O_RDONLY | O_DIRECTORY, 0, &parent,
			   err);

	if (r == 0)
		r = remove_tree(parent, id, err);
	return r == -BERTH_E_NOT_FOUND ? 0 : r;
}

/** It is said to run, or to start, and no monitor is there: end what is left, and say so. */
static int monitor_died(struct recovery *rec, struct container_row *row, struct berth_error *err)
{
	int r = container_finish(rec->h, row->id, err);

	if (r == 0)
		r = run_dir_remove(rec, row->id, err);
	if (r == 0)
		note(rec, row->id, "its monitor had died: marked as exited");
	return r;
}

/** The client died between the launch and its last word, but the container runs. */
static int adopt(struct recovery *rec, struct container_row *row, struct berth_error *err)
{
	cleanup_fd int monitor = -1;
	struct monitor_msg msg;
	int r = monitor_connect(rec->h, row->id, &monitor, err);

	if (r == 0)
		r = monitor_send(monitor, MONITOR_STATUS, 0, 0, 0, NULL, NULL, 0, err);
	if (r == 0)
		r = monitor_expect(monitor, MONITOR_DONE, &msg, err);
	if (r == 0 && msg.head.b)
		return 0; /* it has ended already, and is being finished */
	if (r == 0)
		r = container_row_started(rec->h->store, row->id, msg.head.a, clock_now_ns(), err);
	if (r == 0)
		note(rec, row->id, "its client had died at the start: it runs");
	/* the monitor may end this very moment: then the next recovery sees it dead */
	return r == -BERTH_E_NOT_FOUND || r == -BERTH_E_UNREACHABLE ? 0 : r;
}

static int recover_one(struct recovery *rec, const char *id, struct berth_error *err)
{
	cleanup_row struct container_row *now = NULL;
	cleanup_fd int lock = -1;
	int r;

	r = store_lock(rec->h->store, CONTAINER_LOCK, id, true, &lock, err);
	if (r == -BERTH_E_BUSY)
		return 0; /* somebody is at work on it */
	if (r == 0)
		r = container_row_find(rec->h->store, id, &now, err);
	if (r == -BERTH_E_NOT_FOUND)
		return 0;
	if (r < 0)
		return r;
	switch (now->state) {
	case CONTAINER_CREATING:
		r = container_erase(rec->h, now, &lock, true, err);
		if (r == 0)
			note(rec, now->id, "was half created: removed");
		return r;
	case CONTAINER_REMOVING:
		r = container_sandbox_end(rec->h, now, err);
		if (r == 0)
			r = container_erase(rec->h, now, &lock, now->auto_remove, err);
		if (r == 0)
			note(rec, now->id, "was half removed: removed");
		return r;
	case CONTAINER_STARTING:
		if (monitor_is_alive(rec->h, now->id))
			return adopt(rec, now, err);
		close_fd(&lock); /* container_finish takes it */
		return monitor_died(rec, now, err);
	case CONTAINER_RUNNING:
	case CONTAINER_PAUSED:
		if (monitor_is_alive(rec->h, now->id))
			return 0;
		close_fd(&lock);
		return monitor_died(rec, now, err);
	case CONTAINER_CREATED:
	case CONTAINER_EXITED:
	case CONTAINER_DEAD:
		return 0;
	}
	return 0;
}

/** Ids of rows in transit, and of those that run without a monitor. */
static int find_broken(struct container_host *h, char ***ret_ids, struct berth_error *err)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	cleanup_strv char **ids = NULL;
	int r = db_query(h->store->db, &q, err,
			 "SELECT id,state IN('running','paused') FROM container WHERE state IN("
			 "'creating','starting','running','paused','removing')",
			 "");

	while (r == 0 && (r = db_step(q, err)) > 0) {
		const char *id = db_text(q, 0);

		r = 0;
		if (db_int(q, 1) && monitor_is_alive(h, id))
			continue;
		if (strv_add(&ids, id) < 0)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	}
	if (r == 0)
		*ret_ids = steal_ptr(ids);
	return r;
}

int container_recover(struct container_host *h, struct record *findings, struct berth_error *err)
{
	struct recovery rec = {h, findings};
	cleanup_strv char **ids = NULL;
	int r = find_broken(h, &ids, err);

	if (r < 0)
		return r;
	strv_foreach (id, ids) {
		struct berth_error one = {0};

		/* one that cannot be put right (its driver is missing) does not stop the others */
		if (recover_one(&rec, *id, &one) < 0)
			note(&rec, *id, one.text);
	}
	return 0;
}
