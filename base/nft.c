/* SPDX-License-Identifier: Apache-2.0 */
#include "base/nft.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
	MESSAGE_MAX = 4096, /* none of ours is longer */
	ANSWER_MAX = 65536,
	TRIES = 100, /* to list what others change */
};

/* --- messages --------------------------------------------------------------------------------- */

/* A message that nobody sends, for when there is no memory. */
static struct nlmsghdr *nowhere(void)
{
	static _Thread_local char bytes[MESSAGE_MAX] __attribute__((aligned(4)));

	return mnl_nlmsg_put_header(bytes);
}

static void message(struct nft *b, uint16_t type, uint16_t flags, uint8_t family, uint16_t res_id)
{
	struct nfgenmsg *nfg;

	if (b->room - b->n < MESSAGE_MAX && !b->failed) {
		size_t room = b->room ? 2 * b->room : 4 * MESSAGE_MAX;
		char *more = realloc(b->bytes, room);

		b->failed = !more;
		if (more) {
			b->bytes = more;
			b->room = room;
		}
	}
	b->head = b->failed ? nowhere() : mnl_nlmsg_put_header(b->bytes + b->n);
	b->head->nlmsg_type = type;
	b->head->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	b->head->nlmsg_seq = b->seq++;
	nfg = mnl_nlmsg_put_extra_header(b->head, sizeof(*nfg));
	nfg->nfgen_family = family;
	nfg->version = NFNETLINK_V0;
	nfg->res_id = htons(res_id);
}

static void table_message(struct nft *b, uint16_t what, uint16_t flags, uint8_t family)
{
	message(b, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | what), flags, family, 0);
}

static void message_end(struct nft *b)
{
	if (!b->failed)
		b->n += MNL_ALIGN(b->head->nlmsg_len);
}

static void put_be32(struct nft *b, uint16_t attr, uint32_t value)
{
	mnl_attr_put_u32(b->head, attr, htonl(value));
}

static void put_bytes(struct nft *b, uint16_t attr, const void *value, size_t n)
{
	struct nlattr *nest = mnl_attr_nest_start(b->head, attr);

	mnl_attr_put(b->head, NFTA_DATA_VALUE, n, value);
	mnl_attr_nest_end(b->head, nest);
}

