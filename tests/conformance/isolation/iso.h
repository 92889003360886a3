/* SPDX-License-Identifier: Apache-2.0 */
/* iso: what the files of the isolation suite share. Private to it. */
#ifndef CONFORMANCE_ISOLATION_ISO_H
#define CONFORMANCE_ISOLATION_ISO_H

#include "tests/conformance/isolation/box.h"
#include "tests/conformance/suite.h"

size_t iso_life_cases(const TTest *out[]);
size_t iso_create_cases(const TTest *out[]);
size_t iso_program_cases(const TTest *out[]);
size_t iso_more_cases(const TTest *out[]);
size_t iso_control_cases(const TTest *out[]);
size_t iso_recover_cases(const TTest *out[]);
size_t iso_whole_cases(const TTest *out[]);
size_t iso_fault_cases(const TTest *out[]);

/** Skip where programs are ordinary ones of the machine. */
static inline void iso_needs_apart(void)
{
	if (suite_trait_is("apart", "no"))
		suite_skip("its programs are not kept apart (trait 'apart')");
}

/** Skip unless the driver has this call itself. */
static inline void iso_needs_call(const char *call)
{
	if (!suite_has(call))
		suite_skip("the driver has no call '%s'", call);
}

static inline struct berth_str iso_str(const char *text)
{
	return (struct berth_str){text, strlen(text)};
}

#endif
