/* SPDX-License-Identifier: Apache-2.0 */
/*
 * odd: a file with a driver of each kind, all named "odd", that can be made wrong in every way.
 *
 * The variable ODD is a list of words, with commas, of what shall be odd; they stand in odd.c. It
 * is looked at when the file is loaded and each time a head is asked for. ODD_LOADS, if set, names
 * a file to which each load appends a byte. attach and detach of the network driver do what the id
 * of the network says.
 */
#ifndef TESTS_ODD_H
#define TESTS_ODD_H

#include "berth/driver.h"

/** What the handle of an open instance really is. */
struct odd {
	const struct berth_host *host;
	const struct berth_conf *conf;
	int *closed; /* NULL; if the test sets it, close counts there */
	unsigned calls;
};

#endif
