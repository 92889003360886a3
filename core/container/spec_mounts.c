/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is to be mounted: -v, --mount, --tmpfs, other containers' volumes, the image's VOLUME. In
 * this order they are read, and what comes from nobody's wish (the last) gives way to the others.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/ident.h"
#include "base/path.h"
#include "core/container/kernel.h"
#include "core/container/mount_mode.h"
#include "core/container/spec_parts.h"

enum { MOUNTS_MAX = 4096 };

/* The list in the making. */
struct list {
	struct spec_mount *v;
	size_t n, cap;
	struct record *index; /* target -> place in v */
	size_t n_inherited;   /* the first ones may be replaced */
};

static int fail_memory(struct berth_error *err)
{
	return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
}

static void mount_done(struct spec_mount *m)
{
	free(m->type);
	free(m->source);
	free(m->target);
	strv_free(m->options);
	free(m->subpath);
	free(m->propagation);
	free(m->mode);
	free(m->volume_driver);
	strv_free(m->volume_labels);
	strv_free(m->volume_options);
	free(m->host_path);
	*m = (struct spec_mount){0};
}

void spec_mounts_free(struct spec_mount *mounts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		mount_done(&mounts[i]);
	free(mounts);
}

static void list_done(struct list *list)
{
	spec_mounts_free(list->v, list->n);
	record_free(list->index);
}
#define cleanup_list cleanup_with(list_done)

static bool list_has(const struct list *list, const char *target)
{
	return record_has(list->index, target);
}

/* Takes over @m, also on failure. The target must not be there, unless it is an inherited one. */
static int list_add(struct list *list, struct spec_mount *m, struct berth_error *err)
{
	int64_t at = record_int_or(record_get(list->index, m->target), -1);
	int r;

	if (at >= 0 && (size_t)at < list->n_inherited) {
		mount_done(&list->v[at]);
		list->v[at] = *m;
		return 0;
	}
	if (list->n == MOUNTS_MAX) {
		mount_done(m);
		return berth_fail(err, BERTH_E_LIMIT, "more than %d mounts", MOUNTS_MAX);
	}
	if (list->n == list->cap) {
		size_t cap = list->cap ? list->cap * 2 : 8;
		struct spec_mount *v = reallocarray(list->v, cap, sizeof(*v));

		if (!v) {
			mount_done(m);
			return fail_memory(err);
		}
		list->v = v;
		list->cap = cap;
	}
	r = record_set_int(list->index, m->target, (int64_t)list->n, err);
	if (r < 0)
		mount_done(m);
	else
		list->v[list->n++] = *m;
	return r;
}

/* One that somebody wished: there must be no other wish for its target. */
static int list_add_wish(struct list *list, struct spec_mount *m, struct berth_error *err)
{
	int64_t at = record_int_or(record_get(list->index, m->target), -1);
	char shown[SPEC_SHOWN_MAX];
	int r;

	if (at < 0 || (size_t)at < list->n_inherited)
		return list_add(list, m, err);
	r = berth_fail(err, BERTH_E_INVALID, "Duplicate mount point: %s",
		       spec_shown(m->target, shown));
	mount_done(m);
	return r;
}

/* ----------------------------------------------------------------------------- pieces */

static int fail_config(const char *type, struct berth_error *err)
{
	char shown[SPEC_SHOWN_MAX];

	berth_error_prefix(err, "invalid mount config for type \"%s\"", spec_shown(type, shown));
	return -BERTH_E_INVALID;
}

static int check_target(const char *target, struct berth_error *err)
{
	cleanup_free char *clean = path_clean(target);
	char shown[SPEC_SHOWN_MAX];

	if (!clean)
		return fail_memory(err);
	if (!*target)
		return berth_fail(err, BERTH_E_INVALID, "field Target must not be empty");
	if (str_eq(clean, "/"))
		return berth_fail(err, BERTH_E_INVALID,
				  "invalid specification: destination can't be '/'");
	if (*target != '/')
		return berth_fail(err, BERTH_E_INVALID,
				  "invalid mount path: '%s' mount path must be absolute",
				  spec_shown(target, shown));
	return 0;
}

