/* SPDX-License-Identifier: Apache-2.0 */
/* Where the host has its cgroups. */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <linux/magic.h>

#include "base/path.h"
#include "cgroup.h"

enum { MOUNTINFO_MAX = 16 * 1024 * 1024 };

static const char *const names[CGROUP_CONTROLLERS] = {
	"devices", "memory", "cpu", "cpuacct", "pids", "freezer", "cpuset", "blkio", "hugetlb",
};

const char *cgroup_name(enum cgroup_controller controller)
{
	return names[controller];
}

static bool is_magic(int fd, unsigned long magic)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && (unsigned long)fs.f_type == magic;
}

/* Two names of one hierarchy (cpu, cpuacct) are one tree. */
static int add_tree(struct cgroup_host *host, const char *path, unsigned controllers, bool v2,
		    struct berth_error *err)
{
	cleanup_fd int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct cgroup_tree *t;
	struct stat st;

	if (fd < 0 || !is_magic(fd, v2 ? CGROUP2_SUPER_MAGIC : CGROUP_SUPER_MAGIC))
		return 0;
	if (fstat(fd, &st) < 0)
		return berth_fail_errno(err, errno, "cgroup hierarchy '%s'", path);
	for (size_t i = 0; i < host->n; i++) {
		if (host->tree[i].dev == st.st_dev) {
			host->tree[i].controllers |= controllers;
			return 0;
		}
	}
	if (host->n == CGROUP_TREES_MAX)
		return 0;
	t = &host->tree[host->n];
	*t = (struct cgroup_tree){.dev = st.st_dev, .controllers = controllers, .v2 = v2};
	t->path = str_fmt("%s", path);
	if (!t->path)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	t->fd = steal_fd(&fd);
	host->n++;
	return 0;
}

/* devices, freezer and the accounting of cpu time need no controller in v2 */
static unsigned v2_controllers(int fd)
{
	return cgroup2_controllers(fd) | CGROUP_BIT(CGROUP_DEVICES) | CGROUP_BIT(CGROUP_FREEZER) |
	       CGROUP_BIT(CGROUP_CPUACCT);
}

/* The usual places, as systemd, Debian's cgroupfs-mount and every container image have them. */
static int find_usual(struct cgroup_host *host, struct berth_error *err)
{
	static const char base[] = "/sys/fs/cgroup";
	cleanup_fd int fd = open(base, O_PATH | O_DIRECTORY | O_CLOEXEC);
	unsigned v1 = 0;
	int r = 0;

	if (fd < 0)
		return 0;
	if (is_magic(fd, CGROUP2_SUPER_MAGIC)) {
		host->pure_v2 = true;
		return add_tree(host, base, v2_controllers(fd), true, err);
	}
	for (int c = 0; c < CGROUP_CONTROLLERS && r == 0; c++) {
		char path[64];

		(void)snprintf(path, sizeof(path), "%s/%s", base, names[c]);
		r = add_tree(host, path, CGROUP_BIT(c), false, err);
	}
	for (size_t i = 0; i < host->n; i++)
		v1 |= host->tree[i].controllers;
	if (r == 0) {
		cleanup_fd int unified = openat(fd, "unified", O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (unified >= 0)
			r = add_tree(host, "/sys/fs/cgroup/unified", v2_controllers(unified) & ~v1,
				     true, err);
	}
	return r;
}

/* Is @word one of the comma-separated words of @list? */
static bool has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; (p = strstr(p, word)); p += n)
		if ((p == list || p[-1] == ',') && (!p[n] || p[n] == ','))
			return true;
	return false;
}

/* "36 31 0:33 / /sys/fs/cgroup/devices rw,relatime - cgroup cgroup rw,devices" */
static int add_mountinfo_line(struct cgroup_host *host, const char *line, struct berth_error *err)
{
	cleanup_strv char **words = strv_split(line, ' ');
	size_t n = strv_len(words);
	unsigned controllers = 0;
	const char *path;
	size_t dash = 6;

	if (!words)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	while (dash < n && strcmp(words[dash], "-") != 0)
		dash++;
	if (dash + 3 >= n)
		return 0;
	path = words[4];
	if (strcmp(words[dash + 1], "cgroup2") == 0) {
		cleanup_fd int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

		return fd < 0 ? 0 : add_tree(host, path, v2_controllers(fd), true, err);
	}
	if (strcmp(words[dash + 1], "cgroup") != 0)
		return 0;
	for (int c = 0; c < CGROUP_CONTROLLERS; c++)
		if (has_word(words[dash + 3], names[c]))
			controllers |= CGROUP_BIT(c);
	return controllers ? add_tree(host, path, controllers, false, err) : 0;
}

static int find_mounted(struct cgroup_host *host, struct berth_error *err)
{
	cleanup_fd int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	cleanup_free char *text = NULL;
	cleanup_strv char **lines = NULL;
	unsigned v1 = 0;
	size_t len;
	int r;

	if (fd < 0)
		return berth_fail_errno(err, errno, "open '/proc/self/mountinfo'");
	r = read_fd_limited(fd, MOUNTINFO_MAX, &text, &len, err);
	if (r < 0)
		return r;
	lines = strv_split(text, '\n');
	if (!lines)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	for (char **line = lines; *line && r == 0; line++)
		r = add_mountinfo_line(host, *line, err);
	host->pure_v2 = host->n == 1 && host->tree[0].v2;
	for (size_t i = 0; i < host->n; i++)
		if (!host->tree[i].v2)
			v1 |= host->tree[i].controllers;
	for (size_t i = 0; i < host->n; i++)
		if (host->tree[i].v2)
			host->tree[i].controllers &= ~v1;
	return r;
}

int cgroup_host_find(struct cgroup_host *host, struct berth_error *err)
{
	int r;

	if (host->known)
		return 0;
	r = find_usual(host, err);
	if (r == 0 && host->n == 0)
		r = find_mounted(host, err);
	if (r == 0 && host->n == 0) {
		r = berth_fail(err, BERTH_E_UNSUPPORTED, "no cgroup hierarchy is mounted");
		berth_error_hint(err, "mount -t cgroup2 cgroup2 /sys/fs/cgroup");
	}
	if (r < 0) {
		cgroup_host_done(host);
		return r;
	}
	host->known = true;
	return 0;
}

void cgroup_host_done(struct cgroup_host *host)
{
	for (size_t i = 0; i < host->n; i++) {
		free(host->tree[i].path);
		close_fd(&host->tree[i].fd);
	}
	*host = (struct cgroup_host){0};
}

unsigned cgroup_host_controllers(const struct cgroup_host *host)
{
	unsigned set = 0;

	for (size_t i = 0; i < host->n; i++)
		set |= host->tree[i].controllers;
	return set;
}
