/* SPDX-License-Identifier: Apache-2.0 */
#include "core/container/make.h"

#include <fcntl.h>
#include <sys/socket.h>

#include "base/ident.h"
#include "base/msg.h"

static int running_row(struct container_host *h, const char *ref, struct container_row **ret,
		       struct berth_error *err)
{
	cleanup_row struct container_row *row = NULL;
	int r = container_row_find(h->store, ref, &row, err);

	if (r < 0)
		return r;
	if (row->state == CONTAINER_PAUSED)
		return berth_fail(err, BERTH_E_BUSY,
				  "Container %s is paused, unpause the container before exec", ref);
	if (!(row->state & CONTAINER_ALIVE))
		return berth_fail(err, BERTH_E_INVALID, "container %s is not running", row->id);
	*ret = steal_ptr(row);
	return 0;
}

/** The OCI process; users are looked up in the container's own root, as it is now. */
static int process_of(struct container_host *h, const struct container_row *row,
		      const struct record *exec, struct str *out, struct berth_error *err)
{
	cleanup_free char *path = str_fmt("/proc/%lld/root", (long long)row->pid);
	cleanup_fd int root = -1;
	struct spec_input in = {
		.config = h->config,
		.merged = row->merged,
		.id = row->id,
		.hostname = record_str(record_path(row->merged, "Config.Hostname")),
	};

	if (!path)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return berth_fail_errno(err, errno, "open the root of container %.12s", row->id);
	in.rootfd = root;
	return spec_process(&in, exec, out, err);
}

static int take_console(int socket, struct container_streams *s, struct berth_error *err)
{
	int r = monitor_recv_console(socket, &s->console, err);

	if (r < 0)
		return r;
	s->tty = true;
	s->in = fcntl(s->console, F_DUPFD_CLOEXEC, 3);
	s->out = fcntl(s->console, F_DUPFD_CLOEXEC, 3);
	if (s->in < 0 || s->out < 0)
		return berth_fail_errno(err, errno, "duplicate the terminal");
	return 0;
}

static int exec_send(int monitor, const char *process, uint32_t attach, bool tty,
		     struct container_pipes *pipes, int *console, struct berth_error *err)
{
	uint32_t flags = attach;
	cleanup_fd int theirs = -1;
	int fds[MONITOR_FDS_MAX], pair[2];
	size_t n = 0;

	if (tty) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
			return berth_fail_errno(err, errno, "make a console socket");
		*console = pair[0];
		theirs = pair[1];
		fds[n++] = theirs;
		flags |= MONITOR_HAVE_CONSOLE;
		return monitor_send(monitor, MONITOR_EXEC, flags, 0, 0, process, fds, n, err);
	}
	if (pipes->in_r >= 0) {
		fds[n++] = pipes->in_r;
		flags |= MONITOR_HAVE_IN;
	}
	if (pipes->out_w >= 0) {
		fds[n++] = pipes->out_w;
		flags |= MONITOR_HAVE_OUT;
	}
	if (pipes->err_w >= 0) {
		fds[n++] = pipes->err_w;
		flags |= MONITOR_HAVE_ERR;
	}
	return monitor_send(monitor, MONITOR_EXEC, flags, 0, 0, process, fds, n, err);
}

static int stdin_pipe(struct container_pipes *p, struct berth_error *err)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return berth_fail_errno(err, errno, "make a pipe");
	p->in_r = fds[0];
	p->in_w = fds[1];
	return 0;
}

int container_exec(struct container_host *h, const char *ref, const struct record *exec,
		   uint32_t attach, struct container_streams *ret_streams, struct berth_error *err)
{
	bool tty = record_bool_or(record_get(exec, "Tty"), false);
	cleanup_pipes struct container_pipes pipes = CONTAINER_PIPES_INIT;
	cleanup_row struct container_row *row = NULL;
	cleanup_str struct str process = STR_INIT;
	cleanup_fd int monitor = -1, console = -1;
	struct container_streams s;
	struct monitor_msg msg;
	int r;

	container_streams_init(&s);
	r = running_row(h, ref, &row, err);
	if (r == 0)
		r = monitor_connect(h, row->id, &monitor, err);
	if (r == 0)
		r = process_of(h, row, exec, &process, err);
	if (r == 0)
		r = str_check(&process, err);
	if (r == 0 && !tty)
		r = container_pipes_open(attach, false, &pipes, err);
	if (r == 0 && !tty && (attach & CONTAINER_ATTACH_STDIN))
		r = stdin_pipe(&pipes, err);
	if (r == 0)
		r = exec_send(monitor, str_text(&process), attach, tty, &pipes, &console, err);
	close_fd(&pipes.in_r);
	close_fd(&pipes.out_w);
	close_fd(&pipes.err_w);
	if (r == 0)
		r = monitor_expect(monitor, MONITOR_STARTED, &msg, err);
	if (r == 0 && tty)
		r = take_console(console, &s, err);
	if (r < 0) {
		container_streams_close(&s);
		return r;
	}
	s.control = steal_fd(&monitor);
	if (!tty) {
		s.in = steal_fd(&pipes.in_w);
		s.out = steal_fd(&pipes.out_r);
		s.err = steal_fd(&pipes.err_r);
	}
	if (ret_streams)
		*ret_streams = s;
	else
		container_streams_close(&s);
	return 0;
}
