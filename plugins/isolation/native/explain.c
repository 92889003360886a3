/* SPDX-License-Identifier: Apache-2.0 */
/* What of a specification this driver, on this machine, cannot make true; and what it can at all.
 */
#include <unistd.h>

#include "base/path.h"
#include "base/record_write.h"
#include "caps.h"
#include "native.h"

bool machine_has_apparmor(void)
{
	return access("/sys/module/apparmor/parameters/enabled", F_OK) == 0 &&
	       access("/sys/kernel/security/apparmor", F_OK) == 0;
}

bool machine_has_selinux(void)
{
	return access("/sys/fs/selinux/enforce", F_OK) == 0;
}

struct explain {
	struct berth_isolation *iso;
	bool degrade;
	struct berth_sink *findings; /* or NULL: the first one is a failure, unless degraded */
};

static int cannot(const struct explain *x, const char *id, const char *key, const char *why,
		  const char *fix, struct berth_error *err)
{
	char text[256];

	(void)snprintf(text, sizeof(text), "key '%s' cannot be obeyed: %s", key, why);
	if (x->findings)
		return x->iso->host->finding(x->findings,
					     x->degrade ? BERTH_FINDING_WARN : BERTH_FINDING_ERROR,
					     id, text, fix);
	if (x->degrade) {
		berth_log(x->iso->host, BERTH_LOG_WARN, "%s", text);
		return 0;
	}
	(void)berth_fail(err, BERTH_E_UNSUPPORTED, "%s", text);
	berth_error_hint(err, "%s", fix);
	return -BERTH_E_UNSUPPORTED;
}

static int explain_beyond(const struct explain *x, const struct spec *spec, struct berth_error *err)
{
	int r = 0;

	for (size_t i = 0; i < spec->n_beyond && r == 0; i++)
		r = cannot(x, "native.key", spec->beyond[i], "this driver does not know how",
			   "leave it out, or use another isolation driver", err);
	return r;
}

static int explain_labels(const struct explain *x, struct spec *spec, struct berth_error *err)
{
	int r = 0;

	if (spec->process.apparmor && !machine_has_apparmor()) {
		r = cannot(x, "native.apparmor", "process.apparmorProfile",
			   "this kernel has no AppArmor", "leave it out", err);
		spec->process.apparmor = NULL;
	}
	if (r == 0 && spec->process.selinux && !machine_has_selinux()) {
		r = cannot(x, "native.selinux", "process.selinuxLabel", "SELinux is not active",
			   "leave it out", err);
		spec->process.selinux = NULL;
	}
	return r;
}

/* Take out what a missing controller would have to do. */
static void drop_controller(struct resources *res, enum cgroup_controller controller)
{
	static const struct limit none = {false, 0};

	switch (controller) {
	case CGROUP_MEMORY:
		res->memory = res->reservation = res->swap = res->kernel = res->kernel_tcp =
			res->swappiness = none;
		res->has_disable_oom_killer = res->disable_oom_killer = false;
		break;
	case CGROUP_CPU:
	case CGROUP_CPUACCT:
		res->shares = res->quota = res->period = res->burst = res->rt_runtime =
			res->rt_period = res->idle = none;
		break;
	case CGROUP_CPUSET:
		res->cpus = res->mems = NULL;
		break;
	case CGROUP_PIDS:
		res->pids = none;
		break;
	case CGROUP_BLKIO:
		res->weight = res->leaf_weight = none;
		res->weight_device = res->read_bps = res->write_bps = res->read_iops =
			res->write_iops = (struct throttles){NULL, 0};
		break;
	case CGROUP_HUGETLB:
		res->n_hugepages = 0;
		break;
	case CGROUP_DEVICES:
		res->n_devices = 0;
		res->has_devices = false;
		break;
	case CGROUP_FREEZER:
	case CGROUP_CONTROLLERS:
		break;
	}
}

