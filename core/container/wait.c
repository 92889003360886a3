/* SPDX-License-Identifier: Apache-2.0 */
#include "core/container/make.h"

/** The lock is held by who finishes or removes it: after that the row says how it ended, or is
 * gone. */
static int when_settled(struct container_host *h, const char *id, int *ret_code,
			struct berth_error *err)
{
	cleanup_row struct container_row *row = NULL;
	cleanup_fd int lock = -1;
	int r = store_lock(h->store, CONTAINER_LOCK, id, false, &lock, err);

	if (r == 0)
		r = container_row_find(h->store, id, &row, err);
	if (r == 0 && row->state & CONTAINER_ALIVE && !monitor_is_alive(h, id)) {
		/* its monitor was killed: what the next command would do anyway */
		close_fd(&lock);
		r = container_finish(h, id, err);
		container_row_free(steal_ptr(row));
		if (r == 0)
			r = container_row_find(h->store, id, &row, err);
	}
	if (r == -BERTH_E_NOT_FOUND)
		return 0; /* removed: the code that was told is all there is */
	if (r == 0)
		*ret_code = row->exit_code;
	return r;
}

/** By the monitor. UNREACHABLE or NOT_FOUND if it is at its end, and tells nobody any more. */
static int wait_by_monitor(struct container_host *h, const char *id, int *ret_code,
			   struct berth_error *err)
{
	struct container_streams s;
	int r;

	container_streams_init(&s);
	r = monitor_connect(h, id, &s.control, err);
	if (r == 0)
		r = monitor_send(s.control, MONITOR_WATCH, 0, 0, 0, NULL, NULL, 0, err);
	if (r == 0)
		r = container_streams_wait(&s, -1, ret_code, err);
	container_streams_close(&s);
	return r;
}

int container_wait(struct container_host *h, const char *ref, enum container_wait_for what,
		   int *ret_code, struct berth_error *err)
{
	cleanup_row struct container_row *row = NULL;
	struct berth_error why = {0};
	bool told = false;
	int code = 0, r = container_row_find(h->store, ref, &row, err);

	if (r < 0)
		return r;
	if (row->state & CONTAINER_ALIVE) {
		r = wait_by_monitor(h, row->id, &code, &why);
		told = r == 0;
		if (r < 0 && r != -BERTH_E_UNREACHABLE && r != -BERTH_E_NOT_FOUND) {
			if (err)
				*err = why;
			return r;
		}
	}
	r = 0;
	if (!told || what == CONTAINER_WAIT_REMOVED)
		r = when_settled(h, row->id, &code, err);
	if (r == 0)
		*ret_code = code;
	return r;
}
