/* SPDX-License-Identifier: Apache-2.0 */
/* HostConfig: what is allowed, in docker's words, and the defaults that are not the same
 * everywhere. */
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "core/container/caps.h"
#include "core/container/kernel.h"
#include "core/container/mount_mode.h"
#include "core/container/spec_parts.h"

#define SHM_SIZE_DEFAULT (64 << 20)

static const char *text(const struct record *obj, const char *key)
{
	return record_str_or(record_get(obj, key), "");
}

static int64_t number(const struct record *obj, const char *key)
{
	return record_int_or(record_get(obj, key), 0);
}

static bool flag(const struct record *obj, const char *key)
{
	return record_bool_or(record_get(obj, key), false);
}

static int invalid(struct berth_error *err, const char *sentence)
{
	return berth_fail(err, BERTH_E_INVALID, "%s", sentence);
}

/* "<sentence>: <value>" */
static int invalid_value(struct berth_error *err, const char *sentence, const char *value)
{
	char shown[SPEC_SHOWN_MAX];

	return berth_fail(err, BERTH_E_INVALID, "%s: %s", sentence, spec_shown(value, shown));
}

/* ------------------------------------------------------------------------------ modes */

enum mode_flags {
	MODE_HOST = 1u << 0,
	MODE_CONTAINER = 1u << 1,
	MODE_PRIVATE = 1u << 2,
	MODE_IPC = 1u << 3,   /* none, shareable */
	MODE_RANGE = 1u << 4, /* auto, map:… */
};

static bool mode_is_valid(const char *mode, unsigned flags)
{
	const char *other = str_after(mode, "container:");

	if (!*mode)
		return true;
	if (other)
		return flags & MODE_CONTAINER && *other;
	if (str_eq(mode, "host"))
		return flags & MODE_HOST;
	if (str_eq(mode, "private"))
		return flags & MODE_PRIVATE;
	if (str_eq(mode, "none") || str_eq(mode, "shareable"))
		return flags & MODE_IPC;
	return flags & MODE_RANGE && (str_eq(mode, "auto") || str_has_prefix(mode, "map:"));
}

static int check_modes(const struct record *host, struct berth_error *err)
{
	static const struct {
		const char *key;
		unsigned flags;
		const char *sentence;
	} modes[] = {
		{"IpcMode", MODE_HOST | MODE_CONTAINER | MODE_PRIVATE | MODE_IPC,
		 "invalid IPC mode"},
		{"PidMode", MODE_HOST | MODE_CONTAINER, "invalid PID mode"},
		{"UTSMode", MODE_HOST, "invalid UTS mode"},
		{"UsernsMode", MODE_HOST | MODE_PRIVATE | MODE_RANGE, "invalid USER mode"},
		{"CgroupnsMode", MODE_HOST | MODE_PRIVATE, "invalid cgroup namespace mode"},
		{"Cgroup", 0, "invalid Cgroup mode"},
	};

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		const char *mode = text(host, modes[i].key);

		if (!mode_is_valid(mode, modes[i].flags))
			return invalid_value(err, modes[i].sentence, mode);
	}
	return 0;
}

/* Namespaces with ids of their own do not go with the host's. */
static int check_userns(const struct record *host, struct berth_error *err)
{
	const char *mode = text(host, "UsernsMode");

	if (!*mode || str_eq(mode, "host"))
		return 0;
	if (flag(host, "Privileged"))
		return invalid(err, "privileged mode is incompatible with user namespaces.  You "
				    "must run the container in the host namespace when running "
				    "privileged mode");
	if (spec_mode_is_host(host, "NetworkMode"))
		return invalid(err, "cannot share the host's network namespace when user "
				    "namespaces are enabled");
	if (spec_mode_is_host(host, "PidMode"))
		return invalid(err, "cannot share the host PID namespace when user namespaces are "
				    "enabled");
	return 0;
}

/* ------------------------------------------------------------------------------ policies */

