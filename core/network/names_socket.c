/* SPDX-License-Identifier: Apache-2.0 */
#include "core/network/names_socket.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/netns.h"

enum { DNS_PORT = 53, BACKLOG = 16, BATCH_MAX = 4096, ANSWER_MAX = 8192 };

static const char table[] = "berth_names", chain[] = "output";

/* --- rules: messages of nfnetlink, as Linux' net/netfilter/nf_tables_api.c reads them ----------
 */

struct batch {
	char bytes[BATCH_MAX];
	size_t n;
	uint32_t seq;
	struct nlmsghdr *head; /* the message that is being made */
};

static void message(struct batch *b, uint16_t type, uint16_t flags, uint8_t family, uint16_t res_id)
{
	struct nfgenmsg *nfg;

	b->head = mnl_nlmsg_put_header(b->bytes + b->n);
	b->head->nlmsg_type = type;
	b->head->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	b->head->nlmsg_seq = b->seq++;
	nfg = mnl_nlmsg_put_extra_header(b->head, sizeof(*nfg));
	nfg->nfgen_family = family;
	nfg->version = NFNETLINK_V0;
	nfg->res_id = htons(res_id);
}

static void table_message(struct batch *b, uint16_t what, uint16_t flags)
{
	message(b, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | what), flags, NFPROTO_IPV4, 0);
}

static void message_end(struct batch *b)
{
	b->n += MNL_ALIGN(b->head->nlmsg_len);
}

static void put_be32(struct batch *b, uint16_t attr, uint32_t value)
{
	mnl_attr_put_u32(b->head, attr, htonl(value));
}

/* Begin an expression of a rule; *ret_data is to be ended, then what this returns. */
static struct nlattr *expr(struct batch *b, const char *name, struct nlattr **ret_data)
{
	struct nlattr *elem = mnl_attr_nest_start(b->head, NFTA_LIST_ELEM);

	mnl_attr_put_strz(b->head, NFTA_EXPR_NAME, name);
	*ret_data = mnl_attr_nest_start(b->head, NFTA_EXPR_DATA);
	return elem;
}

static void expr_end(struct batch *b, struct nlattr *elem, struct nlattr *data)
{
	mnl_attr_nest_end(b->head, data);
	mnl_attr_nest_end(b->head, elem);
}

static void put_value(struct batch *b, uint16_t attr, const void *value, size_t n)
{
	struct nlattr *nest = mnl_attr_nest_start(b->head, attr);

	mnl_attr_put(b->head, NFTA_DATA_VALUE, n, value);
	mnl_attr_nest_end(b->head, nest);
}

static void compare(struct batch *b, const void *value, size_t n)
{
	struct nlattr *data, *elem = expr(b, "cmp", &data);

	put_be32(b, NFTA_CMP_SREG, NFT_REG_1);
	put_be32(b, NFTA_CMP_OP, NFT_CMP_EQ);
	put_value(b, NFTA_CMP_DATA, value, n);
	expr_end(b, elem, data);
}

static void protocol_is(struct batch *b, uint8_t protocol)
{
	struct nlattr *data, *elem = expr(b, "meta", &data);

	put_be32(b, NFTA_META_DREG, NFT_REG_1);
	put_be32(b, NFTA_META_KEY, NFT_META_L4PROTO);
	expr_end(b, elem, data);
	compare(b, &protocol, 1);
}

static void payload_is(struct batch *b, uint32_t base, uint32_t offset, const void *value, size_t n)
{
	struct nlattr *data, *elem = expr(b, "payload", &data);

	put_be32(b, NFTA_PAYLOAD_DREG, NFT_REG_1);
	put_be32(b, NFTA_PAYLOAD_BASE, base);
	put_be32(b, NFTA_PAYLOAD_OFFSET, offset);
	put_be32(b, NFTA_PAYLOAD_LEN, (uint32_t)n);
	expr_end(b, elem, data);
	compare(b, value, n);
}

static void load(struct batch *b, uint32_t reg, const void *value, size_t n)
{
	struct nlattr *data, *elem = expr(b, "immediate", &data);

	put_be32(b, NFTA_IMMEDIATE_DREG, reg);
	put_value(b, NFTA_IMMEDIATE_DATA, value, n);
	expr_end(b, elem, data);
}

static void translate(struct batch *b, const struct sockaddr_in *to)
{
	struct nlattr *data, *elem;

	load(b, NFT_REG_1, &to->sin_addr, sizeof(to->sin_addr));
	load(b, NFT_REG_2, &to->sin_port, sizeof(to->sin_port));
	elem = expr(b, "nat", &data);
	put_be32(b, NFTA_NAT_TYPE, NFT_NAT_DNAT);
	put_be32(b, NFTA_NAT_FAMILY, NFPROTO_IPV4);
	put_be32(b, NFTA_NAT_REG_ADDR_MIN, NFT_REG_1);
	put_be32(b, NFTA_NAT_REG_PROTO_MIN, NFT_REG_2);
	expr_end(b, elem, data);
}

