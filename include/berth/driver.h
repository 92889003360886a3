/* SPDX-License-Identifier: Apache-2.0 */
/*
 * berth/driver.h - what every driver of the berth container engine shares with its host.
 *
 * A driver is a shared object which the engine loads because the config file names it. It exports
 * one pure function, berth_driver_v1(); that function hands out the driver's head (struct
 * berth_driver, the same for all kinds), the head points to the table of calls of its kind
 * (storage.h, network.h, isolation.h, registry.h). The driver links to nothing of the engine: all
 * it may use is lent to it in struct berth_host.
 *
 *     engine                                driver
 *       | read ELF section .berth.info        |     nothing of the driver runs
 *       | dlopen, berth_driver_v1(0..)        |     pure: no allocation, no side effects
 *       | copy min(size) of head and table    |
 *       |------------- probe ---------------->|     optional, any number of times, leaves nothing
 *       |------------- open ----------------->|     options are checked before; state_fd is the
 *       |                                     |     driver's own
 *       |   calls of the kind ...             |
 *       |------------- reload --------------->|     optional; only RELOADABLE options differ
 *       |------------- close ---------------->|     always the last call on an instance; NULL is
 *       |                                     |     fine
 *
 * Rules that hold for all calls of all kinds:
 *
 *  - Result: 0, or a negative enum berth_code. On failure *err is filled (err may be NULL), on
 *    success it is untouched. Outputs (ret_...) are written on success only.
 *  - Ownership: every pointer that goes in is borrowed for the duration of the call. Nothing is
 *    ever freed across the boundary: variable output goes to a sink of the host, long-lived output
 *    is an fd that the receiver closes, or belongs to the driver until the call that gives it back.
 *  - An argument is a scalar, a NUL-terminated string, bytes with a length, an fd, an opaque of the
 *    host (host, conf, op, sink), the driver's own handle, or a value struct declared here. That is
 *    what lets the same file run in a process of its own. A driver must not keep host pointers
 *    after a call, but for struct berth_host itself, which lives as long as the instance.
 *  - fds that go in are borrowed too: the driver duplicates what it wants to keep, with
 *    fcntl(fd, F_DUPFD_CLOEXEC, 3). fds that come out are close-on-exec and owned by the caller.
 *  - Undo calls (remove, detach, destroy, abort) of something absent are success, and work when the
 *    other half (a namespace, a mount, a process) is gone already.
 *  - A driver does not: fork (but for what isolation.h allows), setns, chdir, umask, setenv,
 *    setlocale, exit, install signal handlers, start threads, print to stdout or stderr, change
 *    anything host-wide (sysctls, quota switches, other programs' firewall rules), or keep state
 *    outside of state_fd and of what the engine stores for it.
 *  - Strings are UTF-8. Names (layers, views, networks, endpoints, containers) consist of
 *    [a-z0-9][a-z0-9_.:-]{0,127}; the engine never passes another one, and a driver answers INVALID
 *    to one.
 *  - Sizes are bytes, times are nanoseconds since 1970-01-01 UTC (…_ns) or milliseconds (…_ms).
 *
 * Compatibility (all of it is tested, see docs/drivers/abi.md): an incompatible change gets a new
 * entry symbol. Compatible changes only append members; each growable struct carries its size as
 * its maker compiled it, and the reader uses min(size). Value structs marked "frozen" never change.
 *
 * C11 and C++17; depends on the C library only. Since 1.0 unless said otherwise.
 */
#ifndef BERTH_DRIVER_H
#define BERTH_DRIVER_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Major number of the ABI; part of the name of the entry symbol. */
#define BERTH_ABI 1u

/* ---------------------------------------------------------------------------------------- errors */

/**
 * What a caller can act on. The set is closed: text and errno are detail for people.
 * Calls return the negative value.
 */
