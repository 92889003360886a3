/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copy: a directory tree, good enough for tests: directories, files, symlinks, fifos, their modes
 * and times. Owners only where that is allowed; no xattrs, no devices unless allowed, hard links
 * become two files.
 */
#ifndef MOCK_STORAGE_COPY_H
#define MOCK_STORAGE_COPY_H

#include "berth/driver.h"

/** All that is in directory @from to the empty directory @to. */
int copy_tree(int from, int to, struct berth_error *err);

#endif
