/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network driver of version 1.0, written against its headers alone: it gives out one address. It
 * must load and work with every later engine of ABI 1; so it is never edited.
 */
#include <stdlib.h>

#include <berth/network.h>

struct berth_network {
	const struct berth_host *host;
	bool attached;
};

static int old_attach(struct berth_network *net, const struct berth_net_desc *desc,
		      const struct berth_endpoint *ep, struct berth_op *op,
		      struct berth_sink *state, struct berth_attached *ret, struct berth_error *err)
{
	const struct berth_addr addr = {BERTH_IPV4, 24, {0, 0}, 0, {10, 0, 0, 7}};

	if (net->attached)
		return berth_fail(err, BERTH_E_EXISTS, "'%s' is attached already", ep->id);
	if (ep->size < sizeof(*ep) || desc->size < sizeof(*desc) || ret->size < sizeof(*ret))
		return berth_fail(err, BERTH_E_INTERNAL, "the engine has less than 1.0 had");
	if (berth_sink_str(net->host, state, ep->ifname) < 0)
		return berth_fail(err, BERTH_E_LIMIT, "the sink is full");
	net->attached = true;
	ret->addr[0] = addr;
	ret->n_addr = 1;
	ret->helper_pidfd = -1;
	return 0;
}

static int old_detach(struct berth_network *net, const struct berth_net_desc *desc,
		      const struct berth_endpoint *ep, struct berth_error *err)
{
	net->attached = false;
	return 0;
}

static int old_open(const struct berth_host *host, const struct berth_conf *conf, int state_fd,
		    void **ret_instance, struct berth_error *err)
{
	struct berth_network *net = calloc(1, sizeof(*net));

	if (!net)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	net->host = host;
	*ret_instance = net;
	return 0;
}

static void old_close(void *instance)
{
	free(instance);
}

static const struct berth_network_ops ops = {
	.attach = old_attach,
	.detach = old_detach,
};

static const struct berth_driver head = {
	.size = sizeof(struct berth_driver),
	.kind = BERTH_NETWORK,
	.host_min = BERTH_HOST_SIZE_1_0,
	.threads = BERTH_THREADS_ONE,
	.caps = BERTH_NET_IPAM | BERTH_NET_V4,
	.name = "old",
	.version = "1.0.0",
	.summary = "a driver of ABI 1.0",
	.ops = &ops,
	.option_size = sizeof(struct berth_option),
	.ops_size = sizeof(ops),
	.open = old_open,
	.close = old_close,
};

BERTH_DRIVER_EXPORT(BERTH_NETWORK, "old", "1.0.0", head);
