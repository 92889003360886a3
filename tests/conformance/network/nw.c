/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conformance/network/nw.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <ifaddrs.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <net/route.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <time.h>

bool nw_can(uint64_t caps)
{
	return (suite_driver()->caps & caps) == caps;
}

/* What the driver's own probe says that it lacks. */
static const char *lacks(void)
{
	static char why[256];
	struct berth_sink findings = {.limit = 65536};
	const struct berth_driver *head = suite_driver();
	int dir = ck_dir();

	why[0] = '\0';
	if (head->probe && head->probe(lent_host(), suite_conf(NULL), dir, &findings, NULL) == 0)
		for (size_t i = 0; i < record_len(findings.findings) && !*why; i++) {
			const struct record *f = record_at(findings.findings, i);

			if (record_int_or(record_get(f, "level"), 0) == BERTH_FINDING_ERROR)
				(void)snprintf(why, sizeof(why), "%s",
					       record_str_or(record_get(f, "text"), "?"));
		}
	lent_sink_done(&findings);
	ck_assert_int_eq(close(dir), 0);
	return *why ? why : NULL;
}

void nw_needs_attach(void)
{
	const char *why = lacks();

	if (why)
		suite_skip("%s", why);
	if (nw_can(BERTH_NET_NO_NETNS))
		suite_skip("containers share the host's namespace (capability 'no-netns')");
}

void nw_needs_real(void)
{
	if (!suite_trait_is("real", "yes"))
		suite_skip("the driver touches no interface (trait real)");
}

void nw_needs_v4(void)
{
	nw_needs_attach();
	nw_needs_real();
	suite_needs(BERTH_NET_V4, "capability 'v4'");
	if (nw_can(BERTH_NET_IPAM))
		suite_skip("addresses are the driver's choice (capability 'ipam')");
}

/* ------------------------------------------------------------------------------- namespaces */

static int this_netns(void)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

/* Go there; where we were. */
static int enter(int netns)
{
	int old = this_netns();

	ck_assert_int_eq(setns(netns, CLONE_NEWNET), 0);
	return old;
}

static void leave(int old)
{
	ck_assert_int_eq(setns(old, CLONE_NEWNET), 0);
	ck_assert_int_eq(close(old), 0);
}

static int new_netns(void)
{
	int old = this_netns();
	int fresh;

	ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
	fresh = this_netns();
	leave(old);
	return fresh;
}

int nw_socket_in(int netns, int family, int type)
{
	int old = enter(netns);
	int fd = socket(family, type | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	leave(old);
	return fd;
}

/* ---------------------------------------------------------------------------------- netlink */

struct request {
	struct nlmsghdr h;
	struct ifinfomsg ifi;
	char room[512];
};

static struct rtattr *put(struct nlmsghdr *h, int type, const void *data, size_t n)
{
	struct rtattr *a = (void *)((char *)h + NLMSG_ALIGN(h->nlmsg_len));

	a->rta_type = (unsigned short)type;
	a->rta_len = (unsigned short)RTA_LENGTH(n);
	if (n > 0)
		memcpy(RTA_DATA(a), data, n);
	h->nlmsg_len = NLMSG_ALIGN(h->nlmsg_len) + (uint32_t)RTA_ALIGN(a->rta_len);
	return a;
}

static void end_nest(struct nlmsghdr *h, struct rtattr *a)
{
	a->rta_len = (unsigned short)((char *)h + h->nlmsg_len - (char *)a);
}

/* 0 or -errno. */
static int talk(struct nlmsghdr *h)
{
	struct {
		struct nlmsghdr h;
		struct nlmsgerr e;
		char rest[1024];
	} answer;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	ck_assert_int_ge(fd, 0);
	h->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	ck_assert_int_eq(send(fd, h, h->nlmsg_len, 0), (ssize_t)h->nlmsg_len);
	ck_assert_int_gt(recv(fd, &answer, sizeof(answer), 0), 0);
	ck_assert_int_eq(close(fd), 0);
	ck_assert_int_eq(answer.h.nlmsg_type, NLMSG_ERROR);
	return answer.e.error;
}

static struct request new_link(void)
{
	return (struct request){
		.h = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
		      .nlmsg_type = RTM_NEWLINK,
		      .nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL},
	};
}

