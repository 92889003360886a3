/* SPDX-License-Identifier: Apache-2.0 */
#include "ck.h"

#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/socket.h>
#include <termios.h>

#include "programs/berth/detach_keys.h"
#include "programs/berth/pump.h"

enum { MUCH = 4 << 20 };

static void make_pipe(int fds[2])
{
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
}

static void put(int fd, const char *text)
{
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static const char *take(int fd)
{
	static char text[65536];
	struct pollfd p = {.fd = fd, .events = POLLIN};
	ssize_t n;

	if (poll(&p, 1, 0) <= 0)
		return "";
	n = read(fd, text, sizeof(text) - 1);
	ck_assert_int_ge(n, 0);
	text[n] = '\0';
	return text;
}

START_TEST(bytes_go_from_pipe_to_pipe)
{
	struct pump p;
	int a[2], b[2];

	make_pipe(a);
	make_pipe(b);
	pump_init(&p, a[0], b[1]);
	put(a[1], "hello");
	pump_move(&p);
	ck_assert_str_eq(take(b[0]), "hello");
	ck_assert(!p.done);
	(void)close(a[1]);
	pump_move(&p);
	ck_assert(p.done && !p.broken);
	ck_assert_int_eq(pump_wants(&p).fd, -1);
	pump_free(&p);
}
END_TEST

START_TEST(without_a_stream_there_is_nothing_to_do)
{
	struct pump p;

	pump_init(&p, -1, 1);
	ck_assert(p.done);
	pump_init(&p, 0, -1);
	ck_assert(p.done);
}
END_TEST

/* fill @from with MUCH and read it from @to, with one thread of control */
static void pass_much(int from_w, struct pump *p, int to_r)
{
	static char block[65536], got[65536];
	size_t written = 0, read_ = 0;
	int wrong = 0;

	ck_assert_int_ne(fcntl(from_w, F_SETFL, O_NONBLOCK), -1);
	while (read_ < MUCH) {
		struct pollfd want = pump_wants(p), have = {.fd = to_r, .events = POLLIN};
		ssize_t n;

		for (size_t i = 0; i < sizeof(block); i++)
			block[i] = (char)((written + i) * 31 >> 3);
		n = written < MUCH ? write(from_w, block, sizeof(block)) : 0;
		written += n > 0 ? (size_t)n : 0;
		if (poll(&want, 1, 0) > 0)
			pump_move(p);
		if (poll(&have, 1, 0) <= 0)
			continue;
		n = read(to_r, got, sizeof(got));
		ck_assert_int_gt(n, 0);
		/* check notes each assertion in a file: one for a block */
		for (ssize_t i = 0; i < n; i++)
			wrong += got[i] != (char)((read_ + (size_t)i) * 31 >> 3);
		ck_assert_int_eq(wrong, 0);
		read_ += (size_t)n;
	}
}

START_TEST(much_arrives_whole_and_in_order)
{
	struct pump p;
	int a[2], b[2];

	make_pipe(a);
	make_pipe(b);
	pump_init(&p, a[0], b[1]);
	pass_much(a[1], &p, b[0]);
	ck_assert(!p.buffered);
	pump_free(&p);
}
END_TEST

START_TEST(much_arrives_also_through_the_buffer)
{
	struct pump p;
	int a[2], b[2];

	make_pipe(a);
	make_pipe(b);
	pump_init(&p, a[0], b[1]);
	p.buffered = true;
	pass_much(a[1], &p, b[0]);
	pump_free(&p);
}
END_TEST

START_TEST(much_arrives_also_through_sockets)
{
	struct pump p;
	int a[2], b[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, a), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, b), 0);
	pump_init(&p, a[0], b[1]);
	pass_much(a[1], &p, b[0]);
	pump_free(&p);
}
END_TEST