static int check_volume_name(const char *name, struct berth_error *err)
{
	char shown[SPEC_SHOWN_MAX];

	if (!*name || ident_is_name(name))
		return 0;
	if (strlen(name) == 1)
		return berth_fail(err, BERTH_E_INVALID,
				  "create %s: volume name is too short, names should be at least "
				  "two alphanumeric characters",
				  spec_shown(name, shown));
	return berth_fail(
		err, BERTH_E_INVALID,
		"create %1$s: \"%1$s\" includes invalid characters for a local volume "
		"name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to "
		"pass a host directory, use absolute path",
		spec_shown(name, shown));
}

/* "dir-inside/sub": relative, and it stays inside. */
static int check_subpath(const char *subpath, struct berth_error *err)
{
	cleanup_free char *clean = path_clean(subpath);

	if (!clean)
		return fail_memory(err);
	if (*subpath == '/' || str_eq(clean, "..") || str_has_prefix(clean, "../"))
		return berth_fail(err, BERTH_E_INVALID,
				  "subpath must be a relative path within the volume");
	return 0;
}

/* Whether the kernel can make what is below a mount read-only too (mount_setattr, Linux 5.12). */
static bool has_recursive_read_only(void)
{
	return kernel_version() >= KERNEL_VERSION_OF(5, 12);
}

static int set(char **field, const char *text, struct berth_error *err)
{
	free(steal_ptr(*field));
	return str_copy(text, field, err);
}

static int set_target(struct spec_mount *m, const char *target, struct berth_error *err)
{
	m->target = path_clean(target);
	return m->target ? 0 : fail_memory(err);
}

/* The OCI options of a bind or volume, from what is known of it. */
static int set_bind_options(struct spec_mount *m, bool recursive, bool read_only_recursive,
			    struct berth_error *err)
{
	const char *propagation = m->propagation && *m->propagation ? m->propagation : "rprivate";
	int r = strv_add(&m->options, recursive ? "rbind" : "bind");

	if (r == 0 && m->read_only)
		r = strv_add(&m->options,
			     read_only_recursive && has_recursive_read_only() ? "rro" : "ro");
	if (r == 0)
		r = strv_add(&m->options, propagation);
	return r == 0 ? 0 : fail_memory(err);
}

/* ----------------------------------------------------------------------------- Binds */

static int fail_bind(const char *text, struct berth_error *err)
{
	char shown[SPEC_SHOWN_MAX];

	return berth_fail(err, BERTH_E_INVALID, "invalid volume specification: '%s'",
			  spec_shown(text, shown));
}

/* "source:target:mode" into up to three parts; INVALID for the grammar alone. */
static int split_bind(const char *text, char ***ret, struct mount_mode *mode,
		      struct berth_error *err)
{
	cleanup_strv char **parts = strv_split(text, ':');
	char shown[SPEC_SHOWN_MAX];
	size_t n;

	if (!parts)
		return fail_memory(err);
	n = strv_len(parts);
	if (n == 0 || n > 3 || !*parts[0])
		return fail_bind(text, err);
	/* "/foo:rw": a mode and nothing to which it could apply */
	if (n == 2 && mount_mode_parse(parts[1], mode))
		return fail_bind(text, err);
	if (!mount_mode_parse(n == 3 ? parts[2] : "", mode))
		return berth_fail(err, BERTH_E_INVALID, "invalid mode: %s",
				  spec_shown(parts[2], shown));
	*ret = steal_ptr(parts);
	return 0;
}

static int fill_bind(const char *source, const char *target, const struct mount_mode *mode,
		     const char *mode_text, const char *driver, struct spec_mount *m,
		     struct berth_error *err)
{
	bool is_path = *source == '/';
	cleanup_free char *clean = path_clean(source);
	int r;

