/* SPDX-License-Identifier: Apache-2.0 */
/* The resolver of a container, between a client and servers outside that the test plays. */
#include "programs/monitor/resolver.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "ck.h"

#define ID "c1"

static int run, client, client_tcp;
static struct resolver *resolver;
static struct sockaddr_in at_udp, at_tcp;
static pthread_t thread;
static volatile bool over;

static int bound(int type, const char *ip, unsigned port, struct sockaddr_in *ret)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	int on = 1;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(inet_pton(AF_INET, ip, &a.sin_addr), 1);
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	if (type == SOCK_STREAM)
		ck_assert_int_eq(listen(fd, 8), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	if (ret)
		*ret = a;
	return fd;
}

static void *serve(void *arg)
{
	while (!over) {
		struct pollfd p = {.fd = resolver_fd(resolver), .events = POLLIN};

		if (poll(&p, 1, 20) > 0)
			resolver_serve(resolver);
	}
	return NULL;
}

/* @conf: the file "resolver" of the container. Servers are at port 53, so in a network of one's
 * own. */
static void begin(const char *conf)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int udp, tcp;

	ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
	udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(ioctl(udp, SIOCSIFFLAGS, &lo), 0);
	ck_assert_int_eq(close(udp), 0);
	run = ck_dir();
	ck_ok(state_mkdirs(run, "containers/" ID, 0700, NULL, &err));
	ck_ok(state_mkdirs(run, "networks/n1", 0700, NULL, &err));
	ck_ok(state_mkdirs(run, "networks/n2", 0700, NULL, &err));
	ck_write(run, "containers/" ID "/resolver", conf);
	ck_write(run, "networks/n1/names", "web 10.0.0.2\nweb fd00::2\ndb 10.0.0.3\n");
	ck_write(run, "networks/n2/names", "web 10.1.0.9\nmany 10.1.0.1\nmany 10.1.0.2\n");
	udp = bound(SOCK_DGRAM, "127.0.0.11", 0, &at_udp);
	tcp = bound(SOCK_STREAM, "127.0.0.11", 0, &at_tcp);
	ck_ok(resolver_new(run, ID, udp, tcp, &resolver, &err));
	ck_assert_int_eq(pthread_create(&thread, NULL, serve, NULL), 0);
	client = bound(SOCK_DGRAM, "127.0.0.1", 0, NULL);
	ck_assert_int_eq(connect(client, (struct sockaddr *)&at_udp, sizeof(at_udp)), 0);
}

static void end(void)
{
	over = true;
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	resolver_free(resolver);
	ck_assert_int_eq(close(client), 0);
	ck_assert_int_eq(close(run), 0);
}

static size_t make(uint8_t *m, const char *name, unsigned type)
{
	size_t n = 12;

	memset(m, 0, 512);
	memcpy(m, "\x77\x88\1\0\0\1", 6);
	while (*name) {
		size_t label = strcspn(name, ".");

		m[n++] = (uint8_t)label;
		memcpy(m + n, name, label);
		n += label;
		name += label + (name[label] == '.');
	}
	m[n + 2] = (uint8_t)type;
	m[n + 4] = 1;
	return n + 5;
}

static size_t receive(int fd, uint8_t *m, size_t size, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	ssize_t n;

	if (poll(&p, 1, ms) != 1)
		return 0;
	n = recv(fd, m, size, 0);
	return n > 0 ? (size_t)n : 0;
}

/* The answer as text: "RCODE ADDRESS ADDRESS" of plain records; static. */
static const char *show(const uint8_t *m, size_t n)
{
	static char text[1024];
	size_t at = 12, out;

	if (n < 12)
		return "none";
	ck_assert_mem_eq(m, "\x77\x88", 2);
	ck_assert_uint_eq(m[2] & 0x80, 0x80);
	out = (size_t)snprintf(text, sizeof(text), "%d", m[3] & 15);
	if (m[5]) {
		while (m[at])
			at += m[at] + 1u;
		at += 5;
	}
	for (int i = 0; i < m[7]; i++) {
		size_t len = m[at + 11];
		char ip[INET6_ADDRSTRLEN] = "?";

		if (m[at + 3] == 12)
			(void)snprintf(ip, sizeof(ip), "%.*s", m[at + 12], m + at + 13);
		else
			(void)inet_ntop(len == 4 ? AF_INET : AF_INET6, m + at + 12, ip, sizeof(ip));
		out += (size_t)snprintf(text + out, sizeof(text) - out, " %s", ip);
		at += 12 + len;
	}
	return text;
}

static const char *ask(const char *name, unsigned type)
{
	uint8_t m[4096];
	size_t n = make(m, name, type);

	ck_assert_int_eq(send(client, m, n, 0), (ssize_t)n);
	n = receive(client, m, sizeof(m), 10000);
	return show(m, n);
}

