/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link: network interfaces, addresses and routes by rtnetlink(7), for drivers that make interfaces
 * of their own. Several changes go to the kernel as one message of messages, and each is answered;
 * the first failure is told.
 *
 * An interface of ours has an alias ("berth:network:ID", "berth:endpoint:ID") by which it is known
 * again, whatever its name.
 */
#ifndef PLUGIN_LINK_H
#define PLUGIN_LINK_H

#include <net/if.h>

#include "base/cleanup.h"
#include "berth/network.h"

#define LINK_ALIAS	    "berth:"
#define LINK_ALIAS_NETWORK  LINK_ALIAS "network:"
#define LINK_ALIAS_ENDPOINT LINK_ALIAS "endpoint:"

/** Changes that are collected and then made. */
struct link_batch;

int link_batch_new(struct link_batch **ret, struct berth_error *err);
void link_batch_free(struct link_batch *b);
DEFINE_CLEANUP(struct link_batch *, link_batch_free);
#define cleanup_link_batch cleanup_with(link_batch_free_at)

/** A bridge, which must not be there. */
void link_add_bridge(struct link_batch *b, const char *name, const uint8_t mac[6], uint32_t mtu);

/** A pair of interfaces: @name here and on bridge @master (0: none), @peer in namespace @netns. */
struct link_veth {
	const char *name, *peer;
	int netns;
	const uint8_t *mac; /* of the peer; NULL: random */
	uint32_t mtu, master;
};
void link_add_veth(struct link_batch *b, const struct link_veth *v);

/** "macvlan" or "ipvlan" on interface @parent, made in namespace @netns. */
struct link_vlan {
	const char *kind, *name;
	int parent, netns;  /* netns -1: here */
	const uint8_t *mac; /* NULL: random, or (ipvlan) the parent's */
	uint32_t mtu, mode; /* of its kind */
};
void link_add_vlan(struct link_batch *b, const struct link_vlan *v);

/** What is to be changed of an interface that is there; zero and NULL: nothing. */
struct link_change {
	int index; /* or by name, if it is 0 */
	const char *name;
	bool up;
	bool announce; /* its IPv4 addresses, by ARP, when it comes up: a change of its own, before */
	const char *alias;
	uint32_t mtu;
	bool is_port; /* of a bridge; the following is then set */
	bool hairpin, isolated;
};
void link_change(struct link_batch *b, const struct link_change *c);
/** Gone already: fine, if @absent_ok. */
void link_delete(struct link_batch *b, const char *name, bool absent_ok);
/** On interface @index; there already: fine. Of IPv6 no duplicates are looked for. */
void link_add_address(struct link_batch *b, int index, const struct berth_addr *addr);
void link_delete_address(struct link_batch *b, int index, const struct berth_addr *addr);
/** Through interface @index; there already: fine. */
void link_add_route(struct link_batch *b, int index, const struct berth_route *route);

/** All of them, over @fd, a socket of NETLINK_ROUTE. Names what failed. */
int link_run(struct link_batch *b, int fd, struct berth_error *err);

/** What there is. */
struct link {
	int index, master; /* 0: none */
	char name[IFNAMSIZ];
	char alias[160];
	char kind[16];
	uint32_t mtu;
	bool up;
	uint8_t mac[6];
};
/** By name. NOT_FOUND. */
int link_find(int fd, const char *name, struct link *ret, struct berth_error *err);
typedef int (*link_fn)(void *arg, const struct link *link);
/** All of the namespace; a non-zero answer ends it and is returned. */
int link_each(int fd, link_fn fn, void *arg, struct berth_error *err);
typedef int (*link_addr_fn)(void *arg, int index, const struct berth_addr *addr);
/** All addresses of scope global. */
int link_each_address(int fd, link_addr_fn fn, void *arg, struct berth_error *err);

/** "10.0.0.1/24" or without the prefix; static, four in turn per thread. */
const char *link_addr_text(const struct berth_addr *addr, bool prefix);

#endif
