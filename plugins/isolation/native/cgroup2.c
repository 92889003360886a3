/* SPDX-License-Identifier: Apache-2.0 */
/* The files of cgroup v2, and how values that were made for v1 become theirs. */
#include <fcntl.h>
#include <sys/stat.h>

#include "cgroup.h"

/* Names in cgroup.controllers; what has none needs no controller. */
static const char *const v2_names[CGROUP_CONTROLLERS] = {
	[CGROUP_MEMORY] = "memory", [CGROUP_CPU] = "cpu",  [CGROUP_PIDS] = "pids",
	[CGROUP_CPUSET] = "cpuset", [CGROUP_BLKIO] = "io", [CGROUP_HUGETLB] = "hugetlb",
};

static bool has_word(const char *text, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = text; (p = strstr(p, word)); p += n)
		if ((p == text || p[-1] == ' ') && (!p[n] || p[n] == ' ' || p[n] == '\n'))
			return true;
	return false;
}

static unsigned read_controllers(int dir, const char *file)
{
	struct cgroup_dir d = {.fd = dir};
	unsigned set = 0;
	char text[512];

	if (!cgroup_read(&d, file, text, sizeof(text)))
		return 0;
	for (int c = 0; c < CGROUP_CONTROLLERS; c++)
		if (v2_names[c] && has_word(text, v2_names[c]))
			set |= CGROUP_BIT(c);
	return set;
}

unsigned cgroup2_controllers(int dir)
{
	return read_controllers(dir, "cgroup.controllers");
}

unsigned cgroup2_controller_of(const char *file)
{
	for (int c = 0; c < CGROUP_CONTROLLERS; c++) {
		const char *rest = v2_names[c] ? str_after(file, v2_names[c]) : NULL;

		if (rest && *rest == '.')
			return CGROUP_BIT(c);
	}
	return 0;
}

/* One level: hand @wanted down to the groups below @dir. */
static int enable_at(int dir, unsigned wanted, struct berth_error *err)
{
	struct cgroup_dir d = {.fd = dir};
	unsigned missing = wanted & ~read_controllers(dir, "cgroup.subtree_control");

	for (int c = 0; c < CGROUP_CONTROLLERS; c++) {
		char text[24];
		int r;

		if (!v2_names[c] || !(missing & CGROUP_BIT(c)))
			continue;
		(void)snprintf(text, sizeof(text), "+%s", v2_names[c]);
		r = cgroup_write(&d, "cgroup.subtree_control", text);
		if (r < 0) {
			berth_fail_errno(err, -r, "cgroup: hand controller '%s' down", v2_names[c]);
			berth_error_hint(err, "a group with processes of its own cannot do that, "
					      "nor one that was not given the controller");
			return -BERTH_E_UNSUPPORTED;
		}
	}
	return 0;
}

int cgroup2_enable(int root, const char *path, unsigned controllers, struct berth_error *err)
{
	cleanup_free char *part = str_fmt("%s", path);
	unsigned wanted = 0;
	int r;

	if (!part)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	for (int c = 0; c < CGROUP_CONTROLLERS; c++)
		if (v2_names[c])
			wanted |= controllers & CGROUP_BIT(c);
	r = enable_at(root, wanted, err);
	for (char *slash = strchr(part, '/'); slash && r == 0; slash = strchr(slash + 1, '/')) {
		cleanup_fd int dir = -1;

		*slash = '\0';
		dir = openat(root, part, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0 && errno == ENOENT && mkdirat(root, part, 0755) == 0)
			dir = openat(root, part, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0)
			return berth_fail_errno(err, errno, "make cgroup '/%s'", part);
		*slash = '/';
		r = enable_at(dir, wanted, err);
	}
	return r;
}

static int set_max(const struct cgroup_dir *d, const char *file, int64_t value,
		   struct berth_error *err)
{
	return value < 0 ? cgroup_set(d, file, "max", err)
			 : cgroup_setf(d, file, err, "%lld", (long long)value);
}

/* v1 limits the sum of memory and swap, v2 swap alone. */
static int set_swap(const struct cgroup_dir *d, const struct resources *res,
		    struct berth_error *err)
{
	int64_t memory = res->memory.given ? res->memory.value : 0;
	int64_t swap = res->swap.given ? res->swap.value : 0;

	if (memory == -1 && swap == 0)
		swap = -1;
	if (swap == 0)
		return 0;
	if (swap < 0)
		return set_max(d, "memory.swap.max", -1, err);
	if (memory <= 0)
		return berth_fail(err, BERTH_E_INVALID,
				  "key 'linux.resources.memory.swap' needs a memory limit");
	if (swap < memory)
		return berth_fail(err, BERTH_E_INVALID,
				  "key 'linux.resources.memory.swap' is below the memory limit, "
				  "which it includes");
	return set_max(d, "memory.swap.max", swap - memory, err);
}

static int apply_memory(const struct cgroup_dir *d, const struct resources *res,
			struct berth_error *err)
{
	int r = 0;

	if (!(d->controllers & CGROUP_BIT(CGROUP_MEMORY)))
		return 0;
	r = set_swap(d, res, err);
	if (r == 0 && res->memory.given && res->memory.value != 0)
		r = set_max(d, "memory.max", res->memory.value, err);
	if (r == 0 && res->reservation.given && res->reservation.value != 0)
		r = set_max(d, "memory.low", res->reservation.value, err);
	return r;
}

/* 2..262144 shares are 1..10000 of weight; as crun and runc have done from the beginning. */
static int64_t weight_of_shares(int64_t shares)
{
	if (shares < 2)
		shares = 2;
	if (shares > 262144)
		shares = 262144;
	return 1 + (shares - 2) * 9999 / 262142;
}

