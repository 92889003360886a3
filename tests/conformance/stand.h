/* SPDX-License-Identifier: Apache-2.0 */
/* stand: filesystems to stand on, which go with the mount namespace they are made in. */
#ifndef CONFORMANCE_STAND_H
#define CONFORMANCE_STAND_H

#include <stddef.h>

/**
 * Mount a new filesystem @what, "TYPE" or "TYPE,MOUNT-OPTIONS", of that size and in memory, over
 * @dir. In a mount namespace of the caller's own. NULL, or why not.
 */
const char *stand_disk(const char *what, size_t bytes, const char *dir);
/** Put a filesystem of type @type over /var/tmp, where only we see it. NULL, or why not. */
const char *stand_on(const char *type);
/** Type of the filesystem of @path, "ext4". */
const char *stand_type(const char *path);

#endif
