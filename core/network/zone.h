/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zone: the files from which containers' monitors answer names (docs/formats/names.md). They follow
 * the endpoints of the database: written again, whole, whenever those of a network change.
 */
#ifndef CORE_NETWORK_ZONE_H
#define CORE_NETWORK_ZONE_H

#include "core/network/endpoint.h"

/** <run>/networks/<id>/names, and the links of its containers. @make: also if there is none yet. */
int zone_write(struct store *store, const char *network, bool make, struct berth_error *err);
/** Of all networks that @container is on. */
int zone_write_of(struct store *store, const char *container, struct berth_error *err);
/** The network is gone. */
int zone_remove(struct store *store, const char *network, struct berth_error *err);

#endif