enum berth_code {
	BERTH_OK = 0,
	BERTH_E_INVALID = 1,   /**< the request makes no sense, whatever the state */
	BERTH_E_NOT_FOUND = 2, /**< the named thing does not exist */
	BERTH_E_EXISTS = 3,    /**< the named thing exists already; it is whole and unchanged */
	BERTH_E_BUSY = 4,      /**< in use (mounted, has children, running); nothing changed */
	BERTH_E_UNSUPPORTED =
		5,	      /**< this driver, kernel or filesystem cannot; the text says which */
	BERTH_E_DENIED = 6,   /**< permission missing or credentials refused */
	BERTH_E_CORRUPT = 7,  /**< bytes are not what they claim to be (digest, format, state) */
	BERTH_E_IO = 8,	      /**< a system call failed for none of the other reasons */
	BERTH_E_FULL = 9,     /**< out of disk, inodes, addresses, quota */
	BERTH_E_LIMIT = 10,   /**< input exceeds a limit of ours; the text names limit and value */
	BERTH_E_TIMEOUT = 11, /**< the other side did not answer in time */
	BERTH_E_CANCELLED = 12,	  /**< berth_op was cancelled */
	BERTH_E_NO_MEMORY = 13,	  /**< allocation failed */
	BERTH_E_UNREACHABLE = 14, /**< no connection: name, route, refused, TLS */
	BERTH_E_RETRY_LATER = 15, /**< rate limit or temporary refusal; the hint says when */
	BERTH_E_EXEC = 16, /**< the container's program cannot be executed; sys_errno says why */
	BERTH_E_DRIVER_DIED = 17, /**< made by the host: the driver's process is gone */
	BERTH_E_INTERNAL = 18,	  /**< a bug; please report */
};

/** Filled by whoever fails first; callers prefix what they were doing. Frozen. */
struct berth_error {
	int32_t code;	   /**< enum berth_code, positive */
	int32_t sys_errno; /**< errno if a system call is behind it, else 0 */
	char text[512];	   /**< one line, no trailing period or newline; names quoted 'so' */
	char hint[256];	   /**< what the user can do about it, or empty */
};

#if defined(__GNUC__)
#define BERTH_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define BERTH_UNUSED		__attribute__((unused))
#else
#define BERTH_PRINTF(fmt, args)
#define BERTH_UNUSED
#endif

/** Name of a code as the tests and logs print it: "not-found". Never NULL. */
static inline const char *berth_code_name(int code)
{
	static const char *const names[] = {
		"ok",	       "invalid", "not-found",	 "exists",    "busy",
		"unsupported", "denied",  "corrupt",	 "io",	      "full",
		"limit",       "timeout", "cancelled",	 "no-memory", "unreachable",
		"retry-later", "exec",	  "driver-died", "internal",
	};

	if (code < 0)
		code = -code;
	return (size_t)code < sizeof(names) / sizeof(names[0]) ? names[code] : "unknown";
}

/** The code that fits an errno value, when nothing better is known. */
static inline int berth_code_of_errno(int sys_errno)
{
	switch (sys_errno) {
	case 0:
		return BERTH_E_INTERNAL;
	case ENOENT:
	case ESRCH:
		return BERTH_E_NOT_FOUND;
	case EEXIST:
		return BERTH_E_EXISTS;
	case EBUSY:
	case ETXTBSY:
		return BERTH_E_BUSY;
	case EPERM:
	case EACCES:
	case EROFS:
		return BERTH_E_DENIED;
	case ENOSPC:
	case EDQUOT:
		return BERTH_E_FULL;
	case ENOMEM:
		return BERTH_E_NO_MEMORY;
	case ENOSYS:
	case EOPNOTSUPP:
		return BERTH_E_UNSUPPORTED;
	case ETIMEDOUT:
		return BERTH_E_TIMEOUT;
	case ECONNREFUSED:
	case EHOSTUNREACH:
	case ENETUNREACH:
		return BERTH_E_UNREACHABLE;
	default:
		return BERTH_E_IO;
	}
}

BERTH_PRINTF(4, 0)
static inline int berth_vfail(struct berth_error *err, int code, int sys_errno, const char *fmt,
			      va_list ap)
{
	if (err) {
		int n;

		err->code = code;
		err->sys_errno = sys_errno;
		err->hint[0] = '\0';
		n = vsnprintf(err->text, sizeof(err->text), fmt, ap);
		if (sys_errno && n >= 0 && (size_t)n < sizeof(err->text))
			(void)snprintf(err->text + n, sizeof(err->text) - (size_t)n, ": %s",
				       strerror(sys_errno));
	}
	return -code;
}