int spec_restart_check(const struct record *host, struct berth_error *err)
{
	const struct record *policy = record_get(host, "RestartPolicy");
	const char *name = text(policy, "Name");
	int64_t tries = number(policy, "MaximumRetryCount");
	char shown[SPEC_SHOWN_MAX];

	if (flag(host, "AutoRemove") && *name && !str_eq(name, "no"))
		return invalid(err, "can't create 'AutoRemove' container with restart policy");
	if (!*name)
		return 0;
	if (str_eq(name, "on-failure"))
		return tries >= 0 ? 0
				  : invalid(err, "invalid restart policy: maximum retry count "
						 "cannot be negative");
	if (!str_eq(name, "no") && !str_eq(name, "always") && !str_eq(name, "unless-stopped"))
		return berth_fail(err, BERTH_E_INVALID,
				  "invalid restart policy: unknown policy '%s'; use one of 'no', "
				  "'always', 'on-failure', or 'unless-stopped'",
				  spec_shown(name, shown));
	if (tries != 0)
		return berth_fail(err, BERTH_E_INVALID,
				  "invalid restart policy: maximum retry count can only be used "
				  "with 'on-failure'%s",
				  tries < 0 ? " and cannot be negative" : "");
	return 0;
}

static int check_log(const struct record *host, struct berth_error *err)
{
	static const char *const options[] = {
		"max-file", "max-size",	 "compress", "labels", "labels-regex",
		"env",	    "env-regex", "tag",	     "mode",   "max-buffer-size"};
	const struct record *log = record_get(host, "LogConfig");
	const char *type = text(log, "Type");
	char shown[SPEC_SHOWN_MAX];
	struct record *val;
	const char *key;

	if (*type && !str_eq(type, "json-file") && !str_eq(type, "local") && !str_eq(type, "none"))
		return berth_fail(err, BERTH_E_INVALID,
				  "logger: no log driver named '%s' is registered",
				  spec_shown(type, shown));
	record_foreach (record_get(log, "Config"), key, val) {
		bool known = false;

		for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
			known |= str_eq(options[i], key);
		if (!known)
			return berth_fail(err, BERTH_E_INVALID,
					  "unknown log opt '%s' for %s log driver",
					  spec_shown(key, shown), *type ? type : "json-file");
	}
	return 0;
}

/* ------------------------------------------------------------------------------ security */

static int check_caps(const struct record *host, struct berth_error *err)
{
	uint64_t caps;

	return caps_tweak(caps_available(), record_get(host, "CapAdd"), record_get(host, "CapDrop"),
			  &caps, err);
}

static int check_ulimits(const struct config *engine, const struct record *host,
			 struct berth_error *err)
{
	struct ulimit list[ULIMIT_MAX];
	size_t n;

	return ulimit_all(engine, host, list, &n, err);
}

static int check_device(struct record *mapping, struct berth_error *err)
{
	const char *path = text(mapping, "PathOnHost");
	const char *access = text(mapping, "CgroupPermissions");
	int r = 0;

	if (*path != '/')
		return invalid_value(err, "bad format for path", path);
	if (!*text(mapping, "PathInContainer"))
		r = record_set_str(mapping, "PathInContainer", path, err);
	if (r == 0 && *text(mapping, "PathInContainer") != '/')
		return invalid_value(err, "bad format for path", text(mapping, "PathInContainer"));
	if (access[strspn(access, "rwm")] || strlen(access) > 3)
		return invalid_value(err, "invalid device mode", access);
	if (r == 0 && !*access)
		r = record_set_str(mapping, "CgroupPermissions", "rwm", err);
	return r;
}

static int check_devices(struct record *host, struct berth_error *err)
{
	struct record *list = record_get(host, "Devices");
	const struct record *rules = record_get(host, "DeviceCgroupRules");
	const struct record *request = record_at(record_get(host, "DeviceRequests"), 0);
	char shown[SPEC_SHOWN_MAX];
	int r = 0;

	for (size_t i = 0; r == 0 && i < record_len(list); i++)
		r = check_device(record_at(list, i), err);
	for (size_t i = 0; r == 0 && i < record_len(rules); i++)
		r = spec_device_rule_check(record_str_or(record_at(rules, i), ""), err);
	if (r == 0 && request) {
		cleanup_free char *caps =
			record_to_text(record_get(request, "Capabilities"), RECORD_COMPACT);

		return berth_fail(err, BERTH_E_UNSUPPORTED,
				  "could not select device driver \"%s\" with capabilities: %.64s",
				  spec_shown(text(request, "Driver"), shown), caps ? caps : "");
	}
	return r;
}

/* "systempaths=unconfined" is what the command line makes of two empty lists; here it does itself.
 */
