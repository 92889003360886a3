/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/engine.h"

#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/path.h"
#include "base/process.h"
#include "core/container/connect.h"
#include "core/container/move.h"
#include "core/network/network.h"
#include "core/volume/volume.h"

enum { EXE_MAX = 4096 };

static int own_path(char **ret, struct berth_error *err)
{
	char *path = calloc(1, EXE_MAX);
	char *deleted;
	ssize_t n;

	if (!path)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	n = readlink("/proc/self/exe", path, EXE_MAX - 1);
	if (n < 0) {
		free(path);
		return berth_fail_errno(err, errno, "find the engine's own program");
	}
	/* replaced by an upgrade while we run: the new one has the same name */
	deleted = strstr(path, " (deleted)");
	if (deleted)
		*deleted = '\0';
	*ret = path;
	return 0;
}

/**
 * A program of ours that people do not call: beside an installed berth (../libexec/berth), in a
 * build tree (../monitor), or where it was configured to be.
 */
static int helper_path(const char *program, const char *name, char **ret, struct berth_error *err)
{
	static const char *const places[] = {"../libexec/berth", "../monitor"};
	int dir = (int)(path_base(program) - program) - 1;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		cleanup_free char *path = str_fmt("%.*s/%s/%s", dir, program, places[i], name);

		if (path && access(path, X_OK) == 0) {
			*ret = steal_ptr(path);
			return 0;
		}
	}
	*ret = str_fmt("%s/%s", BERTH_LIBEXECDIR, name);
	return *ret ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
}

/* The monitor has another working directory, and reads the same file. */
static int absolute(const char *path, char **ret, struct berth_error *err)
{
	cleanup_free char *cwd = NULL;

	if (!path || *path == '/')
		return str_copy(path, ret, err);
	cwd = getcwd(NULL, 0);
	if (!cwd)
		return berth_fail_errno(err, errno, "find the working directory");
	*ret = str_fmt("%s/%s", cwd, path);
	return *ret ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
}

static int override(char **at, const char *value, struct berth_error *err)
{
	if (!value)
		return 0;
	free(steal_ptr(*at));
	return str_copy(value, at, err);
}

static int overrides(struct engine *e, const struct engine_options *o, struct berth_error *err)
{
	struct config_kind *kind = e->config->kind;
	int r = override(&kind[BERTH_STORAGE].driver, o->storage_driver, err);

	if (r == 0)
		r = override(&kind[BERTH_NETWORK].driver, o->network_driver, err);
	if (r == 0)
		r = override(&kind[BERTH_ISOLATION].driver, o->isolation_driver, err);
	return r;
}

/** A driver had to make again what somebody took away: others' part of it is put back later. */
static void driver_event(void *arg, const char *driver, const char *topic, struct berth_str json)
{
	struct engine *e = arg;

	if (str_eq(topic, "network.rebuilt"))
		e->network_rebuilt = true;
	log_debug("driver.event", "driver=%s topic='%s' json=%.*s", driver, topic, (int)json.n,
		  json.p);
}

int engine_open(const struct engine_options *options, struct engine **ret, struct berth_error *err)
{
	cleanup_engine struct engine *e = calloc(1, sizeof(*e));
	int r;

	if (!e)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	e->host.spare_monitor = -1;
	r = config_load(options->config_file, options->defaults, &e->config, err);
	if (r == 0)
		r = overrides(e, options, err);
	if (r == 0)
		r = drivers_new(e->config, &e->drivers, err);
	if (r == 0)
		r = op_new(NULL, NULL, &e->op, err);
	if (r == 0)
		r = absolute(e->config->file, &e->config_path, err);
	if (r == 0)
		r = own_path(&e->program, err);
	if (r == 0)
		r = helper_path(e->program, "berth-monitor", &e->monitor, err);
	if (r == 0)
		r = helper_path(e->program, "berth-init", &e->init, err);
	if (r < 0)
		return r;
	e->host = (struct container_host){
		.config = e->config,
		.drivers = e->drivers,
		.op = e->op,
		.program = e->program,
		.monitor = e->monitor,
		.init = e->init,
		.config_file = e->config_path,
		.spare_monitor = -1,
	};
	drivers_set_event(e->drivers, driver_event, e);
	*ret = steal_ptr(e);
	return 0;
}

int engine_ready(struct engine *e, struct berth_error *err)
{
	int r;

	if (e->store)
		return 0;
	r = store_open(e->config, &e->store, err);
	if (r < 0)
		return r;
	e->host.store = e->store;
	return container_recover(&e->host, NULL, err);
}