/* A cable from here (@name) to another namespace (@peer). */
static void make_veth(const char *name, const char *peer, int netns)
{
	struct request q = new_link();
	struct ifinfomsg none = {0};
	struct rtattr *info;
	struct rtattr *data;
	struct rtattr *other;
	uint32_t fd = (uint32_t)netns;

	(void)put(&q.h, IFLA_IFNAME, name, strlen(name) + 1);
	info = put(&q.h, IFLA_LINKINFO, NULL, 0);
	(void)put(&q.h, IFLA_INFO_KIND, "veth", 4);
	data = put(&q.h, IFLA_INFO_DATA, NULL, 0);
	other = put(&q.h, VETH_INFO_PEER, &none, sizeof(none));
	(void)put(&q.h, IFLA_IFNAME, peer, strlen(peer) + 1);
	(void)put(&q.h, IFLA_NET_NS_FD, &fd, sizeof(fd));
	end_nest(&q.h, other);
	end_nest(&q.h, data);
	end_nest(&q.h, info);
	ck_assert_int_eq(talk(&q.h), 0);
}

void nw_make_dummy(int netns, const char *name)
{
	struct request q = new_link();
	int old = enter(netns);
	struct rtattr *info;
	int r;

	(void)put(&q.h, IFLA_IFNAME, name, strlen(name) + 1);
	info = put(&q.h, IFLA_LINKINFO, NULL, 0);
	(void)put(&q.h, IFLA_INFO_KIND, "bridge", 6);
	end_nest(&q.h, info);
	r = talk(&q.h);
	leave(old);
	ck_assert_int_eq(r, 0);
}

void nw_delete_links(void)
{
	struct if_nameindex *all = if_nameindex();

	for (struct if_nameindex *i = all; i && i->if_name; i++) {
		struct request q = {
			.h = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
			      .nlmsg_type = RTM_DELLINK},
			.ifi = {.ifi_index = (int)i->if_index},
		};

		if (!str_eq(i->if_name, "lo") && !str_eq(i->if_name, suite_trait("uplink")))
			(void)talk(&q.h); /* the other end may have gone with its peer */
	}
	if_freenameindex(all);
}

/* --------------------------------------------------------------------------------- addresses */

struct berth_addr nw_addr(const char *text, uint8_t prefix)
{
	struct berth_addr a = {.family = strchr(text, ':') ? BERTH_IPV6 : BERTH_IPV4,
			       .prefix = prefix};

	ck_assert_int_eq(inet_pton(a.family == BERTH_IPV6 ? AF_INET6 : AF_INET, text, a.ip), 1);
	return a;
}

/* @name may be a label of an interface for a further IPv4 address: "out0:1". */
static void bring_up(const char *name, const char *v4, const char *v6)
{
	cleanup_free char *plain = strndup(name, strcspn(name, ":"));
	struct berth_addr four = nw_addr(v4, 24);
	struct berth_addr six = nw_addr(v6, 64);
	struct ifreq ifr = {0};
	struct {
		struct in6_addr addr;
		uint32_t prefix;
		int index;
	} ifr6 = {.prefix = 64, .index = (int)if_nametoindex(plain)};
	struct sockaddr_in sin = {.sin_family = AF_INET};
	int fd4 = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int fd6 = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", plain);
	ifr.ifr_flags = IFF_UP;
	ck_assert_int_eq(ioctl(fd4, SIOCSIFFLAGS, &ifr), 0);
	(void)snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	memcpy(&sin.sin_addr, four.ip, 4);
	memcpy(&ifr.ifr_addr, &sin, sizeof(sin));
	ck_assert_int_eq(ioctl(fd4, SIOCSIFADDR, &ifr), 0);
	sin.sin_addr.s_addr = htonl(0xffffff00);
	memcpy(&ifr.ifr_netmask, &sin, sizeof(sin));
	ck_assert_int_eq(ioctl(fd4, SIOCSIFNETMASK, &ifr), 0);
	memcpy(&ifr6.addr, six.ip, 16);
	if (fd6 >= 0)
		(void)ioctl(fd6, SIOCSIFADDR, &ifr6); /* a kernel without IPv6 */
	ck_assert_int_eq(close(fd4), 0);
	close_fd(&fd6);
}

