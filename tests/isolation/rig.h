/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rig: what the cases of one isolation driver stand on beside the boxes of the suite
 * (tests/conformance/isolation/box.h): their specification begins as docker's default one, with the
 * default seccomp profile.
 */
#ifndef TESTS_ISOLATION_RIG_H
#define TESTS_ISOLATION_RIG_H

#include "tests/conformance/isolation/box.h"

/** Of this run, from the command line. */
struct rig {
	const char *driver, *golden;
};
extern struct rig rig;

/** Some process of the machine has @word in its command line. */
bool rig_finds_process(const char *word);

enum { RIG_CASES_MAX = 64 };
#define RIG_CASES(name, ...)                                                                       \
	size_t name(const TTest *out[])                                                            \
	{                                                                                          \
		const TTest *const all[] = {__VA_ARGS__};                                          \
                                                                                                   \
		memcpy(out, all, sizeof(all));                                                     \
		return sizeof(all) / sizeof(all[0]);                                               \
	}                                                                                          \
	struct name##_ends_with_a_semicolon

size_t run_cases(const TTest *out[]);
size_t inside_cases(const TTest *out[]);
size_t limit_cases(const TTest *out[]);
size_t exec_cases(const TTest *out[]);
size_t life_cases(const TTest *out[]);
size_t hook_cases(const TTest *out[]);
size_t refuse_cases(const TTest *out[]);
size_t namespace_cases(const TTest *out[]);

#endif
