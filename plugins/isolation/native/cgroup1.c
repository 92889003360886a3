/* SPDX-License-Identifier: Apache-2.0 */
/* The files of cgroup v1. */
#include <fcntl.h>

#include "cgroup.h"

/* The directory of @controller if it is one of v1. */
static const struct cgroup_dir *v1_dir(const struct cgroup *cg, enum cgroup_controller controller)
{
	const struct cgroup_dir *d = cgroup_dir_of(cg, controller);

	return d && !d->v2 ? d : NULL;
}

static int set_limit(const struct cgroup_dir *dir, const char *file, const struct limit *limit,
		     struct berth_error *err)
{
	if (!limit->given || limit->value == 0)
		return 0;
	return cgroup_setf(dir, file, err, "%lld", (long long)limit->value);
}

/*
 * The kernel keeps memory <= memory+swap at every moment, so which one goes first depends on what
 * is there: try, and take the other way round if it says no.
 */
static int set_memory_and_swap(const struct cgroup_dir *d, const struct resources *res,
			       struct berth_error *err)
{
	static const char limit_file[] = "memory.limit_in_bytes";
	static const char swap_file[] = "memory.memsw.limit_in_bytes";
	struct limit memory = res->memory;
	struct limit swap = res->swap;
	char text[24];
	int r;

	/* no limit on memory: then none on the sum either */
	if (memory.given && memory.value == -1 && (!swap.given || swap.value == 0))
		swap = (struct limit){true, -1};
	if (memory.given && memory.value != 0 && swap.given && swap.value != 0) {
		(void)snprintf(text, sizeof(text), "%lld", (long long)memory.value);
		r = cgroup_write(d, limit_file, text);
		if (r == 0)
			return set_limit(d, swap_file, &swap, err);
		r = set_limit(d, swap_file, &swap, err);
		return r < 0 ? r : set_limit(d, limit_file, &memory, err);
	}
	r = set_limit(d, limit_file, &memory, err);
	if (r == -BERTH_E_BUSY)
		berth_error_hint(err, "the container uses more than that now");
	return r < 0 ? r : set_limit(d, swap_file, &swap, err);
}

static int apply_memory(const struct cgroup *cg, const struct resources *res,
			struct berth_error *err)
{
	const struct cgroup_dir *d = v1_dir(cg, CGROUP_MEMORY);
	int r;

	if (!d)
		return 0;
	r = set_memory_and_swap(d, res, err);
	if (r == 0)
		r = set_limit(d, "memory.soft_limit_in_bytes", &res->reservation, err);
	if (r == 0)
		r = set_limit(d, "memory.kmem.tcp.limit_in_bytes", &res->kernel_tcp, err);
	if (r == 0 && res->swappiness.given)
		r = cgroup_setf(d, "memory.swappiness", err, "%lld",
				(long long)res->swappiness.value);
	if (r == 0 && res->disable_oom_killer)
		r = cgroup_set(d, "memory.oom_control", "1", err);
	return r;
}

static int apply_cpu(const struct cgroup *cg, const struct resources *res, struct berth_error *err)
{
	const struct cgroup_dir *d = v1_dir(cg, CGROUP_CPU);
	int r;

	if (!d)
		return 0;
	r = set_limit(d, "cpu.shares", &res->shares, err);
	if (r == 0 && res->period.given && res->period.value) {
		char text[24];

		/* refused while it makes the old quota too much; then the new quota goes first */
		(void)snprintf(text, sizeof(text), "%lld", (long long)res->period.value);
		r = cgroup_write(d, "cpu.cfs_period_us", text);
		if (r == -EINVAL && res->quota.given) {
			r = set_limit(d, "cpu.cfs_quota_us", &res->quota, err);
			if (r == 0)
				r = cgroup_set(d, "cpu.cfs_period_us", text, err);
		} else if (r < 0) {
			r = cgroup_set(d, "cpu.cfs_period_us", text, err);
		}
	}
	if (r == 0)
		r = set_limit(d, "cpu.cfs_quota_us", &res->quota, err);
	if (r == 0 && res->burst.given)
		r = cgroup_setf(d, "cpu.cfs_burst_us", err, "%lld", (long long)res->burst.value);
	if (r == 0)
		r = set_limit(d, "cpu.rt_period_us", &res->rt_period, err);
	if (r == 0)
		r = set_limit(d, "cpu.rt_runtime_us", &res->rt_runtime, err);
	if (r == 0 && res->idle.given)
		r = cgroup_setf(d, "cpu.idle", err, "%lld", (long long)res->idle.value);
	return r;
}

static int apply_cpuset(const struct cgroup *cg, const struct resources *res,
			struct berth_error *err)
{
	const struct cgroup_dir *d = v1_dir(cg, CGROUP_CPUSET);
	int r = 0;

	if (d && res->cpus)
		r = cgroup_set(d, "cpuset.cpus", res->cpus, err);
	if (d && res->mems && r == 0)
		r = cgroup_set(d, "cpuset.mems", res->mems, err);
	return r;
}

static int apply_pids(const struct cgroup *cg, const struct resources *res, struct berth_error *err)
{
	const struct cgroup_dir *d = v1_dir(cg, CGROUP_PIDS);

	if (!d || !res->pids.given || res->pids.value == 0)
		return 0;
	if (res->pids.value < 0)
		return cgroup_set(d, "pids.max", "max", err);
	return cgroup_setf(d, "pids.max", err, "%lld", (long long)res->pids.value);
}

