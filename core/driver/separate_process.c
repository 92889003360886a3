/* SPDX-License-Identifier: Apache-2.0 */
#include "core/driver/separate_call.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/clock.h"
#include "base/process.h"

enum {
	SOCKET_BUFFER = 1024 * 1024, /* so that a chunk of a stream goes over in one piece */
	END_MS = 1000,		     /* until a killed process is expected to be gone */
};

/* Its death is that of its programs, too: they are tied to it, and it is tied to the lifeline. */
static void kill_process(const struct process *p)
{
	(void)syscall(SYS_pidfd_send_signal, p->pidfd, SIGKILL, NULL, 0);
}

static void process_free(struct process *p)
{
	struct channel *next;

	for (struct channel *c = p->idle; c; c = next) {
		next = c->next;
		if (c->fd != p->control)
			(void)close(c->fd);
		free(c);
	}
	close_fd(&p->control);
	close_fd(&p->lifeline);
	close_fd(&p->pidfd);
	free(p);
}

static int socket_pair(int ret[static 2], struct berth_error *err)
{
	int size = SOCKET_BUFFER;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ret) < 0)
		return berth_fail_errno(err, errno, "make a pair of sockets");
	/* more than the machine allows is for root only; without it there are more turns */
	for (int i = 0; i < 2; i++) {
		if (setsockopt(ret[i], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
			(void)setsockopt(ret[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	}
	return 0;
}

/* --- its end -------------------------------------------------------------- */

static void tell_death(struct process *p, const char *why)
{
	struct process_status status;
	struct pollfd gone = {.fd = p->pidfd, .events = POLLIN};
	const char *name;

	(void)poll(&gone, 1, END_MS);
	if (!gone.revents || process_wait(p->pidfd, &status, NULL) < 0)
		status = (struct process_status){0, SIGKILL};
	name = status.signal ? sigabbrev_np(status.signal) : NULL;
	if (why)
		(void)snprintf(p->death, sizeof(p->death), "%s", why);
	else if (status.signal)
		(void)snprintf(p->death, sizeof(p->death), "killed by SIG%s", name ? name : "?");
	else
		(void)snprintf(p->death, sizeof(p->death), "exited with status %d", status.code);
}

static void end_locked(struct separate *s, struct process *p, const char *why)
{
	struct pollfd gone = {.fd = p->pidfd, .events = POLLIN};

	if (p->is_dead)
		return;
	p->is_dead = true;
	if (s->process == p) {
		s->process = NULL;
		p->refs--;
	}
	/* sockets close a moment before the process is one that can be waited for */
	if (why || poll(&gone, 1, END_MS) == 0) {
		kill_process(p);
		why = why ? why : "closed its socket";
	}
	tell_death(p, why);
}

void process_end(struct separate *s, struct process *p, const char *why)
{
	(void)pthread_mutex_lock(&s->lock);
	end_locked(s, p, why);
	(void)pthread_mutex_unlock(&s->lock);
}

int process_died(const struct separate *s, const struct process *p, struct berth_error *err)
{
	static const char *const kinds[] = {"", "storage ", "network ", "isolation ", "registry "};

	return berth_fail(err, BERTH_E_DRIVER_DIED, "%sdriver '%s' died: %s",
			  s->head.kind <= BERTH_REGISTRY ? kinds[s->head.kind] : "", s->name,
			  p->death);
}

/* --- its beginning -------------------------------------------------------- */

static int spawn(const struct separate *s, struct process *p, int control, int life,
		 struct berth_error *err)
{
	char kind[16];
	char *const argv[] = {(char[]){"berth-driver-host"}, s->path, kind, s->name, NULL};
	const int fds[] = {-1, -1, -1, control, life};
	struct process_spec spec = {
		.path = s->program,
		.argv = argv,
		.envp = environ, /* as a driver in our process would see it */
		.fds = fds,
		.n_fds = 5,
		/* not tied to the thread that starts it, which may end long before us */
		.flags = PROCESS_NEW_SESSION,
	};

	(void)snprintf(kind, sizeof(kind), "%u", s->head.kind);
	return process_spawn(&spec, &p->pidfd, &p->pid, err);
}

static int start(struct separate *s, struct process **ret, struct berth_error *err)
{
	struct process *p = calloc(1, sizeof(*p));
	cleanup_fd int control = -1, life = -1;
	int pair[2], lifeline[2], r;

	if (!p)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	p->control = p->lifeline = p->pidfd = -1;
	r = socket_pair(pair, err);
	if (r == 0) {
		p->control = pair[0];
		control = pair[1];
		r = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, lifeline) < 0
			    ? berth_fail_errno(err, errno, "make a pair of sockets")
			    : 0;
	}
	if (r == 0) {
		p->lifeline = lifeline[0];
		life = lifeline[1];
		r = spawn(s, p, control, life, err);
	}
	if (r < 0) {
		process_free(p);
		return r;
	}
	p->life = ++s->lives;
	p->owner = getpid();
	*ret = p;
	return 0;
}

/* --- its first words ------------------------------------------------------ */

struct greeting {
	const struct process *p;
	int64_t deadline;
	bool is_late;
};

static int wait_greeting(void *arg, short events, struct berth_error *err)
{
	struct greeting *g = arg;
	int64_t left = (g->deadline - clock_mono_ns()) / 1000000;
	struct pollfd fds[] = {{.fd = g->p->control, .events = events},
			       {.fd = g->p->pidfd, .events = POLLIN}};

	if (left <= 0 || poll(fds, 2, (int)left) == 0) {
		g->is_late = true;
		return berth_fail(err, BERTH_E_TIMEOUT, "late");
	}
	if (!fds[0].revents && fds[1].revents)
		return berth_fail(err, BERTH_E_UNREACHABLE, "gone");
	return 0;
}

/* 0: @ret is what it says. Otherwise it is dead, and why is said. */
static int greet(struct separate *s, struct process *p, struct wire *ret, struct berth_error *err)
{
	struct greeting g = {p, clock_mono_ns() + SEPARATE_LOAD_MS * INT64_C(1000000), false};
	struct wire_port port = {p->control, wait_greeting, &g};
	struct berth_error why;
	enum wire_type type;
	char text[64];
	int r = wire_recv(&port, &type, ret, &why);

	if (r == 0 && type == WIRE_HELLO)
		return 0;
	if (r == 0)
		wire_done(ret);
	(void)snprintf(text, sizeof(text), "did not load within %d ms", SEPARATE_LOAD_MS);
	end_locked(s, p,
		   g.is_late			     ? text
		   : r == 0 || r == -BERTH_E_CORRUPT ? "spoke out of turn"
						     : NULL);
	return process_died(s, p, err);
}

int process_first(struct separate *s, struct wire *ret, struct berth_error *err)
{
	struct process *p;
	int r = start(s, &p, err);

	if (r < 0)
		return r;
	r = greet(s, p, ret, err);
	if (r < 0) {
		const char *signal = str_after(p->death, "killed by ");

		if (signal)
			(void)berth_fail(err, BERTH_E_INVALID, "crashed while it was loaded (%s)",
					 signal);
		else if (str_has_prefix(p->death, "exited "))
			(void)berth_fail(err, BERTH_E_INVALID,
					 "ended its process while it was loaded (%s)",
					 p->death + strlen("exited with "));
		else
			(void)berth_fail(err, BERTH_E_INVALID, "%s", p->death);
		process_free(p);
		return -BERTH_E_INVALID;
	}
	s->process = p;
	p->refs = 1;
	return 0;
}

/* The same file said something else before: it was replaced, and what we hold of it is no more. */
static bool is_same(const struct wire *a, const struct wire *b)
{
	return a->n == b->n && memcmp(a->body, b->body, a->n) == 0;
}

static int restart(struct separate *s, struct berth_error *err)
{
	cleanup_wire struct wire hello = {0};
	struct process *p;
	int r = start(s, &p, err);

	if (r < 0)
		return r;
	r = greet(s, p, &hello, err);
	if (r == 0 && !is_same(&hello, &s->hello)) {
		end_locked(s, p, "its file was replaced by another one");
		r = process_died(s, p, err);
	}
	if (r < 0) {
		process_free(p);
		return r;
	}
	s->process = p;
	p->refs = 1;
	return 0;
}

/* --- channels ------------------------------------------------------------- */

static int new_channel(struct separate *s, struct process *p, struct channel **ret,
		       struct berth_error *err)
{
	struct channel *c = calloc(1, sizeof(*c));
	struct wire_port port = {.fd = p->control};
	cleanup_wire struct wire w = {0};
	int pair[2], r;

	if (!c)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	if (s->is_single) {
		c->fd = p->control;
		*ret = c;
		return 0;
	}
	r = socket_pair(pair, err);
	if (r < 0) {
		free(c);
		return r;
	}
	wire_put_fd(&w, pair[1]);
	r = wire_send(&port, WIRE_CHANNEL, &w, err);
	(void)close(pair[1]);
	c->fd = pair[0];
	if (r < 0) {
		(void)close(c->fd);
		free(c);
		end_locked(s, p, NULL);
		return process_died(s, p, err);
	}
	*ret = c;
	return 0;
}

static int take_locked(struct separate *s, struct process **ret, struct channel **ret_channel,
		       struct berth_error *err)
{
	struct pollfd gone = {.events = POLLIN};
	int r = 0;

	/* our parent's: two would talk over each other; it is not ours to end */
	if (s->process && s->process->owner != getpid()) {
		process_free(s->process);
		s->process = NULL;
	}
	gone.fd = s->process ? s->process->pidfd : -1;
	/* one that died between two calls is not told of: nothing was lost with it */
	if (s->process && poll(&gone, 1, 0) > 0) {
		struct process *old = s->process;

		end_locked(s, old, NULL);
		if (old->refs == 0)
			process_free(old);
	}
	if (!s->process)
		r = restart(s, err);
	if (r < 0)
		return r;
	*ret_channel = s->process->idle;
	if (*ret_channel)
		s->process->idle = (*ret_channel)->next;
	else
		r = new_channel(s, s->process, ret_channel, err);
	if (r < 0)
		return r;
	s->process->refs++;
	*ret = s->process;
	return 0;
}

int process_take(struct separate *s, struct process **ret, struct channel **ret_channel,
		 struct berth_error *err)
{
	int r;

	if (s->is_single)
		(void)pthread_mutex_lock(&s->turn);
	(void)pthread_mutex_lock(&s->lock);
	r = take_locked(s, ret, ret_channel, err);
	(void)pthread_mutex_unlock(&s->lock);
	if (r < 0 && s->is_single)
		(void)pthread_mutex_unlock(&s->turn);
	return r;
}

void process_give(struct separate *s, struct process *p, struct channel *channel)
{
	(void)pthread_mutex_lock(&s->lock);
	channel->next = p->idle;
	p->idle = channel;
	if (--p->refs == 0)
		process_free(p);
	(void)pthread_mutex_unlock(&s->lock);
	if (s->is_single)
		(void)pthread_mutex_unlock(&s->turn);
}

void process_stop(struct separate *s)
{
	struct process *p = s->process;

	(void)pthread_mutex_lock(&s->lock);
	if (p && p->owner != getpid()) {
		process_free(p);
		s->process = NULL;
	} else if (p) {
		end_locked(s, p, "not needed any more");
		if (p->refs == 0)
			process_free(p);
	}
	(void)pthread_mutex_unlock(&s->lock);
}