/** Fill @err and return -@code, so that failing is one line: `return berth_fail(err, …);` */
BERTH_PRINTF(3, 4)
BERTH_UNUSED static inline int berth_fail(struct berth_error *err, int code, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = berth_vfail(err, code, 0, fmt, ap);
	va_end(ap);
	return r;
}

/** The same for a failed system call: code from @sys_errno, its text appended. */
BERTH_PRINTF(3, 4)
BERTH_UNUSED static inline int berth_fail_errno(struct berth_error *err, int sys_errno,
						const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = berth_vfail(err, berth_code_of_errno(sys_errno), sys_errno, fmt, ap);
	va_end(ap);
	return r;
}

/** Put "what I was doing: " before the text of a failure. Keeps code and hint. */
BERTH_PRINTF(2, 3)
BERTH_UNUSED static inline void berth_error_prefix(struct berth_error *err, const char *fmt, ...)
{
	char old[sizeof(err->text)];
	va_list ap;
	int n;

	if (!err)
		return;
	memcpy(old, err->text, sizeof(old));
	va_start(ap, fmt);
	n = vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(err->text) - 2)
		return;
	n += snprintf(err->text + n, sizeof(err->text) - (size_t)n, ": ");
	/* cut at the end rather than fail: the beginning says what was being done */
	{
		size_t room = sizeof(err->text) - (size_t)n - 1;
		size_t len = strlen(old);

		if (len > room)
			len = room;
		memcpy(err->text + n, old, len);
		err->text[(size_t)n + len] = '\0';
	}
}

/** Say what the user can do. Replaces an earlier hint. Returns nothing: call it before returning.
 */
BERTH_PRINTF(2, 3)
BERTH_UNUSED static inline void berth_error_hint(struct berth_error *err, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(err->hint, sizeof(err->hint), fmt, ap);
	va_end(ap);
}

/* ------------------------------------------------------------------------- opaques and bytes */

struct berth_host; /* what the engine lends; below */
struct berth_conf; /* checked options of one driver, or of one object; borrowed for the call */
struct berth_op;   /* one long-running operation: progress and cancellation; may be NULL */
struct berth_sink; /* takes bytes, made by the host */

/** Bytes, not NUL-terminated, borrowed for the call. p may be NULL if n is 0. Frozen. */
struct berth_str {
	const char *p;
	size_t n;
};

/* ------------------------------------------------------------------------------------ options */

enum berth_option_type {
	BERTH_OPT_STR = 1,	/**< any string */
	BERTH_OPT_BOOL = 2,	/**< JSON true/false, or "true" "false" "1" "0" "yes" "no" */
	BERTH_OPT_U64 = 3,	/**< a number without unit */
	BERTH_OPT_SIZE = 4,	/**< bytes; "512", "10m", "2g": powers of 1024 */
	BERTH_OPT_DURATION = 5, /**< milliseconds; "250ms", "10s", "2m", "1h" */
	BERTH_OPT_PATH = 6,	/**< absolute path */
	BERTH_OPT_ENUM = 7,	/**< one of `choices` */
	BERTH_OPT_SECRET = 8,	/**< a string that is never logged nor shown */
	BERTH_OPT_JSON = 9,	/**< any JSON value, handed on as text */
};

enum berth_option_flags {
	BERTH_OPT_REQUIRED = 1u << 0,	/**< no default: the config must give it */
	BERTH_OPT_RELOADABLE = 1u << 1, /**< may change while open (see reload) */
	/**
	 * May be given per object as well: --storage-opt for a view, -o for a network, -o for an
	 * isolation. The call's own `conf` then answers with the object's value, or with the
	 * driver's.
	 */
	BERTH_OPT_PER_OBJECT = 1u << 2,
};

