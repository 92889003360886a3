/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "base/path.h"

enum {
	PROCS_BYTES_MAX = 16 * 1024 * 1024,
	PASSES_MAX = 200, /* over processes that fork while we look */
	REMOVE_MS_MAX = 5000,
};

static void nap_us(long us)
{
	struct timespec t = {us / 1000000, us % 1000000 * 1000};

	(void)nanosleep(&t, NULL);
}

int cgroup_write(const struct cgroup_dir *dir, const char *file, const char *text)
{
	cleanup_fd int fd = openat(dir->fd, file, O_WRONLY | O_CLOEXEC);
	size_t len = strlen(text);
	ssize_t n;

	if (fd < 0)
		return -errno;
	do
		n = write(fd, text, len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

int cgroup_set(const struct cgroup_dir *dir, const char *file, const char *text,
	       struct berth_error *err)
{
	int r = cgroup_write(dir, file, text);

	if (r == 0)
		return 0;
	if (r == -EINVAL || r == -ERANGE)
		return berth_fail(err, BERTH_E_INVALID, "cgroup: %s cannot be '%s'", file, text);
	if (r == -ENOENT)
		return berth_fail(err, BERTH_E_UNSUPPORTED, "cgroup: this kernel has no %s", file);
	return berth_fail_errno(err, -r, "cgroup: set %s to '%s'", file, text);
}

int cgroup_setf(const struct cgroup_dir *dir, const char *file, struct berth_error *err,
		const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return cgroup_set(dir, file, text, err);
}

bool cgroup_read(const struct cgroup_dir *dir, const char *file, char *text, size_t size)
{
	cleanup_fd int fd = openat(dir->fd, file, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	do
		n = read(fd, text, size - 1);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return false;
	text[n] = '\0';
	return true;
}

bool cgroup_value(const char *text, const char *key, uint64_t *ret)
{
	size_t n = strlen(key);
	const char *p = text;

	while (p) {
		if (strncmp(p, key, n) == 0 && p[n] == ' ') {
			*ret = strtoull(p + n + 1, NULL, 10); /* the kernel's own number */
			return true;
		}
		p = strchr(p, '\n');
		if (p)
			p++;
	}
	return false;
}

bool cgroup_read_u64(const struct cgroup_dir *dir, const char *file, uint64_t *ret)
{
	char text[64];

	if (!cgroup_read(dir, file, text, sizeof(text)) || text[0] < '0' || text[0] > '9')
		return false;
	*ret = strtoull(text, NULL, 10);
	return true;
}

unsigned cgroup_wanted(const struct resources *res)
{
	unsigned set = 0;

	if (res->memory.given || res->reservation.given || res->swap.given ||
	    res->swappiness.given || res->has_disable_oom_killer || res->kernel_tcp.given)
		set |= CGROUP_BIT(CGROUP_MEMORY);
	if (res->shares.given || res->quota.given || res->period.given || res->burst.given ||
	    res->rt_runtime.given || res->rt_period.given || res->idle.given)
		set |= CGROUP_BIT(CGROUP_CPU);
	if (res->cpus || res->mems)
		set |= CGROUP_BIT(CGROUP_CPUSET);
	if (res->pids.given && res->pids.value != 0)
		set |= CGROUP_BIT(CGROUP_PIDS);
	if (res->weight.given || res->leaf_weight.given || res->weight_device.n ||
	    res->read_bps.n || res->write_bps.n || res->read_iops.n || res->write_iops.n)
		set |= CGROUP_BIT(CGROUP_BLKIO);
	if (res->n_hugepages)
		set |= CGROUP_BIT(CGROUP_HUGETLB);
	if (res->has_devices)
		set |= CGROUP_BIT(CGROUP_DEVICES);
	for (size_t i = 0; i < res->n_unified; i++)
		set |= cgroup2_controller_of(res->unified[i].file);
	return set;
}

/* Make @path below @root with what is missing above it; 0 or -errno. */
static int make_dirs(int root, const char *path)
{
	cleanup_free char *part = NULL;
	char *slash;

	if (mkdirat(root, path, 0755) == 0)
		return 0;
	if (errno != ENOENT)
		return -errno;
	part = str_fmt("%s", path);
	if (!part)
		return -ENOMEM;
	for (slash = strchr(part, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdirat(root, part, 0755) < 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return mkdirat(root, path, 0755) < 0 ? -errno : 0;
}

/* Be the one who makes the group; -EEXIST: somebody else is, or has just removed it. */
static int lock_group(int root, const char *path, int *ret_lock)
{
	cleanup_fd int fd = openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK || errno == ENOENT ? -EEXIST : -errno;
	*ret_lock = steal_fd(&fd);
	return 0;
}

/*
 * A group of that name which nobody is in is what a crash left: begin anew. Unless somebody is
 * about to fill it: who makes one holds a lock of the first (*@lock) until the container is there.
 */
static int take_over(int root, const char *path, bool is_first, int *lock)
{
	int r = is_first ? lock_group(root, path, lock) : 0;

	if (r < 0)
		return r;
	if (unlinkat(root, path, AT_REMOVEDIR) < 0 && errno == EBUSY)
		return -EEXIST;
	if (is_first)
		close_fd(lock);
	return make_dirs(root, path);
}

static int make_group(int root, const char *path, int *lock, struct berth_error *err)
{
	const bool is_first = *lock < 0;
	int r = make_dirs(root, path);

	if (r == -EEXIST)
		r = take_over(root, path, is_first, lock);
	if (r == 0 && is_first) {
		r = lock_group(root, path, lock);
		if (r < 0 && r != -EEXIST)
			(void)unlinkat(root, path, AT_REMOVEDIR); /* ours, made just now */
	}
	if (r == -EEXIST)
		return berth_fail(err, BERTH_E_EXISTS, "cgroup '/%s' is in use", path);
	return r < 0 ? berth_fail_errno(err, -r, "make cgroup '/%s'", path) : 0;
}

static int add_dir(struct cgroup *cg, const struct cgroup_tree *tree, int root, const char *base,
		   const char *path, struct berth_error *err)
{
	struct cgroup_dir *d = &cg->dir[cg->n];

	*d = (struct cgroup_dir){.controllers = tree->controllers, .v2 = tree->v2, .fd = -1};
	d->path = str_fmt("%s/%s", base, path);
	if (!d->path)
		return no_memory(err);
	d->fd = openat(root, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (d->fd < 0) {
		int why = errno;

		free(steal_ptr(d->path));
		return berth_fail_errno(err, why, "open cgroup '/%s'", path);
	}
	cg->n++;
	return 0;
}

/* Where a delegated group lies. */
static char *fd_target(int fd)
{
	char link[64];
	char target[1024];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, target, sizeof(target) - 1);
	if (n <= 0)
		return NULL;
	target[n] = '\0';
	return str_fmt("%s", target);
}

static int create_in(struct cgroup *cg, const struct cgroup_tree *tree, int delegated,
		     const char *path, unsigned controllers, int *lock, struct berth_error *err)
{
	int root = tree->v2 && delegated >= 0 ? delegated : tree->fd;
	cleanup_free char *base = root == tree->fd ? str_fmt("%s", tree->path) : fd_target(root);
	int r = 0;

	if (!base)
		return berth_fail(err, BERTH_E_INVALID, "the delegated cgroup cannot be found");
	if (tree->v2)
		r = cgroup2_enable(root, path, controllers & tree->controllers, err);
	if (r == 0)
		r = make_group(root, path, lock, err);
	if (r < 0)
		return r;
	r = add_dir(cg, tree, root, base, path, err);
	if (r < 0)
		(void)unlinkat(root, path, AT_REMOVEDIR); /* ours, made just now */
	else if (!tree->v2 && tree->controllers & CGROUP_BIT(CGROUP_CPUSET))
		r = cgroup1_fill_cpuset(tree, path, err);
	return r;
}

static bool has_tree(const struct cgroup *cg, const struct cgroup_tree *tree)
{
	for (size_t i = 0; i < cg->n; i++)
		if (cg->dir[i].v2 == tree->v2 && cg->dir[i].controllers == tree->controllers)
			return true;
	return false;
}

/* "/a//b/" -> "a/b"; nothing that leads elsewhere. */
static int relative_path(const char *path, char **ret, struct berth_error *err)
{
	cleanup_free char *clean = path_clean(path);
	const char *p = clean;

	if (!clean)
		return no_memory(err);
	while (*p == '/')
		p++;
	if (!*p || strcmp(p, ".") == 0 || strcmp(p, "..") == 0 || str_has_prefix(p, "../") ||
	    strlen(p) > 2000)
		return berth_fail(err, BERTH_E_INVALID, "cgroupsPath '%.200s' names no group",
				  path);
	*ret = str_fmt("%s", p);
	return *ret ? 0 : no_memory(err);
}

int cgroup_create(const struct cgroup_host *host, const char *path, int delegated,
		  unsigned controllers, struct cgroup *ret, int *ret_lock, struct berth_error *err)
{
	struct cgroup cg = {.host = host};
	cleanup_fd int lock = -1;
	int r = relative_path(path, &cg.path, err);

	for (size_t i = 0; i < host->n && r == 0; i++) {
		const struct cgroup_tree *t = &host->tree[i];

		if (t->controllers & controllers)
			r = create_in(&cg, t, delegated, cg.path, controllers, &lock, err);
	}
	if (r < 0) {
		(void)cgroup_remove(&cg, NULL); /* nobody is in there yet */
		cgroup_done(&cg);
		return r;
	}
	*ret = cg;
	*ret_lock = steal_fd(&lock);
	return 0;
}

int cgroup_find(const struct cgroup_host *host, const char *path, struct cgroup *ret,
		struct berth_error *err)
{
	struct cgroup cg = {.host = host};
	int r = relative_path(path, &cg.path, err);

	for (size_t i = 0; i < host->n && r == 0; i++) {
		const struct cgroup_tree *t = &host->tree[i];

		if (faccessat(t->fd, cg.path, F_OK, 0) == 0)
			r = add_dir(&cg, t, t->fd, t->path, cg.path, err);
	}
	if (r < 0) {
		cgroup_done(&cg);
		return r;
	}
	*ret = cg;
	return 0;
}

/* The tree in which absolute @path lies. */
static const struct cgroup_tree *tree_of(const struct cgroup_host *host, const char *path)
{
	const struct cgroup_tree *best = NULL;

	for (size_t i = 0; i < host->n; i++) {
		const char *rest = str_after(path, host->tree[i].path);

		if (rest && *rest == '/' &&
		    (!best || strlen(host->tree[i].path) > strlen(best->path)))
			best = &host->tree[i];
	}
	return best;
}

int cgroup_adopt(const struct cgroup_host *host, const char *path, const char *const *dirs,
		 size_t n, struct cgroup *ret, struct berth_error *err)
{
	struct cgroup cg = {.host = host};
	int r = str_copy(path, &cg.path, err);

	for (size_t i = 0; i < n && cg.n < CGROUP_TREES_MAX && r == 0; i++) {
		const struct cgroup_tree *t = tree_of(host, dirs[i]);
		const char *rest = t ? str_after(dirs[i], t->path) : NULL;

		if (!rest || strstr(rest, "/../"))
			r = berth_fail(err, BERTH_E_CORRUPT, "'%s' is no cgroup", dirs[i]);
		else if (faccessat(t->fd, rest + 1, F_OK, 0) == 0)
			r = add_dir(&cg, t, t->fd, t->path, rest + 1, err);
	}
	if (r < 0) {
		cgroup_done(&cg);
		return r;
	}
	*ret = cg;
	return 0;
}

void cgroup_done(struct cgroup *cg)
{
	for (size_t i = 0; i < cg->n; i++) {
		free(cg->dir[i].path);
		close_fd(&cg->dir[i].fd);
	}
	free(cg->path);
	*cg = (struct cgroup){0};
}

const struct cgroup_dir *cgroup_dir_of(const struct cgroup *cg, enum cgroup_controller controller)
{
	for (size_t i = 0; i < cg->n; i++)
		if (cg->dir[i].controllers & CGROUP_BIT(controller))
			return &cg->dir[i];
	return NULL;
}

int cgroup_v2_fd(const struct cgroup *cg)
{
	for (size_t i = 0; i < cg->n; i++)
		if (cg->dir[i].v2)
			return cg->dir[i].fd;
	return -1;
}

int cgroup_open_tasks(const struct cgroup *cg, int *ret_fds, size_t max, size_t *ret_n,
		      struct berth_error *err)
{
	size_t n = 0;

	for (size_t i = 0; i < cg->n && n < max; i++) {
		if (cg->dir[i].v2)
			continue;
		ret_fds[n] = openat(cg->dir[i].fd, "tasks", O_WRONLY | O_CLOEXEC);
		if (ret_fds[n] < 0) {
			int why = errno;

			while (n)
				(void)close(ret_fds[--n]);
			return berth_fail_errno(err, why, "open '%s/tasks'", cg->dir[i].path);
		}
		n++;
	}
	*ret_n = n;
	return 0;
}

int cgroup_apply(const struct cgroup *cg, const struct resources *res, struct berth_error *err)
{
	int r = cgroup1_apply(cg, res, err);

	for (size_t i = 0; i < cg->n && r == 0; i++)
		if (cg->dir[i].v2)
			r = cgroup2_apply(&cg->dir[i], res, err);
	return r;
}

/* What works in every container, whatever the rules say before. */
static const struct device_rule usual_devices[] = {
	{true, 'c', -1, -1, false, false, true}, /* making nodes is harmless without using them */
	{true, 'b', -1, -1, false, false, true}, {true, 'c', 1, 3, true, true, true}, /* null */
	{true, 'c', 1, 5, true, true, true},					      /* zero */
	{true, 'c', 1, 7, true, true, true},					      /* full */
	{true, 'c', 1, 8, true, true, true},					      /* random */
	{true, 'c', 1, 9, true, true, true},					      /* urandom */
	{true, 'c', 5, 0, true, true, true},					      /* tty */
	{true, 'c', 5, 2, true, true, true},					      /* ptmx */
	{true, 'c', 136, -1, true, true, true},					      /* pts */
};

static bool is_everything(const struct device_rule *rule)
{
	return rule->type == 'a' && rule->major < 0 && rule->minor < 0 && rule->read &&
	       rule->write && rule->mknod;
}

/* Nodes of both kinds, but not with all rights, or not all of them: that is two rules. */
static size_t add_rule(struct device_rule *rules, size_t n, struct device_rule rule)
{
	if (rule.type == 'a' && !is_everything(&rule)) {
		rule.type = 'b';
		rules[n++] = rule;
		rule.type = 'c';
	}
	rules[n++] = rule;
	return n;
}

int cgroup_apply_devices(const struct cgroup *cg, const struct resources *res,
			 struct berth_error *err)
{
	enum { USUAL = sizeof(usual_devices) / sizeof(usual_devices[0]) };
	const struct cgroup_dir *dir = cgroup_dir_of(cg, CGROUP_DEVICES);
	cleanup_free struct device_rule *rules = NULL;
	size_t n = 0;

	if (!dir)
		return 0;
	rules = calloc(1 + 2 * res->n_devices + USUAL, sizeof(*rules));
	if (!rules)
		return no_memory(err);
	rules[n++] = (struct device_rule){false, 'a', -1, -1, true, true, true};
	for (size_t i = 0; i < res->n_devices; i++) {
		/* a rule for all is a new beginning */
		if (is_everything(&res->devices[i]))
			n = 0;
		n = add_rule(rules, n, res->devices[i]);
	}
	/* nothing is forbidden: nothing to set up */
	if (n == 1 && rules[0].allow)
		return 0;
	memcpy(rules + n, usual_devices, sizeof(usual_devices));
	n += USUAL;
	return dir->v2 ? cgroup2_devices(dir, rules, n, err) : cgroup1_devices(dir, rules, n, err);
}

static int each_pid_of(int dir, cgroup_pid_fn fn, void *arg, struct berth_error *err)
{
	cleanup_fd int fd = openat(dir, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	cleanup_free char *text = NULL;
	struct berth_error why = {0};
	size_t len;
	char *p;
	int r;

	if (fd < 0)
		return errno == ENOENT ? 0 : berth_fail_errno(err, errno, "open cgroup.procs");
	r = read_fd_limited(fd, PROCS_BYTES_MAX, &text, &len, &why);
	if (r < 0 && why.sys_errno == ENODEV)
		return 0; /* removed just now */
	if (r < 0)
		return berth_fail(err, why.code, "%s", why.text);
	for (p = text; *p && r == 0;) {
		long pid = strtol(p, &p, 10);

		if (pid > 0)
			r = fn(arg, (pid_t)pid);
		while (*p == '\n')
			p++;
	}
	return r;
}

/* This group and all below it; a container may have made some. */
static int each_below(int dir, unsigned depth, cgroup_pid_fn fn, void *arg, struct berth_error *err)
{
	cleanup_dir DIR *entries = NULL;
	struct dirent *e;
	int fd;
	int r = each_pid_of(dir, fn, arg, err);

	if (r != 0 || depth == 0)
		return r;
	fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : berth_fail_errno(err, errno, "open cgroup");
	entries = fdopendir(fd);
	if (!entries) {
		(void)close(fd);
		return no_memory(err);
	}
	while (r == 0 && (e = readdir(entries))) {
		cleanup_fd int sub = -1;

		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		sub = openat(dir, e->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (sub >= 0)
			r = each_below(sub, depth - 1, fn, arg, err);
	}
	return r;
}

int cgroup_each_pid(const struct cgroup *cg, cgroup_pid_fn fn, void *arg, struct berth_error *err)
{
	return cg->n ? each_below(cg->dir[0].fd, 32, fn, arg, err) : 0;
}

struct moving {
	const struct cgroup_dir *to;
	size_t moved;
	struct str *members; /* sorted pids of the target, binary */
};

static int note_member(void *arg, pid_t pid)
{
	str_add_n(arg, &pid, sizeof(pid));
	return 0;
}

static int compare_pids(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a;
	pid_t y = *(const pid_t *)b;

	return x < y ? -1 : x > y;
}

static int move_pid(void *arg, pid_t pid)
{
	struct moving *m = arg;
	char text[24];

	if (m->members->len &&
	    bsearch(&pid, m->members->p, m->members->len / sizeof(pid), sizeof(pid), compare_pids))
		return 0;
	(void)snprintf(text, sizeof(text), "%d", pid);
	if (cgroup_write(m->to, "cgroup.procs", text) == 0)
		m->moved++;
	return 0; /* it may be gone already */
}

/* A child is born where its parent is: repeat until nobody was left behind. */
static int move_all(const struct cgroup *cg, const struct cgroup_dir *to, struct berth_error *err)
{
	for (int pass = 0; pass < PASSES_MAX; pass++) {
		cleanup_str struct str members = STR_INIT;
		struct moving m = {.to = to, .members = &members};
		int r = each_below(to->fd, 32, note_member, &members, err);

		if (r == 0)
			r = str_check(&members, err);
		if (r < 0)
			return r;
		if (members.len)
			qsort(members.p, members.len / sizeof(pid_t), sizeof(pid_t), compare_pids);
		r = cgroup_each_pid(cg, move_pid, &m, err);
		if (r < 0 || m.moved == 0)
			return r;
	}
	return berth_fail(err, BERTH_E_BUSY,
			  "the container starts processes faster than they can be moved");
}

int cgroup_need(struct cgroup *cg, unsigned controllers, struct berth_error *err)
{
	cleanup_fd int lock = -1;
	for (size_t i = 0; i < cg->host->n; i++) {
		const struct cgroup_tree *t = &cg->host->tree[i];
		int r;

		if (!(t->controllers & controllers) || has_tree(cg, t) || cg->n == CGROUP_TREES_MAX)
			continue;
		r = create_in(cg, t, -1, cg->path, controllers, &lock, err);
		if (r == 0)
			r = move_all(cg, &cg->dir[cg->n - 1], err);
		if (r < 0)
			return r;
	}
	return 0;
}

struct signalling {
	int signo;
	size_t sent;
};

static int signal_pid(void *arg, pid_t pid)
{
	struct signalling *s = arg;

	if (kill(pid, s->signo) == 0)
		s->sent++;
	return 0;
}

int cgroup_signal(struct cgroup *cg, int signo, struct berth_error *err)
{
	bool frozen = false;
	int r = 0;

	for (size_t i = 0; i < cg->n && signo == SIGKILL; i++)
		if (cg->dir[i].v2 && i == 0 && cgroup_write(&cg->dir[i], "cgroup.kill", "1") == 0)
			return 0;
	/* frozen they neither fork nor end, so that a pid stays what it is */
	if (!cgroup_is_frozen(cg) && cgroup_dir_of(cg, CGROUP_FREEZER))
		frozen = cgroup_freeze(cg, true, NULL) == 0;
	for (int pass = 0; pass < PASSES_MAX; pass++) {
		struct signalling s = {.signo = signo};

		r = cgroup_each_pid(cg, signal_pid, &s, err);
		if (r < 0 || s.sent == 0 || frozen || signo != SIGKILL)
			break;
		nap_us(500);
	}
	if (frozen)
		(void)cgroup_freeze(cg, false, NULL);
	return r;
}

static bool freezer_is(const struct cgroup_dir *dir, bool on)
{
	char text[256];
	uint64_t frozen;

	if (dir->v2)
		return cgroup_read(dir, "cgroup.events", text, sizeof(text)) &&
		       cgroup_value(text, "frozen", &frozen) && (frozen == 1) == on;
	return cgroup_read(dir, "freezer.state", text, sizeof(text)) &&
	       strcmp(text, on ? "FROZEN\n" : "THAWED\n") == 0;
}

int cgroup_freeze(struct cgroup *cg, bool on, struct berth_error *err)
{
	const struct cgroup_dir *dir;
	const char *file;
	int r = 0;

	if (!on && !cgroup_dir_of(cg, CGROUP_FREEZER))
		return 0; /* never was */
	r = cgroup_need(cg, CGROUP_BIT(CGROUP_FREEZER), err);
	if (r < 0)
		return r;
	dir = cgroup_dir_of(cg, CGROUP_FREEZER);
	if (!dir)
		return berth_fail(err, BERTH_E_UNSUPPORTED, "this host has no freezer cgroup");
	file = dir->v2 ? "cgroup.freeze" : "freezer.state";
	for (int pass = 0; pass < PASSES_MAX; pass++) {
		r = cgroup_set(dir, file, dir->v2 ? (on ? "1" : "0") : (on ? "FROZEN" : "THAWED"),
			       err);
		if (r < 0)
			return r;
		for (int i = 0; i < 10; i++) {
			if (freezer_is(dir, on))
				return 0;
			nap_us(50 << (i < 6 ? i : 6));
		}
	}
	if (on)
		(void)cgroup_write(dir, file, dir->v2 ? "0" : "THAWED");
	return berth_fail(err, BERTH_E_TIMEOUT, "the container did not %s", on ? "freeze" : "thaw");
}

bool cgroup_is_frozen(const struct cgroup *cg)
{
	const struct cgroup_dir *dir = cgroup_dir_of(cg, CGROUP_FREEZER);
	char text[32];

	if (!dir)
		return false;
	if (dir->v2)
		return cgroup_read(dir, "cgroup.freeze", text, sizeof(text)) && text[0] == '1';
	return cgroup_read(dir, "freezer.state", text, sizeof(text)) && text[0] == 'F';
}

uint64_t cgroup_oom_kills(const struct cgroup *cg)
{
	const struct cgroup_dir *dir = cgroup_dir_of(cg, CGROUP_MEMORY);
	uint64_t kills = 0;
	char text[512];

	if (dir &&
	    cgroup_read(dir, dir->v2 ? "memory.events" : "memory.oom_control", text, sizeof(text)))
		(void)cgroup_value(text, "oom_kill", &kills);
	return kills;
}

/* This group, after those below it; 0 or -errno. */
static int remove_group(int parent, const char *name, unsigned depth)
{
	cleanup_dir DIR *entries = NULL;
	struct dirent *e;
	int fd;

	if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (errno != EBUSY || depth == 0)
		return -errno;
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	entries = fdopendir(fd);
	if (!entries) {
		(void)close(fd);
		return -ENOMEM;
	}
	while ((e = readdir(entries)))
		if (e->d_type == DT_DIR && e->d_name[0] != '.')
			(void)remove_group(fd, e->d_name, depth - 1);
	return unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT ? 0 : -errno;
}

int cgroup_remove(struct cgroup *cg, struct berth_error *err)
{
	long waited_us = 0;

	while (cg->n) {
		struct cgroup_dir *d = &cg->dir[cg->n - 1];
		long step = 20;
		int r;

		while ((r = remove_group(AT_FDCWD, d->path, 32)) == -EBUSY &&
		       waited_us < REMOVE_MS_MAX * 1000L) {
			nap_us(step);
			waited_us += step;
			if (step < 20000)
				step *= 2;
		}
		if (r < 0)
			return berth_fail_errno(err, -r, "remove cgroup '%s'", d->path);
		free(steal_ptr(d->path));
		close_fd(&d->fd);
		cg->n--;
	}
	return 0;
}