	m->read_only = mode->read_only;
	m->no_copy = mode->no_copy;
	m->create_source = is_path;
	if (!clean)
		return fail_memory(err);
	r = set(&m->type, is_path ? "bind" : "volume", err);
	if (r == 0)
		r = check_target(target, err);
	if (r == 0 && !is_path)
		r = check_volume_name(source, err);
	if (r == 0 && !is_path && mode->propagation)
		r = berth_fail(err, BERTH_E_INVALID, "field BindOptions must not be specified");
	if (r == 0 && is_path && mode->no_copy)
		r = berth_fail(err, BERTH_E_INVALID, "field VolumeOptions must not be specified");
	if (r == 0 && !*source && mode->read_only)
		r = berth_fail(err, BERTH_E_INVALID,
			       "must not set ReadOnly mode when using anonymous volumes");
	if (r == -BERTH_E_INVALID)
		return fail_config(m->type, err);
	if (r == 0)
		r = set_target(m, target, err);
	if (r == 0)
		r = set(&m->source, is_path ? clean : source, err);
	if (r == 0)
		r = set(&m->mode, is_path || *mode_text ? mode_text : "z", err);
	if (r == 0)
		r = set(&m->propagation,
			is_path ? (mode->propagation ? mode->propagation : "rprivate") : "", err);
	if (r == 0 && !is_path && *driver)
		r = set(&m->volume_driver, driver, err);
	return r == 0 ? set_bind_options(m, true, true, err) : r;
}

static int add_bind(struct list *list, const char *text, const char *driver,
		    struct berth_error *err)
{
	cleanup_strv char **parts = NULL;
	struct spec_mount m = {0};
	struct mount_mode mode;
	char shown[SPEC_SHOWN_MAX];
	size_t n;
	int r = split_bind(text, &parts, &mode, err);

	if (r < 0)
		return r;
	n = strv_len(parts);
	r = fill_bind(n > 1 ? parts[0] : "", parts[n > 1], &mode, n > 2 ? parts[2] : "", driver, &m,
		      err);
	if (r == 0)
		return list_add_wish(list, &m, err);
	if (r == -BERTH_E_INVALID)
		berth_error_prefix(err, "invalid volume specification: '%s'",
				   spec_shown(text, shown));
	mount_done(&m);
	return r;
}

static int add_binds(struct list *list, const struct record *host, struct berth_error *err)
{
	const struct record *binds = record_get(host, "Binds");
	const char *driver = record_str_or(record_get(host, "VolumeDriver"), "");
	int r = 0;

	for (size_t i = 0; r == 0 && i < record_len(binds); i++)
		r = add_bind(list, record_str_or(record_at(binds, i), ""), driver, err);
	return r;
}

/* ----------------------------------------------------------------------------- Mounts */

static bool flag(const struct record *options, const char *key)
{
	return record_bool_or(record_get(options, key), false);
}

static const char *text(const struct record *obj, const char *key)
{
	return record_str_or(record_get(obj, key), "");
}

/* Options of another type than the mount's own. */
static int check_foreign_options(const struct record *mount, const char *type,
				 struct berth_error *err)
{
	static const struct {
		const char *key, *type;
	} options[] = {
		{"BindOptions", "bind"},
		{"VolumeOptions", "volume"},
		{"ImageOptions", "image"},
		{"TmpfsOptions", "tmpfs"},
	};
	char shown[SPEC_SHOWN_MAX];

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (record_get(mount, options[i].key) && !str_eq(options[i].type, type))
			return berth_fail(err, BERTH_E_INVALID,
					  "%s must not be specified on mount type \"%s\"",
					  options[i].key, spec_shown(type, shown));
	}
	return 0;
}

