/* SPDX-License-Identifier: Apache-2.0 */
#include "programs/monitor/resolver.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "programs/monitor/dns.h"
#include "programs/monitor/names.h"

enum {
	ASKED_MAX = 256, /* questions that are outside at a time */
	PEERS_MAX = 32,	 /* TCP connections of the container */
	ROUND_MAX = 64,	 /* datagrams before others get their turn */
	PATIENCE_MS = 2000,
	TRIES = 2,	 /* rounds through all servers */
	IDLE_MS = 10000, /* of a TCP connection, both sides */
	NO_PEER = UINT32_MAX,
};

/* First of all that is polled. */
enum role { ROLE_UDP, ROLE_TCP, ROLE_TIMER, ROLE_PEER, ROLE_ASKED };
struct polled {
	enum role role;
	int fd;
};

/* A TCP connection: one question at a time, as they come. */
struct peer {
	struct polled polled;
	struct peer *next;
	uint32_t number;
	int64_t until;
	bool waits; /* for an answer from outside */
	size_t n;
	uint8_t buf[2 + DNS_TCP_MAX];
};

/* A question that is outside. */
struct asked {
	struct polled polled;
	struct asked *next;
	struct sockaddr_storage from; /* who wants to know, over UDP */
	socklen_t from_len;
	uint32_t peer; /* or over this connection */
	uint16_t id;   /* theirs */
	unsigned tries;
	int64_t until;
	size_t sent, got; /* over TCP */
	size_t n;
	uint8_t *question; /* with two bytes of length before it */
	uint8_t *answer;   /* over TCP */
};

struct resolver {
	struct names_at at;
	int epoll;
	struct polled udp, tcp, timer;
	struct peer *peers;
	struct asked *asked;
	unsigned n_peers, n_asked;
	uint32_t peer_number;
	unsigned turn; /* of several addresses, another one is first each time */
	bool timer_set;
};

static int64_t now_ms(void)
{
	return clock_mono_ns() / 1000000;
}

static int watch(struct resolver *r, struct polled *p, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.ptr = p};

	return epoll_ctl(r->epoll, EPOLL_CTL_ADD, p->fd, &e);
}

static void rewatch(struct resolver *r, struct polled *p, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.ptr = p};

	/* cannot fail for what is watched */
	(void)epoll_ctl(r->epoll, EPOLL_CTL_MOD, p->fd, &e);
}

/* Something has a time limit: look each half second, as long as there is anything. */
static void timer_need(struct resolver *r)
{
	const struct itimerspec spec = {{0, 500000000}, {0, 500000000}};

	if (!r->timer_set && timerfd_settime(r->timer.fd, 0, &spec, NULL) == 0)
		r->timer_set = true;
}

/* --- answering ------------------------------------------------------------ */

static struct peer *peer_of(struct resolver *r, uint32_t number)
{
	for (struct peer *p = r->peers; p; p = p->next)
		if (p->number == number)
			return p;
	return NULL;
}

/* Where an answer goes. */
struct back {
	const struct sockaddr_storage *from;
	socklen_t from_len;
	struct peer *peer; /* NULL: over UDP */
};

static void send_back(struct resolver *r, const struct back *back, const uint8_t *bytes, size_t n)
{
	uint8_t len[2] = {(uint8_t)(n >> 8), (uint8_t)n};
	struct iovec parts[] = {{len, 2}, {(void *)bytes, n}};

	if (n == 0)
		return;
	if (!back->peer) {
		/* what does not fit into the socket's buffer is asked for again */
		(void)sendto(r->udp.fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL,
			     (const struct sockaddr *)back->from, back->from_len);
		return;
	}
	back->peer->waits = false;
	back->peer->until = now_ms() + IDLE_MS;
	/* an answer fits into an empty socket buffer; who does not read them gets no more */
	if (writev(back->peer->polled.fd, parts, 2) != (ssize_t)n + 2)
		(void)shutdown(back->peer->polled.fd, SHUT_RDWR);
}

