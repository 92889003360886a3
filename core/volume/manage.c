/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>

#include "base/clock.h"
#include "base/ident.h"
#include "base/path.h"
#include "base/walk.h"
#include "core/store/filter.h"
#include "core/volume/volume.h"

#define TRASH_PREFIX ".trash-" /* no volume's name begins with a dot */

#define COLUMNS                                                                                    \
	"name,driver,created_ns,labels,anonymous,(SELECT COUNT(*) FROM volume_use u WHERE "        \
	"u.volume=v.name)"
enum column { COL_NAME, COL_DRIVER, COL_CREATED, COL_LABELS, COL_ANONYMOUS, COL_USES };

static struct record *labels_of(struct db_stmt *q)
{
	const char *text = db_text(q, COL_LABELS);
	struct record *labels = NULL;

	/* damaged ones are none */
	if (text)
		(void)record_parse(text, strlen(text), 0, &labels, NULL);
	return labels;
}

static int write_volume(struct store *store, struct db_stmt *q, struct record **ret,
			struct berth_error *err)
{
	cleanup_record struct record *out = record_new_object();
	cleanup_record struct record *labels = labels_of(q);
	cleanup_free char *path = volume_path(store, db_text(q, COL_NAME));
	char created[CLOCK_TEXT_MAX];
	int r = out && path ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");

	if (r == 0)
		r = record_set_str(out, "CreatedAt", clock_format(db_int(q, COL_CREATED), created),
				   err);
	if (r == 0)
		r = record_set_str(out, "Driver", db_text(q, COL_DRIVER), err);
	if (r == 0)
		r = labels ? record_set(out, "Labels", record_ref(labels), err)
			   : record_set_null(out, "Labels", err);
	if (r == 0)
		r = record_set_str(out, "Mountpoint", path, err);
	if (r == 0)
		r = record_set_str(out, "Name", db_text(q, COL_NAME), err);
	if (r == 0)
		r = record_set_null(out, "Options", err);
	if (r == 0)
		r = record_set_str(out, "Scope", "local", err);
	if (r == 0)
		*ret = steal_ptr(out);
	return r;
}

/* --- how large ------------------------------------------------------------ */

struct sum {
	uint64_t bytes;
};

static int add_size(void *arg, const struct walk_entry *e, struct berth_error *err)
{
	struct sum *sum = arg;

	if (e->event == WALK_OTHER && e->st)
		sum->bytes += (uint64_t)e->st->st_size;
	return 0;
}

int volume_size(struct store *store, const char *name, uint64_t *ret, struct berth_error *err)
{
	cleanup_free char *path = str_fmt("volumes/%s/_data", name);
	cleanup_fd int fd = -1;
	struct sum sum = {0};
	const struct walk_how how = {.flags = WALK_STAT, .fn = add_size, .arg = &sum};
	int r;

	if (!path)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = state_open(store->rootfd, path, O_RDONLY | O_DIRECTORY, 0, &fd, err);
	if (r == -BERTH_E_NOT_FOUND) { /* made when it is mounted */
		*ret = 0;
		return 0;
	}
	if (r == 0)
		r = walk_tree(fd, &how, err);
	if (r == 0)
		*ret = sum.bytes;
	return r;
}

static int add_usage(struct store *store, struct db_stmt *q, struct record *volume,
		     struct berth_error *err)
{
	struct record *usage = record_new_object();
	uint64_t size;
	int r = record_set(volume, "UsageData", usage, err);

	if (r == 0)
		r = record_set_int(usage, "RefCount", db_int(q, COL_USES), err);
	if (r == 0)
		r = volume_size(store, db_text(q, COL_NAME), &size, err);
	return r < 0 ? r : record_set_uint(usage, "Size", size, err);
}

/* --- list, inspect -------------------------------------------------------- */

struct wanted {
	char **names, **drivers, **labels;
	bool dangling_given, dangling;
};

static void wanted_done(struct wanted *w)
{
	strv_free(w->names);
	strv_free(w->drivers);
	strv_free(w->labels);
}