static int check_bind_flags(const struct record *options, bool read_only, struct berth_error *err)
{
	bool flat = flag(options, "ReadOnlyNonRecursive");
	bool deep = flag(options, "ReadOnlyForceRecursive");

	if (!read_only && flat)
		return berth_fail(err, BERTH_E_INVALID,
				  "mount options conflict: !ReadOnly && "
				  "BindOptions.ReadOnlyNonRecursive");
	if (!read_only && deep)
		return berth_fail(err, BERTH_E_INVALID,
				  "mount options conflict: !ReadOnly && "
				  "BindOptions.ReadOnlyForceRecursive");
	if (flat && deep)
		return berth_fail(err, BERTH_E_INVALID,
				  "mount options conflict: ReadOnlyNonRecursive && "
				  "BindOptions.ReadOnlyForceRecursive");
	if (deep && !has_recursive_read_only())
		return berth_fail(err, BERTH_E_UNSUPPORTED,
				  "recursive read-only mounts need Linux 5.12");
	return 0;
}

static int fill_mount_bind(const struct record *mount, struct spec_mount *m,
			   struct berth_error *err)
{
	const struct record *options = record_get(mount, "BindOptions");
	const char *source = text(mount, "Source"), *wanted = text(options, "Propagation");
	const char *propagation = *wanted ? mount_propagation(wanted) : "rprivate";
	char shown[SPEC_SHOWN_MAX];
	struct stat st;
	int r;

	if (!*source)
		return berth_fail(err, BERTH_E_INVALID, "field Source must not be empty");
	if (!propagation)
		return berth_fail(err, BERTH_E_INVALID, "invalid propagation mode: %s",
				  spec_shown(wanted, shown));
	if (*source != '/')
		return berth_fail(err, BERTH_E_INVALID,
				  "invalid mount path: '%s' mount path must be absolute",
				  spec_shown(source, shown));
	m->create_source = flag(options, "CreateMountpoint");
	if (!m->create_source && stat(source, &st) < 0)
		return berth_fail(err, BERTH_E_INVALID, "bind source path does not exist: %s",
				  spec_shown(source, shown));
	r = check_bind_flags(options, m->read_only, err);
	if (r == 0)
		r = set(&m->propagation, propagation, err);
	if (r < 0)
		return r;
	m->source = path_clean(source);
	if (!m->source)
		return fail_memory(err);
	return set_bind_options(m, !flag(options, "NonRecursive"),
				!flag(options, "ReadOnlyNonRecursive"), err);
}

static int strmap(const struct record *obj, char ***ret, struct berth_error *err)
{
	struct record *val;
	const char *key;

	record_foreach (obj, key, val) {
		if (strv_addf(ret, "%s=%s", key, record_str_or(val, "")) < 0)
			return fail_memory(err);
	}
	return 0;
}

static int fill_mount_volume(const struct record *mount, struct spec_mount *m,
			     struct berth_error *err)
{
	const struct record *options = record_get(mount, "VolumeOptions");
	const struct record *driver = record_get(options, "DriverConfig");
	const char *source = text(mount, "Source"), *subpath = text(options, "Subpath");
	int r = check_volume_name(source, err);

	if (r < 0)
		return r;
	if (*subpath && !*source)
		return berth_fail(err, BERTH_E_INVALID,
				  "must not set Subpath when using anonymous volumes");
	if (m->read_only && !*source)
		return berth_fail(err, BERTH_E_INVALID,
				  "must not set ReadOnly mode when using anonymous volumes");
	m->no_copy = flag(options, "NoCopy");
	if (*subpath)
		r = check_subpath(subpath, err);
	if (r == 0 && *subpath)
		r = set(&m->subpath, subpath, err);
	if (r == 0)
		r = set(&m->source, source, err);
	if (r == 0)
		r = set(&m->mode, "z", err);
	if (r == 0 && *text(driver, "Name"))
		r = set(&m->volume_driver, text(driver, "Name"), err);
	if (r == 0)
		r = strmap(record_get(options, "Labels"), &m->volume_labels, err);
	if (r == 0)
		r = strmap(record_get(driver, "Options"), &m->volume_options, err);
	return r == 0 ? set_bind_options(m, true, true, err) : r;
}

static int fill_mount_image(const struct record *mount, struct spec_mount *m,
			    struct berth_error *err)
{
	const char *subpath = text(record_get(mount, "ImageOptions"), "Subpath");
	int r;

