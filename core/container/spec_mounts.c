/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is to be mounted: other containers' volumes, -v, --mount, --tmpfs, the image's VOLUME. In
 * this order they are read; the first give way to later ones, the last to all others.
 */
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "core/container/mount_list.h"
#include "core/container/mount_mode.h"

static int fail_memory(struct berth_error *err)
{
	return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
}

static bool flag(const struct record *options, const char *key)
{
	return record_bool_or(record_get(options, key), false);
}

static const char *text(const struct record *obj, const char *key)
{
	return record_str_or(record_get(obj, key), "");
}

/* ------------------------------------------------------------------- Tmpfs, Config.Volumes */

static int add_tmpfs(struct mount_list *list, const char *target, const char *options,
		     struct berth_error *err)
{
	struct spec_mount m = {0};
	int r = mount_check_target(target, err);

	m.hidden = true;
	if (r == 0)
		r = mount_set(&m.type, "tmpfs", err);
	if (r == 0)
		r = mount_set_target(&m, target, err);
	if (r == 0)
		r = mount_set(&m.mode, options, err);
	if (r == 0)
		r = mount_set(&m.propagation, "", err);
	if (r == 0)
		r = mount_tmpfs_options(options, &m.options, err);
	if (r == 0)
		return mount_list_wish(list, &m, err);
	mount_done(&m);
	return r;
}

static int add_all_tmpfs(struct mount_list *list, const struct record *host,
			 struct berth_error *err)
{
	struct record *val;
	const char *key;
	int r = 0;

	record_foreach (record_get(host, "Tmpfs"), key, val) {
		if (r == 0)
			r = add_tmpfs(list, key, record_str_or(val, ""), err);
	}
	return r;
}

static int add_anonymous(struct mount_list *list, const char *path, const char *driver,
			 struct berth_error *err)
{
	cleanup_free char *target = path_join("/", *path ? path : ".");
	struct spec_mount m = {0};
	int r = target ? mount_check_target(target, err) : fail_memory(err);

	if (r == 0)
		r = mount_set_target(&m, target, err);
	if (r < 0 || mount_list_has(list, m.target)) {
		mount_done(&m);
		return r;
	}
	m.from_image = true;
	r = mount_set(&m.type, "volume", err);
	if (r == 0)
		r = mount_set(&m.source, "", err);
	if (r == 0)
		r = mount_set(&m.mode, "", err);
	if (r == 0)
		r = mount_set(&m.propagation, "", err);
	if (r == 0 && *driver)
		r = mount_set(&m.volume_driver, driver, err);
	if (r == 0)
		r = mount_set_bind_options(&m, true, true, err);
	if (r == 0)
		return mount_list_add(list, &m, err);
	mount_done(&m);
	return r;
}

static int add_volumes(struct mount_list *list, const struct record *merged,
		       struct berth_error *err)
{
	const char *driver = text(record_get(merged, "HostConfig"), "VolumeDriver");
	struct record *val;
	const char *key;
	int r = 0;

	record_foreach (record_path(merged, "Config.Volumes"), key, val) {
		if (r == 0)
			r = add_anonymous(list, key, driver, err);
	}
	return r;
}

/* ----------------------------------------------------------------------------- VolumesFrom */

int spec_volumes_from(const char *spec, char **ret_ref, bool *ret_read_only,
		      struct berth_error *err)
{
	const char *mode = strchr(spec, ':');
	size_t n = strcspn(spec, ":");
	struct mount_mode parsed;
	char shown[SPEC_SHOWN_MAX];
	char *ref;

	if (n == 0)
		return berth_fail(err, BERTH_E_INVALID,
				  "volumes-from specification cannot be an empty string");
	mode = mode ? mode + 1 : "";
	if (!mount_mode_parse(mode, &parsed) || parsed.propagation || parsed.no_copy)
		return berth_fail(err, BERTH_E_INVALID, "invalid mode: %s",
				  spec_shown(mode, shown));
	ref = strndup(spec, n);
	if (!ref)
		return fail_memory(err);
	*ret_ref = ref;
	*ret_read_only = parsed.read_only;
	return 0;
}

static int inherit_one(struct record *into, const struct spec_mount *m, bool read_only,
		       struct berth_error *err)
{
	cleanup_record struct record *item = record_new_object();
	int r = item ? 0 : fail_memory(err);

