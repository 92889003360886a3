/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container: what containers there are, and the verbs on them. One verb, one pair of files; this
 * header is the list of them all.
 *
 * A container is a row in the database, a view in a storage driver, a directory
 * <root>/containers/<id>, and, while it runs, a monitor process with a socket in
 * <run>/containers/<id>. States:
 *
 *   creating -> created -> starting -> running -> exited -> (starting ...)
 *                                        |  ^                     any -> removing -> gone
 *                                        v  |
 *                                       paused
 *
 * A row in creating, starting or removing is worked on by the process that holds its lock
 * (store_lock "container"/id). If nobody does, that process is dead, and the next one that opens
 * the engine undoes or finishes it (container_recover). "running" is true only while the monitor
 * holds <run>/containers/<id>/monitor.lock.
 *
 * Records in and out have the shapes of the Engine API 1.50; names, ids and unambiguous prefixes of
 * ids are accepted everywhere as @ref. Texts of errors that scripts look at are docker's: "No such
 * container: x".
 */
#ifndef CORE_CONTAINER_H
#define CORE_CONTAINER_H

#include "core/driver/drivers.h"
#include "core/image/image.h"
#include "core/store/store.h"

/** What the verbs work on; lives in the engine. Borrowed members. */
struct container_host {
	const struct config *config;
	struct store *store;
	struct drivers *drivers;
	struct berth_op *op;	 /**< cancelled by Ctrl-C; may be NULL */
	const char *program;	 /**< path of `berth`, which the monitor runs to finish things */
	const char *monitor;	 /**< path of berth-monitor */
	const char *init;	 /**< path of berth-init */
	const char *config_file; /**< as --config gave it, or NULL */
	int spare_monitor;	 /**< of container_prelaunch; -1: none */
};

/**
 * Start the monitor of a container_run to come, before the store is even open: it loads its driver
 * meanwhile on another core. Best effort; a run that never comes costs nothing but that process,
 * which ends by itself.
 */
void container_prelaunch(struct container_host *h, const struct record *body);

/**
 * `create`: @body is ContainerCreate; @name NULL: a random one. Our own keys in HostConfig:
 * "StorageDriver", "Isolation" (strings; docker's own Isolation is for Windows), *ret: {"Id",
 * "Warnings": []}. NOT_FOUND: no such image. EXISTS: name in use (docker's text).
 */
int container_create(struct container_host *h, const char *name, const struct record *body,
		     struct record **ret, struct berth_error *err);

/**
 * A client's connection to a running container's streams. fds are -1 where not asked for; all
 * belong to this struct. With a terminal everything comes out of `out`, and a read of it may fail
 * with EIO at the end, which means end of file.
 */
struct container_streams {
	int control;  /**< to the monitor: readable when there is news for container_streams_wait */
	int in;	      /**< write here; close it for end of input (a terminal has none) */
	int out, err; /**< read these until the end, also after the container has ended */
	int console;  /**< with a terminal: for TIOCSWINSZ only */
	bool tty;
	bool has_duty; /**< the end is this process's to finish; streams_close says that it did */
	int exit_code; /**< known once ended */
	bool ended;
};
void container_streams_close(struct container_streams *s);

enum container_attach_flags {
	CONTAINER_ATTACH_STDIN = 1u << 0,
	CONTAINER_ATTACH_STDOUT = 1u << 1,
	CONTAINER_ATTACH_STDERR = 1u << 2,
	CONTAINER_FINISH =
		1u << 3, /**< this process will call container_finish when it has ended */
};

/**
 * `start`: returns when the program has been executed. @attach: 0, or flags of what @ret_streams
 * shall carry, connected before the program runs, so that nothing is missed. EXEC: it could not be
 * executed (sys_errno); the container is "created" again with exit code 126 or 127, as docker
 * leaves it.
 */
int container_start(struct container_host *h, const char *ref, uint32_t attach,
		    struct container_streams *ret_streams, struct berth_error *err);

/** `attach` to a running one. BUSY-free: many may. INVALID if not running: docker's text. */
int container_attach(struct container_host *h, const char *ref, uint32_t attach,
		     struct container_streams *ret_streams, struct berth_error *err);

/** Wait on streams' control for the end; *ret_code the exit code. @timeout_ms -1: for ever;
 * TIMEOUT. */
int container_streams_wait(struct container_streams *s, int timeout_ms, int *ret_code,
			   struct berth_error *err);

/**
 * After an end: make the row say so and, with AutoRemove, remove the container. Idempotent. To be
 * called by who asked for CONTAINER_FINISH, between container_streams_wait and
 * container_streams_close.
 */
int container_finish(struct container_host *h, const char *id, struct berth_error *err);

/**
 * `run` in one: create + start with fewer transactions. As those two; the id goes to @ret_id (65
 * bytes) as soon as it is known, also on failure after that ("" before).
 */
