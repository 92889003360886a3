/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An isolation driver at work, without the engine: isolation DRIVER.so PAYLOAD SPEC.json. All of it
 * happens in temporary directories and in cgroups below one of this run's own.
 */
#include "rig.h"

#include <dirent.h>
#include <signal.h>

int rig_dir(char path[static 96])
{
	return ck_dir_at(path);
}

/* Outside of a case nothing can be asserted. */
static void kill_all(const char *group)
{
	char path[700];
	char pids[4096];
	int fd;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%s/freezer.state", group);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		(void)!write(fd, "THAWED", 6);
		(void)close(fd);
	}
	(void)snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, pids, sizeof(pids) - 1);
	close_fd(&fd);
	pids[n > 0 ? n : 0] = '\0';
	for (const char *p = pids; *p; p += strcspn(p, "\n"), p += *p == '\n')
		(void)kill((pid_t)atol(p), SIGKILL);
	for (int i = 0; i < 200 && rmdir(group) < 0 && errno == EBUSY; i++)
		(void)usleep(5000);
}

/* The groups' parent in each hierarchy; what is in there is left by tests that failed. */
static void remove_groups(const char *tree)
{
	char parent[300];
	const struct dirent *e;
	DIR *dir;

	(void)snprintf(parent, sizeof(parent), "/sys/fs/cgroup/%s%s", tree, rig.groups);
	dir = opendir(parent);
	while (dir && (e = readdir(dir))) {
		char group[600];

		(void)snprintf(group, sizeof(group), "%s/%s", parent, e->d_name);
		if (e->d_type == DT_DIR && e->d_name[0] != '.')
			kill_all(group);
	}
	if (dir)
		(void)closedir(dir);
	(void)rmdir(parent);
}

static void remove_all_groups(void)
{
	DIR *dir = opendir("/sys/fs/cgroup");
	const struct dirent *e;

	remove_groups("");
	while (dir && (e = readdir(dir)))
		if (e->d_name[0] != '.' && strlen(e->d_name) < 100)
			remove_groups(e->d_name);
	if (dir)
		(void)closedir(dir);
}

static bool has_cgroups(void)
{
	return access("/sys/fs/cgroup/memory/tasks", W_OK) == 0 ||
	       access("/sys/fs/cgroup/cgroup.procs", W_OK) == 0;
}

int main(int argc, char *argv[])
{
	const TTest *cases[8 * RIG_CASES_MAX] = {NULL};
	size_t n = 0;
	int r;

	if (argc != 4) {
		(void)fprintf(stderr, "usage: isolation DRIVER.so PAYLOAD SPEC.json\n");
		return 2;
	}
	rig.driver = argv[1];
	rig.payload = argv[2];
	rig.golden = argv[3];
	if (geteuid() != 0)
		return ck_skip_all("needs root");
	if (!has_cgroups())
		return ck_skip_all("no cgroups that can be written");
	(void)snprintf(rig.groups, sizeof(rig.groups), "/berth-test-%d", (int)getpid());
	n += run_cases(cases + n);
	n += inside_cases(cases + n);
	n += namespace_cases(cases + n);
	n += limit_cases(cases + n);
	n += exec_cases(cases + n);
	n += life_cases(cases + n);
	n += hook_cases(cases + n);
	n += refuse_cases(cases + n);
	r = ck_main("isolation", cases);
	remove_all_groups();
	return r;
}
