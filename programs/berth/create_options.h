/* SPDX-License-Identifier: Apache-2.0 */
/*
 * create_options: the flags of `run` and `create`, and the request that they make together.
 *
 *   create_options.c   the table, and what is simple
 *   pairs_option.c     NAME=VALUE: environment, labels, and files of them
 *   mounts_option.c    -v, --mount, --tmpfs
 *   ports_option.c     -p, --expose
 *   network_option.c   --network and what belongs to it, names, DNS
 *   limits_option.c    ulimits, weights and rates of block devices
 *   devices_option.c   --device, --gpus, --device-cgroup-rule
 *   security_option.c  --security-opt, capabilities
 *
 * Whatever docker's command line checks is checked here, in its words; what its daemon checks is
 * the engine's business. Values that are Go's zero values are left out.
 */
#ifndef BERTH_CREATE_OPTIONS_H
#define BERTH_CREATE_OPTIONS_H

#include "base/record.h"
#include "option.h"

extern const struct option create_options[];

/** ContainerCreate for image args[0] with command args[1…]. */
int create_body(const struct options *o, struct record **ret, struct berth_error *err);

int create_pairs(const struct options *o, struct record *body, struct berth_error *err);
int create_mounts(const struct options *o, struct record *body, struct berth_error *err);
int create_ports(const struct options *o, struct record *body, struct berth_error *err);
int create_network(const struct options *o, struct record *body, struct berth_error *err);
int create_limits(const struct options *o, struct record *body, struct berth_error *err);
int create_devices(const struct options *o, struct record *body, struct berth_error *err);
int create_security(const struct options *o, struct record *body, struct berth_error *err);

/**
 * The environment that -e and --env-file make together, for exec as well: NAME takes the value that
 * this process has, and stays NAME if it has none.
 */
int create_environment(const struct options *o, char ***ret, struct berth_error *err);

#endif
