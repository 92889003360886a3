/* SPDX-License-Identifier: Apache-2.0 */
/*
 * native: the isolation driver that does it all itself.
 *
 *   driver.c    the table                       spec*.c, resources.c, fields.c  config.json as
 * structs explain.c   what this machine cannot do     launch.c, *_prepare.c  the plan, made in the
 * parent create.c    clone, and talk to the child    child.c, mounts.c, rootfs.c, devices.c,
 * console.c, exec.c      the same into a running one     become.c  the plan carried out, in the
 * child sandbox.c   signals, exit, destroy          cgroup*.c, seccomp*.c, caps.c, hooks.c,
 * namespaces.c state.c     save, recover
 *
 * Nothing of the host is changed but cgroups below the container's path and files in the two state
 * directories: all mounts are made in the container's namespace, or are detached.
 */
#ifndef NATIVE_NATIVE_H
#define NATIVE_NATIVE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "berth/isolation.h"
#include "arena.h"
#include "cgroup.h"
#include "inside.h"
#include "plan.h"
#include "seccomp.h"
#include "spec.h"

#define NATIVE_VERSION "0.1.0"

/* Our own executable, as a container could reach it through /proc/self/exe. */
struct own_program {
	bool known;
	bool writable; /* nothing but ETXTBSY keeps it from being written */
	dev_t dev;
	ino_t ino;
};

struct berth_isolation {
	const struct berth_host *host;
	int state_fd;
	struct cgroup_host cgroups;
	struct own_program program;
};

enum sandbox_state {
	SANDBOX_CREATED, /* the child waits */
	SANDBOX_STARTED,
	SANDBOX_DESTROYED,
};

struct berth_sandbox {
	struct berth_isolation *iso;
	char *id;
	enum sandbox_state state;
	pid_t pid;
	int pidfd;
	uint64_t start_ticks; /* of the process, so that its pid is never another's */
	uint64_t started_ns;
	bool outlives; /* waits for start at a socket, not at our channel */
	int channel;   /* -1 when started, or not ours */
	struct cgroup cgroup;

	unsigned namespaces; /* CLONE_NEW* which an exec joins */
	bool is_init;	     /* of a pid namespace of its own: its end is that of all the others */
	char *uids, *gids;   /* mappings as text; NULL: none */
	struct seccomp_filter filter;
	bool has_personality;
	unsigned long personality;

	char *version, *bundle, *annotations, *hooks; /* NULL if there are none */
	char *state_dir; /* of the container, for who starts it later; NULL */
	int state_fd;	 /* the same, or -1 */
	bool exited;
	struct berth_exit exit;
	bool poststop_done;
};

/* A create on its way. */
struct launch {
	struct berth_isolation *iso;
	struct berth_launch in; /* complete, whatever the caller's size */
	struct spec *spec;
	struct arena arena;
	struct plan plan;
	struct inside inside;
	struct berth_sandbox *sb;
	int root_fd, userns_fd, listener; /* ours, or -1 */
	int channel;			  /* our end */
	int state_memfd;
	int name_lock; /* until the first process is in its groups */
	int *fds;      /* of the plan, closed when the child has its copies */
	size_t n_fds, cap_fds;
	uint64_t clone_flags;
	struct plan_join joins[SPEC_NS_COUNT];
	size_t n_joins;
	bool helper; /* a process in between does them, not the child */
	const char *timens_offsets;
	struct plan_hooks prestart, create_runtime;
};

/** Own *@fd from now on, until the child has it; *@ret is its number. */
int launch_keep_fd(struct launch *l, int *fd, int *ret, struct berth_error *err);

/* namespaces.c */
int namespaces_prepare(struct launch *l, struct berth_error *err);
/** A user namespace with these mappings, as a descriptor. */
int namespaces_make_user(const struct spec_idmaps *uids, const struct spec_idmaps *gids,
			 int *ret_fd, struct berth_error *err);