/* --- a server outside ----------------------------------------------------- */

struct server {
	int fd;
	unsigned rcode;
	int swallow; /* so many questions get no answer */
	volatile int asked;
};

static void *server_run(void *arg)
{
	struct server *s = arg;
	uint8_t m[4096];
	struct sockaddr_in from;

	while (!over) {
		socklen_t len = sizeof(from);
		struct pollfd p = {.fd = s->fd, .events = POLLIN};
		ssize_t n;

		if (poll(&p, 1, 20) != 1)
			continue;
		n = recvfrom(s->fd, m, sizeof(m) - 16, 0, (struct sockaddr *)&from, &len);
		if (n < 12 || s->asked++ < s->swallow)
			continue;
		m[2] |= 0x80;
		m[3] = (uint8_t)(0x80 | s->rcode);
		if (s->rcode == 0) {
			m[7] = 1;
			memcpy(m + n, "\xc0\x0c\0\1\0\1\0\0\0\0\0\4\xc0\0\2\1", 16);
			n += 16;
		}
		/* one that somebody guesses comes first, with another id */
		m[0] ^= 0xff;
		(void)sendto(s->fd, m, (size_t)n, 0, (struct sockaddr *)&from, len);
		m[0] ^= 0xff;
		(void)sendto(s->fd, m, (size_t)n, 0, (struct sockaddr *)&from, len);
	}
	return NULL;
}

static pthread_t server_begin(struct server *s, const char *ip)
{
	pthread_t t;

	s->fd = bound(SOCK_DGRAM, ip, 53, NULL);
	ck_assert_int_eq(pthread_create(&t, NULL, server_run, s), 0);
	return t;
}

static void server_end(struct server *s, pthread_t t)
{
	ck_assert_int_eq(pthread_join(t, NULL), 0);
	ck_assert_int_eq(close(s->fd), 0);
}

#define BOTH "network n1 front\nnetwork n2 back\n"

START_TEST(names_of_networks_are_answered_in_their_order)
{
	begin(BOTH);
	ck_assert_str_eq(ask("web", 1), "0 10.0.0.2");
	ck_assert_str_eq(ask("WEB", 1), "0 10.0.0.2");
	ck_assert_str_eq(ask("web", 28), "0 fd00::2");
	ck_assert_str_eq(ask("web.back", 1), "0 10.1.0.9");
	ck_assert_str_eq(ask("web.front", 1), "0 10.0.0.2");
	end();
}
END_TEST

START_TEST(a_known_name_without_that_family_is_no_error)
{
	begin(BOTH);
	ck_assert_str_eq(ask("db", 28), "0");
	ck_assert_str_eq(ask("db", 16), "0");
	end();
}
END_TEST

START_TEST(all_of_several_are_answered_in_turn)
{
	begin(BOTH);
	ck_assert_str_eq(ask("many", 1), "0 10.1.0.1 10.1.0.2");
	ck_assert_str_eq(ask("many", 1), "0 10.1.0.2 10.1.0.1");
	end();
}
END_TEST

START_TEST(addresses_have_names)
{
	begin(BOTH);
	ck_assert_str_eq(ask("3.0.0.10.in-addr.arpa", 12), "0 db");
	end();
}
END_TEST

START_TEST(a_change_is_seen_at_once)
{
	begin(BOTH);
	ck_write(run, "networks/n1/names", "web 10.0.0.77\n");
	ck_assert_str_eq(ask("web", 1), "0 10.0.0.77");
	ck_write(run, "containers/" ID "/names", "web 10.9.9.9\n");
	ck_assert_str_eq(ask("web", 1), "0 10.9.9.9");
	end();
}
END_TEST

START_TEST(without_servers_outside_names_fail_at_once)
{
	begin(BOTH);
	ck_assert_str_eq(ask("example.org", 1), "2");
	end();
}
END_TEST

START_TEST(outside_names_come_from_the_servers)
{
	struct server s = {.fd = -1};
	pthread_t t;

	begin(BOTH "upstream 127.0.0.1\n");
	t = server_begin(&s, "127.0.0.1");
	ck_assert_str_eq(ask("example.org", 1), "0 192.0.2.1");
	end();
	server_end(&s, t);
}
END_TEST

START_TEST(a_server_that_is_silent_or_dead_is_passed_over)
{
	struct server s = {.fd = -1}, silent = {.fd = -1, .swallow = 99};
	pthread_t t, u;

	begin(BOTH "upstream 127.0.0.3\nupstream 127.0.0.2\nupstream 127.0.0.1\n");
	t = server_begin(&s, "127.0.0.1");
	u = server_begin(&silent, "127.0.0.2");
	ck_assert_str_eq(ask("example.org", 1), "0 192.0.2.1");
	ck_assert_int_eq(silent.asked, 1);
	end();
	server_end(&s, t);
	server_end(&silent, u);
}
END_TEST

