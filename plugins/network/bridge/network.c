/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/str.h"
#include "bridge.h"

#define DEFAULT_NAME "berth0"

enum { TRIES = 100 };

int bridge_route_socket(struct berth_network *net, int netns, int *ret_fd, struct berth_error *err)
{
	return net->host->socket_in(net->host, netns, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
				    NETLINK_ROUTE, ret_fd, err);
}

/* The one that is kept, if it is this process's; -1: none. */
static int take_spare(struct berth_network *net)
{
	uint64_t spare = __atomic_exchange_n(&net->spare_nft, BRIDGE_NO_SPARE, __ATOMIC_ACQ_REL);
	int fd = (int)(uint32_t)spare;

	if (spare == BRIDGE_NO_SPARE)
		return -1;
	if (spare >> 32 == (uint32_t)getpid())
		return fd;
	(void)close(fd);
	return -1;
}

int bridge_nft_borrow(struct berth_network *net, struct bridge_nft *ret, struct berth_error *err)
{
	int fd = take_spare(net), r = 0;

	if (fd < 0)
		r = net->host->socket_in(net->host, -1, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
					 NETLINK_NETFILTER, &fd, err);
	*ret = (struct bridge_nft){.net = net, .fd = r < 0 ? -1 : fd};
	return r;
}

void bridge_nft_return(struct bridge_nft *nft)
{
	uint64_t none = BRIDGE_NO_SPARE, spare = (uint64_t)getpid() << 32 | (uint32_t)nft->fd;

	if (nft->fd >= 0 &&
	    (!nft->clean || !__atomic_compare_exchange_n(&nft->net->spare_nft, &none, spare, false,
							 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)))
		(void)close(nft->fd);
	nft->fd = -1;
}

void bridge_nft_drop(struct berth_network *net)
{
	int fd = take_spare(net);

	close_fd(&fd);
}

/* --- names ---------------------------------------------------------------- */

bool bridge_is_id(const char *s)
{
	size_t n = s ? strspn(s, "0123456789abcdefghijklmnopqrstuvwxyz_.:-") : 0;

	return s && n > 0 && n <= 128 && s[n] == '\0' && !strchr("_.:-", *s);
}

static bool is_interface_name(const char *s)
{
	size_t n = strlen(s);

	return n > 0 && n < IFNAMSIZ && strcspn(s, "/ \t\n:") == n && !str_eq(s, ".") &&
	       !str_eq(s, "..");
}

int bridge_net_of(struct berth_network *net, const struct berth_net_desc *desc,
		  struct bridge_net *ret, struct berth_error *err)
{
	const struct berth_host *host = net->host;
	const char *name = desc->conf ? host->conf_str(desc->conf, "name") : NULL;

	*ret = (struct bridge_net){
		.internal = desc->flags & BERTH_NETWORK_INTERNAL,
		.isolate = !(desc->flags & BERTH_NETWORK_NO_ISOLATE),
		.masquerade = !desc->conf || host->conf_bool(desc->conf, "masquerade"),
		.icc = !desc->conf || host->conf_bool(desc->conf, "icc"),
	};
	if (!bridge_is_id(desc->id))
		return berth_fail(err, BERTH_E_INVALID, "'%.64s' is no id of a network",
				  desc->id ? desc->id : "");
	if (name && *name && !is_interface_name(name))
		return berth_fail(err, BERTH_E_INVALID,
				  "'%.40s' is no name for an interface (at most %d characters)",
				  name, IFNAMSIZ - 1);
	if (name && *name)
		(void)snprintf(ret->name, sizeof(ret->name), "%s", name);
	else if (desc->flags & BERTH_NETWORK_DEFAULT)
		(void)snprintf(ret->name, sizeof(ret->name), "%s", DEFAULT_NAME);
	else
		(void)snprintf(ret->name, sizeof(ret->name), "br-%.12s", desc->id);
	(void)snprintf(ret->alias, sizeof(ret->alias), LINK_ALIAS_NETWORK "%s", desc->id);
	return 0;
}

/* --- create --------------------------------------------------------------- */

static bool has_v6(const struct berth_net_desc *desc)
{
	for (uint32_t i = 0; i < desc->n_subnet; i++)
		if (desc->subnet[i].net.family == BERTH_IPV6)
			return true;
	return false;
}

static int check_subnets(const struct berth_net_desc *desc, struct berth_error *err)
{
	for (uint32_t i = 0; i < desc->n_subnet; i++) {
		const struct berth_subnet *s = &desc->subnet[i];
		unsigned most = s->net.family == BERTH_IPV4 ? 32 : 128;

		if ((s->net.family != BERTH_IPV4 && s->net.family != BERTH_IPV6) ||
		    s->net.prefix > most ||
		    (s->gateway.family && s->gateway.family != s->net.family))
			return berth_fail(err, BERTH_E_INVALID,
					  "subnet %u of the network makes no sense", i);
	}
	return 0;
}