static void refuse(struct resolver *r, const struct back *back, const uint8_t *q, size_t n,
		   enum dns_rcode rcode)
{
	uint8_t buf[16];

	send_back(r, back, buf, dns_refuse(q, n, rcode, buf));
}

static void answer_addresses(struct resolver *r, const struct dns_query *q,
			     const struct names_found *found, const struct back *back)
{
	static uint8_t buf[DNS_TCP_MAX];
	struct dns_answer a;
	size_t first = found->n > 0 ? r->turn++ % found->n : 0;

	dns_begin(&a, q, buf, back->peer ? sizeof(buf) : q->room);
	for (size_t i = 0; i < found->n; i++) {
		const struct names_ip *ip = &found->ip[(first + i) % found->n];

		if (q->type == DNS_ANY || q->type == (ip->family == 4 ? DNS_A : DNS_AAAA))
			dns_add_address(&a, ip->family, ip->ip);
	}
	/* a name without an address of this family is still a name: no NXDOMAIN */
	send_back(r, back, buf, dns_end(&a, q, DNS_NOERROR));
}

/* From the files; false: it is none of our names. */
static bool answer_here(struct resolver *r, const struct dns_query *q, const struct back *back)
{
	static struct names_found found;
	struct names_ip ip;
	struct dns_answer a;
	struct berth_error err = {0};
	uint8_t buf[DNS_UDP_MAX];
	char name[256];
	int family;

	if (q->type == DNS_PTR && dns_reverse(q->name, &family, ip.ip)) {
		ip.family = (uint8_t)family;
		if (names_reverse(&r->at, &ip, name, &err) < 0 || !*name)
			return false;
		dns_begin(&a, q, buf, q->room);
		dns_add_name(&a, name);
		send_back(r, back, buf, dns_end(&a, q, DNS_NOERROR));
		return true;
	}
	if (names_find(&r->at, q->name, &found, &err) < 0)
		log_debug("resolver.names", "error='%s'", err.text);
	if (!found.known)
		return false;
	answer_addresses(r, q, &found, back);
	return true;
}

/* --- outside -------------------------------------------------------------- */

static void asked_free(struct resolver *r, struct asked *a)
{
	for (struct asked **at = &r->asked; *at; at = &(*at)->next) {
		if (*at == a) {
			*at = a->next;
			break;
		}
	}
	r->n_asked--;
	close_fd(&a->polled.fd); /* leaves the epoll set as well */
	free(a->question);
	free(a->answer);
	free(a);
}

static struct back back_of(struct resolver *r, const struct asked *a)
{
	return (struct back){&a->from, a->from_len, peer_of(r, a->peer)};
}

static bool is_gone(struct resolver *r, const struct asked *a)
{
	return a->peer != NO_PEER && !peer_of(r, a->peer);
}

static void give_up(struct resolver *r, struct asked *a)
{
	struct back back = back_of(r, a);

	a->question[2] = (uint8_t)(a->id >> 8);
	a->question[3] = (uint8_t)a->id;
	if (!is_gone(r, a))
		refuse(r, &back, a->question + 2, a->n, DNS_SERVFAIL);
	asked_free(r, a);
}

/* Not every machine has IPv6: an IPv4 address gets a socket of its own kind. */
static int connect_to(const struct sockaddr_in6 *server, int type)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = server->sin6_port};
	bool is_v4 = IN6_IS_ADDR_V4MAPPED(&server->sin6_addr);
	int fd = socket(is_v4 ? AF_INET : AF_INET6, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r;

	if (fd < 0)
		return -1;
	memcpy(&v4.sin_addr, &server->sin6_addr.s6_addr[12], 4);
	r = is_v4 ? connect(fd, (const struct sockaddr *)&v4, sizeof(v4))
		  : connect(fd, (const struct sockaddr *)server, sizeof(*server));
	if (r < 0 && errno != EINPROGRESS)
		close_fd(&fd);
	return fd;
}

