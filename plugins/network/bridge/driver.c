/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/str.h"
#include "bridge.h"

static int open_driver(const struct berth_host *host, const struct berth_conf *conf, int state_fd,
		       void **ret, struct berth_error *err)
{
	struct berth_network *net = calloc(1, sizeof(*net));
	const char *publish = conf ? host->conf_str(conf, "publish_default") : NULL;

	(void)state_fd;
	if (!net)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	net->host = host;
	net->spare_nft = BRIDGE_NO_SPARE;
	net->publish_loopback_only = str_eq(publish, "loopback");
	net->obey_host_firewall = conf && host->conf_bool(conf, "obey_host_firewall");
	*ret = net;
	return 0;
}

static void close_driver(void *instance)
{
	struct berth_network *net = instance;

	if (net)
		bridge_nft_drop(net);
	free(net);
}

/* --- probe ---------------------------------------------------------------- */

static int probe_nft(struct berth_network *net, struct berth_sink *findings,
		     struct berth_error *err)
{
	const struct berth_host *host = net->host;
	char text[320], remedy[512];
	struct foreign f;
	struct berth_error why = {0};
	bool there;

	(void)err;
	if (rules_are_there(net, &there, &why) < 0)
		return host->finding(findings, BERTH_FINDING_ERROR, "bridge.nftables", why.text,
				     "load the kernel module nf_tables");
	if (host_foreign_drop(net, NF_INET_FORWARD, &f, &why) == 0 && *f.chain) {
		host_foreign_remedy(&f, "berth0", remedy, sizeof(remedy));
		(void)snprintf(text, sizeof(text),
			       "chain '%s' of another program drops what is forwarded: containers "
			       "reach the world%s only if it lets them",
			       f.chain, host_filters_frames() ? ", and each other," : "");
		return host->finding(findings, BERTH_FINDING_WARN, "bridge.forward-drop", text,
				     remedy);
	}
	return host->finding(findings, BERTH_FINDING_OK, "bridge.nftables",
			     "rules are kept in table 'inet " RULES_TABLE "' of nftables", NULL);
}

int bridge_probe(const struct berth_host *host, const struct berth_conf *conf, int scratch_fd,
		 struct berth_sink *findings, struct berth_error *err)
{
	struct berth_network net = {.host = host, .spare_nft = BRIDGE_NO_SPARE};
	struct berth_error why = {0};
	cleanup_fd int fd = -1;
	int r;

	(void)conf;
	(void)scratch_fd;
	if (geteuid() != 0)
		return host->finding(findings, BERTH_FINDING_ERROR, "bridge.root",
				     "only root can make interfaces", "run berth as root");
	if (bridge_route_socket(&net, -1, &fd, &why) < 0)
		return host->finding(findings, BERTH_FINDING_ERROR, "bridge.netlink", why.text,
				     "allow sockets of family AF_NETLINK");
	net.obey_host_firewall = conf && host->conf_bool(conf, "obey_host_firewall");
	r = probe_nft(&net, findings, err);
	if (r == 0 && host_is_closed(&net))
		r = host->finding(
			findings, BERTH_FINDING_INFO, "bridge.host-firewall",
			"this machine's firewall lets nothing in by itself, and is obeyed: "
			"ports that name no address are on 127.0.0.1 only",
			NULL);
	if (r == 0 && host_filters_frames())
		r = host->finding(
			findings, BERTH_FINDING_INFO, "bridge.br-netfilter",
			"br_netfilter is loaded: frames between containers of one network "
			"pass the firewall",
			NULL);
	bridge_nft_drop(&net);
	return r;
}

/* --- head ----------------------------------------------------------------- */

static const struct berth_option options[] = {
	{"publish_default", BERTH_OPT_ENUM, 0, "any", "any|loopback",
	 "Where ports are published that name no address: on all of the host's, or on 127.0.0.1."},
	{"obey_host_firewall", BERTH_OPT_BOOL, 0, "false", NULL,
	 "Where this machine's firewall lets nothing in by itself, ports that name no address are "
	 "on "
	 "127.0.0.1 only."},
	{"name", BERTH_OPT_STR, BERTH_OPT_PER_OBJECT, NULL, NULL,
	 "Name of the bridge on the host (default: br- and the beginning of the network's id)."},
	{"masquerade", BERTH_OPT_BOOL, BERTH_OPT_PER_OBJECT, "true", NULL,
	 "Whether containers go out under an address of the host."},
	{"icc", BERTH_OPT_BOOL, BERTH_OPT_PER_OBJECT, "true", NULL,
	 "Whether containers of this network reach each other."},
	{0},
};

static const struct berth_network_ops ops = {
	.plan = bridge_plan,
	.create = bridge_create,
	.remove = bridge_remove,
	.attach = bridge_attach,
	.detach = bridge_detach,
	.publish = bridge_publish,
	.check = bridge_check,
	.reconcile = bridge_reconcile,
	.each = bridge_each,
};

static const struct berth_driver head = {
	.size = sizeof(head),
	.kind = BERTH_NETWORK,
	.host_min = BERTH_HOST_SIZE_1_0,
	.threads = BERTH_THREADS_FREE,
	.caps = BERTH_NET_PUBLISH | BERTH_NET_V4 | BERTH_NET_V6 | BERTH_NET_HOTPLUG |
		BERTH_NET_KEEPS_SRC_IP | BERTH_NET_USER_MADE | BERTH_NET_INTERNAL,
	.name = "bridge",
	.version = "1.0.0",
	.summary = "bridges of the host, with translated addresses and published ports",
	.ops = &ops,
	.options = options,
	.option_size = sizeof(struct berth_option),
	.ops_size = sizeof(ops),
	.probe = bridge_probe,
	.open = open_driver,
	.close = close_driver,
};

BERTH_DRIVER_EXPORT(BERTH_NETWORK, "bridge", "1.0.0", head);
