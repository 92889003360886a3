/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removal of trees whose shape and contents somebody hostile may have made: a million levels deep,
 * with mounts, immutable files, directories without permissions. Memory and descriptors stay
 * bounded: a directory DEPTH_MAX levels below the top is moved up to the top before it is entered.
 */
#include "base/path.h"

#include <dirent.h>
#include <errno.h>
#include <linux/btrfs.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"

enum {
	DEPTH_MAX = 48,
	ENTRIES_BYTES = 32768,
	SCANS_MAX = 64, /* of one directory into which somebody else writes while we empty it */
	MOVE_TRIES = 1000,
	SUBVOLUME_INO = 256, /* of the top of each subvolume of btrfs */
};

/* A directory that is being emptied, with those of its directories that are not empty. */
struct level {
	int fd;
	unsigned scans;
	char *name; /* in the level above */
	char **dirs;
	size_t n;
	size_t cap;
};

struct removal {
	struct level levels[DEPTH_MAX];
	unsigned depth;
	unsigned moved; /* names given so far */
	char *entries;
	struct berth_error *err;
};

static void level_done(struct level *l, bool close_it)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->dirs[i]);
	free(l->dirs);
	free(l->name);
	if (close_it)
		close_fd(&l->fd);
}

static int remember(struct removal *rm, struct level *l, const char *name)
{
	char *copy = strdup(name);

	if (copy && l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 16;
		char **dirs = reallocarray(l->dirs, cap, sizeof(char *));

		if (!dirs) {
			free(copy);
			copy = NULL;
		} else {
			l->dirs = dirs;
			l->cap = cap;
		}
	}
	if (!copy)
		return berth_fail(rm->err, BERTH_E_NO_MEMORY, "out of memory");
	l->dirs[l->n++] = copy;
	return 0;
}

static void clear_flags(int fd)
{
	int flags;

	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 && flags & (FS_IMMUTABLE_FL | FS_APPEND_FL)) {
		flags &= ~(FS_IMMUTABLE_FL | FS_APPEND_FL);
		(void)ioctl(fd, FS_IOC_SETFLAGS, &flags); /* the caller tries again and sees */
	}
}

/* Remove what may stand between us and removing or entering @name in @dirfd. */
static void make_removable(int dirfd, const char *name)
{
	cleanup_fd int found = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	char self[32];

	clear_flags(dirfd);
	if (fstat(dirfd, &st) == 0 && (st.st_mode & 0700) != 0700)
		(void)fchmod(dirfd, 0700);
	if (found < 0 || fstat(found, &st) < 0 || !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
		return;
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", found);
	if (S_ISDIR(st.st_mode) && (st.st_mode & 0700) != 0700)
		(void)chmod(self, 0700);
	cleanup_fd int fd = open(self, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		clear_flags(fd);
}

/* unlinkat, a second time after make_removable. 0 or -errno; what is gone already is gone. */
static int unlink_hard(int dirfd, const char *name, int flags)
{
	for (int tries = 0;; tries++) {
		if (unlinkat(dirfd, name, flags) == 0 || errno == ENOENT)
			return 0;
		if (tries || (errno != EPERM && errno != EACCES))
			return -errno;
		make_removable(dirfd, name);
	}
}

/* In a subvolume of btrfs that is read-only nothing can be removed. */
static void clear_read_only(int fd)
{
	struct stat st;
	__u64 flags;

	if (fstat(fd, &st) < 0 || st.st_ino != SUBVOLUME_INO ||
	    ioctl(fd, BTRFS_IOC_SUBVOL_GETFLAGS, &flags) < 0 || !(flags & BTRFS_SUBVOL_RDONLY))
		return;
	flags &= ~(__u64)BTRFS_SUBVOL_RDONLY;
	(void)ioctl(fd, BTRFS_IOC_SUBVOL_SETFLAGS, &flags); /* what comes next fails, then */
}

static int enter(int dirfd, const char *name, int *ret_fd)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};

	for (int tries = 0;; tries++) {
		long fd = syscall(SYS_openat2, dirfd, name, &how, sizeof(how));

		if (fd >= 0) {
			clear_read_only((int)fd);
			*ret_fd = (int)fd;
			return 0;
		}
		if (errno == EAGAIN || errno == EINTR) {
			if (tries < SCANS_MAX)
				continue;
		} else if (errno == EACCES && tries == 0) {
			make_removable(dirfd, name);
			continue;
		}
		return -errno;
	}
}

static int fail_remove(struct berth_error *err, int sys_errno, const char *name)
{
	if (sys_errno == EXDEV || sys_errno == EBUSY)
		return berth_fail(err, BERTH_E_BUSY, "remove '%s': something is mounted there",
				  name);
	if (sys_errno == ENOSYS)
		return berth_fail(err, BERTH_E_UNSUPPORTED,
				  "remove '%s': this kernel has no openat2, needs Linux 5.6", name);
	return berth_fail_errno(err, sys_errno, "remove '%s'", name);
}

/* Remove one entry, or remember it if it is a directory with something in it. */
static int remove_entry(struct removal *rm, struct level *l, const char *name, unsigned char type)
{
	int r = type == DT_DIR ? -EISDIR : unlink_hard(l->fd, name, 0);

	if (r == -EISDIR)
		r = unlink_hard(l->fd, name, AT_REMOVEDIR);
	if (r == -ENOTDIR) /* it was a directory a moment ago */
		r = unlink_hard(l->fd, name, 0);
	if (r == -ENOTEMPTY || r == -EEXIST)
		return remember(rm, l, name);
	return r < 0 ? fail_remove(rm->err, -r, name) : 0;
}

