/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tries, in a state directory of its own, what the driver will do: a layer, a view, a mount, a file
 * written and one removed in it. What fails is reported with the kernel's own words.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"
#include "context.h"
#include "quota.h"

struct probe {
	const struct berth_host *host;
	struct berth_sink *findings;
	struct berth_storage *st;
	int scratch;
};

static void find(const struct probe *p, uint32_t level, const char *id, const char *text,
		 const char *fix)
{
	(void)p->host->finding(p->findings, level, id, text, fix);
}

static void find_error(const struct probe *p, uint32_t level, const char *id,
		       const struct berth_error *why, const char *fix)
{
	find(p, level, id, why->text, why->hint[0] ? why->hint : fix);
}

const char *overlay_bad_filesystem(uint64_t magic)
{
	static const struct {
		uint64_t magic;
		const char *name;
	} bad[] = {
		{NFS_SUPER_MAGIC, "nfs"},
		{CIFS_SUPER_MAGIC, "cifs"},
		{SMB2_SUPER_MAGIC, "smb"},
		{SMB_SUPER_MAGIC, "smb"},
		{V9FS_MAGIC, "9p"},
		{CEPH_SUPER_MAGIC, "ceph"},
		{AFS_FS_MAGIC, "afs"},
		{CODA_SUPER_MAGIC, "coda"},
		{MSDOS_SUPER_MAGIC, "vfat"},
		{EXFAT_SUPER_MAGIC, "exfat"},
		{ECRYPTFS_SUPER_MAGIC, "ecryptfs"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (bad[i].magic == magic)
			return bad[i].name;
	return NULL;
}

static const char FIX_FS[] = "put berth's root directory on ext4, xfs (with ftype=1) or btrfs";

/*
 * Filesystems of other machines: overlayfs takes them for layers, not for what is changed, and not
 * all of them refuse it at once. False: nothing more need be tried.
 */
static bool filesystem_can(const struct probe *p)
{
	cleanup_str struct str text = STR_INIT;
	struct statfs fs;
	const char *name;

	if (fstatfs(p->scratch, &fs) < 0)
		return true; /* what is tried next tells */
	name = overlay_bad_filesystem((uint64_t)fs.f_type);
	if (!name)
		return true;
	str_addf(&text,
		 "berth's root directory is on %s, where overlayfs cannot keep what containers "
		 "change",
		 name);
	find(p, BERTH_FINDING_ERROR, "overlay.filesystem", str_text(&text), FIX_FS);
	return false;
}

static bool is_nested(const struct probe *p)
{
	struct statfs fs;

	return fstatfs(p->scratch, &fs) == 0 && fs.f_type == OVERLAYFS_SUPER_MAGIC;
}

static bool kernel_has_it(const struct probe *p)
{
	struct berth_error why;
	struct context c;

	if (context_open(&c, p->st, &why) < 0) {
		find_error(p, BERTH_FINDING_ERROR, "overlay.kernel", &why, NULL);
		return false;
	}
	context_done(&c);
	return true;
}

static void try_xattr(const struct probe *p)
{
	cleanup_fd int fd = openat(p->scratch, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsetxattr(fd, "trusted.overlay.probe", "y", 1, 0) < 0) {
		find(p, BERTH_FINDING_ERROR, "overlay.xattr",
		     errno == EPERM
			     ? "trusted attributes cannot be set: CAP_SYS_ADMIN is missing"
			     : "the filesystem of the root directory has no trusted attributes",
		     errno == EPERM ? "run as root of the host" : FIX_FS);
		return;
	}
	(void)fremovexattr(fd, "trusted.overlay.probe");
}

static void try_whiteout(const struct probe *p)
{
	if (mknodat(p->scratch, "whiteout", S_IFCHR, 0) < 0) {
		find(p, BERTH_FINDING_ERROR, "overlay.whiteout",
		     "whiteouts (character devices 0/0) cannot be made here", FIX_FS);
		return;
	}
	(void)unlinkat(p->scratch, "whiteout", 0);
}

static void try_d_type(const struct probe *p)
{
	cleanup_fd int fd = openat(p->scratch, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char entries[1024];
	ssize_t n = fd < 0 ? -1 : getdents64(fd, entries, sizeof(entries));

	for (ssize_t at = 0; at < n;) {
		const struct dirent64 *e = (const void *)(entries + at);

		if (e->d_type == DT_UNKNOWN) {
			find(p, BERTH_FINDING_ERROR, "overlay.dtype",
			     "the filesystem does not say the type of directory entries (d_type), "
			     "so whiteouts would be visible",
			     FIX_FS);
			return;
		}
		at += e->d_reclen;
	}
}

/* A layer with two files, without the flush to the disk of a real one. */
static int make_layer(const struct probe *p, struct berth_error *err)
{
	cleanup_fd int layer = -1;
	cleanup_fd int diff = -1;
	int r = state_mkdirs(p->st->tree.layers, "probe", 0700, &layer, err);

	if (r == 0)
		r = state_mkdirs(layer, "diff", 0755, &diff, err);
	if (r == 0)
		r = state_replace(layer, "self", 0600, "probe\n", 6, 0, err);
	if (r == 0)
		r = state_replace(diff, "kept", 0644, "k", 1, 0, err);
	if (r == 0)
		r = state_replace(diff, "removed", 0644, "r", 1, 0, err);
	return r;
}

static int use_mount(int root, struct berth_error *err)
{
	cleanup_fd int fd = openat(root, "kept", O_WRONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || write(fd, "x", 1) != 1)
		return berth_fail_errno(err, errno, "change a file of a layer");
	if (unlinkat(root, "removed", 0) < 0)
		return berth_fail_errno(err, errno, "remove a file of a layer");
	if (fstatat(root, "removed", &st, AT_SYMLINK_NOFOLLOW) == 0)
		return berth_fail(err, BERTH_E_UNSUPPORTED, "a removed file is still there");
	return 0;
}

static int mount_view(const struct probe *p, const char *view, uint32_t flags,
		      struct berth_error *err)
{
	const struct berth_view_opts opts = {.size = sizeof(opts), .userns_fd = -1};
	cleanup_fd int fd = -1;
	int r = overlay_view_create(p->st, view, "probe", flags, NULL, err);

	if (r == 0)
		r = overlay_view_mount(p->st, view, &opts, &fd, err);
	return r < 0 ? r : use_mount(fd, err);
}

static bool try_mount(const struct probe *p)
{
	struct berth_error why;
	int r = make_layer(p, &why);

	if (r == 0)
		r = mount_view(p, "probe", 0, &why);
	if (r == 0) {
		find(p, BERTH_FINDING_OK, "overlay.mount", "layers can be stacked and changed",
		     NULL);
		return true;
	}
	if (is_nested(p))
		find(p, BERTH_FINDING_ERROR, "overlay.nested",
		     "berth's root directory is on overlayfs itself (a container?), which cannot "
		     "be "
		     "stacked again",
		     "mount a volume there, or use the storage driver vfs");
	else
		find_error(p, BERTH_FINDING_ERROR, "overlay.mount", &why, FIX_FS);
	return false;
}

static void try_volatile(const struct probe *p)
{
	struct berth_error why;

	if (mount_view(p, "volatile", BERTH_VIEW_VOLATILE, &why) < 0)
		find_error(p, BERTH_FINDING_WARN, "overlay.volatile", &why,
			   "use Linux 5.10 or newer; until then run --rm does not work here");
}

static void tell_lower(const struct probe *p)
{
	switch (atomic_load(&p->st->lower)) {
	case OVERLAY_LOWER_UNKNOWN:
	case OVERLAY_LOWER_FD:
	case OVERLAY_LOWER_EACH:
		find(p, BERTH_FINDING_OK, "overlay.layers", "images may have up to 500 layers",
		     NULL);
		break;
	case OVERLAY_LOWER_JOINED:
	case OVERLAY_LOWER_GLUED:
		find(p, BERTH_FINDING_WARN, "overlay.layers",
		     "this kernel takes only about 200 layers per image (14 with lower=joined)",
		     "use Linux 6.5 or newer");
		break;
	}
}

/*
 * Whether the filesystem can map owners shows only with a user namespace, which a driver must not
 * make; whether overlayfs takes layers from such a mount shows without.
 */
static void try_idmap(const struct probe *p)
{
	const struct overlay_spec spec = {
		.layer = "probe", .userns_fd = -1, .detached_layers = true};
	struct berth_error why;
	cleanup_fd int fd = -1;

	if (overlay_mount(p->st, &spec, &fd, &why) < 0)
		find_error(p, BERTH_FINDING_INFO, "overlay.idmap", &why,
			   "use Linux 6.15 or newer for containers with user namespaces");
	else
		find(p, BERTH_FINDING_OK, "overlay.idmap",
		     "the kernel takes mapped layers, for containers with user namespaces", NULL);
}

static void tell_quota(const struct probe *p)
{
	struct berth_error why;
	bool works;

	if (quota_works(p->scratch, &works, &why) < 0)
		find_error(p, BERTH_FINDING_WARN, "overlay.quota", &why, "run as root");
	else if (works)
		find(p, BERTH_FINDING_OK, "overlay.quota", "the size of containers can be limited",
		     NULL);
	else
		find(p, BERTH_FINDING_INFO, "overlay.quota",
		     "the filesystem keeps no project quotas: --storage-opt size= does not work",
		     "mount it with prjquota (xfs, or ext4 made with -O quota,project)");
}

static void look(const struct probe *p)
{
	/* on overlayfs that is the reason, and not one of those that come of it */
	bool nested = is_nested(p);

	if (!filesystem_can(p) || (nested && !(kernel_has_it(p) && try_mount(p))))
		return;
	try_xattr(p);
	try_whiteout(p);
	try_d_type(p);
	if (!nested && !(kernel_has_it(p) && try_mount(p)))
		return;
	tell_lower(p);
	try_volatile(p);
	try_idmap(p);
	tell_quota(p);
}

int overlay_probe(const struct berth_host *host, const struct berth_conf *conf, int scratch_fd,
		  struct berth_sink *findings, struct berth_error *err)
{
	struct probe p = {.host = host, .findings = findings, .scratch = scratch_fd};
	void *instance;
	int r = overlay_open(host, conf, scratch_fd, &instance, err);

	if (r == 0) {
		p.st = instance;
		look(&p);
		overlay_close(instance);
	}
	if (r == 0)
		return remove_tree_content(scratch_fd, err);
	(void)remove_tree_content(scratch_fd, NULL); /* the first failure counts */
	return r;
}
