/* SPDX-License-Identifier: Apache-2.0 */
#include "own.h"

struct own own;

const struct berth_driver *rig_driver(void)
{
	return lent_load(own.file);
}

const struct berth_conf *rig_conf(void)
{
	static struct berth_conf conf;

	conf = (struct berth_conf){.options = rig_driver()->options, .pairs = own.options};
	return &conf;
}
