/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ports: what is published on the host, and the bound sockets which see to it that nobody else has
 * the same port: not another container, and not a server of the host. Nothing listens on them.
 */
#ifndef CORE_NETWORK_PORTS_H
#define CORE_NETWORK_PORTS_H

#include "base/record.h"
#include "core/driver/drivers.h"

enum { PORTS_MAX = 65535 };

struct ports {
	struct berth_port *list; /**< one entry for each address family */
	size_t n, room;
	int *fds; /**< close-on-exec; borrowed by messages, closed by ports_done */
	size_t n_fds, fds_room;
};

/** What ports_reserve looks at. */
struct ports_wish {
	const struct record *bindings; /**< HostConfig.PortBindings */
	const struct record *exposed;  /**< with PublishAllPorts: Config.ExposedPorts, else NULL */
	const struct record *before;   /**< of the last run (ports_write's): random ones stay */
	const char *any;	       /**< address for those that name none; "" or "any": all */
};

/** BUSY: in use. NOT_FOUND: an address that this host has not. INVALID. */
int ports_reserve(const struct ports_wish *wish, struct ports *ret, struct berth_error *err);
void ports_done(struct ports *ports);
#define cleanup_ports cleanup_with(ports_done)

/** Array of the API's Port {"IP","PrivatePort","PublicPort","Type"}. */
int ports_write(const struct ports *ports, struct record **ret, struct berth_error *err);
/** The list of such an array, without sockets. What makes no sense is left out. */
int ports_read(const struct record *list, struct ports *ret, struct berth_error *err);
/** NetworkSettings.Ports, and null for what is exposed only. */
int ports_map(const struct record *list, const struct record *exposed, struct record **ret,
	      struct berth_error *err);

#endif