static int explain_resources(const struct explain *x, struct spec *spec, struct berth_error *err)
{
	const struct cgroup_host *host = &x->iso->cgroups;
	unsigned missing = cgroup_wanted(&spec->resources) & ~cgroup_host_controllers(host);
	int r = 0;

	for (int c = 0; c < CGROUP_CONTROLLERS && r == 0; c++) {
		char key[64];

		if (!(missing & CGROUP_BIT(c)))
			continue;
		(void)snprintf(key, sizeof(key), "linux.resources (%s)",
			       cgroup_name((enum cgroup_controller)c));
		r = cannot(x, "native.cgroup", key, "this host has no such cgroup controller",
			   "enable it in the kernel, or leave the limit out", err);
		if (r == 0)
			drop_controller(&spec->resources, (enum cgroup_controller)c);
	}
	return r;
}

int explain_spec(struct berth_isolation *iso, struct spec *spec, bool degrade,
		 struct berth_sink *findings, struct berth_error *err)
{
	struct explain x = {iso, degrade, findings};
	int r = explain_beyond(&x, spec, err);

	if (r == 0)
		r = explain_labels(&x, spec, err);
	if (r == 0)
		r = explain_resources(&x, spec, err);
	return r;
}

static void write_namespaces(struct jw *w)
{
	jw_key_array(w, "namespaces");
	for (int k = 0; k < SPEC_NS_COUNT; k++)
		jw_str(w, spec_ns_name((enum spec_ns_kind)k));
	jw_array_end(w);
	jw_key_array(w, "capabilities");
	for (int c = 0; caps_name(c); c++)
		jw_str(w, caps_name(c));
	jw_array_end(w);
}

static void write_seccomp(struct jw *w)
{
	static const char *const actions[] = {
		"SCMP_ACT_KILL",  "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD",
		"SCMP_ACT_TRAP",  "SCMP_ACT_ERRNO",	   "SCMP_ACT_TRACE",
		"SCMP_ACT_ALLOW", "SCMP_ACT_LOG",	   "SCMP_ACT_NOTIFY"};
	static const char *const operators[] = {"SCMP_CMP_NE",	     "SCMP_CMP_LT", "SCMP_CMP_LE",
						"SCMP_CMP_EQ",	     "SCMP_CMP_GE", "SCMP_CMP_GT",
						"SCMP_CMP_MASKED_EQ"};

	jw_key_object(w, "seccomp");
	jw_key_bool(w, "enabled", true);
	jw_key_array(w, "actions");
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		jw_str(w, actions[i]);
	jw_array_end(w);
	jw_key_array(w, "operators");
	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
		jw_str(w, operators[i]);
	jw_array_end(w);
	jw_object_end(w);
}

static void write_linux(struct jw *w)
{
	jw_key_object(w, "linux");
	write_namespaces(w);
	jw_key_object(w, "cgroup");
	jw_key_bool(w, "v1", true);
	jw_key_bool(w, "v2", true);
	jw_key_bool(w, "systemd", false);
	jw_key_bool(w, "systemdUser", false);
	jw_object_end(w);
	write_seccomp(w);
	jw_key_object(w, "apparmor");
	jw_key_bool(w, "enabled", true);
	jw_object_end(w);
	jw_key_object(w, "selinux");
	jw_key_bool(w, "enabled", true);
	jw_object_end(w);
	jw_key_object(w, "mountExtensions");
	jw_key_object(w, "idmap");
	jw_key_bool(w, "enabled", true);
	jw_object_end(w);
	jw_object_end(w);
	jw_object_end(w);
}

int features_write(struct berth_isolation *iso, struct str *json, struct berth_error *err)
{
	struct jw w = jw_to(json, RECORD_COMPACT);

	(void)iso;
	jw_object_begin(&w);
	jw_key_str(&w, "ociVersionMin", "1.0.0");
	jw_key_str(&w, "ociVersionMax", "1.3.0");
	jw_key_array(&w, "hooks");
	for (int k = 0; k < SPEC_HOOK_COUNT; k++)
		jw_str(&w, spec_hook_name((enum spec_hook_kind)k));
	jw_array_end(&w);
	jw_key_array(&w, "mountOptions");
	for (size_t i = 0; spec_mount_option(i); i++)
		jw_str(&w, spec_mount_option(i));
	jw_array_end(&w);
	write_linux(&w);
	jw_object_end(&w);
	return str_check(json, err);
}
