/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reach: from where a published port is reached, in words.
 */
#ifndef BERTH_REACH_H
#define BERTH_REACH_H

#include "cli.h"

/** By the address of the host that it is on ("0.0.0.0", "127.0.0.1", "192.0.2.1"); static. */
const char *reach_of(const char *host_ip);
/** For each published port of each running container a finding, appended to @findings. */
int reach_findings(struct cli *cli, struct record *findings, struct berth_error *err);

#endif
