/* SPDX-License-Identifier: Apache-2.0 */
/* The "process" object, of a container and of an exec. */
#include <sys/resource.h>

#include <linux/ioprio.h>

#include "caps.h"
#include "spec.h"

enum {
	ARGS_MAX = 65536,
	GROUPS_MAX = 65536,
	RLIMITS_MAX = 64,
};

static const struct {
	const char *name;
	int resource;
} rlimit_names[] = {
	{"RLIMIT_AS", RLIMIT_AS},
	{"RLIMIT_CORE", RLIMIT_CORE},
	{"RLIMIT_CPU", RLIMIT_CPU},
	{"RLIMIT_DATA", RLIMIT_DATA},
	{"RLIMIT_FSIZE", RLIMIT_FSIZE},
	{"RLIMIT_LOCKS", RLIMIT_LOCKS},
	{"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
	{"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
	{"RLIMIT_NICE", RLIMIT_NICE},
	{"RLIMIT_NOFILE", RLIMIT_NOFILE},
	{"RLIMIT_NPROC", RLIMIT_NPROC},
	{"RLIMIT_RSS", RLIMIT_RSS},
	{"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
	{"RLIMIT_RTTIME", RLIMIT_RTTIME},
	{"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
	{"RLIMIT_STACK", RLIMIT_STACK},
};

static int rlimit_of(const char *name)
{
	for (size_t i = 0; name && i < sizeof(rlimit_names) / sizeof(rlimit_names[0]); i++)
		if (strcmp(rlimit_names[i].name, name) == 0)
			return rlimit_names[i].resource;
	return -1;
}

static void read_rlimits(const struct fields *f, struct spec_process *ret)
{
	size_t n = field_count(f, "rlimits", RLIMITS_MAX);
	struct spec_rlimit *v = field_array_alloc(f, n, sizeof(*v));
	uint32_t seen = 0;

	for (size_t i = 0; v && i < n; i++) {
		struct fields item = field_item(f, "rlimits", i);

		v[i].name = field_str(&item, "type");
		v[i].resource = rlimit_of(v[i].name);
		if (v[i].resource < 0) {
			field_invalid(&item, "type", "is '%.40s', which is no resource limit",
				      v[i].name ? v[i].name : "");
			return;
		}
		if (seen & (1u << v[i].resource))
			field_invalid(&item, "type", "is '%s' for the second time", v[i].name);
		seen |= 1u << v[i].resource;
		if (!field_uint(&item, "soft", UINT64_MAX, &v[i].soft) ||
		    !field_uint(&item, "hard", UINT64_MAX, &v[i].hard))
			field_invalid(&item, NULL, "needs soft and hard");
		if (v[i].soft > v[i].hard)
			field_invalid(&item, "soft", "is above the hard limit");
	}
	ret->rlimits = v;
	ret->n_rlimits = v ? n : 0;
}

static void read_user(const struct fields *f, struct spec_process *ret)
{
	struct fields u = field_object(f, "user");
	size_t n = field_count(&u, "additionalGids", GROUPS_MAX);
	gid_t *groups = field_array_alloc(&u, n, sizeof(*groups));
	const struct record *arr = record_get(u.obj, "additionalGids");
	uint64_t value = 0;

	(void)field_uint(&u, "uid", UINT32_MAX - 1, &value);
	ret->uid = (uid_t)value;
	value = 0;
	(void)field_uint(&u, "gid", UINT32_MAX - 1, &value);
	ret->gid = (gid_t)value;
	ret->has_umask = field_uint(&u, "umask", 07777, &value);
	ret->umask = (mode_t)value & 0777;
	for (size_t i = 0; groups && i < n; i++) {
		if (!record_uint(record_at(arr, i), &value) || value >= UINT32_MAX)
			field_invalid(&u, "additionalGids", "has an item that is no group id");
		groups[i] = (gid_t)value;
	}
	ret->groups = groups;
	ret->n_groups = groups ? n : 0;
}

/* One of the five sets; names that this system does not know are collected. */
static uint64_t read_cap_set(const struct fields *caps, const char *key, const char ***unknown)
{
	size_t n;
	const char **names = field_strv(caps, key, &n);
	uint64_t set = 0;

	for (size_t i = 0; i < n; i++) {
		int cap = caps_number(names[i]);

		if (cap >= 0)
			set |= UINT64_C(1) << cap;
		else if (!*unknown)
			*unknown = names + i; /* one is enough for a warning */
	}
	return set;
}

static void read_caps(const struct fields *f, struct spec_process *ret)
{
	struct fields c = field_object(f, "capabilities");

	ret->caps.bounding = read_cap_set(&c, "bounding", &ret->unknown_caps);
	ret->caps.effective = read_cap_set(&c, "effective", &ret->unknown_caps);
	ret->caps.inheritable = read_cap_set(&c, "inheritable", &ret->unknown_caps);
	ret->caps.permitted = read_cap_set(&c, "permitted", &ret->unknown_caps);
	ret->caps.ambient = read_cap_set(&c, "ambient", &ret->unknown_caps);
}

static void read_scheduler(const struct fields *f, struct spec_scheduler *ret)
{
	static const char *const policies[] = {
		"SCHED_OTHER", "SCHED_FIFO", "SCHED_RR",       "SCHED_BATCH",
		"SCHED_ISO",   "SCHED_IDLE", "SCHED_DEADLINE",
	};
	static const struct {
		const char *name;
		uint64_t flag;
	} flags[] = {
		{"SCHED_FLAG_RESET_ON_FORK", 0x01},  {"SCHED_FLAG_RECLAIM", 0x02},
		{"SCHED_FLAG_DL_OVERRUN", 0x04},     {"SCHED_FLAG_KEEP_POLICY", 0x08},
		{"SCHED_FLAG_KEEP_PARAMS", 0x10},    {"SCHED_FLAG_UTIL_CLAMP_MIN", 0x20},
		{"SCHED_FLAG_UTIL_CLAMP_MAX", 0x40},
	};
	struct fields s = field_object(f, "scheduler");
	const char *policy = field_str(&s, "policy");
	const char **names = field_strv(&s, "flags", NULL);
	size_t known = sizeof(policies) / sizeof(policies[0]);
	int64_t value = 0;

	ret->given = s.obj != NULL;
	if (!s.obj)
		return;
	ret->policy = (uint32_t)known;
	for (size_t i = 0; policy && i < known; i++)
		if (strcmp(policies[i], policy) == 0)
			ret->policy = (uint32_t)i;
	if (ret->policy == known)
		field_invalid(&s, "policy", "is '%.40s', which is no policy", policy ? policy : "");
	if (field_int(&s, "nice", -20, 19, &value))
		ret->nice = (int32_t)value;
	if (field_int(&s, "priority", 0, 99, &value))
		ret->priority = (uint32_t)value;
	(void)field_uint(&s, "runtime", UINT64_MAX, &ret->runtime);
	(void)field_uint(&s, "deadline", UINT64_MAX, &ret->deadline);
	(void)field_uint(&s, "period", UINT64_MAX, &ret->period);
	for (; *names; names++) {
		uint64_t flag = 0;

		for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
			if (strcmp(flags[i].name, *names) == 0)
				flag = flags[i].flag;
		if (!flag)
			field_invalid(&s, "flags", "has '%.40s', which is no flag", *names);
		ret->flags |= flag;
	}
}

static void read_ioprio(const struct fields *f, struct spec_process *ret)
{
	struct fields io = field_object(f, "ioPriority");
	const char *class = field_str(&io, "class");
	int64_t priority = 0;
	int number;

	if (!io.obj)
		return;
	if (str_eq(class, "IOPRIO_CLASS_RT"))
		number = IOPRIO_CLASS_RT;
	else if (str_eq(class, "IOPRIO_CLASS_BE"))
		number = IOPRIO_CLASS_BE;
	else if (str_eq(class, "IOPRIO_CLASS_IDLE"))
		number = IOPRIO_CLASS_IDLE;
	else {
		field_invalid(&io, "class", "is '%.40s', which is no class", class ? class : "");
		return;
	}
	(void)field_int(&io, "priority", 0, 7, &priority);
	ret->ioprio = IOPRIO_PRIO_VALUE(number, (int)priority);
}

static void read_terminal(const struct fields *f, struct spec_process *ret)
{
	struct fields size = field_object(f, "consoleSize");
	uint64_t value = 0;

	ret->terminal = field_bool(f, "terminal");
	if (field_uint(&size, "height", UINT16_MAX, &value))
		ret->rows = (uint16_t)value;
	if (field_uint(&size, "width", UINT16_MAX, &value))
		ret->columns = (uint16_t)value;
}

void spec_read_process(const struct fields *f, struct spec_process *ret)
{
	struct fields affinity = field_object(f, "execCPUAffinity");
	int64_t value = 0;
	size_t n_args;

	*ret = (struct spec_process){0};
	if (!f->obj)
		return;
	ret->args = field_strv(f, "args", &n_args);
	ret->env = field_strv(f, "env", NULL);
	ret->cwd = field_str(f, "cwd");
	if (n_args == 0 || !ret->args[0][0])
		field_invalid(f, "args", "is empty");
	if (!ret->cwd || ret->cwd[0] != '/')
		field_invalid(f, "cwd", "is no absolute path");
	read_terminal(f, ret);
	read_user(f, ret);
	read_caps(f, ret);
	read_rlimits(f, ret);
	ret->no_new_privileges = field_bool(f, "noNewPrivileges");
	ret->apparmor = field_str(f, "apparmorProfile");
	ret->selinux = field_str(f, "selinuxLabel");
	if (ret->apparmor && !ret->apparmor[0])
		ret->apparmor = NULL;
	if (ret->selinux && !ret->selinux[0])
		ret->selinux = NULL;
	ret->has_oom_score_adj = field_int(f, "oomScoreAdj", -1000, 1000, &value);
	ret->oom_score_adj = (int)value;
	read_scheduler(f, &ret->scheduler);
	read_ioprio(f, ret);
	ret->cpu_initial = field_str(&affinity, "initial");
	ret->cpu_final = field_str(&affinity, "final");
}