/* ip daddr 127.0.0.11 PROTOCOL dport 53 dnat to @to */
static void rule(struct batch *b, uint8_t protocol, const struct sockaddr_in *to)
{
	const uint16_t port = htons(DNS_PORT);
	struct nlattr *list;

	table_message(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
	mnl_attr_put_strz(b->head, NFTA_RULE_TABLE, table);
	mnl_attr_put_strz(b->head, NFTA_RULE_CHAIN, chain);
	list = mnl_attr_nest_start(b->head, NFTA_RULE_EXPRESSIONS);
	protocol_is(b, protocol);
	payload_is(b, NFT_PAYLOAD_NETWORK_HEADER, 16, &to->sin_addr, sizeof(to->sin_addr));
	payload_is(b, NFT_PAYLOAD_TRANSPORT_HEADER, 2, &port, sizeof(port));
	translate(b, to);
	mnl_attr_nest_end(b->head, list);
	message_end(b);
}

static void make_table(struct batch *b, uint16_t flags)
{
	table_message(b, NFT_MSG_NEWTABLE, NLM_F_CREATE | flags);
	mnl_attr_put_strz(b->head, NFTA_TABLE_NAME, table);
	message_end(b);
}

/* What an earlier pair of sockets left: deleted with all that is in it, and made anew. */
static void drop_table(struct batch *b)
{
	table_message(b, NFT_MSG_DELTABLE, 0);
	mnl_attr_put_strz(b->head, NFTA_TABLE_NAME, table);
	message_end(b);
}

static void make_chain(struct batch *b)
{
	struct nlattr *hook;

	table_message(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	mnl_attr_put_strz(b->head, NFTA_CHAIN_TABLE, table);
	mnl_attr_put_strz(b->head, NFTA_CHAIN_NAME, chain);
	mnl_attr_put_strz(b->head, NFTA_CHAIN_TYPE, "nat");
	hook = mnl_attr_nest_start(b->head, NFTA_CHAIN_HOOK);
	put_be32(b, NFTA_HOOK_HOOKNUM, NF_INET_LOCAL_OUT);
	put_be32(b, NFTA_HOOK_PRIORITY, (uint32_t)-100); /* where destinations are translated */
	mnl_attr_nest_end(b->head, hook);
	message_end(b);
}

/* @anew: there may be one of an earlier pair of sockets. To delete costs 10 ms, so not without
 * need. */
static void make_batch(struct batch *b, bool anew, const struct sockaddr_in at[static 2])
{
	message(b, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	message_end(b);
	if (anew) {
		make_table(b, 0);
		drop_table(b);
	}
	make_table(b, NLM_F_EXCL);
	make_chain(b);
	rule(b, IPPROTO_UDP, &at[0]);
	rule(b, IPPROTO_TCP, &at[1]);
	/* the kernel answers the last one after all others, or the first that fails */
	b->head->nlmsg_flags |= NLM_F_ACK;
	message(b, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	message_end(b);
}

/* 0 or an errno. */
static int commit(int fd, bool anew, const struct sockaddr_in at[static 2])
{
	struct batch b __attribute__((aligned(4))) = {.seq = 1};
	char answer[ANSWER_MAX] __attribute__((aligned(4)));
	const struct nlmsghdr *head = (const struct nlmsghdr *)answer;
	ssize_t n;

	make_batch(&b, anew, at);
	if (send(fd, b.bytes, b.n, 0) < 0)
		return errno;
	n = recv(fd, answer, sizeof(answer), 0);
	if (n < 0)
		return errno;
	if (!mnl_nlmsg_ok(head, (int)n) || head->nlmsg_type != NLMSG_ERROR)
		return EPROTO;
	return -((const struct nlmsgerr *)mnl_nlmsg_get_payload(head))->error;
}

/* Lead port 53 to @at. UNSUPPORTED where the kernel cannot. */
static int redirect(int netns_fd, const struct sockaddr_in at[static 2], struct berth_error *err)
{
	cleanup_fd int fd = -1;
	int r = netns_socket(netns_fd, AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER, &fd, err);

	if (r < 0)
		return r;
	r = commit(fd, false, at);
	if (r == EEXIST)
		r = commit(fd, true, at);
	if (r == ENOENT || r == EOPNOTSUPP || r == EPROTONOSUPPORT)
		return berth_fail(err, BERTH_E_UNSUPPORTED, "this kernel has no nftables with NAT");
	return r ? berth_fail_errno(err, r, "lead port 53 to the resolver") : 0;
}

/* --- sockets -------------------------------------------------------------- */

/* @port 0: one of the kernel's choice, which *@ret has. */
static int bound(int netns_fd, int type, uint16_t port, int *ret_fd, struct sockaddr_in *ret,
		 struct berth_error *err)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
	socklen_t len = sizeof(at);
	cleanup_fd int fd = -1;
	int r = netns_socket(netns_fd, AF_INET, type, 0, &fd, err);

	if (r < 0)
		return r;
	(void)inet_pton(AF_INET, NAMES_SERVER, &at.sin_addr);
	if (bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0 ||
	    (type == SOCK_STREAM && listen(fd, BACKLOG) < 0) ||
	    getsockname(fd, (struct sockaddr *)&at, &len) < 0)
		return berth_fail_errno(err, errno, "listen on %s in the container", NAMES_SERVER);
	*ret = at;
	*ret_fd = steal_fd(&fd);
	return 0;
}

static int both(int netns_fd, uint16_t port, int fds[static 2], struct sockaddr_in at[static 2],
		struct berth_error *err)
{
	int r = bound(netns_fd, SOCK_DGRAM, port, &fds[0], &at[0], err);

	if (r == 0)
		r = bound(netns_fd, SOCK_STREAM, port, &fds[1], &at[1], err);
	if (r < 0)
		close_fd(&fds[0]);
	return r;
}

int names_sockets(int netns_fd, int ret_fds[static 2], struct berth_error *err)
{
	struct sockaddr_in at[2];
	int fds[2] = {-1, -1};
	int r = both(netns_fd, 0, fds, at, err);

	if (r == 0)
		r = redirect(netns_fd, at, err);
	if (r < 0) {
		close_fd(&fds[0]);
		close_fd(&fds[1]);
	}
	if (r == -BERTH_E_UNSUPPORTED)
		r = both(netns_fd, DNS_PORT, fds, at, err);
	if (r < 0)
		return r;
	ret_fds[0] = fds[0];
	ret_fds[1] = fds[1];
	return 0;
}