static int apply_cpu(const struct cgroup_dir *d, const struct resources *res,
		     struct berth_error *err)
{
	int r = 0;

	if (!(d->controllers & CGROUP_BIT(CGROUP_CPU)))
		return 0;
	if (res->idle.given)
		r = cgroup_setf(d, "cpu.idle", err, "%lld", (long long)res->idle.value);
	if (r == 0 && res->shares.given && res->shares.value)
		r = cgroup_setf(d, "cpu.weight", err, "%lld",
				(long long)weight_of_shares(res->shares.value));
	if (r == 0 && (res->quota.given || res->period.given)) {
		int64_t period =
			res->period.given && res->period.value ? res->period.value : 100000;

		if (res->quota.given && res->quota.value > 0)
			r = cgroup_setf(d, "cpu.max", err, "%lld %lld", (long long)res->quota.value,
					(long long)period);
		else
			r = cgroup_setf(d, "cpu.max", err, "max %lld", (long long)period);
	}
	if (r == 0 && res->burst.given)
		r = cgroup_setf(d, "cpu.max.burst", err, "%lld", (long long)res->burst.value);
	return r;
}

static int apply_cpuset_and_pids(const struct cgroup_dir *d, const struct resources *res,
				 struct berth_error *err)
{
	int r = 0;

	if (d->controllers & CGROUP_BIT(CGROUP_CPUSET)) {
		if (res->cpus)
			r = cgroup_set(d, "cpuset.cpus", res->cpus, err);
		if (r == 0 && res->mems)
			r = cgroup_set(d, "cpuset.mems", res->mems, err);
	}
	if (r == 0 && (d->controllers & CGROUP_BIT(CGROUP_PIDS)) && res->pids.given &&
	    res->pids.value != 0)
		r = set_max(d, "pids.max", res->pids.value, err);
	return r;
}

static int set_io_max(const struct cgroup_dir *d, const char *what,
		      const struct throttles *throttles, struct berth_error *err)
{
	int r = 0;

	for (size_t i = 0; i < throttles->n && r == 0; i++) {
		const struct device_throttle *t = &throttles->v[i];

		if (t->value)
			r = cgroup_setf(d, "io.max", err, "%lld:%lld %s=%llu", (long long)t->major,
					(long long)t->minor, what, (unsigned long long)t->value);
		else
			r = cgroup_setf(d, "io.max", err, "%lld:%lld %s=max", (long long)t->major,
					(long long)t->minor, what);
	}
	return r;
}

/* 10..1000 of v1 are 1..10000 here; bfq has kept the old range. */
static int apply_weights(const struct cgroup_dir *d, const struct resources *res,
			 struct berth_error *err)
{
	bool bfq = faccessat(d->fd, "io.bfq.weight", F_OK, 0) == 0;
	const char *file = bfq ? "io.bfq.weight" : "io.weight";
	int64_t weight = res->weight.value < 10 ? 10 : res->weight.value;
	int r = 0;

	if (res->weight.given)
		r = cgroup_setf(d, file, err, "default %lld",
				(long long)(bfq ? weight : 1 + (weight - 10) * 9999 / 990));
	for (size_t i = 0; i < res->weight_device.n && r == 0; i++) {
		const struct device_throttle *t = &res->weight_device.v[i];
		int64_t w = t->value < 10 ? 10 : t->value > 1000 ? 1000 : (int64_t)t->value;

		r = cgroup_setf(d, file, err, "%lld:%lld %lld", (long long)t->major,
				(long long)t->minor,
				(long long)(bfq ? w : 1 + (w - 10) * 9999 / 990));
	}
	return r;
}

static int apply_io(const struct cgroup_dir *d, const struct resources *res,
		    struct berth_error *err)
{
	int r;

	if (!(d->controllers & CGROUP_BIT(CGROUP_BLKIO)))
		return 0;
	r = apply_weights(d, res, err);
	if (r == 0)
		r = set_io_max(d, "rbps", &res->read_bps, err);
	if (r == 0)
		r = set_io_max(d, "wbps", &res->write_bps, err);
	if (r == 0)
		r = set_io_max(d, "riops", &res->read_iops, err);
	if (r == 0)
		r = set_io_max(d, "wiops", &res->write_iops, err);
	return r;
}

static int apply_rest(const struct cgroup_dir *d, const struct resources *res,
		      struct berth_error *err)
{
	int r = 0;

	for (size_t i = 0; i < res->n_hugepages && r == 0; i++) {
		char file[64];

		if (!(d->controllers & CGROUP_BIT(CGROUP_HUGETLB)))
			break;
		(void)snprintf(file, sizeof(file), "hugetlb.%s.max", res->hugepages[i].size);
		r = cgroup_setf(d, file, err, "%llu", (unsigned long long)res->hugepages[i].limit);
	}
	for (size_t i = 0; i < res->n_unified && r == 0; i++)
		r = cgroup_set(d, res->unified[i].file, res->unified[i].value, err);
	return r;
}

int cgroup2_apply(const struct cgroup_dir *dir, const struct resources *res,
		  struct berth_error *err)
{
	int r;

	r = apply_memory(dir, res, err);
	if (r == 0)
		r = apply_cpu(dir, res, err);
	if (r == 0)
		r = apply_cpuset_and_pids(dir, res, err);
	if (r == 0)
		r = apply_io(dir, res, err);
	if (r == 0)
		r = apply_rest(dir, res, err);
	return r;
}