static int reclaim_all(struct engine *e, struct berth_error *err)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	int r = db_query(e->store->db, &q, err,
			 "SELECT storage FROM container WHERE storage IS NOT NULL UNION "
			 "SELECT driver FROM layer_copy UNION SELECT ?1",
			 "s", e->config->kind[BERTH_STORAGE].driver);

	while (r == 0 && (r = db_step(q, err)) > 0) {
		const char *name = db_text(q, 0);
		struct storage *st;
		uint64_t bytes;

		/* a driver that is missing now has its trash emptied when it is back */
		if (drivers_storage(e->drivers, str_eq(name, "auto") ? NULL : name, &st, NULL) == 0)
			(void)st->ops.reclaim(st->st, e->op, &bytes, NULL);
		r = 0;
	}
	return r;
}

int engine_tidy(struct engine *e, struct berth_error *err)
{
	struct network_host networks = container_network_host(&e->host);
	int r = move_sweep(&e->host, err);

	if (r == 0)
		r = network_sweep(&networks, err);
	if (r == 0)
		r = reclaim_all(e, err);
	e->store->left_trash = e->store->left_endpoints = false;
	return r == 0 ? db_tidy(e->store->db, true, err) : r;
}

/** Best effort: what is not tidied now is by the next one. */
static void in_background(struct engine *e, const char *group, const char *verb)
{
	const char *with[] = {"berth", "--config", e->config->file, group, verb, NULL};
	const char *plain[] = {"berth", group, verb, NULL};
	struct process_spec spec = {
		.path = e->program,
		.argv = (char *const *)(e->config->file ? with : plain),
		.envp = environ,
		.flags = PROCESS_NEW_SESSION,
	};
	cleanup_fd int pidfd = -1;

	(void)process_spawn(&spec, &pidfd, NULL, NULL);
}

void engine_close(struct engine *e)
{
	if (!e)
		return;
	if (e->store && (e->store->left_trash || db_wants_tidy(e->store->db)))
		in_background(e, "system", "tidy");
	if (e->store && e->network_rebuilt)
		in_background(e, "network", "reconcile");
	else if (e->store && e->store->left_endpoints && !e->store->left_trash)
		in_background(e, "network", "sweep");
	close_fd(&e->host.spare_monitor);
	drivers_free(e->drivers);
	store_close(e->store);
	op_free(e->op);
	config_free(e->config);
	free(e->config_path);
	free(e->program);
	free(e->monitor);
	free(e->init);
	free(e);
}

void engine_cancel(struct engine *e)
{
	op_cancel(e->op);
}

int engine_image_work(struct engine *e, const struct image_work **ret, struct berth_error *err)
{
	return image_work_load(e->config, ret, err);
}

int engine_check(struct engine *e, bool repair, bool deep, struct record **ret,
		 struct berth_error *err)
{
	cleanup_record struct record *findings = record_new_array();
	const struct image_work *work;
	int r = findings ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");

	if (r == 0)
		r = container_recover(&e->host, findings, err);
	if (r == 0)
		r = image_check(e->store, e->drivers, repair, findings, err);
	if (r == 0)
		r = container_check(&e->host, repair, findings, err);
	if (r == 0 && deep) {
		r = engine_image_work(e, &work, err);
		if (r == 0)
			r = work->verify(e->store, findings, e->op, err);
	}
	if (r == 0)
		*ret = steal_ptr(findings);
	return r;
}

int engine_inspect(struct engine *e, const char *ref, const char *type, bool size,
		   struct record **ret, struct berth_error *err)
{
	int r = -BERTH_E_NOT_FOUND;

	if (!type || str_eq(type, "container")) {
		r = container_inspect(&e->host, ref, size, ret, err);
		if (r != -BERTH_E_NOT_FOUND || type)
			return r;
	}
	if (!type || str_eq(type, "image")) {
		r = image_inspect(e->store, e->drivers, ref, ret, err);
		if (r != -BERTH_E_NOT_FOUND || type)
			return r;
	}
	if (!type || str_eq(type, "volume")) {
		r = volume_inspect(e->store, ref, ret, err);
		if (r != -BERTH_E_NOT_FOUND || type)
			return r;
	}
	if (!type || str_eq(type, "network")) {
		struct network_host networks = container_network_host(&e->host);

		r = network_inspect(&networks, ref, ret, err);
		if (r != -BERTH_E_NOT_FOUND || type)
			return r;
	}
	if (type)
		return berth_fail(err, BERTH_E_INVALID, "\"%s\" is not a valid value for --type",
				  type);
	return berth_fail(err, BERTH_E_NOT_FOUND, "No such object: %s", ref);
}
