/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One table for all networks, of family inet. Its rules never change: what a network or a port adds
 * are elements of sets and maps, so that a thousand ports are looked up as fast as one, and a start
 * changes nothing but its own.
 *
 * We accept nothing that others drop (each base chain of nftables votes, and one "drop" is enough),
 * and drop only what goes to or comes from our bridges.
 */
#include <netinet/in.h> /* before the kernel's, which then leave out the same */

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>

#include "base/str.h"
#include "bridge.h"

enum { INET = NFPROTO_INET };

/* where things are in the headers */
enum {
	V4_SADDR = 12,
	V4_DADDR = 16,
	V6_SADDR = 8,
	V6_DADDR = 24,
	TH_DPORT = 2,
};

#define T RULES_TABLE

/* --- words ---------------------------------------------------------------- */

static void v4_saddr(struct nft *b)
{
	nft_payload(b, NFT_PAYLOAD_NETWORK_HEADER, V4_SADDR, 4);
}

static void v6_saddr(struct nft *b)
{
	nft_payload(b, NFT_PAYLOAD_NETWORK_HEADER, V6_SADDR, 16);
}

static void daddr_is_ours(struct nft *b)
{
	const uint32_t local = RTN_LOCAL;

	nft_fib_daddr_type(b);
	nft_cmp(b, true, &local, sizeof(local));
}

static void iif_in(struct nft *b, const char *set, bool not_in)
{
	nft_meta(b, NFT_META_IIFNAME);
	nft_lookup(b, set, not_in);
}

static void oif_in(struct nft *b, const char *set, bool not_in)
{
	nft_meta(b, NFT_META_OIFNAME);
	nft_lookup(b, set, not_in);
}

static void begin(struct nft *b, const char *chain)
{
	nft_rule_begin(b, INET, T, chain);
}

static void end_verdict(struct nft *b, int verdict, const char *chain)
{
	nft_verdict(b, verdict, chain);
	nft_rule_end(b);
}

/* --- sets and maps -------------------------------------------------------- */

static void make_sets(struct nft *b)
{
	static const struct nft_set sets[] = {
		/* bridges: all; those without a way out; those that others may reach */
		{"bridges", 0, NFT_TYPE_IFNAME, IFNAMSIZ, 0, 0},
		{"internal", 0, NFT_TYPE_IFNAME, IFNAMSIZ, 0, 0},
		{"open", 0, NFT_TYPE_IFNAME, IFNAMSIZ, 0, 0},
		{"same", 0, NFT_TYPE2(NFT_TYPE_IFNAME, NFT_TYPE_IFNAME), 2 * IFNAMSIZ, 0, 0},
		/* subnets: of containers; those that go out under the host's address */
		{"subnets4", NFT_SET_INTERVAL, NFT_TYPE_IPV4, 4, 0, 0},
		{"subnets6", NFT_SET_INTERVAL, NFT_TYPE_IPV6, 16, 0, 0},
		{"masquerade4", NFT_SET_INTERVAL, NFT_TYPE_IPV4, 4, 0, 0},
		{"masquerade6", NFT_SET_INTERVAL, NFT_TYPE_IPV6, 16, 0, 0},
		/* published ports: on all addresses of the host; on one */
		{"ports4", NFT_SET_MAP, NFT_TYPE2(NFT_TYPE_PROTO, NFT_TYPE_PORT), 8,
		 NFT_TYPE2(NFT_TYPE_IPV4, NFT_TYPE_PORT), 8},
		{"ports6", NFT_SET_MAP, NFT_TYPE2(NFT_TYPE_PROTO, NFT_TYPE_PORT), 8,
		 NFT_TYPE2(NFT_TYPE_IPV6, NFT_TYPE_PORT), 20},
		{"ports4_at", NFT_SET_MAP, NFT_TYPE3(NFT_TYPE_IPV4, NFT_TYPE_PROTO, NFT_TYPE_PORT),
		 12, NFT_TYPE2(NFT_TYPE_IPV4, NFT_TYPE_PORT), 8},
		{"ports6_at", NFT_SET_MAP, NFT_TYPE3(NFT_TYPE_IPV6, NFT_TYPE_PROTO, NFT_TYPE_PORT),
		 24, NFT_TYPE2(NFT_TYPE_IPV6, NFT_TYPE_PORT), 20},
		/* published, and cannot be reached by ::1, which no kernel translates */
		{"refuse6", 0, NFT_TYPE2(NFT_TYPE_PROTO, NFT_TYPE_PORT), 8, 0, 0},
	};

	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		nft_set(b, INET, T, &sets[i]);
}

