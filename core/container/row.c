/* SPDX-License-Identifier: Apache-2.0 */
#include "core/container/row.h"

#include <string.h>

#include "base/ident.h"
#include "core/network/endpoint.h"

#define COLUMNS                                                                                    \
	"id,name,image,state,created_ns,started_ns,finished_ns,pid,exit_code,flags,error,storage," \
	"network,isolation,auto_remove,spec"

static const struct {
	enum container_state state;
	const char *name;
} states[] = {
	{CONTAINER_CREATING, "creating"}, {CONTAINER_CREATED, "created"},
	{CONTAINER_STARTING, "starting"}, {CONTAINER_RUNNING, "running"},
	{CONTAINER_PAUSED, "paused"},	  {CONTAINER_EXITED, "exited"},
	{CONTAINER_REMOVING, "removing"}, {CONTAINER_DEAD, "dead"},
};
#define N_STATES (sizeof(states) / sizeof(states[0]))

const char *container_state_name(enum container_state state)
{
	for (size_t i = 0; i < N_STATES; i++)
		if (states[i].state == state)
			return states[i].name;
	return "?";
}

enum container_state container_state_parse(const char *name)
{
	for (size_t i = 0; i < N_STATES; i++)
		if (str_eq(states[i].name, name))
			return states[i].state;
	return CONTAINER_DEAD;
}

void container_row_free(struct container_row *row)
{
	if (!row)
		return;
	free(row->id);
	free(row->name);
	free(row->image);
	free(row->error);
	free(row->storage);
	free(row->network);
	free(row->isolation);
	record_free(row->merged);
	free(row);
}

static char *text_copy(struct db_stmt *q, int i)
{
	const char *text = db_text(q, i);

	return text ? strdup(text) : NULL;
}

static int row_read(struct db_stmt *q, struct container_row **ret, struct berth_error *err)
{
	cleanup_row struct container_row *row = calloc(1, sizeof(*row));
	const char *spec = db_text(q, 15);
	int r;

	if (!row)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	row->id = text_copy(q, 0);
	row->name = text_copy(q, 1);
	row->image = text_copy(q, 2);
	row->state = container_state_parse(db_text(q, 3));
	row->created_ns = db_int(q, 4);
	row->started_ns = db_int(q, 5);
	row->finished_ns = db_int(q, 6);
	row->pid = db_int(q, 7);
	row->exit_code = (int)db_int(q, 8);
	row->flags = (uint32_t)db_int(q, 9);
	row->error = text_copy(q, 10);
	row->storage = text_copy(q, 11);
	row->network = text_copy(q, 12);
	row->isolation = text_copy(q, 13);
	row->auto_remove = db_int(q, 14) != 0;
	if (!row->id || !row->name)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	if (spec) {
		r = record_parse(spec, strlen(spec), 0, &row->merged, err);
		if (r < 0) {
			berth_error_prefix(err, "container %.12s", row->id);
			return r;
		}
	}
	*ret = steal_ptr(row);
	return 0;
}

static int no_such(const char *ref, struct berth_error *err)
{
	return berth_fail(err, BERTH_E_NOT_FOUND, "No such container: %s", ref);
}

/** The only row of query @q; @q with more than one is an ambiguous prefix. */
static int row_only(struct db_stmt *q, const char *ref, struct container_row **ret,
		    struct berth_error *err)
{
	cleanup_row struct container_row *row = NULL;
	int r = db_step(q, err);

	if (r < 0)
		return r;
	if (r == 0)
		return no_such(ref, err);
	r = row_read(q, &row, err);
	if (r < 0)
		return r;
	r = db_step(q, err);
	if (r < 0)
		return r;
	if (r > 0)
		return berth_fail(err, BERTH_E_INVALID,
				  "multiple IDs found with provided prefix: %s", ref);
	*ret = steal_ptr(row);
	return 0;
}

int container_row_find(struct store *store, const char *ref, struct container_row **ret,
		       struct berth_error *err)
{
	int r = -BERTH_E_NOT_FOUND;

