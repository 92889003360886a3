/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stubs: what stands in for calls that a driver does not have. They answer UNSUPPORTED, or succeed
 * without doing anything where the public header says that absence means that. Private to
 * core/driver.
 */
#ifndef CORE_DRIVER_STUBS_H
#define CORE_DRIVER_STUBS_H

#include <berth/isolation.h>
#include <berth/network.h>
#include <berth/registry.h>
#include <berth/storage.h>

/* Every call that a driver may lack, in its place; what is always required is NULL here. */
extern const struct berth_storage_ops stubs_storage;
extern const struct berth_network_ops stubs_network;
extern const struct berth_isolation_ops stubs_isolation;
extern const struct berth_registry_ops stubs_registry;

#endif