START_TEST(a_server_that_refuses_is_asked_once)
{
	struct server s = {.fd = -1}, other = {.fd = -1, .rcode = 5};
	pthread_t t, u;

	begin(BOTH "upstream 127.0.0.2\nupstream 127.0.0.1\n");
	t = server_begin(&s, "127.0.0.1");
	u = server_begin(&other, "127.0.0.2");
	ck_assert_str_eq(ask("example.org", 1), "0 192.0.2.1");
	end();
	server_end(&s, t);
	server_end(&other, u);
}
END_TEST

START_TEST(an_answer_that_it_is_not_there_is_passed_on)
{
	struct server s = {.fd = -1, .rcode = 3};
	pthread_t t;

	begin(BOTH "upstream 127.0.0.1\n");
	t = server_begin(&s, "127.0.0.1");
	ck_assert_str_eq(ask("nowhere.example", 1), "3");
	end();
	server_end(&s, t);
}
END_TEST

START_TEST(it_answers_over_tcp_several_on_one_connection)
{
	uint8_t m[4096], out[4096];
	size_t n, got = 0;

	begin(BOTH);
	client_tcp = bound(SOCK_STREAM, "127.0.0.1", 0, NULL);
	ck_assert_int_eq(close(client_tcp), 0);
	client_tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(client_tcp, (struct sockaddr *)&at_tcp, sizeof(at_tcp)), 0);
	n = make(m + 2, "web", 1);
	m[0] = 0;
	m[1] = (uint8_t)n;
	memcpy(m + n + 2, m, n + 2);
	/* in two pieces which are not the two questions */
	ck_assert_int_eq(send(client_tcp, m, 7, 0), 7);
	(void)usleep(20000);
	ck_assert_int_eq(send(client_tcp, m + 7, 2 * n + 4 - 7, 0), (ssize_t)(2 * n + 4 - 7));
	while (got < 2 * (n + 2 + 16)) {
		size_t more = receive(client_tcp, out + got, sizeof(out) - got, 5000);

		ck_assert_uint_gt(more, 0);
		got += more;
	}
	ck_assert_str_eq(show(out + 2, n + 16), "0 10.0.0.2");
	ck_assert_str_eq(show(out + 2 + n + 16 + 2, n + 16), "0 10.0.0.2");
	ck_assert_int_eq(close(client_tcp), 0);
	end();
}
END_TEST

START_TEST(rubbish_has_no_consequences)
{
	uint8_t m[2000];
	unsigned seed = 1;

	begin(BOTH);
	for (int i = 0; i < 3000; i++) {
		size_t n = make(m, "web.back", 1);

		for (int k = 0; k < 4; k++) {
			seed = seed * 1103515245u + 12345u;
			m[(seed >> 16) % n] = (uint8_t)(seed >> 8);
		}
		m[2] &= 0x7f;
		(void)send(client, m, (seed >> 20) % (n + 1), MSG_DONTWAIT);
		if (i % 32 == 0)
			while (receive(client, m, sizeof(m), 1))
				;
	}
	while (receive(client, m, sizeof(m), 100))
		;
	ck_assert_str_eq(ask("web", 1), "0 10.0.0.2");
	end();
}
END_TEST

START_TEST(two_hundred_questions_at_once_are_answered)
{
	struct server s = {.fd = -1};
	uint8_t m[4096];
	pthread_t t;
	int answers = 0;

	begin(BOTH "upstream 127.0.0.1\n");
	t = server_begin(&s, "127.0.0.1");
	for (int i = 0; i < 200; i++) {
		size_t n = make(m, i % 2 ? "example.org" : "db", 1);

		ck_assert_int_eq(send(client, m, n, 0), (ssize_t)n);
	}
	while (receive(client, m, sizeof(m), 1000)) {
		ck_assert_uint_eq(m[3] & 15, 0);
		answers++;
	}
	ck_assert_int_eq(answers, 200);
	end();
	server_end(&s, t);
}
END_TEST

int main(void)
{
	if (geteuid() != 0)
		return ck_skip_all("needs root");
	return CK_MAIN(
		"monitor/resolver", names_of_networks_are_answered_in_their_order,
		a_known_name_without_that_family_is_no_error, all_of_several_are_answered_in_turn,
		addresses_have_names, a_change_is_seen_at_once,
		without_servers_outside_names_fail_at_once, outside_names_come_from_the_servers,
		a_server_that_is_silent_or_dead_is_passed_over, a_server_that_refuses_is_asked_once,
		an_answer_that_it_is_not_there_is_passed_on,
		it_answers_over_tcp_several_on_one_connection, rubbish_has_no_consequences,
		two_hundred_questions_at_once_are_answered);
}