static void lo_up(void)
{
	struct ifreq ifr = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(ioctl(fd, SIOCSIFFLAGS, &ifr), 0);
	ck_assert_int_eq(close(fd), 0);
}

static void default_routes(const char *v4, const char *v6, const char *name)
{
	struct rtentry four = {.rt_flags = RTF_UP | RTF_GATEWAY};
	struct in6_rtmsg six = {.rtmsg_flags = RTF_UP | RTF_GATEWAY,
				.rtmsg_metric = 1,
				.rtmsg_ifindex = (int)if_nametoindex(name)};
	struct sockaddr_in sin = {.sin_family = AF_INET};
	struct berth_addr gw = nw_addr(v4, 32);
	int fd4 = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int fd6 = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memcpy(&four.rt_dst, &sin, sizeof(sin));
	memcpy(&four.rt_genmask, &sin, sizeof(sin));
	memcpy(&sin.sin_addr, gw.ip, 4);
	memcpy(&four.rt_gateway, &sin, sizeof(sin));
	ck_assert_int_eq(ioctl(fd4, SIOCADDRT, &four), 0);
	gw = nw_addr(v6, 128);
	memcpy(&six.rtmsg_gateway, gw.ip, 16);
	if (fd6 >= 0)
		(void)ioctl(fd6, SIOCADDRT, &six);
	ck_assert_int_eq(close(fd4), 0);
	close_fd(&fd6);
}

static void write_sysctl(const char *path, const char *text)
{
	cleanup_fd int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		(void)!write(fd, text, strlen(text));
}

/* ------------------------------------------------------------------------------------- looks */

static void add_file(struct str *out, const char *path, const char *what)
{
	FILE *f = fopen(path, "re");
	char line[512];

	while (f && fgets(line, sizeof(line), f)) {
		/* routes of the kernel's own making come and go with the state of links */
		if (!strstr(line, " lo\n") && !strstr(line, "Iface"))
			str_addf(out, "%s %.60s\n", what, line);
	}
	if (f)
		(void)fclose(f);
}

static void add_addresses(struct str *out)
{
	struct ifaddrs *all = NULL;

	ck_assert_int_eq(getifaddrs(&all), 0);
	for (struct ifaddrs *a = all; a; a = a->ifa_next) {
		char text[INET6_ADDRSTRLEN] = "";

		if (a->ifa_addr && a->ifa_addr->sa_family == AF_INET)
			(void)inet_ntop(AF_INET, &((struct sockaddr_in *)a->ifa_addr)->sin_addr,
					text, sizeof(text));
		if (a->ifa_addr && a->ifa_addr->sa_family == AF_INET6)
			(void)inet_ntop(AF_INET6, &((struct sockaddr_in6 *)a->ifa_addr)->sin6_addr,
					text, sizeof(text));
		if (text[0] && !str_has_prefix(text, "fe80:"))
			str_addf(out, "address %s %s\n", a->ifa_name, text);
	}
	freeifaddrs(all);
}

const char *nw_looks(int netns)
{
	static struct str text[2];
	static unsigned turn;
	struct str *out = &text[turn++ % 2];
	int old = enter(netns);
	struct if_nameindex *all = if_nameindex();

	str_clear(out);
	for (struct if_nameindex *i = all; i && i->if_name; i++)
		str_addf(out, "link %s %s\n", i->if_name,
			 nw_is_up(netns, i->if_name) ? "up" : "down");
	if_freenameindex(all);
	add_addresses(out);
	add_file(out, "/proc/thread-self/net/route", "route");
	leave(old);
	return str_text(out);
}

const char *nw_why(void)
{
	return err.text;
}

int nw_hear(void *arg, const char *id)
{
	str_addf(arg, "%s\n", id);
	return 0;
}

uint64_t nw_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void nw_ck_looks(int netns, const char *before)
{
	uint64_t end = nw_now() + 3000;

	while (!str_eq(nw_looks(netns), before) && nw_now() < end)
		(void)usleep(20000);
	ck_assert_str_eq(nw_looks(netns), before);
}

