/* SPDX-License-Identifier: Apache-2.0 */
#include "programs/monitor/monitor.h"

#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/lock.h"
#include "base/msg.h"
#include "base/path.h"

enum { SPEC_MAX = 16 << 20 };

/** The ends of the container's streams during its launch; what goes to the container closes after.
 */
struct stdio {
	int in_r, in_w, out_r, out_w, err_r, err_w;
	int console_ours, console_theirs;
};
#define STDIO_INIT                                                                                 \
	{                                                                                          \
		-1, -1, -1, -1, -1, -1, -1, -1                                                     \
	}

static void stdio_close(struct stdio *s)
{
	close_fd(&s->in_r);
	close_fd(&s->in_w);
	close_fd(&s->out_r);
	close_fd(&s->out_w);
	close_fd(&s->err_r);
	close_fd(&s->err_w);
	close_fd(&s->console_ours);
	close_fd(&s->console_theirs);
}
#define cleanup_stdio cleanup_with(stdio_close)

static int pipe_open(int *ret_r, int *ret_w, struct berth_error *err)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return berth_fail_errno(err, errno, "make a pipe");
	*ret_r = fds[0];
	*ret_w = fds[1];
	return 0;
}

static int stdio_open(const struct monitor *m, struct stdio *s, struct berth_error *err)
{
	int pair[2], r;

	if (m->flags & MONITOR_TTY) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
			return berth_fail_errno(err, errno, "make a console socket");
		s->console_ours = pair[0];
		s->console_theirs = pair[1];
		return 0;
	}
	r = pipe_open(&s->out_r, &s->out_w, err);
	if (r == 0)
		r = pipe_open(&s->err_r, &s->err_w, err);
	if (r == 0 && (m->flags & MONITOR_OPEN_STDIN))
		r = pipe_open(&s->in_r, &s->in_w, err);
	return r;
}

/** Take what LAUNCH brought. Order of descriptors: run dir, state dir, root, [userns], [out],
 * [err]. */
static int launch_read(struct monitor *m, struct monitor_msg *msg, int *ret_root, int *ret_userns,
		       size_t *ret_sinks, struct berth_error *err)
{
	size_t at = 3;

	if (msg->head.verb != MONITOR_LAUNCH || msg->n_fds < 3 ||
	    sscanf(msg->text, "%64[0-9a-f] %32s", m->id, m->storage) != 2)
		return berth_fail(err, BERTH_E_CORRUPT, "not a launch message");
	m->flags = msg->head.flags;
	m->auto_remove = msg->head.a != 0;
	m->run_dir = steal_fd(&msg->fds[0]);
	m->state_dir = steal_fd(&msg->fds[1]);
	*ret_root = steal_fd(&msg->fds[2]);
	if ((m->flags & MONITOR_HAVE_USERNS) && msg->n_fds > at)
		*ret_userns = steal_fd(&msg->fds[at++]);
	*ret_sinks = at;
	return 0;
}

static int sandbox_create(struct monitor *m, const struct stdio *s, int root, int userns,
			  struct berth_error *err)
{
	cleanup_free char *spec = NULL;
	struct berth_launch l = {
		.size = sizeof(l),
		.id = m->id,
		.root_fd = root,
		.stdio = {s->in_r, s->out_w, s->err_w},
		.console_socket = s->console_theirs,
		.netns_fd = -1,
		.userns_fd = userns,
		.cgroup_fd = -1,
		.state_fd = m->run_dir,
		.checkpoint_fd = -1,
	};
	size_t n;
	int r = state_read(m->run_dir, MONITOR_SPEC, SPEC_MAX, &spec, &n, err);

	if (r < 0)
		return r;
	l.spec = (struct berth_str){spec, n};
	return m->iso->ops.create(m->iso->iso, &l, NULL, &m->sandbox, err);
}

static int ports_keep(struct monitor *m, struct monitor_msg *msg, struct berth_error *err)
{
	int *more = reallocarray(m->ports, m->n_ports + msg->n_fds, sizeof(*more));

	if (!more)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	m->ports = more;
	for (size_t i = 0; i < msg->n_fds; i++)
		m->ports[m->n_ports++] = steal_fd(&msg->fds[i]);
	return 0;
}

void ports_close(struct monitor *m)
{
	for (size_t i = 0; i < m->n_ports; i++)
		close_fd(&m->ports[i]);
	free(m->ports);
	m->ports = NULL;
	m->n_ports = 0;
}

/** What comes until START: descriptors of ports, of which there may be many, and of names. */
static int wait_for_start(struct monitor *m, int fd, struct berth_error *err)
{
	struct monitor_msg msg;
	bool started = false;
	int r;

	do {
		r = monitor_recv(fd, &msg, err);
		if (r < 0)
			return r;
		switch (msg.head.verb) {
		case MONITOR_PORTS:
			r = ports_keep(m, &msg, err);
			break;
		case MONITOR_NAMES:
			r = answer_on(m, &msg, err);
			break;
		case MONITOR_START:
			started = true;
			break;
		default:
			r = berth_fail(err, BERTH_E_INTERNAL, "the client sent %u, not START",
				       msg.head.verb);
		}
		monitor_msg_close(&msg);
	} while (r == 0 && !started);
	return r;
}

/** Tell that it is created, with the network namespace, and wait until it is connected. */
static int wait_for_network(struct monitor *m, int fd, struct berth_error *err)
{
	struct berth_sandbox_info info = {.size = sizeof(info)};
	cleanup_fd int netns = -1;
	char path[64];
	int r = m->iso->ops.info(m->sandbox, &info, err);

	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", info.pid);
	netns = open(path, O_RDONLY | O_CLOEXEC);
	if (netns < 0)
		return berth_fail_errno(err, errno, "open '%s'", path);
	r = monitor_send(fd, MONITOR_CREATED, 0, info.pid, 0, NULL, &netns, 1, err);
	if (r == 0)
		r = wait_for_start(m, fd, err);
	return r;
}