/**
 * One option. The array ends with name == NULL. The engine refuses unknown keys (with a
 * suggestion), wrong types and values outside `choices` before the driver sees anything, and makes
 * `berth driver inspect`, `berth config check` and the documentation from this table.
 */
struct berth_option {
	const char *name;     /**< [a-z][a-z0-9_]* */
	uint32_t type;	      /**< enum berth_option_type */
	uint32_t flags;	      /**< enum berth_option_flags */
	const char *fallback; /**< default as it would be written, or NULL: conf_… says "not set" */
	const char *choices; /**< "a|b|c" for ENUM, else NULL */
	const char *doc;     /**< one sentence */
};

/* --------------------------------------------------------------------------------------- host */

enum berth_log_level {
	BERTH_LOG_ERROR = 1,
	BERTH_LOG_WARN = 2,
	BERTH_LOG_INFO = 3,
	BERTH_LOG_DEBUG = 4,
};

/** Levels of what probe and check report. */
enum berth_finding_level {
	BERTH_FINDING_OK = 1,	 /**< works, worth knowing */
	BERTH_FINDING_INFO = 2,	 /**< an optional ability is missing */
	BERTH_FINDING_WARN = 3,	 /**< works, but not well (slow, unsafe, deprecated) */
	BERTH_FINDING_ERROR = 4, /**< does not work */
};

/**
 * What the engine lends. Append only. A driver reads a member only if `size` covers it; what it
 * cannot do without it declares as head.host_min. All functions may be called from the thread of
 * the driver's call only, unless marked (any thread).
 */
struct berth_host {
	uint32_t size;	    /**< of the struct as the host has it */
	uint32_t abi;	    /**< BERTH_ABI of the host */
	const char *engine; /**< "berth 0.1.0", for logs and User-Agent */

	/** One line of the driver's log, no newline. Use berth_log(). (any thread) */
	void (*log_str)(const struct berth_host *host, uint32_t level, const char *text);

	/** true when the user gave up. A call must return CANCELLED within a second. (any thread)
	 */
	bool (*cancelled)(struct berth_op *op);
	/** An fd that becomes readable on cancellation, borrowed; -1 if @op is NULL. */
	int (*cancel_fd)(struct berth_op *op);
	/** Progress; @total 0 = unknown; @unit "bytes", "files", "layers". Cheap, call it often. */
	void (*progress)(struct berth_op *op, uint64_t done, uint64_t total, const char *unit);

	/** Value of a STR, PATH, ENUM or SECRET option, or NULL if not set. Borrowed with @conf. */
	const char *(*conf_str)(const struct berth_conf *conf, const char *key);
	/** Value of a U64, SIZE or DURATION option. NOT_FOUND if not set. */
	int (*conf_u64)(const struct berth_conf *conf, const char *key, uint64_t *ret);
	/** Value of a BOOL option; false if not set. */
	bool (*conf_bool)(const struct berth_conf *conf, const char *key);
	/** The text of a JSON option, or NULL if not set. Borrowed with @conf. */
	const char *(*conf_json)(const struct berth_conf *conf, const char *key);

	/** Give bytes to a sink. LIMIT when it is full: stop and return that. */
	int (*sink_put)(struct berth_sink *sink, const char *bytes, size_t n);
	/**
	 * Report one finding: @id is stable ("overlay.idmap"), @text a sentence, @fix a remedy or
	 * NULL.
	 * @sink is one that the host passed as `findings`.
	 */
	int (*finding)(struct berth_sink *sink, uint32_t level, const char *id, const char *text,
		       const char *fix);

