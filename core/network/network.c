/* SPDX-License-Identifier: Apache-2.0 */
#include "core/network/network.h"

#include <unistd.h>

int network_choose(struct drivers *d, const char *mode, const struct record *host_config,
		   struct network_choice *ret, struct berth_error *err)
{
	struct network_choice choice = {.kind = SPEC_NET_NEW};
	int r;

	choice.container = str_after(mode, "container:");
	if (choice.container) {
		choice.kind = SPEC_NET_PATH;
		*ret = choice;
		return 0;
	}
	r = drivers_network(d, mode, &choice.driver, err);
	if (r == -BERTH_E_NOT_FOUND) {
		char hint[sizeof(err->hint)] = "";

		if (err)
			memcpy(hint, err->hint, sizeof(hint));
		(void)berth_fail(err, BERTH_E_NOT_FOUND, "network %s not found", mode);
		berth_error_hint(err, "%s", hint);
		return r;
	}
	if (r < 0)
		return r;
	if (choice.driver->caps & BERTH_NET_NO_NETNS)
		choice.kind = SPEC_NET_HOST;
	if (choice.kind != SPEC_NET_HOST && !(choice.driver->caps & BERTH_NET_PUBLISH) &&
	    record_len(record_get(host_config, "PortBindings")) > 0)
		return berth_fail(err, BERTH_E_UNSUPPORTED,
				  "network '%s' cannot publish ports (capability 'publish')", mode);
	*ret = choice;
	return 0;
}

int network_attach(const struct network_choice *choice, const char *id, const char *hostname,
		   int netns_fd, struct berth_op *op, struct berth_error *err)
{
	struct network *net = choice->driver;
	struct berth_net_desc desc = {.size = sizeof(desc), .id = id, .name = net->name};
	struct berth_endpoint ep = {
		.size = sizeof(ep),
		.id = id,
		.network = id,
		.container = id,
		.hostname = hostname,
		.ifname = "eth0",
		.port_stride = sizeof(struct berth_port),
		.netns_fd = netns_fd,
	};
	struct berth_attached attached = {.size = sizeof(attached), .helper_pidfd = -1};
	cleanup_sink struct berth_sink *sink = NULL;
	cleanup_str struct str state = STR_INIT;
	int r = sink_new(&state, 65536, &sink, err);

	if (r == 0)
		r = net->ops.attach(net->net, &desc, &ep, op, sink, &attached, err);
	if (r == 0 && attached.helper_pidfd >= 0)
		(void)close(attached.helper_pidfd);
	return r;
}
