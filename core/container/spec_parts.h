/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec_parts: what the files behind spec.h share. Nobody else includes it.
 */
#ifndef CORE_CONTAINER_SPEC_PARTS_H
#define CORE_CONTAINER_SPEC_PARTS_H

#include "base/record_write.h"
#include "core/container/shape.h"
#include "core/container/spec.h"

enum { SPEC_SHOWN_MAX = 96 };

/** @text as part of a message: cut, and '?' for what is not printable. Returns @out. */
const char *spec_shown(const char *text, char out[static SPEC_SHOWN_MAX]);

/* ------------------------------------------------------------- HostConfig (host_shape.c, host_*.c)
 */

extern const struct shape spec_host_shape[];
/** The keys of `update`. */
extern const struct shape spec_update_shape[];

/**
 * Check @host, which shape_read made, and put in the defaults that depend on the machine and the
 * configuration. @warnings is an array that gets sentences.
 */
int spec_host_check(const struct config *engine, struct record *host, struct record *warnings,
		    struct berth_error *err);
/** Memory, processors, block I/O. @update: what is 0 is not there yet, rather than unlimited. */
int spec_limits_check(struct record *host, bool update, struct record *warnings,
		      struct berth_error *err);
/** RestartPolicy, and AutoRemove beside it. */
int spec_restart_check(const struct record *host, struct berth_error *err);
/** Ports, addresses, names: what the network will be asked for. */
int spec_network_check(struct record *config, struct record *host, struct record *networking,
		       struct record *warnings, struct berth_error *err);

/** "80", "80/TCP", "53/udp" -> "80/tcp", "53/udp". 0 or -1. */
enum { SPEC_PORT_MAX = sizeof("65535/sctp") };
int spec_port_parse(const char *text, char out[static SPEC_PORT_MAX]);

/** One of "host", "container:…", or what is private. */
bool spec_mode_is_host(const struct record *host, const char *key);
const char *spec_mode_container(const struct record *host, const char *key);

/* --------------------------------------------------------------------- SecurityOpt
 * (security_opt.c) */

struct security_opt {
	bool no_new_privileges;
	bool paths_unconfined; /* systempaths=unconfined */
	bool cgroups_given;    /* writable-cgroups */
	bool cgroups_writable;
	const char *apparmor; /* borrowed, or NULL */
	const char *seccomp;  /* "unconfined", "builtin", or a profile; borrowed, or NULL */
};

int security_opt_read(const struct record *list, struct security_opt *ret, struct berth_error *err);

/* ------------------------------------------------------------------------ ulimits (ulimit.c) */

struct ulimit {
	const char *name;   /* of the table: "nofile" */
	int64_t soft, hard; /* -1: unlimited */
};
enum { ULIMIT_MAX = 16 };

/** Check the three values. */
int ulimit_make(const char *name, int64_t soft, int64_t hard, struct ulimit *ret,
		struct berth_error *err);
/** "nofile=1024:2048", "core=0". */
int ulimit_parse(const char *text, struct ulimit *ret, struct berth_error *err);
/** HostConfig.Ulimits over the configuration's; one of a name, at most ULIMIT_MAX. */
int ulimit_all(const struct config *engine, const struct record *host,
	       struct ulimit ret[static ULIMIT_MAX], size_t *ret_n, struct berth_error *err);

/* --------------------------------------------------------------------- devices (spec_devices.c) */

/** INVALID: "invalid device cgroup rule format: 'x'". */
int spec_device_rule_check(const char *rule, struct berth_error *err);
/** linux.devices, key and value. */
int spec_devices_write(const struct record *host, struct jw *w, struct berth_error *err);
/** linux.resources.devices, key and value. */
int spec_device_rules_write(const struct record *host, struct jw *w, struct berth_error *err);

/* ------------------------------------------------------------------- the parts of config.json */

#define SPEC_INIT_PATH "/sbin/docker-init"
/** Whether the first process is an init that starts the user's. */
bool spec_has_init(const struct spec_input *in);

/** The bounding set that @host asks for. */
int spec_caps(const struct record *host, uint64_t *ret, struct berth_error *err);
/** process, key and value; @exec NULL: the container's first. */
int spec_process_write(const struct spec_input *in, const struct record *exec, struct jw *w,
		       struct berth_error *err);
/** mounts, key and value; *ret_propagation: linux.rootfsPropagation or NULL. */
int spec_mounts_write(const struct spec_input *in, struct jw *w, const char **ret_propagation,
		      struct berth_error *err);
/** linux, key and value. */
int spec_linux_write(const struct spec_input *in, const char *propagation, struct jw *w,
		     struct berth_error *err);
/** Members of linux.resources, without devices; what is not limited is absent. */
int spec_limits_write(const struct record *host, struct jw *w, struct berth_error *err);

#endif
