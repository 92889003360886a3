/* SPDX-License-Identifier: Apache-2.0 */
#include "core/container/mount_list.h"

#include <stdlib.h>
#include <string.h>

#include "base/ident.h"
#include "base/path.h"
#include "core/container/kernel.h"

enum { MOUNTS_MAX = 4096 };

static int fail_memory(struct berth_error *err)
{
	return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
}

void mount_done(struct spec_mount *m)
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

void mount_list_done(struct mount_list *list)
{
	spec_mounts_free(list->v, list->n);
	record_free(list->index);
}

bool mount_list_has(const struct mount_list *list, const char *target)
{
	return record_has(list->index, target);
}

/* Takes over @m, also on failure. The target must not be there, unless it is an inherited one. */
int mount_list_add(struct mount_list *list, struct spec_mount *m, struct berth_error *err)
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
int mount_list_wish(struct mount_list *list, struct spec_mount *m, struct berth_error *err)
{
	int64_t at = record_int_or(record_get(list->index, m->target), -1);
	char shown[SPEC_SHOWN_MAX];
	int r;

	if (at < 0 || (size_t)at < list->n_inherited)
		return mount_list_add(list, m, err);
	r = berth_fail(err, BERTH_E_INVALID, "Duplicate mount point: %s",
		       spec_shown(m->target, shown));
	mount_done(m);
	return r;
}

/* ------------------------------------------------------------------- what mounts are made of */

int mount_fail_config(const char *type, struct berth_error *err)
{
	char shown[SPEC_SHOWN_MAX];

	berth_error_prefix(err, "invalid mount config for type \"%s\"", spec_shown(type, shown));
	return -BERTH_E_INVALID;
}

int mount_check_target(const char *target, struct berth_error *err)
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

int mount_check_volume(const char *name, struct berth_error *err)
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
int mount_check_subpath(const char *subpath, struct berth_error *err)
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
bool mount_has_rro(void)
{
	return kernel_version() >= KERNEL_VERSION_OF(5, 12);
}

int mount_set(char **field, const char *text, struct berth_error *err)
{
	free(steal_ptr(*field));
	return str_copy(text, field, err);
}

int mount_set_target(struct spec_mount *m, const char *target, struct berth_error *err)
{
	m->target = path_clean(target);
	return m->target ? 0 : fail_memory(err);
}

/* The OCI options of a bind or volume, from what is known of it. */
int mount_set_bind_options(struct spec_mount *m, bool recursive, bool read_only_recursive,
			   struct berth_error *err)
{
	const char *propagation = m->propagation && *m->propagation ? m->propagation : "rprivate";
	int r = strv_add(&m->options, recursive ? "rbind" : "bind");

	if (r == 0 && m->read_only)
		r = strv_add(&m->options, read_only_recursive && mount_has_rro() ? "rro" : "ro");
	if (r == 0)
		r = strv_add(&m->options, propagation);
	return r == 0 ? 0 : fail_memory(err);
}
