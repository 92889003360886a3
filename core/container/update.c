/* SPDX-License-Identifier: Apache-2.0 */
/* `update`: new limits over those of a container that exists. What is 0 or "" stays as it was. */
#include "core/container/spec_parts.h"

static int64_t number(const struct record *obj, const char *key)
{
	return record_int_or(record_get(obj, key), 0);
}

static int invalid(struct berth_error *err, const char *sentence)
{
	return berth_fail(err, BERTH_E_INVALID, "%s", sentence);
}

/* The share of processors is said in one way or the other. */
static int check_against(const struct record *now, const struct record *wanted,
			 struct berth_error *err)
{
	int64_t swap = number(now, "MemorySwap");

	if (number(wanted, "NanoCpus") > 0 && number(now, "CpuPeriod") > 0)
		return invalid(err,
			       "Conflicting options: Nano CPUs cannot be updated as CPU Period "
			       "has already been set");
	if (number(wanted, "NanoCpus") > 0 && number(now, "CpuQuota") > 0)
		return invalid(err, "Conflicting options: Nano CPUs cannot be updated as CPU Quota "
				    "has already been set");
	if (number(wanted, "CpuPeriod") > 0 && number(now, "NanoCpus") > 0)
		return invalid(err, "Conflicting options: CPU Period cannot be updated as NanoCPUs "
				    "has already been set");
	if (number(wanted, "CpuQuota") > 0 && number(now, "NanoCpus") > 0)
		return invalid(err, "Conflicting options: CPU Quota cannot be updated as NanoCPUs "
				    "has already been set");
	if (swap > 0 && number(wanted, "Memory") > swap && number(wanted, "MemorySwap") == 0)
		return invalid(err, "Memory limit should be smaller than already set memoryswap "
				    "limit, update the memoryswap at the same time");
	return 0;
}

static int put_limits(struct record *host, const struct record *wanted, struct berth_error *err)
{
	static const char *const keys[] = {
		"BlkioWeight", "CpuShares",	    "NanoCpus",		 "CpuPeriod",
		"CpuQuota",    "CpusetCpus",	    "CpusetMems",	 "Memory",
		"MemorySwap",  "MemoryReservation", "CpuRealtimePeriod", "CpuRealtimeRuntime",
		"PidsLimit",
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct record *val = record_get(wanted, keys[i]);
		const char *word = record_str(val);

		if (val && (word ? *word : record_int_or(val, 0)) != 0)
			r = record_set(host, keys[i], record_ref(val), err);
	}
	return r;
}

static int put_policy(struct record *host, struct record *wanted, struct berth_error *err)
{
	struct record *policy = record_get(wanted, "RestartPolicy");
	const char *name = record_str_or(record_get(policy, "Name"), "");

	if (!*name)
		return 0;
	if (record_bool_or(record_get(host, "AutoRemove"), false) && !str_eq(name, "no"))
		return invalid(err,
			       "Restart policy cannot be updated because AutoRemove is enabled "
			       "for the container");
	return record_set(host, "RestartPolicy", record_ref(policy), err);
}

static int write_resources(const struct record *wanted, struct str *out, struct berth_error *err)
{
	struct jw w = jw_to(out, RECORD_COMPACT);
	int r;

	jw_object_begin(&w);
	r = spec_limits_write(wanted, &w, err);
	jw_object_end(&w);
	return r < 0 ? r : str_check(out, err);
}

int spec_update(const struct record *merged, const struct record *body, struct record **ret_merged,
		struct record *warnings, struct str *resources, struct berth_error *err)
{
	cleanup_record struct record *wanted = NULL;
	cleanup_record struct record *updated = record_copy(merged);
	struct record *host = record_get(updated, "HostConfig");
	int r = host ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");

	if (r == 0)
		r = shape_read(spec_update_shape, body, "", &wanted, err);
	if (r == 0)
		r = spec_limits_check(wanted, true, warnings, err);
	if (r == 0)
		r = spec_restart_check(wanted, err);
	if (r == 0)
		r = check_against(host, wanted, err);
	if (r == 0)
		r = put_limits(host, wanted, err);
	if (r == 0)
		r = put_policy(host, wanted, err);
	if (r == 0)
		r = write_resources(wanted, resources, err);
	if (r == 0)
		*ret_merged = steal_ptr(updated);
	return r;
}
