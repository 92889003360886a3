/* SPDX-License-Identifier: Apache-2.0 */
/* cases: what the files of the storage suite share. Private to it. */
#ifndef CONFORMANCE_STORAGE_CASES_H
#define CONFORMANCE_STORAGE_CASES_H

#include "tests/conformance/storage/rig.h"
#include "tests/conformance/suite.h"

size_t layer_cases(const TTest *out[]);
size_t file_cases(const TTest *out[]);
size_t view_cases(const TTest *out[]);
size_t userns_cases(const TTest *out[]);
size_t change_cases(const TTest *out[]);
size_t crash_cases(const TTest *out[]);
size_t whole_cases(const TTest *out[]);
size_t fault_cases(const TTest *out[]);
size_t bound_cases(const TTest *out[]);

/** Skip unless the driver has this call itself. */
static inline void cases_need(const char *call)
{
	if (!suite_has(call))
		suite_skip("the driver has no call '%s'", call);
}

#endif