START_TEST(a_full_pipe_is_not_waited_for)
{
	struct pump p;
	int a[2], b[2];

	for (int buffered = 0; buffered < 2; buffered++) {
		make_pipe(a);
		make_pipe(b);
		pump_init(&p, a[0], b[1]);
		p.buffered = buffered;
		ck_assert_int_ne(fcntl(a[1], F_SETFL, O_NONBLOCK), -1);
		for (int i = 0; i < 100; i++) {
			while (write(a[1], "0123456789abcdef", 16) > 0)
				;
			pump_move(&p); /* a test that waits here is killed */
		}
		ck_assert_int_eq(pump_wants(&p).fd, b[1]);
		ck_assert_int_eq(pump_wants(&p).events, POLLOUT);
		ck_assert_uint_gt(strlen(take(b[0])), 0);
		pump_move(&p);
		pump_free(&p);
	}
}
END_TEST

START_TEST(a_reader_that_is_gone_ends_it)
{
	struct pump p;
	int a[2], b[2];

	ck_assert_ptr_ne(signal(SIGPIPE, SIG_IGN), SIG_ERR);
	for (int buffered = 0; buffered < 2; buffered++) {
		make_pipe(a);
		make_pipe(b);
		(void)close(b[0]);
		pump_init(&p, a[0], b[1]);
		p.buffered = buffered;
		put(a[1], "x");
		pump_move(&p);
		ck_assert(p.done && p.broken);
		pump_free(&p);
	}
}
END_TEST

START_TEST(files_are_appended_to)
{
	struct pump p;
	int dir = ck_dir(), a[2], to;

	ck_write(dir, "log", "before ");
	to = openat(dir, "log", O_WRONLY | O_APPEND | O_CLOEXEC);
	make_pipe(a);
	pump_init(&p, a[0], to);
	put(a[1], "after");
	(void)close(a[1]);
	pump_move(&p);
	pump_move(&p);
	ck_assert(p.done && !p.broken);
	ck_assert_str_eq(ck_text(dir, "log"), "before after");
	pump_free(&p);
}
END_TEST

START_TEST(a_file_is_read_to_its_end)
{
	struct pump p;
	int dir = ck_dir(), b[2], from;

	ck_write(dir, "in", "contents");
	from = openat(dir, "in", O_RDONLY | O_CLOEXEC);
	make_pipe(b);
	pump_init(&p, from, b[1]);
	while (!p.done)
		pump_move(&p);
	ck_assert_str_eq(take(b[0]), "contents");
	from = open("/dev/null", O_RDONLY | O_CLOEXEC);
	pump_init(&p, from, b[1]);
	for (int i = 0; i < 10 && !p.done; i++)
		pump_move(&p);
	ck_assert(p.done && !p.broken);
	pump_free(&p);
}
END_TEST

START_TEST(a_terminal_that_hangs_up_is_an_end)
{
	int master, slave, b[2];
	struct pump p;

	ck_assert_int_eq(openpty(&master, &slave, NULL, NULL, NULL), 0);
	make_pipe(b);
	pump_init(&p, master, b[1]);
	put(slave, "last words");
	pump_move(&p);
	(void)close(slave);
	for (int i = 0; i < 10 && !p.done; i++)
		pump_move(&p);
	ck_assert(p.done && !p.broken);
	ck_assert_str_eq(take(b[0]), "last words");
	pump_free(&p);
}
END_TEST

START_TEST(draining_takes_what_is_there_and_no_more)
{
	struct pump p;
	int a[2], b[2];

	make_pipe(a);
	make_pipe(b);
	pump_init(&p, a[0], b[1]);
	put(a[1], "rest");
	pump_drain(&p); /* the other end of a is open: a test that waits for it is killed */
	ck_assert_str_eq(take(b[0]), "rest");
	ck_assert(!p.done);
	pump_free(&p);
}
END_TEST

/* --------------------------------------------------------------------------------- detaching */

static const char *filter(struct detach_keys *dk, const char *typed, bool *ret_detached)
{
	static struct str out;

	str_clear(&out);
	*ret_detached = detach_keys_filter(dk, typed, strlen(typed), &out);
	return str_text(&out);
}