static int make_bridge(const struct bridge_net *n, const struct berth_net_desc *desc, int fd,
		       struct berth_error *err)
{
	cleanup_link_batch struct link_batch *b = NULL;
	struct link_change change = {.name = n->name, .alias = n->alias, .up = true};
	uint8_t mac[6];
	int r;

	if (getrandom(mac, sizeof(mac), 0) != sizeof(mac))
		return berth_fail_errno(err, errno, "get random bytes");
	mac[0] = (uint8_t)((mac[0] & 0xfc) | 0x02); /* of this machine's own making, for one */
	r = link_batch_new(&b, err);
	if (r < 0)
		return r;
	link_add_bridge(b, n->name, mac, desc->mtu);
	link_change(b, &change);
	return link_run(b, fd, err);
}

/* The bridge, ours, with its index. A new one if there is none. */
static int find_or_make(const struct bridge_net *n, const struct berth_net_desc *desc, int fd,
			struct link *ret, struct berth_error *err)
{
	const struct timespec pause = {.tv_nsec = 2 * 1000000L};
	int r;

	/* another process may be making it now: it has no alias for a moment, or comes first */
	for (int i = 0; i < TRIES; i++) {
		struct berth_error why = {0};

		r = link_find(fd, n->name, ret, &why);
		if (r == -BERTH_E_NOT_FOUND) {
			r = make_bridge(n, desc, fd, &why);
			if (r == 0 || r == -BERTH_E_EXISTS)
				continue;
		}
		if (r < 0) {
			if (err)
				*err = why;
			return r;
		}
		if (!str_eq(ret->kind, "bridge") || (*ret->alias && !str_eq(ret->alias, n->alias)))
			break;
		if (*ret->alias)
			return 0;
		(void)nanosleep(&pause, NULL);
	}
	r = berth_fail(err, BERTH_E_EXISTS, "there is an interface '%s' already, which is not ours",
		       n->name);
	berth_error_hint(err, "give the bridge another name: -o name=NAME");
	return r;
}

/*
 * An address that the bridge has, which it should not have, is taken away. The first time that it
 * gets its own, nobody else may have come to be in the same subnet: packets would go there.
 */
struct extra {
	const struct berth_net_desc *desc;
	struct link_batch *b;
	int index;
	bool has_its_own;
	int rival; /* an interface in one of our subnets; 0: none */
	uint32_t rival_of;
};

static bool is_gateway(const struct berth_net_desc *desc, const struct berth_addr *addr)
{
	for (uint32_t i = 0; i < desc->n_subnet; i++) {
		const struct berth_addr *gw = &desc->subnet[i].gateway;

		if (gw->family == addr->family && desc->subnet[i].net.prefix == addr->prefix &&
		    memcmp(gw->ip, addr->ip, gw->family == BERTH_IPV4 ? 4 : 16) == 0)
			return true;
	}
	return false;
}

static bool begin_alike(const uint8_t a[16], const uint8_t b[16], unsigned bits)
{
	unsigned bytes = bits / 8, rest = bits % 8;

	return memcmp(a, b, bytes) == 0 &&
	       (rest == 0 || ((a[bytes] ^ b[bytes]) & (0xff00u >> rest) & 0xff) == 0);
}

/* A larger subnet around ours leaves us ours, and a single address is no subnet. */
static void look_for_rivals(struct extra *e, int index, const struct berth_addr *addr)
{
	for (uint32_t i = 0; i < e->desc->n_subnet; i++) {
		const struct berth_addr *net = &e->desc->subnet[i].net;

		if (net->family != addr->family || addr->prefix < net->prefix ||
		    addr->prefix == (addr->family == BERTH_IPV4 ? 32 : 128) ||
		    !begin_alike(net->ip, addr->ip, net->prefix))
			continue;
		e->rival = index;
		e->rival_of = i;
	}
}

static int take_extra(void *arg, int index, const struct berth_addr *addr)
{
	struct extra *e = arg;

	if (index != e->index)
		look_for_rivals(e, index, addr);
	else if (is_gateway(e->desc, addr))
		e->has_its_own = true;
	else
		link_delete_address(e->b, index, addr);
	return 0;
}

static int count_port(void *arg, const struct link *link)
{
	return link->master == *(const int *)arg ? 1 : 0;
}

