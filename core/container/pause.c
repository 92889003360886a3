/* SPDX-License-Identifier: Apache-2.0 */
#include "core/container/make.h"

int container_connect(struct container_host *h, const struct container_row *row, const char *doing,
		      int *ret_fd, struct berth_error *err)
{
	int r = -BERTH_E_NOT_FOUND;

	if (row->state & CONTAINER_ALIVE)
		r = monitor_connect(h, row->id, ret_fd, err);
	if (r == -BERTH_E_NOT_FOUND)
		return berth_fail(err, BERTH_E_INVALID,
				  "cannot %s container: %s: container %s is not "
				  "running",
				  doing, row->name, row->id);
	return r;
}

static int freeze(int monitor, bool on, bool hold, struct berth_error *err)
{
	struct monitor_msg msg;
	int r = monitor_send(monitor, MONITOR_FREEZE, 0, on, hold, NULL, NULL, 0, err);

	return r < 0 ? r : monitor_expect(monitor, MONITOR_DONE, &msg, err);
}

int container_hold(struct container_host *h, const struct container_row *row, int *ret_hold,
		   struct berth_error *err)
{
	cleanup_fd int monitor = -1;
	int r = 0;

	if (row->state & CONTAINER_ALIVE)
		r = container_connect(h, row, "freeze", &monitor, err);
	if (r == 0 && monitor >= 0)
		r = freeze(monitor, true, true, err);
	if (r == 0)
		*ret_hold = steal_fd(&monitor);
	return r;
}

int container_pause(struct container_host *h, const char *ref, struct berth_error *err)
{
	cleanup_row struct container_row *row = NULL;
	cleanup_fd int monitor = -1;
	int r = container_row_find(h->store, ref, &row, err);

	if (r == 0 && row->state == CONTAINER_PAUSED)
		return berth_fail(err, BERTH_E_BUSY, "Container %s is already paused", row->id);
	if (r == 0)
		r = container_connect(h, row, "pause", &monitor, err);
	/* the row first: who finds it so although nobody froze it can thaw it */
	if (r == 0)
		r = container_row_move(h->store, row->id, CONTAINER_RUNNING, CONTAINER_PAUSED,
				       DB_LAZY, err);
	if (r < 0)
		return r;
	r = freeze(monitor, true, false, err);
	if (r < 0)
		(void)container_row_move(h->store, row->id, CONTAINER_PAUSED, CONTAINER_RUNNING,
					 DB_LAZY, NULL);
	return r;
}

int container_thaw(struct container_host *h, const struct container_row *row, int monitor,
		   struct berth_error *err)
{
	int r = freeze(monitor, false, false, err);

	/* by now it may have ended */
	if (r == 0)
		(void)container_row_move(h->store, row->id, CONTAINER_PAUSED, CONTAINER_RUNNING,
					 DB_LAZY, NULL);
	return r;
}

int container_unpause(struct container_host *h, const char *ref, struct berth_error *err)
{
	cleanup_row struct container_row *row = NULL;
	cleanup_fd int monitor = -1;
	int r = container_row_find(h->store, ref, &row, err);

	if (r == 0 && row->state != CONTAINER_PAUSED)
		return berth_fail(err, BERTH_E_BUSY, "Container %s is not paused", row->id);
	if (r == 0)
		r = container_connect(h, row, "unpause", &monitor, err);
	return r < 0 ? r : container_thaw(h, row, monitor, err);
}
