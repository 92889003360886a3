/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec: an OCI config.json as structs. Checks what can be known from the text alone; what this
 * machine can do of it is explain.c's question, how it is done is the plan's.
 *
 * All strings are borrowed from the record tree and all arrays lie in the arena of the same struct.
 */
#ifndef NATIVE_SPEC_H
#define NATIVE_SPEC_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "arena.h"
#include "fields.h"
#include "resources.h"

enum { SPEC_BYTES_MAX = 4 * 1024 * 1024 };

struct spec_idmap {
	uint32_t inside, outside, count;
};

struct spec_idmaps {
	const struct spec_idmap *v;
	size_t n;
};

enum spec_ns_kind {
	SPEC_NS_MOUNT,
	SPEC_NS_PID,
	SPEC_NS_NET,
	SPEC_NS_UTS,
	SPEC_NS_IPC,
	SPEC_NS_CGROUP,
	SPEC_NS_USER,
	SPEC_NS_TIME,
	SPEC_NS_COUNT,
};

struct spec_namespace {
	bool given;	  /* else: the caller's */
	const char *path; /* join this one; NULL: a new one */
};

struct spec_timens {
	bool given;
	int64_t secs;
	uint32_t nanosecs;
};

struct spec_caps {
	uint64_t bounding, effective, inheritable, permitted, ambient;
};

struct spec_rlimit {
	const char *name;
	int resource;
	uint64_t soft, hard;
};

struct spec_scheduler {
	bool given;
	uint32_t policy;
	int32_t nice;
	uint32_t priority;
	uint64_t flags, runtime, deadline, period;
};

struct spec_process {
	bool terminal;
	uint16_t rows, columns;
	const char **args, **env;
	const char *cwd;
	uid_t uid;
	gid_t gid;
	const gid_t *groups;
	size_t n_groups;
	bool has_umask;
	mode_t umask;
	struct spec_caps caps;
	const char **unknown_caps;
	const struct spec_rlimit *rlimits;
	size_t n_rlimits;
	bool no_new_privileges;
	const char *apparmor;
	const char *selinux;
	bool has_oom_score_adj;
	int oom_score_adj;
	struct spec_scheduler scheduler;
	int ioprio;			     /* as ioprio_set takes it; 0 = as it is */
	const char *cpu_initial, *cpu_final; /* execCPUAffinity, lists of CPUs */
};

enum spec_mount_kind {
	SPEC_MOUNT_FS,	    /* mount(2) of a type */
	SPEC_MOUNT_BIND,    /* a part of the host's tree */
	SPEC_MOUNT_CGROUP,  /* the container's own groups, however the host has them */
	SPEC_MOUNT_REMOUNT, /* change what is there */
};

struct spec_mount {
	enum spec_mount_kind kind;
	const char *target, *type, *source;
	const char *data;	      /* options for the filesystem, comma-separated; may be "" */
	unsigned long flags, clear;   /* MS_* which were given, and which were taken back */
	uint64_t rec_set, rec_clear;  /* MOUNT_ATTR_* for the whole tree: "rro" and so on */
	unsigned long propagation[4]; /* MS_* in their order */
	size_t n_propagation;
	bool bind, recursive; /* "bind"; "rbind" */
	bool remount;
	bool copy_up;
	bool idmap, idmap_recursive;
	struct spec_idmaps uids, gids;
};

struct spec_device {
	const char *path;
	mode_t mode; /* with the type */
	uint32_t major, minor;
	uid_t uid;
	gid_t gid;
};

struct spec_sysctl {
	const char *path; /* "net/ipv4/ip_forward" */
	const char *value;
};

enum spec_hook_kind {
	SPEC_HOOK_PRESTART,
	SPEC_HOOK_CREATE_RUNTIME,
	SPEC_HOOK_CREATE_CONTAINER,
	SPEC_HOOK_START_CONTAINER,
	SPEC_HOOK_POSTSTART,
	SPEC_HOOK_POSTSTOP,
	SPEC_HOOK_COUNT,
};

struct spec {
	struct arena arena;
	struct record *tree;

	const char *version, *hostname, *domainname;
	const char *root_path;
	bool root_readonly;
	struct spec_process process;
	struct spec_mount *mounts;
	size_t n_mounts;

	struct spec_namespace ns[SPEC_NS_COUNT];
	struct spec_idmaps uids, gids;
	struct spec_timens monotonic, boottime;
	const struct spec_device *devices;
	size_t n_devices;
	const char **masked, **readonly;
	const struct spec_sysctl *sysctls;
	size_t n_sysctls;
	const char *cgroups_path, *mount_label;
	unsigned long propagation; /* MS_*; 0 = not given */
	bool has_personality;
	unsigned long personality;
	struct resources resources;

	struct berth_str seccomp;     /* as it was given; p NULL = none */
	struct berth_str hooks;	      /* likewise */
	struct berth_str annotations; /* likewise */
	bool has_hook[SPEC_HOOK_COUNT];

	/* known to be asked for, and not done by this driver; names of keys */
	const char *beyond[8];
	size_t n_beyond;
};

/** Parse; *@spec need not be initialised, is usable for spec_done in every case. INVALID, LIMIT. */
int spec_parse(struct berth_str text, struct spec *spec, struct berth_error *err);
void spec_done(struct spec *spec);
#define cleanup_spec cleanup_with(spec_done)

/** The name of a namespace as the specification writes it, and its CLONE_NEW* flag. */
const char *spec_ns_name(enum spec_ns_kind kind);
int spec_ns_flag(enum spec_ns_kind kind);
/** "createRuntime" ... */
const char *spec_hook_name(enum spec_hook_kind kind);

/* The parts, each in its file; failures are remembered in the parser of @f. */
void spec_read_process(const struct fields *f, struct spec_process *ret);
void spec_read_mounts(const struct fields *root, struct spec *spec);
void spec_read_linux(const struct fields *linux_, struct spec *spec);
struct spec_idmaps spec_read_idmaps(const struct fields *f, const char *key);

/** The @i-th mount option that has a meaning of its own, for the features document; NULL at the
 * end. */
const char *spec_mount_option(size_t i);

/** Host id of id @inside, or -1 if there is no such mapping. No mappings at all: itself. */
int64_t spec_idmap_out(const struct spec_idmaps *maps, uint32_t inside);

/** Is this namespace another than the caller's? */
static inline bool spec_has_own(const struct spec *s, enum spec_ns_kind kind)
{
	return s->ns[kind].given;
}

#endif
