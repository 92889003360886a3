/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bind: takes the driver under test out of its file as the engine would: reads what the file says
 * of itself without running it, loads it in a process of its own first, clamps head and table, and
 * fills what is missing with stubs. Knows nothing of suites.
 */
#ifndef CONFORMANCE_BIND_H
#define CONFORMANCE_BIND_H

#include "core/driver/head.h"
#include "core/driver/info.h"
#include "tests/conformance/lent.h"

struct bind_wish {
	const char *file;
	uint32_t kind;	     /* 0: any */
	const char *name;    /* NULL: any */
	bool is_separate;    /* in a process of its own */
	const char *program; /* that serves it; NULL: the installed one */
};

struct bound {
	struct info info; /* what the file says */
	berth_driver_v1_fn entry;
	uint32_t index;			   /* of the driver in its file */
	const struct berth_driver *theirs; /* as it came */
	struct berth_driver raw;	   /* ours, with the calls that it has */
	struct berth_driver head;	   /* ours, with stubs in place of the others */
	union ops ops;
	void *lib; /* of dlopen: what is mapped here, NULL if nothing is */
};

/** INVALID with the reason, NOT_FOUND: no such file; hints what else is in it. */
int bind_driver(const struct bind_wish *wish, struct bound *ret, struct berth_error *err);
/** We are in other namespaces: a driver's own process is to follow. */
void bind_follow(void);
/** The driver's options with what "key=value"s (NULL ends) say, later ones first; fallbacks where
 * they say nothing. Values of all are as the getters take them ("10m" is "10485760"). INVALID names
 * the key. The arrays are for strv_free. */
int bind_options(const struct bound *b, char *const *values, char ***ret, struct berth_error *err);

#endif