	if (!*text(mount, "Source"))
		return berth_fail(err, BERTH_E_INVALID, "field Source must not be empty");
	m->read_only = true;
	r = check_subpath(subpath, err);
	if (r == 0 && *subpath)
		r = set(&m->subpath, subpath, err);
	if (r == 0)
		r = set(&m->source, text(mount, "Source"), err);
	if (r == 0)
		r = set(&m->propagation, "rprivate", err);
	return r == 0 ? set_bind_options(m, true, true, err) : r;
}

static void add_tmpfs_size(struct str *out, int64_t size)
{
	static const char suffixes[] = "gmk";

	for (size_t i = 0; i < 3; i++) {
		int64_t unit = INT64_C(1) << (30 - 10 * i);

		if (size % unit == 0) {
			str_addf(out, ",size=%lld%c", (long long)(size / unit), suffixes[i]);
			return;
		}
	}
	str_addf(out, ",size=%lld", (long long)size);
}

/* TmpfsOptions in the words of --tmpfs. Of options in words only these two are allowed, as in
 * docker. */
static int tmpfs_words(const struct record *options, bool read_only, struct str *out,
		       struct berth_error *err)
{
	const struct record *words = record_get(options, "Options");
	int64_t mode = record_int_or(record_get(options, "Mode"), 0);
	int64_t size = record_int_or(record_get(options, "SizeBytes"), 0);
	char shown[SPEC_SHOWN_MAX];

	if (size < 0 || mode < 0 || mode > 07777)
		return berth_fail(err, BERTH_E_INVALID, "invalid tmpfs size or mode");
	str_add(out, read_only ? "ro" : "rw");
	if (mode)
		str_addf(out, ",mode=%llo", (unsigned long long)mode);
	if (size)
		add_tmpfs_size(out, size);
	for (size_t i = 0; i < record_len(words); i++) {
		const struct record *one = record_at(words, i);
		const char *word = record_str_or(record_at(one, 0), "");

		if (record_len(one) < 1 || record_len(one) > 2)
			return berth_fail(err, BERTH_E_INVALID, "invalid option array length");
		if ((!str_eq(word, "exec") && !str_eq(word, "noexec")) || record_len(one) == 2)
			return berth_fail(err, BERTH_E_INVALID, "invalid option: %s",
					  spec_shown(word, shown));
		str_addf(out, ",%s", word);
	}
	return str_check(out, err);
}

static int fill_mount_tmpfs(const struct record *mount, struct spec_mount *m,
			    struct berth_error *err)
{
	cleanup_str struct str words = STR_INIT;
	int r;

	if (*text(mount, "Source"))
		return berth_fail(err, BERTH_E_INVALID, "field Source must not be specified");
	r = tmpfs_words(record_get(mount, "TmpfsOptions"), m->read_only, &words, err);
	return r == 0 ? mount_tmpfs_options(str_text(&words), &m->options, err) : r;
}

static int fill_mount(const struct record *mount, const char *type, struct spec_mount *m,
		      struct berth_error *err)
{
	const char *target = text(mount, "Target");
	int r = check_target(target, err);

	m->read_only = flag(mount, "ReadOnly");
	if (r == 0)
		r = set(&m->type, type, err);
	if (r == 0)
		r = set_target(m, target, err);
	if (r == 0)
		r = set(&m->mode, "", err);
	if (r == 0)
		r = set(&m->propagation, "", err);
	if (r < 0)
		return r;
	if (str_eq(type, "bind"))
		return fill_mount_bind(mount, m, err);
	if (str_eq(type, "volume"))
		return fill_mount_volume(mount, m, err);
	if (str_eq(type, "tmpfs"))
		return fill_mount_tmpfs(mount, m, err);
	if (str_eq(type, "image"))
		return fill_mount_image(mount, m, err);
	return berth_fail(err, BERTH_E_INVALID, "mount type unknown");
}