static void save_state(struct monitor *m)
{
	cleanup_str struct str state = STR_INIT;
	cleanup_sink struct berth_sink *sink = NULL;

	/* without it recover() goes by the run-time directory alone, so this is best effort */
	if (sink_new(&state, 65536, &sink, NULL) == 0 &&
	    m->iso->ops.save(m->sandbox, sink, NULL) == 0)
		(void)state_replace(m->run_dir, MONITOR_SANDBOX, 0600, state.p, state.len, 0, NULL);
}

/** From now on the launching client is a client like others; STARTED is its answer. */
static int hand_over(struct monitor *m, struct monitor_msg *launched, size_t sinks, int fd,
		     struct stdio *s, struct berth_error *err)
{
	struct berth_sandbox_info info = {.size = sizeof(info)};
	struct client *c;
	uint32_t flags = 0;
	int give = -1, r;

	r = m->iso->ops.info(m->sandbox, &info, err);
	c = r == 0 ? client_new(m, fd, err) : NULL;
	if (!c)
		return r < 0 ? r : -BERTH_E_NO_MEMORY;
	c->watches = true;
	c->can_finish = (m->flags & CONTAINER_FINISH) != 0;
	client_take_sinks(c, launched, sinks, true);

	m->stdin_w = steal_fd(&s->in_w);
	if (m->console >= 0) {
		give = m->console;
		flags = MONITOR_HAVE_CONSOLE;
	} else if ((m->flags & CONTAINER_ATTACH_STDIN) && m->stdin_w >= 0) {
		give = m->stdin_w;
		flags = MONITOR_HAVE_IN;
	}
	r = monitor_send(fd, MONITOR_STARTED, flags, info.pid, 0, NULL, &give, give >= 0, err);
	/* with StdinOnce the first client's end of input is the container's */
	if ((flags & MONITOR_HAVE_IN) && (m->flags & MONITOR_STDIN_ONCE))
		close_fd(&m->stdin_w);
	(void)r; /* a client that died between: the container runs all the same */
	return 0;
}

static int outputs_open(struct monitor *m, struct stdio *s, struct berth_error *err)
{
	int fds[STREAMS] = {m->console >= 0 ? m->console : steal_fd(&s->out_r),
			    steal_fd(&s->err_r)};
	int r = 0;

	for (int i = 0; i < STREAMS && r == 0; i++) {
		struct output *o = &m->output[i];

		o->source = (struct source){SOURCE_OUTPUT, fds[i]};
		o->stream = i;
		if (fds[i] < 0)
			continue;
		if (fcntl(fds[i], F_SETFL, O_NONBLOCK) < 0)
			return berth_fail_errno(err, errno, "prepare a container's output");
		r = loop_watch(m, &o->source, EPOLLIN, err);
	}
	return r;
}

static int start(struct monitor *m, struct monitor_msg *msg, int fd, struct berth_error *err)
{
	cleanup_stdio struct stdio s = STDIO_INIT;
	cleanup_fd int root = -1, userns = -1;
	size_t sinks = 0;
	int end_fd, r;

	r = launch_read(m, msg, &root, &userns, &sinks, err);
	if (r == 0)
		r = lock_take(m->run_dir, MONITOR_LOCK, 0, &m->lock, err);
	if (r == 0)
		r = stdio_open(m, &s, err);
	if (r == 0)
		r = sandbox_create(m, &s, root, userns, err);
	if (r < 0)
		return r;
	close_fd(&root); /* the container's own mount namespace has it */
	close_fd(&userns);
	save_state(m); /* before anything runs that could be left behind */
	if (m->flags & MONITOR_WAIT_NETWORK)
		r = wait_for_network(m, fd, err);
	if (r == 0)
		r = msg_listen(m->run_dir, MONITOR_SOCKET, &m->listener.fd, err);
	if (r == 0)
		r = m->iso->ops.start(m->sandbox, err);
	close_fd(&s.in_r);
	close_fd(&s.out_w);
	close_fd(&s.err_w);
	close_fd(&s.console_theirs);
	if (r == 0 && s.console_ours >= 0)
		r = monitor_recv_console(s.console_ours, &m->console, err);
	if (r == 0)
		r = m->iso->ops.wait_fd(m->sandbox, &end_fd, err);
	if (r == 0) {
		m->sandbox_end = (struct source){SOURCE_SANDBOX, end_fd};
		r = loop_watch(m, &m->sandbox_end, EPOLLIN, err);
	}
	if (r == 0)
		r = loop_watch(m, &m->listener, EPOLLIN, err);
	if (r == 0)
		r = outputs_open(m, &s, err);
	if (r == 0)
		r = hand_over(m, msg, sinks, fd, &s, err);
	return r;
}

int launch(struct monitor *m, int fd, struct berth_error *err)
{
	struct monitor_msg msg;
	int r = monitor_recv(fd, &msg, err);

	if (r < 0)
		return r; /* the client gave up before there was anything to do */
	r = start(m, &msg, fd, err);
	monitor_msg_close(&msg);
	if (r < 0) {
		if (m->sandbox)
			(void)m->iso->ops.destroy(m->sandbox, NULL);
		/* the socket closes after the lock: who hears of the failure may start again at
		 * once */
		finish_tidy(m);
		(void)monitor_send_error(fd, err);
	}
	return r;
}