static int apply_security_opt(struct record *host, struct berth_error *err)
{
	struct security_opt opts;
	int r = security_opt_read(record_get(host, "SecurityOpt"), &opts, err);

	if (r < 0 || !opts.paths_unconfined)
		return r;
	r = record_set(host, "MaskedPaths", record_new_array(), err);
	return r < 0 ? r : record_set(host, "ReadonlyPaths", record_new_array(), err);
}

/* Who shares processes with the host gets no label of its own: docker shows it so. */
static int add_label_opt(struct record *host, struct berth_error *err)
{
	struct record *list = record_get(host, "SecurityOpt");
	int r = 0;

	for (size_t i = 0; i < record_len(list); i++) {
		if (str_has_prefix(record_str_or(record_at(list, i), ""), "label="))
			return 0;
	}
	if (!flag(host, "Privileged") && !spec_mode_is_host(host, "IpcMode") &&
	    !spec_mode_is_host(host, "PidMode"))
		return 0;
	if (!list) {
		list = record_new_array();
		r = record_set(host, "SecurityOpt", list, err);
	}
	return r < 0 ? r : record_append_str(list, "label=disable", err);
}

/* ------------------------------------------------------------------------------ paths */

static bool all_absolute(const struct record *list)
{
	for (size_t i = 0; i < record_len(list); i++) {
		if (*record_str_or(record_at(list, i), "") != '/')
			return false;
	}
	return true;
}

/* Part of a path that is made by us: it must not leave where it is put. */
static int check_cgroup_parent(const struct record *host, struct berth_error *err)
{
	const char *parent = text(host, "CgroupParent");
	cleanup_strv char **parts = strv_split(parent, '/');

	if (!parts)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	if (strv_has(parts, "..") || strchr(parent, '\n'))
		return invalid_value(err, "invalid cgroup parent", parent);
	return 0;
}

static int check_names(const struct record *host, struct berth_error *err)
{
	const struct record *from = record_get(host, "VolumesFrom");
	struct record *val;
	const char *key;
	int r = check_cgroup_parent(host, err);

	for (size_t i = 0; r == 0 && i < record_len(from); i++) {
		cleanup_free char *ref = NULL;
		bool read_only;

		r = spec_volumes_from(record_str_or(record_at(from, i), ""), &ref, &read_only, err);
	}
	if (r < 0)
		return r;
	record_foreach (record_get(host, "Annotations"), key, val) {
		if (!*key)
			return invalid(err,
				       "invalid Annotations: the empty string is not permitted "
				       "as an annotation key");
	}
	record_foreach (record_get(host, "Sysctls"), key, val) {
		if (!*key || *key == '/' || strstr(key, ".."))
			return invalid_value(err, "invalid sysctl", key);
	}
	if (!all_absolute(record_get(host, "MaskedPaths")) ||
	    !all_absolute(record_get(host, "ReadonlyPaths")))
		return invalid(err, "masked and read-only paths must be absolute");
	return 0;
}

/* ------------------------------------------------------------------------------ defaults */

static int set_if_empty(struct record *obj, const char *key, const char *value,
			struct berth_error *err)
{
	return *text(obj, key) ? 0 : record_set_str(obj, key, value, err);
}

/*
 * The temperature of the processors tells of the work of others. Whether they have such a
 * directory is asked of the first that is online; the others are like it or come to be.
 */
static int mask_thermal(struct record *paths, struct berth_error *err)
{
	char list[KERNEL_LIST_MAX], path[80];
	struct kernel_set possible;
	uint64_t first = 0;
	int r = 0;

	kernel_list("cpu/online", list);
	list[strspn(list, "0123456789")] = '\0';
	(void)parse_u64(list, KERNEL_SET_MAX, &first);
	(void)snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/thermal_throttle",
		       (unsigned)first);
	if (access(path, F_OK) < 0)
		return 0;
	kernel_list("cpu/possible", list);
	if (kernel_set_parse(list, &possible) < 0)
		return 0;
	for (unsigned i = 0; r == 0 && i < KERNEL_SET_MAX; i++) {
		if (!kernel_set_has(&possible, i))
			continue;
		(void)snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/thermal_throttle",
			       i);
		r = record_append_str(paths, path, err);
	}
	return r;
}

