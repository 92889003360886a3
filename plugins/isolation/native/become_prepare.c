/* SPDX-License-Identifier: Apache-2.0 */
/* The parent's half of become.h. */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/str.h"
#include "become.h"
#include "caps.h"

static const char usual_path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/*
 * Our own file, as /proc/self/exe shows it to a container before its program is executed. On a
 * read-only mount, or sealed in memory, it cannot be written through there.
 */
void own_program_find(struct own_program *program)
{
	cleanup_fd int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct statvfs fs;
	struct stat st;
	int seals;

	*program = (struct own_program){.known = true};
	if (fd < 0 || fstat(fd, &st) < 0)
		return;
	seals = fcntl(fd, F_GET_SEALS);
	program->dev = st.st_dev;
	program->ino = st.st_ino;
	program->writable = !(seals >= 0 && (seals & F_SEAL_WRITE)) &&
			    !(fstatvfs(fd, &fs) == 0 && (fs.f_flag & ST_RDONLY));
}

/* Copies of the strings stay the record's; HOME comes last, from the container's own passwd. */
static int prepare_env(const struct become_input *in, struct become *b, struct berth_error *err)
{
	const char *const *env = (const char *const *)in->process->env;
	size_t n = 0;

	b->find_home = true;
	for (; env[n]; n++)
		if (str_has_prefix(env[n], "HOME="))
			b->find_home = false;
	b->envp = arena_array(in->arena, n + 2, sizeof(*b->envp));
	b->room = b->find_home ? arena_alloc(in->arena, PLAN_ROOM) : NULL;
	if (!b->envp || (b->find_home && !b->room))
		return no_memory(err);
	for (size_t i = 0; i < n; i++)
		b->envp[i] = env[i];
	return 0;
}

static const char *find_path(const char **env)
{
	const char *path = usual_path;

	for (; *env; env++)
		if (str_has_prefix(*env, "PATH="))
			path = *env + 5;
	return path;
}

/* Where to look for the program: one path, or one for each directory of the container's $PATH. */
static int prepare_tries(const struct become_input *in, struct become *b, struct berth_error *err)
{
	const char *name = in->process->args[0];
	const char *path = find_path(in->process->env);
	const char **tries;
	size_t n = 1;

	b->searched = !strchr(name, '/');
	for (const char *p = path; b->searched && *p; p++)
		n += *p == ':';
	tries = arena_array(in->arena, n + 1, sizeof(*tries));
	if (!tries)
		return no_memory(err);
	b->tries = tries;
	if (!b->searched) {
		tries[0] = name;
		return 0;
	}
	for (size_t i = 0; i < n; i++) {
		size_t len = strcspn(path, ":");

		tries[i] =
			arena_fmt(in->arena, "%.*s/%s", len ? (int)len : 1, len ? path : ".", name);
		if (!tries[i])
			return no_memory(err);
		path += len + (path[len] == ':');
	}
	return 0;
}

static int prepare_label(const struct become_input *in, struct become *b, struct berth_error *err)
{
	const struct spec_process *p = in->process;

	b->label_fd = -1;
	if (p->apparmor) {
		if (!machine_has_apparmor())
			return berth_fail(err, BERTH_E_UNSUPPORTED,
					  "key 'apparmorProfile' is given, and this kernel has no "
					  "AppArmor");
		b->label = arena_fmt(in->arena, "exec %s", p->apparmor);
		b->label_path = access("/proc/self/attr/apparmor/exec", F_OK) == 0
					? "self/attr/apparmor/exec"
					: "self/attr/exec";
	} else if (p->selinux) {
		if (!machine_has_selinux())
			return berth_fail(err, BERTH_E_UNSUPPORTED,
					  "key 'selinuxLabel' is given, and SELinux is not active");
		b->label = arena_copy(in->arena, p->selinux);
		b->label_path = "self/attr/exec";
	}
	return (p->apparmor || p->selinux) && !b->label ? no_memory(err) : 0;
}

