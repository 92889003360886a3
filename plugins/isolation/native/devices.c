/* SPDX-License-Identifier: Apache-2.0 */
#include "devices.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "kernel.h"
#include "mounts.h"

static const struct {
	const char *path;
	unsigned major, minor;
} usual[] = {
	{"dev/null", 1, 3},   {"dev/zero", 1, 5},    {"dev/full", 1, 7},
	{"dev/random", 1, 8}, {"dev/urandom", 1, 9}, {"dev/tty", 5, 0},
};

enum { USUAL = sizeof(usual) / sizeof(usual[0]) };

/* In a user namespace: the host's node of that name, if it is the device that is meant. */
static int open_node(struct launch *l, struct plan_device *d, struct berth_error *err)
{
	cleanup_free char *path = str_fmt("/%s", d->path);
	cleanup_fd int fd = -1;
	struct stat st;
	int r;

	if (!path)
		return no_memory(err);
	r = mounts_clone(path, false, &fd, err);
	if (r < 0) {
		berth_error_prefix(err, "device for a user namespace");
		return r;
	}
	if (fstat(fd, &st) < 0)
		return berth_fail_errno(err, errno, "device '%s'", path);
	if ((st.st_mode & S_IFMT) != (d->mode & S_IFMT) || st.st_rdev != d->rdev)
		return berth_fail(err, BERTH_E_UNSUPPORTED,
				  "device '%s': a user namespace cannot make it, and the host's "
				  "'%s' is another device",
				  path, path);
	return launch_keep_fd(l, &fd, &d->fd, err);
}

static int add_device(struct launch *l, struct plan_device *list, size_t *n, struct plan_device d,
		      struct berth_error *err)
{
	size_t at = 0;

	/* one of the specification takes the place of a usual one */
	while (at < *n && strcmp(list[at].path, d.path) != 0)
		at++;
	d.fd = -1;
	if (spec_has_own(l->spec, SPEC_NS_USER) && !S_ISFIFO(d.mode)) {
		int r = open_node(l, &d, err);

		if (r < 0)
			return r;
	}
	list[at] = d;
	if (at == *n)
		(*n)++;
	return 0;
}

/* Is /dev the host's, or another one that is not ours to fill? */
static bool dev_is_foreign(const struct spec *spec)
{
	for (size_t i = 0; i < spec->n_mounts; i++) {
		const char *target = spec->mounts[i].target;

		if (spec->mounts[i].kind == SPEC_MOUNT_BIND &&
		    (strcmp(target, "/dev") == 0 || strcmp(target, "/dev/") == 0))
			return true;
	}
	return false;
}

int devices_prepare(struct launch *l, struct berth_error *err)
{
	const struct spec *spec = l->spec;
	struct plan_device *list = arena_array(&l->arena, USUAL + spec->n_devices, sizeof(*list));
	bool foreign = dev_is_foreign(spec);
	size_t n = 0;
	int r = 0;

	if (!list)
		return no_memory(err);
	for (size_t i = 0; i < USUAL && !foreign && r == 0; i++)
		r = add_device(l, list, &n,
			       (struct plan_device){
				       .path = usual[i].path,
				       .mode = S_IFCHR | 0666,
				       .rdev = makedev(usual[i].major, usual[i].minor),
			       },
			       err);
	for (size_t i = 0; i < spec->n_devices && r == 0; i++) {
		const struct spec_device *s = &spec->devices[i];
		struct plan_device d = {
			.mode = s->mode,
			.rdev = makedev(s->major, s->minor),
			.uid = s->uid,
			.gid = s->gid,
		};

		r = mounts_target(&l->arena, s->path, &d.path, err);
		if (r == 0)
			r = add_device(l, list, &n, d, err);
	}
	l->plan.devices = list;
	l->plan.n_devices = n;
	l->plan.dev_links = !foreign;
	return r;
}

/* @name in @dir is that device already; or nothing is there any more. */
static bool settled(const struct inside *in, int dir, const char *name, const struct plan_device *d)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_mode == d->mode &&
	    st.st_rdev == d->rdev)
		return true;
	if (unlinkat(dir, name, 0) < 0)
		inside_die(in, 0, errno, "replace '/%s' by a device", d->path);
	return false;
}

static void make_node(const struct inside *in, int dir, const char *name,
		      const struct plan_device *d)
{
	while (mknodat(dir, name, d->mode, d->rdev) < 0) {
		if (errno != EEXIST)
			inside_die(in, 0, errno, "make device '/%s'", d->path);
		if (settled(in, dir, name, d))
			break;
	}
	if ((d->uid || d->gid) && fchownat(dir, name, d->uid, d->gid, AT_SYMLINK_NOFOLLOW) < 0)
		inside_die(in, 0, errno, "give device '/%s' to %d:%d", d->path, (int)d->uid,
			   (int)d->gid);
}

static void bind_node(const struct inside *in, int root, const struct plan_device *d)
{
	int target = inside_target(in, root, d->path, true);

	if (kernel_move_mount(d->fd, "", target, "",
			      MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		inside_die(in, 0, errno, "bind device '/%s'", d->path);
	(void)close(target);
}

static void make_links(const struct inside *in, int dev)
{
	static const struct {
		const char *name, *to;
	} links[] = {
		{"fd", "/proc/self/fd"},       {"stdin", "/proc/self/fd/0"},
		{"stdout", "/proc/self/fd/1"}, {"stderr", "/proc/self/fd/2"},
		{"core", "/proc/kcore"},       {"ptmx", "pts/ptmx"},
	};

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (symlinkat(links[i].to, dev, links[i].name) < 0 && errno != EEXIST)
			inside_die(in, 0, errno, "link '/dev/%s'", links[i].name);
}

/* "dev/x" -> "x": nearly all are there, and one look at the directory is enough. */
static const char *name_in_dev(const char *path)
{
	const char *name = path + 4;

	return strncmp(path, "dev/", 4) == 0 && !strchr(name, '/') ? name : NULL;
}

void devices_make(const struct inside *in, const struct plan *plan)
{
	int dev = -1;

	if (plan->dev_links || plan->n_devices)
		dev = inside_target(in, plan->root_fd, "dev", false);
	for (size_t i = 0; i < plan->n_devices; i++) {
		const struct plan_device *d = &plan->devices[i];
		const char *name = name_in_dev(d->path);
		int dir;

		if (d->fd >= 0) {
			bind_node(in, plan->root_fd, d);
		} else if (name) {
			make_node(in, dev, name, d);
		} else {
			dir = inside_parent(in, plan->root_fd, d->path, &name);
			make_node(in, dir, name, d);
			(void)close(dir);
		}
	}
	if (plan->dev_links)
		make_links(in, dev);
	if (dev >= 0)
		(void)close(dev);
}