static int set_list(struct record *host, const char *key, const char *const *paths,
		    struct berth_error *err)
{
	struct record *list = record_new_array();
	int r = record_set(host, key, list, err);

	for (; r == 0 && *paths; paths++)
		r = record_append_str(list, *paths, err);
	return r;
}

static int default_paths(struct record *host, struct berth_error *err)
{
	static const char *const masked[] = {
		"/proc/asound",
		"/proc/acpi",
		"/proc/interrupts",
		"/proc/kcore",
		"/proc/keys",
		"/proc/latency_stats",
		"/proc/timer_list",
		"/proc/timer_stats",
		"/proc/sched_debug",
		"/proc/scsi",
		"/sys/firmware",
		"/sys/devices/virtual/powercap",
		NULL,
	};
	static const char *const read_only[] = {
		"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger", NULL,
	};
	int r = 0;

	if (flag(host, "Privileged"))
		return 0;
	if (!record_get(host, "MaskedPaths")) {
		r = set_list(host, "MaskedPaths", masked, err);
		if (r == 0)
			r = mask_thermal(record_get(host, "MaskedPaths"), err);
	}
	if (r == 0 && !record_get(host, "ReadonlyPaths"))
		r = set_list(host, "ReadonlyPaths", read_only, err);
	return r;
}

static int default_memory(const struct config *engine, struct record *host, struct berth_error *err)
{
	int64_t memory = number(host, "Memory");
	int64_t shm = engine->shm_size ? (int64_t)engine->shm_size : SHM_SIZE_DEFAULT;
	int r = 0;

	if (number(host, "ShmSize") < 0)
		return invalid(err, "SHM size can not be less than 0");
	if (memory > 0 && number(host, "MemorySwap") == 0)
		r = record_set_int(host, "MemorySwap", memory * 2, err);
	if (r == 0 && number(host, "ShmSize") == 0)
		r = record_set_int(host, "ShmSize", shm, err);
	/* version 2 has no such switch */
	if (r == 0 && kernel_cgroup2())
		r = record_set_null(host, "OomKillDisable", err);
	else if (r == 0 && !record_get(host, "OomKillDisable"))
		r = record_set_bool(host, "OomKillDisable", false, err);
	return r;
}

static int put_defaults(const struct config *engine, struct record *host, struct berth_error *err)
{
	int r = set_if_empty(record_get(host, "LogConfig"), "Type", "json-file", err);

	if (r == 0)
		r = set_if_empty(record_get(host, "RestartPolicy"), "Name", "no", err);
	if (r == 0)
		r = set_if_empty(host, "IpcMode", "private", err);
	if (r == 0)
		r = set_if_empty(host, "CgroupnsMode", kernel_cgroup2() ? "private" : "host", err);
	if (r == 0)
		r = set_if_empty(host, "NetworkMode", "default", err);
	if (r == 0)
		r = set_if_empty(host, "Runtime",
				 *text(host, "Isolation")
					 ? text(host, "Isolation")
					 : (engine->kind[BERTH_ISOLATION].driver
						    ? engine->kind[BERTH_ISOLATION].driver
						    : ""),
				 err);
	if (r == 0)
		r = default_memory(engine, host, err);
	if (r == 0)
		r = add_label_opt(host, err);
	return r == 0 ? default_paths(host, err) : r;
}

int spec_host_check(const struct config *engine, struct record *host, struct record *warnings,
		    struct berth_error *err)
{
	int64_t oom = number(host, "OomScoreAdj");
	int r = check_modes(host, err);

	if (r == 0)
		r = check_userns(host, err);
	if (r == 0)
		r = spec_restart_check(host, err);
	if (r == 0)
		r = check_log(host, err);
	if (r == 0)
		r = check_caps(host, err);
	if (r == 0)
		r = check_ulimits(engine, host, err);
	if (r == 0)
		r = check_devices(host, err);
	if (r == 0)
		r = check_names(host, err);
	if (r == 0)
		r = spec_limits_check(host, false, warnings, err);
	if (r == 0 && (oom < -1000 || oom > 1000))
		return berth_fail(err, BERTH_E_INVALID,
				  "Invalid value %lld, range for oom score adj is [-1000, 1000]",
				  (long long)oom);
	if (r == 0)
		r = apply_security_opt(host, err);
	return r == 0 ? put_defaults(engine, host, err) : r;
}
