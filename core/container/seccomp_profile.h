/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp_profile: profiles in Docker's format -> linux.seccomp of the OCI spec, for a set of
 * capabilities, this architecture and this kernel. The default profile (seccomp-default.json,
 * Docker's) is taken apart when the program is built, so that writing it is copying.
 */
#ifndef CORE_CONTAINER_SECCOMP_PROFILE_H
#define CORE_CONTAINER_SECCOMP_PROFILE_H

#include "base/record_write.h"

enum {
	SECCOMP_PROFILE_MAX = 1024 * 1024, /* bytes of one */
	SECCOMP_RULES_MAX = 16384,
};

/** Write linux.seccomp, key and value, of the default profile. @caps: the bounding set. */
void seccomp_default_write(uint64_t caps, uint32_t kernel, struct jw *w);

/**
 * The same of the profile @text. Writes nothing for one that is empty (no default action, no
 * rules), as docker. INVALID: "Decoding seccomp profile failed: …". LIMIT.
 */
int seccomp_profile_write(const char *text, size_t len, uint64_t caps, uint32_t kernel,
			  struct jw *w, struct berth_error *err);

#endif
