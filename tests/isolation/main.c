/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An isolation driver at work, without the engine: isolation DRIVER.so SPEC.json. All of it
 * happens in temporary directories and in cgroups below one of this run's own.
 */
#include "rig.h"

int main(int argc, char *argv[])
{
	const TTest *cases[8 * RIG_CASES_MAX] = {NULL};
	size_t n = 0;
	int r;

	if (argc != 3) {
		(void)fprintf(stderr, "usage: isolation DRIVER.so SPEC.json\n");
		return 2;
	}
	rig.driver = argv[1];
	rig.golden = argv[2];
	if (geteuid() != 0)
		return ck_skip_all("needs root");
	if (!box_has_cgroups())
		return ck_skip_all("no cgroups that can be written");
	(void)snprintf(box_all.groups, sizeof(box_all.groups), "/berth-test-%d", (int)getpid());
	n += run_cases(cases + n);
	n += inside_cases(cases + n);
	n += namespace_cases(cases + n);
	n += limit_cases(cases + n);
	n += exec_cases(cases + n);
	n += life_cases(cases + n);
	n += hook_cases(cases + n);
	n += refuse_cases(cases + n);
	r = ck_main("isolation", cases);
	box_remove_groups();
	return r;
}
