/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/nft.h - changes of nftables as one transaction of netlink messages, made by hand: what a
 * library does with text in milliseconds takes microseconds so. The messages are as Linux'
 * net/netfilter/nf_tables_api.c reads them (include/uapi/linux/netfilter/nf_tables.h).
 *
 *	nft_begin(&b);
 *	nft_table(&b, NFT_ADD, NFPROTO_INET, "t");
 *	nft_rule_begin(&b, NFPROTO_INET, "t", "chain");
 *	nft_meta(&b, NFT_META_IIFNAME);              loads register 1
 *	nft_lookup(&b, "set", false);                compares it
 *	nft_verdict(&b, NF_DROP, NULL);
 *	nft_rule_end(&b);
 *	r = nft_commit(&b, fd, &number);             0, or an errno and which message it was
 *	nft_done(&b);
 *
 * Linked by who uses it only (dependency base_nft), because it needs libmnl.
 */
#ifndef BASE_NFT_H
#define BASE_NFT_H

#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nft {
	char *bytes;
	size_t n, room;
	uint32_t seq;
	struct nlmsghdr *head; /* the message that is being made */
	struct nlattr *list;   /* of a rule's expressions */
	uint32_t sets;	       /* made in this transaction */
	bool failed;	       /* no memory */
};

enum nft_what {
	NFT_ADD,      /* there already: fine */
	NFT_ADD_ONLY, /* there already: EEXIST */
	NFT_DELETE,   /* absent: ENOENT */
};

void nft_begin(struct nft *b);
void nft_done(struct nft *b);

void nft_table(struct nft *b, enum nft_what what, uint8_t family, const char *table);

struct nft_hook {
	const char *type; /* "filter", "nat"; NULL: no hook, is jumped to */
	uint32_t hook;	  /* NF_INET_... */
	int32_t priority;
};
void nft_chain(struct nft *b, uint8_t family, const char *table, const char *chain,
	       const struct nft_hook *hook);

/* The types of keys and values, for those who list them: numbers of nft's own; several are one
 * after the other, each padded to 4 bytes. */
enum nft_type {
	NFT_TYPE_IPV4 = 7,
	NFT_TYPE_IPV6 = 8,
	NFT_TYPE_PROTO = 12,
	NFT_TYPE_PORT = 13,
	NFT_TYPE_IFNAME = 41,
};
#define NFT_TYPE2(a, b)	   ((uint32_t)(a) << 6 | (uint32_t)(b))
#define NFT_TYPE3(a, b, c) (NFT_TYPE2(a, b) << 6 | (uint32_t)(c))

struct nft_set {
	const char *name;
	uint32_t flags; /* NFT_SET_MAP, NFT_SET_INTERVAL, NFT_SET_CONCAT */
	uint32_t key_type, key_len;
	uint32_t data_type, data_len; /* of a map */
};
void nft_set(struct nft *b, uint8_t family, const char *table, const struct nft_set *set);

struct nft_element {
	const void *key;
	uint32_t key_len;
	const void *data; /* of a map, or NULL */
	uint32_t data_len;
	uint32_t flags; /* NFT_SET_ELEM_INTERVAL_END */
};
void nft_element(struct nft *b, enum nft_what what, uint8_t family, const char *table,
		 const char *set, const struct nft_element *e);

/* --- rules; expressions load register 1 unless said, and compare it ------------------------ */

void nft_rule_begin(struct nft *b, uint8_t family, const char *table, const char *chain);
void nft_rule_end(struct nft *b);

void nft_meta_to(struct nft *b, uint32_t key, uint32_t reg);
void nft_meta(struct nft *b, uint32_t key);
/** @base NFT_PAYLOAD_...: @n bytes from @offset. */
void nft_payload_to(struct nft *b, uint32_t base, uint32_t offset, uint32_t n, uint32_t reg);
void nft_payload(struct nft *b, uint32_t base, uint32_t offset, uint32_t n);
void nft_ct(struct nft *b, uint32_t key);
/** The kind of the address that the packet goes to: RTN_LOCAL, ... */
void nft_fib_daddr_type(struct nft *b);
/** Goes on only if the register has these bytes (@equal) or not. */
void nft_cmp(struct nft *b, bool equal, const void *value, size_t n);
/** Only if one of these bits is set. */
void nft_any_bit(struct nft *b, uint32_t mask);
/** Only if register 1 (and the following) is in the set, or not. */
void nft_lookup(struct nft *b, const char *set, bool not_in);
/** The value of a map, to register @reg; goes on only if there is one. */
void nft_lookup_to(struct nft *b, const char *map, uint32_t reg);
/** Only packets of NFPROTO_IPV4 or 6, in chains of inet. */
void nft_family_is(struct nft *b, uint8_t family);
void nft_load(struct nft *b, uint32_t reg, const void *value, size_t n);
/** Destination: address in @reg_addr, port in @reg_port. */
void nft_dnat(struct nft *b, uint8_t family, uint32_t reg_addr, uint32_t reg_port);
void nft_masquerade(struct nft *b);
void nft_reject(struct nft *b, uint32_t type, uint8_t icmp_code);
/** NF_ACCEPT, NF_DROP, NFT_JUMP, NFT_RETURN. @chain: of a jump. */
void nft_verdict(struct nft *b, int32_t verdict, const char *chain);

/* --- to the kernel, over a socket of NETLINK_NETFILTER ------------------------------------- */

/**
 * All or nothing. 0, or an errno, also without memory; *ret_failed (may be NULL) is the number of
 * the message that the kernel did not like, the first is 0.
 */
int nft_commit(struct nft *b, int fd, uint32_t *ret_failed);
/** 1: there is a table of that name; 0: none; below: -errno. */
int nft_has_table(int fd, uint8_t family, const char *table);

/** Is told of each element of a set or map. Borrowed. */
typedef int (*nft_element_fn)(void *arg, const struct nft_element *e);
/** 0, -errno, or what @fn answered. ENOENT: no such table or set. */
int nft_each_element(int fd, uint8_t family, const char *table, const char *set, nft_element_fn fn,
		     void *arg);
/** Is told of each chain of the machine; @type NULL: at no hook; @policy NF_ACCEPT or NF_DROP. */
typedef int (*nft_chain_fn)(void *arg, uint8_t family, const char *table, const char *chain,
			    const char *type, uint32_t hook, uint32_t policy);
int nft_each_chain(int fd, nft_chain_fn fn, void *arg);

#endif
