/* SPDX-License-Identifier: Apache-2.0 */
/* Which limits make sense, in docker's words. What they become: spec_limits.c. */
#include <string.h>
#include <unistd.h>

#include "core/container/kernel.h"
#include "core/container/spec_parts.h"

enum {
	MEMORY_MIN = 6 * 1024 * 1024, /* room for a runtime to start in */
	PERIOD_MIN = 1000,
	PERIOD_MAX = 1000000,
	WEIGHT_MIN = 10,
	WEIGHT_MAX = 1000,
};
static const int64_t NANO = 1000000000;

static int64_t number(const struct record *host, const char *key)
{
	return record_int_or(record_get(host, key), 0);
}

static int invalid(struct berth_error *err, const char *sentence)
{
	return berth_fail(err, BERTH_E_INVALID, "%s", sentence);
}

/* -1 is how some clients say "not set". */
static int check_swappiness(struct record *host, struct berth_error *err)
{
	const struct record *val = record_get(host, "MemorySwappiness");
	int64_t n = record_int_or(val, -1);

	if (!val)
		return 0;
	if (n == -1)
		return record_set_null(host, "MemorySwappiness", err);
	if (n < 0 || n > 100)
		return berth_fail(err, BERTH_E_INVALID,
				  "Invalid value: %lld, valid memory swappiness range is 0-100",
				  (long long)n);
	return 0;
}

static int check_memory(const struct record *host, bool update, struct berth_error *err)
{
	int64_t memory = number(host, "Memory"), swap = number(host, "MemorySwap");
	int64_t reserved = number(host, "MemoryReservation");

	if (memory != 0 && memory < MEMORY_MIN)
		return invalid(err, "Minimum memory limit allowed is 6MB");
	if (memory > INT64_MAX / 2)
		return invalid(err, "Memory limit is out of range");
	if (memory > 0 && swap > 0 && swap < memory)
		return invalid(err, "Minimum memoryswap limit should be larger than memory limit, "
				    "see usage");
	if (memory == 0 && swap > 0 && !update)
		return invalid(err, "You should always set the Memory limit when using Memoryswap "
				    "limit, see usage");
	if (swap < -1)
		return invalid(err, "Memoryswap limit is out of range");
	if (reserved != 0 && reserved < MEMORY_MIN)
		return invalid(err, "Minimum memory reservation allowed is 6MB");
	if (memory > 0 && reserved > 0 && memory < reserved)
		return invalid(err, "Minimum memory limit can not be less than memory reservation "
				    "limit, see usage");
	return 0;
}

static int check_nano_cpus(const struct record *host, struct berth_error *err)
{
	int64_t nano = number(host, "NanoCpus");
	long cpus;

	if (nano == 0)
		return 0;
	if (nano > 0 && number(host, "CpuPeriod") > 0)
		return invalid(err, "Conflicting options: Nano CPUs and CPU Period cannot both be "
				    "set");
	if (nano > 0 && number(host, "CpuQuota") > 0)
		return invalid(err, "Conflicting options: Nano CPUs and CPU Quota cannot both be "
				    "set");
	cpus = sysconf(_SC_NPROCESSORS_ONLN);
	if (nano < 0 || nano / NANO > cpus || (nano / NANO == cpus && nano % NANO))
		return berth_fail(err, BERTH_E_INVALID,
				  "range of CPUs is from 0.01 to %1$ld.00, as there are only %1$ld "
				  "CPUs available",
				  cpus);
	return 0;
}

static int check_cpu_time(const struct record *host, struct berth_error *err)
{
	int64_t period = number(host, "CpuPeriod"), quota = number(host, "CpuQuota");
	int64_t shares = number(host, "CpuShares");
	int64_t rt_period = number(host, "CpuRealtimePeriod");
	int64_t rt_runtime = number(host, "CpuRealtimeRuntime");

	if (shares < 0)
		return berth_fail(err, BERTH_E_INVALID,
				  "invalid CPU shares (%lld): value must be a positive integer",
				  (long long)shares);
	if (period != 0 && (period < PERIOD_MIN || period > PERIOD_MAX))
		return invalid(err, "CPU cfs period can not be less than 1ms (i.e. 1000) or larger "
				    "than 1s (i.e. 1000000)");
	if (quota > 0 && quota < PERIOD_MIN)
		return invalid(err, "CPU cfs quota can not be less than 1ms (i.e. 1000)");
	if (quota < -1 || rt_period < 0)
		return invalid(err, "CPU quota and real-time period can not be negative");
	if (rt_period != 0 && rt_runtime != 0 && rt_runtime > rt_period)
		return invalid(err, "cpu real-time runtime cannot be higher than cpu real-time "
				    "period");
	return 0;
}