/* --- chains --------------------------------------------------------------- */

/*
 * raw: the bridges know 127.0.0.0/8 (route_localnet), so that the host reaches published ports by
 * it. Nobody else may send there.
 */
static void make_raw(struct nft *b)
{
	static const struct nft_hook hook = {"filter", NF_INET_PRE_ROUTING, -300};
	static const uint8_t loopback = 127;

	nft_chain(b, INET, T, "raw", &hook);
	begin(b, "raw");
	iif_in(b, "bridges", false);
	nft_family_is(b, NFPROTO_IPV4);
	nft_payload(b, NFT_PAYLOAD_NETWORK_HEADER, V4_DADDR, 1);
	nft_cmp(b, true, &loopback, 1);
	end_verdict(b, NF_DROP, NULL);
}

/* Address . protocol . port, or without the address, are looked up; the answer is where it goes. */
static void translate(struct nft *b, uint8_t family, bool at, const char *map)
{
	uint32_t words = family == NFPROTO_IPV4 ? 1 : 4;
	uint32_t key = NFT_REG32_00, to = NFT_REG32_08;

	begin(b, "publish");
	nft_family_is(b, family);
	if (at) {
		nft_payload_to(b, NFT_PAYLOAD_NETWORK_HEADER,
			       family == NFPROTO_IPV4 ? V4_DADDR : V6_DADDR, words * 4, key);
		key += words;
	}
	nft_meta_to(b, NFT_META_L4PROTO, key);
	nft_payload_to(b, NFT_PAYLOAD_TRANSPORT_HEADER, TH_DPORT, 2, key + 1);
	nft_lookup_to(b, map, to);
	nft_dnat(b, family, to, to + words);
	nft_rule_end(b);
}

static void make_publish(struct nft *b)
{
	static const struct nft_hook in = {"nat", NF_INET_PRE_ROUTING, -100};
	static const struct nft_hook out = {"nat", NF_INET_LOCAL_OUT, -100};
	static const uint8_t v6_loopback[16] = {[15] = 1};

	nft_chain(b, INET, T, "publish", NULL);
	translate(b, NFPROTO_IPV4, true, "ports4_at");
	translate(b, NFPROTO_IPV4, false, "ports4");
	begin(b, "publish"); /* refused in chain input */
	nft_family_is(b, NFPROTO_IPV6);
	nft_payload(b, NFT_PAYLOAD_NETWORK_HEADER, V6_DADDR, 16);
	nft_cmp(b, true, v6_loopback, sizeof(v6_loopback));
	end_verdict(b, NFT_RETURN, NULL);
	translate(b, NFPROTO_IPV6, true, "ports6_at");
	translate(b, NFPROTO_IPV6, false, "ports6");
	nft_chain(b, INET, T, "prerouting", &in);
	begin(b, "prerouting");
	daddr_is_ours(b);
	end_verdict(b, NFT_JUMP, "publish");
	nft_chain(b, INET, T, "output", &out);
	begin(b, "output");
	daddr_is_ours(b);
	end_verdict(b, NFT_JUMP, "publish");
}

