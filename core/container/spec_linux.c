/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/path.h"
#include "core/container/kernel.h"
#include "core/container/seccomp_profile.h"
#include "core/container/spec_parts.h"

enum { MAP_SIZE_MAX = UINT32_MAX };

/* "inside:outside:count" */
static int write_mapping(const char *text, struct jw *w, struct berth_error *err)
{
	cleanup_strv char **parts = strv_split(text, ':');
	uint64_t n[3];

	if (!parts)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	for (size_t i = 0; i < 3; i++) {
		if (strv_len(parts) != 3 || parse_u64(parts[i], MAP_SIZE_MAX, &n[i]) < 0)
			return berth_fail(err, BERTH_E_INVALID, "invalid id mapping '%.64s'", text);
	}
	jw_object_begin(w);
	jw_key_uint(w, "containerID", n[0]);
	jw_key_uint(w, "hostID", n[1]);
	jw_key_uint(w, "size", n[2]);
	jw_object_end(w);
	return 0;
}

static int write_mappings(const char *key, const char *const *map, struct jw *w,
			  struct berth_error *err)
{
	int r = 0;

	if (!map)
		return 0;
	jw_key_array(w, key);
	for (; r == 0 && *map; map++)
		r = write_mapping(*map, w, err);
	jw_array_end(w);
	return r;
}

static void write_namespace(struct jw *w, const char *type, const char *path)
{
	jw_object_begin(w);
	jw_key_str(w, "type", type);
	if (path)
		jw_key_str(w, "path", path);
	jw_object_end(w);
}

/* One that a mode of HostConfig decides: the host's, another container's, or a new one. */
static int write_by_mode(const struct record *host, const char *key, const char *type,
			 const char *path, struct jw *w, struct berth_error *err)
{
	const char *other = spec_mode_container(host, key);

	if (other && !path)
		return berth_fail(err, BERTH_E_INTERNAL,
				  "no namespace of container '%.64s' to join", other);
	if (path || !spec_mode_is_host(host, key))
		write_namespace(w, type, path);
	return 0;
}

static int write_namespaces(const struct spec_input *in, struct jw *w, struct berth_error *err)
{
	const struct record *host = record_get(in->merged, "HostConfig");
	int r;

	jw_key_array(w, "namespaces");
	write_namespace(w, "mount", NULL);
	if (in->network == SPEC_NET_PATH && !in->netns_path)
		return berth_fail(err, BERTH_E_INTERNAL, "no network namespace to join");
	if (in->network != SPEC_NET_HOST)
		write_namespace(w, "network", in->network == SPEC_NET_PATH ? in->netns_path : NULL);
	r = write_by_mode(host, "UTSMode", "uts", in->utsns_path, w, err);
	if (r == 0)
		r = write_by_mode(host, "PidMode", "pid", in->pidns_path, w, err);
	if (r == 0)
		r = write_by_mode(host, "IpcMode", "ipc", in->ipcns_path, w, err);
	if (in->uid_map)
		write_namespace(w, "user", NULL);
	if (str_eq(record_str(record_get(host, "CgroupnsMode")), "private"))
		write_namespace(w, "cgroup", NULL);
	jw_array_end(w);
	if (r == 0)
		r = write_mappings("uidMappings", in->uid_map, w, err);
	if (r == 0)
		r = write_mappings("gidMappings", in->gid_map, w, err);
	return r;
}

/* One of ours, unless the user says otherwise. */
static void write_own_sysctl(const struct record *given, const char *key, const char *value,
			     struct jw *w)
{
	if (!record_has(given, key))
		jw_key_str(w, key, value);
}