/* @what: "cpus", "mems"; @plural as docker's sentence has it. */
static int check_cpuset(const char *wanted, const char *what, const char *plural, const char *list,
			struct berth_error *err)
{
	char available[KERNEL_LIST_MAX], shown[SPEC_SHOWN_MAX];
	struct kernel_set want, have;
	int r;

	if (!*wanted)
		return 0;
	r = kernel_set_parse(wanted, &want);
	if (r < 0)
		return berth_fail(err, BERTH_E_INVALID, "Invalid value %s for cpuset %s%s",
				  spec_shown(wanted, shown), what,
				  r == -2 ? ": value of out range" : "");
	kernel_list(list, available);
	/* a kernel without NUMA lists no nodes; there is one */
	if (kernel_set_parse(*available ? available : "0", &have) < 0)
		return 0;
	if (!kernel_set_within(&want, &have))
		return berth_fail(err, BERTH_E_INVALID,
				  "Requested %s are not available - requested %s, available: %s",
				  plural, spec_shown(wanted, shown), available);
	return 0;
}

static int check_device_list(const struct record *host, const char *key, const char *value,
			     int64_t max, struct berth_error *err)
{
	const struct record *list = record_get(host, key);
	char shown[SPEC_SHOWN_MAX];

	for (size_t i = 0; i < record_len(list); i++) {
		const char *path = record_str_or(record_get(record_at(list, i), "Path"), "");
		int64_t n = number(record_at(list, i), value);

		if (*path != '/')
			return berth_fail(err, BERTH_E_INVALID, "bad format for device path: %s",
					  spec_shown(path, shown));
		if (n < 0 || n > max)
			return berth_fail(err, BERTH_E_INVALID, "invalid %s for device: %s", value,
					  spec_shown(path, shown));
	}
	return 0;
}

static int check_block_io(const struct record *host, struct berth_error *err)
{
	static const char *const throttles[] = {"BlkioDeviceReadBps", "BlkioDeviceWriteBps",
						"BlkioDeviceReadIOps", "BlkioDeviceWriteIOps"};
	int64_t weight = number(host, "BlkioWeight");
	int r;

	if (weight != 0 && (weight < WEIGHT_MIN || weight > WEIGHT_MAX))
		return invalid(err, "Range of blkio weight is from 10 to 1000");
	if (number(host, "IOMaximumBandwidth") != 0)
		return invalid(err, "invalid option: QoS maximum bandwidth configuration is not "
				    "supported on linux");
	if (number(host, "IOMaximumIOps") != 0)
		return invalid(err, "invalid option: QoS maximum IOPs configuration is not "
				    "supported on linux");
	r = check_device_list(host, "BlkioWeightDevice", "Weight", WEIGHT_MAX, err);
	for (size_t i = 0; r == 0 && i < sizeof(throttles) / sizeof(throttles[0]); i++)
		r = check_device_list(host, throttles[i], "Rate", INT64_MAX, err);
	return r;
}

/* What Windows has. */
static int drop_foreign(struct record *host, struct record *warnings, struct berth_error *err)
{
	int r = 0;

	if (number(host, "CpuPercent") > 0)
		r = record_append_str(
			warnings, "linux does not support CPU percent. Percent discarded.", err);
	if (r == 0)
		r = record_set_int(host, "CpuPercent", 0, err);
	return r;
}

/* No limit is what 0 and negative numbers mean. */
static int normalise_pids(struct record *host, bool update, struct berth_error *err)
{
	const struct record *val = record_get(host, "PidsLimit");

	if (!val || record_int_or(val, 0) > 0)
		return 0;
	return update ? record_set_int(host, "PidsLimit", -1, err)
		      : record_set_null(host, "PidsLimit", err);
}

int spec_limits_check(struct record *host, bool update, struct record *warnings,
		      struct berth_error *err)
{
	int r = check_swappiness(host, err);

	if (r == 0)
		r = check_memory(host, update, err);
	if (r == 0)
		r = check_nano_cpus(host, err);
	if (r == 0)
		r = check_cpu_time(host, err);
	if (r == 0)
		r = check_cpuset(record_str_or(record_get(host, "CpusetCpus"), ""), "cpus", "CPUs",
				 "cpu/online", err);
	if (r == 0)
		r = check_cpuset(record_str_or(record_get(host, "CpusetMems"), ""), "mems",
				 "memory nodes", "node/online", err);
	if (r == 0)
		r = check_block_io(host, err);
	if (r == 0)
		r = drop_foreign(host, warnings, err);
	if (r == 0)
		r = normalise_pids(host, update, err);
	if (r == 0 && record_bool_or(record_get(host, "OomKillDisable"), false) &&
	    number(host, "Memory") == 0)
		r = record_append_str(warnings,
				      "OOM killer is disabled for the container, but no memory "
				      "limit is set, this can result in the system running out of "
				      "resources.",
				      err);
	return r;
}