/* A client that asks ::1 for a published port is told at once, and tries 127.0.0.1. */
static void make_input(struct nft *b)
{
	static const struct nft_hook hook = {"filter", NF_INET_LOCAL_IN, 0};
	static const uint8_t v6_loopback[16] = {[15] = 1};
	static const uint8_t tcp = IPPROTO_TCP;

	nft_chain(b, INET, T, "input", &hook);
	for (int i = 0; i < 2; i++) {
		begin(b, "input");
		nft_family_is(b, NFPROTO_IPV6);
		nft_payload(b, NFT_PAYLOAD_NETWORK_HEADER, V6_DADDR, 16);
		nft_cmp(b, true, v6_loopback, sizeof(v6_loopback));
		nft_meta(b, NFT_META_L4PROTO);
		nft_cmp(b, i == 0, &tcp, 1);
		nft_meta_to(b, NFT_META_L4PROTO, NFT_REG32_00);
		nft_payload_to(b, NFT_PAYLOAD_TRANSPORT_HEADER, TH_DPORT, 2, NFT_REG32_01);
		nft_lookup(b, "refuse6", false);
		if (i == 0)
			nft_reject(b, NFT_REJECT_TCP_RST, 0);
		else
			nft_reject(b, NFT_REJECT_ICMPX_UNREACH, NFT_REJECT_ICMPX_PORT_UNREACH);
		nft_rule_end(b);
	}
}

/* To and from our bridges only. */
static void make_forward(struct nft *b)
{
	static const struct nft_hook hook = {"filter", NF_INET_FORWARD, 0};
	const uint32_t known = NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED);

	nft_chain(b, INET, T, "into", NULL);
	nft_chain(b, INET, T, "forward", &hook);

	begin(b, "forward");
	oif_in(b, "bridges", false);
	end_verdict(b, NFT_JUMP, "into");
	begin(b, "forward");
	iif_in(b, "internal", false);
	end_verdict(b, NF_DROP, NULL);

	begin(b, "into"); /* within one network, also where bridges show their frames to us */
	nft_meta_to(b, NFT_META_IIFNAME, NFT_REG_1);
	nft_meta_to(b, NFT_META_OIFNAME, NFT_REG_2);
	nft_lookup(b, "same", false);
	end_verdict(b, NF_ACCEPT, NULL);
	begin(b, "into");
	oif_in(b, "internal", false);
	end_verdict(b, NF_DROP, NULL);
	begin(b, "into");
	iif_in(b, "internal", false);
	end_verdict(b, NF_DROP, NULL);
	begin(b, "into"); /* answers */
	nft_ct(b, NFT_CT_STATE);
	nft_any_bit(b, known);
	end_verdict(b, NF_ACCEPT, NULL);
	begin(b, "into"); /* published */
	nft_ct(b, NFT_CT_STATUS);
	nft_any_bit(b, IPS_DST_NAT);
	end_verdict(b, NF_ACCEPT, NULL);
	begin(b, "into");
	oif_in(b, "open", false);
	end_verdict(b, NF_ACCEPT, NULL);
	begin(b, "into"); /* other networks, and neighbours of the host who know the addresses */
	end_verdict(b, NF_DROP, NULL);
}

