/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/xattrs.h - compare and copy extended attributes, access lists and capabilities among them. A
 * filesystem that knows none has none.
 */
#ifndef BASE_XATTRS_H
#define BASE_XATTRS_H

#include <stdbool.h>
#include <stddef.h>

#include "berth/driver.h"

/** Whether both have the same attributes, but for those whose names begin with @but. */
int xattrs_equal(int a, int b, const char *but, bool *ret, struct berth_error *err);
/**
 * Give @to_dir/@to_name the attributes of @from_dir/@from_name; no symlink is followed. Needs
 * /proc. @what names it in errors.
 */
int xattrs_copy_at(int from_dir, const char *from_name, int to_dir, const char *to_name,
		   struct berth_error *err);
/** The same for two open files. */
int xattrs_copy(int from, int to, const char *what, struct berth_error *err);

/** Asked for each attribute; @value is borrowed, and has a NUL behind its @n bytes. */
typedef int (*xattrs_fn)(void *arg, const char *name, const void *value, size_t n,
			 struct berth_error *err);
/**
 * Each attribute of @dir/@name, where no symlink is followed. Needs /proc. A non-zero answer of @fn
 * ends it and is returned.
 */
int xattrs_each_at(int dir, const char *name, xattrs_fn fn, void *arg, struct berth_error *err);

#endif
