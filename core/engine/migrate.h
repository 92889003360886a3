/* SPDX-License-Identifier: Apache-2.0 */
/*
 * migrate: images and containers from the storage drivers that they are in to another one.
 *
 * An image goes over by being unpacked there from its blobs, each layer held against its diff id.
 * A container goes over by container_move. The old copies go when all is done. It can be ended at
 * any moment, in any way: the next one goes on where it was, and nothing is in two places but what
 * was just being worked on, which begins anew.
 */
#ifndef CORE_ENGINE_MIGRATE_H
#define CORE_ENGINE_MIGRATE_H

#include "core/engine/engine.h"

struct migrate {
	const char *to;		 /**< driver; NULL: the config's default */
	bool images, containers; /**< what goes over: images, containers and what they stand on */
	char *const *names;	 /**< only these; NULL or empty: all */
	bool keep_old;		 /**< nothing is removed from the old drivers */
	bool when_stopped;	 /**< running containers follow when they stop */
	bool dry_run;
};

enum migrate_state {
	MIGRATE_BEGINS, /**< is worked on now */
	MIGRATE_DONE,
	MIGRATE_ALREADY, /**< is there */
	MIGRATE_WOULD,	 /**< dry run: would go over */
	MIGRATE_RUNS,	 /**< a container that runs: left */
	MIGRATE_WAITS,	 /**< the same, and follows when it stops */
	MIGRATE_FAILED,	 /**< why: error */
	MIGRATE_CANNOT,	 /**< dry run: what the driver cannot carry: error */
};

/** What becomes of one image or container. */
struct migrate_step {
	const char *kind, *name; /**< "image" "container" */
	enum migrate_state state;
	size_t number, total;
	uint64_t bytes; /**< that it takes there, about; 0: unknown */
	const struct berth_error *error;
};
typedef void (*migrate_fn)(void *arg, const struct migrate_step *step);

/**
 * @fn is told of each thing, in this thread. *ret_failed: how many did not go over, which does not
 * end it. NOT_FOUND: a name; nothing is done then.
 */
int engine_migrate(struct engine *e, const struct migrate *how, migrate_fn fn, void *arg,
		   size_t *ret_failed, struct berth_error *err);

/**
 * Array of {"Name", "Default": bool, "Layers", "LayersSize", "Containers", "ContainersSize",
 * "Images", "Error"?}, one for each storage driver of the config or that holds something.
 * @verbose: with "Users": [{"Kind", "Id", "Name", "Size"}].
 */
int engine_storage_list(struct engine *e, bool verbose, struct record **ret,
			struct berth_error *err);

#endif
