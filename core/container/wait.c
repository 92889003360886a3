/* SPDX-License-Identifier: Apache-2.0 */
#include "core/container/make.h"

/** After the end, until the finisher has removed the row; it holds the container's lock meanwhile. */
static int until_removed(struct container_host *h, const char *id, struct berth_error *err)
{
	cleanup_row struct container_row *row = NULL;
	cleanup_fd int lock = -1;
	int r = store_lock(h->store, CONTAINER_LOCK, id, false, &lock, err);

	if (r == 0)
		r = container_row_find(h->store, id, &row, err);
	return r == -BERTH_E_NOT_FOUND ? 0 : r;
}

int container_wait(struct container_host *h, const char *ref, enum container_wait_for what,
		   int *ret_code, struct berth_error *err)
{
	cleanup_row struct container_row *row = NULL;
	struct container_streams s;
	int code = 0, r = container_row_find(h->store, ref, &row, err);

	if (r < 0)
		return r;
	container_streams_init(&s);
	if (row->state & CONTAINER_ALIVE)
		r = monitor_connect(h, row->id, &s.control, err);
	else
		r = -BERTH_E_NOT_FOUND;
	if (r == -BERTH_E_NOT_FOUND) {
		/* not running, or ended this very moment: the row knows, once nobody works on it */
		cleanup_row struct container_row *now = NULL;

		r = until_removed(h, row->id, err);
		if (r == 0 && container_row_find(h->store, row->id, &now, NULL) == 0)
			code = now->exit_code;
		if (r == 0)
			*ret_code = code;
		return r;
	}
	if (r == 0)
		r = monitor_send(s.control, MONITOR_WATCH, 0, 0, 0, NULL, NULL, 0, err);
	if (r == 0)
		r = container_streams_wait(&s, -1, &code, err);
	container_streams_close(&s);
	if (r == 0 && what == CONTAINER_WAIT_REMOVED)
		r = until_removed(h, row->id, err);
	if (r == 0)
		*ret_code = code;
	return r;
}
