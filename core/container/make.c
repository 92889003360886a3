/* SPDX-License-Identifier: Apache-2.0 */
#include "core/container/make.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/ident.h"
#include "base/path.h"
#include "core/image/image_work.h"
#include "core/volume/volume.h"

/** Names that were random are tried again with another one; this often. */
enum { NAME_TRIES = 8 };

int container_dir(int base, const char *id, mode_t mode, int *ret_fd, struct berth_error *err)
{
	cleanup_fd int parent = -1;
	int r = state_mkdirs(base, "containers", 0711, &parent, err);

	if (r == 0)
		r = state_mkdir(parent, id, mode, STATE_EXIST_OK, err);
	if (r == 0)
		r = state_open(parent, id, O_RDONLY | O_DIRECTORY, 0, ret_fd, err);
	return r;
}

static const char *wanted_driver(const struct record *body, const char *key)
{
	const char *name = record_str(record_get(record_get(body, "HostConfig"), key));

	return name && *name ? name : NULL;
}

int container_isolation_name(struct container_host *h, const struct record *body, const char **ret,
			     struct berth_error *err)
{
	const char *name = wanted_driver(body, "Isolation");

	/* docker's clients fill this field, which is for Windows there, with "default" */
	if (name && !str_eq(name, "default")) {
		*ret = name;
		return 0;
	}
	return drivers_default(h->drivers, BERTH_ISOLATION, ret, err);
}

static int image_of(struct container_host *h, const struct record *body, struct image **ret,
		    struct berth_error *err)
{
	const char *name = record_str(record_get(body, "Image"));
	int r;

	if (!name || !*name)
		return berth_fail(err, BERTH_E_INVALID, "no image given");
	r = image_find(h->store, name, ret, err);
	if (r == -BERTH_E_NOT_FOUND)
		berth_error_hint(err,
				 "berth images lists what is there, berth load -i FILE adds one");
	return r;
}

int container_ensure_layers(struct container_host *h, const struct image *image,
			    struct storage *storage, struct berth_error *err)
{
	const struct image_work *work;
	bool ready = false;
	int r = image_is_ready(h->store, image, storage->name, &ready, err);

	if (r < 0 || ready)
		return r;
	r = image_work_load(h->config, &work, err);
	if (r == 0)
		r = work->materialise(h->store, h->drivers, image, storage, h->op, err);
	return r;
}

/** Every network has its endpoint's wishes under its own name, the main one too. */
static int settle_networks(struct record *merged, const char *network, struct berth_error *err)
{
	struct record *networking = record_get(merged, "NetworkingConfig");
	struct record *endpoints = record_get(networking, "EndpointsConfig");
	struct record *mine;
	int r = 0;

	if (str_has_prefix(network, "container:"))
		return 0;
	if (!networking) {
		networking = record_new_object();
		r = record_set(merged, "NetworkingConfig", networking, err);
	}
	if (r == 0 && !endpoints) {
		endpoints = record_new_object();
		r = record_set(networking, "EndpointsConfig", endpoints, err);
	}
	if (r < 0 || record_get(endpoints, network))
		return r;
	mine = record_get(endpoints, "default");
	r = record_set(endpoints, network, mine ? record_ref(mine) : record_new_object(), err);
	record_unset(endpoints, "default");
	return r;
}

/** What depends on this container alone: docker shows it in `inspect`, so it is kept. */
static int settle(struct container_row *row, const char *network, struct record *warnings,
		  struct berth_error *err)
{
	struct record *config = record_get(row->merged, "Config");
	struct record *said = record_get(row->merged, "Warnings");
	const char *hostname = record_str(record_get(config, "Hostname"));
	int r = record_set_str(record_get(row->merged, "HostConfig"), "NetworkMode", network, err);

	if (r == 0 && (!hostname || !*hostname)) {
		char name[HOST_NAME_MAX + 1] = "";
		const char *uts = record_str(record_path(row->merged, "HostConfig.UTSMode"));

		if (str_eq(network, "host") || str_eq(uts, "host"))
			(void)gethostname(name, sizeof(name) - 1);
		else
			(void)snprintf(name, sizeof(name), "%.*s", IDENT_SHORT, row->id);
		r = record_set_str(config, "Hostname", name, err);
	}
	if (r == 0)
		r = settle_networks(row->merged, network, err);
	for (size_t i = 0; i < record_len(said) && r == 0 && warnings; i++)
		r = record_append(warnings, record_ref(record_at(said, i)), err);
	record_unset(row->merged, "Warnings");
	return r;
}

