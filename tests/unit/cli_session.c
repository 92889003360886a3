/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session between this side's pipes or terminal and a container's, with a container that is only
 * pipes: the calls of the core that a session makes are made up here.
 */
#include "ck.h"

#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "programs/berth/cli.h"
#include "programs/berth/session.h"

enum { STEP_MS = 10, STEPS = 1000 };

/* -------------------------------------------------------------------------- the core, made up */

static int signals_w = -1; /* each signal that is proxied, as a byte */

/* control: a byte that is the exit code; closed: the monitor died */
int container_streams_wait(struct container_streams *s, int timeout_ms, int *ret_code,
			   struct berth_error *e)
{
	struct pollfd p = {.fd = s->control, .events = POLLIN};
	unsigned char code;

	if (poll(&p, 1, timeout_ms) <= 0)
		return berth_fail(e, BERTH_E_TIMEOUT, "still running");
	if (read(s->control, &code, 1) != 1)
		return berth_fail(e, BERTH_E_UNREACHABLE, "the monitor is gone");
	s->ended = true;
	*ret_code = s->exit_code = code;
	return 0;
}

int container_streams_signal(struct container_streams *s, int signo, struct berth_error *e)
{
	char byte = (char)signo;

	return write(signals_w, &byte, 1) == 1 ? 0 : berth_fail(e, BERTH_E_IO, "no");
}

void cli_release_signals(void)
{
}

void cli_warn(const char *text)
{
	(void)fprintf(stderr, "%s\n", text);
}

/* ------------------------------------------------------------------------------------ the rig */

struct outcome {
	int r, code;
	enum session_end end;
};

/* our ends of everything that the session has */
struct rig {
	int in, out, err_;		 /* of its own 0, 1, 2 */
	int c_in, c_out, c_err, control; /* of the container */
	int signals, outcome;
	int terminal;		/* master of its own terminal, or -1 */
	int console, console_s; /* of the container's, master and slave */
	pid_t pid;
};

static void make_pipe(int fds[2])
{
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
}

static _Noreturn void child(struct container_streams *s, unsigned flags, int outcome_w)
{
	struct detach_keys keys;
	struct outcome o = {0};

	(void)signal(SIGPIPE, SIG_IGN);
	o.r = detach_keys_parse(NULL, &keys, NULL);
	if (o.r == 0)
		o.r = session_run(s, flags, &keys, &o.end, &o.code, NULL);
	if (write(outcome_w, &o, sizeof(o)) != sizeof(o))
		_exit(99);
	_exit(0);
}

static struct rig start(unsigned flags, bool tty)
{
	int in[2], out[2], er[2], cin[2], cout[2], cerr_[2], control[2], sig[2], res[2], slave = -1;
	struct rig rig = {.terminal = -1, .console = -1, .console_s = -1};

	make_pipe(in), make_pipe(out), make_pipe(er), make_pipe(cin), make_pipe(cout);
	make_pipe(cerr_), make_pipe(control), make_pipe(sig), make_pipe(res);
	if (tty) {
		struct winsize size = {.ws_row = 11, .ws_col = 22};

		ck_assert_int_eq(openpty(&rig.terminal, &slave, NULL, NULL, &size), 0);
		ck_assert_int_eq(openpty(&rig.console, &rig.console_s, NULL, NULL, NULL), 0);
	}
	rig.pid = fork();
	ck_assert_int_ge(rig.pid, 0);
	if (rig.pid == 0) {
		struct container_streams s = {
			.control = control[0],
			.in = flags & SESSION_STDIN ? cin[1] : -1,
			.out = cout[0],
			.err = tty ? -1 : cerr_[0],
			.console = rig.console,
			.tty = tty,
		};

		(void)setsid();
		if (tty && (ioctl(slave, TIOCSCTTY, 0) < 0 || close(rig.terminal) < 0))
			_exit(98);
		if (dup2(tty ? slave : in[0], 0) < 0 || dup2(tty ? slave : out[1], 1) < 0 ||
		    dup2(tty ? slave : er[1], 2) < 0)
			_exit(97);
		/* what is ours is not the session's */
		(void)close(in[1]), (void)close(out[0]), (void)close(cin[0]), (void)close(cout[1]);
		(void)close(cerr_[1]), (void)close(control[1]);
		if (!(flags & SESSION_STDIN))
			(void)close(cin[1]);
		signals_w = sig[1];
		child(&s, flags, res[1]);
	}
	(void)close(in[0]), (void)close(out[1]), (void)close(er[1]), (void)close(cin[1]);
	(void)close(cout[0]), (void)close(cerr_[0]), (void)close(control[0]), (void)close(sig[1]);
	(void)close(res[1]);
	rig.in = in[1], rig.out = out[0], rig.err_ = er[0], rig.c_in = cin[0], rig.c_out = cout[1];
	rig.c_err = cerr_[1], rig.control = control[1], rig.signals = sig[0], rig.outcome = res[0];
	return rig;
}