unsigned nw_links(int netns)
{
	int old = enter(netns);
	struct if_nameindex *all = if_nameindex();
	unsigned n = 0;

	for (struct if_nameindex *i = all; i && i->if_name; i++)
		n += !str_eq(i->if_name, "lo");
	if_freenameindex(all);
	leave(old);
	return n;
}

static struct ifreq look_at(int netns, const char *ifname, unsigned long request, bool *ok)
{
	struct ifreq ifr = {0};
	int fd = nw_socket_in(netns, AF_INET, SOCK_DGRAM);

	(void)snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
	*ok = ioctl(fd, request, &ifr) == 0;
	ck_assert_int_eq(close(fd), 0);
	return ifr;
}

bool nw_is_up(int netns, const char *ifname)
{
	bool ok;
	struct ifreq ifr = look_at(netns, ifname, SIOCGIFFLAGS, &ok);

	return ok && ifr.ifr_flags & IFF_UP;
}

bool nw_has_addr(int netns, const char *ifname, const struct berth_addr *addr)
{
	int old = enter(netns);
	struct ifaddrs *all = NULL;
	bool found = false;

	ck_assert_int_eq(getifaddrs(&all), 0);
	for (struct ifaddrs *a = all; a; a = a->ifa_next) {
		if (!a->ifa_addr || !a->ifa_netmask || !str_eq(a->ifa_name, ifname))
			continue;
		if (addr->family == BERTH_IPV4 && a->ifa_addr->sa_family == AF_INET)
			found |= memcmp(&((struct sockaddr_in *)a->ifa_addr)->sin_addr, addr->ip,
					4) == 0 &&
				 ntohl(((struct sockaddr_in *)a->ifa_netmask)->sin_addr.s_addr) ==
					 (uint32_t)(UINT64_C(0xffffffff) << (32 - addr->prefix));
		if (addr->family == BERTH_IPV6 && a->ifa_addr->sa_family == AF_INET6)
			found |= memcmp(&((struct sockaddr_in6 *)a->ifa_addr)->sin6_addr, addr->ip,
					16) == 0;
	}
	freeifaddrs(all);
	leave(old);
	return found;
}

/* --------------------------------------------------------------------------------------- nft */

struct nft {
	void *(*ctx_new)(uint32_t flags);
	int (*buffer_output)(void *ctx);
	int (*buffer_error)(void *ctx);
	void (*set_flags)(void *ctx, unsigned flags);
	int (*run)(void *ctx, const char *commands);
	const char *(*output)(void *ctx);
	void (*ctx_free)(void *ctx);
};

enum { NFT_STATELESS = 1 << 2 };

static bool load_nft(struct nft *nft)
{
	void *lib = dlopen("libnftables.so.1", RTLD_NOW | RTLD_LOCAL);

	if (!lib)
		return false;
	*(void **)&nft->ctx_new = dlsym(lib, "nft_ctx_new");
	*(void **)&nft->buffer_output = dlsym(lib, "nft_ctx_buffer_output");
	*(void **)&nft->buffer_error = dlsym(lib, "nft_ctx_buffer_error");
	*(void **)&nft->set_flags = dlsym(lib, "nft_ctx_output_set_flags");
	*(void **)&nft->run = dlsym(lib, "nft_run_cmd_from_buffer");
	*(void **)&nft->output = dlsym(lib, "nft_ctx_get_output_buffer");
	*(void **)&nft->ctx_free = dlsym(lib, "nft_ctx_free");
	return nft->ctx_new && nft->run && nft->output;
}

static bool run_nft(const char *commands, struct str *out)
{
	struct nft nft;
	void *ctx;
	bool ok;

	if (!load_nft(&nft))
		return false;
	ctx = nft.ctx_new(0);
	ck_assert_ptr_nonnull(ctx);
	(void)nft.buffer_output(ctx);
	(void)nft.buffer_error(ctx);
	nft.set_flags(ctx, NFT_STATELESS);
	ok = nft.run(ctx, commands) == 0;
	if (ok && out)
		str_add(out, nft.output(ctx));
	nft.ctx_free(ctx);
	return ok;
}

