/* SPDX-License-Identifier: Apache-2.0 */
/* The contract of berth/storage.h as cases; docs/drivers/storage.md has the case beside each
 * sentence. */
#include "tests/conformance/storage/cases.h"

const struct berth_driver *rig_driver(void)
{
	return suite_driver();
}

const struct berth_conf *rig_conf(void)
{
	return suite_conf(NULL);
}

static const struct suite_trait traits[] = {
	{"layers", "300", "how many layers can be stacked"},
	{"depth", "1200", "how deep directories of a layer may be nested"},
	{"mounts", "detached",
	 "'directory': view_mount hands out a plain directory, for engines without privileges"},
	{"disk", "tmpfs",
	 "type of the small filesystem that is made full, where the driver does not work on tmpfs"},
	{0},
};

static const char *prepare(void)
{
	if (geteuid() != 0)
		return "needs root: files of all owners, devices, mounts";
	if (!(suite_driver()->caps & BERTH_ST_INGEST_TREE))
		return "drivers that take only tars (without the cap ingest-tree) have no cases "
		       "yet";
	return NULL;
}

static const suite_cases_fn cases[] = {
	layer_cases, file_cases,  view_cases,  userns_cases, change_cases,
	crash_cases, whole_cases, fault_cases, bound_cases,  NULL,
};

const struct suite storage_suite = {
	.kind = BERTH_STORAGE,
	.traits = traits,
	.prepare = prepare,
	.cases = cases,
};