static int row_fill(struct container_host *h, const struct record *body, const struct image *image,
		    struct storage *storage, struct container_row *row, struct record *warnings,
		    struct berth_error *err)
{
	const struct record *host;
	const char *isolation, *mode;
	int r;

	r = spec_merge(h->config, body, image->config, &row->merged, err);
	if (r == 0)
		r = container_isolation_name(h, body, &isolation, err);
	if (r == 0)
		r = str_copy(isolation, &row->isolation, err);
	if (r == 0)
		r = str_copy(storage->name, &row->storage, err);
	if (r == 0)
		r = str_copy(image->id, &row->image, err);
	if (r < 0)
		return r;
	host = record_get(row->merged, "HostConfig");
	mode = record_str_or(record_get(host, "NetworkMode"), "default");
	if (!*mode || str_eq(mode, "default")) {
		r = drivers_default(h->drivers, BERTH_NETWORK, &mode, err);
		if (r < 0)
			return r;
	}
	row->auto_remove = record_bool_or(record_get(host, "AutoRemove"), false);
	row->created_ns = clock_now_ns();
	r = str_copy(mode, &row->network, err);
	return r < 0 ? r : settle(row, row->network, warnings, err);
}

/** Insert the row; a @name of NULL gets random ones until one is free. */
static int row_name_and_insert(struct container_host *h, const char *name,
			       struct container_row *row, struct berth_error *err)
{
	char random[IDENT_NAME_MAX];
	int r;

	if (name && *name == '/')
		name++;
	if (name && *name) {
		if (!ident_is_name(name))
			return berth_fail(
				err, BERTH_E_INVALID,
				"Invalid container name (%s), only [a-zA-Z0-9][a-zA-Z0-9_.-] "
				"are allowed",
				name);
		r = str_copy(name, &row->name, err);
		return r < 0 ? r : container_row_insert(h->store, row, err);
	}
	for (unsigned int try = 0;; try++) {
		r = ident_random_name(try, random, err);
		if (r < 0)
			return r;
		free(steal_ptr(row->name));
		r = str_copy(random, &row->name, err);
		if (r == 0)
			r = container_row_insert(h->store, row, err);
		if (r != -BERTH_E_EXISTS || try == NAME_TRIES)
			return r;
	}
}

/** The volumes that were made, kept with the row so that later starts find the anonymous ones. */
static int volumes_note(struct container_row *row, const struct spec_mount *mounts, size_t n,
			struct berth_error *err)
{
	cleanup_record struct record *list = record_new_array();
	int r = list ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");

	for (size_t i = 0; i < n && r == 0; i++) {
		cleanup_record struct record *item = NULL;

		if (!str_eq(mounts[i].type, "volume"))
			continue;
		item = record_new_object();
		if (!item)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		r = record_set_str(item, "Name", mounts[i].source, err);
		if (r == 0)
			r = record_set_str(item, "Destination", mounts[i].target, err);
		if (r == 0)
			r = record_append(list, steal_ptr(item), err);
	}
	if (r == 0)
		r = record_set(row->merged, "Volumes", steal_ptr(list), err);
	return r;
}

static int volumes_fill(const struct container_row *row, struct storage *storage,
			const struct spec_mount *mounts, size_t n, uint64_t fresh,
			struct berth_error *err)
{
	struct berth_view_opts opts = {
		.size = sizeof(opts),
		.flags = BERTH_VIEW_READ_ONLY,
		.userns_fd = -1,
		.want_form = BERTH_ST_FORM_DIR,
	};
	cleanup_fd int root = -1;
	int r;

	if (!fresh)
		return 0;
	r = storage->ops.view_mount(storage->st, row->id, &opts, &root, err);
	for (size_t i = 0; i < n && r == 0; i++)
		if (fresh & (UINT64_C(1) << i))
			r = volume_copy_up(root, mounts[i].target, mounts[i].host_path, err);
	return r;
}

static int make_volumes(struct container_host *h, struct container_row *row,
			struct storage *storage, struct berth_error *err)
{
	struct spec_mount *mounts = NULL;
	uint64_t fresh = 0;
	size_t n = 0;
	int r = spec_mounts(row->merged, &mounts, &n, err);