static int add_mount(struct list *list, const struct record *mount, struct berth_error *err)
{
	const char *type = text(mount, "Type");
	struct spec_mount m = {0};
	int r = check_foreign_options(mount, type, err);

	if (r < 0)
		return r;
	r = fill_mount(mount, type, &m, err);
	if (r == 0)
		return list_add_wish(list, &m, err);
	mount_done(&m);
	return r == -BERTH_E_INVALID ? fail_config(type, err) : r;
}

static int add_mounts(struct list *list, const struct record *host, struct berth_error *err)
{
	const struct record *mounts = record_get(host, "Mounts");
	int r = 0;

	for (size_t i = 0; r == 0 && i < record_len(mounts); i++)
		r = add_mount(list, record_at(mounts, i), err);
	return r;
}

/* ------------------------------------------------------------------- Tmpfs, Config.Volumes */

static int add_tmpfs(struct list *list, const char *target, const char *options,
		     struct berth_error *err)
{
	struct spec_mount m = {0};
	int r = check_target(target, err);

	if (r == 0)
		r = set(&m.type, "tmpfs", err);
	if (r == 0)
		r = set_target(&m, target, err);
	if (r == 0)
		r = set(&m.mode, options, err);
	if (r == 0)
		r = set(&m.propagation, "", err);
	if (r == 0)
		r = mount_tmpfs_options(options, &m.options, err);
	if (r == 0)
		return list_add_wish(list, &m, err);
	mount_done(&m);
	return r;
}

static int add_all_tmpfs(struct list *list, const struct record *host, struct berth_error *err)
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

static int add_anonymous(struct list *list, const char *path, const char *driver,
			 struct berth_error *err)
{
	cleanup_free char *target = path_join("/", *path ? path : ".");
	struct spec_mount m = {0};
	int r = target ? check_target(target, err) : fail_memory(err);

	if (r == 0)
		r = set_target(&m, target, err);
	if (r < 0 || list_has(list, m.target)) {
		mount_done(&m);
		return r;
	}
	m.from_image = true;
	r = set(&m.type, "volume", err);
	if (r == 0)
		r = set(&m.source, "", err);
	if (r == 0)
		r = set(&m.mode, "", err);
	if (r == 0)
		r = set(&m.propagation, "", err);
	if (r == 0 && *driver)
		r = set(&m.volume_driver, driver, err);
	if (r == 0)
		r = set_bind_options(&m, true, true, err);
	if (r == 0)
		return list_add(list, &m, err);
	mount_done(&m);
	return r;
}

static int add_volumes(struct list *list, const struct record *merged, struct berth_error *err)
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
	int r = set(&m->type, text(item, "Type"), err);

	m->read_only = !flag(item, "RW");
	m->no_copy = true;
	if (r == 0)
		r = set(&m->source, text(item, "Source"), err);
	if (r == 0)
		r = set_target(m, text(item, "Destination"), err);
	if (r == 0)
		r = set(&m->subpath, record_str(record_get(item, "Subpath")), err);
	if (r == 0)
		r = set(&m->volume_driver, record_str(record_get(item, "Driver")), err);
	if (r == 0)
		r = set(&m->mode, "", err);
	if (r == 0)
		r = set(&m->propagation, text(item, "Propagation"), err);
	return r == 0 ? set_bind_options(m, true, true, err) : r;
}

static int add_inherited(struct list *list, const struct record *merged, struct berth_error *err)
{
	const struct record *inherited = record_get(merged, "Inherited");
	int r = 0;

	for (size_t i = 0; r == 0 && i < record_len(inherited); i++) {
		struct spec_mount m = {0};

		list->n_inherited = list->n; /* among themselves the last one counts */
		r = fill_inherited(record_at(inherited, i), &m, err);
		if (r == 0)
			r = list_add(list, &m, err);
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
	cleanup_list struct list list = {.index = record_new_object()};
	int r = list.index ? 0 : fail_memory(err);

	if (r == 0)
		r = add_inherited(&list, merged, err);
	if (r == 0)
		r = add_binds(&list, host, err);
	if (r == 0)
		r = add_mounts(&list, host, err);
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
