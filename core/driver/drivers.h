/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drivers: finds, checks, loads and opens drivers, and lends them the host's services.
 *
 * It knows no concrete driver, and nothing of images and containers. Users of drivers get one of
 * four small structs below: the clamped copy of the driver's table (missing optional calls are
 * stubs that answer UNSUPPORTED, so nobody tests a pointer), its caps, and the open instance.
 * Instances are opened once per `struct drivers` and shared; all are closed with it.
 *
 *     struct storage *st;
 *     r = drivers_storage(d, NULL, &st, err);          // NULL: the config's default
 *     r = st->ops.view_create(st->st, id, layer, 0, NULL, err);
 *
 * Files: the driver NAME of a kind is the file KIND/NAME.so ("storage/overlay.so") in the first of
 * driver_dirs that has it, or the config's "file". A file with several drivers may have any name,
 * in KIND/ or directly in a driver directory; it is found by reading the sections of all files,
 * which takes longer.
 *
 * What is refused, and why, is in docs/drivers/README.md. The functions of this header may be
 * called from any thread. Calls of a driver may not, unless `threads` says so: who works with
 * several threads looks at it first.
 */
#ifndef CORE_DRIVERS_H
#define CORE_DRIVERS_H

#include <berth/isolation.h>
#include <berth/network.h>
#include <berth/registry.h>
#include <berth/storage.h>
#include "core/config/config.h"

struct drivers;

struct storage {
	const char *name;
	uint64_t caps;
	uint32_t threads;		 /**< enum berth_threads */
	const struct berth_driver *head; /**< clamped copy */
	struct berth_storage_ops ops;
	struct berth_storage *st;
};

struct network {
	const char *name;
	uint64_t caps;
	uint32_t threads;		 /**< enum berth_threads */
	const struct berth_driver *head; /**< clamped copy */
	struct berth_network_ops ops;
	struct berth_network *net;
};

struct isolation {
	const char *name;
	uint64_t caps;
	uint32_t threads;		 /**< enum berth_threads */
	const struct berth_driver *head; /**< clamped copy */
	struct berth_isolation_ops ops;
	struct berth_isolation *iso;
};

struct registry {
	const char *name;
	uint64_t caps;
	uint32_t threads;		 /**< enum berth_threads */
	const struct berth_driver *head; /**< clamped copy */
	struct berth_registry_ops ops;
	struct berth_registry *reg;
};

/** Borrows @config for its life. Loads nothing and touches no file yet. */
int drivers_new(const struct config *config, struct drivers **ret, struct berth_error *err);
/** Closes all instances; shared objects stay mapped. NULL is fine. */
void drivers_free(struct drivers *drivers);
DEFINE_CLEANUP(struct drivers *, drivers_free);
#define cleanup_drivers cleanup_with(drivers_free_at)

/**
 * The open driver @name (NULL: the config's default; "auto" for storage resolves by the decision
 * that is made once and kept in <root>/storage/auto). NOT_FOUND: no such file in driver_dirs (text
 * names the dirs, hint lists what is there); DENIED: wrong owner or mode, or the driver needs root;
 * INVALID: refused, or wrong options, with the reason; UNSUPPORTED: needs what this engine lacks;
 * else what open said. Borrowed until drivers_free.
 */
int drivers_storage(struct drivers *d, const char *name, struct storage **ret,
		    struct berth_error *err);
int drivers_network(struct drivers *d, const char *name, struct network **ret,
		    struct berth_error *err);
int drivers_isolation(struct drivers *d, const char *name, struct isolation **ret,
		      struct berth_error *err);
int drivers_registry(struct drivers *d, const char *name, struct registry **ret,
		     struct berth_error *err);

/** The name that NULL stands for, "auto" resolved (and decided, once, if need be). Borrowed. */
int drivers_default(struct drivers *d, uint32_t kind, const char **ret, struct berth_error *err);

/**
 * What "auto" was decided to be (*@ret_made), or would be now, without deciding. free() *@ret. The
 * reasons are added to @reasons, in one line. Of doctor, which holds the lock.
 */
int drivers_auto_look(struct drivers *d, char **ret, struct str *reasons, bool *ret_made,
		      struct berth_error *err);
/** Why "auto" is the storage driver that it is, added to @out; nothing if the config names one. */
int drivers_auto_reasons(struct drivers *d, struct str *out, struct berth_error *err);

/** Is told what the user should read once ("storage driver 'x' chosen ..."). Default: the log. */
typedef void (*drivers_notice_fn)(void *arg, const char *text);
void drivers_set_notice(struct drivers *d, drivers_notice_fn fn, void *arg);

/* --- reading files without running them ------------------------------------------------------- */

/** What the section .berth.info and the file system say of one driver of a file. */
struct driver_file {
	char *path;
	uint32_t kind, abi, host_min; /**< 0: the section could not be read */
	char name[33], version[33];
	struct berth_error refused; /**< code 0: nothing speaks against loading it */
};

typedef int (*driver_file_fn)(void *arg, const struct driver_file *file);

