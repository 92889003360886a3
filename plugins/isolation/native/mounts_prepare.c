/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parent's half of mounts.h: what lies on the host is opened here, with the host's rights, as
 * detached copies with all their attributes. The child, which may live in a user namespace that
 * sees nothing of all that, only puts them in their places.
 */
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <linux/magic.h>

#include "base/path.h"
#include "kernel.h"
#include "mounts.h"

int mounts_target(struct arena *arena, const char *path, const char **ret, struct berth_error *err)
{
	cleanup_free char *absolute = path_join("/", path);
	cleanup_free char *clean = absolute ? path_clean(absolute) : NULL;

	if (!clean)
		return no_memory(err);
	if (strlen(clean) >= INSIDE_PATH_MAX)
		return berth_fail(err, BERTH_E_LIMIT, "a path has %zu bytes, at most %d are taken",
				  strlen(clean), INSIDE_PATH_MAX - 1);
	*ret = arena_copy(arena, clean + 1); /* cleaned, it has no ".." in front */
	return *ret ? 0 : no_memory(err);
}

int mounts_clone(const char *path, bool recursive, int *ret_fd, struct berth_error *err)
{
	int fd = kernel_open_tree(AT_FDCWD, path,
				  OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
					  (recursive ? AT_RECURSIVE : 0));

	if (fd < 0)
		return berth_fail_errno(err, errno, "'%s'", path);
	*ret_fd = fd;
	return 0;
}

static uint64_t attributes_of(unsigned long flags)
{
	static const struct {
		unsigned long flag;
		uint64_t attr;
	} pairs[] = {
		{MS_RDONLY, MOUNT_ATTR_RDONLY},
		{MS_NOSUID, MOUNT_ATTR_NOSUID},
		{MS_NODEV, MOUNT_ATTR_NODEV},
		{MS_NOEXEC, MOUNT_ATTR_NOEXEC},
		{MS_NODIRATIME, MOUNT_ATTR_NODIRATIME},
		{MS_NOATIME, MOUNT_ATTR_NOATIME},
		{MS_STRICTATIME, MOUNT_ATTR_STRICTATIME},
		{256 /* MS_NOSYMFOLLOW */, MOUNT_ATTR_NOSYMFOLLOW},
	};
	uint64_t attr = 0;

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (flags & pairs[i].flag)
			attr |= pairs[i].attr;
	return attr;
}

static int set_attributes(int fd, const char *name, unsigned flags, struct mount_attr attr,
			  struct berth_error *err)
{
	/* one way of access times replaces another only as a whole */
	if ((attr.attr_set | attr.attr_clr) & KERNEL_ATTR_ATIME)
		attr.attr_clr |= KERNEL_ATTR_ATIME;
	if (!attr.attr_set && !attr.attr_clr && !attr.propagation)
		return 0;
	if (kernel_mount_setattr(fd, "", AT_EMPTY_PATH | flags, &attr) < 0)
		return berth_fail_errno(err, errno, "mount '%s': set its attributes", name);
	return 0;
}

/* The mappings of an id-mapped mount: its own, else the container's. */
static int map_ids(struct launch *l, const struct spec_mount *m, int fd, struct berth_error *err)
{
	const struct spec_idmaps *uids = m->uids.n ? &m->uids : &l->spec->uids;
	const struct spec_idmaps *gids = m->gids.n ? &m->gids : &l->spec->gids;
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP};
	cleanup_fd int own = -1;
	int userns = m->uids.n ? -1 : l->in.userns_fd;

	if (userns < 0) {
		int r;

		if (!uids->n)
			return berth_fail(err, BERTH_E_INVALID,
					  "mount '%s': idmap without any mappings", m->target);
		r = namespaces_make_user(uids, gids, &own, err);
		if (r < 0)
			return r;
		userns = own;
	}
	attr.userns_fd = (uint64_t)userns;
	if (kernel_mount_setattr(fd, "", AT_EMPTY_PATH | (m->idmap_recursive ? AT_RECURSIVE : 0),
				 &attr) < 0) {
		int r = berth_fail_errno(err, errno, "mount '%s': map ids of '%s'", m->target,
					 m->source);

		if (errno == EINVAL)
			berth_error_hint(err, "the filesystem or kernel cannot do that");
		return r;
	}
	return 0;
}

