/* SPDX-License-Identifier: Apache-2.0 */
/* own: the rig for tests of what one driver alone promises. */
#ifndef TESTS_STORAGE_OWN_H
#define TESTS_STORAGE_OWN_H

#include "tests/conformance/storage/rig.h"

/** Of the next rig_open. */
extern struct own {
	const char *file;	/* the driver */
	const char *options[2]; /* of open: "key=value", NULL ends */
} own;

#endif
