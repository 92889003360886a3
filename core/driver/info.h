/* SPDX-License-Identifier: Apache-2.0 */
/*
 * info: what a driver file says of itself in its ELF section .berth.info, without running it.
 * Private to core/driver. The file is taken for hostile.
 */
#ifndef CORE_DRIVER_INFO_H
#define CORE_DRIVER_INFO_H

#include <stddef.h>

#include "berth/driver.h"

enum { INFO_MAX = 64 }; /* drivers in one file */

struct info {
	uint32_t abi, kind, host_min;
	char name[33], version[33];
};

/**
 * The records of the file, 1 to INFO_MAX of them, sorted by kind and name. INVALID: not an ELF
 * file, for another machine, no such section, or a damaged one.
 */
int info_read(int fd, struct info ret[static INFO_MAX], size_t *ret_n, struct berth_error *err);
/** INVALID if nothing else needs to be looked at to refuse it: ABI, host, kind, name. */
int info_check(const struct info *info, struct berth_error *err);

#endif
