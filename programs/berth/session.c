/* SPDX-License-Identifier: Apache-2.0 */
#include "session.h"

#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

#include "cli.h"
#include "pump.h"
#include "terminal.h"

enum { INSIST = 3 }; /* so many SIGINT or SIGTERM, and we leave */

struct session {
	struct container_streams *streams;
	unsigned flags;
	struct detach_keys keys;
	struct pump in, out, err;
	struct terminal terminal;
	int signals;
	sigset_t before; /* mask of signals */
	int insisted;
	bool left;
};

int session_check_tty(bool attach_stdin, bool tty, struct berth_error *err)
{
	if (attach_stdin && tty && !isatty(STDIN_FILENO))
		return berth_fail(err, BERTH_E_INVALID, "the input device is not a TTY");
	return 0;
}

/* ----------------------------------------------------------------------------------- signals */

/*
 * All that may come from outside. Not those of job control, which are for the shell and this
 * process; not those that tell of a crash in this very process.
 */
static const int proxied[] = {
	SIGHUP,	   SIGINT,  SIGQUIT, SIGUSR1, SIGUSR2, SIGTERM, SIGALRM,
	SIGVTALRM, SIGPROF, SIGIO,   SIGPWR,  SIGXCPU, SIGXFSZ, SIGSTKFLT,
};

/* those by which a user or a system means this process, when nothing is proxied */
static const int deadly[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};

static bool is_proxy(const struct session *s)
{
	return s->flags & SESSION_PROXY && !s->streams->tty;
}

static int open_signals(struct session *s, struct berth_error *err)
{
	sigset_t set;

	(void)sigemptyset(&set); /* of these, only a wrong number or pointer fails */
	for (size_t i = 0; is_proxy(s) && i < sizeof(proxied) / sizeof(proxied[0]); i++)
		(void)sigaddset(&set, proxied[i]);
	for (int n = SIGRTMIN; is_proxy(s) && n <= SIGRTMAX; n++)
		(void)sigaddset(&set, n);
	for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
		(void)sigaddset(&set, deadly[i]);
	(void)sigaddset(&set, SIGCONT);
	(void)sigaddset(&set, SIGWINCH);
	(void)sigprocmask(SIG_BLOCK, &set, &s->before);
	cli_release_signals(); /* blocked before, so that none is lost in between */
	s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->signals < 0)
		return berth_fail_errno(err, errno, "cannot watch for signals");
	return 0;
}

/* as if we had never caught it */
static void die_by(struct session *s, int signo)
{
	sigset_t one;

	terminal_restore(&s->terminal);
	(void)signal(signo, SIG_DFL);
	(void)raise(signo);
	(void)sigemptyset(&one);
	(void)sigaddset(&one, signo);
	(void)sigprocmask(SIG_UNBLOCK, &one, NULL);
}

static void take_signal(struct session *s, int signo)
{
	if (signo == SIGWINCH) {
		terminal_copy_size(s->streams->console);
		return;
	}
	if (signo == SIGCONT) {
		terminal_raw_again(&s->terminal);
		terminal_copy_size(s->streams->console);
		return;
	}
	if (!is_proxy(s)) {
		die_by(s, signo);
		return;
	}
	if ((signo == SIGINT || signo == SIGTERM) && ++s->insisted == INSIST) {
		cli_warn("got 3 SIGTERM/SIGINTs, forcefully exiting");
		s->left = true;
		return;
	}
	/* when the container is gone there is nobody to tell, and we are about to hear of it */
	(void)container_streams_signal(s->streams, signo, NULL);
}

static void take_signals(struct session *s)
{
	struct signalfd_siginfo info[8];
	ssize_t n = read(s->signals, info, sizeof(info));

	for (size_t i = 0; n > 0 && i < (size_t)n / sizeof(info[0]); i++)
		take_signal(s, (int)info[i].ssi_signo);
}

