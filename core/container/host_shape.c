/* SPDX-License-Identifier: Apache-2.0 */
/* HostConfig of API 1.50, in the order of Docker's struct. */
#include "core/container/spec_parts.h"

static const struct shape log_config[] = {
	{"Type", SHAPE_STR},
	{"Config", SHAPE_STRMAP, SHAPE_NOT_NULL},
	{NULL},
};

static const struct shape port_binding[] = {
	{"HostIp", SHAPE_STR},
	{"HostPort", SHAPE_STR},
	{NULL},
};

static const struct shape restart_policy[] = {
	{"Name", SHAPE_STR},
	{"MaximumRetryCount", SHAPE_INT},
	{NULL},
};

static const struct shape weight_device[] = {
	{"Path", SHAPE_STR},
	{"Weight", SHAPE_INT},
	{NULL},
};

static const struct shape throttle_device[] = {
	{"Path", SHAPE_STR},
	{"Rate", SHAPE_INT},
	{NULL},
};

static const struct shape device_mapping[] = {
	{"PathOnHost", SHAPE_STR},
	{"PathInContainer", SHAPE_STR},
	{"CgroupPermissions", SHAPE_STR},
	{NULL},
};

static const struct shape device_request[] = {
	{"Driver", SHAPE_STR},	       {"Count", SHAPE_INT},	  {"DeviceIDs", SHAPE_STRV},
	{"Capabilities", SHAPE_STRVS}, {"Options", SHAPE_STRMAP}, {NULL},
};

static const struct shape ulimits[] = {
	{"Name", SHAPE_STR},
	{"Hard", SHAPE_INT},
	{"Soft", SHAPE_INT},
	{NULL},
};

static const struct shape bind_options[] = {
	{"Propagation", SHAPE_STR, SHAPE_OMIT},
	{"NonRecursive", SHAPE_BOOL, SHAPE_OMIT},
	{"CreateMountpoint", SHAPE_BOOL, SHAPE_OMIT},
	{"ReadOnlyNonRecursive", SHAPE_BOOL, SHAPE_OMIT},
	{"ReadOnlyForceRecursive", SHAPE_BOOL, SHAPE_OMIT},
	{NULL},
};

static const struct shape driver_config[] = {
	{"Name", SHAPE_STR, SHAPE_OMIT},
	{"Options", SHAPE_STRMAP, SHAPE_OMIT},
	{NULL},
};

static const struct shape volume_options[] = {
	{"NoCopy", SHAPE_BOOL, SHAPE_OMIT},
	{"Labels", SHAPE_STRMAP, SHAPE_OMIT},
	{"Subpath", SHAPE_STR, SHAPE_OMIT},
	{"DriverConfig", SHAPE_OBJECT, SHAPE_OMIT, driver_config},
	{NULL},
};

static const struct shape image_options[] = {
	{"Subpath", SHAPE_STR, SHAPE_OMIT},
	{NULL},
};

static const struct shape tmpfs_options[] = {
	{"SizeBytes", SHAPE_INT, SHAPE_OMIT},
	{"Mode", SHAPE_INT, SHAPE_OMIT},
	{"Options", SHAPE_STRVS, SHAPE_OMIT},
	{NULL},
};

static const struct shape mount[] = {
	{"Type", SHAPE_STR, SHAPE_OMIT},
	{"Source", SHAPE_STR, SHAPE_OMIT},
	{"Target", SHAPE_STR, SHAPE_OMIT},
	{"ReadOnly", SHAPE_BOOL, SHAPE_OMIT},
	{"Consistency", SHAPE_STR, SHAPE_OMIT},
	{"BindOptions", SHAPE_OBJECT, SHAPE_OMIT, bind_options},
	{"VolumeOptions", SHAPE_OBJECT, SHAPE_OMIT, volume_options},
	{"ImageOptions", SHAPE_OBJECT, SHAPE_OMIT, image_options},
	{"TmpfsOptions", SHAPE_OBJECT, SHAPE_OMIT, tmpfs_options},
	{NULL},
};