/*
 * How the copy hears of the host's later mounts. Nothing said: as a slave of a host's shared mount,
 * so that the host reaches in but never the other way, which is what other runtimes do as well.
 */
static int set_propagation(const struct spec_mount *m, int fd, struct berth_error *err)
{
	static const unsigned long usual[] = {MS_SLAVE | MS_REC};
	const unsigned long *v = m->n_propagation ? m->propagation : usual;
	size_t n = m->n_propagation ? m->n_propagation : 1;
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		struct mount_attr attr = {.propagation = v[i] & ~(unsigned long)MS_REC};

		r = set_attributes(fd, m->target, v[i] & MS_REC ? AT_RECURSIVE : 0, attr, err);
	}
	return r;
}

static char *source_path(const struct launch *l, const char *source)
{
	if (source[0] == '/' || !l->in.bundle)
		return str_fmt("%s", source);
	return path_join(l->in.bundle, source);
}

static int prepare_bind(struct launch *l, const struct spec_mount *m, struct plan_mount *ret,
			struct berth_error *err)
{
	cleanup_free char *source = source_path(l, m->source);
	struct mount_attr attr = {
		.attr_set = attributes_of(m->flags),
		.attr_clr = attributes_of(m->clear),
	};
	struct mount_attr rec = {.attr_set = m->rec_set, .attr_clr = m->rec_clear};
	cleanup_fd int fd = -1;
	struct stat st;
	int r;

	if (!source)
		return no_memory(err);
	r = mounts_clone(source, m->recursive, &fd, err);
	if (r < 0) {
		berth_error_prefix(err, "mount '%s': bind source", m->target);
		return r;
	}
	if (fstat(fd, &st) < 0)
		return berth_fail_errno(err, errno, "mount '%s'", m->target);
	ret->is_file = !S_ISDIR(st.st_mode);
	if (m->flags & MS_RELATIME)
		attr.attr_clr |= KERNEL_ATTR_ATIME;
	if (m->idmap)
		r = map_ids(l, m, fd, err);
	if (r == 0)
		r = set_propagation(m, fd, err);
	if (r == 0)
		r = set_attributes(fd, m->target, 0, attr, err);
	if (r == 0)
		r = set_attributes(fd, m->target, AT_RECURSIVE, rec, err);
	return r < 0 ? r : launch_keep_fd(l, &fd, &ret->fd, err);
}

static bool takes_context(const char *type)
{
	return strcmp(type, "proc") != 0 && strcmp(type, "sysfs") != 0;
}

static int prepare_fs(struct launch *l, const struct spec_mount *m, struct plan_mount *ret,
		      struct berth_error *err)
{
	ret->type = m->type;
	ret->source = m->source && m->source[0] ? m->source : m->type;
	ret->data = m->data;
	ret->is_kernel = strcmp(m->type, "proc") == 0 || strcmp(m->type, "sysfs") == 0;
	ret->copy_up = m->copy_up;
	/* things are still to be put into it */
	ret->read_only_later = (m->flags & MS_RDONLY) && strcmp(m->type, "tmpfs") == 0;
	if (l->spec->mount_label && takes_context(m->type)) {
		ret->data = arena_fmt(&l->arena, "%s%scontext=\"%s\"", m->data,
				      m->data[0] ? "," : "", l->spec->mount_label);
		if (!ret->data)
			return no_memory(err);
	}
	return 0;
}

/* The container's group of one tree, as a detached bind. */
static int add_group(struct launch *l, const struct spec_mount *m, const struct cgroup_dir *d,
		     struct plan_group *ret, struct berth_error *err)
{
	struct mount_attr attr = {
		.attr_set = attributes_of(m->flags) | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
			    MOUNT_ATTR_NOEXEC,
		.propagation = MS_PRIVATE,
	};
	cleanup_fd int fd = -1;
	const char *name = NULL;
	int r = mounts_clone(d->path, false, &fd, err);

	if (r == 0)
		r = set_attributes(fd, m->target, 0, attr, err);
	if (r < 0)
		return r;
	/* the hierarchy's own name: "memory", "cpu,cpuacct" */
	for (size_t i = 0; i < l->iso->cgroups.n; i++) {
		const struct cgroup_tree *t = &l->iso->cgroups.tree[i];
		const char *rest = str_after(d->path, t->path);

		if (rest && *rest == '/')
			name = path_base(t->path);
	}
	ret->name = d->v2 && l->iso->cgroups.pure_v2 ? NULL : name;
	return launch_keep_fd(l, &fd, &ret->fd, err);
}

