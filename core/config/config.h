/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config: berth.json -> struct config.
 *
 * One table (config.c) holds every key with its type, default and doc line; the reader, `berth config
 * show` and docs/config are made from it. It knows the shape of the file, not what drivers there are: names
 * of drivers come from the file, or from the defaults text that the program brings along
 * (programs/defaults.json), so that the core holds no driver's name.
 *
 * The file:
 *
 *   {
 *     "root": "/var/lib/berth",            state that survives a reboot
 *     "run": "/run/berth",                 state that does not
 *     "driver_dirs": ["/usr/local/lib/x86_64-linux-gnu/berth"],
 *     "storage":   { "driver": "auto", "candidates": ["overlay"],
 *                    "drivers": { "overlay": { "options": { "metacopy": "off" } },
 *                                 "mine": { "file": "/opt/mine.so" } } },
 *     "network":   { "driver": "none", "drivers": {} },
 *     "isolation": { "driver": "native", "drivers": {}, "allow_insecure": false },
 *     "registry":  { "archives": ["oci-layout", "docker-archive"], "drivers": {} },
 *     "containers": { "cgroup_parent": "/berth", "stop_timeout": "10s", "shm_size": "64m",
 *                     "seccomp_profile": "", "dns": [], "dns_search": [], "init": false,
 *                     "log_max_size": "0", ... },
 *     "limits": { "manifest_size": "4m", "layer_entries": 4000000, "layer_size": "64g", ... }
 *   }
 */
#ifndef CORE_CONFIG_H
#define CORE_CONFIG_H

#include <berth/driver.h>
#include "base/cleanup.h"
#include "base/record.h"
#include "base/str.h"

/** What the file says of one kind of driver. */
struct config_kind {
	char *driver;	    /**< default driver, may be "auto"; "" for registry */
	char **candidates;  /**< in order of preference, for "auto" */
	char **archives;    /**< registry: drivers that are asked to read an archive, in order */
	struct record *drivers; /**< object: name -> {"file","options"}; owned */
	bool allow_insecure; /**< isolation: drivers that isolate nothing may be used */
};

struct config {
	char *file; /**< where it was read from, or NULL: defaults only */
	char *root, *run;
	char **driver_dirs;
	struct config_kind kind[BERTH_REGISTRY + 1]; /**< by enum berth_kind */
	/* containers */
	char *cgroup_parent;
	uint64_t stop_timeout_ms;
	uint64_t shm_size;
	char *seccomp_profile; /**< path, "" = built in, "unconfined" */
	char **dns, **dns_search, **dns_options;
	bool init;	       /**< run every container with --init */
	char *userns_range;    /**< "first:count" of host ids for --userns=auto; "" = /etc/subuid */
	uint64_t log_max_size; /**< 0 = no limit */
	char **default_ulimits;
	/* limits on what comes from outside; 0 never means unlimited */
	uint64_t limit_manifest_size;
	uint64_t limit_config_size;
	uint64_t limit_layer_size;    /**< bytes of one layer, uncompressed */
	uint64_t limit_layer_entries;
	uint64_t limit_layers;	      /**< per image */
	uint64_t limit_archive_size;
};

/**
 * Read @path (NULL: $BERTH_CONFIG, else /etc/berth/berth.json if it is there), over @defaults (JSON text of
 * the same shape, trusted). INVALID with file, line and key for each kind of mistake, unknown keys with a
 * suggestion, relative paths, and values out of range.
 */
int config_load(const char *path, const char *defaults, struct config **ret,
		struct berth_error *err);
void config_free(struct config *config);
DEFINE_CLEANUP(struct config *, config_free);
#define cleanup_config cleanup_with(config_free_at)

/** The effective values as one JSON object of the same shape; secrets as "***". */
int config_show(const struct config *config, struct record **ret, struct berth_error *err);

/** What the config says of driver @name: its entry in `drivers`, or NULL. Borrowed. */
const struct record *config_driver(const struct config *config, uint32_t kind, const char *name);

#endif