/**
 * Every driver in every *.so of driver_dirs and of their KIND/, and every "file" of the config,
 * without executing any: `berth driver ls`. A non-zero return of @fn ends it and is returned.
 */
int drivers_each_file(struct drivers *d, driver_file_fn fn, void *arg, struct berth_error *err);

/**
 * All about driver @name (of @kind, 0 = any) or the file @name (a path, with a '/'): one JSON
 * object {Name, Kind, File, Version, ABI, HostMin, Refused?} and, if @run, of the loaded file,
 * {Summary, Threads, Caps[], Needs[], Options[{Name, Type, Default, Choices[], Required,
 * Reloadable, PerObject, Doc}], Calls{name: bool}}. Unless @run, nothing of the file is executed. A
 * file with several drivers: the first one (of @kind).
 */
int drivers_inspect(struct drivers *d, uint32_t kind, const char *name, bool run,
		    struct record **ret, struct berth_error *err);

/** What an open driver says of itself (its status call), as an object; {} if it has no such call.
 */
int drivers_status(struct drivers *d, uint32_t kind, const char *name, struct record **ret,
		   struct berth_error *err);

/**
 * Run the probe of driver @name in a scratch directory below its state: JSON array of {id, level
 * ("ok" "info" "warn" "error"), text, fix}. A driver without probe: one finding which says so.
 */
int drivers_probe(struct drivers *d, uint32_t kind, const char *name, struct record **ret,
		  struct berth_error *err);

/**
 * The half of `berth config check` that needs drivers: loads each driver that the config names and
 * holds its options against the schema. Array of {"File", "Line", "Key", "Text", "Hint"} as
 * config_check's; empty if all is well. Opens none.
 */
int drivers_check(struct drivers *d, struct record **ret, struct berth_error *err);

/** config_show with the values of SECRET options, and of drivers that do not load, hidden. */
int drivers_config_show(struct drivers *d, struct record **ret, struct berth_error *err);

const char *driver_kind_name(uint32_t kind);  /**< "storage", ...; "?" */
uint32_t driver_kind_parse(const char *word); /**< 0: none of them */
/** Caps as words ("ingest-tree"), one array per kind, for messages and inspect. NULL: no such bit.
 */
const char *driver_cap_name(uint32_t kind, unsigned int bit);

/* --- options of one object ----------------------------------------------------------------------
 */

/**
 * Options "key=value" (NULL-terminated) for one object of the driver: checked against its
 * PER_OBJECT options. INVALID names the key, with a suggestion. The result answers for the driver's
 * own options as well, and is of no use after @d is gone.
 */
int drivers_object_conf(struct drivers *d, uint32_t kind, const char *name,
			const char *const *options, struct berth_conf **ret,
			struct berth_error *err);
void drivers_object_conf_free(struct berth_conf *conf);
DEFINE_CLEANUP(struct berth_conf *, drivers_object_conf_free);
#define cleanup_object_conf cleanup_with(drivers_object_conf_free_at)

/* --- what is lent: operations and sinks (op.h, sink.h) ------------------------------------------
 */

typedef void (*op_progress_fn)(void *arg, uint64_t done, uint64_t total, const char *unit);

/** A cancellable operation. op_cancel is async-signal-safe and may be called from any thread. */
int op_new(op_progress_fn fn, void *arg, struct berth_op **ret, struct berth_error *err);
/** Another one is told of progress, NULL: nobody. Not while something works with @op. */
void op_watch(struct berth_op *op, op_progress_fn fn, void *arg);
void op_cancel(struct berth_op *op);
bool op_cancelled(const struct berth_op *op);
/** CANCELLED with a text if @op (may be NULL) is cancelled, else 0. For the core's own loops. */
int op_check(const struct berth_op *op, struct berth_error *err);
void op_progress(struct berth_op *op, uint64_t done, uint64_t total, const char *unit);
void op_free(struct berth_op *op);
DEFINE_CLEANUP(struct berth_op *, op_free);
#define cleanup_op cleanup_with(op_free_at)

/** A sink that appends to @out, at most @limit bytes in all. */
int sink_new(struct str *out, size_t limit, struct berth_sink **ret, struct berth_error *err);
/** A sink for findings that appends records to the array @out (borrowed). */
int sink_new_findings(struct record *out, struct berth_sink **ret, struct berth_error *err);
void sink_free(struct berth_sink *sink);
DEFINE_CLEANUP(struct berth_sink *, sink_free);
#define cleanup_sink cleanup_with(sink_free_at)

/** Credentials come from above (core/image): asked by host->credential. */
typedef int (*drivers_credential_fn)(void *arg, const char *registry, struct str *ret_json,
				     struct berth_error *err);
void drivers_set_credential(struct drivers *d, drivers_credential_fn fn, void *arg);

/** What drivers tell with host->event: @json is an object. Default: the debug log. Any thread. */
typedef void (*drivers_event_fn)(void *arg, const char *driver, const char *topic,
				 struct berth_str json);
void drivers_set_event(struct drivers *d, drivers_event_fn fn, void *arg);

#endif
