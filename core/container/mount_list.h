/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount_list: the mounts of a container while they are gathered, and the pieces that one is made
 * of. Nobody but spec_mounts.c and mount_*.c includes it.
 */
#ifndef CORE_CONTAINER_MOUNT_LIST_H
#define CORE_CONTAINER_MOUNT_LIST_H

#include "core/container/spec_parts.h"

struct mount_list {
	struct spec_mount *v;
	size_t n, cap;
	struct record *index; /* target -> place in v */
	size_t n_inherited;   /* the first ones may be replaced */
};
void mount_list_done(struct mount_list *list);
#define cleanup_mount_list cleanup_with(mount_list_done)

bool mount_list_has(const struct mount_list *list, const char *target);
/** Takes over @m, also on failure. The target must not be there, unless it is an inherited one. */
int mount_list_add(struct mount_list *list, struct spec_mount *m, struct berth_error *err);
/** One that somebody wished; "Duplicate mount point: /x" if there is another wish for its target.
 */
int mount_list_wish(struct mount_list *list, struct spec_mount *m, struct berth_error *err);

/** HostConfig.Binds (mount_bind.c). */
int mount_list_binds(struct mount_list *list, const struct record *host, struct berth_error *err);
/** HostConfig.Mounts (mount_api.c). */
int mount_list_mounts(struct mount_list *list, const struct record *host, struct berth_error *err);

void mount_done(struct spec_mount *m);
/** Replace a member by a copy. */
int mount_set(char **field, const char *text, struct berth_error *err);
int mount_set_target(struct spec_mount *m, const char *target, struct berth_error *err);
/** The OCI options of a bind or volume, from what is known of it. */
int mount_set_bind_options(struct spec_mount *m, bool recursive, bool read_only_recursive,
			   struct berth_error *err);
/** Whether the kernel can make what is below a mount read-only too (mount_setattr, Linux 5.12). */
bool mount_has_rro(void);

int mount_check_target(const char *target, struct berth_error *err);
/** "" is an anonymous one. */
int mount_check_volume(const char *name, struct berth_error *err);
/** "dir-inside/sub": relative, and it stays inside. */
int mount_check_subpath(const char *subpath, struct berth_error *err);
/** Prefix `invalid mount config for type "bind"`; returns -INVALID. */
int mount_fail_config(const char *type, struct berth_error *err);

#endif
