/* SPDX-License-Identifier: Apache-2.0 */
/* The contract of berth/isolation.h as cases; docs/drivers/isolation.md has the case beside each
 * sentence. */
#include "tests/conformance/isolation/iso.h"

const struct berth_driver *box_driver(void)
{
	return suite_driver();
}

const struct berth_conf *box_conf(void)
{
	return suite_conf(NULL);
}

/* The least that is a container. */
struct record *box_spec(void)
{
	static const char text[] =
		"{\"ociVersion\":\"1.0.2\",\"process\":{\"user\":{\"uid\":0,\"gid\":0},"
		"\"env\":[\"PATH=/bin:/\",\"A=1\"],\"cwd\":\"/\"},\"root\":{\"path\":\"rootfs\"},"
		"\"mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"}],"
		"\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"mount\"},"
		"{\"type\":\"uts\"},{\"type\":\"ipc\"}]}}";
	struct record *spec = NULL;

	ck_ok(record_parse(text, sizeof(text) - 1, 0, &spec, &err));
	return spec;
}

static const struct suite_trait traits[] = {
	{"apart", "yes", "'no': programs are not kept apart from the machine, as of a mock"},
	{0},
};

static const char *prepare(void)
{
	if (geteuid() != 0)
		return "needs root: namespaces, mounts, cgroups";
	if (!(suite_driver()->caps & BERTH_ISO_ROOT_FD))
		return "drivers that take no mounts (without the cap root-fd) have no cases yet";
	(void)snprintf(box_all.groups, sizeof(box_all.groups), "/berth-conformance-%d",
		       (int)getpid());
	box_all.has_children = suite_is_separate();
	/* what it does not do must be said, and has cases of its own: the others can do without */
	box_all.flags = BERTH_LAUNCH_DEGRADED;
	return NULL;
}

static const suite_cases_fn cases[] = {
	iso_create_cases,  iso_program_cases, iso_life_cases,  iso_more_cases,
	iso_control_cases, iso_recover_cases, iso_whole_cases, iso_fault_cases, NULL};

const struct suite isolation_suite = {
	.kind = BERTH_ISOLATION,
	.traits = traits,
	.prepare = prepare,
	.cases = cases,
	.finish = box_remove_groups,
};