/* A socket with a port of the kernel's choice for each attempt: nobody else can guess both. */
static bool ask_server(struct resolver *r, struct asked *a, const struct sockaddr_in6 *server)
{
	bool tcp = a->peer != NO_PEER;
	uint16_t id;

	close_fd(&a->polled.fd);
	if (getrandom(&id, sizeof(id), 0) != sizeof(id))
		return false;
	memcpy(a->question + 2, &id, sizeof(id));
	a->sent = a->got = 0;
	a->polled.fd = connect_to(server, tcp ? SOCK_STREAM : SOCK_DGRAM);
	if (a->polled.fd < 0)
		return false;
	if (!tcp && send(a->polled.fd, a->question + 2, a->n, MSG_NOSIGNAL) != (ssize_t)a->n)
		return false;
	return watch(r, &a->polled, tcp ? EPOLLOUT : EPOLLIN) == 0;
}

/* The next server, in their order, each TRIES times at most. */
static void ask_next(struct resolver *r, struct asked *a)
{
	struct sockaddr_in6 servers[NAMES_UPSTREAM_MAX];
	struct berth_error err = {0};
	size_t n = 0;

	if (names_upstream(&r->at, servers, &n, &err) < 0)
		log_debug("resolver.upstream", "error='%s'", err.text);
	while (n > 0 && a->tries < TRIES * n) {
		const struct sockaddr_in6 *server = &servers[a->tries++ % n];

		a->until = now_ms() + PATIENCE_MS;
		if (ask_server(r, a, server)) {
			timer_need(r);
			return;
		}
	}
	give_up(r, a);
}

static void ask(struct resolver *r, const uint8_t *question, size_t n, const struct back *back)
{
	struct asked *a = r->n_asked < ASKED_MAX ? calloc(1, sizeof(*a)) : NULL;

	if (a)
		a->question = malloc(n + 2);
	if (!a || !a->question) {
		free(a);
		refuse(r, back, question, n, DNS_SERVFAIL);
		return;
	}
	a->polled = (struct polled){ROLE_ASKED, -1};
	a->n = n;
	a->question[0] = (uint8_t)(n >> 8);
	a->question[1] = (uint8_t)n;
	memcpy(a->question + 2, question, n);
	a->id = (uint16_t)(question[0] << 8 | question[1]);
	a->peer = back->peer ? back->peer->number : NO_PEER;
	if (back->peer) {
		back->peer->waits = true;
	} else {
		memcpy(&a->from, back->from, back->from_len);
		a->from_len = back->from_len;
	}
	a->next = r->asked;
	r->asked = a;
	r->n_asked++;
	ask_next(r, a);
}

/* An answer to what we sent, by id and question; its id becomes theirs. */
static bool is_answer(const struct asked *a, uint8_t *bytes, size_t n)
{
	struct dns_query mine;
	enum dns_rcode rcode;

	if (n < 12 || !(bytes[2] & 0x80) || memcmp(bytes, a->question + 2, 2) != 0)
		return false;
	if (dns_parse(a->question + 2, a->n, &mine, &rcode) != DNS_ASK)
		return false;
	/* some servers leave the question out of a refusal; some change the case of letters */
	if ((bytes[4] || bytes[5]) &&
	    (n < mine.end ||
	     strncasecmp((char *)bytes + 12, (char *)a->question + 14, mine.end - 12) != 0))
		return false;
	bytes[0] = (uint8_t)(a->id >> 8);
	bytes[1] = (uint8_t)a->id;
	return true;
}

static void asked_udp(struct resolver *r, struct asked *a)
{
	static uint8_t bytes[DNS_TCP_MAX];
	ssize_t n = recv(a->polled.fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		ask_next(r, a); /* nobody is there: not worth waiting for */
	} else if (is_answer(a, bytes, (size_t)n)) {
		struct back back = back_of(r, a);

		/* this server cannot help, another one may */
		if (((bytes[3] & 15) == DNS_SERVFAIL || (bytes[3] & 15) == DNS_REFUSED) &&
		    a->tries < 2) {
			ask_next(r, a);
			return;
		}
		send_back(r, &back, bytes, (size_t)n);
		asked_free(r, a);
	}
}

