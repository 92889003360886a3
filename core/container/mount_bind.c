/* SPDX-License-Identifier: Apache-2.0 */
/* -v: "source:target:mode", "target". */
#include <string.h>

#include "base/path.h"
#include "core/container/mount_list.h"
#include "core/container/mount_mode.h"

static int fail_memory(struct berth_error *err)
{
	return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
}

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
	r = mount_set(&m->type, is_path ? "bind" : "volume", err);
	if (r == 0)
		r = mount_check_target(target, err);
	if (r == 0 && !is_path)
		r = mount_check_volume(source, err);
	if (r == 0 && !is_path && mode->propagation)
		r = berth_fail(err, BERTH_E_INVALID, "field BindOptions must not be specified");
	if (r == 0 && is_path && mode->no_copy)
		r = berth_fail(err, BERTH_E_INVALID, "field VolumeOptions must not be specified");
	if (r == 0 && !*source && mode->read_only)
		r = berth_fail(err, BERTH_E_INVALID,
			       "must not set ReadOnly mode when using anonymous volumes");
	if (r == -BERTH_E_INVALID)
		return mount_fail_config(m->type, err);
	if (r == 0)
		r = mount_set_target(m, target, err);
	if (r == 0)
		r = mount_set(&m->source, is_path ? clean : source, err);
	if (r == 0)
		r = mount_set(&m->mode, is_path || *mode_text ? mode_text : "z", err);
	if (r == 0)
		r = mount_set(&m->propagation,
			      is_path ? (mode->propagation ? mode->propagation : "rprivate") : "",
			      err);
	if (r == 0 && !is_path && *driver)
		r = mount_set(&m->volume_driver, driver, err);
	return r == 0 ? mount_set_bind_options(m, true, true, err) : r;
}

static int add_bind(struct mount_list *list, const char *text, const char *driver,
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
		return mount_list_wish(list, &m, err);
	if (r == -BERTH_E_INVALID)
		berth_error_prefix(err, "invalid volume specification: '%s'",
				   spec_shown(text, shown));
	mount_done(&m);
	return r;
}

int mount_list_binds(struct mount_list *list, const struct record *host, struct berth_error *err)
{
	const struct record *binds = record_get(host, "Binds");
	const char *driver = record_str_or(record_get(host, "VolumeDriver"), "");
	int r = 0;

	for (size_t i = 0; r == 0 && i < record_len(binds); i++)
		r = add_bind(list, record_str_or(record_at(binds, i), ""), driver, err);
	return r;
}
