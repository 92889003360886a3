/* SPDX-License-Identifier: Apache-2.0 */
/*
 * berth/isolation.h - the calls of an isolation driver: what keeps a container apart.
 *
 * The language between engine and driver is the OCI runtime specification (1.0.2 to 1.3): the
 * engine writes the bytes of config.json, the driver makes them true. There is no second
 * vocabulary. What the driver would ignore, explain() names; create() refuses it unless
 * BERTH_LAUNCH_DEGRADED is set.
 *
 * Life of a sandbox:
 *
 *   create -> (info, save)* -> start -> (exec, signal, update, freeze, stats, save)* -> [exits]
 *      |                                                     wait_fd readable -> reap -> destroy ->
 * forget
 *      +--------------------------- signal(KILL) / destroy ---------------------------^
 *   another process, later:  recover -> the same calls
 *
 * After create() the namespaces and cgroups exist, hooks up to createContainer have run, and the
 * program waits; the engine attaches networks now (to info.pid's network namespace). start() lets
 * it go and returns when the program has been executed, or why it could not be.
 *
 * The caller is a single-threaded process which has no other driver open (`berth-monitor`); this
 * kind of driver, and only this, may create child processes itself (clone3(2)). Between clone and
 * exec it calls async-signal-safe functions only. The caller is a child subreaper, leaves SIGCHLD
 * at its default handling, and reaps nothing that it has not been given.
 */
#ifndef BERTH_ISOLATION_H
#define BERTH_ISOLATION_H

#include "storage.h"

