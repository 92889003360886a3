/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace: tells of each call of a driver, on stderr, one line each:
 *
 *	trace: storage/overlay view_mount(view="4f0c1d…", flags=0) = 0 [0.213 ms]
 *	trace: registry/mock fetch(host="-", digest="sha256:5891…", from=0) = denied: "no" [1.002
 *ms]
 *
 * Handles of drivers are wrapped when a driver is opened while tracing is on; else nothing of this
 * is on the way of a call. Values that may be secret (environments, options, specs) are never
 * shown, but for their length. docs/testing-with-mocks.md describes the lines.
 */
#ifndef CORE_DRIVER_TRACE_H
#define CORE_DRIVER_TRACE_H

#include "base/str.h"
#include "core/driver/drivers.h"

/** From now on drivers that are opened are traced, also by processes that we start: BERTH_TRACE=1 in
 * the environment says so. */
void trace_switch_on(void);
bool trace_is_on(void);

/* --- private to core/driver from here on ------------------------------------------------------ */

struct loaded;

/** Put wrappers between what callers see of @l and its driver. After it was opened. */
int trace_attach(struct loaded *l, struct berth_error *err);
/** Frees what trace_attach made. */
void trace_detach(struct loaded *l);

/** The name of a driver in the lines: "storage/overlay". */
struct trace_name {
	char text[48];
};

/** One call, between its arguments and its end. */
struct trace_call {
	struct str line;
	struct berth_error err;
	int64_t since;
	bool has_args, is_silent;
};

/** @name NULL: the call is not traced, and all that follows does nothing but pass errors on. */
struct trace_call trace_begin(const struct trace_name *name, const char *call);
void trace_str(struct trace_call *c, const char *name, const char *value);
void trace_u64(struct trace_call *c, const char *name, uint64_t value);
void trace_i64(struct trace_call *c, const char *name, int64_t value);
/** Only the length is shown. */
void trace_bytes(struct trace_call *c, const char *name, size_t n);
/** The arguments are complete; returns where the driver puts its error. */
struct berth_error *trace_go(struct trace_call *c);
/** Write the line; returns @r, with the error in *@err. */
int trace_end(struct trace_call *c, int r, struct berth_error *err);
void trace_end_void(struct trace_call *c);

/** trace_KIND.c: a wrapper in place of *@pub's handle and calls; free() it. NULL: no memory. */
struct berth_storage *trace_storage(struct storage *pub, const struct trace_name *name);
struct berth_network *trace_network(struct network *pub, const struct trace_name *name);
struct berth_isolation *trace_isolation(struct isolation *pub, const struct trace_name *name);
struct berth_registry *trace_registry(struct registry *pub, const struct trace_name *name);

#endif
