/* SPDX-License-Identifier: Apache-2.0 */
/* --mount, which the API has as objects. */
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
	if (deep && !mount_has_rro())
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
	r = check_bind_flags(options, m->read_only, err);
	if (r == 0)
		r = mount_set(&m->propagation, propagation, err);
	if (r < 0)
		return r;
	m->source = path_clean(source);
	if (!m->source)
		return fail_memory(err);
	return mount_set_bind_options(m, !flag(options, "NonRecursive"),
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
	int r = mount_check_volume(source, err);

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
		r = mount_check_subpath(subpath, err);
	if (r == 0 && *subpath)
		r = mount_set(&m->subpath, subpath, err);
	if (r == 0)
		r = mount_set(&m->source, source, err);
	if (r == 0)
		r = mount_set(&m->mode, "z", err);
	if (r == 0 && *text(driver, "Name"))
		r = mount_set(&m->volume_driver, text(driver, "Name"), err);
	if (r == 0)
		r = strmap(record_get(options, "Labels"), &m->volume_labels, err);
	if (r == 0)
		r = strmap(record_get(driver, "Options"), &m->volume_options, err);
	return r == 0 ? mount_set_bind_options(m, true, true, err) : r;
}

static int fill_mount_image(const struct record *mount, struct spec_mount *m,
			    struct berth_error *err)
{
	const char *subpath = text(record_get(mount, "ImageOptions"), "Subpath");
	int r;

	if (!*text(mount, "Source"))
		return berth_fail(err, BERTH_E_INVALID, "field Source must not be empty");
	m->read_only = true;
	r = mount_check_subpath(subpath, err);
	if (r == 0 && *subpath)
		r = mount_set(&m->subpath, subpath, err);
	if (r == 0)
		r = mount_set(&m->source, text(mount, "Source"), err);
	if (r == 0)
		r = mount_set(&m->propagation, "rprivate", err);
	return r == 0 ? mount_set_bind_options(m, true, true, err) : r;
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
	int r = mount_check_target(target, err);

	m->read_only = flag(mount, "ReadOnly");
	if (r == 0)
		r = mount_set(&m->type, type, err);
	if (r == 0)
		r = mount_set_target(m, target, err);
	if (r == 0)
		r = mount_set(&m->mode, "", err);
	if (r == 0)
		r = mount_set(&m->propagation, "", err);
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

static int add_mount(struct mount_list *list, const struct record *mount, struct berth_error *err)
{
	const char *type = text(mount, "Type");
	struct spec_mount m = {0};
	int r = check_foreign_options(mount, type, err);

	if (r < 0)
		return r;
	r = fill_mount(mount, type, &m, err);
	if (r == 0)
		return mount_list_wish(list, &m, err);
	mount_done(&m);
	return r == -BERTH_E_INVALID ? mount_fail_config(type, err) : r;
}

int mount_list_mounts(struct mount_list *list, const struct record *host, struct berth_error *err)
{
	const struct record *mounts = record_get(host, "Mounts");
	int r = 0;

	for (size_t i = 0; r == 0 && i < record_len(mounts); i++)
		r = add_mount(list, record_at(mounts, i), err);
	return r;
}
