/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel: what the machine is like, as far as a spec depends on it. Reads, never writes; what
 * cannot be read counts as absent.
 */
#ifndef CORE_CONTAINER_KERNEL_H
#define CORE_CONTAINER_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KERNEL_VERSION_OF(major, minor) (((uint32_t)(major) << 16) | (uint32_t)(minor))

/** Of the running kernel, as KERNEL_VERSION_OF(6, 1); 0 if its name makes no sense. */
uint32_t kernel_version(void);
/** The same of a text such as "6.1.0-18-amd64". */
uint32_t kernel_version_of(const char *release);
/** Whether cgroups are version 2 only. */
bool kernel_cgroup2(void);
bool kernel_has_sysctl(const char *name);
bool kernel_has_apparmor(void);

/** A set of numbers below KERNEL_SET_MAX: processors, nodes of memory. */
enum {
	KERNEL_SET_MAX = 8192, /* CONFIG_NR_CPUS goes no higher */
	KERNEL_LIST_MAX = 256, /* text of a list */
};
struct kernel_set {
	uint64_t bits[KERNEL_SET_MAX / 64];
};

/** "0,3-5": 0; -1 for another grammar; -2 for a number of KERNEL_SET_MAX or more. "" is empty. */
int kernel_set_parse(const char *text, struct kernel_set *ret);
bool kernel_set_has(const struct kernel_set *set, unsigned i);
/** Whether all of @part are in @whole. */
bool kernel_set_within(const struct kernel_set *part, const struct kernel_set *whole);

/** The list in @path of /sys/devices/system ("cpu/online", "node/online"); "" if there is none. */
void kernel_list(const char *path, char out[static KERNEL_LIST_MAX]);

#endif
