/* SPDX-License-Identifier: Apache-2.0 */
/*
 * broken: the smallest driver of each kind, and what may be wrong with one. Built once per fault,
 * by defining one of:
 *
 *	ABI9          exports the entry of another ABI only
 *	ENTRY_NULL    its entry answers NULL
 *	KIND_UNKNOWN  of a kind that does not exist, in the section and in the head
 *	INFO_LIES     section and head name different kinds
 *	NO_INFO       has no section
 *	HOST_MIN      wants more host than there is
 *	LACKS         a required call is missing
 *	NEW_TABLE     head and table have members behind those that we know: fine
 *	OLD_TABLE     the table ends early, and rubbish follows: fine
 *	TWIN_OPTIONS  two options of one name
 *	CRASHES, HANGS, EXITS    in its constructor
 *
 * KIND is one of the kinds, NAME the driver's name. Without a fault it is right.
 */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "berth/isolation.h"
#include "berth/network.h"
#include "berth/registry.h"
#include "berth/storage.h"

#ifndef KIND
#define KIND BERTH_STORAGE
#endif

/* A call that is there and does nothing; its arguments do not matter, since nobody calls it. */
static int works(void)
{
	return 0;
}

/* Behind the end of a table that ends early: calling it shows. */
static int __attribute__((unused)) rubbish(void)
{
	abort();
}

#define IS_THERE   (void *)works
#define IS_RUBBISH (void *)rubbish
#ifdef LACKS
#define IS_LACKING NULL
#else
#define IS_LACKING IS_THERE
#endif

/* Whole tables as arrays of pointers: all their members are pointers to functions. */
#define MEMBER(ops, name) [offsetof(struct ops, name) / sizeof(void *)]
#define MEMBERS(ops)	  (sizeof(struct ops) / sizeof(void *))

#define STORAGE_TABLE                                                                              \
	MEMBER(berth_storage_ops, ingest_begin) = IS_THERE,                                        \
				  MEMBER(berth_storage_ops, ingest_tree) = IS_THERE,               \
				  MEMBER(berth_storage_ops, ingest_commit) = IS_THERE,             \
				  MEMBER(berth_storage_ops, ingest_abort) = IS_THERE,              \
				  MEMBER(berth_storage_ops, layer_remove) = IS_THERE,              \
				  MEMBER(berth_storage_ops, view_create) = IS_LACKING,             \
				  MEMBER(berth_storage_ops, view_mount) = IS_THERE,                \
				  MEMBER(berth_storage_ops, view_remove) = IS_THERE,               \
				  MEMBER(berth_storage_ops, each) = IS_THERE

#define NETWORK_TABLE                                                                              \
	MEMBER(berth_network_ops, attach) = IS_LACKING, MEMBER(berth_network_ops, detach) = IS_THERE

#define ISOLATION_TABLE                                                                            \
	MEMBER(berth_isolation_ops, create) = IS_THERE,                                            \
				    MEMBER(berth_isolation_ops, info) = IS_THERE,                  \
				    MEMBER(berth_isolation_ops, start) = IS_THERE,                 \
				    MEMBER(berth_isolation_ops, signal) = IS_THERE,                \
				    MEMBER(berth_isolation_ops, wait_fd) = IS_THERE,               \
				    MEMBER(berth_isolation_ops, reap) = IS_LACKING,                \
				    MEMBER(berth_isolation_ops, destroy) = IS_THERE,               \
				    MEMBER(berth_isolation_ops, forget) = IS_THERE

#define REGISTRY_TABLE                                                                             \
	MEMBER(berth_registry_ops, resolve) = IS_THERE,                                            \
				   MEMBER(berth_registry_ops, fetch) = IS_THERE,                   \
				   MEMBER(berth_registry_ops, read) = IS_LACKING,                  \
				   MEMBER(berth_registry_ops, close_stream) = IS_THERE

#if defined(OF_NETWORK)
#define TABLE NETWORK_TABLE
#define OPS   berth_network_ops
#define CAPS  0
#elif defined(OF_ISOLATION)
#define TABLE ISOLATION_TABLE
#define OPS   berth_isolation_ops
#define CAPS  0
#elif defined(OF_REGISTRY)
#define TABLE REGISTRY_TABLE
#define OPS   berth_registry_ops
#define CAPS  BERTH_REG_PULL
#else
#define TABLE STORAGE_TABLE
#define OPS   berth_storage_ops
#define CAPS  (BERTH_ST_INGEST_TREE | BERTH_ST_FORM_DIR)
#endif