static void make_postrouting(struct nft *b)
{
	static const struct nft_hook hook = {"nat", NF_INET_POST_ROUTING, 100};
	static const uint8_t loopback = 127;

	nft_chain(b, INET, T, "postrouting", &hook);

	begin(b, "postrouting"); /* the world knows the host only */
	nft_family_is(b, NFPROTO_IPV4);
	v4_saddr(b);
	nft_lookup(b, "masquerade4", false);
	oif_in(b, "bridges", true);
	nft_masquerade(b);
	nft_rule_end(b);
	begin(b, "postrouting");
	nft_family_is(b, NFPROTO_IPV6);
	v6_saddr(b);
	nft_lookup(b, "masquerade6", false);
	oif_in(b, "bridges", true);
	nft_masquerade(b);
	nft_rule_end(b);

	begin(b, "postrouting"); /* the host itself by 127.0.0.1: who would answer to that */
	oif_in(b, "bridges", false);
	nft_family_is(b, NFPROTO_IPV4);
	nft_payload(b, NFT_PAYLOAD_NETWORK_HEADER, V4_SADDR, 1);
	nft_cmp(b, true, &loopback, 1);
	nft_masquerade(b);
	nft_rule_end(b);

	/* a container by a published port: answers must come back this way */
	for (int i = 0; i < 2; i++) {
		begin(b, "postrouting");
		oif_in(b, "bridges", false);
		nft_ct(b, NFT_CT_STATUS);
		nft_any_bit(b, IPS_DST_NAT);
		nft_family_is(b, i ? NFPROTO_IPV6 : NFPROTO_IPV4);
		if (i)
			v6_saddr(b);
		else
			v4_saddr(b);
		nft_lookup(b, i ? "subnets6" : "subnets4", false);
		nft_masquerade(b);
		nft_rule_end(b);
	}
}

void rules_table(struct nft *b, bool anew)
{
	if (anew) {
		nft_table(b, NFT_ADD, INET, T);
		nft_table(b, NFT_DELETE, INET, T);
	}
	nft_table(b, NFT_ADD_ONLY, INET, T);
	make_sets(b);
	make_raw(b);
	make_publish(b);
	make_input(b);
	make_forward(b);
	make_postrouting(b);
}

/* --- one network ---------------------------------------------------------- */

static void name_element(struct nft *b, enum nft_what what, const char *set, const char *name)
{
	char key[IFNAMSIZ] = "";

	(void)snprintf(key, sizeof(key), "%s", name);
	nft_element(b, what, INET, T, set, &(struct nft_element){.key = key, .key_len = IFNAMSIZ});
}

static void same_element(struct nft *b, enum nft_what what, const char *name)
{
	char key[2 * IFNAMSIZ] = "";

	(void)snprintf(key, IFNAMSIZ, "%s", name);
	(void)snprintf(key + IFNAMSIZ, IFNAMSIZ, "%s", name);
	nft_element(b, what, INET, T, "same",
		    &(struct nft_element){.key = key, .key_len = sizeof(key)});
}

/* The first address of a subnet, and the first one behind it: false if there is none. */
static bool borders(const struct berth_addr *net, uint8_t first[16], uint8_t behind[16])
{
	unsigned len = net->family == BERTH_IPV4 ? 4 : 16;

	memset(behind, 0, 16);
	for (unsigned i = 0; i < len; i++) {
		unsigned bits = net->prefix >= 8 * (i + 1) ? 8
				: net->prefix > 8 * i	   ? net->prefix - 8 * i
							   : 0;
		uint8_t mask = (uint8_t)(0xff00u >> bits);

		first[i] = net->ip[i] & mask;
		behind[i] = (uint8_t)(first[i] | (uint8_t)~mask);
	}
	for (unsigned i = len; i-- > 0;)
		if (++behind[i] != 0)
			return true;
	return false;
}

static void subnet_elements(struct nft *b, enum nft_what what, const char *set4, const char *set6,
			    const struct berth_addr *net)
{
	const char *set = net->family == BERTH_IPV4 ? set4 : set6;
	struct nft_element e = {.key_len = net->family == BERTH_IPV4 ? 4 : 16};
	uint8_t first[16], behind[16];
	bool ends = borders(net, first, behind);

	e.key = first;
	nft_element(b, what, INET, T, set, &e);
	if (!ends)
		return;
	e.key = behind;
	e.flags = NFT_SET_ELEM_INTERVAL_END;
	nft_element(b, what, INET, T, set, &e);
}

