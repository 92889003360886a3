/* SPDX-License-Identifier: Apache-2.0 */
/*
 * userns: --userns. A user namespace that carries a mapping only: storage drivers map ownership by
 * it, and the isolation driver makes or joins one with the same mapping.
 */
#ifndef CORE_CONTAINER_USERNS_H
#define CORE_CONTAINER_USERNS_H

#include "core/store/store.h"

struct userns {
	int fd;			   /**< -1: the host's */
	char **uid_map, **gid_map; /**< "inside:outside:count", NULL: none */
};
#define USERNS_NONE                                                                                \
	{                                                                                          \
		-1, NULL, NULL                                                                     \
	}

/**
 * @mode: "" or "host": none. "auto", "private": 65,536 ids for this container alone, from config
 * userns_range or the line of "berth" or "containers" in /etc/subuid; which ones depends on @id and
 * what is in use. "map:INSIDE:OUTSIDE:COUNT": exactly these, for users and groups. INVALID, FULL
 * (no range is free).
 */
int userns_open(const struct config *config, struct store *store, const char *mode, const char *id,
		struct userns *ret, struct berth_error *err);
void userns_close(struct userns *userns);

#endif
