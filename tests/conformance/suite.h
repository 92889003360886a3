/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suite: between the program berth-conformance, which runs cases and reports, and the kinds, which
 * have the cases.
 *
 *	berth-conformance FILE.so [-o KEY=VALUE]... [--trait NAME=VALUE]... [--only PART]...
 *
 * A case is a check test (START_TEST), runs in a process of its own and is told apart by its name,
 * a true sentence. It knows no driver: what a driver may do differently is asked of its caps, or is
 *a trait, whose default is the strict answer. What cannot be shown here says so with suite_skip(),
 * which is neither a pass nor a failure.
 */
#ifndef CONFORMANCE_SUITE_H
#define CONFORMANCE_SUITE_H

#include "tests/unit/ck.h"

#include "tests/conformance/lent.h"

/** Something that drivers may declare, with --trait. */
struct suite_trait {
	const char *name;     /* "layers"; NULL ends the list */
	const char *fallback; /* the strict answer */
	const char *doc;      /* one line for --help and the report */
};

/** Cases of one topic: the rest of a kind's files are hidden behind these lists. */
typedef size_t (*suite_cases_fn)(const TTest *out[]);

struct suite {
	uint32_t kind; /* enum berth_kind */
	const struct suite_trait *traits;
	/** Before all cases, once. NULL, or why nothing can be shown here (all cases are skipped).
	 */
	const char *(*prepare)(void);
	const suite_cases_fn *cases; /* NULL ends */
	/** After all cases: remove what failed ones left behind. May be NULL. */
	void (*finish)(void);
};
extern const struct suite storage_suite, network_suite, isolation_suite, registry_suite;

/** The same for all kinds: head, options, open and close, errors, descriptors (common.c). */
size_t common_cases(const TTest *out[]);

/** For a file's list of cases. */
enum {
	SUITE_CASES_MAX = 64, /* of one list */
	SUITE_LISTS_MAX = 16, /* of a kind */
};
#define SUITE_CASES(name, ...)                                                                     \
	size_t name(const TTest *out[])                                                            \
	{                                                                                          \
		const TTest *const all[] = {__VA_ARGS__};                                          \
                                                                                                   \
		memcpy(out, all, sizeof(all));                                                     \
		return sizeof(all) / sizeof(all[0]);                                               \
	}                                                                                          \
	struct name##_ends_with_a_semicolon

/**
 * The driver under test, its table complete (stubs where it has no call). With --process separate
 * its calls are answered by a process of its own; cases do not notice.
 */
const struct berth_driver *suite_driver(void);
/** Options for its open(), from -o and @more ("key=value", NULL ends; may be NULL); for the life of
 * the case. */
const struct berth_conf *suite_conf(const char *const *more);
/** The same, as if neither -o nor @more had been given. */
const struct berth_conf *suite_defaults(void);
/** Where its calls are answered. */
bool suite_is_separate(void);
/** The case has gone to namespaces of its own: so does the driver, wherever its calls are answered. */
void suite_moved(void);
/** kill -9 a child that uses the driver; returns its status when all that was its own has ended. */
int suite_kill(pid_t pid);
/** The driver has call @name of its kind's table itself: what is there is no stub. */
bool suite_has(const char *call);
/** How many bytes are allocated in this process. */
size_t suite_memory(void);
/** Its file. */
const char *suite_file(void);

/** Value of a trait of this kind; the case fails if there is no such trait. */
const char *suite_trait(const char *name);
uint64_t suite_trait_u64(const char *name);
bool suite_trait_is(const char *name, const char *value);

/** End this case: it cannot be shown here, because @fmt. In the process of the case only. */
_Noreturn void suite_skip(const char *fmt, ...) BERTH_PRINTF(1, 2);
/** Skip unless the driver promises all of @caps; @what for the reason ("capability 'quota'"). */
void suite_needs(uint64_t caps, const char *what);

#endif
