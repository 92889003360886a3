/* SPDX-License-Identifier: Apache-2.0 */
#include "create_options.h"

#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "body.h"

#define HOST(name) .key = "HostConfig." name

/* clang-format off */
const struct option create_options[] = {
	{"add-host", 0, OPTION_LIST, "Add a line to the container's hosts file", "host:ip"},
	{"annotation", 0, OPTION_LIST, "Annotation for the isolation driver", "key=value"},
	{"attach", 'a', OPTION_LIST, "Attach to STDIN, STDOUT or STDERR", "stream"},
	{"blkio-weight", 0, OPTION_INT, "Weight of block I/O, 10 to 1000, 0 for none", HOST("BlkioWeight")},
	{"blkio-weight-device", 0, OPTION_LIST, "Weight of block I/O on a device", "path:weight"},
	{"cap-add", 0, OPTION_LIST, "Add a capability", "cap"},
	{"cap-drop", 0, OPTION_LIST, "Drop a capability", "cap"},
	{"cgroup-parent", 0, OPTION_STRING, "Cgroup above the container's", HOST("CgroupParent")},
	{"cgroupns", 0, OPTION_STRING, "Cgroup namespace: host or private", HOST("CgroupnsMode")},
	{"cidfile", 0, OPTION_STRING, "Write the container's id to this file", "file"},
	{"cpu-period", 0, OPTION_INT, "Period of the CPU quota, microseconds", HOST("CpuPeriod")},
	{"cpu-quota", 0, OPTION_INT, "CPU time within a period, microseconds", HOST("CpuQuota")},
	{"cpu-rt-period", 0, OPTION_INT, "Period of realtime scheduling, microseconds", HOST("CpuRealtimePeriod")},
	{"cpu-rt-runtime", 0, OPTION_INT, "Realtime within a period, microseconds", HOST("CpuRealtimeRuntime")},
	{"cpu-shares", 'c', OPTION_INT, "Weight of the CPU time", HOST("CpuShares")},
	{"cpus", 0, OPTION_CPUS, "Number of CPUs", HOST("NanoCpus")},
	{"cpuset-cpus", 0, OPTION_STRING, "CPUs to run on (0-3, 0,1)", HOST("CpusetCpus")},
	{"cpuset-mems", 0, OPTION_STRING, "Memory nodes to use (0-3, 0,1)", HOST("CpusetMems")},
	{"device", 0, OPTION_LIST, "Add a device of the host", "host[:container[:rwm]]"},
	{"device-cgroup-rule", 0, OPTION_LIST, "Rule for the devices that may be used", "rule"},
	{"device-read-bps", 0, OPTION_LIST, "Limit bytes per second read from a device", "path:rate"},
	{"device-read-iops", 0, OPTION_LIST, "Limit reads per second from a device", "path:rate"},
	{"device-write-bps", 0, OPTION_LIST, "Limit bytes per second written to a device", "path:rate"},
	{"device-write-iops", 0, OPTION_LIST, "Limit writes per second to a device", "path:rate"},
	{"disable-content-trust", 0, OPTION_BOOL, NULL, .flags = OPTION_IGNORED},
	{"dns", 0, OPTION_LIST, "DNS server", "ip"},
	{"dns-opt", 0, OPTION_LIST, NULL, .alias = "dns-option", .flags = OPTION_HIDDEN},
	{"dns-option", 0, OPTION_LIST, "Option for resolv.conf", "option", HOST("DnsOptions")},
	{"dns-search", 0, OPTION_LIST, "Domain to search for names", "domain"},
	{"domainname", 0, OPTION_STRING, "NIS domain name", .key = "Domainname"},
	{"entrypoint", 0, OPTION_STRING, "Run this in place of the image's ENTRYPOINT"},
	{"env", 'e', OPTION_LIST, "Set an environment variable", "name[=value]"},
	{"env-file", 0, OPTION_LIST, "Set environment variables from a file", "file"},
	{"expose", 0, OPTION_LIST, "Expose a port or a range of ports", "port[/proto]"},
	{"gpus", 0, OPTION_LIST, "GPUs to add ('all' for all)", "gpus"},
	{"group-add", 0, OPTION_LIST, "Additional group", "group", HOST("GroupAdd")},
	{"health-cmd", 0, OPTION_STRING, "Command that checks health"},
	{"health-interval", 0, OPTION_DURATION, "Time between checks", .key = "Healthcheck.Interval"},
	{"health-retries", 0, OPTION_INT, "Failures that make it unhealthy", .key = "Healthcheck.Retries"},
	{"health-start-interval", 0, OPTION_DURATION, "Time between checks while it starts", .key = "Healthcheck.StartInterval"},
	{"health-start-period", 0, OPTION_DURATION, "Time to start, in which failures do not count", .key = "Healthcheck.StartPeriod"},
	{"health-timeout", 0, OPTION_DURATION, "Longest time of one check", .key = "Healthcheck.Timeout"},
	{"hostname", 'h', OPTION_STRING, "Host name", .key = "Hostname"},
	{"init", 0, OPTION_BOOL, "Run an init that forwards signals and reaps", HOST("Init")},
	{"interactive", 'i', OPTION_BOOL, "Keep STDIN open", .key = "OpenStdin"},
	{"ip", 0, OPTION_STRING, "IPv4 address", "ip"},
	{"ip6", 0, OPTION_STRING, "IPv6 address", "ip"},
	{"ipc", 0, OPTION_STRING, "IPC namespace: private, shareable, host, container:NAME", HOST("IpcMode")},
	{"isolation", 0, OPTION_STRING, "Isolation driver to run it with", "driver", HOST("Isolation")},
	{"kernel-memory", 0, OPTION_SIZE, NULL, .flags = OPTION_IGNORED},
	{"label", 'l', OPTION_LIST, "Set a label", "key[=value]"},
	{"label-file", 0, OPTION_LIST, "Set labels from a file", "file"},
	{"link", 0, OPTION_LIST, "Link to another container", "name[:alias]", HOST("Links")},
	{"link-local-ip", 0, OPTION_LIST, "Link-local address", "ip"},
	{"log-driver", 0, OPTION_STRING, "Log driver", "driver", HOST("LogConfig.Type")},
	{"log-opt", 0, OPTION_LIST, "Option of the log driver", "key=value"},
	{"mac-address", 0, OPTION_STRING, "MAC address", "mac"},
	{"memory", 'm', OPTION_SIZE, "Limit of memory", HOST("Memory")},
	{"memory-reservation", 0, OPTION_SIZE, "Soft limit of memory", HOST("MemoryReservation")},
	{"memory-swap", 0, OPTION_SWAP, "Limit of memory and swap together, -1: none", HOST("MemorySwap")},
	{"memory-swappiness", 0, OPTION_INT, "Tendency to swap, 0 to 100", HOST("MemorySwappiness")},
	{"mount", 0, OPTION_LIST, "Mount a filesystem: type=bind,src=,dst=,…", "mount"},
	{"name", 0, OPTION_STRING, "Name of the container", "name"},
	{"net", 0, OPTION_LIST, NULL, .alias = "network", .flags = OPTION_HIDDEN},
	{"net-alias", 0, OPTION_LIST, NULL, .alias = "network-alias", .flags = OPTION_HIDDEN},
	{"network", 0, OPTION_LIST, "Connect to a network: none, host, NAME, …", "network"},
	{"network-alias", 0, OPTION_LIST, "Further name within the network", "name"},
	{"no-healthcheck", 0, OPTION_BOOL, "No health check, whatever the image says"},
	{"oom-kill-disable", 0, OPTION_BOOL, "Do not kill when memory runs out", HOST("OomKillDisable")},
	{"oom-score-adj", 0, OPTION_INT, "Preference to be killed, -1000 to 1000", HOST("OomScoreAdj")},
	{"pid", 0, OPTION_STRING, "PID namespace: host, container:NAME", HOST("PidMode")},
	{"pids-limit", 0, OPTION_INT, "Limit of processes, -1: none", HOST("PidsLimit")},
	{"platform", 0, OPTION_STRING, "Platform of the image: os/arch[/variant]", "platform", .key = "Platform"},
	{"privileged", 0, OPTION_BOOL, "Give all privileges and devices", HOST("Privileged")},
	{"publish", 'p', OPTION_LIST, "Publish a port on the host", "[[ip:]host:]port"},
	{"publish-all", 'P', OPTION_BOOL, "Publish all exposed ports", HOST("PublishAllPorts")},
	{"pull", 0, OPTION_STRING, "Get the image first: always, missing, never", "when"},
	{"quiet", 'q', OPTION_BOOL, NULL, .flags = OPTION_IGNORED},
	{"read-only", 0, OPTION_BOOL, "Root filesystem is read only", HOST("ReadonlyRootfs")},
	{"restart", 0, OPTION_STRING, "When to restart: no, on-failure[:n], always, unless-stopped", "policy"},
	{"rm", 0, OPTION_BOOL, "Remove it when it exits", HOST("AutoRemove")},
	{"runtime", 0, OPTION_STRING, "OCI runtime", HOST("Runtime")},
	{"security-opt", 0, OPTION_LIST, "Security option: seccomp=, no-new-privileges, …", "option"},
	{"shm-size", 0, OPTION_SIZE, "Size of /dev/shm", HOST("ShmSize")},
	{"stop-signal", 0, OPTION_STRING, "Signal to stop it", "signal", .key = "StopSignal"},
	{"stop-timeout", 0, OPTION_INT, "Seconds until it is killed when stopped", "seconds", .key = "StopTimeout"},
	{"storage-driver", 0, OPTION_STRING, "Storage driver to keep it in", "driver", HOST("StorageDriver")},
	{"storage-opt", 0, OPTION_LIST, "Option of the storage driver", "key=value"},
	{"sysctl", 0, OPTION_LIST, "Set a sysctl", "key=value"},
	{"tmpfs", 0, OPTION_LIST, "Mount a tmpfs", "path[:options]"},
	{"tty", 't', OPTION_BOOL, "Give it a terminal", .key = "Tty"},
	{"ulimit", 0, OPTION_LIST, "Resource limit", "name=soft[:hard]"},
	{"user", 'u', OPTION_STRING, "User: name|uid[:group|gid]", "user", .key = "User"},
	{"userns", 0, OPTION_STRING, "User namespace: host, auto", HOST("UsernsMode")},
	{"uts", 0, OPTION_STRING, "UTS namespace: host", HOST("UTSMode")},
	{"volume", 'v', OPTION_LIST, "Mount a volume, or a directory of the host", "[source:]path[:options]"},
	{"volume-driver", 0, OPTION_STRING, "Volume driver", "driver", HOST("VolumeDriver")},
	{"volumes-from", 0, OPTION_LIST, "Mounts of another container", "container", HOST("VolumesFrom")},
	{"workdir", 'w', OPTION_STRING, "Working directory", "path", .key = "WorkingDir"},
	{0},
};
/* clang-format on */

