/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount_mode: the words behind the second colon of -v, and the options of tmpfs. Words only.
 */
#ifndef CORE_CONTAINER_MOUNT_MODE_H
#define CORE_CONTAINER_MOUNT_MODE_H

#include <stdbool.h>

#include "base/str.h"

struct mount_mode {
	bool read_only;
	bool no_copy;
	const char *propagation; /* static; NULL: not said */
};

/** "ro,z,rslave"; at most one word of a sort. Whether it is valid; "" is. */
bool mount_mode_parse(const char *text, struct mount_mode *ret);
/** "private" … "rshared", from a table; NULL for any other word. */
const char *mount_propagation(const char *word);

/**
 * Docker's defaults with @text ("size=64m,exec") over them, each sort once: complete OCI options.
 * INVALID: `invalid tmpfs option ["x"]`.
 */
int mount_tmpfs_options(const char *text, char ***ret, struct berth_error *err);

#endif
