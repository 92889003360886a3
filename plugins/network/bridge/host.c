/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the driver switches in the host's kernel, and nothing else:
 *
 *	net.ipv4.ip_forward = 1                     packets of containers leave the host
 *	net.ipv6.conf.all.forwarding = 1            the same; only if a network has IPv6
 *	net.ipv4.conf.BRIDGE.route_localnet = 1     published ports are reached by 127.0.0.1
 *	net.ipv6.conf.BRIDGE.accept_dad = 0         the bridge's link-local address is of use at
 *						    once: neighbours are looked for by it
 *
 * Where the host takes routes from router advertisements (accept_ra = 1), forwarding would end that:
 * such interfaces get accept_ra = 2, which means "although it forwards".
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <unistd.h>

#include "base/str.h"
#include "bridge.h"

static int read_switch(const char *path)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[16] = "";

	return fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 ? (int)strtol(text, NULL, 10) : -1;
}

static int write_switch(const char *path, const char *value, struct berth_error *err)
{
	cleanup_fd int fd = -1;

	if (read_switch(path) == (int)strtol(value, NULL, 10))
		return 0;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		return berth_fail_errno(err, errno, "write '%s' to '%s'", value, path);
	return 0;
}

/* Interfaces that learn routes go on doing so. */
static int keep_router_advertisements(struct berth_error *err)
{
	cleanup_dir DIR *dir = opendir("/proc/sys/net/ipv6/conf");
	const struct dirent *e;
	int r = 0;

	while (dir && r == 0 && (e = readdir(dir))) {
		cleanup_free char *path =
			str_fmt("/proc/sys/net/ipv6/conf/%s/accept_ra", e->d_name);

		if (e->d_name[0] == '.' || !path || str_eq(e->d_name, "all"))
			continue;
		if (read_switch(path) == 1)
			r = write_switch(path, "2", err);
	}
	return r;
}

int host_prepare(const char *bridge, bool v6, struct berth_error *err)
{
	static const char all6[] = "/proc/sys/net/ipv6/conf/all/forwarding";
	cleanup_free char *localnet = str_fmt("/proc/sys/net/ipv4/conf/%s/route_localnet", bridge);
	cleanup_free char *dad = str_fmt("/proc/sys/net/ipv6/conf/%s/accept_dad", bridge);
	int r = localnet && dad ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");

	if (r == 0)
		r = write_switch("/proc/sys/net/ipv4/ip_forward", "1", err);
	if (r == 0)
		r = write_switch(localnet, "1", err);
	if (r == 0 && v6)
		r = write_switch(dad, "0", err);
	if (r == 0 && v6 && read_switch(all6) == 0) {
		r = keep_router_advertisements(err);
		if (r == 0)
			r = write_switch(all6, "1", err);
	}
	return r;
}

/* --- the firewalls of others ---------------------------------------------- */

struct search {
	uint32_t hook;
	struct foreign found;
	bool docker4, docker6, ufw; /* their chains are there, which those of iptables ask */
};

/* firewalld's chains have the policy accept, and a rule at their end that refuses the rest. */
static bool is_closed(const char *table, uint32_t policy)
{
	return policy == NF_DROP || str_eq(table, "firewalld");
}

static void look_at_base(struct search *s, uint8_t family, const char *table, const char *chain)
{
	bool is_iptables = str_eq(table, "filter");

	if (!*s->found.chain)
		(void)snprintf(s->found.chain, sizeof(s->found.chain), "%s %s", table, chain);
	s->found.firewalld |= str_eq(table, "firewalld");
	s->found.docker4 |= is_iptables && family == NFPROTO_IPV4;
	s->found.docker6 |= is_iptables && family == NFPROTO_IPV6;
	s->found.ufw |= is_iptables;
}

static int look(void *arg, uint8_t family, const char *table, const char *chain, const char *type,
		uint32_t hook, uint32_t policy)
{
	struct search *s = arg;

	if (type && hook == s->hook && str_eq(type, "filter") && is_closed(table, policy) &&
	    !str_eq(table, RULES_TABLE)) {
		look_at_base(s, family, table, chain);
	} else if (!type && str_eq(table, "filter")) {
		s->docker4 |= family == NFPROTO_IPV4 && str_eq(chain, "DOCKER-USER");
		s->docker6 |= family == NFPROTO_IPV6 && str_eq(chain, "DOCKER-USER");
		s->ufw |= str_eq(chain, "ufw-user-forward") || str_eq(chain, "ufw6-user-forward");
	}
	return 0;
}

int host_foreign_drop(struct berth_network *net, uint32_t hook, struct foreign *ret,
		      struct berth_error *err)
{
	cleanup_bridge_nft struct bridge_nft nft = {.fd = -1};
	struct search s = {.hook = hook};
	int r = bridge_nft_borrow(net, &nft, err);

	if (r < 0)
		return r;
	r = nft_each_chain(nft.fd, look, &s);
	nft.clean = r == 0;
	if (r < 0)
		return berth_fail_errno(err, -r, "list the chains of nftables");
	*ret = s.found;
	ret->docker4 &= s.docker4;
	ret->docker6 &= s.docker6;
	ret->ufw &= s.ufw;
	return 0;
}

void host_foreign_remedy(const struct foreign *f, const char *bridge, char *out, size_t size)
{
	cleanup_str struct str s = STR_INIT;

	if (f->docker4 || f->docker6) /* first of all in FORWARD, ufw's come behind */
		str_addf(&s, "%s -I DOCKER-USER -i %s -j ACCEPT, and the same with -o",
			 f->docker4 ? "iptables" : "ip6tables", bridge);
	if (f->docker4 && f->docker6)
		str_add(&s, ", both with ip6tables, too");
	else if (f->ufw && !f->docker4)
		str_addf(&s, "%sufw route allow in on %s; ufw route allow out on %s",
			 s.len > 0 ? "; " : "", bridge, bridge);
	if (f->firewalld)
		str_addf(&s, "%sfirewall-cmd --zone=trusted --add-interface=%s",
			 s.len > 0 ? "; " : "", bridge);
	if (s.len == 0)
		str_addf(&s,
			 "have that chain accept what comes from bridge '%s', and what goes there",
			 bridge);
	(void)snprintf(out, size, "%s", str_check(&s, NULL) == 0 ? s.p : "");
}

bool host_filters_frames(void)
{
	return read_switch("/proc/sys/net/bridge/bridge-nf-call-iptables") == 1 ||
	       read_switch("/proc/sys/net/bridge/bridge-nf-call-ip6tables") == 1;
}

bool host_is_closed(struct berth_network *net)
{
	struct foreign f;

	if (net->publish_loopback_only || !net->obey_host_firewall)
		return net->publish_loopback_only;
	/* in doubt it is */
	return host_foreign_drop(net, NF_INET_LOCAL_IN, &f, NULL) < 0 || *f.chain;
}
