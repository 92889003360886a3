/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An isolation driver at work, without the engine: isolation DRIVER.so PAYLOAD SPEC.json. All of it
 * happens in temporary directories and in cgroups below one of this run's own.
 */
#include "rig.h"

#include <dirent.h>

/* The groups' parent in each hierarchy; containers remove their own. */
static void remove_parents(void)
{
	DIR *dir = opendir("/sys/fs/cgroup");
	const struct dirent *e;

	while (dir && (e = readdir(dir))) {
		char path[512];

		(void)snprintf(path, sizeof(path), "/sys/fs/cgroup/%s%s", e->d_name, rig.groups);
		(void)rmdir(path); /* not in all of them */
	}
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
	remove_parents();
	return r;
}
