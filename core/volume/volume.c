/* SPDX-License-Identifier: Apache-2.0 */
#include "core/volume/volume.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/ident.h"
#include "base/path.h"
#include "base/tree_copy.h"

#define VOLUME_DATA "_data"

/** <root>/volumes/<name>/_data on the host. */
char *volume_path(struct store *store, const char *name)
{
	return str_fmt("%s/volumes/%s/" VOLUME_DATA, store->config->root, name);
}

int volume_dir(struct store *store, const char *name, struct berth_error *err)
{
	cleanup_fd int volumes = -1, own = -1;
	int r = state_mkdirs(store->rootfd, "volumes", 0711, &volumes, err);

	if (r == 0)
		r = state_mkdir(volumes, name, 0711, STATE_EXIST_OK, err);
	if (r == 0)
		r = state_open(volumes, name, O_RDONLY | O_DIRECTORY, 0, &own, err);
	if (r == 0)
		r = state_mkdir(own, VOLUME_DATA, 0755, STATE_EXIST_OK, err);
	return r;
}

/** Row and use in one transaction, before the directory: "volumes without a directory" are made
 * again. */
static int volume_register(struct store *store, const char *id, const char *name, bool anonymous,
			   struct berth_error *err)
{
	int r = db_begin(store->db, err);

	if (r == 0)
		r = db_run(store->db, NULL, err,
			   "INSERT OR IGNORE INTO volume(name,driver,created_ns,anonymous) "
			   "VALUES(?1,'local',?2,?3)",
			   "sii", name, clock_now_ns(), (int64_t)anonymous);
	if (r == 0)
		r = db_run(store->db, NULL, err,
			   "INSERT OR IGNORE INTO volume_use(volume,container) VALUES(?1,?2)", "ss",
			   name, id);
	if (r == 0)
		r = db_commit(store->db, DB_LAZY, err);
	if (r < 0)
		db_rollback(store->db);
	return r;
}

static bool dir_is_empty(const char *path)
{
	cleanup_dir DIR *dir = opendir(path);
	const struct dirent *e;

	while (dir && (e = readdir(dir)))
		if (!str_eq(e->d_name, ".") && !str_eq(e->d_name, ".."))
			return false;
	return dir != NULL;
}

int volume_check_name(const char *name, struct berth_error *err)
{
	if (ident_is_name(name))
		return 0;
	return berth_fail(err, BERTH_E_INVALID,
			  "\"%s\" includes invalid characters for a local volume name, only "
			  "\"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed",
			  name);
}

static int prepare_volume(struct store *store, const char *id, struct spec_mount *m,
			  bool *ret_fresh, struct berth_error *err)
{
	bool anonymous = !m->source || !*m->source;
	char random[IDENT_ID_MAX];
	int r = 0;

	if (m->volume_driver && *m->volume_driver && !str_eq(m->volume_driver, "local"))
		return berth_fail(err, BERTH_E_NOT_FOUND,
				  "volume driver '%s' not found (only 'local')", m->volume_driver);
	if (m->subpath && *m->subpath)
		return berth_fail(err, BERTH_E_UNSUPPORTED, "volume-subpath is not supported yet");
	if (anonymous) {
		r = ident_random(random, err);
		if (r == 0) {
			free(steal_ptr(m->source));
			r = str_copy(random, &m->source, err);
		}
	} else {
		r = volume_check_name(m->source, err);
	}
	if (r == 0)
		r = volume_register(store, id, m->source, anonymous, err);
	if (r == 0)
		r = volume_dir(store, m->source, err);
	if (r < 0)
		return r;
	m->host_path = volume_path(store, m->source);
	if (!m->host_path)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	*ret_fresh = !m->no_copy && dir_is_empty(m->host_path);
	return 0;
}

static int prepare_bind(struct spec_mount *m, struct berth_error *err)
{
	struct stat st;

	if (stat(m->source, &st) < 0) {
		if (errno != ENOENT || !m->create_source)
			return berth_fail(
				err, BERTH_E_INVALID,
				"invalid mount config for type \"bind\": bind source path "
				"does not exist: %s",
				m->source);
		/* -v makes what is missing, as docker; a path of the host, which the user has
		 * chosen */
		{
			cleanup_fd int host = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
			int r = root_mkdirs(host, m->source, 0755, NULL, err);

			if (r < 0)
				return r;
		}
	}
	return str_copy(m->source, &m->host_path, err);
}