/* ------------------------------------------------------------------------------- what is simple */

static int set_simple(struct record *body, const struct option_given *g, struct berth_error *err)
{
	const char *key = g->option->key;

	switch (g->option->type) {
	case OPTION_LIST:
		return body_append(body, key, record_new_str(g->text), err);
	case OPTION_STRING:
		return g->text[0] ? body_set(body, key, record_new_str(g->text), err) : 0;
	case OPTION_BOOL:
		return body_set(body, key, record_new_bool(g->value), err);
	default:
		return body_set(body, key, record_new_int(g->value), err);
	}
}

static int set_words(const struct options *o, struct record *body, struct berth_error *err)
{
	const char *entrypoint = options_str(o, "entrypoint");
	int r = record_set_str(body, "Image", o->args[0], err);

	for (size_t i = 1; r == 0 && i < o->n_args; i++)
		r = body_append(body, "Cmd", record_new_str(o->args[i]), err);
	if (r == 0 && entrypoint)
		r = body_append(body, "Entrypoint", record_new_str(entrypoint), err);
	return r;
}

static int set_streams(const struct options *o, struct record *body, struct berth_error *err)
{
	static const char *const names[] = {"stdin", "stdout", "stderr"};
	static const char *const keys[] = {"AttachStdin", "AttachStdout", "AttachStderr"};
	bool open_stdin = options_bool(o, "interactive");
	bool attach[3] = {false, false, false};
	bool any = false;
	const char *text;
	int r = 0;

	for (size_t at = 0; (text = options_next(o, "attach", &at));) {
		bool known = false;

		for (int i = 0; i < 3; i++)
			if (strcasecmp(text, names[i]) == 0)
				attach[i] = known = true;
		if (!known)
			return body_bad_flag(err, "-a, --attach", text,
					     "valid streams are STDIN, STDOUT and STDERR");
		any = true;
	}
	if (!any)
		attach[1] = attach[2] = true;
	if (open_stdin)
		attach[0] = true;
	for (int i = 0; i < 3 && r == 0; i++)
		if (attach[i])
			r = record_set_bool(body, keys[i], true, err);
	if (r == 0 && open_stdin)
		r = record_set_bool(body, "StdinOnce", true, err);
	return r;
}

