/* SPDX-License-Identifier: Apache-2.0 */
/*
 * skeleton - a network driver in its minimal form: a working loopback interface and nothing else.
 *
 * It keeps no state: what it did shows in the container's network namespace and goes with it. What
 * each call promises is said in <berth/network.h>.
 */
#include <berth/network.h>

#include <net/if.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* The instance: what open() makes and close() frees. Nobody but us looks into it. */
struct berth_network {
	const struct berth_host *host;
};

/* ---------------------------------------------------------------------------- required: open, close */

static int skeleton_open(const struct berth_host *host, const struct berth_conf *conf, int state_fd,
			 void **ret_instance, struct berth_error *err)
{
	struct berth_network *net = calloc(1, sizeof(*net));

	(void)conf;
	(void)state_fd;
	if (!net)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	net->host = host;
	*ret_instance = net;
	return 0;
}

static void skeleton_close(void *instance)
{
	free(instance);
}

/* --------------------------------------------------------------------------- required: attach, detach */

/* Drivers do not call setns: the host makes a socket which lives in the container's namespace. */
static int set_loopback_up(const struct berth_host *host, int netns_fd, struct berth_error *err)
{
	struct ifreq ifr = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int failed = 0;
	int fd;
	int r;

	r = host->socket_in(host, netns_fd, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0, &fd, err);
	if (r < 0)
		return r;
	if (ioctl(fd, SIOCSIFFLAGS, &ifr) < 0)
		failed = errno;
	(void)close(fd);
	if (failed)
		return berth_fail_errno(err, failed, "bring up the loopback interface");
	return 0;
}

static int skeleton_attach(struct berth_network *net, const struct berth_net_desc *desc,
			   const struct berth_endpoint *ep, struct berth_op *op,
			   struct berth_sink *state, struct berth_attached *ret,
			   struct berth_error *err)
{
	int r;

	(void)desc;
	(void)op;
	(void)state; /* what is put in here comes back in ep->state */
	if (ep->n_port > 0 || ep->n_addr > 0) {
		r = berth_fail(err, BERTH_E_UNSUPPORTED,
			       "network driver 'skeleton' has no interface for addresses or ports");
		berth_error_hint(err, "use another network, or leave out -p and --ip");
		return r;
	}
	if (ep->netns_fd < 0)
		return berth_fail(err, BERTH_E_INVALID, "attach needs a network namespace");
	r = set_loopback_up(net->host, ep->netns_fd, err);
	if (r < 0)
		return r;
	ret->n_addr = 0;
	ret->helper_pidfd = -1;
	return 0;
}

/* An undo call: fine for what is gone already, and when netns_fd is -1. */
static int skeleton_detach(struct berth_network *net, const struct berth_net_desc *desc,
			   const struct berth_endpoint *ep, struct berth_error *err)
{
	(void)net;
	(void)desc;
	(void)ep;
	(void)err;
	return 0;
}

/* ----------------------------------------------------------------------------------- optional: probe */

/* What `berth doctor` prints. Try the real thing, leave nothing behind, say what to do about it. */
static int skeleton_probe(const struct berth_host *host, const struct berth_conf *conf,
			  int scratch_fd, struct berth_sink *findings, struct berth_error *err)
{
	struct berth_error why = {0};
	int fd;

	(void)conf;
	(void)scratch_fd;
	(void)err;
	if (host->socket_in(host, -1, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0, &fd, &why) < 0)
		return host->finding(findings, BERTH_FINDING_ERROR, "skeleton.socket", why.text,
				     "allow sockets of family AF_INET");
	(void)close(fd);
	return host->finding(findings, BERTH_FINDING_OK, "skeleton.socket",
			     "containers get a loopback interface", NULL);
}

/* ---------------------------------------------------------------------------------------- the tables */

static const struct berth_network_ops skeleton_ops = {
	.attach = skeleton_attach, .detach = skeleton_detach,
	/* optional: plan, create, remove, publish (required with BERTH_NET_PUBLISH), check,
	 * reconcile, each */
};

static const struct berth_driver skeleton_head = {
	.size = sizeof(skeleton_head),
	.kind = BERTH_NETWORK,
	.host_min = BERTH_HOST_SIZE_1_0,
	.threads = BERTH_THREADS_FREE, /* the instance never changes after open */
	.caps = 0,		       /* each cap is a promise, with cases in the suite */
	.name = "skeleton",
	.version = "0.1.0",
	.summary = "a loopback interface and nothing else",
	.options = NULL,
	.ops = &skeleton_ops,
	.option_size = sizeof(struct berth_option),
	.ops_size = sizeof(skeleton_ops),
	.probe = skeleton_probe,
	.open = skeleton_open,
	.close = skeleton_close,
};

BERTH_DRIVER_EXPORT(BERTH_NETWORK, "skeleton", "0.1.0", skeleton_head);
