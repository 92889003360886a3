/* SPDX-License-Identifier: Apache-2.0 */
/*
 * berth/network.h - the calls of a network driver.
 *
 * The engine owns network namespaces, the pool of addresses (unless the driver has BERTH_NET_IPAM),
 * names (hosts file, DNS) and the intent: which networks, endpoints and ports should be. A driver
 * makes the kernel match the intent.
 *
 *   [plan] -> create -> (attach -> [publish]* -> detach)* -> remove
 *   reconcile: at boot, on repair, and after somebody flushed the firewall
 *
 * Rules: never touch another program's interfaces, routes or firewall rules, nor host-wide sysctls,
 * but for what the driver's documentation names and `plan` prints. Every undo is idempotent and
 * works with netns_fd == -1: all that the host side holds is released then.
 */
#ifndef BERTH_NETWORK_H
#define BERTH_NETWORK_H

#include "driver.h"

#ifdef __cplusplus
extern "C" {
#endif

struct berth_network; /* the instance; completed by the driver */

/** berth_driver.caps of a network driver. */
#define BERTH_NET_IPAM	   (UINT64_C(1) << 0) /**< attach chooses addresses itself (DHCP, CNI) */
#define BERTH_NET_DNS	   (UINT64_C(1) << 1) /**< answers names itself */
#define BERTH_NET_PUBLISH  (UINT64_C(1) << 2) /**< publish works */
#define BERTH_NET_V4	   (UINT64_C(1) << 3)
#define BERTH_NET_V6	   (UINT64_C(1) << 4)
#define BERTH_NET_ROOTLESS (UINT64_C(1) << 5) /**< works without privileges on the host */
#define BERTH_NET_HELPER   (UINT64_C(1) << 6) /**< attach may return a process to watch */
#define BERTH_NET_NO_NETNS                                                                         \
	(UINT64_C(1) << 7) /**< containers share the host's namespace; no attach */
#define BERTH_NET_HOTPLUG      (UINT64_C(1) << 8) /**< attach and detach while the container runs */
#define BERTH_NET_KEEPS_SRC_IP (UINT64_C(1) << 9) /**< published ports show the client's address   \
						   */
#define BERTH_NET_TAP	    (UINT64_C(1) << 10) /**< can make a tap device for a virtual machine */
#define BERTH_NET_USER_MADE (UINT64_C(1) << 11) /**< `network create` makes sense (many networks)  \
						 */
#define BERTH_NET_INTERNAL (UINT64_C(1) << 12)	/**< BERTH_NETWORK_INTERNAL works */

enum berth_family {
	BERTH_IPV4 = 4,
	BERTH_IPV6 = 6,
};

/** An address with its prefix length. All zero = none. Frozen. */
struct berth_addr {
	uint8_t family; /**< enum berth_family, 0 = none */
	uint8_t prefix; /**< 0-32, 0-128 */
	uint8_t pad[2];
	uint32_t scope; /**< interface index of a link-local address */
	uint8_t ip[16]; /**< network order; IPv4 in the first four bytes */
};

/** A route inside the container. Frozen. */
struct berth_route {
	struct berth_addr to;  /**< prefix 0 = default route */
	struct berth_addr via; /**< family 0 = on link */
	uint32_t metric;
	uint32_t reserved;
};

enum berth_proto {
	BERTH_TCP = 6,
	BERTH_UDP = 17,
	BERTH_SCTP = 132,
};

/** A published range of ports. Growable: arrays carry a stride. */
struct berth_port {
	uint32_t size;
	uint16_t inside;  /**< first port in the container */
	uint16_t outside; /**< first port on the host; never 0 here: the engine has chosen and
			     reserved it */
	uint16_t count;	  /**< >= 1 */
	uint8_t proto;	  /**< enum berth_proto */
	uint8_t flags;	  /**< 0 */
	struct berth_addr
		host; /**< address on the host; any = all zero with the family set, 0 = both */
};

/** A subnet of a network. Frozen. */
struct berth_subnet {
	struct berth_addr net;
	struct berth_addr gateway;     /**< family 0 = none */
	struct berth_addr first, last; /**< range of addresses for containers; family 0 = all */
};

enum berth_network_flags {
	BERTH_NETWORK_INTERNAL = 1u << 0,   /**< no way out and none in */
	BERTH_NETWORK_V6 = 1u << 1,	    /**< IPv6 is wanted */
	BERTH_NETWORK_DEFAULT = 1u << 2,    /**< the engine's default network */
	BERTH_NETWORK_NO_ISOLATE = 1u << 3, /**< containers of other networks may reach it */
};

/** A network as it should be. Growable. */
struct berth_net_desc {
	uint32_t size;
	uint32_t flags;	  /**< enum berth_network_flags */
	const char *id;	  /**< 64 hex digits */
	const char *name; /**< what the user calls it */
	const struct berth_subnet *subnet;
	uint32_t n_subnet;
	uint32_t mtu;		       /**< 0 = the driver decides */
	const struct berth_conf *conf; /**< PER_OBJECT options (-o) */
	struct berth_str state; /**< what create wrote to its state sink, kept by the engine */
};

enum berth_endpoint_flags {
	/** No default route by this network: the container has one by another. */
	BERTH_ENDPOINT_NO_GATEWAY = 1u << 0,
};

/** One container on one network. Growable. */
struct berth_endpoint {
	uint32_t size;
	uint32_t flags;	       /**< enum berth_endpoint_flags */
	const char *id;	       /**< 64 hex digits */
	const char *network;   /**< id of the network */
	const char *container; /**< id */
	const char *hostname;
	const char *ifname; /**< wanted name inside: "eth0" */
	const char *const *alias;
	uint32_t n_alias;
	uint32_t n_addr;
	const struct berth_addr *addr; /**< from the engine's pool; empty with BERTH_NET_IPAM */
	uint8_t mac[6];		       /**< all zero = the driver chooses */
	uint16_t mtu;		       /**< 0 = the network's */
	const struct berth_port *port;
	uint32_t n_port;
	uint32_t port_stride;
	/** Routes in the container; without any, a default route by each subnet's gateway, unless
	 * the network is internal or flags say otherwise. */
	const struct berth_route *route;
	uint32_t n_route;
	int32_t netns_fd;	/**< -1 when it no longer exists */
	struct berth_str state; /**< what attach wrote to its state sink, kept by the engine */
};

/** What attach tells. Growable; zeroed by the caller but for size. */
struct berth_attached {
	uint32_t size;
	uint32_t n_addr;
	struct berth_addr addr[8]; /**< in force: what was asked for, or what IPAM gave */
	struct berth_addr gateway4, gateway6;
	struct berth_addr
		dns; /**< the address that the container should ask, family 0 = the host's */
	uint8_t mac[6];
	uint8_t pad[2];
	int32_t helper_pidfd; /**< process that must live as long as the endpoint; -1 = none; caller
				 closes */
	uint32_t reserved;
};

struct berth_network_ops {
	/**
	 * Optional. Dry run of create and of publish: one JSON object with what would be made
	 * ("interfaces", "addresses", "rules" as lines of text). Changes nothing.
	 */
	int (*plan)(struct berth_network *net, const struct berth_net_desc *desc,
		    const struct berth_endpoint *endpoint, struct berth_sink *json,
		    struct berth_error *err);
	/**
	 * Optional (default: nothing to make). Make the network. Called again for one that is
	 * there: 0, after putting right what differs. @state: up to 64 KiB that the engine keeps
	 * and gives back.
	 */
	int (*create)(struct berth_network *net, const struct berth_net_desc *desc,
		      struct berth_sink *state, struct berth_error *err);
	/** Optional (default: nothing to do). Absent: 0. BUSY while endpoints are attached. */
	int (*remove)(struct berth_network *net, const struct berth_net_desc *desc,
		      struct berth_error *err);
	/**
	 * Required unless BERTH_NET_NO_NETNS. Connect the namespace ep->netns_fd. All or nothing.
	 * Also brings up the loopback interface. Ports of @ep are published too. @state as in
	 * create. EXISTS: this endpoint is attached already.
	 */
	int (*attach)(struct berth_network *net, const struct berth_net_desc *desc,
		      const struct berth_endpoint *ep, struct berth_op *op,
		      struct berth_sink *state, struct berth_attached *ret,
		      struct berth_error *err);
	/** Required unless NO_NETNS. Absent: 0. Works with netns_fd == -1. Answers at once. */
	int (*detach)(struct berth_network *net, const struct berth_net_desc *desc,
		      const struct berth_endpoint *ep, struct berth_error *err);
	/** Required with BERTH_NET_PUBLISH. Make exactly the ports of @ep published: the whole
	 * list. */
	int (*publish)(struct berth_network *net, const struct berth_net_desc *desc,
		       const struct berth_endpoint *ep, struct berth_error *err);
	/** Optional. Is @ep as it should be? Findings; changes nothing. */
	int (*check)(struct berth_network *net, const struct berth_net_desc *desc,
		     const struct berth_endpoint *ep, struct berth_sink *findings,
		     struct berth_error *err);
	/**
	 * Optional. @desc and @ep (arrays with strides) are everything that should exist: put
	 * it back where it is missing, drop what is not named. Never touches what is not the
	 * driver's.
	 */
	int (*reconcile)(struct berth_network *net, const struct berth_net_desc *desc,
			 uint32_t n_desc, uint32_t desc_stride, const struct berth_endpoint *ep,
			 uint32_t n_ep, uint32_t ep_stride, struct berth_error *err);
	/** Optional. Ids of all networks and endpoints that the driver holds, "network/ID",
	 * "endpoint/ID". */
	int (*each)(struct berth_network *net, berth_id_fn fn, void *arg, struct berth_error *err);
};

#ifdef __cplusplus
}
#endif

#endif /* BERTH_NETWORK_H */