static int set_restart(const struct options *o, struct record *body, struct berth_error *err)
{
	const char *policy = options_str(o, "restart");
	const char *colon = policy ? strchr(policy, ':') : NULL;
	int64_t retries = 0;
	int r;

	if (!policy || !policy[0])
		return 0;
	if (colon && (colon == policy || strchr(colon + 1, ':')))
		return berth_fail(err, BERTH_E_INVALID, "invalid restart policy format");
	if (colon && parse_i64(colon + 1, INT32_MIN, INT32_MAX, &retries) < 0)
		return berth_fail(
			err, BERTH_E_INVALID,
			"invalid restart policy format: maximum retry count must be an integer");
	if (options_bool(o, "rm") && strcmp(policy, "no") != 0)
		return berth_fail(err, BERTH_E_INVALID,
				  "conflicting options: cannot specify both --restart and --rm");
	r = body_set(body, "HostConfig.RestartPolicy.Name",
		     record_new_str_n(policy, colon ? (size_t)(colon - policy) : strlen(policy)),
		     err);
	if (r == 0 && retries != 0)
		r = body_set(body, "HostConfig.RestartPolicy.MaximumRetryCount",
			     record_new_int(retries), err);
	return r;
}

static int set_health(const struct options *o, struct record *body, struct berth_error *err)
{
	const char *command = options_str(o, "health-cmd");
	bool given = command && command[0];

	for (size_t i = 0; i < o->n_given; i++) {
		const struct option_given *g = &o->given[i];

		if (strncmp(g->option->name, "health-", 7) != 0 || !g->option->key)
			continue;
		if (g->value < 0)
			return berth_fail(err, BERTH_E_INVALID, "--%s cannot be negative",
					  g->option->name);
		given = given || g->value > 0;
	}
	if (options_bool(o, "no-healthcheck")) {
		if (given)
			return berth_fail(err, BERTH_E_INVALID,
					  "--no-healthcheck conflicts with --health-* options");
		return body_append(body, "Healthcheck.Test", record_new_str("NONE"), err);
	}
	if (!command || !command[0])
		return 0;
	if (body_append(body, "Healthcheck.Test", record_new_str("CMD-SHELL"), err) < 0)
		return -BERTH_E_NO_MEMORY;
	return body_append(body, "Healthcheck.Test", record_new_str(command), err);
}