/* 1: no, containers are connected. */
static int delete_bridge(const struct link *bridge, int fd, struct berth_error *err)
{
	cleanup_link_batch struct link_batch *b = NULL;
	int index = bridge->index;
	int r = link_each(fd, count_port, &index, err);

	if (r == 0)
		r = link_batch_new(&b, err);
	if (r != 0)
		return r;
	link_delete(b, bridge->name, true);
	return link_run(b, fd, err);
}

static int refuse_rival(const struct extra *e, const struct link *bridge, int fd,
			struct berth_error *err)
{
	char name[IFNAMSIZ] = "?";

	(void)delete_bridge(bridge, fd, NULL); /* without its address it is of no use */
	(void)if_indextoname((unsigned)e->rival, name);
	(void)berth_fail(err, BERTH_E_EXISTS,
			 "subnet %s of network '%s' is on interface '%s' of this machine by now",
			 link_addr_text(&e->desc->subnet[e->rival_of].net, true), e->desc->name,
			 name);
	berth_error_hint(err, "give one of them another subnet");
	return -BERTH_E_EXISTS;
}

static int give_addresses(const struct berth_net_desc *desc, int fd, const struct link *bridge,
			  struct berth_error *err)
{
	cleanup_link_batch struct link_batch *b = NULL;
	struct extra extra = {.desc = desc, .index = bridge->index};
	int r = link_batch_new(&b, err);

	if (r < 0)
		return r;
	extra.b = b;
	r = link_each_address(fd, take_extra, &extra, err);
	if (r == 0 && extra.rival && !extra.has_its_own)
		r = refuse_rival(&extra, bridge, fd, err);
	for (uint32_t i = 0; i < desc->n_subnet; i++) {
		struct berth_addr addr = desc->subnet[i].gateway;

		addr.prefix = desc->subnet[i].net.prefix;
		if (addr.family)
			link_add_address(b, bridge->index, &addr);
	}
	if (r == 0 && (!bridge->up || (desc->mtu && desc->mtu != bridge->mtu)))
		link_change(b, &(struct link_change){
				       .index = bridge->index, .up = true, .mtu = desc->mtu});
	return r < 0 ? r : link_run(b, fd, err);
}

static int put_rules(struct berth_network *net, const struct bridge_net *n,
		     const struct berth_net_desc *desc, struct berth_error *err)
{
	struct berth_error why = {0};
	struct nft b;
	bool there;
	int r = rules_are_there(net, &there, err);

	if (r < 0)
		return r;
	nft_begin(&b);
	if (!there)
		rules_table(&b, false);
	rules_network(&b, n, desc);
	r = rules_commit(net, &b, "make the rules", &why);
	if (r < 0 && !there && why.sys_errno == EEXIST) {
		/* another process made the table at the same moment */
		nft_begin(&b);
		rules_network(&b, n, desc);
		r = rules_commit(net, &b, "make the rules", &why);
	}
	if (r < 0 && err)
		*err = why;
	return r;
}

int bridge_create(struct berth_network *net, const struct berth_net_desc *desc,
		  struct berth_sink *state, struct berth_error *err)
{
	struct bridge_net n;
	struct link bridge;
	cleanup_fd int fd = -1;
	int r = bridge_net_of(net, desc, &n, err);

	(void)state;
	if (r == 0)
		r = check_subnets(desc, err);
	if (r == 0)
		r = bridge_route_socket(net, -1, &fd, err);
	if (r == 0)
		r = find_or_make(&n, desc, fd, &bridge, err);
	if (r == 0)
		r = give_addresses(desc, fd, &bridge, err);
	if (r == 0)
		r = host_prepare(n.name, has_v6(desc), err);
	return r < 0 ? r : put_rules(net, &n, desc, err);
}

/* --- remove --------------------------------------------------------------- */

int bridge_remove(struct berth_network *net, const struct berth_net_desc *desc,
		  struct berth_error *err)
{
	cleanup_fd int fd = -1;
	struct bridge_net n;
	struct link bridge;
	int r = bridge_net_of(net, desc, &n, err);

	if (r == 0)
		r = bridge_route_socket(net, -1, &fd, err);
	if (r < 0)
		return r;
	r = link_find(fd, n.name, &bridge, err);
	if (r == 0 && str_eq(bridge.alias, n.alias)) {
		r = delete_bridge(&bridge, fd, err);
		if (r > 0)
			return berth_fail(err, BERTH_E_BUSY,
					  "containers are connected to network '%s'", desc->name);
	} else if (r == 0 || r == -BERTH_E_NOT_FOUND) {
		r = 0; /* no bridge, or one of somebody else's by now */
	}
	if (r == 0)
		rules_forget(net, &n, desc);
	return r;
}
