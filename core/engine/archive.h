/* SPDX-License-Identifier: Apache-2.0 */
/*
 * archive: files into and out of containers, running or not: cp, export, diff.
 *
 * Paths are the container's: absolute, or from its root; its symlinks work and cannot leave. Of a
 * container that does not run, what a volume would hide is not seen: the volume is.
 */
#ifndef CORE_ENGINE_ARCHIVE_H
#define CORE_ENGINE_ARCHIVE_H

#include "core/engine/engine.h"

/**
 * What @path is: {"name", "size", "mode" (os.FileMode of Go), "mtime", "linkTarget"}, as the API's
 * X-Docker-Container-Path-Stat. NOT_FOUND in docker's words.
 */
int engine_path_stat(struct engine *e, const char *ref, const char *path, struct record **ret,
		     struct berth_error *err);
/**
 * It and all below it as a tar to @fd; @as: its name in there, NULL for its own. *ret_bytes (may be
 * NULL): of the tar.
 */
int engine_copy_out(struct engine *e, const char *ref, const char *path, const char *as, int fd,
		    uint64_t *ret_bytes, struct berth_error *err);
/** The tar from @fd into directory @path; @owner NULL: owners as the tar says. */
int engine_copy_in(struct engine *e, const char *ref, const char *path, int fd,
		   const struct image_owner *owner, struct berth_error *err);
/** All that the container itself holds, without volumes, as a tar to @fd. */
int engine_export(struct engine *e, const char *ref, int fd, struct berth_error *err);

#endif
