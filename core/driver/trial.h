/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trial: loads a driver file in a process of its own first, so that a crash, an exit or an endless
 * wait there is a reason to refuse it and not our end. Private to core/driver.
 */
#ifndef CORE_DRIVER_TRIAL_H
#define CORE_DRIVER_TRIAL_H

#include <stdbool.h>

#include "berth/driver.h"

enum { TRIAL_TIMEOUT_MS = 10000 };

/**
 * 0: it loads, and its tables can be read. INVALID: it does not. *@ret_lasting, written in both
 * cases, says whether the verdict is one about the file and may be kept, or about what is around it
 * (a library that is missing today).
 */
int trial_load(const char *path, int timeout_ms, bool *ret_lasting, struct berth_error *err);

#endif