/* The question goes out, the answer comes in; false when that failed. */
static bool asked_tcp_step(struct resolver *r, struct asked *a)
{
	ssize_t n;

	if (a->sent < a->n + 2) {
		n = send(a->polled.fd, a->question + a->sent, a->n + 2 - a->sent,
			 MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		a->sent += (size_t)n;
		if (a->sent == a->n + 2)
			rewatch(r, &a->polled, EPOLLIN);
		return true;
	}
	if (!a->answer)
		a->answer = malloc(2 + DNS_TCP_MAX);
	if (!a->answer)
		return false;
	n = recv(a->polled.fd, a->answer + a->got, 2 + DNS_TCP_MAX - a->got, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	a->got += (size_t)n;
	return n > 0;
}

static void asked_tcp(struct resolver *r, struct asked *a)
{
	size_t n;

	if (!asked_tcp_step(r, a)) {
		ask_next(r, a);
		return;
	}
	n = a->got >= 2 ? (size_t)(a->answer[0] << 8 | a->answer[1]) : SIZE_MAX;
	if (n == SIZE_MAX || a->got < n + 2)
		return;
	if (is_answer(a, a->answer + 2, n)) {
		struct back back = back_of(r, a);

		send_back(r, &back, a->answer + 2, n);
		asked_free(r, a);
	} else {
		ask_next(r, a);
	}
}

/* --- questions ------------------------------------------------------------ */

static void question(struct resolver *r, const uint8_t *bytes, size_t n, const struct back *back)
{
	struct dns_query q;
	enum dns_rcode rcode = DNS_FORMERR;

	switch (dns_parse(bytes, n, &q, &rcode)) {
	case DNS_ASK:
		if (!answer_here(r, &q, back))
			ask(r, bytes, n, back);
		return;
	case DNS_WRONG:
		refuse(r, back, bytes, n, rcode);
		return;
	case DNS_DROP:
		return;
	}
}

/* All that it has asked so far, one after the other: the next one waits for the answer. */
static void peer_questions(struct resolver *r, uint32_t number)
{
	struct peer *p;

	while ((p = peer_of(r, number)) && !p->waits && p->n >= 2) {
		size_t len = (size_t)(p->buf[0] << 8 | p->buf[1]);
		struct back back = {.peer = p};

		if (p->n < len + 2)
			return;
		question(r, p->buf + 2, len, &back);
		p->n -= len + 2;
		memmove(p->buf, p->buf + len + 2, p->n);
	}
}

static void udp_ready(struct resolver *r)
{
	uint8_t bytes[DNS_UDP_MAX];

	for (int i = 0; i < ROUND_MAX; i++) {
		struct sockaddr_storage from;
		struct back back = {&from, sizeof(from), NULL};
		ssize_t n = recvfrom(r->udp.fd, bytes, sizeof(bytes), MSG_DONTWAIT,
				     (struct sockaddr *)&from, &back.from_len);

		if (n < 0)
			return;
		question(r, bytes, (size_t)n, &back);
	}
}

static void asked_ready(struct resolver *r, struct asked *a)
{
	uint32_t peer = a->peer;

	if (is_gone(r, a)) {
		asked_free(r, a);
	} else if (peer != NO_PEER) {
		asked_tcp(r, a);
		peer_questions(r, peer);
	} else {
		asked_udp(r, a);
	}
}

static void peer_free(struct resolver *r, struct peer *p)
{
	for (struct peer **at = &r->peers; *at; at = &(*at)->next) {
		if (*at == p) {
			*at = p->next;
			break;
		}
	}
	r->n_peers--;
	close_fd(&p->polled.fd);
	free(p);
}

static void tcp_ready(struct resolver *r)
{
	int fd = accept4(r->tcp.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct peer *p;

	if (fd < 0)
		return;
	p = r->n_peers < PEERS_MAX ? calloc(1, sizeof(*p)) : NULL;
	if (!p) {
		(void)close(fd);
		return;
	}
	p->polled = (struct polled){ROLE_PEER, fd};
	p->number = r->peer_number++ & 0x7fffffff;
	p->until = now_ms() + IDLE_MS;
	p->next = r->peers;
	r->peers = p;
	r->n_peers++;
	if (watch(r, &p->polled, EPOLLIN) < 0)
		peer_free(r, p);
	else
		timer_need(r);
}

static void peer_ready(struct resolver *r, struct peer *p)
{
	ssize_t n = recv(p->polled.fd, p->buf + p->n, sizeof(p->buf) - p->n, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* more than it may say before it has its answer */
	if (n <= 0 || (p->waits && p->n + (size_t)n == sizeof(p->buf))) {
		peer_free(r, p);
		return;
	}
	p->n += (size_t)n;
	peer_questions(r, p->number);
}

static void timer_ready(struct resolver *r)
{
	const struct itimerspec off = {{0, 0}, {0, 0}};
	int64_t now = now_ms();
	uint64_t ticks;
	struct asked *next;
	struct peer *other;

	(void)!read(r->timer.fd, &ticks, sizeof(ticks));
	for (struct asked *a = r->asked; a; a = next) {
		next = a->next;
		if (is_gone(r, a))
			asked_free(r, a);
		else if (a->until <= now)
			ask_next(r, a);
	}
	for (struct peer *p = r->peers; p; p = other) {
		other = p->next;
		peer_questions(r, p->number);
		if (!p->waits && p->until <= now)
			peer_free(r, p);
	}
	if (!r->asked && !r->peers && timerfd_settime(r->timer.fd, 0, &off, NULL) == 0)
		r->timer_set = false;
}

/* One event at a time: what is done for one may free what another one is about. */
void resolver_serve(struct resolver *r)
{
	for (int i = 0; i < ROUND_MAX; i++) {
		struct epoll_event e;
		struct polled *p;

		if (epoll_wait(r->epoll, &e, 1, 0) != 1)
			return;
		p = e.data.ptr;
		switch (p->role) {
		case ROLE_UDP:
			udp_ready(r);
			break;
		case ROLE_TCP:
			tcp_ready(r);
			break;
		case ROLE_TIMER:
			timer_ready(r);
			break;
		case ROLE_PEER:
			peer_ready(r, (struct peer *)p);
			break;
		case ROLE_ASKED:
			asked_ready(r, (struct asked *)p);
			break;
		}
	}
}

int resolver_fd(const struct resolver *r)
{
	return r->epoll;
}

int resolver_new(int run, const char *id, int udp, int tcp, struct resolver **ret,
		 struct berth_error *err)
{
	struct resolver *r = calloc(1, sizeof(*r));

	if (!r) {
		(void)close(udp);
		(void)close(tcp);
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	}
	r->at = (struct names_at){run, id};
	r->udp = (struct polled){ROLE_UDP, udp};
	r->tcp = (struct polled){ROLE_TCP, tcp};
	r->timer = (struct polled){ROLE_TIMER,
				   timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)};
	r->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (r->timer.fd < 0 || r->epoll < 0 || fcntl(tcp, F_SETFL, O_NONBLOCK) < 0 ||
	    watch(r, &r->udp, EPOLLIN) < 0 || watch(r, &r->tcp, EPOLLIN) < 0 ||
	    watch(r, &r->timer, EPOLLIN) < 0) {
		int code = berth_fail_errno(err, errno, "prepare the resolver");

		resolver_free(r);
		return code;
	}
	*ret = r;
	return 0;
}

void resolver_free(struct resolver *r)
{
	if (!r)
		return;
	while (r->peers)
		peer_free(r, r->peers);
	while (r->asked)
		asked_free(r, r->asked);
	close_fd(&r->udp.fd);
	close_fd(&r->tcp.fd);
	close_fd(&r->timer.fd);
	close_fd(&r->epoll);
	free(r);
}
