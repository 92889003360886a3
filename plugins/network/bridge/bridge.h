/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bridge: networks of containers on bridges of the host, with addresses translated on the way out
 * and ports published on the host.
 *
 *	driver.c     head, options, probe
 *	network.c    create, remove: the bridge
 *	endpoint.c   attach, detach, publish, check
 *	rules.c      the table "berth" of nftables: what is always in it
 *	ports.c      its elements for published ports
 *	repair.c     reconcile, each, plan
 *	host.c       switches of the kernel that the driver needs
 *
 * Nothing is kept in files: what is there, the kernel says. Interfaces are known by their alias, ports
 * by the address that they lead to.
 */
#ifndef PLUGIN_BRIDGE_H
#define PLUGIN_BRIDGE_H

#include "../link/link.h"
#include "base/cleanup.h"
#include "base/nft.h"

#define RULES_TABLE "berth"

struct berth_network {
	const struct berth_host *host;
	bool publish_loopback_only;
	bool obey_host_firewall;
	/** of bridge_nft_borrow: who opened it and its number; BRIDGE_NO_SPARE; atomic */
	uint64_t spare_nft;
};

/** What a network is, worked out of its desc. */
struct bridge_net {
	char name[IFNAMSIZ]; /* of the bridge */
	char alias[160];
	bool internal, masquerade, icc, isolate;
};

int bridge_net_of(struct berth_network *net, const struct berth_net_desc *desc,
		  struct bridge_net *ret, struct berth_error *err);
/** Whether it keeps to the grammar of names (berth/driver.h). */
bool bridge_is_id(const char *s);
/** Name of an endpoint's interface on the host. */
void bridge_port_name(const struct berth_endpoint *ep, char out[static IFNAMSIZ]);

/** A socket to the kernel; -1: the host's own namespace. */
int bridge_route_socket(struct berth_network *net, int netns, int *ret_fd, struct berth_error *err);

/**
 * A socket to nftables, kept for the next call: to close one waits for whatever anybody deleted from
 * nftables shortly before (nf_tables flushes its work then), up to 10 ms each time. A child that was forked
 * since opens its own: two would take each other's answers.
 */
#define BRIDGE_NO_SPARE UINT64_MAX
struct bridge_nft {
	struct berth_network *net;
	int fd;
	bool clean; /**< set by the borrower: all answers were read */
};
int bridge_nft_borrow(struct berth_network *net, struct bridge_nft *ret, struct berth_error *err);
void bridge_nft_return(struct bridge_nft *nft);
/** Close the one that is kept. */
void bridge_nft_drop(struct berth_network *net);
#define cleanup_bridge_nft cleanup_with(bridge_nft_return)

int bridge_create(struct berth_network *net, const struct berth_net_desc *desc,
		  struct berth_sink *state, struct berth_error *err);
int bridge_remove(struct berth_network *net, const struct berth_net_desc *desc,
		  struct berth_error *err);
int bridge_attach(struct berth_network *net, const struct berth_net_desc *desc,
		  const struct berth_endpoint *ep, struct berth_op *op, struct berth_sink *state,
		  struct berth_attached *ret, struct berth_error *err);
int bridge_detach(struct berth_network *net, const struct berth_net_desc *desc,
		  const struct berth_endpoint *ep, struct berth_error *err);
int bridge_publish(struct berth_network *net, const struct berth_net_desc *desc,
		   const struct berth_endpoint *ep, struct berth_error *err);
int bridge_check(struct berth_network *net, const struct berth_net_desc *desc,
		 const struct berth_endpoint *ep, struct berth_sink *findings,
		 struct berth_error *err);
int bridge_reconcile(struct berth_network *net, const struct berth_net_desc *desc, uint32_t n_desc,
		     uint32_t desc_stride, const struct berth_endpoint *ep, uint32_t n_ep,
		     uint32_t ep_stride, struct berth_error *err);
int bridge_each(struct berth_network *net, berth_id_fn fn, void *arg, struct berth_error *err);
int bridge_plan(struct berth_network *net, const struct berth_net_desc *desc,
		const struct berth_endpoint *ep, struct berth_sink *json, struct berth_error *err);
int bridge_probe(const struct berth_host *host, const struct berth_conf *conf, int scratch_fd,
		 struct berth_sink *findings, struct berth_error *err);

/* --- rules.c ------------------------------------------------------------------------------------
 */

/** The table with its chains, sets and maps. EEXIST if there is one; @anew: instead of that one. */
void rules_table(struct nft *b, bool anew);
/** What the rules have to know of one network. */
void rules_network(struct nft *b, const struct bridge_net *n, const struct berth_net_desc *desc);
/** They know it no more. */
void rules_forget(struct berth_network *net, const struct bridge_net *n,
		  const struct berth_net_desc *desc);
/** Whether the table is there. */
int rules_are_there(struct berth_network *net, bool *ret, struct berth_error *err);
/** Send @b. @doing is for the message. */
int rules_commit(struct berth_network *net, struct nft *b, const char *doing,
		 struct berth_error *err);
/** The rules of one network as people read them. */
int rules_lines(const struct bridge_net *n, const struct berth_net_desc *desc, char ***ret);

/* --- ports.c ------------------------------------------------------------------------------------
 */

/** All ports of @ep into a transaction; the table is new, or they are not in it. */
void ports_add(struct nft *b, struct berth_network *net, const struct berth_endpoint *ep);
/** Make exactly these ports lead to the addresses of @ep. */
int ports_set(struct berth_network *net, const struct berth_endpoint *ep, struct berth_error *err);
/** None does. */
int ports_clear(struct berth_network *net, const struct berth_endpoint *ep,
		struct berth_error *err);
/** How many of them are missing. */
int ports_missing(struct berth_network *net, const struct berth_endpoint *ep, unsigned *ret,
		  struct berth_error *err);
int ports_lines(struct berth_network *net, const struct berth_endpoint *ep, char ***ret);

/* --- host.c -------------------------------------------------------------------------------------
 */

/** Forwarding, and packets of 127.0.0.1 on this bridge. @v6: of IPv6 as well. */
int host_prepare(const char *bridge, bool v6, struct berth_error *err);
/** Others whose chains drop what they have no rule for. */
struct foreign {
	char chain[128]; /* one of these chains; "" if there is none */
	bool firewalld, docker4, docker6, ufw;
};

/** Those at @hook. */
int host_foreign_drop(struct berth_network *net, uint32_t hook, struct foreign *ret,
		      struct berth_error *err);
/** What has them forward from and to @bridge. */
void host_foreign_remedy(const struct foreign *f, const char *bridge, char *out, size_t size);
/** Whether frames between containers of one network pass the chains of forward (br_netfilter). */
bool host_filters_frames(void);
/** Whether ports that name no address are on 127.0.0.1 only: by option, or because this machine's
 * firewall lets nothing in by itself and is to be obeyed. */
bool host_is_closed(struct berth_network *net);

#endif
