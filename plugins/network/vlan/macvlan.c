/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/if_link.h>
#include <stddef.h>

#include "vlan.h"

static const struct vlan_mode modes[] = {{"bridge", MACVLAN_MODE_BRIDGE},
					 {"private", MACVLAN_MODE_PRIVATE},
					 {"vepa", MACVLAN_MODE_VEPA},
					 {"passthru", MACVLAN_MODE_PASSTHRU},
					 {NULL, 0}};
static const struct vlan_kind kind = {"macvlan", true, modes, NULL};

static int open_driver(const struct berth_host *host, const struct berth_conf *conf, int state_fd,
		       void **ret, struct berth_error *err)
{
	(void)conf;
	(void)state_fd;
	return vlan_open(&kind, host, ret, err);
}

static int probe(const struct berth_host *host, const struct berth_conf *conf, int scratch_fd,
		 struct berth_sink *findings, struct berth_error *err)
{
	(void)conf;
	(void)scratch_fd;
	(void)err;
	return vlan_probe(&kind, host, findings);
}

static const struct berth_option options[] = {
	{"parent", BERTH_OPT_STR, BERTH_OPT_PER_OBJECT, NULL, NULL,
	 "Interface of this machine that containers are on top of."},
	{"mode", BERTH_OPT_ENUM, BERTH_OPT_PER_OBJECT, "bridge", "bridge|private|vepa|passthru",
	 "How they reach each other and the outside, as the kernel's documentation has it."},
	{0},
};

static const struct berth_driver head = {
	.size = sizeof(head),
	.kind = BERTH_NETWORK,
	.host_min = BERTH_HOST_SIZE_1_0,
	.threads = BERTH_THREADS_FREE,
	.caps = VLAN_CAPS,
	.name = "macvlan",
	.version = "1.0.0",
	.summary = "containers as neighbours in the host's network, each with a hardware address",
	.ops = &vlan_ops,
	.options = options,
	.option_size = sizeof(struct berth_option),
	.ops_size = sizeof(vlan_ops),
	.probe = probe,
	.open = open_driver,
	.close = vlan_close,
};

BERTH_DRIVER_EXPORT(BERTH_NETWORK, "macvlan", "1.0.0", head);
