/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine: the one handle that programs hold. It opens config, drivers and store when they are first
 * needed, and leads to the verbs of core/image and core/container with all that they need.
 *
 *     cleanup_engine struct engine *e = NULL;
 *     r = engine_open(&(struct engine_options){ .config_file = path, .defaults = berth_defaults },
 * &e, err); r = engine_ready(e, err);                   // opens the store, recovers what dead
 * processes left r = container_start(&e->host, ref, 0, NULL, err);
 */
#ifndef CORE_ENGINE_H
#define CORE_ENGINE_H

#include "core/container/container.h"
#include "core/image/image_work.h"

struct engine_options {
	const char *config_file; /**< --config, or NULL */
	const char *defaults;	 /**< programs/defaults.json */
	const char *storage_driver, *network_driver,
		*isolation_driver; /**< override the config's, or NULL */
};

struct engine {
	struct config *config;
	struct drivers *drivers;
	struct store *store; /**< NULL before engine_ready */
	struct berth_op *op; /**< engine_cancel cancels it */
	struct container_host host;
	bool network_rebuilt; /**< a network driver found its rules gone: reconcile */
	char *config_path; /* absolute, or NULL */
	char *program, *monitor, *init;
};

/** Reads the config; touches no state. */
int engine_open(const struct engine_options *options, struct engine **ret, struct berth_error *err);
/** Opens the store and puts right what dead processes left. */
int engine_ready(struct engine *e, struct berth_error *err);
void engine_close(struct engine *e);
DEFINE_CLEANUP(struct engine *, engine_close);
#define cleanup_engine cleanup_with(engine_close_at)

/**
 * What is better done when nobody waits: the database's log written back, the storage drivers'
 * trash emptied. engine_close has it done in the background (`berth system tidy`) when it is worth
 * it.
 */
int engine_tidy(struct engine *e, struct berth_error *err);

/** Async-signal-safe. */
void engine_cancel(struct engine *e);

/** The heavy half of core/image, loaded on first use. */
int engine_image_work(struct engine *e, const struct image_work **ret, struct berth_error *err);

/** SystemVersion, SystemInfo of the Engine API (+ our own keys "Drivers"). */
int engine_version(struct engine *e, struct record **ret, struct berth_error *err);
int engine_info(struct engine *e, struct record **ret, struct berth_error *err);

/** `system check`: findings {id, level, text, fix}. @repair: put right what can be. */
int engine_check(struct engine *e, bool repair, bool deep, struct record **ret,
		 struct berth_error *err);

/** Inspect @ref as a container, image, ... (@type NULL: the first that fits). */
int engine_inspect(struct engine *e, const char *ref, const char *type, bool size,
		   struct record **ret, struct berth_error *err);

#endif