static int scan(struct removal *rm, struct level *l)
{
	l->scans++;
	if (lseek(l->fd, 0, SEEK_SET) < 0)
		return berth_fail_errno(rm->err, errno, "rewind a directory");
	for (;;) {
		ssize_t n = getdents64(l->fd, rm->entries, ENTRIES_BYTES);

		if (n < 0)
			return berth_fail_errno(rm->err, errno, "list a directory");
		if (n == 0)
			return 0;
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *e = (const void *)(rm->entries + at);
			int r = 0;

			if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
				r = remove_entry(rm, l, e->d_name, e->d_type);
			if (r < 0)
				return r;
			at += e->d_reclen;
		}
	}
}

/* Give directory @name at @from, which is too deep, a name in the top directory. */
static int move_up(struct removal *rm, struct level *from, const char *name)
{
	struct level *top = &rm->levels[0];

	for (int tries = 0; tries < MOVE_TRIES; tries++) {
		char fresh[32];

		(void)snprintf(fresh, sizeof(fresh), ".deep-%u", rm->moved++);
		if (renameat2(from->fd, name, top->fd, fresh, RENAME_NOREPLACE) == 0)
			return remember(rm, top, fresh);
		if (errno == ENOENT)
			return 0;
		if (errno == EPERM || errno == EACCES) {
			make_removable(from->fd, name);
			make_removable(top->fd, ".");
		} else if (errno != EEXIST) {
			break;
		}
	}
	return fail_remove(rm->err, errno, name);
}

/* Go into directory @name (owned, also on failure) of the lowest level. */
static int descend(struct removal *rm, char *name)
{
	cleanup_free char *owned = name;
	struct level *above = &rm->levels[rm->depth - 1];
	struct level *l = &rm->levels[rm->depth];
	int fd;
	int r;

	if (rm->depth == DEPTH_MAX)
		return move_up(rm, above, name);
	r = enter(above->fd, name, &fd);
	if (r == -ENOENT)
		return 0;
	if (r == -ENOTDIR || r == -ELOOP)
		return remove_entry(rm, above, name, DT_UNKNOWN);
	if (r < 0)
		return fail_remove(rm->err, -r, name);
	*l = (struct level){.fd = fd, .name = steal_ptr(owned)};
	rm->depth++;
	return scan(rm, l);
}

/* The lowest level should be empty: remove it and go up. */
static int ascend(struct removal *rm)
{
	struct level *l = &rm->levels[rm->depth - 1];
	struct level *above = &rm->levels[rm->depth - 2];
	int r = unlink_hard(above->fd, l->name, AT_REMOVEDIR);

	if (r == -ENOTEMPTY || r == -EEXIST) {
		if (l->scans < SCANS_MAX)
			return scan(rm, l);
		return berth_fail(rm->err, BERTH_E_BUSY, "remove '%s': somebody writes into it",
				  l->name);
	}
	if (r < 0)
		return fail_remove(rm->err, -r, l->name);
	level_done(l, true);
	rm->depth--;
	return 0;
}

static int empty_directory(int dirfd, struct berth_error *err)
{
	struct removal *rm = calloc(1, sizeof(*rm));
	int r;

	if (rm)
		rm->entries = malloc(ENTRIES_BYTES);
	if (!rm || !rm->entries) {
		free(rm);
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	}
	rm->err = err;
	rm->levels[0] = (struct level){.fd = dirfd};
	rm->depth = 1;
	r = scan(rm, &rm->levels[0]);
	while (r == 0) {
		struct level *l = &rm->levels[rm->depth - 1];

		if (l->n)
			r = descend(rm, l->dirs[--l->n]);
		else if (rm->depth > 1)
			r = ascend(rm);
		else
			break;
	}
	for (; rm->depth; rm->depth--)
		level_done(&rm->levels[rm->depth - 1], rm->depth > 1);
	free(rm->entries);
	free(rm);
	return r;
}

int remove_tree_content(int dirfd, struct berth_error *err)
{
	cleanup_fd int fd = -1;
	/* its own descriptor: the position within the caller's stays where it is, and O_PATH will
	 * do */
	int r = state_open(dirfd, "", O_RDONLY | O_DIRECTORY, 0, &fd, err);

	return r < 0 ? r : empty_directory(fd, err);
}

int remove_tree(int dirfd, const char *name, struct berth_error *err)
{
	cleanup_fd int fd = -1;
	int r;

	if (!path_is_name(name))
		return berth_fail(err, BERTH_E_INVALID, "'%s' is not a name within a directory",
				  name);
	r = unlink_hard(dirfd, name, 0);
	for (unsigned scans = 0; r == -EISDIR || r == -ENOTEMPTY || r == -EEXIST; scans++) {
		if (scans == SCANS_MAX)
			return berth_fail(err, BERTH_E_BUSY, "remove '%s': somebody writes into it",
					  name);
		close_fd(&fd);
		r = enter(dirfd, name, &fd);
		if (r == -ENOENT)
			return 0;
		if (r < 0)
			break;
		r = empty_directory(fd, err);
		if (r < 0) {
			berth_error_prefix(err, "remove '%s'", name);
			return r;
		}
		r = unlink_hard(dirfd, name, AT_REMOVEDIR);
	}
	return r < 0 ? fail_remove(err, -r, name) : 0;
}
