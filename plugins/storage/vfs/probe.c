/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../tree/newmount.h"
#include "base/cleanup.h"
#include "base/path.h"
#include "vfs.h"

struct probe {
	const struct berth_host *host;
	struct berth_sink *findings;
	struct berth_storage *st;
};

static void find(const struct probe *p, uint32_t level, const char *id, const char *text,
		 const char *fix)
{
	(void)p->host->finding(p->findings, level, id, text, fix);
}

/* A tree with one of each kind. */
static int make_sample(int dirfd, struct berth_error *err)
{
	static const char bytes[8192] = "sample";
	int r = state_replace(dirfd, "file", 04755, bytes, sizeof(bytes), 0, err);

	if (r == 0)
		r = state_mkdir(dirfd, "dir", 0750, 0, err);
	if (r < 0)
		return r;
	if (linkat(dirfd, "file", dirfd, "dir/name", 0) < 0)
		return berth_fail_errno(err, errno, "make a hard link");
	if (symlinkat("file", dirfd, "link") < 0)
		return berth_fail_errno(err, errno, "make a symlink");
	if (mknodat(dirfd, "null", S_IFCHR | 0666, 0x103) < 0)
		return berth_fail_errno(err, errno, "make a device");
	if (mknodat(dirfd, "fifo", S_IFIFO | 0600, 0) < 0)
		return berth_fail_errno(err, errno, "make a fifo");
	return 0;
}

static int try_copy(const struct probe *p, int scratch, struct berth_error *err)
{
	cleanup_fd int from = -1;
	cleanup_fd int to = -1;
	cleanup_fd int links = -1;
	int r = state_mkdirs(scratch, "from", 0700, &from, err);

	if (r == 0)
		r = state_mkdirs(scratch, "to", 0700, &to, err);
	if (r == 0)
		r = state_mkdirs(scratch, "links", 0700, &links, err);
	if (r == 0)
		r = make_sample(from, err);
	return r < 0 ? r : vfs_copy(p->st, from, to, links, NULL, err);
}

static void tell_reflink(const struct probe *p)
{
	if (p->st->reflink == FILE_COPY_REFLINK_NEVER || atomic_load(&p->st->no_reflink))
		find(p, BERTH_FINDING_WARN, "vfs.reflink",
		     "copies share nothing: each layer and each container takes the room, and the "
		     "time to write, of its whole image",
		     "use the storage driver overlay, or put berth's root directory on btrfs or "
		     "xfs");
	else
		find(p, BERTH_FINDING_OK, "vfs.reflink",
		     "copies share their blocks: a layer or container costs its files' metadata",
		     NULL);
}

static void try_mount(const struct probe *p, int scratch)
{
	struct berth_error why;
	cleanup_fd int fd = -1;

	/* with an attribute, so that mount_setattr is tried, which user namespaces need */
	if (clone_mount(scratch, MOUNT_ATTR_RDONLY, -1, &fd, &why) < 0)
		find(p, BERTH_FINDING_ERROR, "vfs.mount", why.text, "use Linux 5.12 or newer");
	else
		find(p, BERTH_FINDING_OK, "vfs.mount", "views can be mounted", NULL);
}

int vfs_probe(const struct berth_host *host, const struct berth_conf *conf, int scratch_fd,
	      struct berth_sink *findings, struct berth_error *err)
{
	struct probe p = {.host = host, .findings = findings};
	struct berth_error why;
	void *instance;
	int r = vfs_open(host, conf, scratch_fd, &instance, err);

	if (r == 0) {
		p.st = instance;
		if (try_copy(&p, scratch_fd, &why) < 0)
			find(&p, BERTH_FINDING_ERROR, "vfs.copy", why.text,
			     why.hint[0] ? why.hint : "run as root, on a local filesystem");
		else
			tell_reflink(&p);
		try_mount(&p, scratch_fd);
		vfs_close(instance);
		return remove_tree_content(scratch_fd, err);
	}
	(void)remove_tree_content(scratch_fd, NULL); /* the first failure counts */
	return r;
}
