/* SPDX-License-Identifier: Apache-2.0 */
#include "core/driver/doctor.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/seccomp.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

#include "base/path.h"
#include "core/driver/sink.h"

enum {
	PROC_MAX = 64 * 1024, /* bytes of a file of the kernel's */
	FILES_WANTED = 65536, /* descriptors that a busy container may need */
};

/* The text of a file of the kernel's, "" if there is none; free() it. NULL: no memory. */
static char *slurp(const char *path)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = NULL;

	if (fd < 0 || read_fd_limited(fd, PROC_MAX, &text, NULL, NULL) < 0)
		return strdup("");
	return text;
}

/* Is @word one of those of @text, which blanks separate? */
static bool has_word(const char *text, const char *word)
{
	size_t len = strlen(word);

	while (*text) {
		size_t n;

		text += strspn(text, " \t\n");
		n = strcspn(text, " \t\n");
		if (n == len && memcmp(text, word, n) == 0)
			return true;
		text += n;
	}
	return false;
}

/* --- kernel --------------------------------------------------------------- */

/* Called so that it fails in any kernel that has it; ENOSYS: it has not. */
static bool has_syscall(long number)
{
	errno = 0;
	return syscall(number, -1L, 0L, 0L, 0L, 0L, 0L) >= 0 || errno != ENOSYS;
}

static int examine_syscalls(struct record *list, struct berth_error *err)
{
	static const struct {
		long number;
		const char *name;
		uint32_t level; /* of its absence */
		const char *what, *since;
	} wanted[] = {
		{SYS_openat2, "openat2", BERTH_FINDING_ERROR, "safe paths", "5.6"},
		{SYS_fsopen, "fsopen", BERTH_FINDING_ERROR, "mounts that nobody else sees", "5.2"},
		{SYS_move_mount, "move_mount", BERTH_FINDING_ERROR, "mounts that nobody else sees",
		 "5.2"},
		{SYS_pidfd_open, "pidfd_open", BERTH_FINDING_ERROR, "watching processes", "5.3"},
		{SYS_clone3, "clone3", BERTH_FINDING_ERROR, "starting containers", "5.3"},
		{SYS_seccomp, "seccomp", BERTH_FINDING_ERROR, "filters for system calls", "3.17"},
		{SYS_close_range, "close_range", BERTH_FINDING_INFO, "faster starts", "5.9"},
		{SYS_mount_setattr, "mount_setattr", BERTH_FINDING_INFO, "id-mapped mounts",
		 "5.12"},
	};
	size_t missing = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		cleanup_free char *fix = NULL, *id = NULL;

		if (has_syscall(wanted[i].number))
			continue;
		missing++;
		fix = str_fmt("use Linux %s or later", wanted[i].since);
		id = str_fmt("kernel.%s", wanted[i].name);
		if (!fix || !id)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		r = finding_addf(list, wanted[i].level, id, fix, err,
				 "the kernel has no %s, which is needed for %s", wanted[i].name,
				 wanted[i].what);
	}
	if (r == 0 && !missing)
		r = finding_addf(
			list, BERTH_FINDING_OK, "kernel.syscalls", NULL, err,
			"openat2, the new mount calls, pidfd, clone3, seccomp and id-mapped mounts "
			"are there");
	return r;
}

static int examine_version(struct record *list, struct berth_error *err)
{
	struct utsname name;

	if (uname(&name) < 0)
		return berth_fail_errno(err, errno, "uname");
	return finding_addf(list, BERTH_FINDING_OK, "kernel.version", NULL, err, "%s %s on %s",
			    name.sysname, name.release, name.machine);
}

static int examine_overlay(struct record *list, struct berth_error *err)
{
	cleanup_free char *text = slurp("/proc/filesystems");

	if (!text)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	if (has_word(text, "overlay"))
		return finding_addf(list, BERTH_FINDING_OK, "kernel.overlay", NULL, err,
				    "the kernel has overlay filesystems");
	return finding_addf(list, BERTH_FINDING_WARN, "kernel.overlay", "modprobe overlay", err,
			    "the kernel has no overlay filesystems, or their module is not loaded");
}

static int examine_seccomp(struct record *list, struct berth_error *err)
{
	uint32_t action = SECCOMP_RET_ERRNO;

	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0)
		return 0; /* that the call is there was said already */
	return finding_addf(list, BERTH_FINDING_ERROR, "kernel.seccomp-filter",
			    "use a kernel with CONFIG_SECCOMP_FILTER", err,
			    "the kernel cannot filter system calls");
}

/* --- namespaces ----------------------------------------------------------- */

