/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nw: what cases for network drivers stand on: a machine of their own with an outside, and
 * containers on it, each a network namespace; and words for what they do again and again. It knows
 * no driver. Private to the suite.
 *
 *	outside ---- up0 of the machine        192.0.2.2 .. 192.0.2.1, 2001:db8:1::2 .. ::1
 *	             | what the driver makes
 *	             boxes                     10.231.N.0/24, fd00:231:N::/64
 *
 * "The machine" is a namespace that the case made too, so nothing touches the real one.
 */
#ifndef CONFORMANCE_NETWORK_NW_H
#define CONFORMANCE_NETWORK_NW_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "berth/network.h"
#include "tests/conformance/suite.h"

struct nw {
	const struct berth_driver *head;
	const struct berth_network_ops *ops;
	struct berth_network *net;
	int statefd;
	int machine; /* namespaces; the case is in the first one */
	int outside;
};

/** One network, and what the engine keeps of it. */
struct wire {
	struct berth_net_desc desc;
	struct berth_subnet subnet[2];
	unsigned n;
	char id[65];
	struct berth_sink state;
};

/** One container on a network. */
struct box {
	struct berth_endpoint ep;
	struct berth_addr addr[2];
	struct berth_port port[4];
	struct berth_route route[2];
	struct berth_attached got;
	char id[65];
	int netns;
	struct berth_sink state;
};

/** Be on a machine with an outside, with the driver open. */
void nw_open(struct nw *m);
/** Another instance on the same state and machine. */
void nw_open_again(const struct nw *m, struct nw *again);
void nw_close(struct nw *m);
bool nw_can(uint64_t caps);
/** Skip unless the driver attaches, and (trait 'real') to something that can be looked at. */
void nw_needs_attach(void);
void nw_needs_real(void);
/** Skip unless it gives addresses of IPv4. */
void nw_needs_v4(void);

/** Network number @n as it is wanted. */
void nw_wire(struct wire *w, unsigned n);
int nw_create(const struct nw *m, struct wire *w);
int nw_remove(const struct nw *m, const struct wire *w);
/** Box number @n of the network, in a namespace of its own, with all that the driver can give. */
void nw_box(struct box *b, const struct wire *w, unsigned n);
int nw_attach(const struct nw *m, const struct wire *w, struct box *b);
int nw_detach(const struct nw *m, const struct wire *w, const struct box *b);
int nw_publish(const struct nw *m, const struct wire *w, const struct box *b);
void nw_port(struct box *b, uint16_t outside, uint16_t inside, uint8_t proto, uint8_t family);
/** The namespace goes; what was in it goes with it. */
void nw_end_box(struct box *b);
int nw_reconcile(const struct nw *m, struct wire *w, uint32_t n_w, struct box *b, uint32_t n_b);
/** create, and one attached box. */
void nw_one(struct nw *m, struct wire *w, struct box *b);
/** Detach and remove them. */
void nw_none(struct nw *m, struct wire *w, struct box *b);

/** Links, addresses and routes of a namespace as lines; static, two in turn. */
const char *nw_looks(int netns);
/** Within three seconds the namespace looks like @before. */
void nw_ck_looks(int netns, const char *before);
/** All rules of the machine, without counters; static. NULL: nft cannot be asked here. */
const char *nw_rules(void);
/** Run commands of nft in the machine; false: cannot. */
bool nw_nft(const char *commands);
/** Links of a namespace but lo. */
unsigned nw_links(int netns);
/** Delete all links of the machine but lo and up0. */
void nw_delete_links(void);
void nw_make_dummy(int netns, const char *name);

/** An address: "10.0.0.1/24" as the contract has it. */
struct berth_addr nw_addr(const char *text, uint8_t prefix);
int nw_socket_in(int netns, int family, int type);
/**
 * From @from, send to port @port of @to (without prefix); @at listens on @inside. True: it came, and
 * the answer came back. @peer, if not NULL, is who sent as @at saw it ("192.0.2.2").
 */
bool nw_reaches(int from, const char *to, uint16_t port, int at, uint16_t inside, int type,
		char *peer);
/** The same with a second chance for three seconds: for what must work in the end. */
bool nw_will_reach(int from, const char *to, uint16_t port, int at, uint16_t inside, int type,
		   char *peer);
/** Address number @i of the box without prefix; static, four in turn. */
const char *nw_ip(const struct box *b, unsigned i);
/** Is that address in force on interface @ifname of the namespace? */
bool nw_has_addr(int netns, const char *ifname, const struct berth_addr *addr);
bool nw_is_up(int netns, const char *ifname);
uint64_t nw_now(void);
/** Why the last nw_ call failed. */
const char *nw_why(void);
/** For each: appends a line to the struct str @arg. */
int nw_hear(void *arg, const char *id);

size_t network_net_cases(const TTest *out[]);
size_t network_attach_cases(const TTest *out[]);
size_t network_publish_cases(const TTest *out[]);
size_t network_repair_cases(const TTest *out[]);
size_t network_fault_cases(const TTest *out[]);

#endif
