/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config: berth.json -> struct config.
 *
 * One table (keys.c) holds every key with its type, default and doc line; the reader, `berth config
 * show` and docs/config.md are made from it. It knows the shape of the file, not what drivers there
 * are: names of drivers come from the file, or from the defaults text that the program brings along
 * (programs/defaults.json), so that the core holds no driver's name. Options of drivers are kept as
 * they are written; core/driver checks them against what the driver declares.
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
 *     "network":   { "driver": "bridge", "builtin": ["bridge", "host", "none"], "drivers": {} },
 *     "isolation": { "driver": "native", "drivers": {}, "allow_insecure": false },
 *     "registry":  { "archives": ["oci-layout", "docker-archive"],
 *                    "save": "docker-archive", "drivers": {} },
 *     "containers": { "cgroup_parent": "/berth", "stop_timeout": "10s", "shm_size": "64m", ... },
 *     "limits": { "manifest_size": "4m", "layer_entries": 4000000, "layer_size": "64g", ... }
 *   }
 *
 * What counts, last one first: the environment (BERTH_ROOT, BERTH_RUN), the file, the program's
 * defaults, the table. A key of the file replaces the whole value of the defaults; only the entries
 * below "drivers" are merged by name.
 */
#ifndef CORE_CONFIG_H
#define CORE_CONFIG_H

#include <berth/driver.h>
#include "base/cleanup.h"
#include "base/record.h"
#include "base/str.h"

/** Read if neither --config nor BERTH_CONFIG names another; may be absent. */
#define CONFIG_FILE "/etc/berth/berth.json"

enum { CONFIG_SIZE_MAX = 1024 * 1024 }; /* bytes of the file */

/** What the file says of one kind of driver. */
struct config_kind {
	char *driver;	   /**< default driver, may be "auto"; "" if there is none */
	char **candidates; /**< storage: in order of preference, for "auto" */
	char **builtin;	   /**< network: drivers that have a network of their own name */
	char **archives;   /**< registry: drivers that are asked to read an archive, in order */
	char *save;	   /**< registry: driver that writes archives */
	struct record *drivers; /**< object: name -> {"file", "process", "options"}; owned */
	bool allow_insecure;	/**< isolation: drivers that isolate nothing may be used */
};

struct config {
	char *file; /**< where it was read from, or NULL: defaults only */
	char *text; /**< what was read there, for the lines of later mistakes; or NULL */
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
	char **default_ulimits; /**< "nofile=1024:4096" */
	/* limits on what comes from outside; never 0 */
	uint64_t limit_manifest_size;
	uint64_t limit_config_size;
	uint64_t limit_layer_size; /**< bytes of one layer, uncompressed */
	uint64_t limit_layer_entries;
	uint64_t limit_layers; /**< per image */
	uint64_t limit_archive_size;
};

/**
 * Read @path (NULL: $BERTH_CONFIG, else CONFIG_FILE if it is there), over @defaults (JSON text of
 * the same shape, trusted; may be NULL). The first mistake ends it: INVALID with file, line and
 * key, and a suggestion for an unknown key. NOT_FOUND if a named file is absent; DENIED if somebody
 * but root and the user could have written it.
 */
int config_load(const char *path, const char *defaults, struct config **ret,
		struct berth_error *err);
/** The same from memory; @label stands for the file in messages. */
int config_load_text(const char *text, const char *label, const char *defaults, struct config **ret,
		     struct berth_error *err);
void config_free(struct config *config);
DEFINE_CLEANUP(struct config *, config_free);
#define cleanup_config cleanup_with(config_free_at)

/**
 * `berth config check`: every mistake of the file, as an array of {"File", "Line", "Key", "Text",
 * "Hint"}, empty if there is none. Fails only if the file cannot be read at all. The second half,
 * which needs drivers, is drivers_check.
 */
int config_check(const char *path, const char *defaults, struct record **ret,
		 struct berth_error *err);

/** Whether option @option of driver @driver must not be shown. */
typedef bool (*config_secret_fn)(void *arg, uint32_t kind, const char *driver, const char *option);

/**
 * The effective values as one JSON object of the same shape. Values of options that @secret (NULL:
 * all are) calls secret are "***". See drivers_config_show.
 */
int config_show(const struct config *config, config_secret_fn secret, void *arg,
		struct record **ret, struct berth_error *err);

/** One key of the table, for documentation. Borrowed for the call. */
struct config_key_doc {
	const char *key;      /**< "containers.stop_timeout" */
	const char *type;     /**< "duration" */
	const char *fallback; /**< default as it would be written, JSON */
	const char *doc;
};
typedef int (*config_key_fn)(void *arg, const struct config_key_doc *doc);

/** All keys in the order of the file; a non-zero return of @fn ends it and is returned. */
int config_each_key(const char *defaults, config_key_fn fn, void *arg, struct berth_error *err);

/** What the config says of driver @name: its entry in `drivers`, or NULL. Borrowed. */
const struct record *config_driver(const struct config *config, uint32_t kind, const char *name);

/** "storage", "network", "isolation", "registry": the sections. NULL for another number. */
const char *config_section(uint32_t kind);

/*
 * For who looks closer at values than this module does.
 */

/**
 * The line of the file on which the key @path (parts, NULL at the end) stands, or as much of it as
 * is there; 0 if nothing of it is, or no file.
 */
unsigned config_line(const struct config *config, const char *const path[]);
/** Append {"File", "Line", "Key", "Text", "Hint"} to @list. @file may be NULL, @line 0. */
int config_mistake_add(struct record *list, const char *file, unsigned line, const char *key,
		       const struct berth_error *mistake, struct berth_error *err);

#endif
