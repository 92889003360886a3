/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns: messages of the Domain Name System (RFC 1035, RFC 6891), as far as a resolver needs them
 * that answers from a list of names and hands everything else on as it came. It opens no sockets
 * and knows no names. What it reads comes from containers: hostile.
 */
#ifndef MONITOR_DNS_H
#define MONITOR_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	DNS_NAME_MAX = 256, /* as text, with the NUL */
	DNS_UDP_PLAIN = 512,
	DNS_UDP_MAX = 4096,
	DNS_TCP_MAX = 65535,
};

enum dns_type { DNS_A = 1, DNS_PTR = 12, DNS_AAAA = 28, DNS_OPT = 41, DNS_ANY = 255 };
enum dns_rcode {
	DNS_NOERROR = 0,
	DNS_FORMERR = 1,
	DNS_SERVFAIL = 2,
	DNS_NXDOMAIN = 3,
	DNS_NOTIMP = 4,
	DNS_REFUSED = 5,
};

/** A message with one question. */
struct dns_query {
	const uint8_t *message; /* borrowed */
	size_t end;		/* of the question */
	uint16_t type;
	bool has_edns;
	size_t room;		 /* what an answer over UDP may have */
	char name[DNS_NAME_MAX]; /* lower case, no dot at the end; "" is the root */
};

/** How to go on with a message. */
enum dns_verdict {
	DNS_ASK,   /* *ret is filled */
	DNS_DROP,  /* no query at all: no answer */
	DNS_WRONG, /* *ret_rcode is the answer */
};
enum dns_verdict dns_parse(const uint8_t *message, size_t n, struct dns_query *ret,
			   enum dns_rcode *ret_rcode);

/** The address that a PTR question is about: 4 or 6 in *ret_family, else false. */
bool dns_reverse(const char *name, int *ret_family, uint8_t ret_ip[static 16]);

/** An answer that is being made. */
struct dns_answer {
	uint8_t *p;
	size_t n, room;
	uint16_t count;
	bool cut; /* not everything fitted */
};

/** Begin the answer to @q in @buf, which has DNS_UDP_MAX bytes at least; @room of them are used. */
void dns_begin(struct dns_answer *a, const struct dns_query *q, uint8_t *buf, size_t room);
/** One more address of the name that was asked for. @family 4 or 6. */
void dns_add_address(struct dns_answer *a, int family, const uint8_t *ip);
void dns_add_name(struct dns_answer *a, const char *name);
/** Its size. */
size_t dns_end(struct dns_answer *a, const struct dns_query *q, enum dns_rcode rcode);

/** The answer to a message of which no more is known than its head. Its size. */
size_t dns_refuse(const uint8_t *message, size_t n, enum dns_rcode rcode, uint8_t *buf);

#endif
