/* SPDX-License-Identifier: Apache-2.0 */
/*
 * network: how a container is connected. So far every network is the one of a driver of its name
 * ("none", "host"), or another container's namespace; what users make themselves comes to this
 * room.
 */
#ifndef CORE_NETWORK_H
#define CORE_NETWORK_H

#include "core/container/spec.h"
#include "core/driver/drivers.h"

/** What HostConfig.NetworkMode came to. */
struct network_choice {
	enum spec_network kind;
	struct network *driver; /**< NULL with SPEC_NET_PATH; borrowed from drivers */
	const char *container;	/**< of "container:REF"; borrowed from the mode */
};

/** NOT_FOUND: "network x not found". UNSUPPORTED: what @host_config asks for (ports) and it cannot.
 */
int network_choose(struct drivers *d, const char *mode, const struct record *host_config,
		   struct network_choice *ret, struct berth_error *err);

/** Connect the namespace @netns_fd of container @id. */
int network_attach(const struct network_choice *choice, const char *id, const char *hostname,
		   int netns_fd, struct berth_op *op, struct berth_error *err);

#endif
