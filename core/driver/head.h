/* SPDX-License-Identifier: Apache-2.0 */
/*
 * head: takes a driver's head and its tables into copies of ours, as far as both sides know them,
 * and refuses what could not work. Private to core/driver.
 */
#ifndef CORE_DRIVER_HEAD_H
#define CORE_DRIVER_HEAD_H

#include <berth/isolation.h>
#include <berth/network.h>
#include <berth/registry.h>
#include <berth/storage.h>

/** Calls of one kind. */
union ops {
	struct berth_storage_ops storage;
	struct berth_network_ops network;
	struct berth_isolation_ops isolation;
	struct berth_registry_ops registry;
};

/** Copy of min(size) of @theirs; what it lacks is 0. Looks at nothing else. */
void head_copy(const struct berth_driver *theirs, struct berth_driver *ret);
/**
 * Is the copy @head that of a driver which can be opened by us? INVALID with the reason. Reads
 * all that it points to but the calls of its kind.
 */
int head_check(const struct berth_driver *head, struct berth_error *err);

/**
 * clamp.c: the calls of the kind, with stubs that answer UNSUPPORTED (or do nothing, where the
 * header says that this is what absence means) for optional ones. INVALID names a missing required
 * one.
 */
int clamp_ops(const struct berth_driver *head, union ops *ret, struct berth_error *err);
typedef int (*clamp_call_fn)(void *arg, const char *call, bool has);
/** Names of all calls of the kind, and whether the driver has them. */
int clamp_each_call(const struct berth_driver *head, clamp_call_fn fn, void *arg);

#endif