/* ---------------------------------------------------------------------------------- the loop */

enum { WATCH_SIGNALS, WATCH_CONTROL, WATCH_IN, WATCH_OUT, WATCH_ERR, WATCHES };

static int open_session(struct session *s, const struct detach_keys *keys, struct berth_error *err)
{
	struct container_streams *streams = s->streams;
	bool is_input = s->flags & SESSION_STDIN && streams->in >= 0;
	int r = open_signals(s, err);

	if (r < 0)
		return r;
	if (keys)
		s->keys = *keys;
	pump_init(&s->in, is_input ? STDIN_FILENO : -1, streams->in);
	pump_init(&s->out, streams->out, STDOUT_FILENO);
	pump_init(&s->err, streams->err, STDERR_FILENO);
	if (streams->tty && is_input) {
		s->in.keys = &s->keys;
		(void)terminal_raw(&s->terminal, STDIN_FILENO);
	}
	terminal_copy_size(streams->console);
	return 0;
}

static void close_session(struct session *s)
{
	terminal_restore(&s->terminal);
	pump_free(&s->in);
	pump_free(&s->out);
	pump_free(&s->err);
	close_fd(&s->signals);
	(void)sigprocmask(SIG_SETMASK, &s->before, NULL);
}

/* end of our input is end of the container's, unless that is a terminal, which has none */
static void end_input(struct session *s)
{
	if (s->in.done && !s->streams->tty)
		close_fd(&s->streams->in);
}

static int take_end(struct session *s, int *ret_code, struct berth_error *err)
{
	int r = container_streams_wait(s->streams, 0, ret_code, err);

	return r == -BERTH_E_TIMEOUT ? 0 : r;
}

static bool is_over(const struct session *s)
{
	return s->left || s->in.detached || s->out.broken || s->err.broken ||
	       (s->streams->ended && s->out.done && s->err.done);
}

static int loop(struct session *s, int *ret_code, struct berth_error *err)
{
	while (!is_over(s)) {
		struct pollfd watch[WATCHES] = {
			[WATCH_SIGNALS] = {.fd = s->signals, .events = POLLIN},
			[WATCH_CONTROL] = {.fd = s->streams->ended ? -1 : s->streams->control,
					   .events = POLLIN},
			[WATCH_IN] = pump_wants(&s->in),
			[WATCH_OUT] = pump_wants(&s->out),
			[WATCH_ERR] = pump_wants(&s->err),
		};
		int r;

		if (poll(watch, WATCHES, -1) < 0 && errno != EINTR)
			return berth_fail_errno(err, errno, "cannot wait for the container");
		if (watch[WATCH_SIGNALS].revents)
			take_signals(s);
		if (watch[WATCH_OUT].revents)
			pump_move(&s->out);
		if (watch[WATCH_ERR].revents)
			pump_move(&s->err);
		if (watch[WATCH_IN].revents) {
			pump_move(&s->in);
			end_input(s);
		}
		if (!watch[WATCH_CONTROL].revents)
			continue;
		r = take_end(s, ret_code, err);
		if (r < 0)
			return r;
		if (s->streams->ended && s->flags & SESSION_DIRECT) {
			pump_drain(&s->out);
			pump_drain(&s->err);
			break;
		}
	}
	return 0;
}

int session_run(struct container_streams *streams, unsigned flags, const struct detach_keys *keys,
		enum session_end *ret_end, int *ret_code, struct berth_error *err)
{
	struct session s = {
		.streams = streams,
		.flags = flags,
		.terminal.fd = -1,
		.signals = -1,
	};
	int r = open_session(&s, keys, err);

	if (r == 0)
		r = loop(&s, ret_code, err);
	if (r == 0)
		*ret_end = s.in.detached		     ? SESSION_DETACHED
			   : streams->ended && !s.out.broken ? SESSION_ENDED
							     : SESSION_LEFT;
	close_session(&s);
	return r;
}