/** Write the mappings of process @pid. */
int namespaces_map(pid_t pid, const struct spec_idmaps *uids, const struct spec_idmaps *gids,
		   struct berth_error *err);
/** "0 100000 65536\n" */
char *namespaces_map_text(const struct spec_idmaps *maps);

/* What a process in between has done. In memory that it shares with us. */
struct helper_result {
	pid_t pid;
	int pidfd;
	int sys_errno;
	char what[64];
};

struct helper_job {
	const struct plan_join *joins;
	size_t n_joins;
	const char *timens_offsets; /* text for the new time namespace; NULL: none */
	uint64_t clone_flags;
	int cgroup_fd; /* -1 */
	void (*child)(void *arg);
	void *arg;
};

/** Clone @job->child, by way of a process that enters namespaces first. NOT_FOUND if one is gone.
 */
int helper_clone(const struct helper_job *job, pid_t *ret_pid, int *ret_pidfd,
		 struct berth_error *err);

/* child.c */
void child_main(void *launch_) __attribute__((noreturn));

/* create.c */
int sandbox_create(struct berth_isolation *iso, const struct berth_launch *launch,
		   struct berth_op *op, struct berth_sandbox **ret, struct berth_error *err);
int sandbox_start(struct berth_sandbox *sb, struct berth_error *err);
/** One message of the child; *@ret_end if it has closed its end. */
int report_receive(const struct berth_host *host, int channel, struct berth_op *op,
		   struct report *ret, bool *ret_end, struct berth_error *err);
/** Into *err what the child said. */
int report_fail(const struct report *report, struct berth_error *err);
int report_go(int channel, struct berth_error *err);
/** Hand the listener of a filter to who asked for it. */
int notify_hand_over(struct berth_sandbox *sb, int pidfd, pid_t pid, int number, const char *status,
		     struct berth_error *err);

/* exec.c */
int sandbox_exec(struct berth_sandbox *sb, const struct berth_exec *exec, struct berth_op *op,
		 int *ret_pidfd, struct berth_error *err);

/* explain.c */
/** What cannot be made true, to @findings; with @degrade it is taken out of the specification. */
int explain_spec(struct berth_isolation *iso, struct spec *spec, bool degrade,
		 struct berth_sink *findings, struct berth_error *err);
bool machine_has_apparmor(void);
bool machine_has_selinux(void);
int features_write(struct berth_isolation *iso, struct str *json, struct berth_error *err);

/* sandbox.c */
void sandbox_free(struct berth_sandbox *sb);
int sandbox_signal(struct berth_sandbox *sb, int32_t signo, uint32_t flags,
		   struct berth_error *err);
int sandbox_reap(struct berth_sandbox *sb, struct berth_exit *ret, struct berth_error *err);
int sandbox_destroy(struct berth_sandbox *sb, struct berth_error *err);
bool sandbox_is_dead(const struct berth_sandbox *sb);
/** Kill it and wait for its end. */
int sandbox_kill(struct berth_sandbox *sb, struct berth_error *err);
void sandbox_run_hooks(struct berth_sandbox *sb, enum spec_hook_kind kind, const char *status);

/* state.c */
int state_save(struct berth_sandbox *sb, struct berth_sink *sink, struct berth_error *err);
int state_recover(struct berth_isolation *iso, const char *id, struct berth_str state,
		  struct berth_sandbox **ret, struct berth_error *err);
/** The state as hooks and listeners are told it. */
int state_describe(const struct berth_sandbox *sb, const char *status, struct str *out,
		   struct berth_error *err);
/** Where directory @fd is. */
int state_dir_of(int fd, char **ret, struct berth_error *err);
/** Clock ticks after boot at which @pid started; 0 if there is none. */
uint64_t state_start_ticks(pid_t pid);

/* become_prepare.c */
void own_program_find(struct own_program *program);

#endif
