/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resources: the OCI "linux.resources" object as a struct, for create and for update. Every value
 * says whether it was given: what was not stays as it is.
 */
#ifndef NATIVE_RESOURCES_H
#define NATIVE_RESOURCES_H

#include <stdbool.h>
#include <stdint.h>

#include "fields.h"

/* A number that may be absent. */
struct limit {
	bool given;
	int64_t value;
};

struct device_rule {
	bool allow;
	char type;	      /* 'a', 'b', 'c' */
	int64_t major, minor; /* -1 = all */
	bool read, write, mknod;
};

struct device_throttle {
	int64_t major, minor;
	uint64_t value;
};

struct throttles {
	const struct device_throttle *v;
	size_t n;
};

struct hugepage_limit {
	const char *size; /* "2MB" */
	uint64_t limit;
};

struct unified_entry {
	const char *file, *value;
};

struct resources {
	bool given;
	const struct device_rule *devices;
	size_t n_devices;
	bool has_devices;

	struct limit memory, reservation, swap, kernel, kernel_tcp, swappiness;
	bool disable_oom_killer, has_disable_oom_killer, check_before_update;

	struct limit shares, quota, period, burst, rt_runtime, rt_period, idle;
	const char *cpus, *mems;

	struct limit pids;

	struct limit weight, leaf_weight;
	struct throttles weight_device, read_bps, write_bps, read_iops, write_iops;

	const struct hugepage_limit *hugepages;
	size_t n_hugepages;
	const struct unified_entry *unified;
	size_t n_unified;

	bool has_network, has_rdma;
};

/** Read the object in @f; failures are remembered in its parser. */
void resources_read(const struct fields *f, struct resources *ret);

#endif