	if (*ref == '/')
		ref++;
	/* a name wins over a prefix of an id, as docker has it; a whole id wins over both */
	if (!ident_is_id(ref)) {
		cleanup_db_stmt struct db_stmt *q = NULL;

		r = db_query(store->db, &q, err, "SELECT " COLUMNS " FROM container WHERE name=?1",
			     "s", ref);
		if (r == 0)
			r = row_only(q, ref, ret, err);
	}
	if (r == -BERTH_E_NOT_FOUND && ident_is_id_prefix(ref)) {
		cleanup_db_stmt struct db_stmt *q = NULL;
		char end[IDENT_ID_MAX + 1];

		/* 'g' is behind every hex digit: a range on the primary key */
		(void)snprintf(end, sizeof(end), "%sg", ref);
		r = db_query(store->db, &q, err,
			     "SELECT " COLUMNS " FROM container WHERE id>=?1 AND id<?2 LIMIT 2",
			     "ss", ref, end);
		if (r == 0)
			r = row_only(q, ref, ret, err);
	} else if (r == -BERTH_E_NOT_FOUND) {
		return no_such(ref, err);
	}
	return r;
}

/**
 * What `ps` shows of the long spec, so that a list of many does not parse them all: Image, Command,
 * Labels, Mounts and NetworkMode, in the shape of ContainerSummary.
 */
static int summary_of(const struct container_row *row, char **ret, struct berth_error *err)
{
	const struct record *config = record_get(row->merged, "Config");
	cleanup_record struct record *sum = record_new_object();
	cleanup_str struct str command = STR_INIT;
	static const char *const parts[] = {"Entrypoint", "Cmd"};
	struct record *labels;
	int r;

	for (size_t p = 0; p < 2; p++) {
		const struct record *words = record_get(config, parts[p]);

		for (size_t i = 0; i < record_len(words); i++)
			str_addf(&command, "%s%s", command.len ? " " : "",
				 record_str_or(record_at(words, i), ""));
	}
	labels = record_get(config, "Labels");
	labels = labels ? record_ref(labels) : record_new_object();
	r = record_set(sum, "Labels", labels, err);
	if (r == 0)
		r = record_set_str(sum, "Image", record_str(record_get(config, "Image")), err);
	if (r == 0)
		r = record_set_str(sum, "Command", str_text(&command), err);
	if (r == 0)
		r = record_set_str(sum, "NetworkMode", row->network, err);
	if (r == 0 && record_len(record_get(config, "ExposedPorts")) > 0)
		r = record_set(sum, "ExposedPorts", record_ref(record_get(config, "ExposedPorts")),
			       err);
	if (r == 0)
		*ret = record_to_text(sum, RECORD_COMPACT);
	return r == 0 && !*ret ? berth_fail(err, BERTH_E_NO_MEMORY, "out of memory") : r;
}

int container_row_insert(struct store *store, const struct container_row *row,
			 struct berth_error *err)
{
	cleanup_free char *spec = record_to_text(row->merged, RECORD_COMPACT), *summary = NULL;
	cleanup_row struct container_row *holder = NULL;
	int r;

	if (!spec)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = summary_of(row, &summary, err);
	if (r == 0)
		r = db_begin(store->db, err);
	if (r == 0)
		r = db_run(store->db, NULL, err,
			   "INSERT INTO container(id,name,image,state,created_ns,storage,network,"
			   "isolation,auto_remove,spec,summary) "
			   "VALUES(?1,?2,?3,'creating',?4,?5,?6,?7,?8,?9,?10)",
			   "sssisssiss", row->id, row->name, row->image, row->created_ns,
			   row->storage, row->network, row->isolation, (int64_t)row->auto_remove,
			   spec, summary);
	if (r == 0)
		r = db_commit(store->db, DB_LAZY, err);
	if (r == 0)
		return 0;
	db_rollback(store->db);
	if (r == -BERTH_E_EXISTS && container_row_find(store, row->name, &holder, NULL) == 0) {
		(void)berth_fail(err, BERTH_E_EXISTS,
				 "Conflict. The container name \"/%s\" is already in use by "
				 "container \"%s\"",
				 row->name, holder->id);
		berth_error_hint(err, "remove (or rename) that container to reuse the name");
	}
	return r;
}

int container_row_save_spec(struct store *store, const struct container_row *row,
			    struct berth_error *err)
{
	cleanup_free char *spec = record_to_text(row->merged, RECORD_COMPACT);
	int r;

