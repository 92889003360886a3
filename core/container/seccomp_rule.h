/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp_rule: one entry of a profile in Docker's format, taken apart into its conditions and what
 * the OCI spec gets of it. Used at run time for profiles of users, and at build time for ours; it
 * must know nothing beyond base/.
 */
#ifndef CORE_CONTAINER_SECCOMP_RULE_H
#define CORE_CONTAINER_SECCOMP_RULE_H

#include "base/record_write.h"

/** When a rule counts. All zero: always. */
struct seccomp_when {
	bool never;	      /* wrong architecture, or a capability that nobody knows */
	uint64_t needs_caps;  /* all of them */
	uint64_t lacks_caps;  /* none of them */
	uint32_t from_kernel; /* KERNEL_VERSION_OF, or 0 */
	uint32_t to_kernel;   /* below this one, or 0 */
};

/** A rule as the build makes it. */
struct seccomp_rule {
	struct seccomp_when when;
	const char *json; /* OCI syscall object */
	size_t len;
};

/** The profile that comes with the program; seccomp_default.c is generated. */
extern const struct seccomp_rule seccomp_default_rules[];
extern const size_t seccomp_default_n;
/** Its members before "syscalls", without braces: `"defaultAction":…,"architectures":[…]`. */
extern const char seccomp_default_head[];

/** Read the conditions of @entry. INVALID. */
int seccomp_rule_when(const struct record *entry, struct seccomp_when *ret,
		      struct berth_error *err);
/** Write the OCI syscall object of @entry. INVALID. */
int seccomp_rule_write(const struct record *entry, struct jw *w, struct berth_error *err);
/** Write the members of @profile before "syscalls". INVALID. */
int seccomp_head_write(const struct record *profile, struct jw *w, struct berth_error *err);

bool seccomp_when_holds(const struct seccomp_when *when, uint64_t caps, uint32_t kernel);

#endif
