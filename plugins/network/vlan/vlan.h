/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vlan: what macvlan and ipvlan have in common: an interface of the container's own on top of one of
 * the host's (-o parent=eth0), so that it is a neighbour in the host's network with an address of
 * that network. Nothing of it is on the host's side: there are no ports to publish, and the host
 * itself is the one machine that it does not reach.
 *
 * It keeps no state: the interface is in the container's namespace, and goes with it.
 */
#ifndef PLUGIN_VLAN_H
#define PLUGIN_VLAN_H

#include "berth/network.h"

/** A way for the interface to work, as the option `mode` names it. */
struct vlan_mode {
	const char *word;
	uint32_t number;
};

struct vlan_kind {
	const char *name;	       /* of the driver, and of the kernel's kind of interface */
	bool own_mac;		       /* each has a hardware address */
	const struct vlan_mode *modes; /* the first is the default; ends with a NULL word */
	const char *routed;	       /* mode in which there are no neighbours, or NULL */
};

int vlan_open(const struct vlan_kind *kind, const struct berth_host *host, void **ret,
	      struct berth_error *err);
void vlan_close(void *instance);
int vlan_probe(const struct vlan_kind *kind, const struct berth_host *host,
	       struct berth_sink *findings);
extern const struct berth_network_ops vlan_ops;

#define VLAN_CAPS                                                                                  \
	(BERTH_NET_V4 | BERTH_NET_V6 | BERTH_NET_HOTPLUG | BERTH_NET_USER_MADE |                   \
	 BERTH_NET_KEEPS_SRC_IP)

#endif
