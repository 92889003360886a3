/* SPDX-License-Identifier: Apache-2.0 */
#include "core/container/make.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>

#include "base/path.h"
#include "core/container/log_file.h"

/** Until the log grows, or the monitor has gone. */
static int wait_for_more(int notify, int monitor, struct berth_op *op, bool *ret_ended,
			 struct berth_error *err)
{
	struct pollfd p[] = {{.fd = notify, .events = POLLIN}, {.fd = monitor, .events = POLLIN}};
	char events[4096];

	if (poll(p, 2, 500) < 0 && errno != EINTR)
		return berth_fail_errno(err, errno, "wait for output");
	/* what it says does not matter: it woke us */
	if (p[0].revents & POLLIN)
		(void)!read(notify, events, sizeof(events));
	*ret_ended = p[1].revents != 0;
	return op_check(op, err);
}

static int follow(struct container_host *h, const char *id, int fd, const struct log_select *select,
		  struct log_place place, container_logs_fn fn, void *arg, struct berth_error *err)
{
	cleanup_fd int notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK), monitor = -1;
	char self[64];
	bool ended = false;
	int r;

	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (notify < 0 || inotify_add_watch(notify, self, IN_MODIFY) < 0)
		return berth_fail_errno(err, errno, "watch the log");
	r = monitor_connect(h, id, &monitor, err);
	if (r == -BERTH_E_NOT_FOUND)
		ended = true; /* it does not run: there will be no more than there is */
	else if (r == 0)
		r = monitor_send(monitor, MONITOR_WATCH, 0, 0, 0, NULL, NULL, 0, err);
	if (r < 0 && !ended)
		return r;
	for (;;) {
		cleanup_log_file struct log_file log = {NULL, 0};
		bool last = ended;

		r = log_file_open(fd, &log, err);
		if (r == 0)
			r = log_file_read(&log, select, &place, fn, arg);
		if (r != 0 || last)
			return r;
		r = wait_for_more(notify, monitor, h->op, &ended, err);
		if (r < 0)
			return r;
	}
}

int container_logs(struct container_host *h, const char *ref,
		   const struct container_logs_opts *opts, container_logs_fn fn, void *arg,
		   struct berth_error *err)
{
	struct log_select select = {opts->out, opts->err, opts->since_ns, opts->until_ns};
	cleanup_row struct container_row *row = NULL;
	cleanup_log_file struct log_file log = {NULL, 0};
	struct log_place place = {0, 0};
	cleanup_fd int dir = -1, fd = -1;
	int r = container_row_find(h->store, ref, &row, err);

	if (r < 0)
		return r;
	if (str_eq(record_str(record_path(row->merged, "HostConfig.LogConfig.Type")), "none"))
		return berth_fail(err, BERTH_E_UNSUPPORTED,
				  "configured logging driver does not support reading");
	r = container_dir(h->store->rootfd, row->id, 0710, &dir, err);
	/* a reader may come before the first output: then it makes the empty log */
	if (r == 0)
		r = state_open(dir, MONITOR_LOG, O_RDONLY | O_CREAT, 0600, &fd, err);
	if (r == 0)
		r = log_file_open(fd, &log, err);
	if (r < 0)
		return r;
	if (opts->tail >= 0)
		place = log_file_tail(&log, &select, opts->tail);
	r = log_file_read(&log, &select, &place, fn, arg);
	if (r == 0 && opts->follow)
		r = follow(h, row->id, fd, &select, place, fn, arg, err);
	return r;
}
