/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the driver switches in the host's kernel, and nothing else:
 *
 *	net.ipv4.ip_forward = 1                     packets of containers leave the host
 *	net.ipv6.conf.all.forwarding = 1            the same; only if a network has IPv6
 *	net.ipv4.conf.BRIDGE.route_localnet = 1     published ports are reached by 127.0.0.1
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
	int r = localnet ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");

	if (r == 0)
		r = write_switch("/proc/sys/net/ipv4/ip_forward", "1", err);
	if (r == 0)
		r = write_switch(localnet, "1", err);
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
	char *out;
	size_t size;
};

/* firewalld's chains have the policy accept, and a rule at their end that refuses the rest. */
static bool is_closed(const char *table, uint32_t policy)
{
	return policy == NF_DROP || str_eq(table, "firewalld");
}

static int look(void *arg, uint8_t family, const char *table, const char *chain, const char *type,
		uint32_t hook, uint32_t policy)
{
	struct search *s = arg;

	(void)family;
	if (!is_closed(table, policy) || hook != s->hook || !str_eq(type, "filter") ||
	    str_eq(table, RULES_TABLE))
		return 0;
	(void)snprintf(s->out, s->size, "%s %s", table, chain);
	return 1;
}

int host_foreign_drop(struct berth_network *net, uint32_t hook, char *out, size_t size,
		      struct berth_error *err)
{
	struct search s = {hook, out, size};
	cleanup_bridge_nft struct bridge_nft nft = {.fd = -1};
	int r = bridge_nft_borrow(net, &nft, err);

	out[0] = '\0';
	if (r < 0)
		return r;
	r = nft_each_base_chain(nft.fd, look, &s);
	nft.clean = r == 0;
	return r < 0 ? berth_fail_errno(err, -r, "list the chains of nftables") : 0;
}

bool host_is_closed(struct berth_network *net)
{
	char chain[128];

	if (net->publish_loopback_only || !net->obey_host_firewall)
		return net->publish_loopback_only;
	/* in doubt it is */
	return host_foreign_drop(net, NF_INET_LOCAL_IN, chain, sizeof(chain), NULL) < 0 || *chain;
}
