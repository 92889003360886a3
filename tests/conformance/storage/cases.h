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

/** Skip where a view is no mount: it has no attributes, and cannot be attached. */
static inline void cases_need_mounts(void)
{
	if (suite_trait_is("mounts", "directory"))
		suite_skip("views are plain directories (trait 'mounts')");
}

/** Skip where files lose their owners and all that needs privileges. */
static inline void cases_need_owners(void)
{
	if (suite_driver()->caps & BERTH_ST_ONE_OWNER)
		suite_skip("all files belong to one user (cap 'one-owner')");
}

/** Skip unless the driver has this call itself. */
static inline void cases_need(const char *call)
{
	if (!suite_has(call))
		suite_skip("the driver has no call '%s'", call);
}

#endif
