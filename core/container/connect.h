/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connect: what core/container has to do with networks: the files in /etc that depend on them, who
 * answers names, what inspect shows, and connecting and disconnecting what runs.
 */
#ifndef CORE_CONTAINER_CONNECT_H
#define CORE_CONTAINER_CONNECT_H

#include "base/record_write.h"
#include "core/container/row.h"
#include "core/network/connection.h"

struct network_host container_network_host(struct container_host *h);
/** Borrows from @row. */
struct connection_wish container_wish(const struct container_row *row);

/** Write hosts, hostname and resolv.conf of @row into @dirfd (files.c). */
int container_files_write(struct container_host *h, const struct container_row *row,
			  const struct connection *net, int dirfd, struct berth_error *err);
/** How its names are answered: "resolver" in @run_dir (docs/formats/names.md). */
int container_names_write(struct container_host *h, const struct container_row *row,
			  const struct connection *net, int run_dir, struct berth_error *err);
/** Give @monitor the sockets at which the container asks. */
int container_names_serve(int monitor, int netns_fd, struct berth_error *err);

/** It has ended, or is gone: nobody finds it by name any more, and its networks are to be swept. */
void container_left(struct container_host *h, const char *id);

/** NetworkSettings. */
int container_network_show(struct jw *w, struct container_host *h, const struct container_row *row,
			   struct berth_error *err);
/** Ports (array) and Networks (object) of a line of `ps`. @exposed may be NULL. */
int container_network_list(struct container_host *h, const char *id, const struct record *exposed,
			   struct record **ret_ports, struct record **ret_networks,
			   struct berth_error *err);

#endif