/* what a mode may be, beside "" */
static bool is_mode(const char *mode, const char *word, const char *prefix)
{
	return !mode || !mode[0] || strcmp(mode, word) == 0 ||
	       (prefix && str_has_prefix(mode, prefix));
}

static int check_words(const struct options *o, struct berth_error *err)
{
	const char *cgroupns = options_str(o, "cgroupns"), *pull = options_str(o, "pull");
	int64_t swappiness = options_int(o, "memory-swappiness", -1);

	if (swappiness != -1 && (swappiness < 0 || swappiness > 100))
		return berth_fail(err, BERTH_E_INVALID,
				  "invalid value: %lld. Valid memory swappiness range is 0-100",
				  (long long)swappiness);
	if (!is_mode(options_str(o, "pid"), "host", "container:"))
		return berth_fail(err, BERTH_E_INVALID, "--pid: invalid PID mode");
	if (!is_mode(options_str(o, "uts"), "host", NULL))
		return berth_fail(err, BERTH_E_INVALID, "--uts: invalid UTS mode");
	if (!is_mode(cgroupns, "host", NULL) && !is_mode(cgroupns, "private", NULL))
		return berth_fail(err, BERTH_E_INVALID, "--cgroupns: invalid CGROUP mode");
	if (pull && strcmp(pull, "always") != 0 && strcmp(pull, "missing") != 0 &&
	    strcmp(pull, "never") != 0)
		return berth_fail(err, BERTH_E_INVALID,
				  "invalid pull option: '%s': must be one of \"always\", "
				  "\"missing\" or \"never\"",
				  pull);
	return 0;
}

int create_body(const struct options *o, struct record **ret, struct berth_error *err)
{
	static int (*const parts[])(const struct options *, struct record *,
				    struct berth_error *) = {
		set_words,     set_streams,    set_restart,	set_health,
		create_pairs,  create_mounts,  create_ports,	create_network,
		create_limits, create_devices, create_security,
	};
	cleanup_record struct record *body = record_new_object();
	int r = body ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");

	if (r == 0)
		r = check_words(o, err);
	for (size_t i = 0; r == 0 && i < o->n_given; i++)
		if (o->given[i].option->key)
			r = set_simple(body, &o->given[i], err);
	for (size_t i = 0; r == 0 && i < sizeof(parts) / sizeof(parts[0]); i++)
		r = parts[i](o, body, err);
	if (r < 0)
		return r;
	*ret = steal_ptr(body);
	return 0;
}
