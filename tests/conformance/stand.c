/* SPDX-License-Identifier: Apache-2.0 */
/* Filesystems to stand on. */
#include <linux/loop.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "tests/conformance/stand.h"

enum {
	IMAGE_BYTES = 512 << 20,
	SMALL_BYTES = 128 << 20, /* below that btrfs is only made with data and metadata mixed */
};

/* Run @argv; its output goes nowhere. */
static bool run_program(const char *const argv[])
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		(void)dup2(null, STDOUT_FILENO);
		(void)dup2(null, STDERR_FILENO);
		(void)execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* A free loop device with file @fd in it, which goes when nothing uses it. Its path in @path. */
static bool attach_loop(int fd, char path[static 32])
{
	cleanup_fd int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);

	for (int tries = 0; control >= 0 && tries < 16; tries++) {
		struct loop_config config = {.fd = (uint32_t)fd,
					     .info = {.lo_flags = LO_FLAGS_AUTOCLEAR}};
		int n = ioctl(control, LOOP_CTL_GET_FREE);
		int loop;

		(void)snprintf(path, 32, "/dev/loop%d", n);
		loop = n < 0 ? -1 : open(path, O_RDWR | O_CLOEXEC); /* open until we end */
		if (loop >= 0 && ioctl(loop, LOOP_CONFIGURE, &config) == 0)
			return true;
		if (loop >= 0)
			(void)close(loop);
	}
	return false;
}

/*
 * A file for a filesystem, in memory: the drivers are on trial, not the disk, and a filesystem that
 * waits for it at each commit makes the suite several times as long. -1: no room.
 */
static int make_image(off_t bytes, char path[static 64])
{
	int fd = memfd_create("berth-fs", MFD_CLOEXEC);

	(void)snprintf(path, 64, "/proc/%d/fd/%d", (int)getpid(), fd);
	if (fd >= 0 && ftruncate(fd, bytes) == 0)
		return fd;
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

/* What mkfs is told besides. */
static const char *const *mkfs_words(const char *type, size_t bytes, const char *options)
{
	static const char *const none[] = {NULL, NULL};
	static const char *const mixed[] = {"-M", NULL};
	static const char *const quota[] = {"-O", "quota,project"};

	if (str_eq(type, "btrfs") && bytes < SMALL_BYTES)
		return mixed;
	return str_eq(type, "ext4") && strstr(options, "prjquota") ? quota : none;
}

const char *stand_disk(const char *what, size_t bytes, const char *dir)
{
	cleanup_free char *type = strndup(what, strcspn(what, ","));
	const char *options = what + strcspn(what, ",");
	char image[64];
	char mkfs[32];
	char loop[32];
	cleanup_fd int fd = make_image((off_t)bytes, image);
	const char *const *words;

	if (fd < 0 || !type)
		return "no room for an image";
	options += *options == ',';
	words = mkfs_words(type, bytes, options);
	(void)snprintf(mkfs, sizeof(mkfs), "mkfs.%s", type);
	if (!run_program((const char *const[]){mkfs, "-q", words[0] ? words[0] : image,
					       words[1]	  ? words[1]
					       : words[0] ? image
							  : NULL,
					       words[1] ? image : NULL, NULL}))
		return "no mkfs for this filesystem";
	if (!attach_loop(fd, loop))
		return "no loop device";
	return mount(loop, dir, type, 0, options) < 0 ? "the kernel does not mount this" : NULL;
}

const char *stand_on(const char *type)
{
	if (geteuid() != 0)
		return "needs root to mount";
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return "no mount namespace of our own";
	if (str_eq(type, "tmpfs"))
		return mount("tmpfs", "/var/tmp", "tmpfs", 0, "size=512m") < 0 ? "no tmpfs" : NULL;
	return stand_disk(type, IMAGE_BYTES, "/var/tmp");
}

const char *stand_type(const char *path)
{
	static const struct {
		unsigned long magic;
		const char *name;
	} types[] = {
		{EXT4_SUPER_MAGIC, "ext4"},
		{0x58465342, "xfs"},
		{BTRFS_SUPER_MAGIC, "btrfs"},
		{TMPFS_MAGIC, "tmpfs"},
		{OVERLAYFS_SUPER_MAGIC, "overlay"},
		{0xF2F52010, "f2fs"},
		{0x2FC12FC1, "zfs"},
		{0xCA451A4E, "bcachefs"},
	};
	static char other[24];
	struct statfs fs;

	if (statfs(path, &fs) < 0)
		return "?";
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if ((unsigned long)fs.f_type == types[i].magic)
			return types[i].name;
	}
	(void)snprintf(other, sizeof(other), "0x%lx", (unsigned long)fs.f_type);
	return other;
}