void nft_begin(struct nft *b)
{
	*b = (struct nft){.seq = 1};
	message(b, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	message_end(b);
}

void nft_done(struct nft *b)
{
	free(b->bytes);
	*b = (struct nft){0};
}

static uint16_t create_flags(enum nft_what what)
{
	return what == NFT_ADD_ONLY ? NLM_F_CREATE | NLM_F_EXCL : NLM_F_CREATE;
}

void nft_table(struct nft *b, enum nft_what what, uint8_t family, const char *table)
{
	if (what == NFT_DELETE)
		table_message(b, NFT_MSG_DELTABLE, 0, family);
	else
		table_message(b, NFT_MSG_NEWTABLE, create_flags(what), family);
	mnl_attr_put_strz(b->head, NFTA_TABLE_NAME, table);
	message_end(b);
}

void nft_chain(struct nft *b, uint8_t family, const char *table, const char *chain,
	       const struct nft_hook *hook)
{
	table_message(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE, family);
	mnl_attr_put_strz(b->head, NFTA_CHAIN_TABLE, table);
	mnl_attr_put_strz(b->head, NFTA_CHAIN_NAME, chain);
	if (hook && hook->type) {
		struct nlattr *nest;

		mnl_attr_put_strz(b->head, NFTA_CHAIN_TYPE, hook->type);
		nest = mnl_attr_nest_start(b->head, NFTA_CHAIN_HOOK);
		put_be32(b, NFTA_HOOK_HOOKNUM, hook->hook);
		put_be32(b, NFTA_HOOK_PRIORITY, (uint32_t)hook->priority);
		mnl_attr_nest_end(b->head, nest);
	}
	message_end(b);
}

void nft_set(struct nft *b, uint8_t family, const char *table, const struct nft_set *set)
{
	table_message(b, NFT_MSG_NEWSET, NLM_F_CREATE, family);
	mnl_attr_put_strz(b->head, NFTA_SET_TABLE, table);
	mnl_attr_put_strz(b->head, NFTA_SET_NAME, set->name);
	put_be32(b, NFTA_SET_ID, ++b->sets);
	put_be32(b, NFTA_SET_FLAGS, set->flags);
	put_be32(b, NFTA_SET_KEY_TYPE, set->key_type);
	put_be32(b, NFTA_SET_KEY_LEN, set->key_len);
	if (set->flags & NFT_SET_MAP) {
		put_be32(b, NFTA_SET_DATA_TYPE, set->data_type);
		put_be32(b, NFTA_SET_DATA_LEN, set->data_len);
	}
	/* so that `nft list` reads names of interfaces as such: type 0 (byte order), 4 bytes, 1 */
	if (set->key_type == NFT_TYPE_IFNAME)
		mnl_attr_put(b->head, NFTA_SET_USERDATA, 6, "\0\4\1\0\0\0");
	message_end(b);
}

void nft_element(struct nft *b, enum nft_what what, uint8_t family, const char *table,
		 const char *set, const struct nft_element *e)
{
	struct nlattr *list, *elem;

	if (what == NFT_DELETE)
		table_message(b, NFT_MSG_DELSETELEM, 0, family);
	else
		table_message(b, NFT_MSG_NEWSETELEM, create_flags(what), family);
	mnl_attr_put_strz(b->head, NFTA_SET_ELEM_LIST_TABLE, table);
	mnl_attr_put_strz(b->head, NFTA_SET_ELEM_LIST_SET, set);
	list = mnl_attr_nest_start(b->head, NFTA_SET_ELEM_LIST_ELEMENTS);
	elem = mnl_attr_nest_start(b->head, NFTA_LIST_ELEM);
	put_bytes(b, NFTA_SET_ELEM_KEY, e->key, e->key_len);
	if (e->flags)
		put_be32(b, NFTA_SET_ELEM_FLAGS, e->flags);
	if (e->data && what != NFT_DELETE)
		put_bytes(b, NFTA_SET_ELEM_DATA, e->data, e->data_len);
	mnl_attr_nest_end(b->head, elem);
	mnl_attr_nest_end(b->head, list);
	message_end(b);
}

/* --- rules ------------------------------------------------------------------------------------ */

void nft_rule_begin(struct nft *b, uint8_t family, const char *table, const char *chain)
{
	table_message(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, family);
	mnl_attr_put_strz(b->head, NFTA_RULE_TABLE, table);
	mnl_attr_put_strz(b->head, NFTA_RULE_CHAIN, chain);
	b->list = mnl_attr_nest_start(b->head, NFTA_RULE_EXPRESSIONS);
}

void nft_rule_end(struct nft *b)
{
	mnl_attr_nest_end(b->head, b->list);
	message_end(b);
}

/* An expression that has been begun. */
struct expr {
	struct nlattr *elem, *data;
};

static struct expr expr(struct nft *b, const char *name)
{
	struct expr x;

	x.elem = mnl_attr_nest_start(b->head, NFTA_LIST_ELEM);
	mnl_attr_put_strz(b->head, NFTA_EXPR_NAME, name);
	x.data = mnl_attr_nest_start(b->head, NFTA_EXPR_DATA);
	return x;
}

static void expr_end(struct nft *b, struct expr x)
{
	mnl_attr_nest_end(b->head, x.data);
	mnl_attr_nest_end(b->head, x.elem);
}

void nft_meta_to(struct nft *b, uint32_t key, uint32_t reg)
{
	struct expr x = expr(b, "meta");

	put_be32(b, NFTA_META_DREG, reg);
	put_be32(b, NFTA_META_KEY, key);
	expr_end(b, x);
}

void nft_meta(struct nft *b, uint32_t key)
{
	nft_meta_to(b, key, NFT_REG_1);
}

void nft_payload_to(struct nft *b, uint32_t base, uint32_t offset, uint32_t n, uint32_t reg)
{
	struct expr x = expr(b, "payload");

	put_be32(b, NFTA_PAYLOAD_DREG, reg);
	put_be32(b, NFTA_PAYLOAD_BASE, base);
	put_be32(b, NFTA_PAYLOAD_OFFSET, offset);
	put_be32(b, NFTA_PAYLOAD_LEN, n);
	expr_end(b, x);
}

void nft_payload(struct nft *b, uint32_t base, uint32_t offset, uint32_t n)
{
	nft_payload_to(b, base, offset, n, NFT_REG_1);
}

void nft_ct(struct nft *b, uint32_t key)
{
	struct expr x = expr(b, "ct");

	put_be32(b, NFTA_CT_DREG, NFT_REG_1);
	put_be32(b, NFTA_CT_KEY, key);
	expr_end(b, x);
}

void nft_fib_daddr_type(struct nft *b)
{
	struct expr x = expr(b, "fib");

	put_be32(b, NFTA_FIB_DREG, NFT_REG_1);
	put_be32(b, NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
	put_be32(b, NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
	expr_end(b, x);
}

void nft_cmp(struct nft *b, bool equal, const void *value, size_t n)
{
	struct expr x = expr(b, "cmp");

	put_be32(b, NFTA_CMP_SREG, NFT_REG_1);
	put_be32(b, NFTA_CMP_OP, equal ? NFT_CMP_EQ : NFT_CMP_NEQ);
	put_bytes(b, NFTA_CMP_DATA, value, n);
	expr_end(b, x);
}

void nft_any_bit(struct nft *b, uint32_t mask)
{
	static const uint32_t zero;
	struct expr x = expr(b, "bitwise");

	put_be32(b, NFTA_BITWISE_SREG, NFT_REG_1);
	put_be32(b, NFTA_BITWISE_DREG, NFT_REG_1);
	put_be32(b, NFTA_BITWISE_LEN, sizeof(mask));
	put_bytes(b, NFTA_BITWISE_MASK, &mask, sizeof(mask));
	put_bytes(b, NFTA_BITWISE_XOR, &zero, sizeof(zero));
	expr_end(b, x);
	nft_cmp(b, false, &zero, sizeof(zero));
}

void nft_lookup(struct nft *b, const char *set, bool not_in)
{
	struct expr x = expr(b, "lookup");

	mnl_attr_put_strz(b->head, NFTA_LOOKUP_SET, set);
	put_be32(b, NFTA_LOOKUP_SREG, NFT_REG_1);
	if (not_in)
		put_be32(b, NFTA_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
	expr_end(b, x);
}

void nft_lookup_to(struct nft *b, const char *map, uint32_t reg)
{
	struct expr x = expr(b, "lookup");

	mnl_attr_put_strz(b->head, NFTA_LOOKUP_SET, map);
	put_be32(b, NFTA_LOOKUP_SREG, NFT_REG_1);
	put_be32(b, NFTA_LOOKUP_DREG, reg);
	expr_end(b, x);
}

void nft_family_is(struct nft *b, uint8_t family)
{
	nft_meta(b, NFT_META_NFPROTO);
	nft_cmp(b, true, &family, 1);
}

void nft_load(struct nft *b, uint32_t reg, const void *value, size_t n)
{
	struct expr x = expr(b, "immediate");

	put_be32(b, NFTA_IMMEDIATE_DREG, reg);
	put_bytes(b, NFTA_IMMEDIATE_DATA, value, n);
	expr_end(b, x);
}

void nft_dnat(struct nft *b, uint8_t family, uint32_t reg_addr, uint32_t reg_port)
{
	struct expr x = expr(b, "nat");

	put_be32(b, NFTA_NAT_TYPE, NFT_NAT_DNAT);
	put_be32(b, NFTA_NAT_FAMILY, family);
	put_be32(b, NFTA_NAT_REG_ADDR_MIN, reg_addr);
	put_be32(b, NFTA_NAT_REG_PROTO_MIN, reg_port);
	expr_end(b, x);
}

void nft_masquerade(struct nft *b)
{
	expr_end(b, expr(b, "masq"));
}

void nft_reject(struct nft *b, uint32_t type, uint8_t icmp_code)
{
	struct expr x = expr(b, "reject");

	put_be32(b, NFTA_REJECT_TYPE, type);
	if (type != NFT_REJECT_TCP_RST)
		mnl_attr_put_u8(b->head, NFTA_REJECT_ICMP_CODE, icmp_code);
	expr_end(b, x);
}

void nft_verdict(struct nft *b, int32_t verdict, const char *chain)
{
	struct expr x = expr(b, "immediate");
	struct nlattr *data, *nest;

	put_be32(b, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	data = mnl_attr_nest_start(b->head, NFTA_IMMEDIATE_DATA);
	nest = mnl_attr_nest_start(b->head, NFTA_DATA_VERDICT);
	put_be32(b, NFTA_VERDICT_CODE, (uint32_t)verdict);
	if (chain)
		mnl_attr_put_strz(b->head, NFTA_VERDICT_CHAIN, chain);
	mnl_attr_nest_end(b->head, nest);
	mnl_attr_nest_end(b->head, data);
	expr_end(b, x);
}

/* --- to the kernel ---------------------------------------------------------------------------- */

static int send_all(int fd, const char *bytes, size_t n)
{
	/* a transaction is one datagram: large ones need more room than a socket has by itself */
	if (n > 128 * 1024) {
		int room = (int)(2 * n);

		if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)) < 0)
			(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	}
	return send(fd, bytes, n, 0) < 0 ? errno : 0;
}

int nft_commit(struct nft *b, int fd, uint32_t *ret_failed)
{
	char answer[8192] __attribute__((aligned(4)));
	const struct nlmsghdr *head = (const struct nlmsghdr *)answer;
	int r;
	ssize_t n;

	/* the kernel answers the last one after all others, or the first that fails */
	b->head->nlmsg_flags |= NLM_F_ACK;
	message(b, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	message_end(b);
	if (b->failed)
		return ENOMEM;
	r = send_all(fd, b->bytes, b->n);
	if (r)
		return r;
	n = recv(fd, answer, sizeof(answer), 0);
	if (n < 0)
		return errno;
	if (!mnl_nlmsg_ok(head, (int)n) || head->nlmsg_type != NLMSG_ERROR)
		return EPROTO;
	if (ret_failed)
		*ret_failed = head->nlmsg_seq - 2; /* behind the batch's begin */
	r = -((const struct nlmsgerr *)mnl_nlmsg_get_payload(head))->error;
	/* of a refused transaction there may be more answers, of no more use */
	while (r && recv(fd, answer, sizeof(answer), MSG_DONTWAIT) > 0)
		;
	return r;
}

/* --- questions -------------------------------------------------------------------------------- */

/* The answer to a dump, grown as it comes. */
struct answer {
	char *bytes;
	size_t n, room;
};

/* 0, or an errno; EINTR: the rules changed meanwhile. */
static int read_dump(struct nft *b, int fd, struct answer *to)
{
	bool torn = false;
	int r = send_all(fd, (const char *)b->head, b->head->nlmsg_len);

	to->n = 0;
	while (r == 0) {
		const struct nlmsghdr *h;
		ssize_t n;
		int left;

		if (to->room - to->n < ANSWER_MAX) {
			size_t room = to->room + 2 * ANSWER_MAX;
			char *more = realloc(to->bytes, room);

			if (!more)
				return ENOMEM;
			to->bytes = more;
			to->room = room;
		}
		n = recv(fd, to->bytes + to->n, ANSWER_MAX, 0);
		if (n < 0)
			return errno;
		left = (int)n;
		for (h = (const void *)(to->bytes + to->n); mnl_nlmsg_ok(h, left);
		     h = mnl_nlmsg_next(h, &left)) {
			torn |= (h->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
			if (h->nlmsg_type == NLMSG_DONE)
				return torn ? EINTR : 0;
			if (h->nlmsg_type == NLMSG_ERROR)
				return -((const struct nlmsgerr *)mnl_nlmsg_get_payload(h))->error;
		}
		to->n += (size_t)n;
	}
	return r;
}

/* Ask what is in @b, and hand each answer to @fn when all are there. 0 or -errno. */
static int ask(struct nft *b, int fd, mnl_cb_t fn, void *arg)
{
	struct answer all = {0};
	const struct nlmsghdr *h;
	int r = b->failed ? ENOMEM : EINTR, left;

	/* where others change rules, one moment is caught sooner or later */
	for (int i = 0; i < TRIES && r == EINTR; i++)
		r = read_dump(b, fd, &all);
	left = (int)all.n;
	for (h = (const void *)all.bytes; r == 0 && left > 0 && mnl_nlmsg_ok(h, left);
	     h = mnl_nlmsg_next(h, &left))
		(void)fn(h, arg);
	free(all.bytes);
	return -r;
}

int nft_has_table(int fd, uint8_t family, const char *table)
{
	char answer[4096] __attribute__((aligned(4)));
	const struct nlmsghdr *head = (const struct nlmsghdr *)answer;
	struct nft b = {.seq = 1};
	ssize_t n;
	int r;

	table_message(&b, NFT_MSG_GETTABLE, 0, family);
	mnl_attr_put_strz(b.head, NFTA_TABLE_NAME, table);
	r = b.failed ? ENOMEM : send_all(fd, (const char *)b.head, b.head->nlmsg_len);
	nft_done(&b);
	if (r)
		return -r;
	n = recv(fd, answer, sizeof(answer), 0);
	if (n < 0)
		return -errno;
	if (!mnl_nlmsg_ok(head, (int)n))
		return -EPROTO;
	if (head->nlmsg_type != NLMSG_ERROR)
		return 1;
	r = ((const struct nlmsgerr *)mnl_nlmsg_get_payload(head))->error;
	return r == -ENOENT ? 0 : r;
}

struct elements {
	nft_element_fn fn;
	void *arg;
	int result;
};

static const void *value_of(const struct nlattr *nest, uint32_t *ret_n)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, nest) if (mnl_attr_get_type(attr) == NFTA_DATA_VALUE)
	{
		*ret_n = mnl_attr_get_payload_len(attr);
		return mnl_attr_get_payload(attr);
	}
	return NULL;
}

static int tell_element(struct elements *all, const struct nlattr *elem)
{
	struct nft_element e = {0};
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, elem)
	{
		switch (mnl_attr_get_type(attr)) {
		case NFTA_SET_ELEM_KEY:
			e.key = value_of(attr, &e.key_len);
			break;
		case NFTA_SET_ELEM_DATA:
			e.data = value_of(attr, &e.data_len);
			break;
		case NFTA_SET_ELEM_FLAGS:
			e.flags = ntohl(mnl_attr_get_u32(attr));
			break;
		default:
			break;
		}
	}
	return e.key ? all->fn(all->arg, &e) : 0;
}

static int on_elements(const struct nlmsghdr *head, void *arg)
{
	struct elements *all = arg;
	const struct nlattr *attr, *elem;

	mnl_attr_for_each(attr, head, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_get_type(attr) != NFTA_SET_ELEM_LIST_ELEMENTS)
			continue;
		mnl_attr_for_each_nested(elem, attr) if (all->result == 0) all->result =
			tell_element(all, elem);
	}
	return MNL_CB_OK;
}

int nft_each_element(int fd, uint8_t family, const char *table, const char *set, nft_element_fn fn,
		     void *arg)
{
	struct elements all = {fn, arg, 0};
	struct nft b = {.seq = 1};
	int r;

	table_message(&b, NFT_MSG_GETSETELEM, NLM_F_DUMP, family);
	mnl_attr_put_strz(b.head, NFTA_SET_ELEM_LIST_TABLE, table);
	mnl_attr_put_strz(b.head, NFTA_SET_ELEM_LIST_SET, set);
	r = ask(&b, fd, on_elements, &all);
	nft_done(&b);
	return r < 0 ? r : all.result;
}

struct chains {
	nft_chain_fn fn;
	void *arg;
	int result;
};

static int on_chain(const struct nlmsghdr *head, void *arg)
{
	const struct nfgenmsg *nfg = mnl_nlmsg_get_payload(head);
	const char *table = NULL, *chain = NULL, *type = NULL;
	uint32_t hook = 0, policy = NF_ACCEPT;
	bool is_base = false;
	struct chains *all = arg;
	const struct nlattr *attr, *in;

	mnl_attr_for_each(attr, head, sizeof(*nfg))
	{
		switch (mnl_attr_get_type(attr)) {
		case NFTA_CHAIN_TABLE:
			table = mnl_attr_get_str(attr);
			break;
		case NFTA_CHAIN_NAME:
			chain = mnl_attr_get_str(attr);
			break;
		case NFTA_CHAIN_TYPE:
			type = mnl_attr_get_str(attr);
			break;
		case NFTA_CHAIN_POLICY:
			policy = ntohl(mnl_attr_get_u32(attr));
			break;
		case NFTA_CHAIN_HOOK:
			is_base = true;
			mnl_attr_for_each_nested(in, attr) if (mnl_attr_get_type(in) ==
							       NFTA_HOOK_HOOKNUM) hook =
				ntohl(mnl_attr_get_u32(in));
			break;
		default:
			break;
		}
	}
	if (table && chain && all->result == 0)
		all->result = all->fn(all->arg, nfg->nfgen_family, table, chain,
				      is_base ? type : NULL, hook, policy);
	return MNL_CB_OK;
}

int nft_each_chain(int fd, nft_chain_fn fn, void *arg)
{
	struct chains all = {fn, arg, 0};
	struct nft b = {.seq = 1};
	int r;

	table_message(&b, NFT_MSG_GETCHAIN, NLM_F_DUMP, NFPROTO_UNSPEC);
	r = ask(&b, fd, on_chain, &all);
	nft_done(&b);
	return r < 0 ? r : all.result;
}