static void put(int fd, const char *text)
{
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

/* what comes until it is as much as @wanted, or the end */
static void ck_comes(int fd, const char *wanted)
{
	char text[4096];
	size_t n = 0;

	while (n < strlen(wanted)) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ssize_t got;

		ck_assert_int_eq(poll(&p, 1, STEP_MS * STEPS), 1);
		got = read(fd, text + n, sizeof(text) - n - 1);
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	text[n] = '\0';
	ck_assert_str_eq(text, wanted);
}

/* its end of @fd is closed */
static void ck_end(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char byte;

	ck_assert_int_eq(poll(&p, 1, STEP_MS * STEPS), 1);
	ck_assert_int_eq(read(fd, &byte, 1), 0);
}

static void end_with(struct rig *rig, int code)
{
	char byte = (char)code;

	ck_assert_int_eq(write(rig->control, &byte, 1), 1);
}

static struct outcome wait_for(struct rig *rig)
{
	struct pollfd p = {.fd = rig->outcome, .events = POLLIN};
	struct outcome o;
	int status;

	ck_assert_int_eq(poll(&p, 1, STEP_MS * STEPS), 1);
	ck_assert_int_eq(read(rig->outcome, &o, sizeof(o)), sizeof(o));
	ck_assert_int_eq(waitpid(rig->pid, &status, 0), rig->pid);
	return o;
}

static int wait_status(struct rig *rig)
{
	int status;

	ck_assert_int_eq(waitpid(rig->pid, &status, 0), rig->pid);
	return status;
}

static void sleep_step(void)
{
	(void)usleep(STEP_MS * 1000);
}

/* until its signals are blocked, so that one that is sent is taken and not deadly */
static void wait_until_ready(struct rig *rig)
{
	put(rig->c_out, "ready");
	ck_comes(rig->terminal >= 0 ? rig->terminal : rig->out, "ready");
}

/* ----------------------------------------------------------------------------------- streams */

START_TEST(output_comes_out_and_errors_beside_it)
{
	struct rig rig = start(0, false);
	struct outcome o;

	put(rig.c_out, "out");
	put(rig.c_err, "err");
	ck_comes(rig.out, "out");
	ck_comes(rig.err_, "err");
	(void)close(rig.c_out);
	(void)close(rig.c_err);
	end_with(&rig, 42);
	o = wait_for(&rig);
	ck_assert(o.r == 0 && o.end == SESSION_ENDED && o.code == 42);
}
END_TEST

START_TEST(output_after_the_end_is_waited_for)
{
	struct rig rig = start(0, false);
	struct outcome o;

	end_with(&rig, 0);
	sleep_step();
	put(rig.c_out, "late");
	ck_comes(rig.out, "late");
	(void)close(rig.c_err);
	(void)close(rig.c_out);
	o = wait_for(&rig);
	ck_assert(o.end == SESSION_ENDED && o.code == 0);
}
END_TEST

START_TEST(direct_output_is_not_waited_for_after_the_end)
{
	struct rig rig = start(SESSION_DIRECT, false);
	struct outcome o;

	put(rig.c_out, "all of it");
	end_with(&rig, 3);
	o = wait_for(&rig); /* the container's ends are open still */
	ck_assert(o.end == SESSION_ENDED && o.code == 3);
	ck_comes(rig.out, "all of it");
}
END_TEST

START_TEST(input_goes_in_and_so_does_its_end)
{
	struct rig rig = start(SESSION_STDIN, false);

	put(rig.in, "typed");
	ck_comes(rig.c_in, "typed");
	(void)close(rig.in);
	ck_end(rig.c_in);
	(void)close(rig.c_out);
	(void)close(rig.c_err);
	end_with(&rig, 0);
	ck_assert_int_eq(wait_for(&rig).end, SESSION_ENDED);
}
END_TEST

START_TEST(input_that_nobody_takes_is_no_reason_to_end)
{
	struct rig rig = start(SESSION_STDIN, false);

	(void)close(rig.c_in);
	put(rig.in, "typed");
	sleep_step();
	put(rig.c_out, "alive");
	ck_comes(rig.out, "alive");
	(void)close(rig.c_out);
	(void)close(rig.c_err);
	end_with(&rig, 5);
	ck_assert_int_eq(wait_for(&rig).code, 5);
}
END_TEST

START_TEST(who_reads_no_more_is_left)
{
	struct rig rig = start(0, false);

	(void)close(rig.out);
	put(rig.c_out, "x");
	ck_assert_int_eq(wait_for(&rig).end, SESSION_LEFT);
}
END_TEST

START_TEST(a_monitor_that_dies_is_an_error)
{
	struct rig rig = start(0, false);

	(void)close(rig.control);
	ck_assert_int_eq(wait_for(&rig).r, -BERTH_E_UNREACHABLE);
}
END_TEST

/* ----------------------------------------------------------------------------------- signals */

START_TEST(signals_go_to_the_container)
{
	static const int all[] = {SIGUSR1, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGALRM};
	struct rig rig = start(SESSION_PROXY, false);

	wait_until_ready(&rig);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		char byte;

		ck_assert_int_eq(kill(rig.pid, all[i]), 0);
		ck_assert_int_eq(read(rig.signals, &byte, 1), 1);
		ck_assert_int_eq(byte, all[i]);
	}
	(void)close(rig.c_out);
	(void)close(rig.c_err);
	end_with(&rig, 130);
	ck_assert_int_eq(wait_for(&rig).code, 130);
}
END_TEST