static void write_sysctls(const struct spec_input *in, struct jw *w)
{
	const struct record *host = record_get(in->merged, "HostConfig");
	const struct record *given = record_get(host, "Sysctls");
	const char *domain = record_str_or(record_path(in->merged, "Config.Domainname"), "");
	struct record *val;
	const char *key;

	jw_key_object(w, "sysctl");
	if (in->network == SPEC_NET_NEW) {
		/* pings without CAP_NET_RAW; the group range is one of the host's ids */
		if (!in->uid_map && kernel_has_sysctl("net.ipv4.ping_group_range"))
			write_own_sysctl(given, "net.ipv4.ping_group_range", "0 2147483647", w);
		/* ports below 1024 for everybody: they are the container's own */
		if (kernel_has_sysctl("net.ipv4.ip_unprivileged_port_start"))
			write_own_sysctl(given, "net.ipv4.ip_unprivileged_port_start", "0", w);
	}
	/* many runtimes do not know OCI's "domainname" yet, and this is the same */
	if (*domain && !in->utsns_path && !spec_mode_is_host(host, "UTSMode"))
		write_own_sysctl(given, "kernel.domainname", domain, w);
	record_foreach (given, key, val)
		jw_key_str(w, key, record_str_or(val, ""));
	jw_object_end(w);
}

static void write_paths(const char *key, const struct record *list, struct jw *w)
{
	if (record_len(list) == 0)
		return;
	jw_key_array(w, key);
	for (size_t i = 0; i < record_len(list); i++)
		jw_str(w, record_str_or(record_at(list, i), ""));
	jw_array_end(w);
}

static int write_resources(const struct record *host, struct jw *w, struct berth_error *err)
{
	int r;

	jw_key_object(w, "resources");
	r = spec_device_rules_write(host, w, err);
	if (r == 0)
		r = spec_limits_write(host, w, err);
	jw_object_end(w);
	return r;
}

static int write_profile_file(const char *path, uint64_t caps, uint32_t kernel, struct jw *w,
			      struct berth_error *err)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	cleanup_free char *text = NULL;
	size_t len;
	int r;

	if (fd < 0)
		return berth_fail_errno(err, errno, "seccomp profile '%s'", path);
	r = read_fd_limited(fd, SECCOMP_PROFILE_MAX, &text, &len, err);
	if (r == 0)
		r = seccomp_profile_write(text, len, caps, kernel, w, err);
	if (r < 0)
		berth_error_prefix(err, "seccomp profile '%s'", path);
	return r;
}

static int write_seccomp(const struct spec_input *in, struct jw *w, struct berth_error *err)
{
	const struct record *host = record_get(in->merged, "HostConfig");
	const char *configured = in->config->seccomp_profile;
	struct security_opt opts;
	uint32_t kernel = kernel_version();
	const char *profile;
	uint64_t caps;
	int r = security_opt_read(record_get(host, "SecurityOpt"), &opts, err);

	if (r == 0)
		r = spec_caps(host, &caps, err);
	if (r < 0)
		return r;
	profile = opts.seccomp && *opts.seccomp ? opts.seccomp : NULL;
	if (!profile && record_bool_or(record_get(host, "Privileged"), false))
		return 0;
	if (!profile && configured && *configured) {
		if (!str_eq(configured, "unconfined"))
			return write_profile_file(configured, caps, kernel, w, err);
		profile = configured;
	}
	if (str_eq(profile, "unconfined"))
		return 0;
	if (profile && !str_eq(profile, "builtin"))
		return seccomp_profile_write(profile, strlen(profile), caps, kernel, w, err);
	seccomp_default_write(caps, kernel, w);
	return 0;
}

int spec_linux_write(const struct spec_input *in, const char *propagation, struct jw *w,
		     struct berth_error *err)
{
	const struct record *host = record_get(in->merged, "HostConfig");
	int r;

	jw_key_object(w, "linux");
	r = write_namespaces(in, w, err);
	if (r < 0)
		return r;
	write_sysctls(in, w);
	r = spec_devices_write(host, w, err);
	if (r == 0)
		r = write_resources(host, w, err);
	if (r < 0)
		return r;
	if (in->cgroups_path)
		jw_key_str(w, "cgroupsPath", in->cgroups_path);
	if (propagation)
		jw_key_str(w, "rootfsPropagation", propagation);
	write_paths("maskedPaths", record_get(host, "MaskedPaths"), w);
	write_paths("readonlyPaths", record_get(host, "ReadonlyPaths"), w);
	r = write_seccomp(in, w, err);
	jw_object_end(w);
	return r;
}
