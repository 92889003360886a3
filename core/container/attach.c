/* SPDX-License-Identifier: Apache-2.0 */
#include "core/container/make.h"

int container_attach(struct container_host *h, const char *ref, uint32_t attach,
		     struct container_streams *ret_streams, struct berth_error *err)
{
	cleanup_pipes struct container_pipes pipes = CONTAINER_PIPES_INIT;
	cleanup_row struct container_row *row = NULL;
	struct container_streams s;
	struct monitor_msg msg;
	uint32_t flags = attach;
	int fds[2], r;
	size_t n = 0;

	container_streams_init(&s);
	r = container_row_find(h->store, ref, &row, err);
	if (r == 0 && !(row->state & CONTAINER_ALIVE))
		return berth_fail(err, BERTH_E_INVALID,
				  "You cannot attach to a stopped container, start it first");
	if (r == 0)
		r = monitor_connect(h, row->id, &s.control, err);
	if (r == 0)
		r = container_pipes_open(
			attach, record_bool_or(record_path(row->merged, "Config.Tty"), false),
			&pipes, err);
	if (r == 0 && pipes.out_w >= 0) {
		fds[n++] = pipes.out_w;
		flags |= MONITOR_HAVE_OUT;
	}
	if (r == 0 && pipes.err_w >= 0) {
		fds[n++] = pipes.err_w;
		flags |= MONITOR_HAVE_ERR;
	}
	if (r == 0)
		r = monitor_send(s.control, MONITOR_ATTACH, flags, 0, 0, NULL, fds, n, err);
	close_fd(&pipes.out_w);
	close_fd(&pipes.err_w);
	if (r == 0)
		r = monitor_expect(s.control, MONITOR_ATTACHED, &msg, err);
	if (r == 0) {
		r = container_streams_take(&s, &msg, err);
		monitor_msg_close(&msg);
	}
	if (r < 0) {
		container_streams_close(&s);
		return r;
	}
	s.out = steal_fd(&pipes.out_r);
	s.err = steal_fd(&pipes.err_r);
	*ret_streams = s;
	return 0;
}
