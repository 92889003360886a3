/* SPDX-License-Identifier: Apache-2.0 */
/*
 * caps: names and sets of capabilities. Sets are 64 bits, bit n is capability n.
 */
#ifndef NATIVE_CAPS_H
#define NATIVE_CAPS_H

#include <stdint.h>

#include "spec.h"

struct berth_host;

/** The number of "CAP_CHOWN", or -1 if this system knows no such name. */
int caps_number(const char *name);
/** The name, or NULL behind the last one that this system knows. */
const char *caps_name(int number);

/**
 * Cut @caps to what a process of ours can have: our own permitted and bounding sets, or all that
 * the kernel knows if it will live in a user namespace of its own. What falls away is logged.
 */
void caps_limit(const struct berth_host *host, struct spec_caps *caps, bool own_userns);

/*
 * In the child; only plain system calls. Both return 0 or -errno. caps_bound goes before the ids
 * change, caps_take after it, with PR_SET_KEEPCAPS in between. @extra is kept as well, until exec.
 */
int caps_bound(uint64_t bounding);
int caps_take(const struct spec_caps *caps, uint64_t extra);

#endif