int volume_prepare(struct store *store, const char *id, struct spec_mount *mounts, size_t n,
		   uint64_t *ret_fresh, struct berth_error *err)
{
	uint64_t fresh = 0;
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		bool is_fresh = false;

		if (str_eq(mounts[i].type, "volume"))
			r = prepare_volume(store, id, &mounts[i], &is_fresh, err);
		else if (str_eq(mounts[i].type, "bind"))
			r = prepare_bind(&mounts[i], err);
		if (is_fresh && i < 64)
			fresh |= UINT64_C(1) << i;
	}
	if (r < 0) {
		(void)volume_release(store, id, true, NULL);
		return r;
	}
	*ret_fresh = fresh;
	return 0;
}

static const char *volume_at(const struct record *volumes, const char *target)
{
	for (size_t i = 0; i < record_len(volumes); i++) {
		const struct record *v = record_at(volumes, i);

		if (str_eq(record_str(record_get(v, "Destination")), target))
			return record_str(record_get(v, "Name"));
	}
	return NULL;
}

int volume_locate(struct store *store, const struct record *volumes, struct spec_mount *mounts,
		  size_t n, struct berth_error *err)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		struct spec_mount *m = &mounts[i];

		if (str_eq(m->type, "volume")) {
			const char *name = volume_at(volumes, m->target);

			if (!name)
				return berth_fail(err, BERTH_E_CORRUPT,
						  "no volume is known for '%s'", m->target);
			free(steal_ptr(m->source));
			r = str_copy(name, &m->source, err);
			if (r == 0)
				r = volume_dir(store, name, err);
			m->host_path = volume_path(store, name);
			if (r == 0 && !m->host_path)
				r = berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		} else if (str_eq(m->type, "bind")) {
			r = prepare_bind(m, err);
		}
	}
	return r;
}

int volume_copy_up(int rootfd, const char *target, const char *host_path, struct berth_error *err)
{
	cleanup_fd int from = -1, to = -1;
	struct tree_copy_how how = {.links = -1};
	int r = root_open(rootfd, target, O_RDONLY | O_DIRECTORY, 0, &from, err);

	if (r == -BERTH_E_NOT_FOUND || r == -BERTH_E_INVALID)
		return 0; /* the image has nothing there, or a file */
	if (r < 0)
		return r;
	to = open(host_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (to < 0)
		return berth_fail_errno(err, errno, "fill the volume for '%s'", target);
	r = tree_copy(from, to, &how, err);
	if (r < 0)
		berth_error_prefix(err, "fill the volume for '%s'", target);
	return r;
}

static int anonymous_unused(struct store *store, const char *id, char ***ret,
			    struct berth_error *err)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	int r = db_query(
		store->db, &q, err,
		"SELECT v.name FROM volume v JOIN volume_use u ON u.volume=v.name "
		"WHERE u.container=?1 AND v.anonymous=1 AND NOT EXISTS(SELECT 1 FROM volume_use "
		"o WHERE o.volume=v.name AND o.container<>?1)",
		"s", id);

	while (r == 0 && (r = db_step(q, err)) > 0)
		r = strv_add(ret, db_text(q, 0)) < 0
			    ? berth_fail(err, BERTH_E_NO_MEMORY, "out of memory")
			    : 0;
	return r;
}

int volume_release(struct store *store, const char *id, bool anonymous, struct berth_error *err)
{
	cleanup_strv char **names = NULL;
	cleanup_fd int volumes = -1;
	int r = 0;

	if (anonymous)
		r = anonymous_unused(store, id, &names, err);
	if (r == 0 && names)
		r = state_open(store->rootfd, "volumes", O_RDONLY | O_DIRECTORY, 0, &volumes, err);
	if (r < 0)
		return r == -BERTH_E_NOT_FOUND ? 0 : r;
	strv_foreach (name, names) {
		/* directory first: a row without one is made again, the other way round it would
		 * leak */
		r = remove_tree(volumes, *name, err);
		if (r == 0)
			r = db_begin(store->db, err);
		if (r == 0)
			r = db_run(store->db, NULL, err, "DELETE FROM volume WHERE name=?1", "s",
				   *name);
		if (r == 0)
			r = db_commit(store->db, DB_LAZY, err);
		if (r < 0) {
			db_rollback(store->db);
			return r;
		}
	}
	return 0; /* the uses go with the container's row */
}