static int examine_namespaces(struct record *list, struct berth_error *err)
{
	static const struct {
		const char *name;
		uint32_t level; /* of its absence */
	} wanted[] = {
		{"mnt", BERTH_FINDING_ERROR},	{"pid", BERTH_FINDING_ERROR},
		{"net", BERTH_FINDING_ERROR},	{"uts", BERTH_FINDING_ERROR},
		{"ipc", BERTH_FINDING_ERROR},	{"user", BERTH_FINDING_INFO},
		{"cgroup", BERTH_FINDING_INFO}, {"time", BERTH_FINDING_INFO},
	};
	size_t missing = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		char path[32], id[32];

		(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", wanted[i].name);
		if (faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			continue;
		missing++;
		(void)snprintf(id, sizeof(id), "namespace.%s", wanted[i].name);
		r = finding_addf(list, wanted[i].level, id, "use a kernel that is built with it",
				 err, "the kernel has no %s namespaces", wanted[i].name);
	}
	if (r == 0 && !missing)
		r = finding_addf(list, BERTH_FINDING_OK, "namespace.all", NULL, err,
				 "all kinds of namespaces are there");
	return r;
}

static int examine_userns(struct record *list, struct berth_error *err)
{
	cleanup_free char *max = slurp("/proc/sys/user/max_user_namespaces");
	cleanup_free char *clone = slurp("/proc/sys/kernel/unprivileged_userns_clone");
	cleanup_free char *apparmor =
		slurp("/proc/sys/kernel/apparmor_restrict_unprivileged_userns");

	if (!max || !clone || !apparmor)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	if (has_word(max, "0"))
		return finding_addf(list, BERTH_FINDING_INFO, "namespace.user-limit",
				    "sysctl user.max_user_namespaces=15000", err,
				    "user namespaces are switched off, so --userns does not work");
	if (has_word(clone, "0") || has_word(apparmor, "1"))
		return finding_addf(list, BERTH_FINDING_INFO, "namespace.user-limit", NULL, err,
				    "only root can make user namespaces");
	return 0;
}

/* --- control groups ------------------------------------------------------- */

/* Controllers that have a hierarchy of version 1, with blanks between. */
static int v1_controllers(struct str *out, struct berth_error *err)
{
	cleanup_free char *text = slurp("/proc/cgroups");

	if (!text)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		char name[32];
		unsigned hierarchy, groups, enabled;

		line += *line == '\n';
		if (sscanf(line, "%31s %u %u %u", name, &hierarchy, &groups, &enabled) == 4 &&
		    hierarchy && enabled)
			str_addf(out, "%s%s", out->len ? " " : "", name);
	}
	return str_check(out, err);
}

static int examine_controllers(struct record *list, const char *have, const char *const wanted[],
			       struct berth_error *err)
{
	int r = 0;

	for (; r == 0 && *wanted; wanted++) {
		char id[32];

		if (has_word(have, *wanted))
			continue;
		(void)snprintf(id, sizeof(id), "cgroup.%s", *wanted);
		r = finding_addf(
			list, BERTH_FINDING_WARN, id, "enable it on the kernel's command line", err,
			"the cgroup controller '%s' is not there: its limits do not work", *wanted);
	}
	return r;
}

static int examine_v2(struct record *list, struct berth_error *err)
{
	static const char *const wanted[] = {"cpu", "cpuset", "memory", "pids", "io", NULL};
	cleanup_free char *have = slurp("/sys/fs/cgroup/cgroup.controllers");
	int r;

	if (!have)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	have[strcspn(have, "\n")] = '\0';
	r = finding_addf(list, BERTH_FINDING_OK, "cgroup.layout", NULL, err,
			 "cgroups version 2: %s", have);
	return r == 0 ? examine_controllers(list, have, wanted, err) : r;
}

static int examine_v1(struct record *list, struct berth_error *err)
{
	static const char *const wanted[] = {"cpu",	"cpuset", "memory",  "pids",
					     "devices", "blkio",  "freezer", NULL};
	cleanup_str struct str have = STR_INIT;
	struct statfs fs;
	bool hybrid =
		statfs("/sys/fs/cgroup/unified", &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
	int r = v1_controllers(&have, err);

	if (r == 0)
		r = finding_addf(list, BERTH_FINDING_OK, "cgroup.layout", NULL, err,
				 "cgroups version 1%s: %s", hybrid ? " (hybrid)" : "",
				 str_text(&have));
	return r == 0 ? examine_controllers(list, str_text(&have), wanted, err) : r;
}

static int examine_cgroups(struct record *list, struct berth_error *err)
{
	struct statfs fs;

	if (statfs("/sys/fs/cgroup", &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
		return examine_v2(list, err);
	if (statfs("/sys/fs/cgroup/memory", &fs) == 0 && fs.f_type == CGROUP_SUPER_MAGIC)
		return examine_v1(list, err);
	return finding_addf(list, BERTH_FINDING_ERROR, "cgroup.layout",
			    "mount -t cgroup2 none /sys/fs/cgroup", err,
			    "no cgroups are mounted at /sys/fs/cgroup");
}

/* --- limits --------------------------------------------------------------- */

static int examine_rlimits(struct record *list, struct berth_error *err)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return berth_fail_errno(err, errno, "getrlimit");
	if (limit.rlim_max >= FILES_WANTED)
		return 0;
	return finding_addf(list, BERTH_FINDING_WARN, "limit.files",
			    "raise the hard limit (ulimit -Hn)", err,
			    "at most %llu open files are allowed, also for containers",
			    (unsigned long long)limit.rlim_max);
}

int machine_examine(struct record *findings, struct berth_error *err)
{
	static int (*const parts[])(struct record *, struct berth_error *) = {
		examine_version,    examine_syscalls, examine_seccomp, examine_overlay,
		examine_namespaces, examine_userns,   examine_cgroups, examine_rlimits,
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(parts) / sizeof(parts[0]); i++)
		r = parts[i](findings, err);
	return r;
}
