/* SPDX-License-Identifier: Apache-2.0 */
#include "programs/monitor/dns.h"

#include <arpa/inet.h>
#include <string.h>

enum {
	HEAD = 12,
	LABEL_MAX = 63,
	CLASS_IN = 1,
	CLASS_ANY = 255,
	OURS = 1232, /* what we take over UDP: fits any path's packets (DNS flag day 2020) */
	/* second byte pair of the head */
	QR = 0x8000,
	OPCODE = 0x7800,
	TC = 0x0200,
	RD = 0x0100,
	RA = 0x0080,
	/* "the name of the question": a pointer to the byte behind the head (RFC 1035, 4.1.4) */
	SAME_NAME = 0xc000 | HEAD,
	/* names change when containers come and go: nobody may remember an answer */
	TTL = 0,
};

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, unsigned value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static char lower(uint8_t c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

/* The name at @at as text; where it ends, 0 if it is wrong. A question's name has no pointers. */
static size_t read_name(const uint8_t *m, size_t n, size_t at, char out[static DNS_NAME_MAX])
{
	size_t len = 0;

	while (at < n && m[at] != 0) {
		size_t label = m[at++];

		/* with the dot before it and the NUL behind it */
		if (label > LABEL_MAX || at + label >= n || len + label + 2 > DNS_NAME_MAX)
			return 0;
		if (len > 0)
			out[len++] = '.';
		for (size_t i = 0; i < label; i++) {
			/* would be taken for another name */
			if (m[at + i] == '.' || m[at + i] == '\0')
				return 0;
			out[len++] = lower(m[at + i]);
		}
		at += label;
	}
	out[len] = '\0';
	return at < n ? at + 1 : 0;
}

/* An OPT record right behind the question, where everybody puts it. */
static void read_edns(const uint8_t *m, size_t n, struct dns_query *q)
{
	size_t room;

	if (get16(m + 6) != 0 || get16(m + 8) != 0 || get16(m + 10) == 0 || q->end + 11 > n ||
	    m[q->end] != 0 || get16(m + q->end + 1) != DNS_OPT)
		return;
	room = get16(m + q->end + 3);
	q->has_edns = true;
	q->room = room < DNS_UDP_PLAIN ? DNS_UDP_PLAIN : room > OURS ? OURS : room;
}

enum dns_verdict dns_parse(const uint8_t *message, size_t n, struct dns_query *ret,
			   enum dns_rcode *ret_rcode)
{
	struct dns_query q = {.message = message, .room = DNS_UDP_PLAIN};
	unsigned flags;

	if (n < HEAD || get16(message + 2) & QR)
		return DNS_DROP;
	flags = get16(message + 2);
	*ret_rcode = flags & OPCODE ? DNS_NOTIMP : DNS_FORMERR;
	if (flags & OPCODE || get16(message + 4) != 1)
		return DNS_WRONG;
	q.end = read_name(message, n, HEAD, q.name);
	if (q.end == 0 || q.end + 4 > n)
		return DNS_WRONG;
	q.type = get16(message + q.end);
	*ret_rcode = DNS_NOTIMP;
	if (get16(message + q.end + 2) != CLASS_IN && get16(message + q.end + 2) != CLASS_ANY)
		return DNS_WRONG;
	q.end += 4;
	read_edns(message, n, &q);
	*ret = q;
	return DNS_ASK;
}

static bool reverse4(const char *name, uint8_t ip[static 16])
{
	char text[DNS_NAME_MAX];
	size_t n = strlen(name) - strlen(".in-addr.arpa");

	memcpy(text, name, n);
	text[n] = '\0';
	if (inet_pton(AF_INET, text, ip) != 1)
		return false;
	for (int i = 0; i < 2; i++) {
		uint8_t other = ip[3 - i];

		ip[3 - i] = ip[i];
		ip[i] = other;
	}
	return true;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* 32 digits with dots between, the lowest first */
static bool reverse6(const char *name, uint8_t ip[static 16])
{
	for (int i = 0; i < 32; i++) {
		int value = digit(name[2 * i]);

		if (value < 0 || name[2 * i + 1] != '.')
			return false;
		if (i % 2 == 0)
			ip[15 - i / 2] = (uint8_t)value;
		else
			ip[15 - i / 2] |= (uint8_t)(value << 4);
	}
	return true;
}

bool dns_reverse(const char *name, int *ret_family, uint8_t ret_ip[static 16])
{
	static const char v4[] = ".in-addr.arpa", v6[] = ".ip6.arpa";
	size_t n = strlen(name);

	memset(ret_ip, 0, 16);
	*ret_family = 4;
	if (n > strlen(v4) && strcmp(name + n - strlen(v4), v4) == 0)
		return reverse4(name, ret_ip);
	*ret_family = 6;
	return n == 63 + strlen(v6) && strcmp(name + 63, v6) == 0 && reverse6(name, ret_ip);
}

/* --- answers -------------------------------------------------------------- */

static const uint8_t edns[] = {0, 0, DNS_OPT, OURS >> 8, OURS & 255, 0, 0, 0, 0, 0, 0};

void dns_begin(struct dns_answer *a, const struct dns_query *q, uint8_t *buf, size_t room)
{
	memcpy(buf, q->message, q->end);
	*a = (struct dns_answer){.p = buf, .n = q->end, .room = room};
	if (q->has_edns)
		a->room -= sizeof(edns); /* the question is shorter than any room */
}

/* The head of a record of the name that was asked for; NULL if it does not fit. */
static uint8_t *record(struct dns_answer *a, uint16_t type, size_t data)
{
	uint8_t *at = a->p + a->n;

	if (a->n + 12 + data > a->room) {
		a->cut = true;
		return NULL;
	}
	put16(at, SAME_NAME);
	put16(at + 2, type);
	put16(at + 4, CLASS_IN);
	put16(at + 6, 0);
	put16(at + 8, TTL);
	put16(at + 10, (unsigned)data);
	a->n += 12 + data;
	a->count++;
	return at + 12;
}

void dns_add_address(struct dns_answer *a, int family, const uint8_t *ip)
{
	size_t n = family == 4 ? 4 : 16;
	uint8_t *at = record(a, family == 4 ? DNS_A : DNS_AAAA, n);

	if (at)
		memcpy(at, ip, n);
}

void dns_add_name(struct dns_answer *a, const char *name)
{
	uint8_t wire[DNS_NAME_MAX + 1];
	size_t n = 0;
	uint8_t *at;

	while (*name && n < DNS_NAME_MAX) {
		size_t label = strcspn(name, ".");

		if (label == 0 || label > LABEL_MAX || n + label + 2 > DNS_NAME_MAX)
			return;
		wire[n++] = (uint8_t)label;
		memcpy(wire + n, name, label);
		n += label;
		name += label + (name[label] == '.');
	}
	wire[n++] = 0;
	at = record(a, DNS_PTR, n);
	if (at)
		memcpy(at, wire, n);
}

static void end_head(uint8_t *p, enum dns_rcode rcode, bool cut, uint16_t questions, uint16_t count,
		     uint16_t more)
{
	unsigned asked = get16(p + 2) & RD;

	put16(p + 2, QR | asked | RA | (cut ? TC : 0u) | (unsigned)rcode);
	put16(p + 4, questions);
	put16(p + 6, count);
	put16(p + 8, 0);
	put16(p + 10, more);
}

size_t dns_end(struct dns_answer *a, const struct dns_query *q, enum dns_rcode rcode)
{
	end_head(a->p, rcode, a->cut, 1, a->count, q->has_edns);
	if (q->has_edns) {
		memcpy(a->p + a->n, edns, sizeof(edns));
		a->n += sizeof(edns);
	}
	return a->n;
}

size_t dns_refuse(const uint8_t *message, size_t n, enum dns_rcode rcode, uint8_t *buf)
{
	if (n < HEAD)
		return 0;
	memcpy(buf, message, HEAD);
	end_head(buf, rcode, false, 0, 0, 0);
	return HEAD;
}
