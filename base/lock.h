/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/lock.h - advisory locks between processes, held by a descriptor.
 *
 * A lock is given back when its descriptor is closed, in whatever way the process ends; so nothing
 * stale stays. It belongs to the open file, not to the process: another lock_take of the same
 * process waits too, and a child that inherits the descriptor shares it. Lock files stay where they
 * are; they may be removed by who holds the exclusive lock, since takers notice and begin again.
 */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include "berth/driver.h"

enum lock_flags {
	LOCK_SHARED = 1u << 0, /* with other shared ones; default exclusive */
	LOCK_TRY = 1u << 1,    /* BUSY at once rather than to wait */
};

/**
 * Take lock @name (one component) in our directory @dirfd; its file is made, mode 0600. Close
 * *@ret_fd to give it back.
 */
int lock_take(int dirfd, const char *name, unsigned flags, int *ret_fd, struct berth_error *err);

#endif