START_TEST(keys_are_read_as_docker_writes_them)
{
	struct detach_keys dk;

	ck_ok(detach_keys_parse(NULL, &dk, &err));
	ck_assert_uint_eq(dk.n, 2);
	ck_assert(dk.keys[0] == 16 && dk.keys[1] == 17);
	ck_ok(detach_keys_parse("a,ctrl-[,ctrl-_,ctrl-@", &dk, &err));
	ck_assert(dk.keys[0] == 'a' && dk.keys[1] == 27 && dk.keys[2] == 31 && dk.keys[3] == 0);
	ck_fails(BERTH_E_INVALID, detach_keys_parse("ctrl-foo", &dk, &err));
	ck_fails(BERTH_E_INVALID, detach_keys_parse("ctrl-A", &dk, &err));
	ck_fails(BERTH_E_INVALID, detach_keys_parse("a,,b", &dk, &err));
	ck_fails(BERTH_E_INVALID,
		 detach_keys_parse("a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a", &dk, &err));
}
END_TEST

START_TEST(the_sequence_detaches_and_goes_nowhere)
{
	struct detach_keys dk;
	bool detached;

	ck_ok(detach_keys_parse("", &dk, &err));
	ck_assert_str_eq(filter(&dk, "ls\r\x10\x11rest", &detached), "ls\r");
	ck_assert(detached);
}
END_TEST

START_TEST(its_beginning_is_held_back_until_it_is_none)
{
	struct detach_keys dk;
	bool detached;

	ck_ok(detach_keys_parse("", &dk, &err));
	ck_assert_str_eq(filter(&dk, "a\x10", &detached), "a");
	ck_assert_str_eq(filter(&dk, "b", &detached), "\x10"
						      "b");
	ck_assert_str_eq(filter(&dk, "\x10", &detached), "");
	ck_assert_str_eq(filter(&dk, "\x10", &detached), "\x10");
	ck_assert(!detached);
	ck_assert_str_eq(filter(&dk, "\x11", &detached), "");
	ck_assert(detached);
}
END_TEST

START_TEST(sequences_that_overlap_themselves_are_found)
{
	struct detach_keys dk;
	bool detached;

	ck_ok(detach_keys_parse("a,a,b", &dk, &err));
	ck_assert_str_eq(filter(&dk, "aaab", &detached), "a");
	ck_assert(detached);
	ck_ok(detach_keys_parse("a,b,a,c", &dk, &err));
	ck_assert_str_eq(filter(&dk, "abab", &detached), "ab");
	ck_assert(!detached);
	ck_assert_str_eq(filter(&dk, "ac", &detached), "");
	ck_assert(detached);
}
END_TEST

START_TEST(the_pump_stops_where_the_keys_are)
{
	struct detach_keys dk;
	struct pump p;
	int a[2], b[2];

	ck_ok(detach_keys_parse(NULL, &dk, &err));
	make_pipe(a);
	make_pipe(b);
	pump_init(&p, a[0], b[1]);
	p.keys = &dk;
	put(a[1], "echo\r");
	pump_move(&p);
	ck_assert_str_eq(take(b[0]), "echo\r");
	put(a[1], "x\x10\x11y");
	pump_move(&p);
	ck_assert(p.detached);
	ck_assert_str_eq(take(b[0]), "x");
	pump_free(&p);
}
END_TEST

int main(void)
{
	return CK_MAIN(
		"cli/pump", bytes_go_from_pipe_to_pipe, without_a_stream_there_is_nothing_to_do,
		much_arrives_whole_and_in_order, much_arrives_also_through_the_buffer,
		much_arrives_also_through_sockets, a_full_pipe_is_not_waited_for,
		a_reader_that_is_gone_ends_it, files_are_appended_to, a_file_is_read_to_its_end,
		a_terminal_that_hangs_up_is_an_end, draining_takes_what_is_there_and_no_more,
		keys_are_read_as_docker_writes_them, the_sequence_detaches_and_goes_nowhere,
		its_beginning_is_held_back_until_it_is_none,
		sequences_that_overlap_themselves_are_found, the_pump_stops_where_the_keys_are);
}
