/* SPDX-License-Identifier: Apache-2.0 */
/* HostConfig's limits -> linux.resources. What values make sense: host_limits.c. */
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "core/container/spec_parts.h"

enum { CPU_PERIOD = 100000 /* µs, where --cpus is a part of it */ };

/* An object that is begun with its first member. */
struct section {
	struct jw *w;
	const char *key;
	bool open;
};

static struct jw *enter(struct section *s)
{
	if (!s->open)
		jw_key_object(s->w, s->key);
	s->open = true;
	return s->w;
}

static void leave(struct section *s)
{
	if (s->open)
		jw_object_end(s->w);
}

static int64_t number(const struct record *host, const char *key)
{
	return record_int_or(record_get(host, key), 0);
}

static void write_memory(const struct record *host, struct jw *w)
{
	static const struct {
		const char *key, *oci;
	} fields[] = {
		{"Memory", "limit"},
		{"MemoryReservation", "reservation"},
		{"MemorySwap", "swap"},
	};
	const struct record *swappiness = record_get(host, "MemorySwappiness");
	const struct record *no_oom = record_get(host, "OomKillDisable");
	struct section s = {w, "memory", false};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		int64_t n = number(host, fields[i].key);

		if (n > 0)
			jw_key_int(enter(&s), fields[i].oci, n);
	}
	if (swappiness)
		jw_key_int(enter(&s), "swappiness", record_int_or(swappiness, 0));
	if (record_bool_or(no_oom, false))
		jw_key_bool(enter(&s), "disableOOMKiller", true);
	leave(&s);
}

static void write_cpu(const struct record *host, struct jw *w)
{
	int64_t nano = number(host, "NanoCpus");
	int64_t period = number(host, "CpuPeriod"), quota = number(host, "CpuQuota");
	int64_t shares = number(host, "CpuShares");
	const char *cpus = record_str_or(record_get(host, "CpusetCpus"), "");
	const char *mems = record_str_or(record_get(host, "CpusetMems"), "");
	struct section s = {w, "cpu", false};

	if (nano > 0) {
		period = CPU_PERIOD;
		quota = nano / 1000 * CPU_PERIOD / 1000000; /* in this order it cannot overflow */
	}
	if (shares)
		jw_key_int(enter(&s), "shares", shares);
	if (quota)
		jw_key_int(enter(&s), "quota", quota);
	if (period)
		jw_key_int(enter(&s), "period", period);
	if (number(host, "CpuRealtimeRuntime"))
		jw_key_int(enter(&s), "realtimeRuntime", number(host, "CpuRealtimeRuntime"));
	if (number(host, "CpuRealtimePeriod"))
		jw_key_int(enter(&s), "realtimePeriod", number(host, "CpuRealtimePeriod"));
	if (*cpus)
		jw_key_str(enter(&s), "cpus", cpus);
	if (*mems)
		jw_key_str(enter(&s), "mems", mems);
	leave(&s);
}

static int write_throttle(const struct record *list, const char *oci, const char *value,
			  const char *oci_value, struct section *s, struct berth_error *err)
{
	if (record_len(list) == 0)
		return 0;
	jw_key_array(enter(s), oci);
	for (size_t i = 0; i < record_len(list); i++) {
		const struct record *item = record_at(list, i);
		const char *path = record_str_or(record_get(item, "Path"), "");
		char shown[SPEC_SHOWN_MAX];
		struct stat st;

		if (stat(path, &st) < 0)
			return berth_fail_errno(err, errno, "stat %s", spec_shown(path, shown));
		jw_object_begin(s->w);
		jw_key_uint(s->w, "major", major(st.st_rdev));
		jw_key_uint(s->w, "minor", minor(st.st_rdev));
		jw_key_int(s->w, oci_value, number(item, value));
		jw_object_end(s->w);
	}
	jw_array_end(s->w);
	return 0;
}

static int write_block_io(const struct record *host, struct jw *w, struct berth_error *err)
{
	static const struct {
		const char *key, *oci, *value, *oci_value;
	} fields[] = {
		{"BlkioWeightDevice", "weightDevice", "Weight", "weight"},
		{"BlkioDeviceReadBps", "throttleReadBpsDevice", "Rate", "rate"},
		{"BlkioDeviceWriteBps", "throttleWriteBpsDevice", "Rate", "rate"},
		{"BlkioDeviceReadIOps", "throttleReadIOPSDevice", "Rate", "rate"},
		{"BlkioDeviceWriteIOps", "throttleWriteIOPSDevice", "Rate", "rate"},
	};
	struct section s = {w, "blockIO", false};
	int r = 0;

	if (number(host, "BlkioWeight") > 0)
		jw_key_int(enter(&s), "weight", number(host, "BlkioWeight"));
	for (size_t i = 0; r == 0 && i < sizeof(fields) / sizeof(fields[0]); i++)
		r = write_throttle(record_get(host, fields[i].key), fields[i].oci, fields[i].value,
				   fields[i].oci_value, &s, err);
	leave(&s);
	return r;
}

int spec_limits_write(const struct record *host, struct jw *w, struct berth_error *err)
{
	const struct record *pids = record_get(host, "PidsLimit");

	write_memory(host, w);
	write_cpu(host, w);
	if (pids) {
		jw_key_object(w, "pids");
		jw_key_int(w, "limit", record_int_or(pids, -1));
		jw_object_end(w);
	}
	return write_block_io(host, w, err);
}