START_TEST(who_insists_may_leave)
{
	struct rig rig = start(SESSION_PROXY, false);
	char bytes[4];

	wait_until_ready(&rig);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(kill(rig.pid, SIGINT), 0);
		ck_assert_int_eq(read(rig.signals, bytes, 1), 1);
	}
	ck_assert_int_eq(kill(rig.pid, SIGTERM), 0);
	ck_assert_int_eq(wait_for(&rig).end, SESSION_LEFT);
	ck_assert_int_eq(read(rig.signals, bytes, 1), 0);
}
END_TEST

START_TEST(without_a_proxy_signals_are_deadly_as_ever)
{
	struct rig rig = start(0, false);
	int status;

	wait_until_ready(&rig);
	ck_assert_int_eq(kill(rig.pid, SIGTERM), 0);
	status = wait_status(&rig);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}
END_TEST

/* ---------------------------------------------------------------------------------- terminals */

static bool is_raw(const struct rig *rig)
{
	struct termios t;

	ck_assert_int_eq(tcgetattr(rig->terminal, &t), 0);
	return !(t.c_lflag & (ECHO | ICANON | ISIG));
}

START_TEST(the_terminal_is_raw_while_it_lasts)
{
	struct rig rig = start(SESSION_STDIN | SESSION_PROXY, true);

	wait_until_ready(&rig);
	ck_assert(is_raw(&rig));
	put(rig.terminal, "\x03");
	ck_comes(rig.c_in, "\x03");
	(void)close(rig.c_out);
	end_with(&rig, 0);
	ck_assert_int_eq(wait_for(&rig).end, SESSION_ENDED);
	ck_assert(!is_raw(&rig));
}
END_TEST

