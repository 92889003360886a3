/* SPDX-License-Identifier: Apache-2.0 */
/*
 * caps: sets of capabilities as bits, and the names of them. Knows nothing of containers.
 */
#ifndef CORE_CONTAINER_CAPS_H
#define CORE_CONTAINER_CAPS_H

#include <stdint.h>

#include "base/record_write.h"

/** Docker's fourteen. */
#define CAPS_DEFAULT                                                                               \
	(CAPS_BIT(0) | CAPS_BIT(1) | CAPS_BIT(3) | CAPS_BIT(4) | CAPS_BIT(5) | CAPS_BIT(6) |       \
	 CAPS_BIT(7) | CAPS_BIT(8) | CAPS_BIT(10) | CAPS_BIT(13) | CAPS_BIT(18) | CAPS_BIT(27) |   \
	 CAPS_BIT(29) | CAPS_BIT(31))
#define CAPS_BIT(n) (UINT64_C(1) << (n))

/** "CAP_CHOWN" of a number, NULL beyond what we know. */
const char *caps_name(unsigned cap);
/** "CAP_CHOWN", "chown": its bit; 0 if there is none of that name. */
uint64_t caps_bit(const char *name);
/** What we know, the kernel knows, and this process may hand on. */
uint64_t caps_available(void);

/**
 * Docker's --cap-add and --cap-drop (arrays of names, or NULL) applied to CAPS_DEFAULT; "ALL"
 * stands for @available. INVALID: `unknown capability: "CAP_X"`, or one that is not available.
 */
int caps_tweak(uint64_t available, const struct record *add, const struct record *drop,
	       uint64_t *ret, struct berth_error *err);

/** The names as a JSON array, in the order of their numbers. */
void caps_write(struct jw *w, uint64_t caps);

#endif