static int read_wanted(const struct record *filters, struct wanted *w, struct berth_error *err)
{
	static const char *const known[] = {"name", "driver", "label", "dangling", NULL};
	int r = filter_check(filters, known, err);

	w->dangling_given = filter_has(filters, "dangling");
	if (r == 0)
		r = filter_bool(filters, "dangling", false, &w->dangling, err);
	if (r == 0)
		r = filter_values(filters, "name", &w->names, err);
	if (r == 0)
		r = filter_values(filters, "driver", &w->drivers, err);
	return r < 0 ? r : filter_values(filters, "label", &w->labels, err);
}

static bool is_wanted(const struct wanted *w, struct db_stmt *q, const struct record *labels)
{
	bool named = strv_len(w->names) == 0;

	strv_foreach (name, w->names)
		named |= strstr(db_text(q, COL_NAME), *name) != NULL; /* docker: a part is enough */
	if (!named || (strv_len(w->drivers) > 0 && !strv_has(w->drivers, db_text(q, COL_DRIVER))))
		return false;
	if (w->dangling_given && w->dangling != (db_int(q, COL_USES) == 0))
		return false;
	return filter_labels(w->labels, labels);
}

int volume_list(struct store *store, const struct record *filters, bool usage, struct record **ret,
		struct berth_error *err)
{
	cleanup_record struct record *out = record_new_array();
	cleanup_with(wanted_done) struct wanted w = {0};
	cleanup_db_stmt struct db_stmt *q = NULL;
	int r = out ? read_wanted(filters, &w, err)
		    : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");

	if (r == 0)
		r = db_query(store->db, &q, err, "SELECT " COLUMNS " FROM volume v ORDER BY name",
			     "");
	while (r == 0 && (r = db_step(q, err)) > 0) {
		cleanup_record struct record *labels = labels_of(q);
		struct record *one;

		r = 0;
		if (!is_wanted(&w, q, labels))
			continue;
		r = write_volume(store, q, &one, err);
		if (r == 0)
			r = record_append(out, one, err);
		if (r == 0 && usage)
			r = add_usage(store, q, one, err);
	}
	if (r == 0)
		*ret = steal_ptr(out);
	return r;
}

int volume_inspect(struct store *store, const char *name, struct record **ret,
		   struct berth_error *err)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	int r = db_query(store->db, &q, err, "SELECT " COLUMNS " FROM volume v WHERE name=?1", "s",
			 name);

	if (r == 0)
		r = db_step(q, err);
	if (r == 0)
		return berth_fail(err, BERTH_E_NOT_FOUND, "get %s: no such volume", name);
	return r < 0 ? r : write_volume(store, q, ret, err);
}

/* --- create, remove ------------------------------------------------------- */

int volume_create(struct store *store, const char *name, const struct record *labels,
		  struct record **ret, struct berth_error *err)
{
	cleanup_free char *text =
		record_len(labels) ? record_to_text(labels, RECORD_COMPACT) : NULL;
	char random[IDENT_ID_MAX];
	bool anonymous = !name || !*name;
	int r = anonymous ? ident_random(random, err) : 0;

	if (r < 0)
		return r;
	if (anonymous)
		name = random;
	r = volume_check_name(name, err);
	if (r == 0)
		r = db_run(store->db, NULL, err,
			   "INSERT OR IGNORE INTO volume(name,driver,created_ns,labels,anonymous) "
			   "VALUES(?1,'local',?2,?3,?4)",
			   "sisi", name, clock_now_ns(), text, (int64_t)anonymous);
	if (r == 0)
		r = volume_dir(store, name, err);
	return r < 0 ? r : volume_inspect(store, name, ret, err);
}

static int user_of(struct store *store, const char *name, char **ret, struct berth_error *err)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	int r = db_query(store->db, &q, err,
			 "SELECT group_concat(container,', ') FROM volume_use WHERE volume=?1", "s",
			 name);

	if (r == 0)
		r = db_step(q, err);
	return r < 0 ? r : str_copy(r > 0 ? db_text(q, 0) : NULL, ret, err);
}

