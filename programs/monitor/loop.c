/* SPDX-License-Identifier: Apache-2.0 */
#include "programs/monitor/monitor.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/log.h"

int loop_init(struct monitor *m, struct berth_error *err)
{
	sigset_t set;

	m->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (m->epoll < 0)
		return berth_fail_errno(err, errno, "make an epoll descriptor");
	/* a machine that shuts down, or a user's kill, ends the container, not just its monitor */
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	m->signals = (struct source){SOURCE_SIGNAL, signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)};
	if (m->signals.fd < 0 || sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return berth_fail_errno(err, errno, "make a signal descriptor");
	m->listener = (struct source){SOURCE_LISTENER, -1};
	m->output[0].source.fd = m->output[1].source.fd = -1;
	m->sandbox_end.fd = m->finisher.fd = m->names.fd = -1;
	return loop_watch(m, &m->signals, EPOLLIN, err);
}

int loop_watch(struct monitor *m, struct source *source, uint32_t events, struct berth_error *err)
{
	struct epoll_event e = {.events = events, .data.ptr = source};

	if (epoll_ctl(m->epoll, EPOLL_CTL_ADD, source->fd, &e) < 0)
		return berth_fail_errno(err, errno, "watch a descriptor");
	return 0;
}

void loop_unwatch(struct monitor *m, struct source *source)
{
	/* fails only for what is not watched */
	(void)epoll_ctl(m->epoll, EPOLL_CTL_DEL, source->fd, NULL);
}

/** The first process is gone: everything in its pid namespace is, so its output is complete. */
static void sandbox_ended(struct monitor *m)
{
	m->end.size = sizeof(m->end);
	if (m->iso->ops.reap(m->sandbox, &m->end, NULL) < 0)
		return;
	loop_unwatch(m, &m->sandbox_end);
	m->sandbox_end.fd = -1;
	m->ended = true;
	output_drain(m);
	finish_begin(m);
}

static void signal_came(struct monitor *m)
{
	struct signalfd_siginfo info;

	while (read(m->signals.fd, &info, sizeof(info)) == sizeof(info))
		if (info.ssi_signo == SIGTERM && m->sandbox)
			(void)m->iso->ops.signal(m->sandbox, SIGKILL, 0, NULL);
}

static struct client *client_of(struct monitor *m, const struct source *source)
{
	for (struct client *c = m->clients; c; c = c->next)
		if (source == &c->source || source == &c->sink[0].source ||
		    source == &c->sink[1].source)
			return c;
	return NULL;
}

static struct exec *exec_of(struct monitor *m, const struct source *source)
{
	for (struct exec *x = m->execs; x; x = x->next)
		if (source == &x->source)
			return x;
	return NULL;
}

/** Events of one round may be about a client that an earlier event of the round has freed. */
static void dispatch(struct monitor *m, struct source *source)
{
	struct client *c;
	struct exec *x;

	if (source == &m->listener) {
		client_accept(m);
	} else if (source == &m->sandbox_end) {
		sandbox_ended(m);
	} else if (source == &m->signals) {
		signal_came(m);
	} else if (source == &m->finisher) {
		finish_ended(m);
	} else if (source == &m->names) {
		answer_serve(m);
	} else if (source == &m->output[0].source || source == &m->output[1].source) {
		output_read(m, (struct output *)source);
	} else if ((c = client_of(m, source))) {
		if (source == &c->source)
			client_serve(m, c);
		else
			sink_ready(m, (struct sink *)source);
	} else if ((x = exec_of(m, source))) {
		client_exec_ended(m, x);
	}
}

void loop_run(struct monitor *m)
{
	struct epoll_event events[16];

	/* after the end only clients that still take output, or that finish, keep us */
	while (!m->finished || m->clients) {
		int n = epoll_wait(m->epoll, events, sizeof(events) / sizeof(events[0]), -1);

		for (int i = 0; i < n; i++)
			dispatch(m, events[i].data.ptr);
		if (n < 0 && errno != EINTR) {
			log_debug("monitor.loop", "errno=%d", errno);
			return;
		}
	}
}