	if (r == 0 && n > 0)
		r = volume_prepare(h->store, row->id, mounts, n, &fresh, err);
	if (r == 0 && n > 0)
		r = volumes_note(row, mounts, n, err);
	if (r == 0 && record_len(record_get(row->merged, "Volumes")) > 0)
		r = container_row_save_spec(h->store, row, err);
	if (r == 0)
		r = volumes_fill(row, storage, mounts, n, fresh, err);
	spec_mounts_free(mounts, n);
	return r;
}

int container_make_view(struct container_host *h, const struct record *body,
			const struct container_row *row, const struct image *image,
			struct storage *storage, struct berth_error *err)
{
	const struct record *opts = record_path(body, "HostConfig.StorageOpt");
	cleanup_object_conf struct berth_conf *conf = NULL;
	cleanup_strv char **words = NULL;
	struct record *val;
	const char *key;
	int r = 0;

	record_foreach (opts, key, val) {
		if (strv_addf(&words, "%s=%s", key, record_str_or(val, "")) < 0)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	}
	if (words)
		r = drivers_object_conf(h->drivers, BERTH_STORAGE, storage->name,
					(const char *const *)words, &conf, err);
	if (r == 0)
		r = storage->ops.view_create(storage->st, row->id, image->top,
					     row->auto_remove ? BERTH_VIEW_VOLATILE : 0, conf, err);
	return r;
}

int container_draft(struct container_host *h, const struct record *body, struct container_row **ret,
		    struct image **ret_image, struct storage **ret_storage, struct record *warnings,
		    struct berth_error *err)
{
	cleanup_row struct container_row *row = calloc(1, sizeof(*row));
	cleanup_image struct image *image = NULL;
	struct storage *storage;
	char id[IDENT_ID_MAX];
	int r;

	if (!row)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = image_of(h, body, &image, err);
	if (r == 0)
		r = drivers_storage(h->drivers, wanted_driver(body, "StorageDriver"), &storage,
				    err);
	if (r == 0)
		r = ident_random(id, err);
	if (r == 0)
		r = str_copy(id, &row->id, err);
	if (r == 0)
		r = row_fill(h, body, image, storage, row, warnings, err);
	if (r < 0)
		return r;
	*ret = steal_ptr(row);
	*ret_image = steal_ptr(image);
	*ret_storage = storage;
	return 0;
}

int container_make(struct container_host *h, const char *name, const struct record *body,
		   struct container_row **ret_row, int *ret_lock, struct record *warnings,
		   struct berth_error *err)
{
	cleanup_row struct container_row *row = NULL;
	cleanup_image struct image *image = NULL;
	struct storage *storage;
	cleanup_fd int lock = -1;
	int r = container_draft(h, body, &row, &image, &storage, warnings, err);

	if (r == 0)
		r = container_ensure_layers(h, image, storage, err);
	if (r == 0)
		r = store_lock(h->store, CONTAINER_LOCK, row->id, false, &lock, err);
	if (r == 0)
		r = row_name_and_insert(h, name, row, err);
	if (r < 0)
		return r;

	r = container_make_view(h, body, row, image, storage, err);
	if (r == 0)
		r = make_volumes(h, row, storage, err);
	if (r < 0) {
		/* what cannot be undone now is found by container_recover: the row says "creating"
		 */
		(void)container_erase(h, row, &lock, true, NULL);
		return r;
	}
	row->state = CONTAINER_CREATING;
	*ret_row = steal_ptr(row);
	*ret_lock = steal_fd(&lock);
	return 0;
}

int container_create(struct container_host *h, const char *name, const struct record *body,
		     struct record **ret, struct berth_error *err)
{
	cleanup_record struct record *answer = record_new_object();
	struct record *warnings = record_new_array();
	cleanup_row struct container_row *row = NULL;
	cleanup_fd int lock = -1;
	int r;

	r = record_set(answer, "Warnings", warnings, err);
	if (r == 0)
		r = container_make(h, name, body, &row, &lock, warnings, err);
	if (r == 0)
		r = container_row_move(h->store, row->id, CONTAINER_CREATING, CONTAINER_CREATED,
				       row->auto_remove ? DB_LAZY : DB_DURABLE, err);
	if (r == 0)
		r = record_set_str(answer, "Id", row->id, err);
	if (r < 0)
		return r;
	*ret = steal_ptr(answer);
	return 0;
}
