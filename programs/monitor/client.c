/* SPDX-License-Identifier: Apache-2.0 */
#include "programs/monitor/monitor.h"

#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/msg.h"
#include "base/process.h"

enum { ANSWER_MAX = MONITOR_TEXT_MAX };

struct client *client_new(struct monitor *m, int fd, struct berth_error *err)
{
	struct client *c = NULL;

	if (m->n_clients >= CLIENTS_MAX) {
		(void)berth_fail(err, BERTH_E_LIMIT, "more than %d clients", CLIENTS_MAX);
		return NULL;
	}
	c = calloc(1, sizeof(*c));
	if (!c) {
		(void)berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		return NULL;
	}
	c->source = (struct source){SOURCE_CLIENT, fd};
	c->sink[0].source = c->sink[1].source = (struct source){SOURCE_SINK, -1};
	if (loop_watch(m, &c->source, EPOLLIN, err) < 0) {
		free(c);
		return NULL;
	}
	c->next = m->clients;
	m->clients = c;
	m->n_clients++;
	return c;
}

/* Frozen if a user said so, or a client that reads its files wants it still. */
static int freeze_as_wanted(struct monitor *m, struct berth_error *err)
{
	bool on = m->is_paused;

	for (const struct client *c = m->clients; c; c = c->next)
		on |= c->holds;
	return m->iso->ops.freeze(m->sandbox, on, err);
}

static int freeze(struct monitor *m, struct client *c, const struct monitor_msg *msg,
		  struct berth_error *err)
{
	bool *who = msg->head.b ? &c->holds : &m->is_paused;
	bool was = *who;
	int r;

	if (m->ended)
		return berth_fail(err, BERTH_E_NOT_FOUND, "container %.12s has ended", m->id);
	*who = msg->head.a != 0;
	r = freeze_as_wanted(m, err);
	if (r < 0)
		*who = was;
	return r;
}

void client_free(struct monitor *m, struct client *c)
{
	bool had_duty = c->has_duty, held = c->holds;

	for (struct client **at = &m->clients; *at; at = &(*at)->next)
		if (*at == c) {
			*at = c->next;
			break;
		}
	m->n_clients--;
	if (held && !m->ended)
		(void)freeze_as_wanted(m, NULL); /* nobody is there to be told */
	for (int i = 0; i < STREAMS; i++)
		sink_close(m, &c->sink[i]);
	outputs_resume(m); /* they may have waited for this one */
	if (c->exec)
		c->exec->client = NULL;
	loop_unwatch(m, &c->source);
	close_fd(&c->source.fd);
	free(c);
	if (had_duty)
		finish_next(m, false);
}

void client_accept(struct monitor *m)
{
	struct ucred peer;
	int fd;

	if (msg_accept(m->listener.fd, &fd, NULL) < 0)
		return;
	/* the socket's mode says so already; a descriptor of it could have been passed on */
	if (msg_peer(fd, &peer, NULL) < 0 || (peer.uid != 0 && peer.uid != geteuid()) ||
	    !client_new(m, fd, NULL))
		(void)close(fd);
}

void client_take_sinks(struct client *c, struct monitor_msg *msg, size_t first, bool lossless)
{
	static const uint32_t flag[STREAMS] = {MONITOR_HAVE_OUT, MONITOR_HAVE_ERR};

	for (int i = 0; i < STREAMS; i++)
		if ((msg->head.flags & flag[i]) && first < msg->n_fds)
			sink_open(&c->sink[i], steal_fd(&msg->fds[first++]), lossless);
}

static int attach(struct monitor *m, struct client *c, struct monitor_msg *msg,
		  struct berth_error *err)
{
	uint32_t flags = 0;
	int give = -1;

	if (m->ended)
		return berth_fail(err, BERTH_E_NOT_FOUND, "container %.12s has ended", m->id);
	client_take_sinks(c, msg, 0, false);
	c->watches = true;
	if (m->console >= 0) {
		give = m->console;
		flags = MONITOR_HAVE_CONSOLE;
	} else if ((msg->head.flags & CONTAINER_ATTACH_STDIN) && m->stdin_w >= 0) {
		give = m->stdin_w;
		flags = MONITOR_HAVE_IN;
	}
	return monitor_send(c->source.fd, MONITOR_ATTACHED, flags, 0, 0, NULL, &give, give >= 0,
			    err);
}

static int exec(struct monitor *m, struct client *c, struct monitor_msg *msg,
		struct berth_error *err)
{
	static const uint32_t flag[3] = {MONITOR_HAVE_IN, MONITOR_HAVE_OUT, MONITOR_HAVE_ERR};
	struct berth_exec e = {
		.size = sizeof(e),
		.process = {msg->text, msg->head.len},
		.stdio = {-1, -1, -1},
		.console_socket = -1,
	};
	struct exec *x;
	size_t at = 0;
	int r;