	/**
	 * Start a program: absolute argv[0], no shell, empty environment but PATH, LANG=C and what
	 * is in @envp (NULL = nothing more), fds[i] becomes descriptor i, all others closed, its
	 * own process group, killed with the host's thread. Needs the driver's head to say
	 * BERTH_NEEDS_SPAWN, else DENIED. *ret_pidfd: poll it, then waitid(P_PIDFD).
	 */
	int (*spawn)(const struct berth_host *host, const char *const argv[],
		     const char *const envp[], const int fds[], size_t n_fds, int *ret_pidfd,
		     struct berth_error *err);
	/**
	 * A socket(domain, type, protocol) born inside the network namespace @netns_fd (-1: the
	 * host's own) which works from here; so no driver needs setns. Typically
	 * AF_NETLINK, SOCK_RAW, NETLINK_ROUTE.
	 */
	int (*socket_in)(const struct berth_host *host, int netns_fd, int domain, int type,
			 int protocol, int *ret_fd, struct berth_error *err);
	/** Tell the engine: topic "storage.trash", a JSON object. Best effort, bounded. */
	int (*event)(const struct berth_host *host, const char *topic, struct berth_str json);
	/**
	 * Credentials for a registry host ("registry.example:5000"): JSON
	 * {"username","password"} or {"identitytoken"} into @sink. NOT_FOUND: go on without.
	 */
	int (*credential)(const struct berth_host *host, const char *registry,
			  struct berth_sink *sink, struct berth_error *err);
};

/** Size of struct berth_host in 1.0: the right host_min for drivers that use no later member. */
#define BERTH_HOST_SIZE_1_0 (offsetof(struct berth_host, credential) + sizeof(void *))

BERTH_PRINTF(3, 4)
BERTH_UNUSED static inline void berth_log(const struct berth_host *host, uint32_t level,
					  const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	host->log_str(host, level, text);
}

/** Give a NUL-terminated string to a sink. */
static inline int berth_sink_str(const struct berth_host *host, struct berth_sink *sink,
				 const char *text)
{
	return host->sink_put(sink, text, strlen(text));
}

/** Called once per item of a listing; a non-zero return ends the listing and is returned by it. */
typedef int (*berth_id_fn)(void *arg, const char *id);

/* --------------------------------------------------------------------------------------- head */

enum berth_kind {
	BERTH_STORAGE = 1,
	BERTH_NETWORK = 2,
	BERTH_ISOLATION = 3,
	BERTH_REGISTRY = 4,
};

/** Who may call at the same time. Opening several instances is always allowed. */
enum berth_threads {
	BERTH_THREADS_ONE = 0, /**< the host serialises all calls on an instance */
	BERTH_THREADS_PER_OBJECT =
		1,		/**< calls on different objects (layers, uploads…) may overlap */
	BERTH_THREADS_FREE = 2, /**< any call at any time */
};

/** What must be there before it makes sense to open the driver. */
enum berth_needs {
	BERTH_NEEDS_ROOT = 1u << 0,    /**< effective uid 0 in the initial user namespace */
	BERTH_NEEDS_SPAWN = 1u << 1,   /**< uses host->spawn */
	BERTH_NEEDS_PROCESS = 1u << 2, /**< must run in a process of its own (long-lived server) */
	BERTH_NEEDS_NETWORK = 1u << 3, /**< talks to other machines */
};

/** The head. Append only; every kind uses the same. Static, const, lives as long as the file is
 * mapped. */
struct berth_driver {
	uint32_t size;	   /**< sizeof(struct berth_driver) as the driver was compiled */
	uint32_t kind;	   /**< enum berth_kind */
	uint32_t host_min; /**< smallest berth_host.size that will do; BERTH_HOST_SIZE_1_0 */
	uint32_t threads;  /**< enum berth_threads */
	uint64_t caps; /**< BERTH_ST_…, BERTH_NET_…, BERTH_ISO_…, BERTH_REG_…: each a promise */
	uint64_t needs;			    /**< enum berth_needs */
	const char *name;		    /**< [a-z][a-z0-9-]{0,31}; what the config says */
	const char *version;		    /**< the driver's own, "1.2.0" */
	const char *summary;		    /**< one line for `berth driver ls` */
	const struct berth_option *options; /**< or NULL */
	const void *ops;		    /**< struct berth_storage_ops and so on */
	uint32_t option_size;		    /**< sizeof(struct berth_option) */
	uint32_t ops_size;		    /**< sizeof the ops table */

