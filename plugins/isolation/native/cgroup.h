/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup: the groups of one container, on v1, v2 and hybrid hosts alike.
 *
 * A container has one path, and with it one group in each tree that it needs: in pure v2 there is
 * one tree; in v1 each controller has its own; in hybrid the v2 tree has the controllers that v1
 * has not. Callers see one struct cgroup and never ask which it is. cgroup1.c and cgroup2.c know
 * the files.
 *
 * What costs something on each start is made only when it is needed: devices, memory, cpu and
 * cpuacct always; pids, cpuset, blkio, hugetlb for their limits; freezer to freeze, or to kill
 * where there is no pid namespace to end. Later needs are joined later (cgroup_need).
 */
#ifndef NATIVE_CGROUP_H
#define NATIVE_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/str.h"
#include "resources.h"

enum cgroup_controller {
	CGROUP_DEVICES,
	CGROUP_MEMORY,
	CGROUP_CPU,
	CGROUP_CPUACCT,
	CGROUP_PIDS,
	CGROUP_FREEZER,
	CGROUP_CPUSET,
	CGROUP_BLKIO,
	CGROUP_HUGETLB,
	CGROUP_CONTROLLERS,
};

enum { CGROUP_TREES_MAX = 12 };

#define CGROUP_BIT(controller) (1u << (controller))
#define CGROUP_ALL	       (CGROUP_BIT(CGROUP_CONTROLLERS) - 1)
/** What every container has. */
#define CGROUP_USUAL                                                                               \
	(CGROUP_BIT(CGROUP_DEVICES) | CGROUP_BIT(CGROUP_MEMORY) | CGROUP_BIT(CGROUP_CPU) |         \
	 CGROUP_BIT(CGROUP_CPUACCT))

/* One mounted hierarchy. */
struct cgroup_tree {
	char *path; /* where it is mounted */
	int fd;	    /* O_PATH of its root */
	dev_t dev;
	unsigned controllers;
	bool v2;
};

/* The host's cgroups. */
struct cgroup_host {
	struct cgroup_tree tree[CGROUP_TREES_MAX];
	size_t n;
	bool known;
	bool pure_v2;
};

/* A container's group in one tree. */
struct cgroup_dir {
	char *path; /* absolute */
	int fd;	    /* O_PATH */
	unsigned controllers;
	bool v2;
};

struct cgroup {
	const struct cgroup_host *host;
	char *path; /* below the roots, "/berth/id" */
	struct cgroup_dir dir[CGROUP_TREES_MAX];
	size_t n;
};

/** Look at what is mounted; once, later calls are free. UNSUPPORTED if there are none. */
int cgroup_host_find(struct cgroup_host *host, struct berth_error *err);
void cgroup_host_done(struct cgroup_host *host);
/** The host's controllers, as bits. Devices and freezer of v2 count. */
unsigned cgroup_host_controllers(const struct cgroup_host *host);
const char *cgroup_name(enum cgroup_controller controller);

/** Which controllers @res sets something of. */
unsigned cgroup_wanted(const struct resources *res);

/**
 * Make the groups of @controllers at @path, below @delegated (O_PATH of a v2 group) if that is not
 * -1. EXISTS if one of them is there with processes in it, or somebody is about to fill it; empty
 * ones are taken over. While *@ret_lock is open nobody else takes them. On failure nothing is left.
 */
int cgroup_create(const struct cgroup_host *host, const char *path, int delegated,
		  unsigned controllers, struct cgroup *ret, int *ret_lock, struct berth_error *err);
/** Find the groups that exist at @path; none: an empty struct. */
int cgroup_find(const struct cgroup_host *host, const char *path, struct cgroup *ret,
		struct berth_error *err);
/** The same by their absolute paths, as cgroup_save wrote them. */
int cgroup_adopt(const struct cgroup_host *host, const char *path, const char *const *dirs,
		 size_t n, struct cgroup *ret, struct berth_error *err);
void cgroup_done(struct cgroup *cg);

/** Set limits; what @res does not give stays. */
int cgroup_apply(const struct cgroup *cg, const struct resources *res, struct berth_error *err);
/** Which devices may be used: @res' rules, then the usual nodes. */
int cgroup_apply_devices(const struct cgroup *cg, const struct resources *res,
			 struct berth_error *err);
/** Make sure that there are groups of @controllers, and that all processes are in them. */
int cgroup_need(struct cgroup *cg, unsigned controllers, struct berth_error *err);

/** v1: descriptors into which a process writes "0" to join; the caller closes them. */
int cgroup_open_tasks(const struct cgroup *cg, int *ret_fds, size_t max, size_t *ret_n,
		      struct berth_error *err);
/** v2: the descriptor for CLONE_INTO_CGROUP, or -1. Borrowed. */
int cgroup_v2_fd(const struct cgroup *cg);
/** The group that has @controller, or NULL. */
const struct cgroup_dir *cgroup_dir_of(const struct cgroup *cg, enum cgroup_controller controller);

typedef int (*cgroup_pid_fn)(void *arg, pid_t pid);
/** Every process in it and in groups below it. */
int cgroup_each_pid(const struct cgroup *cg, cgroup_pid_fn fn, void *arg, struct berth_error *err);
/** Signal all of them, until none is new. */
int cgroup_signal(struct cgroup *cg, int signo, struct berth_error *err);
int cgroup_freeze(struct cgroup *cg, bool on, struct berth_error *err);
bool cgroup_is_frozen(const struct cgroup *cg);
/** How often the kernel killed in it for lack of memory. */
uint64_t cgroup_oom_kills(const struct cgroup *cg);
int cgroup_stats(const struct cgroup *cg, struct str *json, struct berth_error *err);
/** Remove the groups and those below. They have no processes any more, or soon. */
int cgroup_remove(struct cgroup *cg, struct berth_error *err);

/* For cgroup1.c, cgroup2.c, stats.c: files of a group. */
int cgroup_write(const struct cgroup_dir *dir, const char *file, const char *text);
int cgroup_set(const struct cgroup_dir *dir, const char *file, const char *text,
	       struct berth_error *err);
int cgroup_setf(const struct cgroup_dir *dir, const char *file, struct berth_error *err,
		const char *fmt, ...) BERTH_PRINTF(4, 5);
/** At most @size - 1 bytes and a NUL; false if it cannot be read. */
bool cgroup_read(const struct cgroup_dir *dir, const char *file, char *text, size_t size);
bool cgroup_read_u64(const struct cgroup_dir *dir, const char *file, uint64_t *ret);
/** The number behind @key in text of lines "key number". */
bool cgroup_value(const char *text, const char *key, uint64_t *ret);

int cgroup1_apply(const struct cgroup *cg, const struct resources *res, struct berth_error *err);
int cgroup1_devices(const struct cgroup_dir *dir, const struct device_rule *rules, size_t n,
		    struct berth_error *err);
int cgroup1_fill_cpuset(const struct cgroup_tree *tree, const char *path, struct berth_error *err);
int cgroup2_apply(const struct cgroup_dir *dir, const struct resources *res,
		  struct berth_error *err);
int cgroup2_devices(const struct cgroup_dir *dir, const struct device_rule *rules, size_t n,
		    struct berth_error *err);
/** Let the groups above @path hand @controllers down. */
int cgroup2_enable(int root, const char *path, unsigned controllers, struct berth_error *err);
/** A tree's controllers out of cgroup.controllers. */
unsigned cgroup2_controllers(int dir);
/** The bit of the controller to which "memory.high" belongs; 0 if it is another one. */
unsigned cgroup2_controller_of(const char *file);

#endif