	if (!spec)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = db_begin(store->db, err);
	if (r == 0)
		r = db_run(store->db, NULL, err, "UPDATE container SET spec=?2 WHERE id=?1", "ss",
			   row->id, spec);
	if (r == 0)
		r = db_commit(store->db, DB_LAZY, err);
	if (r < 0)
		db_rollback(store->db);
	return r;
}

int container_row_delete(struct store *store, const char *id, enum db_durability how,
			 struct berth_error *err)
{
	int r = db_begin(store->db, err);

	if (r == 0)
		r = db_run(store->db, NULL, err, "DELETE FROM container WHERE id=?1", "s", id);
	if (r == 0)
		r = db_run(store->db, NULL, err, "DELETE FROM volume_use WHERE container=?1", "s",
			   id);
	if (r == 0)
		r = db_run(store->db, NULL, err,
			   "DELETE FROM endpoint WHERE container=?1 AND phase='off'", "s", id);
	if (r == 0)
		r = endpoints_leave(store, id, err);
	if (r == 0)
		r = db_run(store->db, NULL, err, "DELETE FROM move_wish WHERE container=?1", "s",
			   id);
	if (r == 0)
		r = db_commit(store->db, how, err);
	if (r < 0)
		db_rollback(store->db);
	return r;
}

/** The states of @set as "'a','b'": words of ours only, so they may stand in the text of a query.
 */
static void states_list(uint32_t set, struct str *out)
{
	for (size_t i = 0; i < N_STATES; i++)
		if (set & states[i].state)
			str_addf(out, "%s'%s'", out->len ? "," : "", states[i].name);
}

static int moved(struct store *store, const char *id, int64_t changes, struct berth_error *err)
{
	cleanup_row struct container_row *row = NULL;
	int r;

	if (changes > 0)
		return 0;
	r = container_row_find(store, id, &row, err);
	if (r < 0)
		return r;
	return berth_fail(err, BERTH_E_BUSY, "container %s is %s", row->name,
			  container_state_name(row->state));
}

int container_row_move(struct store *store, const char *id, uint32_t from, enum container_state to,
		       enum db_durability durability, struct berth_error *err)
{
	cleanup_str struct str list = STR_INIT;
	int64_t changes = 0;
	int r;

	states_list(from, &list);
	r = str_check(&list, err);
	if (r == 0)
		r = db_begin(store->db, err);
	if (r == 0)
		/* instr: the set is an argument too, so that the statement stays the same */
		r = db_run(store->db, &changes, err,
			   "UPDATE container SET state=?2 WHERE id=?1 AND "
			   "instr(?3,''''||state||'''')>0",
			   "sss", id, container_state_name(to), str_text(&list));
	if (r == 0)
		r = db_commit(store->db, durability, err);
	if (r < 0) {
		db_rollback(store->db);
		return r;
	}
	return moved(store, id, changes, err);
}

int container_row_started(struct store *store, const char *id, int64_t pid, int64_t at_ns,
			  struct berth_error *err)
{
	int64_t changes = 0;
	int r = db_begin(store->db, err);

	if (r == 0)
		r = db_run(store->db, &changes, err,
			   "UPDATE container SET state='running',pid=?2,started_ns=?3,"
			   "finished_ns=NULL,exit_code=0,flags=0,error=NULL WHERE id=?1 AND "
			   "state IN('starting','creating')",
			   "sii", id, pid, at_ns);
	if (r == 0)
		r = db_commit(store->db, DB_LAZY, err);
	if (r < 0) {
		db_rollback(store->db);
		return r;
	}
	return moved(store, id, changes, err);
}

int container_row_ended(struct store *store, const char *id, enum container_state to, int code,
			uint32_t flags, int64_t at_ns, const char *error, struct berth_error *err)
{
	int r = db_begin(store->db, err);

	if (r == 0)
		r = db_run(
			store->db, NULL, err,
			"UPDATE container SET state=?2,pid=0,exit_code=?3,flags=?4,"
			"finished_ns=?5,error=?6 WHERE id=?1 AND state NOT IN('removing','dead')",
			"ssiiis", id, container_state_name(to), (int64_t)code, (int64_t)flags,
			at_ns, error);
	if (r == 0)
		r = endpoints_leave(store, id, err);
	if (r == 0)
		r = db_commit(store->db, DB_LAZY, err);
	if (r < 0)
		db_rollback(store->db);
	return r;
}
