/* SPDX-License-Identifier: Apache-2.0 */
/*
 * none: a network namespace with nothing in it but a working loopback interface.
 *
 * It keeps no state: what it did shows in the namespace, and goes with it.
 */
#include <net/if.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "berth/network.h"

struct berth_network {
	const struct berth_host *host;
};

static int open_driver(const struct berth_host *host, const struct berth_conf *conf, int state_fd,
		       void **ret, struct berth_error *err)
{
	struct berth_network *net = calloc(1, sizeof(*net));

	if (!net)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	net->host = host;
	*ret = net;
	return 0;
}

static void close_driver(void *instance)
{
	free(instance);
}

/* SIOCGIFFLAGS or SIOCSIFFLAGS of lo, by any socket of that namespace. As cheap as netlink, and one
 * call. */
static int loopback(const struct berth_host *host, int netns_fd, unsigned long request,
		    short *flags, struct berth_error *err)
{
	cleanup_fd int fd = -1;
	struct ifreq ifr = {.ifr_name = "lo"};
	int r;

	r = host->socket_in(host, netns_fd, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0, &fd, err);
	if (r < 0)
		return r;
	ifr.ifr_flags = *flags;
	if (ioctl(fd, request, &ifr) < 0)
		return berth_fail_errno(err, errno, "%s the loopback interface",
					request == SIOCSIFFLAGS ? "bring up" : "look at");
	*flags = ifr.ifr_flags;
	return 0;
}

static int refuse_ports(const struct berth_endpoint *ep, struct berth_error *err)
{
	int r;

	if (ep->n_port == 0)
		return 0;
	r = berth_fail(
		err, BERTH_E_UNSUPPORTED,
		"network driver 'none' cannot publish ports: nothing leads into the container");
	berth_error_hint(err, "use a network of driver 'bridge', or leave out -p");
	return r;
}

static int none_attach(struct berth_network *net, const struct berth_net_desc *desc,
		       const struct berth_endpoint *ep, struct berth_op *op,
		       struct berth_sink *state, struct berth_attached *ret,
		       struct berth_error *err)
{
	short flags = IFF_UP;
	int r;

	r = refuse_ports(ep, err);
	if (r < 0)
		return r;
	if (ep->n_addr > 0)
		return berth_fail(err, BERTH_E_UNSUPPORTED,
				  "network driver 'none' has no interface for an address");
	if (ep->netns_fd < 0)
		return berth_fail(err, BERTH_E_INVALID, "attach needs a network namespace");
	r = loopback(net->host, ep->netns_fd, SIOCSIFFLAGS, &flags, err);
	if (r < 0)
		return r;
	ret->n_addr = 0;
	ret->helper_pidfd = -1;
	return 0;
}

/* Loopback goes with its namespace. */
static int none_detach(struct berth_network *net, const struct berth_net_desc *desc,
		       const struct berth_endpoint *ep, struct berth_error *err)
{
	return 0;
}

static int none_publish(struct berth_network *net, const struct berth_net_desc *desc,
			const struct berth_endpoint *ep, struct berth_error *err)
{
	return refuse_ports(ep, err);
}

static int none_check(struct berth_network *net, const struct berth_net_desc *desc,
		      const struct berth_endpoint *ep, struct berth_sink *findings,
		      struct berth_error *err)
{
	short flags = 0;
	int r;

	if (ep->netns_fd < 0)
		return 0;
	r = loopback(net->host, ep->netns_fd, SIOCGIFFLAGS, &flags, err);
	if (r < 0 || flags & IFF_UP)
		return r;
	return net->host->finding(findings, BERTH_FINDING_ERROR, "none.loopback",
				  "the loopback interface of the container is down",
				  "restart the container");
}

/* Can we reach an interface at all? Attaching for real would need a namespace, which nobody gives
 * us here. */
static int none_probe(const struct berth_host *host, const struct berth_conf *conf, int scratch_fd,
		      struct berth_sink *findings, struct berth_error *err)
{
	struct berth_error why = {0};
	short flags = 0;

	if (loopback(host, -1, SIOCGIFFLAGS, &flags, &why) < 0)
		return host->finding(findings, BERTH_FINDING_ERROR, "none.loopback", why.text,
				     "allow sockets of family AF_INET");
	return host->finding(findings, BERTH_FINDING_OK, "none.loopback",
			     "containers without a network get a loopback interface", NULL);
}

static const struct berth_network_ops ops = {
	.attach = none_attach,
	.detach = none_detach,
	.publish = none_publish,
	.check = none_check,
};

static const struct berth_driver head = {
	.size = sizeof(head),
	.kind = BERTH_NETWORK,
	.host_min = BERTH_HOST_SIZE_1_0,
	.threads = BERTH_THREADS_FREE,
	.caps = BERTH_NET_ROOTLESS,
	.name = "none",
	.version = "1.0.0",
	.summary = "no network: a loopback interface and nothing else",
	.ops = &ops,
	.option_size = sizeof(struct berth_option),
	.ops_size = sizeof(ops),
	.probe = none_probe,
	.open = open_driver,
	.close = close_driver,
};

BERTH_DRIVER_EXPORT(BERTH_NETWORK, "none", "1.0.0", head);
