/* SPDX-License-Identifier: Apache-2.0 */
#include "resources.h"

enum { DEVICE_RULES_MAX = 1024, THROTTLES_MAX = 1024 };

static void read_limit(const struct fields *f, const char *key, int64_t min, int64_t max,
		       struct limit *ret)
{
	ret->given = field_int(f, key, min, max, &ret->value);
}

static void read_device_rule(const struct fields *f, struct device_rule *ret)
{
	const char *type = field_str(f, "type");
	const char *access = field_str(f, "access");

	*ret = (struct device_rule){.allow = field_bool(f, "allow"), .major = -1, .minor = -1};
	ret->type = type && type[0] ? type[0] : 'a';
	if ((type && type[0] && type[1]) || !strchr("abcu", ret->type))
		field_invalid(f, "type", "is '%s', wanted a, b or c", type ? type : "");
	if (ret->type == 'u')
		ret->type = 'c';
	(void)field_int(f, "major", -1, UINT32_MAX, &ret->major);
	(void)field_int(f, "minor", -1, UINT32_MAX, &ret->minor);
	if (!access || !access[0])
		access = "rwm";
	for (; *access; access++) {
		if (*access == 'r')
			ret->read = true;
		else if (*access == 'w')
			ret->write = true;
		else if (*access == 'm')
			ret->mknod = true;
		else
			field_invalid(f, "access", "has another letter than r, w, m");
	}
}

static void read_devices(const struct fields *f, struct resources *ret)
{
	size_t n = field_count(f, "devices", DEVICE_RULES_MAX);
	struct device_rule *v = field_array_alloc(f, n, sizeof(*v));

	ret->has_devices = field_has(f, "devices");
	for (size_t i = 0; v && i < n; i++) {
		struct fields item = field_item(f, "devices", i);

		read_device_rule(&item, &v[i]);
	}
	ret->devices = v;
	ret->n_devices = v ? n : 0;
}

static void read_memory(const struct fields *f, struct resources *ret)
{
	struct fields m = field_object(f, "memory");

	read_limit(&m, "limit", -1, INT64_MAX, &ret->memory);
	read_limit(&m, "reservation", -1, INT64_MAX, &ret->reservation);
	read_limit(&m, "swap", -1, INT64_MAX, &ret->swap);
	read_limit(&m, "kernel", -1, INT64_MAX, &ret->kernel);
	read_limit(&m, "kernelTCP", -1, INT64_MAX, &ret->kernel_tcp);
	/* docker writes 2^64-1 for "not given" in old versions, and -1 in others */
	if (record_type(record_get(m.obj, "swappiness")) != RECORD_UINT)
		read_limit(&m, "swappiness", -1, 100, &ret->swappiness);
	if (ret->swappiness.value < 0)
		ret->swappiness.given = false;
	ret->has_disable_oom_killer = field_has(&m, "disableOOMKiller");
	ret->disable_oom_killer = field_bool(&m, "disableOOMKiller");
	ret->check_before_update = field_bool(&m, "checkBeforeUpdate");
}

static void read_cpu(const struct fields *f, struct resources *ret)
{
	struct fields c = field_object(f, "cpu");

	read_limit(&c, "shares", 0, INT64_MAX, &ret->shares);
	read_limit(&c, "quota", INT64_MIN, INT64_MAX, &ret->quota);
	read_limit(&c, "period", 0, INT64_MAX, &ret->period);
	read_limit(&c, "burst", 0, INT64_MAX, &ret->burst);
	read_limit(&c, "realtimeRuntime", INT64_MIN, INT64_MAX, &ret->rt_runtime);
	read_limit(&c, "realtimePeriod", 0, INT64_MAX, &ret->rt_period);
	read_limit(&c, "idle", INT64_MIN, INT64_MAX, &ret->idle);
	ret->cpus = field_str(&c, "cpus");
	ret->mems = field_str(&c, "mems");
	if (ret->cpus && !ret->cpus[0])
		ret->cpus = NULL;
	if (ret->mems && !ret->mems[0])
		ret->mems = NULL;
}

