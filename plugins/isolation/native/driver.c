/* SPDX-License-Identifier: Apache-2.0 */
/* The table of the driver, and its probe. */
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/path.h"
#include "kernel.h"
#include "native.h"

static int native_open(const struct berth_host *host, const struct berth_conf *conf, int state_fd,
		       void **ret, struct berth_error *err)
{
	struct berth_isolation *iso = calloc(1, sizeof(*iso));

	(void)conf;
	if (!iso)
		return no_memory(err);
	iso->host = host;
	iso->state_fd = fcntl(state_fd, F_DUPFD_CLOEXEC, 3);
	if (iso->state_fd < 0) {
		int sys_errno = errno;

		free(iso);
		return berth_fail_errno(err, sys_errno, "keep the state directory");
	}
	*ret = iso;
	return 0;
}

static void native_close(void *instance)
{
	struct berth_isolation *iso = instance;

	if (!iso)
		return;
	cgroup_host_done(&iso->cgroups);
	close_fd(&iso->state_fd);
	free(iso);
}

static int native_features(struct berth_isolation *iso, struct berth_sink *sink,
			   struct berth_error *err)
{
	cleanup_str struct str json = STR_INIT;
	int r = features_write(iso, &json, err);

	if (r == 0 && iso->host->sink_put(sink, json.p, json.len) < 0)
		r = berth_fail(err, BERTH_E_LIMIT, "the features document is too long");
	return r;
}

static int native_explain(struct berth_isolation *iso, struct berth_str text,
			  struct berth_sink *findings, struct berth_error *err)
{
	cleanup_spec struct spec spec = {.tree = NULL};
	int r = spec_parse(text, &spec, err);

	if (r == 0)
		r = cgroup_host_find(&iso->cgroups, err);
	return r < 0 ? r : explain_spec(iso, &spec, false, findings, err);
}

static int native_info(struct berth_sandbox *sb, struct berth_sandbox_info *ret,
		       struct berth_error *err)
{
	struct berth_sandbox_info info = {
		.pid = sandbox_is_dead(sb) ? 0 : sb->pid,
		.started_ns = sb->started_ns,
	};
	uint32_t size = ret->size;

	(void)err;
	memcpy(ret, &info, size < sizeof(info) ? size : sizeof(info));
	ret->size = size;
	return 0;
}

static int native_wait_fd(struct berth_sandbox *sb, int *ret_fd, struct berth_error *err)
{
	if (sb->pidfd < 0)
		return berth_fail(err, BERTH_E_NOT_FOUND, "container '%s' is dead", sb->id);
	*ret_fd = sb->pidfd;
	return 0;
}

static int check_alive(const struct berth_sandbox *sb, struct berth_error *err)
{
	if (sandbox_is_dead(sb))
		return berth_fail(err, BERTH_E_NOT_FOUND, "container '%s' is dead", sb->id);
	return 0;
}

static int native_update(struct berth_sandbox *sb, struct berth_str text, struct berth_error *err)
{
	cleanup_record struct record *tree = NULL;
	cleanup_arena struct arena arena = {NULL};
	struct parser p = {.arena = &arena, .err = err};
	struct resources res = {.given = false};
	struct fields f;
	int r = check_alive(sb, err);

	if (r == 0)
		r = record_parse(text.p, text.n, 0, &tree, err);
	if (r == 0 && record_type(tree) != RECORD_OBJECT)
		r = berth_fail(err, BERTH_E_INVALID, "the resources are no JSON object");
	if (r < 0)
		return r;
	f = fields_of(&p, tree, "");
	resources_read(&f, &res);
	if (p.r < 0)
		return p.r;
	r = cgroup_need(&sb->cgroup, cgroup_wanted(&res), err);
	if (r == 0 && res.has_devices)
		r = cgroup_apply_devices(&sb->cgroup, &res, err);
	return r < 0 ? r : cgroup_apply(&sb->cgroup, &res, err);
}

static int native_freeze(struct berth_sandbox *sb, bool on, struct berth_error *err)
{
	int r = check_alive(sb, err);

	if (r == 0)
		r = cgroup_need(&sb->cgroup, CGROUP_BIT(CGROUP_FREEZER), err);
	return r < 0 ? r : cgroup_freeze(&sb->cgroup, on, err);
}

static int native_stats(struct berth_sandbox *sb, struct berth_sink *sink, struct berth_error *err)
{
	cleanup_str struct str json = STR_INIT;
	int r = check_alive(sb, err);

	if (r == 0)
		r = cgroup_stats(&sb->cgroup, &json, err);
	if (r == 0)
		r = str_check(&json, err);
	if (r == 0 && sb->iso->host->sink_put(sink, json.p, json.len) < 0)
		r = berth_fail(err, BERTH_E_LIMIT, "the statistics are too long");
	return r;
}

struct listing {
	berth_id_fn fn;
	void *arg;
};

static int list_pid(void *arg, pid_t pid)
{
	const struct listing *l = arg;
	char text[24];

	(void)snprintf(text, sizeof(text), "%d", pid);
	return l->fn(l->arg, text);
}

static int native_processes(struct berth_sandbox *sb, berth_id_fn fn, void *arg,
			    struct berth_error *err)
{
	struct listing l = {fn, arg};
	int r = check_alive(sb, err);

	return r < 0 ? r : cgroup_each_pid(&sb->cgroup, list_pid, &l, err);
}

/* --- probe: do it, look, undo it ----------------------------------------------------------------
 */

struct probe {
	const struct berth_host *host;
	struct berth_sink *findings;
};

