/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load: maps driver files. Private to core/driver.
 */
#ifndef CORE_DRIVER_LOAD_H
#define CORE_DRIVER_LOAD_H

#include "berth/driver.h"

enum { LOAD_DRIVERS_MAX = 64 }; /* in one file */

/** dlopen @path and find its entry. It stays mapped for ever. INVALID with the linker's text. */
int load_map(const char *path, void **ret_lib, berth_driver_v1_fn *ret_entry,
	     struct berth_error *err);

#endif