START_TEST(the_terminal_is_given_back_by_who_dies)
{
	struct rig rig = start(SESSION_STDIN | SESSION_PROXY, true);
	int status;

	wait_until_ready(&rig);
	ck_assert_int_eq(kill(rig.pid, SIGHUP), 0);
	status = wait_status(&rig);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGHUP);
	ck_assert(!is_raw(&rig));
}
END_TEST

START_TEST(keys_detach_and_give_the_terminal_back)
{
	struct rig rig = start(SESSION_STDIN, true);

	wait_until_ready(&rig);
	put(rig.terminal, "x\x10\x11");
	ck_assert_int_eq(wait_for(&rig).end, SESSION_DETACHED);
	ck_comes(rig.c_in, "x");
	ck_assert(!is_raw(&rig));
}
END_TEST

START_TEST(the_container_has_our_size_and_follows_it)
{
	struct rig rig = start(SESSION_STDIN, true);
	struct winsize size = {0}, bigger = {.ws_row = 44, .ws_col = 99};

	wait_until_ready(&rig);
	ck_assert_int_eq(ioctl(rig.console_s, TIOCGWINSZ, &size), 0);
	ck_assert(size.ws_row == 11 && size.ws_col == 22);
	ck_assert_int_eq(ioctl(rig.terminal, TIOCSWINSZ, &bigger), 0); /* SIGWINCH to the session */
	for (int i = 0; i < STEPS && size.ws_row != 44; i++) {
		sleep_step();
		ck_assert_int_eq(ioctl(rig.console_s, TIOCGWINSZ, &size), 0);
	}
	ck_assert(size.ws_row == 44 && size.ws_col == 99);
	put(rig.terminal, "\x10\x11");
	ck_assert_int_eq(wait_for(&rig).end, SESSION_DETACHED);
}
END_TEST

START_TEST(raw_is_raw_again_after_a_stop)
{
	struct rig rig = start(SESSION_STDIN, true);
	struct termios cooked;

	wait_until_ready(&rig);
	ck_assert_int_eq(tcgetattr(rig.terminal, &cooked), 0);
	cooked.c_lflag |= ECHO | ICANON | ISIG;
	ck_assert_int_eq(tcsetattr(rig.terminal, TCSANOW, &cooked), 0); /* as a shell does */
	ck_assert_int_eq(kill(rig.pid, SIGCONT), 0);
	for (int i = 0; i < STEPS && !is_raw(&rig); i++)
		sleep_step();
	ck_assert(is_raw(&rig));
	put(rig.terminal, "\x10\x11");
	ck_assert_int_eq(wait_for(&rig).end, SESSION_DETACHED);
}
END_TEST

START_TEST(a_terminal_is_wanted_where_there_is_none)
{
	int fds[2];

	make_pipe(fds);
	ck_assert_int_eq(dup2(fds[0], 0), 0);
	ck_ok(session_check_tty(false, true, &err));
	ck_ok(session_check_tty(true, false, &err));
	ck_fails(BERTH_E_INVALID, session_check_tty(true, true, &err));
	ck_assert_str_eq(err.text, "the input device is not a TTY");
}
END_TEST

int main(void)
{
	return CK_MAIN(
		"cli/session", output_comes_out_and_errors_beside_it,
		output_after_the_end_is_waited_for, direct_output_is_not_waited_for_after_the_end,
		input_goes_in_and_so_does_its_end, input_that_nobody_takes_is_no_reason_to_end,
		who_reads_no_more_is_left, a_monitor_that_dies_is_an_error,
		signals_go_to_the_container, who_insists_may_leave,
		without_a_proxy_signals_are_deadly_as_ever, the_terminal_is_raw_while_it_lasts,
		the_terminal_is_given_back_by_who_dies, keys_detach_and_give_the_terminal_back,
		the_container_has_our_size_and_follows_it, raw_is_raw_again_after_a_stop,
		a_terminal_is_wanted_where_there_is_none);
}