static int tell(const struct probe *p, bool ok, uint32_t bad_level, const char *id,
		const char *good, const char *bad, const char *fix)
{
	return p->host->finding(p->findings, ok ? (uint32_t)BERTH_FINDING_OK : bad_level, id,
				ok ? good : bad, ok ? NULL : fix);
}

/* A child with these namespaces; true if there could be one. */
static bool can_clone(uint64_t flags)
{
	struct clone_args args = {.flags = flags, .exit_signal = SIGCHLD};
	pid_t pid = kernel_clone(&args);
	siginfo_t info;

	if (pid == 0)
		_exit(0);
	if (pid < 0)
		return false;
	while (waitid(P_PID, (id_t)pid, &info, WEXITED) < 0 && errno == EINTR)
		;
	return true;
}

static int probe_namespaces(const struct probe *p)
{
	int r = tell(
		p,
		can_clone(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC |
			  CLONE_NEWCGROUP),
		BERTH_FINDING_ERROR, "native.namespaces", "namespaces can be made",
		"the kernel makes no mount, pid, network, uts, ipc and cgroup namespaces for us",
		"run as root, on a kernel of Linux 5.9 or later with namespaces");

	return r < 0 ? r
		     : tell(p, can_clone(CLONE_NEWUSER), BERTH_FINDING_INFO, "native.userns",
			    "user namespaces can be made (--userns)",
			    "the kernel makes no user namespaces: --userns does not work",
			    "sysctl user.max_user_namespaces=28633");
}

static int probe_cgroups(const struct probe *p)
{
	struct cgroup_host host = {.n = 0};
	struct berth_error why = {0};
	cleanup_str struct str text = STR_INIT;
	int r = cgroup_host_find(&host, &why);

	if (r < 0) {
		r = p->host->finding(p->findings, BERTH_FINDING_ERROR, "native.cgroup", why.text,
				     "mount cgroup2 on /sys/fs/cgroup");
		cgroup_host_done(&host);
		return r;
	}
	str_addf(&text, "cgroups %s with", host.pure_v2 ? "v2" : "v1 (or hybrid)");
	for (int c = 0; c < CGROUP_CONTROLLERS; c++)
		if (cgroup_host_controllers(&host) & CGROUP_BIT(c))
			str_addf(&text, " %s", cgroup_name((enum cgroup_controller)c));
	r = p->host->finding(p->findings, BERTH_FINDING_OK, "native.cgroup", str_text(&text), NULL);
	for (int c = 0; c < CGROUP_CONTROLLERS && r == 0; c++) {
		cleanup_free char *bad = NULL;

		if (cgroup_host_controllers(&host) & CGROUP_BIT(c))
			continue;
		bad = str_fmt("no cgroup controller '%s': its limits are refused",
			      cgroup_name((enum cgroup_controller)c));
		r = p->host->finding(p->findings, BERTH_FINDING_INFO, "native.cgroup.missing",
				     bad ? bad : "", "enable it in the kernel's command line");
	}
	cgroup_host_done(&host);
	return r;
}

static int probe_seccomp(const struct probe *p)
{
	static const char profile[] =
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":"
		"[\"mkdir\"],\"action\":\"SCMP_ACT_ERRNO\"}]}";
	struct seccomp_filter filter = {.n = 0};
	struct berth_error why = {0};
	int r = seccomp_get(-1, (struct berth_str){profile, sizeof(profile) - 1}, &filter, &why);

	seccomp_done(&filter);
	return tell(p, r == 0, BERTH_FINDING_ERROR, "native.seccomp",
		    "seccomp filters can be compiled", why.text, "apt install libseccomp2");
}

static int native_probe(const struct berth_host *host, const struct berth_conf *conf,
			int scratch_fd, struct berth_sink *findings, struct berth_error *err)
{
	struct probe p = {host, findings};
	int r = probe_namespaces(&p);

	(void)conf;
	(void)scratch_fd;
	if (r == 0)
		r = probe_cgroups(&p);
	if (r == 0)
		r = probe_seccomp(&p);
	return r < 0 ? berth_fail(err, -r, "report the findings") : 0;
}

static const struct berth_isolation_ops ops = {
	.features = native_features,
	.explain = native_explain,
	.create = sandbox_create,
	.recover = state_recover,
	.save = state_save,
	.info = native_info,
	.start = sandbox_start,
	.exec = sandbox_exec,
	.signal = sandbox_signal,
	.wait_fd = native_wait_fd,
	.reap = sandbox_reap,
	.update = native_update,
	.freeze = native_freeze,
	.stats = native_stats,
	.processes = native_processes,
	.destroy = sandbox_destroy,
	.forget = sandbox_free,
};

static const struct berth_driver head = {
	.size = sizeof(struct berth_driver),
	.kind = BERTH_ISOLATION,
	.host_min = BERTH_HOST_SIZE_1_0,
	.threads = BERTH_THREADS_ONE,
	.caps = BERTH_ISO_EXEC | BERTH_ISO_PAUSE | BERTH_ISO_UPDATE | BERTH_ISO_STATS |
		BERTH_ISO_CONSOLE | BERTH_ISO_USERNS | BERTH_ISO_RECOVER | BERTH_ISO_PID_IS_REAL |
		BERTH_ISO_ROOT_FD | BERTH_ISO_NET_NETNS,
	.needs = BERTH_NEEDS_ROOT,
	.name = "native",
	.version = NATIVE_VERSION,
	.summary = "namespaces, cgroups and seccomp of this kernel, without another program",
	.ops = &ops,
	.option_size = sizeof(struct berth_option),
	.ops_size = sizeof(ops),
	.probe = native_probe,
	.open = native_open,
	.close = native_close,
};

BERTH_DRIVER_EXPORT(BERTH_ISOLATION, "native", NATIVE_VERSION, head);
