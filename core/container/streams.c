/* SPDX-License-Identifier: Apache-2.0 */
#include "core/container/streams.h"

#include <fcntl.h>
#include <poll.h>

#include "base/clock.h"

static const struct container_streams closed = {
	.control = -1, .in = -1, .out = -1, .err = -1, .console = -1};

void container_streams_init(struct container_streams *s)
{
	*s = closed;
}

void container_streams_close(struct container_streams *s)
{
	/* best effort: if it does not hear us, the monitor finishes again, which is idempotent */
	if (s->has_duty)
		(void)monitor_send(s->control, MONITOR_FINISHED, 0, 0, 0, NULL, NULL, 0, NULL);
	close_fd(&s->control);
	close_fd(&s->in);
	close_fd(&s->out);
	close_fd(&s->err);
	close_fd(&s->console);
	s->has_duty = false;
}

int container_pipes_open(uint32_t attach, bool tty, struct container_pipes *ret,
			 struct berth_error *err)
{
	struct container_pipes p = CONTAINER_PIPES_INIT;
	int fds[2];

	if (attach & (CONTAINER_ATTACH_STDOUT | (tty ? CONTAINER_ATTACH_STDERR : 0))) {
		if (pipe2(fds, O_CLOEXEC) < 0)
			return berth_fail_errno(err, errno, "make a pipe");
		p.out_r = fds[0];
		p.out_w = fds[1];
	}
	if ((attach & CONTAINER_ATTACH_STDERR) && !tty) {
		if (pipe2(fds, O_CLOEXEC) < 0) {
			int saved = errno;

			container_pipes_close(&p);
			return berth_fail_errno(err, saved, "make a pipe");
		}
		p.err_r = fds[0];
		p.err_w = fds[1];
	}
	*ret = p;
	return 0;
}

void container_pipes_close(struct container_pipes *p)
{
	close_fd(&p->in_r);
	close_fd(&p->in_w);
	close_fd(&p->out_r);
	close_fd(&p->out_w);
	close_fd(&p->err_r);
	close_fd(&p->err_w);
}

/** What came with STARTED or ATTACHED: the write end of stdin, or the terminal. */
int container_streams_take(struct container_streams *s, struct monitor_msg *msg,
			   struct berth_error *err)
{
	if (msg->n_fds == 0)
		return 0;
	if (msg->head.flags & MONITOR_HAVE_CONSOLE) {
		s->tty = true;
		s->console = steal_fd(&msg->fds[0]);
		s->in = fcntl(s->console, F_DUPFD_CLOEXEC, 3);
		if (s->in < 0)
			return berth_fail_errno(err, errno, "duplicate the terminal");
	} else if (msg->head.flags & MONITOR_HAVE_IN) {
		s->in = steal_fd(&msg->fds[0]);
	}
	return 0;
}

int container_streams_wait(struct container_streams *s, int timeout_ms, int *ret_code,
			   struct berth_error *err)
{
	int64_t end = clock_mono_ns() + (int64_t)timeout_ms * 1000000;

	while (!s->ended) {
		struct pollfd p = {.fd = s->control, .events = POLLIN};
		int left = -1;
		struct monitor_msg msg;
		int r;

		if (timeout_ms >= 0) {
			int64_t ns = end - clock_mono_ns();

			left = ns > 0 ? (int)((ns + 999999) / 1000000) : 0;
		}
		r = poll(&p, 1, left);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return berth_fail_errno(err, errno, "wait for the monitor");
		if (r == 0)
			return berth_fail(err, BERTH_E_TIMEOUT, "still running after %d ms",
					  timeout_ms);
		r = monitor_recv(s->control, &msg, err);
		if (r < 0) {
			if (r == -BERTH_E_UNREACHABLE)
				return berth_fail(err, r * -1,
						  "the container's monitor ended unexpectedly");
			return r;
		}
		monitor_msg_close(&msg);
		if (msg.head.verb != MONITOR_EXITED)
			continue; /* an answer that nobody waits for any more */
		s->ended = true;
		s->exit_code = msg.head.a;
		s->has_duty = msg.head.b == 1;
	}
	*ret_code = s->exit_code;
	return 0;
}

int container_streams_signal(struct container_streams *s, int signo, struct berth_error *err)
{
	/* the answer is skipped by container_streams_wait: a proxy of signals does not wait */
	return monitor_send(s->control, MONITOR_SIGNAL, 0, signo, 0, NULL, NULL, 0, err);
}
