/* SPDX-License-Identifier: Apache-2.0 */
/*
 * volume: directories that outlive containers, <root>/volumes/<name>/_data, and who uses them. It
 * makes the host side of a container's mounts ready; it knows nothing of views and drivers of
 * storage.
 */
#ifndef CORE_VOLUME_H
#define CORE_VOLUME_H

#include "core/container/spec.h"
#include "core/store/store.h"

/**
 * Make what the mounts of container @id need: volumes (an anonymous one gets a name of 64 hex
 * digits), missing directories of binds by -v. Fills host_path and, for anonymous ones, source. On
 * failure what was made for it alone is gone again. NOT_FOUND: `invalid mount config for type
 * "bind": bind source path does not exist: /x`. *ret_fresh: bit i is set if mounts[i] is a volume
 * that was empty, and is to be filled from the image.
 */
int volume_prepare(struct store *store, const char *id, struct spec_mount *mounts, size_t n,
		   uint64_t *ret_fresh, struct berth_error *err);

/**
 * At a later start of the same container: host_path of mounts whose volumes are known by @volumes,
 * the array of
 * {"Name","Destination"} that volume_prepare's result was kept as.
 */
int volume_locate(struct store *store, const struct record *volumes, struct spec_mount *mounts,
		  size_t n, struct berth_error *err);

/** Fill volume directory @host_path from @target of the image's tree @rootfd, as docker's copy-up.
 */
int volume_copy_up(int rootfd, const char *target, const char *host_path, struct berth_error *err);

/** Container @id uses no volume any more; @anonymous: remove its anonymous ones that nobody else
 * uses. */
int volume_release(struct store *store, const char *id, bool anonymous, struct berth_error *err);

/* --- by name (manage.c) -----------------------------------------------------------------------
 */

/** Array of Volume; @filters as the API's: name, driver, label, dangling. @usage: with UsageData. */
int volume_list(struct store *store, const struct record *filters, bool usage, struct record **ret,
		struct berth_error *err);
/** NOT_FOUND "get x: no such volume". */
int volume_inspect(struct store *store, const char *name, struct record **ret,
		   struct berth_error *err);
/** Volume. @name NULL: a random one, which is anonymous. One that is there stays as it is. */
int volume_create(struct store *store, const char *name, const struct record *labels,
		  struct record **ret, struct berth_error *err);
/** BUSY: containers use it. NOT_FOUND. */
int volume_remove(struct store *store, const char *name, struct berth_error *err);
/** Those that no container uses; only anonymous ones unless @all. Names into array @deleted. */
int volume_prune(struct store *store, bool all, const struct record *filters,
		 struct record *deleted, uint64_t *ret_bytes, struct berth_error *err);
/** Bytes of the files in it. */
int volume_size(struct store *store, const char *name, uint64_t *ret, struct berth_error *err);

/* shared by the files of this room */
char *volume_path(struct store *store, const char *name);
int volume_dir(struct store *store, const char *name, struct berth_error *err);
int volume_check_name(const char *name, struct berth_error *err);

#endif