static int set_throttles(const struct cgroup_dir *d, const char *file,
			 const struct throttles *throttles, struct berth_error *err)
{
	int r = 0;

	for (size_t i = 0; i < throttles->n && r == 0; i++) {
		const struct device_throttle *t = &throttles->v[i];

		r = cgroup_setf(d, file, err, "%lld:%lld %llu", (long long)t->major,
				(long long)t->minor, (unsigned long long)t->value);
	}
	return r;
}

static int apply_blkio(const struct cgroup *cg, const struct resources *res,
		       struct berth_error *err)
{
	const struct cgroup_dir *d = v1_dir(cg, CGROUP_BLKIO);
	const char *weight = "blkio.weight";
	const char *weight_device = "blkio.weight_device";
	int r;

	if (!d)
		return 0;
	/* the scheduler that knows weights today has files of its own */
	if (faccessat(d->fd, weight, F_OK, 0) < 0) {
		weight = "blkio.bfq.weight";
		weight_device = "blkio.bfq.weight_device";
	}
	r = set_limit(d, weight, &res->weight, err);
	if (r == 0)
		r = set_limit(d, "blkio.leaf_weight", &res->leaf_weight, err);
	if (r == 0)
		r = set_throttles(d, weight_device, &res->weight_device, err);
	if (r == 0)
		r = set_throttles(d, "blkio.throttle.read_bps_device", &res->read_bps, err);
	if (r == 0)
		r = set_throttles(d, "blkio.throttle.write_bps_device", &res->write_bps, err);
	if (r == 0)
		r = set_throttles(d, "blkio.throttle.read_iops_device", &res->read_iops, err);
	if (r == 0)
		r = set_throttles(d, "blkio.throttle.write_iops_device", &res->write_iops, err);
	return r;
}

static int apply_hugetlb(const struct cgroup *cg, const struct resources *res,
			 struct berth_error *err)
{
	const struct cgroup_dir *d = v1_dir(cg, CGROUP_HUGETLB);
	int r = 0;

	for (size_t i = 0; d && i < res->n_hugepages && r == 0; i++) {
		char file[64];

		(void)snprintf(file, sizeof(file), "hugetlb.%s.limit_in_bytes",
			       res->hugepages[i].size);
		r = cgroup_setf(d, file, err, "%llu", (unsigned long long)res->hugepages[i].limit);
	}
	return r;
}

int cgroup1_apply(const struct cgroup *cg, const struct resources *res, struct berth_error *err)
{
	int r;

	r = apply_memory(cg, res, err);
	if (r == 0)
		r = apply_cpu(cg, res, err);
	if (r == 0)
		r = apply_cpuset(cg, res, err);
	if (r == 0)
		r = apply_pids(cg, res, err);
	if (r == 0)
		r = apply_blkio(cg, res, err);
	if (r == 0)
		r = apply_hugetlb(cg, res, err);
	return r;
}

static void format_rule(const struct device_rule *rule, char *out, size_t size)
{
	char major[24] = "*";
	char minor[24] = "*";

	if (rule->major >= 0)
		(void)snprintf(major, sizeof(major), "%lld", (long long)rule->major);
	if (rule->minor >= 0)
		(void)snprintf(minor, sizeof(minor), "%lld", (long long)rule->minor);
	if (rule->type == 'a')
		(void)snprintf(out, size, "a");
	else
		(void)snprintf(out, size, "%c %s:%s %s%s%s", rule->type, major, minor,
			       rule->read ? "r" : "", rule->write ? "w" : "",
			       rule->mknod ? "m" : "");
}

/* The kernel applies them in our order; both files stay open over all the rules. */
int cgroup1_devices(const struct cgroup_dir *dir, const struct device_rule *rules, size_t n,
		    struct berth_error *err)
{
	cleanup_fd int allow = openat(dir->fd, "devices.allow", O_WRONLY | O_CLOEXEC);
	cleanup_fd int deny = openat(dir->fd, "devices.deny", O_WRONLY | O_CLOEXEC);

	if (allow < 0 || deny < 0)
		return berth_fail_errno(err, errno, "open '%s/devices.allow'", dir->path);
	for (size_t i = 0; i < n; i++) {
		char text[80];
		ssize_t done;

		format_rule(&rules[i], text, sizeof(text));
		/* the rules begin at the top of each write, whatever the offset of the file */
		done = pwrite(rules[i].allow ? allow : deny, text, strlen(text), 0);
		if (done < 0)
			return berth_fail_errno(err, errno, "cgroup: %s device '%s'",
						rules[i].allow ? "allow" : "deny", text);
	}
	return 0;
}

/* An empty set takes no process: each level begins with what is above it. */
int cgroup1_fill_cpuset(const struct cgroup_tree *tree, const char *path, struct berth_error *err)
{
	static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};
	cleanup_free char *part = str_fmt("%s/", path);
	cleanup_fd int above = openat(tree->fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (!part || above < 0)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	for (char *slash = strchr(part, '/'); slash; slash = strchr(slash + 1, '/')) {
		struct cgroup_dir here = {.fd = -1};
		struct cgroup_dir up = {.fd = above};

		*slash = '\0';
		here.fd = openat(tree->fd, part, O_PATH | O_DIRECTORY | O_CLOEXEC);
		*slash = '/';
		if (here.fd < 0)
			return berth_fail_errno(err, errno, "open cgroup '%s'", part);
		for (int i = 0; i < 2; i++) {
			char value[4096];

			if (cgroup_read(&here, files[i], value, sizeof(value)) &&
			    (value[0] == '\n' || !value[0]) &&
			    cgroup_read(&up, files[i], value, sizeof(value)))
				(void)cgroup_write(&here, files[i], value);
		}
		close_fd(&above);
		above = here.fd;
	}
	return 0;
}