bool nw_nft(const char *commands)
{
	return run_nft(commands, NULL);
}

const char *nw_rules(void)
{
	static struct str text;

	str_clear(&text);
	return run_nft("list ruleset", &text) ? str_text(&text) : NULL;
}

/* ------------------------------------------------------------------------------ the machine */

static void open_instance(struct nw *m)
{
	void *instance = NULL;

	m->head = suite_driver();
	m->ops = m->head->ops;
	ck_ok(m->head->open(lent_host(), suite_conf(NULL), m->statefd, &instance, &err));
	m->net = instance;
}

void nw_open(struct nw *m)
{
	const char *up = suite_trait("uplink");
	int old;

	*m = (struct nw){.statefd = ck_dir()};
	ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
	suite_moved();
	m->machine = this_netns();
	m->outside = new_netns();
	lo_up();
	make_veth(up, "out0", m->outside);
	bring_up(up, "192.0.2.1", "2001:db8:1::1");
	old = enter(m->outside);
	lo_up();
	bring_up("out0", "192.0.2.2", "2001:db8:1::2");
	default_routes("192.0.2.1", "2001:db8:1::1", "out0");
	leave(old);
	default_routes("192.0.2.2", "2001:db8:1::2", up);
	write_sysctl("/proc/sys/net/ipv4/ip_forward", "1");
	write_sysctl("/proc/sys/net/ipv6/conf/all/forwarding", "1");
	open_instance(m);
}

void nw_open_again(const struct nw *m, struct nw *again)
{
	*again = *m;
	again->statefd = fcntl(m->statefd, F_DUPFD_CLOEXEC, 3);
	again->machine = fcntl(m->machine, F_DUPFD_CLOEXEC, 3);
	again->outside = fcntl(m->outside, F_DUPFD_CLOEXEC, 3);
	open_instance(again);
}

void nw_close(struct nw *m)
{
	m->head->close(m->net);
	ck_assert_int_eq(close(m->statefd), 0);
	ck_assert_int_eq(close(m->machine), 0);
	ck_assert_int_eq(close(m->outside), 0);
}

static void fill_id(char id[static 65], unsigned a, unsigned b)
{
	(void)snprintf(id, 65, "%08x%08x%048x", 0xbe54000u + a, b, 7u);
}

void nw_wire(struct wire *w, unsigned n)
{
	static const char *const names[] = {"suite0", "suite1", "suite2", "suite3"};
	char text[64];

	*w = (struct wire){.n = n, .state = {.limit = 65536}};
	fill_id(w->id, n, 0);
	w->desc = (struct berth_net_desc){
		.size = sizeof(w->desc),
		.id = w->id,
		.name = names[n % 4],
		.subnet = w->subnet,
		.conf = suite_conf(NULL),
	};
	if (nw_can(BERTH_NET_IPAM))
		return;
	if (nw_can(BERTH_NET_V4)) {
		(void)snprintf(text, sizeof(text), "10.231.%u.0", n);
		w->subnet[w->desc.n_subnet].net = nw_addr(text, 24);
		(void)snprintf(text, sizeof(text), "10.231.%u.1", n);
		w->subnet[w->desc.n_subnet++].gateway = nw_addr(text, 24);
	}
	if (nw_can(BERTH_NET_V6)) {
		w->desc.flags |= BERTH_NETWORK_V6;
		(void)snprintf(text, sizeof(text), "fd00:231:%x::", n);
		w->subnet[w->desc.n_subnet].net = nw_addr(text, 64);
		(void)snprintf(text, sizeof(text), "fd00:231:%x::1", n);
		w->subnet[w->desc.n_subnet++].gateway = nw_addr(text, 64);
	}
}

static void keep_state(struct berth_sink *sink, struct berth_str *state)
{
	*state = (struct berth_str){str_text(&sink->text), sink->text.len};
}

/* Where containers are neighbours of the outside, that is where their gateways are. */
static void outside_gateways(const struct nw *m, const struct wire *w)
{
	char v4[64], v6[64], label[16];
	int old;

	if (!suite_trait_is("machine", "apart"))
		return;
	old = enter(m->outside);
	(void)snprintf(v4, sizeof(v4), "10.231.%u.1", w->n);
	(void)snprintf(v6, sizeof(v6), "fd00:231:%x::1", w->n);
	(void)snprintf(label, sizeof(label), "out0:%u", w->n);
	bring_up(label, v4, v6);
	leave(old);
}

