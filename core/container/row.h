/* SPDX-License-Identifier: Apache-2.0 */
/*
 * row: a container as the database has it, and its changes of state. Nothing else in core/container
 * writes to the table. A change of state names the states it may come from, and is refused (BUSY)
 * when another process was first: so two `start` at once never both begin.
 */
#ifndef CORE_CONTAINER_ROW_H
#define CORE_CONTAINER_ROW_H

#include "core/container/container.h"

enum container_state {
	CONTAINER_CREATING = 1u << 0, /* bits, so that a set of states is a number */
	CONTAINER_CREATED = 1u << 1,
	CONTAINER_STARTING = 1u << 2,
	CONTAINER_RUNNING = 1u << 3,
	CONTAINER_PAUSED = 1u << 4,
	CONTAINER_EXITED = 1u << 5,
	CONTAINER_REMOVING = 1u << 6,
	CONTAINER_DEAD = 1u << 7, /* removal failed half way; rm -f tries again */
};
#define CONTAINER_ALIVE (CONTAINER_RUNNING | CONTAINER_PAUSED)

struct container_row {
	char *id, *name, *image; /* image: "sha256:…" */
	enum container_state state;
	int64_t created_ns, started_ns, finished_ns;
	int64_t pid;
	int exit_code;
	uint32_t flags; /* enum berth_exit_flags of its last end */
	char *error;	/* of its last start, or NULL */
	char *storage, *network, *isolation;
	bool auto_remove;
	struct record *merged; /* {"Config","HostConfig","NetworkingConfig"} + "Image", "Args" */
};

void container_row_free(struct container_row *row);
DEFINE_CLEANUP(struct container_row *, container_row_free);
#define cleanup_row cleanup_with(container_row_free_at)

const char *container_state_name(enum container_state state); /* as the API says it */
enum container_state container_state_parse(const char *name); /* DEAD for an unknown one */

/** By name, id or unambiguous prefix. NOT_FOUND "No such container: x". */
int container_row_find(struct store *store, const char *ref, struct container_row **ret,
		       struct berth_error *err);
/** Insert as CREATING. EXISTS if the name is taken, in docker's words, naming the holder. */
int container_row_insert(struct store *store, const struct container_row *row,
			 struct berth_error *err);
/** Write row->merged again. */
int container_row_save_spec(struct store *store, const struct container_row *row,
			    struct berth_error *err);
int container_row_delete(struct store *store, const char *id, enum db_durability how,
			 struct berth_error *err);

/** @from a set of states. BUSY: it is in none of them (any more); NOT_FOUND: it is gone. */
int container_row_move(struct store *store, const char *id, uint32_t from, enum container_state to,
		       enum db_durability durability, struct berth_error *err);
int container_row_started(struct store *store, const char *id, int64_t pid, int64_t at_ns,
			  struct berth_error *err);
/** To EXITED (or, with @code of a start that failed, back to CREATED) from any state but REMOVING.
 */
int container_row_ended(struct store *store, const char *id, enum container_state to, int code,
			uint32_t flags, int64_t at_ns, const char *error, struct berth_error *err);

#endif