	if (c->exec)
		return berth_fail(err, BERTH_E_BUSY, "one exec for each connection");
	x = calloc(1, sizeof(*x));
	if (!x)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	if (msg->head.flags & MONITOR_HAVE_CONSOLE) {
		e.console_socket = msg->n_fds > 0 ? msg->fds[0] : -1;
	} else {
		for (int i = 0; i < 3; i++)
			if ((msg->head.flags & flag[i]) && at < msg->n_fds)
				e.stdio[i] = msg->fds[at++];
	}
	x->source.kind = SOURCE_EXEC;
	r = m->iso->ops.exec(m->sandbox, &e, NULL, &x->source.fd, err);
	if (r < 0) {
		free(x);
		return r;
	}
	x->client = c;
	x->next = m->execs;
	m->execs = x;
	c->exec = x;
	r = loop_watch(m, &x->source, EPOLLIN, err);
	if (r == 0)
		r = monitor_send(c->source.fd, MONITOR_STARTED, 0, 0, 0, NULL, NULL, 0, err);
	return r;
}

void client_exec_ended(struct monitor *m, struct exec *x)
{
	struct process_status status;
	struct client *c = x->client;

	if (process_wait(x->source.fd, &status, NULL) < 0)
		return;
	loop_unwatch(m, &x->source);
	close_fd(&x->source.fd);
	for (struct exec **p = &m->execs; *p; p = &(*p)->next)
		if (*p == x) {
			*p = x->next;
			break;
		}
	free(x);
	if (!c)
		return;
	c->exec = NULL;
	/* a client that is gone shows on its own socket */
	(void)monitor_send(c->source.fd, MONITOR_EXITED, 0, process_status_code(&status), 0, NULL,
			   NULL, 0, NULL);
}

static int signal_to(struct monitor *m, struct client *c, const struct monitor_msg *msg,
		     struct berth_error *err)
{
	if (c->exec) {
		if (syscall(SYS_pidfd_send_signal, c->exec->source.fd, msg->head.a, NULL, 0) < 0)
			return berth_fail_errno(err, errno, "signal %d", msg->head.a);
		return 0;
	}
	if (m->ended)
		return berth_fail(err, BERTH_E_NOT_FOUND, "container %.12s has ended", m->id);
	return m->iso->ops.signal(m->sandbox, msg->head.a, msg->head.b ? BERTH_SIGNAL_ALL : 0, err);
}

static int pid_add(void *arg, const char *pid)
{
	str_addf(arg, "%s\n", pid);
	return 0;
}

/** Requests that are answered with DONE and a text. */
static int ask(struct monitor *m, struct client *c, struct monitor_msg *msg,
	       struct berth_error *err)
{
	struct berth_sandbox_info info = {.size = sizeof(info)};
	cleanup_sink struct berth_sink *sink = NULL;
	cleanup_str struct str text = STR_INIT;
	int32_t a = 0;
	int r = sink_new(&text, ANSWER_MAX, &sink, err);

	if (r < 0)
		return r;
	switch (msg->head.verb) {
	case MONITOR_SIGNAL:
		r = signal_to(m, c, msg, err);
		break;
	case MONITOR_FREEZE:
		r = freeze(m, c, msg, err);
		break;
	case MONITOR_UPDATE:
		r = m->iso->ops.update(m->sandbox, (struct berth_str){msg->text, msg->head.len},
				       err);
		break;
	case MONITOR_STATS:
		r = m->iso->ops.stats(m->sandbox, sink, err);
		break;
	case MONITOR_PROCESSES:
		r = m->iso->ops.processes(m->sandbox, pid_add, &text, err);
		break;
	case MONITOR_NAMES:
		r = answer_on(m, msg, err);
		break;
	case MONITOR_STATUS:
		r = m->iso->ops.info(m->sandbox, &info, err);
		a = info.pid;
		break;
	default:
		r = berth_fail(err, BERTH_E_UNSUPPORTED, "monitor: unknown request %u",
			       msg->head.verb);
	}
	if (r == 0)
		r = monitor_send(c->source.fd, MONITOR_DONE, 0, a, m->ended, str_text(&text), NULL,
				 0, err);
	return r;
}

static int watch(struct monitor *m, struct client *c, const struct monitor_msg *msg)
{
	c->watches = true;
	if (msg->head.flags & CONTAINER_FINISH)
		c->can_finish = true;
	if (m->ended) /* the finishing is under way: its end answers this one too */
		c->can_finish = false;
	return m->finished ? finish_tell(m, c, false) : 0;
}

void client_serve(struct monitor *m, struct client *c)
{
	struct berth_error err = {0};
	struct monitor_msg msg;
	int r = monitor_recv(c->source.fd, &msg, &err);

	if (r == -BERTH_E_BUSY)
		return;
	if (r < 0) {
		client_free(m, c);
		return;
	}
	switch (msg.head.verb) {
	case MONITOR_ATTACH:
		r = attach(m, c, &msg, &err);
		break;
	case MONITOR_EXEC:
		r = exec(m, c, &msg, &err);
		break;
	case MONITOR_WATCH:
		r = watch(m, c, &msg);
		break;
	case MONITOR_FINISHED:
		if (c->has_duty) {
			c->has_duty = false;
			finish_next(m, true);
		}
		break;
	default:
		r = ask(m, c, &msg, &err);
	}
	monitor_msg_close(&msg);
	if (r < 0 && monitor_send_error(c->source.fd, &err) < 0)
		client_free(m, c);
}