/* "0-3,8" */
static int parse_cpus(const char *list, const char *key, cpu_set_t *ret, struct berth_error *err)
{
	cleanup_strv char **parts = strv_split(list, ',');
	cpu_set_t set;

	if (!parts)
		return no_memory(err);
	CPU_ZERO(&set);
	strv_foreach (part, parts) {
		char *dash = strchr(*part, '-');
		uint64_t first, last;

		if (dash)
			*dash = '\0';
		if (parse_u64(*part, CPU_SETSIZE - 1, &first) < 0 ||
		    (dash && parse_u64(dash + 1, CPU_SETSIZE - 1, &last) < 0) ||
		    (dash && last < first))
			return berth_fail(
				err, BERTH_E_INVALID,
				"key 'execCPUAffinity.%s' is '%s', which is no list of CPUs", key,
				list);
		for (uint64_t cpu = first; cpu <= (dash ? last : first); cpu++)
			CPU_SET(cpu, &set);
	}
	*ret = set;
	return 0;
}

static int prepare_cpus(const struct become_input *in, struct become *b, struct berth_error *err)
{
	const struct spec_process *p = in->process;
	int r = 0;

	b->has_initial = p->cpu_initial && p->cpu_initial[0];
	b->has_final = p->cpu_final && p->cpu_final[0];
	if (b->has_initial)
		r = parse_cpus(p->cpu_initial, "initial", &b->cpus_initial, err);
	if (b->has_final && r == 0)
		r = parse_cpus(p->cpu_final, "final", &b->cpus_final, err);
	return r;
}

/*
 * Pipes and terminals belong to who made them; the program's user must be able to open /dev/stdout
 * again. Files are left alone: they are somebody's.
 */
static void give_stdio(const struct become_input *in, const struct become *b)
{
	int64_t uid = spec_idmap_out(in->uids, in->process->uid);

	if (uid <= 0 || in->process->terminal)
		return;
	for (int i = 0; i < 3; i++) {
		struct stat st;

		if (b->stdio[i] >= 0 && fstat(b->stdio[i], &st) == 0 && S_ISFIFO(st.st_mode) &&
		    st.st_uid != (uid_t)uid && fchown(b->stdio[i], (uid_t)uid, (gid_t)-1) < 0)
			continue; /* it stays as it is */
	}
}

static int check_preserved(const struct become_input *in, struct berth_error *err)
{
	if (in->preserve > 1024)
		return berth_fail(err, BERTH_E_LIMIT, "at most 1024 descriptors can be handed on");
	for (uint32_t i = 0; i < in->preserve; i++)
		if (fcntl(3 + (int)i, F_GETFD) < 0)
			return berth_fail(err, BERTH_E_INVALID,
					  "descriptor %u is to be handed on, and is not open",
					  3 + i);
	return 0;
}

int become_prepare(const struct become_input *in, struct become *b, struct berth_error *err)
{
	int r;

	*b = (struct become){
		.process = in->process,
		.preserve = in->preserve,
		.caps = in->process->caps,
		.own_userns = in->own_userns,
		.label_fd = -1,
		.proc_fd = -1,
		.state_fd = -1,
		.guard_exe = in->program->writable,
		.exe_dev = in->program->dev,
		.exe_ino = in->program->ino,
	};
	memcpy(b->stdio, in->stdio, sizeof(b->stdio));
	if (in->process->unknown_caps)
		berth_log(in->host, BERTH_LOG_WARN,
			  "capability '%s' is not known here and left out",
			  in->process->unknown_caps[0]);
	caps_limit(in->host, &b->caps, in->own_userns);
	r = check_preserved(in, err);
	if (r == 0)
		r = prepare_env(in, b, err);
	if (r == 0)
		r = prepare_tries(in, b, err);
	if (r == 0)
		r = prepare_label(in, b, err);
	if (r == 0)
		r = prepare_cpus(in, b, err);
	if (r == 0)
		give_stdio(in, b);
	return r;
}