static int prepare_groups(struct launch *l, const struct spec_mount *m, struct plan_mount *ret,
			  struct berth_error *err)
{
	const struct cgroup *cg = &l->sb->cgroup;
	struct plan_group *v = arena_array(&l->arena, cg->n + 1, sizeof(*v));
	int r = 0;

	if (!v)
		return no_memory(err);
	for (size_t i = 0; i < cg->n && r == 0; i++)
		r = add_group(l, m, &cg->dir[i], &v[i], err);
	ret->groups = v;
	ret->n_groups = cg->n;
	ret->read_only_later = (m->flags & MS_RDONLY) && !(cg->n == 1 && !v[0].name);
	return r;
}

/*
 * Something else on /proc, or below it, would let an image decide what the kernel is said to say.
 * A few files are commonly given other contents (lxcfs).
 */
static int check_proc(const struct spec_mount *m, const struct plan_mount *plan,
		      struct berth_error *err)
{
	static const char *const allowed[] = {
		"proc/cpuinfo",
		"proc/diskstats",
		"proc/meminfo",
		"proc/stat",
		"proc/swaps",
		"proc/uptime",
		"proc/loadavg",
		"proc/slabinfo",
		"proc/net/dev",
		"proc/sys/kernel/ns_last_pid",
		"proc/sys/crypto/fips_enabled",
	};
	struct statfs fs;

	if (strcmp(plan->target, "proc") != 0 && !str_has_prefix(plan->target, "proc/"))
		return 0;
	if (m->kind == SPEC_MOUNT_FS && strcmp(m->type, "proc") == 0)
		return 0;
	if (m->kind == SPEC_MOUNT_REMOUNT)
		return 0;
	if (m->kind == SPEC_MOUNT_BIND && fstatfs(plan->fd, &fs) == 0 &&
	    fs.f_type == PROC_SUPER_MAGIC)
		return 0;
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
		if (strcmp(plan->target, allowed[i]) == 0)
			return 0;
	return berth_fail(err, BERTH_E_INVALID,
			  "mount '/%s': only proc itself may be mounted on or below /proc",
			  plan->target);
}

static int prepare_mount(struct launch *l, const struct spec_mount *m, struct plan_mount *ret,
			 struct berth_error *err)
{
	int r;

	*ret = (struct plan_mount){
		.kind = m->kind,
		.flags = m->flags,
		.clear = m->clear,
		.rec_set = m->rec_set,
		.rec_clear = m->rec_clear,
		.propagation = m->propagation,
		.n_propagation = m->n_propagation,
		.fd = -1,
		.mounted = -1,
	};
	r = mounts_target(&l->arena, m->target, &ret->target, err);
	if (r < 0)
		return r;
	switch (m->kind) {
	case SPEC_MOUNT_BIND:
		r = prepare_bind(l, m, ret, err);
		break;
	case SPEC_MOUNT_FS:
		r = prepare_fs(l, m, ret, err);
		break;
	case SPEC_MOUNT_CGROUP:
		r = prepare_groups(l, m, ret, err);
		break;
	case SPEC_MOUNT_REMOUNT:
		ret->type = m->type;
		ret->source = m->source;
		ret->data = m->data;
		if (m->bind)
			ret->flags |= MS_BIND;
		break;
	}
	return r < 0 ? r : check_proc(m, ret, err);
}

int mounts_prepare(struct launch *l, struct berth_error *err)
{
	const struct spec *spec = l->spec;
	struct plan_mount *v = arena_array(&l->arena, spec->n_mounts + 1, sizeof(*v));
	int r = 0;

	if (!v)
		return no_memory(err);
	for (size_t i = 0; i < spec->n_mounts && r == 0; i++)
		r = prepare_mount(l, &spec->mounts[i], &v[i], err);
	l->plan.mounts = v;
	l->plan.n_mounts = spec->n_mounts;
	l->plan.masked = (const char *const *)spec->masked;
	l->plan.readonly = (const char *const *)spec->readonly;
	return r;
}