/* Docker's Resources, which are a part of HostConfig and the whole of an update. */
static const struct shape limits[] = {
	{"CpuShares", SHAPE_INT},
	{"Memory", SHAPE_INT},
	{"NanoCpus", SHAPE_INT},
	{"CgroupParent", SHAPE_STR},
	{"BlkioWeight", SHAPE_INT},
	{"BlkioWeightDevice", SHAPE_LIST, 0, weight_device},
	{"BlkioDeviceReadBps", SHAPE_LIST, 0, throttle_device},
	{"BlkioDeviceWriteBps", SHAPE_LIST, 0, throttle_device},
	{"BlkioDeviceReadIOps", SHAPE_LIST, 0, throttle_device},
	{"BlkioDeviceWriteIOps", SHAPE_LIST, 0, throttle_device},
	{"CpuPeriod", SHAPE_INT},
	{"CpuQuota", SHAPE_INT},
	{"CpuRealtimePeriod", SHAPE_INT},
	{"CpuRealtimeRuntime", SHAPE_INT},
	{"CpusetCpus", SHAPE_STR},
	{"CpusetMems", SHAPE_STR},
	{"Devices", SHAPE_LIST, 0, device_mapping},
	{"DeviceCgroupRules", SHAPE_STRV},
	{"DeviceRequests", SHAPE_LIST, 0, device_request},
	{"MemoryReservation", SHAPE_INT},
	{"MemorySwap", SHAPE_INT},
	{"MemorySwappiness", SHAPE_INT, SHAPE_POINTER},
	{"OomKillDisable", SHAPE_BOOL, SHAPE_POINTER},
	{"PidsLimit", SHAPE_INT, SHAPE_POINTER},
	{"Ulimits", SHAPE_LIST, 0, ulimits},
	{"CpuCount", SHAPE_INT},
	{"CpuPercent", SHAPE_INT},
	{"IOMaximumIOps", SHAPE_INT},
	{"IOMaximumBandwidth", SHAPE_INT},
	{NULL},
};

const struct shape spec_host_shape[] = {
	{"Binds", SHAPE_STRV},
	{"ContainerIDFile", SHAPE_STR},
	{"LogConfig", SHAPE_STRUCT, 0, log_config},
	{"NetworkMode", SHAPE_STR},
	{"PortBindings", SHAPE_MAP_LIST, SHAPE_NOT_NULL, port_binding},
	{"RestartPolicy", SHAPE_STRUCT, 0, restart_policy},
	{"AutoRemove", SHAPE_BOOL},
	{"VolumeDriver", SHAPE_STR},
	{"VolumesFrom", SHAPE_STRV},
	{"ConsoleSize", SHAPE_SIZE},
	{"Annotations", SHAPE_STRMAP, SHAPE_OMIT},
	{"CapAdd", SHAPE_STRSLICE},
	{"CapDrop", SHAPE_STRSLICE},
	{"CgroupnsMode", SHAPE_STR},
	{"Dns", SHAPE_STRV},
	{"DnsOptions", SHAPE_STRV},
	{"DnsSearch", SHAPE_STRV},
	{"ExtraHosts", SHAPE_STRV},
	{"GroupAdd", SHAPE_STRV},
	{"IpcMode", SHAPE_STR},
	{"Cgroup", SHAPE_STR},
	{"Links", SHAPE_STRV},
	{"OomScoreAdj", SHAPE_INT},
	{"PidMode", SHAPE_STR},
	{"Privileged", SHAPE_BOOL},
	{"PublishAllPorts", SHAPE_BOOL},
	{"ReadonlyRootfs", SHAPE_BOOL},
	{"SecurityOpt", SHAPE_STRV},
	{"StorageOpt", SHAPE_STRMAP, SHAPE_OMIT},
	{"Tmpfs", SHAPE_STRMAP, SHAPE_OMIT},
	{"UTSMode", SHAPE_STR},
	{"UsernsMode", SHAPE_STR},
	{"ShmSize", SHAPE_INT},
	{"Sysctls", SHAPE_STRMAP, SHAPE_OMIT},
	{"Runtime", SHAPE_STR, SHAPE_OMIT},
	{"Isolation", SHAPE_STR},
	{"", SHAPE_INLINE, 0, limits},
	{"Mounts", SHAPE_LIST, SHAPE_OMIT, mount},
	{"MaskedPaths", SHAPE_STRV},
	{"ReadonlyPaths", SHAPE_STRV},
	{"Init", SHAPE_BOOL, SHAPE_OMIT | SHAPE_POINTER},
	{"StorageDriver", SHAPE_STR, SHAPE_OMIT}, /* ours */
	{NULL},
};

const struct shape spec_update_shape[] = {
	{"", SHAPE_INLINE, 0, limits},
	{"RestartPolicy", SHAPE_STRUCT, 0, restart_policy},
	{NULL},
};