void rules_network(struct nft *b, const struct bridge_net *n, const struct berth_net_desc *desc)
{
	name_element(b, NFT_ADD, "bridges", n->name);
	same_element(b, NFT_ADD, n->name);
	if (n->internal)
		name_element(b, NFT_ADD, "internal", n->name);
	if (!n->isolate)
		name_element(b, NFT_ADD, "open", n->name);
	for (uint32_t i = 0; i < desc->n_subnet; i++) {
		const struct berth_addr *net = &desc->subnet[i].net;

		subnet_elements(b, NFT_ADD, "subnets4", "subnets6", net);
		if (n->masquerade && !n->internal)
			subnet_elements(b, NFT_ADD, "masquerade4", "masquerade6", net);
	}
}

void rules_forget(struct berth_network *net, const struct bridge_net *n,
		  const struct berth_net_desc *desc)
{
	struct nft b;

	/* one after the other: what is not there any more is no reason to keep the rest */
	for (int i = 0; i < 4; i++) {
		static const char *const sets[] = {"bridges", "internal", "open"};

		nft_begin(&b);
		if (i < 3)
			name_element(&b, NFT_DELETE, sets[i], n->name);
		else
			same_element(&b, NFT_DELETE, n->name);
		(void)rules_commit(net, &b, "", NULL);
	}
	for (uint32_t i = 0; i < 2 * desc->n_subnet; i++) {
		const struct berth_addr *subnet = &desc->subnet[i / 2].net;

		nft_begin(&b);
		if (i % 2)
			subnet_elements(&b, NFT_DELETE, "masquerade4", "masquerade6", subnet);
		else
			subnet_elements(&b, NFT_DELETE, "subnets4", "subnets6", subnet);
		(void)rules_commit(net, &b, "", NULL);
	}
}

int rules_lines(const struct bridge_net *n, const struct berth_net_desc *desc, char ***ret)
{
	int r = strv_addf(ret, "add element inet " T " bridges { \"%s\" }", n->name);

	if (r == 0 && n->internal)
		r = strv_addf(ret, "add element inet " T " internal { \"%s\" }", n->name);
	if (r == 0 && !n->isolate)
		r = strv_addf(ret, "add element inet " T " open { \"%s\" }", n->name);
	for (uint32_t i = 0; i < desc->n_subnet && r == 0; i++) {
		const struct berth_addr *net = &desc->subnet[i].net;
		char family = net->family == BERTH_IPV4 ? '4' : '6';

		r = strv_addf(ret, "add element inet " T " subnets%c { %s }", family,
			      link_addr_text(net, true));
		if (r == 0 && n->masquerade && !n->internal)
			r = strv_addf(ret, "add element inet " T " masquerade%c { %s }", family,
				      link_addr_text(net, true));
	}
	return r;
}

/* --- to the kernel -------------------------------------------------------- */

int rules_are_there(struct berth_network *net, bool *ret, struct berth_error *err)
{
	cleanup_bridge_nft struct bridge_nft nft = {.fd = -1};
	int r = bridge_nft_borrow(net, &nft, err);

	if (r < 0)
		return r;
	r = nft_has_table(nft.fd, INET, T);
	if (r < 0)
		return berth_fail_errno(err, -r, "ask for the rules of nftables");
	nft.clean = true;
	*ret = r > 0;
	return 0;
}

int rules_commit(struct berth_network *net, struct nft *b, const char *doing,
		 struct berth_error *err)
{
	cleanup_bridge_nft struct bridge_nft nft = {.fd = -1};
	uint32_t number = 0;
	int r = bridge_nft_borrow(net, &nft, err);

	if (r == 0) {
		int code = nft_commit(b, nft.fd, &number);

		nft.clean = code == 0;
		if (code)
			r = berth_fail_errno(err, code, "%s: nftables refuses change %u", doing,
					     number);
		if (code == EOPNOTSUPP || code == EPROTONOSUPPORT ||
		    (code == ENOENT && number < 64))
			berth_error_hint(
				err, "the kernel needs nf_tables, nft_nat, nft_fib_inet, nft_masq, "
				     "nft_reject_inet and nf_conntrack");
	}
	nft_done(b);
	return r;
}