/* Out of the way, within the transaction that takes its row: who comes later begins anew. */
static int to_trash(struct store *store, int volumes, const char *name, char **ret_trash,
		    struct berth_error *err)
{
	cleanup_free char *trash = NULL;
	char random[IDENT_ID_MAX];
	int64_t changes = 0;
	int r = ident_random(random, err);

	if (r == 0)
		r = db_run(store->db, &changes, err, "DELETE FROM volume WHERE name=?1", "s", name);
	if (r < 0)
		return r;
	if (changes == 0)
		return berth_fail(err, BERTH_E_NOT_FOUND, "get %s: no such volume", name);
	trash = str_fmt(TRASH_PREFIX "%s", random);
	if (!trash)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	if (renameat(volumes, name, volumes, trash) < 0 && errno != ENOENT)
		return berth_fail_errno(err, errno, "remove volume '%s'", name);
	*ret_trash = steal_ptr(trash);
	return 0;
}

int volume_remove(struct store *store, const char *name, struct berth_error *err)
{
	cleanup_free char *user = NULL, *trash = NULL;
	cleanup_fd int volumes = -1;
	int r = state_mkdirs(store->rootfd, "volumes", 0711, &volumes, err);

	if (r == 0)
		r = db_begin(store->db, err);
	if (r < 0)
		return r;
	r = user_of(store, name, &user, err);
	if (r == 0 && user)
		r = berth_fail(err, BERTH_E_BUSY, "remove %s: volume is in use - [%s]", name, user);
	if (r == 0)
		r = to_trash(store, volumes, name, &trash, err);
	if (r == 0)
		r = db_commit(store->db, DB_DURABLE, err);
	if (r < 0) {
		db_rollback(store->db);
		return r;
	}
	return remove_tree(volumes, trash, err);
}

/* What a process left that was killed while it removed one. */
static void empty_trash(struct store *store)
{
	cleanup_fd int volumes = -1;
	cleanup_dir DIR *dir = NULL;
	const struct dirent *e;

	if (state_open(store->rootfd, "volumes", O_RDONLY | O_DIRECTORY, 0, &volumes, NULL) < 0)
		return;
	dir = fdopendir(fcntl(volumes, F_DUPFD_CLOEXEC, 3));
	while (dir && (e = readdir(dir)))
		if (str_has_prefix(e->d_name, TRASH_PREFIX))
			(void)remove_tree(volumes, e->d_name, NULL); /* or the next one does */
}

/* Names of what may go. */
static int find_unused(struct store *store, bool all, const struct filter_prune *f, char ***ret,
		       struct berth_error *err)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	int r = db_query(store->db, &q, err, "SELECT " COLUMNS " FROM volume v ORDER BY name", "");

	while (r == 0 && (r = db_step(q, err)) > 0) {
		cleanup_record struct record *labels = labels_of(q);

		r = 0;
		if (db_int(q, COL_USES) > 0 || !(all || db_int(q, COL_ANONYMOUS)) ||
		    !filter_prune_has(f, db_int(q, COL_CREATED), labels))
			continue;
		if (strv_add(ret, db_text(q, COL_NAME)) < 0)
			r = berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	}
	return r;
}

int volume_prune(struct store *store, bool all, const struct record *filters,
		 struct record *deleted, uint64_t *ret_bytes, struct berth_error *err)
{
	cleanup_filter_prune struct filter_prune f = {0};
	cleanup_strv char **names = NULL;
	uint64_t bytes = 0;
	int r = filter_prune_read(filters, &f, err);

	if (r == 0)
		r = find_unused(store, all, &f, &names, err);
	strv_foreach (name, names) {
		uint64_t size = 0;

		if (r == 0)
			r = volume_size(store, *name, &size, err);
		if (r == 0)
			r = volume_remove(store, *name, err);
		if (r == -BERTH_E_BUSY || r == -BERTH_E_NOT_FOUND) { /* somebody was quicker */
			r = 0;
			continue;
		}
		if (r == 0)
			r = record_append_str(deleted, *name, err);
		bytes += size;
	}
	empty_trash(store);
	*ret_bytes = bytes;
	return r;
}
