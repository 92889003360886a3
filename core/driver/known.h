/* SPDX-License-Identifier: Apache-2.0 */
/*
 * known: which driver files were loaded before, in a process of its own, and how that went. Private
 * to core/driver.
 *
 * The file <root>/drivers.known has a line for each: device, inode, size and time of change, a tab,
 * "ok" or what went wrong, a tab, the path. It is a cache: without it the trial is made again.
 */
#ifndef CORE_DRIVER_KNOWN_H
#define CORE_DRIVER_KNOWN_H

#include <sys/stat.h>

#include "base/str.h"

struct known {
	char *text; /* of the file; NULL: not read yet */
};

void known_done(struct known *known);
/**
 * True if the file was tried. *@ret_why is NULL if that went well, else what went wrong, borrowed
 * until the next call.
 */
bool known_find(struct known *known, const char *root, const struct stat *st, const char **ret_why);
/** Remember it, if <root> is there and can be written to. @why NULL: went well. */
void known_add(struct known *known, const char *root, const struct stat *st, const char *path,
	       const char *why);

#endif