int nw_create(const struct nw *m, struct wire *w)
{
	int r;

	outside_gateways(m, w);

	str_clear(&w->state.text);
	r = m->ops->create(m->net, &w->desc, &w->state, &err);
	keep_state(&w->state, &w->desc.state);
	return r;
}

int nw_remove(const struct nw *m, const struct wire *w)
{
	return m->ops->remove(m->net, &w->desc, &err);
}

void nw_box(struct box *b, const struct wire *w, unsigned n)
{
	char text[64];

	*b = (struct box){.netns = new_netns(),
			  .state = {.limit = 65536},
			  .got = {.size = sizeof(b->got), .helper_pidfd = -1}};
	fill_id(b->id, w->n, n);
	b->ep = (struct berth_endpoint){
		.size = sizeof(b->ep),
		.id = b->id,
		.network = w->id,
		.container = b->id,
		.hostname = "box",
		.ifname = "eth0",
		.addr = b->addr,
		.port = b->port,
		.port_stride = sizeof(b->port[0]),
		.route = b->route,
		.netns_fd = b->netns,
	};
	if (nw_can(BERTH_NET_IPAM))
		return;
	if (nw_can(BERTH_NET_V4)) {
		(void)snprintf(text, sizeof(text), "10.231.%u.%u", w->n, n + 1);
		b->addr[b->ep.n_addr++] = nw_addr(text, 24);
	}
	if (nw_can(BERTH_NET_V6)) {
		(void)snprintf(text, sizeof(text), "fd00:231:%x::%x", w->n, n + 1);
		b->addr[b->ep.n_addr++] = nw_addr(text, 64);
	}
}

int nw_attach(const struct nw *m, const struct wire *w, struct box *b)
{
	int r;

	str_clear(&b->state.text);
	r = m->ops->attach(m->net, &w->desc, &b->ep, NULL, &b->state, &b->got, &err);
	if (r == 0)
		keep_state(&b->state, &b->ep.state);
	return r;
}

int nw_detach(const struct nw *m, const struct wire *w, const struct box *b)
{
	return m->ops->detach(m->net, &w->desc, &b->ep, &err);
}

int nw_publish(const struct nw *m, const struct wire *w, const struct box *b)
{
	return m->ops->publish(m->net, &w->desc, &b->ep, &err);
}

void nw_port(struct box *b, uint16_t outside, uint16_t inside, uint8_t proto, uint8_t family)
{
	b->port[b->ep.n_port++] = (struct berth_port){
		.size = sizeof(struct berth_port),
		.inside = inside,
		.outside = outside,
		.count = 1,
		.proto = proto,
		.host = {.family = family},
	};
}

void nw_end_box(struct box *b)
{
	close_fd(&b->netns);
	close_fd(&b->got.helper_pidfd);
	b->ep.netns_fd = -1;
	lent_sink_done(&b->state);
	b->ep.state = (struct berth_str){0};
}

int nw_reconcile(const struct nw *m, struct wire *w, uint32_t n_w, struct box *b, uint32_t n_b)
{
	return m->ops->reconcile(m->net, &w->desc, n_w, sizeof(*w), &b->ep, n_b, sizeof(*b), &err);
}

void nw_one(struct nw *m, struct wire *w, struct box *b)
{
	nw_open(m);
	nw_wire(w, 1);
	ck_ok(nw_create(m, w));
	nw_box(b, w, 1);
	ck_ok(nw_attach(m, w, b));
}

void nw_none(struct nw *m, struct wire *w, struct box *b)
{
	ck_ok(nw_detach(m, w, b));
	nw_end_box(b);
	ck_ok(nw_remove(m, w));
	lent_sink_done(&w->state);
	nw_close(m);
}

/* --------------------------------------------------------------------------------- reaching */

