/* SPDX-License-Identifier: Apache-2.0 */
/* The contract of berth/network.h as cases; docs/drivers/network.md has the case beside each
 * sentence. */
#include <sched.h>
#include <sys/wait.h>

#include "tests/conformance/network/nw.h"

static const struct suite_trait traits[] = {
	{"real", "yes", "'no': the driver only remembers what should be, as a mock does"},
	{"twice", "exists", "'fine': nothing is there that could be attached twice"},
	{"uplink", "up0", "name of the interface that leads to the outside (-o parent=...)"},
	{"loopback", "yes", "'no': published ports are not reachable by 127.0.0.1"},
	{"mac", "own", "'parent': the hardware address is that of the uplink"},
	{"machine", "reachable", "'apart': containers do not reach the machine itself (macvlan)"},
	{0},
};

static const char *prepare(void)
{
	int status;
	pid_t pid;

	pid = fork();
	if (pid == 0)
		_exit(unshare(CLONE_NEWNET) < 0 ? 1 : 0);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		return "no permission to make network namespaces";
	return NULL;
}

static const suite_cases_fn cases[] = {network_net_cases, network_attach_cases,
				       network_publish_cases, network_repair_cases,
				       network_fault_cases, NULL};

const struct suite network_suite = {
	.kind = BERTH_NETWORK,
	.traits = traits,
	.prepare = prepare,
	.cases = cases,
};