static struct throttles read_throttles(const struct fields *f, const char *key, const char *value)
{
	size_t n = field_count(f, key, THROTTLES_MAX);
	struct device_throttle *v = field_array_alloc(f, n, sizeof(*v));

	for (size_t i = 0; v && i < n; i++) {
		struct fields item = field_item(f, key, i);

		if (!field_int(&item, "major", 0, UINT32_MAX, &v[i].major) ||
		    !field_int(&item, "minor", 0, UINT32_MAX, &v[i].minor))
			field_invalid(&item, NULL, "needs major and minor");
		(void)field_uint(&item, value, UINT64_MAX, &v[i].value);
	}
	return (struct throttles){v, v ? n : 0};
}

static void read_block_io(const struct fields *f, struct resources *ret)
{
	struct fields b = field_object(f, "blockIO");

	read_limit(&b, "weight", 0, 1000, &ret->weight);
	read_limit(&b, "leafWeight", 0, 1000, &ret->leaf_weight);
	if (ret->weight.value == 0)
		ret->weight.given = false;
	if (ret->leaf_weight.value == 0)
		ret->leaf_weight.given = false;
	ret->weight_device = read_throttles(&b, "weightDevice", "weight");
	ret->read_bps = read_throttles(&b, "throttleReadBpsDevice", "rate");
	ret->write_bps = read_throttles(&b, "throttleWriteBpsDevice", "rate");
	ret->read_iops = read_throttles(&b, "throttleReadIOPSDevice", "rate");
	ret->write_iops = read_throttles(&b, "throttleWriteIOPSDevice", "rate");
}

static void read_hugepages(const struct fields *f, struct resources *ret)
{
	size_t n = field_count(f, "hugepageLimits", 64);
	struct hugepage_limit *v = field_array_alloc(f, n, sizeof(*v));

	for (size_t i = 0; v && i < n; i++) {
		struct fields item = field_item(f, "hugepageLimits", i);

		v[i].size = field_str(&item, "pageSize");
		if (!v[i].size || !v[i].size[0] || strlen(v[i].size) > 16 ||
		    strspn(v[i].size, "0123456789KMGTB") != strlen(v[i].size))
			field_invalid(&item, "pageSize", "is no size such as '2MB'");
		(void)field_uint(&item, "limit", UINT64_MAX, &v[i].limit);
	}
	ret->hugepages = v;
	ret->n_hugepages = v ? n : 0;
}

/* A file of the group's own directory, never a path. */
static bool is_cgroup_file(const char *name)
{
	return name[0] && name[0] != '.' && !strchr(name, '/') && strchr(name, '.');
}

static void read_unified(const struct fields *f, struct resources *ret)
{
	struct fields u = field_object(f, "unified");
	size_t n = record_len(u.obj);
	struct unified_entry *v = field_array_alloc(f, n, sizeof(*v));
	const char *key;
	struct record *value;
	size_t i = 0;

	if (!v)
		return;
	record_foreach (u.obj, key, value) {
		if (!is_cgroup_file(key))
			field_invalid(&u, key, "is no name of a cgroup file");
		v[i] = (struct unified_entry){key, record_str(value)};
		if (!v[i].value)
			field_invalid(&u, key, "is no string");
		i++;
	}
	ret->unified = v;
	ret->n_unified = i;
}

void resources_read(const struct fields *f, struct resources *ret)
{
	struct fields pids = field_object(f, "pids");

	*ret = (struct resources){.given = f->obj != NULL};
	if (!f->obj)
		return;
	read_devices(f, ret);
	read_memory(f, ret);
	read_cpu(f, ret);
	read_limit(&pids, "limit", INT64_MIN, INT64_MAX, &ret->pids);
	read_block_io(f, ret);
	read_hugepages(f, ret);
	read_unified(f, ret);
	ret->has_network = record_len(field_object(f, "network").obj) > 0;
	ret->has_rdma = record_len(field_object(f, "rdma").obj) > 0;
}