const char *nw_ip(const struct box *b, unsigned i)
{
	static char text[4][INET6_ADDRSTRLEN];
	static unsigned turn;
	char *out = text[turn++ % 4];

	ck_assert_uint_lt(i, b->ep.n_addr);
	(void)inet_ntop(b->addr[i].family == BERTH_IPV6 ? AF_INET6 : AF_INET, b->addr[i].ip, out,
			INET6_ADDRSTRLEN);
	return out;
}

static socklen_t sockaddr_of(const char *ip, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in *four = (void *)out;
	struct sockaddr_in6 *six = (void *)out;

	memset(out, 0, sizeof(*out));
	if (!strchr(ip, ':')) {
		four->sin_family = AF_INET;
		four->sin_port = htons(port);
		ck_assert_int_eq(inet_pton(AF_INET, ip, &four->sin_addr), 1);
		return sizeof(*four);
	}
	six->sin6_family = AF_INET6;
	six->sin6_port = htons(port);
	ck_assert_int_eq(inet_pton(AF_INET6, ip, &six->sin6_addr), 1);
	return sizeof(*six);
}

enum { PATIENCE_MS = 300 };

static bool ready(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	return poll(&p, 1, PATIENCE_MS) == 1 && p.revents & events;
}

static void name_peer(const struct sockaddr_storage *from, char *peer)
{
	const void *ip = from->ss_family == AF_INET6
				 ? (const void *)&((const struct sockaddr_in6 *)from)->sin6_addr
				 : (const void *)&((const struct sockaddr_in *)from)->sin_addr;

	if (peer)
		(void)inet_ntop(from->ss_family, ip, peer, INET6_ADDRSTRLEN);
}

static bool meet_tcp(int server, int client, const struct sockaddr_storage *to, socklen_t len,
		     char *peer)
{
	struct sockaddr_storage from;
	socklen_t from_len = sizeof(from);
	cleanup_fd int talk_fd = -1;
	char byte = 0;

	if (connect(client, (const void *)to, len) < 0 && errno != EINPROGRESS)
		return false;
	if (!ready(server, POLLIN))
		return false;
	talk_fd = accept4(server, (void *)&from, &from_len, SOCK_CLOEXEC);
	if (talk_fd < 0 || write(talk_fd, "a", 1) != 1 || !ready(client, POLLIN) ||
	    read(client, &byte, 1) != 1)
		return false;
	name_peer(&from, peer);
	return byte == 'a';
}

static bool meet_udp(int server, int client, const struct sockaddr_storage *to, socklen_t len,
		     char *peer)
{
	struct sockaddr_storage from;
	socklen_t from_len = sizeof(from);
	char byte = 0;

	if (connect(client, (const void *)to, len) < 0 || send(client, "q", 1, 0) != 1 ||
	    !ready(server, POLLIN) || recvfrom(server, &byte, 1, 0, (void *)&from, &from_len) != 1)
		return false;
	if (sendto(server, "a", 1, 0, (void *)&from, from_len) != 1 || !ready(client, POLLIN) ||
	    recv(client, &byte, 1, 0) != 1)
		return false;
	name_peer(&from, peer);
	return byte == 'a';
}

bool nw_reaches(int from, const char *to, uint16_t port, int at, uint16_t inside, int type,
		char *peer)
{
	bool six = strchr(to, ':') != NULL;
	cleanup_fd int server = nw_socket_in(at, six ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK);
	cleanup_fd int client = nw_socket_in(from, six ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK);
	struct sockaddr_storage addr;
	socklen_t len = sockaddr_of(six ? "::" : "0.0.0.0", inside, &addr);
	int on = 1;

	(void)setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	ck_assert_int_eq(bind(server, (void *)&addr, len), 0);
	if (type == SOCK_STREAM)
		ck_assert_int_eq(listen(server, 4), 0);
	len = sockaddr_of(to, port, &addr);
	return type == SOCK_STREAM ? meet_tcp(server, client, &addr, len, peer)
				   : meet_udp(server, client, &addr, len, peer);
}

bool nw_will_reach(int from, const char *to, uint16_t port, int at, uint16_t inside, int type,
		   char *peer)
{
	uint64_t end = nw_now() + 3000;

	while (nw_now() < end) {
		if (nw_reaches(from, to, port, at, inside, type, peer))
			return true;
		(void)usleep(20000);
	}
	return false;
}
