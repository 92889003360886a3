/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan: everything that a child does between clone and exec, as data. The parent makes it (all
 * strings, all descriptors that need the host's rights, the compiled filter); the child only
 * carries it out. No pointer in it leads to anything that a third one could change.
 *
 * plan.become is what an exec shares with a container's first process.
 */
#ifndef NATIVE_PLAN_H
#define NATIVE_PLAN_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <linux/filter.h>

#include "spec.h"

enum {
	PLAN_GROUPS_MAX = 16,
	PLAN_ROOM = 4096, /* for what the child adds to the environment */
};

/* A namespace to enter. */
struct plan_join {
	int fd;
	enum spec_ns_kind kind;
};

/* One of the container's own cgroups, to be seen in its /sys/fs/cgroup. */
struct plan_group {
	const char *name; /* NULL: this is v2, mounted on the target itself */
	int fd;		  /* detached bind */
};

struct plan_mount {
	enum spec_mount_kind kind;
	const char *target; /* clean, relative to the root */
	const char *type, *source, *data;
	unsigned long flags, clear;
	uint64_t rec_set, rec_clear;
	const unsigned long *propagation;
	size_t n_propagation;
	int fd; /* BIND: detached, with all its attributes */
	bool is_file;
	bool is_kernel; /* proc, sysfs: only on a path without links */
	bool copy_up;
	bool read_only_later; /* after all that goes on top of it */
	int mounted;	      /* the child's: where it is now */
	const struct plan_group *groups;
	size_t n_groups;
};

struct plan_device {
	const char *path; /* clean, relative to the root */
	mode_t mode;
	dev_t rdev;
	uid_t uid;
	gid_t gid;
	int fd; /* detached bind of the host's node; -1: mknod */
};

struct plan_hook {
	const char *path;
	const char **argv, **envp;
	int64_t timeout_ms; /* 0: none */
};

struct plan_hooks {
	const struct plan_hook *v;
	size_t n;
};

/* How a process becomes the user's program. */
struct become {
	const struct spec_process *process;
	const char **envp;	  /* the last entry is room for HOME if find_home */
	const char *const *tries; /* paths to execute, one after the other */
	bool searched;		  /* in $PATH */
	bool find_home;
	char *room; /* PLAN_ROOM bytes */
	int stdio[3];
	uint32_t preserve;
	struct spec_caps caps;
	bool own_userns;
	struct sock_fprog filter; /* len 0: none */
	unsigned int filter_flags;
	bool filter_notify;
	int label_fd;		/* /proc/self/attr/..., -1: none; opened by the child */
	const char *label;	/* what is written there */
	const char *label_path; /* in /proc */
	int proc_fd;		/* the host's /proc, for who is in the container already; -1 */
	bool has_initial, has_final;
	cpu_set_t cpus_initial, cpus_final;
	bool has_personality;
	unsigned long personality;
	bool guard_exe; /* our own program could be written through /proc/self/exe: refuse it */
	dev_t exe_dev;
	ino_t exe_ino;
	struct plan_hooks start_container;
	int state_fd; /* what those get as standard input */
};

struct plan {
	struct inside *in;
	const char *id;
	int tasks[PLAN_GROUPS_MAX]; /* v1: where the child writes "0" */
	size_t n_tasks;

	struct plan_join joins[SPEC_NS_COUNT]; /* by the child itself */
	size_t n_joins;
	bool wait_maps;	     /* in a user namespace that has no mappings yet */
	bool root_in_userns; /* user 0 is mapped: be it while setting up */
	bool own_cgroupns;

	int root_fd;
	bool root_readonly;
	unsigned long propagation;
	struct plan_mount *mounts;
	size_t n_mounts;
	const struct plan_device *devices;
	size_t n_devices;
	bool dev_links;
	const char *const *masked, *const *readonly;
	const struct spec_sysctl *sysctls;
	size_t n_sysctls;
	const char *hostname, *domainname;

	int console_socket;
	bool wait_hooks; /* the parent runs some before the root changes */
	struct plan_hooks create_container;
	int listener; /* where start connects, when the creator does not stay; -1 */

	struct become become;
};

#endif
