/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/entry_copy.h - copy one thing of a directory, with all that a filesystem can hold of it:
 * what tree_copy does with each, and what puts single changes from one tree into another.
 */
#ifndef BASE_ENTRY_COPY_H
#define BASE_ENTRY_COPY_H

#include <sys/stat.h>

#include "base/file_copy.h"

/** What is copied where; the name is one component, and is not there yet. */
struct entry_copy {
	int from, to; /* directories */
	const char *name;
	const char *path; /* for messages */
	const struct stat *st;
	enum file_copy_reflink *reflink;
};

/** A file, link, device, fifo or socket; no directory, and nothing of hard links. */
int entry_copy(const struct entry_copy *e, struct berth_error *err);
/** Owner, attributes, mode and times of open @from to open @to; not the bytes. */
int entry_copy_meta(int from, int to, const struct stat *st, const char *path,
		    struct berth_error *err);

#endif
