/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../tree/newmount.h"
#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"
#include "btrfs.h"
#include "quota.h"
#include "subvol.h"

struct probe {
	const struct berth_host *host;
	struct berth_sink *findings;
	int dir; /* a directory of our own, where the state would be */
};

static void find(const struct probe *p, uint32_t level, const char *id, const char *text,
		 const char *fix)
{
	(void)p->host->finding(p->findings, level, id, text, fix);
}

static int snapshot_twice(const struct probe *p, struct berth_error *err)
{
	cleanup_fd int one = -1;
	int r = subvol_create(p->dir, "one", 0755, err);

	if (r == 0)
		r = state_open(p->dir, "one", O_RDONLY | O_DIRECTORY, 0, &one, err);
	if (r == 0)
		r = state_mkdir(one, "dir", 0755, 0, err);
	if (r == 0)
		r = subvol_set_read_only(one, true, err);
	if (r == 0)
		r = subvol_snapshot(one, p->dir, "two", err);
	if (r < 0)
		return r;
	/* a snapshot can be written, and what it was made of cannot */
	if (mkdirat(p->dir, "two/dir/below", 0755) < 0)
		return berth_fail_errno(err, errno, "write to a snapshot");
	if (mkdirat(p->dir, "one/dir/below", 0755) == 0)
		return berth_fail(err, BERTH_E_UNSUPPORTED, "a layer can be written");
	return 0;
}

/* What removes directories stops at what is read-only. */
static int clean(const struct probe *p, struct berth_error *err)
{
	static const char *const names[] = {"one", "two"};
	struct berth_error why;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int r = subvol_destroy(p->dir, names[i], &why);

		if (r < 0 && r != -BERTH_E_NOT_FOUND) {
			if (err)
				*err = why;
			return r;
		}
	}
	return 0;
}

static void try_snapshots(const struct probe *p)
{
	struct berth_error why;

	if (snapshot_twice(p, &why) < 0)
		find(p, BERTH_FINDING_ERROR, "btrfs.snapshot", why.text,
		     "run as root, on btrfs of Linux 5.12 or newer");
	else
		find(p, BERTH_FINDING_OK, "btrfs.snapshot",
		     "layers are read-only subvolumes, containers are snapshots of them", NULL);
}

static void try_mount(const struct probe *p)
{
	struct berth_error why;
	cleanup_fd int fd = -1;

	/* with an attribute, so that mount_setattr is tried, which user namespaces need */
	if (clone_mount(p->dir, MOUNT_ATTR_RDONLY, -1, &fd, &why) < 0)
		find(p, BERTH_FINDING_ERROR, "btrfs.mount", why.text, "use Linux 5.12 or newer");
	else
		find(p, BERTH_FINDING_OK, "btrfs.mount", "views can be mounted", NULL);
}

static void tell_quota(const struct probe *p)
{
	enum quota_mode mode;
	struct berth_error why;

	if (quota_mode(p->dir, &mode, &why) < 0)
		find(p, BERTH_FINDING_WARN, "btrfs.quota", why.text, "run as root");
	else if (mode == QUOTA_OFF)
		find(p, BERTH_FINDING_INFO, "btrfs.quota",
		     "quotas are off: --storage-opt size= does not work",
		     "`btrfs quota enable DIR`, or the option quota=enable");
	else
		find(p, BERTH_FINDING_OK, "btrfs.quota", "the size of containers can be limited",
		     NULL);
}

static int look(const struct probe *p, struct berth_error *err)
{
	int r;

	try_snapshots(p);
	try_mount(p);
	tell_quota(p);
	r = clean(p, err);
	if (r < 0)
		(void)clean(p, NULL); /* nobody else can remove what is read-only */
	return r;
}

/* In a directory beside the one that the option dir leads to. */
static int probe_elsewhere(struct probe *p, const char *path, struct berth_error *err)
{
	char name[] = "berth-probe.4294967295";
	cleanup_fd int top = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct berth_error why;
	int r;

	if (top < 0) {
		r = berth_fail_errno(&why, errno, "open '%s'", path);
		find(p, BERTH_FINDING_ERROR, "btrfs.filesystem", why.text,
		     "mount the filesystem that the option dir names");
		return 0;
	}
	if (place_check(top, &why) < 0) {
		find(p, BERTH_FINDING_ERROR, "btrfs.filesystem", why.text, why.hint);
		return 0;
	}
	(void)snprintf(name, sizeof(name), "berth-probe.%d", (int)getpid());
	r = state_mkdirs(top, name, 0700, &p->dir, err);
	if (r < 0)
		return r;
	r = look(p, err);
	close_fd(&p->dir);
	return r < 0 ? r : remove_tree(top, name, err);
}

int btrfs_probe(const struct berth_host *host, const struct berth_conf *conf, int scratch_fd,
		struct berth_sink *findings, struct berth_error *err)
{
	struct probe p = {.host = host, .findings = findings, .dir = scratch_fd};
	const char *path = conf ? host->conf_str(conf, "dir") : NULL;
	struct berth_error why;
	int r;

	if (path)
		return probe_elsewhere(&p, path, err);
	if (place_check(scratch_fd, &why) < 0) {
		find(&p, BERTH_FINDING_ERROR, "btrfs.filesystem", why.text, why.hint);
		return 0;
	}
	r = look(&p, err);
	return r < 0 ? r : remove_tree_content(scratch_fd, err);
}