#if defined(NEW_TABLE)
#define TABLE_MEMBERS (MEMBERS(OPS) + 3)
#define TABLE_SIZE    (sizeof(struct OPS) + 3 * sizeof(void *))
#elif defined(OLD_TABLE)
#define TABLE_MEMBERS MEMBERS(OPS)
#define TABLE_SIZE    offsetof(struct OPS, check)
#else
#define TABLE_MEMBERS MEMBERS(OPS)
#define TABLE_SIZE    sizeof(struct OPS)
#endif

static void *const ops[TABLE_MEMBERS] = {
	TABLE,
#ifdef NEW_TABLE
	[MEMBERS(OPS)] = IS_RUBBISH,
	[MEMBERS(OPS) + 1] = IS_RUBBISH,
	[MEMBERS(OPS) + 2] = IS_RUBBISH,
#endif
#ifdef OLD_TABLE
	MEMBER(berth_storage_ops, check) = IS_RUBBISH,
	MEMBER(berth_storage_ops, reclaim) = IS_RUBBISH,
	MEMBER(berth_storage_ops, below) = IS_RUBBISH,
#endif
};

#ifdef TWIN_OPTIONS
static const struct berth_option options[] = {
	{"colour", BERTH_OPT_STR, 0, NULL, NULL, "One."},
	{"size", BERTH_OPT_SIZE, 0, NULL, NULL, "Another."},
	{"colour", BERTH_OPT_U64, 0, NULL, NULL, "One again."},
	{NULL},
};
#define OPTIONS options
#else
#define OPTIONS NULL
#endif

static int open_driver(const struct berth_host *host, const struct berth_conf *conf, int state_fd,
		       void **ret, struct berth_error *err)
{
	static char instance;

	*ret = &instance;
	return 0;
}

static void close_driver(void *instance)
{
}

#ifdef HOST_MIN
#define MIN 1048576u
#else
#define MIN BERTH_HOST_SIZE_1_0
#endif

#ifdef KIND_UNKNOWN
#undef KIND
#define KIND 77
#endif

#ifdef INFO_LIES
#define INFO_KIND BERTH_NETWORK
#else
#define INFO_KIND KIND
#endif

/* A head of a later engine has members of which we know nothing. */
struct head {
	struct berth_driver now;
#ifdef NEW_TABLE
	void *later[2];
#endif
};

static const struct head head = {
	.now =
		{
			.size = sizeof(head),
			.kind = KIND,
			.host_min = MIN,
			.threads = BERTH_THREADS_ONE,
			.caps = CAPS,
			.name = NAME,
			.version = "1.0.0",
			.summary = "of the loader's tests",
			.options = OPTIONS,
			.ops = ops,
			.option_size = sizeof(struct berth_option),
			.ops_size = TABLE_SIZE,
			.open = open_driver,
			.close = close_driver,
		},
#ifdef NEW_TABLE
	.later = {IS_RUBBISH, IS_RUBBISH},
#endif
};

#ifndef NO_INFO
__attribute__((section(BERTH_INFO_SECTION), used,
	       aligned(8))) static const struct berth_driver_info info = {
	{'b', 'e', 'r', 't', 'h', 'd', 'r', 'v'},
	sizeof(struct berth_driver_info),
	BERTH_ABI,
	INFO_KIND,
	(uint32_t)MIN,
	NAME,
	"1.0.0",
};
#endif

#if defined(CRASHES)
__attribute__((constructor)) static void start(void)
{
	(void)signal(SIGSEGV, SIG_DFL); /* also under a sanitizer, which would make it an exit */
	(void)raise(SIGSEGV);
}
#elif defined(HANGS)
__attribute__((constructor)) static void start(void)
{
	for (;;)
		(void)pause();
}
#elif defined(EXITS)
__attribute__((constructor)) static void start(void)
{
	_exit(0);
}
#endif

#ifdef ABI9
#define ENTRY berth_driver_v9
#else
#define ENTRY berth_driver_v1
#endif

__attribute__((visibility("default"))) const struct berth_driver *ENTRY(uint32_t index);

const struct berth_driver *ENTRY(uint32_t index)
{
#ifdef ENTRY_NULL
	return NULL;
#endif
	return index == 0 ? &head.now : NULL;
}
