/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host: the container uses the machine's own network, so there is nothing to attach.
 */
#include "berth/network.h"

/* There is no state, but an instance is a pointer that is not NULL. */
static char instance;

static int open_driver(const struct berth_host *host, const struct berth_conf *conf, int state_fd,
		       void **ret, struct berth_error *err)
{
	*ret = &instance;
	return 0;
}

static void close_driver(void *net)
{
}

static int host_publish(struct berth_network *net, const struct berth_net_desc *desc,
			const struct berth_endpoint *ep, struct berth_error *err)
{
	int r;

	if (ep->n_port == 0)
		return 0;
	r = berth_fail(
		err, BERTH_E_UNSUPPORTED,
		"network driver 'host' cannot publish ports: the container shares the machine's");
	berth_error_hint(err, "leave out -p; what the container listens on is reachable as it is");
	return r;
}

static int host_probe(const struct berth_host *host, const struct berth_conf *conf, int scratch_fd,
		      struct berth_sink *findings, struct berth_error *err)
{
	return host->finding(findings, BERTH_FINDING_OK, "host.shared",
			     "containers may share the network of this machine", NULL);
}

static const struct berth_network_ops ops = {
	.publish = host_publish,
};

static const struct berth_driver head = {
	.size = sizeof(head),
	.kind = BERTH_NETWORK,
	.host_min = BERTH_HOST_SIZE_1_0,
	.threads = BERTH_THREADS_FREE,
	.caps = BERTH_NET_NO_NETNS | BERTH_NET_ROOTLESS | BERTH_NET_V4 | BERTH_NET_V6 |
		BERTH_NET_KEEPS_SRC_IP,
	.name = "host",
	.version = "1.0.0",
	.summary = "the machine's own network, shared",
	.ops = &ops,
	.option_size = sizeof(struct berth_option),
	.ops_size = sizeof(ops),
	.probe = host_probe,
	.open = open_driver,
	.close = close_driver,
};

BERTH_DRIVER_EXPORT(BERTH_NETWORK, "host", "1.0.0", head);
