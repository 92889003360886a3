/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fault: system calls and allocations that fail. What the driver's file calls in libc goes through
 * wrappers (its table of imported functions is rewritten; nobody else's calls are touched), of
 * which one fails with an errno.
 *
 *	static int make(void *arg, struct berth_error *err) { ... one call of the driver ... }
 *	static void look(void *arg, int result) { ... what must be true then ... }
 *
 *	fault_each(&(struct fault_case){.run = make, .after = look, .arg = &r});
 *
 * runs `make` with the first call failing, then with the second, and so on until it ran untouched.
 * Each time: the result is 0 or a code that fits the errno, err says the same, and no descriptor is
 * lost over run and after. What is let fail: everything that takes a path or a descriptor, and
 * malloc and its kin; not close, free, and what cannot fail.
 */
#ifndef CONFORMANCE_FAULT_H
#define CONFORMANCE_FAULT_H

#include "berth/driver.h"

struct fault_case {
	void (*before)(void *arg); /* each time, untouched; may be NULL */
	/** One call of the driver. Its failure ends there; err is not NULL. */
	int (*run)(void *arg, struct berth_error *err);
	/** Each time, untouched: look, and put everything back as it was. May be NULL. */
	void (*after)(void *arg, int result);
	void *arg;
};

/** Skips the case where a driver's calls cannot be reached (a process of its own). */
void fault_each(const struct fault_case *c);

/* By hand: from now on the @n'th call (1: the next) fails with @sys_errno. */
void fault_arm(unsigned n, int sys_errno);
/** Nothing fails any more. The name of what did, or NULL. */
const char *fault_disarm(void);

#endif