	if (r == 0)
		r = record_set_str(item, "Type", m->type, err);
	if (r == 0)
		r = record_set_str(item, "Source", m->source, err);
	if (r == 0)
		r = record_set_str(item, "Destination", m->target, err);
	if (r == 0)
		r = record_set_str(item, "Subpath", m->subpath, err);
	if (r == 0)
		r = record_set_str(item, "Driver", m->volume_driver, err);
	if (r == 0)
		r = record_set_bool(item, "RW", !m->read_only && !read_only, err);
	if (r == 0)
		r = record_set_str(item, "Propagation", m->propagation, err);
	return r == 0 ? record_append(into, steal_ptr(item), err) : r;
}

int spec_inherit(struct record *merged, const struct spec_mount *mounts, size_t n, bool read_only,
		 struct berth_error *err)
{
	struct record *into = record_get(merged, "Inherited");
	int r = 0;

	if (!into) {
		into = record_new_array();
		r = record_set(merged, "Inherited", into, err);
	}
	for (size_t i = 0; r == 0 && i < n; i++) {
		if (!str_eq(mounts[i].type, "tmpfs"))
			r = inherit_one(into, &mounts[i], read_only, err);
	}
	return r;
}

static int fill_inherited(const struct record *item, struct spec_mount *m, struct berth_error *err)
{
	int r = mount_set(&m->type, text(item, "Type"), err);

	m->read_only = !flag(item, "RW");
	m->no_copy = true;
	if (r == 0)
		r = mount_set(&m->source, text(item, "Source"), err);
	if (r == 0)
		r = mount_set_target(m, text(item, "Destination"), err);
	if (r == 0)
		r = mount_set(&m->subpath, record_str(record_get(item, "Subpath")), err);
	if (r == 0)
		r = mount_set(&m->volume_driver, record_str(record_get(item, "Driver")), err);
	if (r == 0)
		r = mount_set(&m->mode, "", err);
	if (r == 0)
		r = mount_set(&m->propagation, text(item, "Propagation"), err);
	return r == 0 ? mount_set_bind_options(m, true, true, err) : r;
}

static int add_inherited(struct mount_list *list, const struct record *merged,
			 struct berth_error *err)
{
	const struct record *inherited = record_get(merged, "Inherited");
	int r = 0;

	for (size_t i = 0; r == 0 && i < record_len(inherited); i++) {
		struct spec_mount m = {0};

		list->n_inherited = list->n; /* among themselves the last one counts */
		r = fill_inherited(record_at(inherited, i), &m, err);
		if (r == 0)
			r = mount_list_add(list, &m, err);
		else
			mount_done(&m);
	}
	list->n_inherited = list->n;
	return r;
}

/* ----------------------------------------------------------------------------- all of them */

static size_t depth(const char *path)
{
	size_t n = 0;

	for (; *path; path++)
		n += *path == '/';
	return n;
}

/* What is mounted inside of another comes later; else the order of their names, so that it is one.
 */
static int by_depth(const void *a, const void *b)
{
	const struct spec_mount *x = a, *y = b;
	size_t dx = depth(x->target), dy = depth(y->target);

	return dx == dy ? strcmp(x->target, y->target) : (dx > dy) - (dx < dy);
}

int spec_mounts(const struct record *merged, struct spec_mount **ret, size_t *ret_n,
		struct berth_error *err)
{
	const struct record *host = record_get(merged, "HostConfig");
	cleanup_mount_list struct mount_list list = {.index = record_new_object()};
	int r = list.index ? 0 : fail_memory(err);

	if (r == 0)
		r = add_inherited(&list, merged, err);
	if (r == 0)
		r = mount_list_binds(&list, host, err);
	if (r == 0)
		r = mount_list_mounts(&list, host, err);
	if (r == 0)
		r = add_all_tmpfs(&list, host, err);
	if (r == 0)
		r = add_volumes(&list, merged, err);
	if (r < 0)
		return r;
	if (list.n)
		qsort(list.v, list.n, sizeof(*list.v), by_depth);
	*ret_n = list.n;
	*ret = steal_ptr(list.v);
	list.n = 0;
	return 0;
}
