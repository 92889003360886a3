/* SPDX-License-Identifier: Apache-2.0 */
/*
 * make: the steps that create, start, run, remove and recovery share. Internal to core/container.
 *
 *   make    row CREATING, view, volumes, directory        (the caller holds the lock)
 *   launch  monitor, mounts, spec, network -> RUNNING
 *   erase   all of it away, whatever of it is there; every undo and every remove is this one
 */
#ifndef CORE_CONTAINER_MAKE_H
#define CORE_CONTAINER_MAKE_H

#include "core/container/row.h"
#include "core/container/spec.h"
#include "core/container/streams.h"

#define CONTAINER_LOCK "container"

/** What @body asks for, of which image and in which storage; nothing is made, and there is no row. */
int container_draft(struct container_host *h, const struct record *body, struct container_row **ret,
		    struct image **ret_image, struct storage **ret_storage,
		    struct record *warnings, struct berth_error *err);
/** On success the row is CREATING and *ret_lock is held. */
int container_make(struct container_host *h, const char *name, const struct record *body,
		   struct container_row **ret_row, int *ret_lock, struct record *warnings,
		   struct berth_error *err);

/**
 * Row STARTING, the lock held -> RUNNING. @monitor: of monitor_spawn, taken over; -1: start one. On
 * failure nothing runs, and the row is as it was: the caller says what becomes of it.
 */
int container_launch(struct container_host *h, struct container_row *row, int monitor,
		     uint32_t attach, struct container_streams *ret_streams,
		     struct berth_error *err);

/**
 * *@lock is held, and given back with its file on success; nothing runs. Row, view, directories,
 * volumes' use. Absent parts are fine.
 */
int container_erase(struct container_host *h, const struct container_row *row, int *lock,
		    bool volumes, struct berth_error *err);

/** A sandbox whose monitor is dead: end its processes, remove its cgroups. None there: 0.
 * (recover.c) */
int container_sandbox_end(struct container_host *h, const struct container_row *row,
			  struct berth_error *err);

/** To the monitor of a container that runs. INVALID, in docker's words about @doing: it does not.
 * (pause.c) */
int container_connect(struct container_host *h, const struct container_row *row, const char *doing,
		      int *ret_fd, struct berth_error *err);
/** Frozen as long as *@ret_hold is open; of one that does not run -1. UNSUPPORTED: the isolation
 * driver cannot. (pause.c) */
int container_hold(struct container_host *h, const struct container_row *row, int *ret_hold,
		   struct berth_error *err);
/** A paused one goes on; @monitor of container_connect. (pause.c) */
int container_thaw(struct container_host *h, const struct container_row *row, int monitor,
		   struct berth_error *err);

/** Unpack the image in @storage if it is not there yet. */
int container_ensure_layers(struct container_host *h, const struct image *image,
			    struct storage *storage, struct berth_error *err);
/** The view of @row in @storage, with the options of @body's HostConfig.StorageOpt. */
int container_make_view(struct container_host *h, const struct record *body,
			const struct container_row *row, const struct image *image,
			struct storage *storage, struct berth_error *err);

/** Name of the isolation driver that @body asks for, or the config's default. */
int container_isolation_name(struct container_host *h, const struct record *body, const char **ret,
			     struct berth_error *err);

/** <root>/containers/<id> or <run>/containers/<id> as a directory fd, made if missing. */
int container_dir(int base, const char *id, mode_t mode, int *ret_fd, struct berth_error *err);
#define CONTAINER_PATH_MAX (sizeof("containers/") + 64)


#endif