#ifdef __cplusplus
extern "C" {
#endif

struct berth_isolation; /* the instance; completed by the driver */
struct berth_sandbox;	/* one container; completed by the driver */

/** berth_driver.caps of an isolation driver. */
#define BERTH_ISO_EXEC	      (UINT64_C(1) << 0) /**< exec works */
#define BERTH_ISO_PAUSE	      (UINT64_C(1) << 1) /**< freeze works */
#define BERTH_ISO_UPDATE      (UINT64_C(1) << 2) /**< update works */
#define BERTH_ISO_CHECKPOINT  (UINT64_C(1) << 3) /**< checkpoint and BERTH_LAUNCH_RESTORE work */
#define BERTH_ISO_STATS	      (UINT64_C(1) << 4) /**< stats works (else: the engine reads the cgroup) */
#define BERTH_ISO_CONSOLE     (UINT64_C(1) << 5)  /**< process.terminal works */
#define BERTH_ISO_USERNS      (UINT64_C(1) << 6)  /**< user namespaces with mappings */
#define BERTH_ISO_RECOVER     (UINT64_C(1) << 7)  /**< recover works from another process */
#define BERTH_ISO_PID_IS_REAL (UINT64_C(1) << 8)  /**< info.pid is the workload on this kernel */
#define BERTH_ISO_ROOT_FD     (UINT64_C(1) << 9)  /**< takes the root as a detached mount */
#define BERTH_ISO_ROOT_BLOCK  (UINT64_C(1) << 10) /**< takes a plan of form BLOCK */
#define BERTH_ISO_ROOT_IMAGE  (UINT64_C(1) << 11) /**< takes a plan of form IMAGE */
#define BERTH_ISO_NET_NETNS   (UINT64_C(1) << 12) /**< network by a network namespace */
#define BERTH_ISO_NET_TAP     (UINT64_C(1) << 13) /**< network by a tap device */
#define BERTH_ISO_INSECURE                                                                         \
	(UINT64_C(1) << 14) /**< isolates nothing: must be allowed by the config */

enum berth_launch_flags {
	BERTH_LAUNCH_DEGRADED = 1u << 0, /**< ignore what cannot be made true, as explain() says */
	BERTH_LAUNCH_RESTORE = 1u << 1,	 /**< from the checkpoint in checkpoint_fd */
	/**
	 * The caller ends between create and start, and another process starts it (as `runc
	 * create`): without this flag the waiting program ends with its creator.
	 */
	BERTH_LAUNCH_OUTLIVE = 1u << 2,
};

/** All that create needs. Growable. Every fd is borrowed; -1 = absent. */
struct berth_launch {
	uint32_t size;
	uint32_t flags; /**< enum berth_launch_flags */
	const char *id; /**< name of the container; unique on this machine */
	struct berth_str
		spec; /**< OCI config.json. root.path is meaningless if root_fd or root is given */
	const struct berth_plan *root; /**< the root as data, if root_fd is -1 */
	int32_t root_fd; /**< detached mount of the root (see storage.h, view_mount) */
	/**
	 * stdin, stdout, stderr of the program. Not used with process.terminal. -1: /dev/null. The
	 * driver sees to it that no other descriptor of the caller reaches the program but those of
	 * preserve_fds.
	 */
	int32_t stdio[3];
	/**
	 * With process.terminal: a connected AF_UNIX stream socket. The driver opens a pty inside
	 * the container's own devpts, makes it the controlling terminal and stdio, and sends the
	 * master over this socket with SCM_RIGHTS, one message with the pty's name as its data (as
	 * runc documents for --console-socket).
	 */
	int32_t console_socket;
	int32_t netns_fd;  /**< an existing network namespace to join, instead of the spec's */
	int32_t userns_fd; /**< a user namespace with the spec's mappings, as the storage used it */
	int32_t cgroup_fd; /**< O_PATH of a delegated cgroup v2 directory to work below, or -1 */
	int32_t state_fd; /**< directory for this container's run-time files; gone after a reboot */
	int32_t checkpoint_fd; /**< directory with a checkpoint */
	uint32_t preserve_fds; /**< fds 3..3+n-1 of the caller go to the program */
	uint32_t reserved;
	const char *bundle; /**< directory that hooks are told of, "" = none; never opened */
};

/** What can be told about a sandbox. Growable. */
struct berth_sandbox_info {
	uint32_t size;
	uint32_t flags;
	int32_t pid; /**< of the first process as seen from the caller; 0 = none, or not real */
	int32_t reserved;
	uint64_t started_ns; /**< 0 = not started */
};

enum berth_exit_flags {
	BERTH_EXIT_OOM = 1u << 0,     /**< the kernel killed in this sandbox for lack of memory */
	BERTH_EXIT_CORE = 1u << 1,    /**< dumped core */
	BERTH_EXIT_UNKNOWN = 1u << 2, /**< it is dead, but nobody was there to see its status */
};

/** How something ended. Growable. */
struct berth_exit {
	uint32_t size;
	uint32_t flags; /**< enum berth_exit_flags */
	int32_t code;	/**< exit status 0-255; 128 + signal if a signal ended it */
	int32_t signal; /**< or 0 */
	uint64_t at_ns;
};

/** One more process in a sandbox. Growable. fds as in berth_launch. */
struct berth_exec {
	uint32_t size;
	uint32_t flags; /**< 0 */
	struct berth_str
		process; /**< OCI "process" object: args, env, cwd, user, capabilities, ... */
	int32_t stdio[3];
	int32_t console_socket;
	uint32_t preserve_fds;
	uint32_t reserved;
};

enum berth_signal_flags {
	BERTH_SIGNAL_ALL = 1u << 0, /**< to every process of the sandbox, not to the first only */
};

enum berth_checkpoint_flags {
	BERTH_CHECKPOINT_LEAVE_RUNNING = 1u << 0,
	BERTH_CHECKPOINT_TCP = 1u << 1,
	BERTH_CHECKPOINT_FILE_LOCKS = 1u << 2,
	BERTH_CHECKPOINT_UNIX = 1u << 3,
};

struct berth_isolation_ops {
	/** Optional. The OCI features document (runtime-spec features.md) as JSON. */
	int (*features)(struct berth_isolation *iso, struct berth_sink *json,
			struct berth_error *err);
	/**
	 * Optional. Findings for each part of @spec that this driver would ignore or refuse here
	 * and now. 0 with no finding above INFO: create would take it as it is.
	 */
	int (*explain)(struct berth_isolation *iso, struct berth_str spec,
		       struct berth_sink *findings, struct berth_error *err);
	/**
	 * Required. Make the sandbox; its program waits. INVALID: the spec makes no sense (text
	 * names the key). UNSUPPORTED: it asks for what this driver or kernel cannot. EXISTS: such
	 * an id is there. On failure nothing is left: no process, cgroup, file, mount.
	 */
	int (*create)(struct berth_isolation *iso, const struct berth_launch *launch,
		      struct berth_op *op, struct berth_sandbox **ret, struct berth_error *err);
	/**
	 * Optional. A sandbox that another process made, from the bytes of save() or, if that did
	 * not come to it, from its config.json (empty: from its id alone). NOT_FOUND: no trace of
	 * it; what it left behind (cgroups) has been removed. If it is dead, the handle answers
	 * reap() with BERTH_EXIT_UNKNOWN.
	 */
	int (*recover)(struct berth_isolation *iso, const char *id, struct berth_str state,
		       struct berth_sandbox **ret, struct berth_error *err);
	/** Optional. At most 64 KiB which recover() understands, also of later versions. After
	 * create. */
	int (*save)(struct berth_sandbox *sb, struct berth_sink *state, struct berth_error *err);
	/** Required. */
	int (*info)(struct berth_sandbox *sb, struct berth_sandbox_info *ret,
		    struct berth_error *err);
	/**
	 * Required. Let the program go; 0 after it has been executed. EXEC: it could not be
	 * (sys_errno: ENOENT not found, EACCES not executable, ...), and the text is what runc
	 * prints: `exec: "x": executable file not found in $PATH`. BUSY: started already.
	 */
	int (*start)(struct berth_sandbox *sb, struct berth_error *err);
	/**
	 * Optional. Run one more process. *ret_pidfd: of the process, a child of the caller, which
	 * polls and reaps it by waitid(P_PIDFD). Errors as of start; NOT_FOUND if the sandbox is
	 * dead; BUSY if it is frozen.
	 */
	int (*exec)(struct berth_sandbox *sb, const struct berth_exec *exec, struct berth_op *op,
		    int *ret_pidfd, struct berth_error *err);
	/** Required. Send a signal. A dead sandbox: NOT_FOUND. */
	int (*signal)(struct berth_sandbox *sb, int32_t signo, uint32_t flags,
		      struct berth_error *err);
	/** Required. An fd that becomes readable when the first process has ended. Borrowed. */
	int (*wait_fd)(struct berth_sandbox *sb, int *ret_fd, struct berth_error *err);
	/** Required. How it ended; BUSY while it runs. May be called again and answers the same. */
	int (*reap)(struct berth_sandbox *sb, struct berth_exit *ret, struct berth_error *err);
	/** Optional. Change limits: an OCI "linux.resources" object; absent keys stay as they are.
	 */
	int (*update)(struct berth_sandbox *sb, struct berth_str resources,
		      struct berth_error *err);
	/** Optional. Freeze or thaw all processes; to the state that it has already: 0. */
	int (*freeze)(struct berth_sandbox *sb, bool on, struct berth_error *err);
	/**
	 * Optional. One JSON object: {"cpu":{"usage_ns","user_ns","system_ns","throttled_ns",
	 * "periods","throttled_periods"}, "memory":{"usage","limit","cache","peak","failcnt",
	 * "oom_kills"}, "pids":{"current","limit"}, "io":[{"major","minor","read_bytes",
	 * "write_bytes","read_ops","write_ops"}]}; a limit that is not set is absent.
	 */
	int (*stats)(struct berth_sandbox *sb, struct berth_sink *json, struct berth_error *err);
	/** Optional. The pids of all processes in the sandbox, as seen from the caller, ids in
	 * decimal. */
	int (*processes)(struct berth_sandbox *sb, berth_id_fn fn, void *arg,
			 struct berth_error *err);
	/** Optional. Write a checkpoint to @dir_fd. @flags: enum berth_checkpoint_flags. */
	int (*checkpoint)(struct berth_sandbox *sb, int dir_fd, uint32_t flags, struct berth_op *op,
			  struct berth_error *err);
	/**
	 * Required. Kill what is left, remove cgroups and run-time files, run poststop hooks once.
	 * Idempotent; a second call is 0. The handle stays valid until forget.
	 */
	int (*destroy)(struct berth_sandbox *sb, struct berth_error *err);
	/** Required. Free the handle; the sandbox itself is left as it is. NULL is fine. */
	void (*forget)(struct berth_sandbox *sb);
};

#ifdef __cplusplus
}
#endif

#endif /* BERTH_ISOLATION_H */
