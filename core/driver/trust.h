/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trust: code of a file runs as us only if nobody else could have put it there. Private to
 * core/driver.
 *
 * Trusted is what belongs to root or, if the engine is run by an ordinary user, to that user, and
 * is not writable by group or others. Directories further up may be writable by others if they are
 * sticky (/tmp): nobody else can replace what is in there then.
 */
#ifndef CORE_DRIVER_TRUST_H
#define CORE_DRIVER_TRUST_H

#include <sys/stat.h>

#include "berth/driver.h"

/**
 * Open regular file @path for reading, if it and all directories above it are trusted. *@ret_real
 * (free it) is its path without any symlink: nobody untrusted can make it lead elsewhere later.
 * NOT_FOUND, DENIED with a hint, INVALID if it is no regular file. Texts do not name @path.
 */
int trust_open(const char *path, int *ret_fd, char **ret_real, struct stat *ret_st,
	       struct berth_error *err);
/** The same check for directory @path alone. */
int trust_dir(const char *path, struct berth_error *err);

#endif