int container_run(struct container_host *h, const char *name, const struct record *body,
		  uint32_t attach, char *ret_id, struct container_streams *ret_streams,
		  struct berth_error *err);

/**
 * What container_run would make of its networks: {"Image", "StorageDriver", "Isolation", "Networks":
 * [of connection_plan]}. Makes nothing.
 */
int container_plan(struct container_host *h, const char *name, const struct record *body,
		   struct record **ret, struct berth_error *err);

/** A process more: @exec is ExecConfig + {"ConsoleSize"}; streams as in start; wait by
 * streams_wait. */
int container_exec(struct container_host *h, const char *ref, const struct record *exec,
		   uint32_t attach, struct container_streams *ret_streams, struct berth_error *err);

/** `stop`: stop signal, then KILL after @timeout_s (-1: the container's or the config's). Not
 * running: 0. */
int container_stop(struct container_host *h, const char *ref, int timeout_s,
		   struct berth_error *err);
/** `kill`: INVALID if not running. */
int container_kill(struct container_host *h, const char *ref, const char *signal,
		   struct berth_error *err);
/** Freeze all processes of a running one. BUSY: it is paused (or not) already. */
int container_pause(struct container_host *h, const char *ref, struct berth_error *err);
int container_unpause(struct container_host *h, const char *ref, struct berth_error *err);
/** Send a signal over streams (signal proxy); cheap. @all false: to the first process (or the
 * exec). */
int container_streams_signal(struct container_streams *s, int signo, struct berth_error *err);

enum container_wait_for {
	CONTAINER_WAIT_NOT_RUNNING = 0,
	CONTAINER_WAIT_NEXT_EXIT,
	CONTAINER_WAIT_REMOVED,
};
int container_wait(struct container_host *h, const char *ref, enum container_wait_for what,
		   int *ret_code, struct berth_error *err);

enum container_remove_flags {
	CONTAINER_REMOVE_FORCE = 1u << 0,
	CONTAINER_REMOVE_VOLUMES = 1u << 1,
};
int container_remove(struct container_host *h, const char *ref, uint32_t flags,
		     struct berth_error *err);

/** Remove all that do not run. Ids into array @deleted; *ret_bytes: what they held. */
int container_prune(struct container_host *h, const struct record *filters, struct record *deleted,
		    uint64_t *ret_bytes, struct berth_error *err);

/** Array of ContainerSummary, newest first. @filters as the API's. @limit 0 = all. @size: SizeRw,
 * SizeRootFs. */
int container_list(struct container_host *h, bool all, uint32_t limit, bool size,
		   const struct record *filters, struct record **ret, struct berth_error *err);
/** ContainerInspect. */
int container_inspect(struct container_host *h, const char *ref, bool size, struct record **ret,
		      struct berth_error *err);

/** What it has changed: array of {"Kind": 0 modified, 1 added, 2 deleted, "Path"}, by path. */
int container_diff(struct container_host *h, const char *ref, struct record **ret,
		   struct berth_error *err);

struct container_logs_opts {
	bool out, err, follow;
	int64_t since_ns, until_ns; /**< 0 = no bound */
	int64_t tail;		    /**< lines, -1 = all */
};
/** One piece of output: not necessarily whole lines. @stream 1 or 2. Non-zero ends. */
typedef int (*container_logs_fn)(void *arg, int stream, int64_t at_ns, const char *bytes, size_t n);
int container_logs(struct container_host *h, const char *ref,
		   const struct container_logs_opts *opts, container_logs_fn fn, void *arg,
		   struct berth_error *err);

/** Full id of @ref; NOT_FOUND. */
int container_find(struct container_host *h, const char *ref, char ret_id[static 65],
		   struct berth_error *err);

/**
 * Put right what dead processes left: rows in transit, "running" without monitor. Cheap if there is
 * nothing (one indexed query). Called by everything that opens the engine; @findings (may be NULL)
 * gets what was done.
 */
int container_recover(struct container_host *h, struct record *findings, struct berth_error *err);

/**
 * Both directions of orphans: views that a driver holds and no row knows, rows whose view is gone,
 * directories without a row, volumes without one. @repair: remove or make again. Findings as in
 * image_check.
 */
int container_check(struct container_host *h, bool repair, struct record *findings,
		    struct berth_error *err);

/**
 * Connect it to one more network, also while it runs; @config is EndpointSettings, or NULL. EXISTS:
 * it is. (connect.c)
 */
int container_network_connect(struct container_host *h, const char *network, const char *ref,
			      const struct record *config, struct berth_error *err);
/** NOT_FOUND: it is not connected; fine with @force. */
int container_network_disconnect(struct container_host *h, const char *network, const char *ref,
				 bool force, struct berth_error *err);

#endif
