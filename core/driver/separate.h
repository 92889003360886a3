/* SPDX-License-Identifier: Apache-2.0 */
/*
 * separate: a driver in a process of its own ("process": "separate"). The same file, unchanged, is
 * mapped by the program berth-driver-host; here stands a head like the driver's own, whose calls
 * travel over a socket, with descriptors beside them, and whose calls to the host come back the
 * same way. Who calls does not notice, but for the time it takes (docs/drivers/separate.md).
 *
 * The process begins when the file is loaded and serves all instances of this driver here. It ends
 * with us, however we end. If it dies or hangs (a call that answers neither to cancellation nor
 * within its limit), the call fails with DRIVER_DIED; the next call starts a new process and opens
 * the instance again with the same options and state directory. What lived in the old one only (an
 * ingest, an upload, a stream, a plan) answers DRIVER_DIED until it is given up; a sandbox is
 * recovered from what save() last said.
 *
 * It uses the struct berth_host that probe and open are given, as any driver does, and knows
 * nothing else of the engine: the conformance suite runs on it with a host of its own. What needs
 * none of the engine's state is lent by the driver's process itself: options (copied when they are
 * given), spawn, socket_in.
 */
#ifndef CORE_DRIVER_SEPARATE_H
#define CORE_DRIVER_SEPARATE_H

#include "berth/driver.h"

struct separate;

enum {
	SEPARATE_TIMEOUT_MS = 10 * 60 * 1000, /* a call that says nothing for so long hangs */
	SEPARATE_CANCEL_MS = 2000,	      /* between cancellation and the end of patience */
	SEPARATE_LOAD_MS = 10000,	      /* as for loading in our own process */
	SEPARATE_MAX = 32,		      /* drivers at once */
};

/**
 * Read driver @name of @kind from file @path by a process of its own (@program: path of
 * berth-driver-host, NULL: where it is installed) and make a head of it, with our ops table.
 * INVALID as for loading here: crashes, no such driver, refused tables. LIMIT: too many.
 */
int separate_load(const char *program, const char *path, uint32_t kind, const char *name,
		  struct separate **ret, struct berth_error *err);
/** The head, for the life of @s. Calls that the driver lacks are missing here as well. */
const struct berth_driver *separate_head(const struct separate *s);
/** How long a call may say nothing. Not while one runs. */
void separate_set_timeout(struct separate *s, uint64_t ms);
/** The process, for tests and messages; 0: there is none now. */
int separate_pid(struct separate *s);
/** End the process: the next call starts another, in the namespaces that the caller is in then. */
void separate_renew(struct separate *s);
/** Ends the process. All instances must be closed. NULL is fine. */
void separate_free(struct separate *s);

#endif