	/**
	 * Optional. Try the real operations inside @scratch_fd (an empty directory on the
	 * filesystem that open would get), report findings, leave nothing. 0 even if findings are
	 * bad; negative only if probing itself was impossible. Names of filesystems are not
	 * evidence.
	 */
	int (*probe)(const struct berth_host *host, const struct berth_conf *conf, int scratch_fd,
		     struct berth_sink *findings, struct berth_error *err);
	/**
	 * Required. Make an instance. @state_fd: directory of this driver (mode 0700), which
	 * outlives processes and reboots; everything the driver keeps is in there, with a format
	 * number. Another process may have the same directory open. What a crash left half-made is
	 * finished or undone, here or by the calls that meet it; it is never visible. On the way of
	 * every command: fast. CORRUPT if the state is of an unknown format or damaged; nothing is
	 * changed then.
	 */
	int (*open)(const struct berth_host *host, const struct berth_conf *conf, int state_fd,
		    void **ret_instance, struct berth_error *err);
	/** Optional. Take changed RELOADABLE options; on failure the old ones stay in force. */
	int (*reload)(void *instance, const struct berth_conf *conf, struct berth_error *err);
	/** Optional. One JSON object for `berth info` and `berth driver inspect`; strings and
	 * numbers. */
	int (*status)(void *instance, struct berth_sink *json, struct berth_error *err);
	/** Required. Give everything back that is not on disk. NULL is fine. */
	void (*close)(void *instance);
};

/** The entry: the driver of the file with this index, NULL after the last. Pure. */
typedef const struct berth_driver *(*berth_driver_v1_fn)(uint32_t index);

/* ------------------------------------------------------------------------------ identification */

#define BERTH_INFO_SECTION ".berth.info"
#define BERTH_INFO_MAGIC   "berthdrv"

/**
 * One record of the ELF section .berth.info, so that a file can be read without running it. Frozen.
 * The section holds one per driver of the file, nothing else.
 */
struct berth_driver_info {
	char magic[8]; /**< BERTH_INFO_MAGIC, no NUL */
	uint32_t size; /**< sizeof(struct berth_driver_info) */
	uint32_t abi;
	uint32_t kind;
	uint32_t host_min;
	char name[32];
	char version[32];
};

#ifdef __cplusplus
#define BERTH_EXTERN_C extern "C"
#else
#define BERTH_EXTERN_C
#endif

/* Nothing in a driver refers to the record, and yet linkers must not collect it (--gc-sections). */
#if defined(__has_attribute)
#if __has_attribute(retain)
#define BERTH_RETAIN __attribute__((retain))
#endif
#endif
#ifndef BERTH_RETAIN
#define BERTH_RETAIN
#endif

/** The .berth.info record of one driver. @ident makes the C name unique in the file. */
#define BERTH_DRIVER_INFO(ident, kind_, name_, version_)                                           \
	__attribute__((section(BERTH_INFO_SECTION), used, aligned(8)))                             \
	BERTH_RETAIN static const struct berth_driver_info berth_info_##ident = {                  \
		{'b', 'e', 'r', 't', 'h', 'd', 'r', 'v'},                                          \
		(uint32_t)sizeof(struct berth_driver_info),                                        \
		BERTH_ABI,                                                                         \
		(kind_),                                                                           \
		(uint32_t)BERTH_HOST_SIZE_1_0,                                                     \
		name_,                                                                             \
		version_}

/** Export a file's only driver: BERTH_DRIVER_EXPORT(BERTH_STORAGE, "tmpfs", "1.0.0", tmpfs_head);
 */
#define BERTH_DRIVER_EXPORT(kind_, name_, version_, head_)                                         \
	BERTH_DRIVER_INFO(only, kind_, name_, version_);                                           \
	BERTH_EXTERN_C __attribute__((visibility("default"))) const struct berth_driver *          \
	berth_driver_v1(uint32_t index);                                                           \
	BERTH_EXTERN_C const struct berth_driver *berth_driver_v1(uint32_t index)                  \
	{                                                                                          \
		return index == 0 ? &(head_) : NULL;                                               \
	}                                                                                          \
	struct berth_driver_export_ends_with_a_semicolon

#ifdef __cplusplus
}
#endif

#endif /* BERTH_DRIVER_H */
