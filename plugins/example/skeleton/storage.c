/* SPDX-License-Identifier: Apache-2.0 */
/*
 * skeleton - a storage driver in its minimal form: every layer and every view is a directory with a
 * copy of everything.
 *
 *	format			"skeleton 1"
 *	layers/NAME/		tree: its files and those of all layers below; below: its parent
 *	views/NAME/		tree: its files, or read-only: it is its layer; below: that
 *	making/layer-NAME/	what is being made, locked by its maker; a dead one's is nobody's
 *	trash/			what was removed, until reclaim
 *
 * Things become visible, and go, by one rename. So a process may be killed at any moment, and any
 * number of them may work here at the same time. What each call promises is in <berth/storage.h>.
 *
 * Where to begin: a filesystem that can do better than copying does it in clone_tree().
 */
#include <berth/storage.h>

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define FORMAT "skeleton 1\n"

enum {
	NAME_BYTES = 129,	 /* of a layer or view, with its NUL */
	PATH_BYTES = 192,	 /* of "FOLDER/KEY", relative to the state directory */
	DEPTH_MAX = 450,	 /* of directories: two descriptors each while they are copied */
	PIECE_BYTES = 64 << 20,	 /* of a file, until we ask again whether the user gave up */
	XATTRS_BYTES = 64 << 10, /* Linux has no more */
};

struct berth_storage {
	const struct berth_host *host;
	int state; /* our directory */
};

struct berth_ingest {
	struct berth_storage *st;
	char layer[NAME_BYTES];
	char parent[NAME_BYTES]; /* "" for none */
	char key[PATH_BYTES];	 /* in making/ */
	int making;		 /* that directory, locked */
};

static void close_fd(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
	errno = saved;
}
#define cleanup_fd __attribute__((cleanup(close_fd)))

static void close_dir(DIR **dir)
{
	int saved = errno;

	if (*dir)
		(void)closedir(*dir);
	errno = saved;
}
#define cleanup_dir __attribute__((cleanup(close_dir)))

/* Hand a descriptor on to the caller: it is not closed here. */
static int steal_fd(int *fd)
{
	int is = *fd;

	*fd = -1;
	return is;
}

/* [a-z0-9][a-z0-9_.:-]{0,127}, which is good as the name of a file. */
static int check_name(const char *name, struct berth_error *err)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.:-");

	if (name[0] && strchr(first, name[0]) && !name[n] && n < NAME_BYTES)
		return 0;
	return berth_fail(err, BERTH_E_INVALID, "'%.140s' is no name", name);
}

static void path_of(char out[PATH_BYTES], const char *folder, const char *name, const char *file)
{
	(void)snprintf(out, PATH_BYTES, "%s/%s%s%s", folder, name, file[0] ? "/" : "", file);
}

static int open_dir(int dir, const char *path, int *ret, struct berth_error *err)
{
	int fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return berth_fail_errno(err, errno, "open '%s'", path);
	*ret = fd;
	return 0;
}

/* 1: there is one; 0: there is none; else why we cannot know. */
static int is_there(const struct berth_storage *st, const char *folder, const char *name,
		    struct berth_error *err)
{
	char path[PATH_BYTES];
	struct stat at;

	path_of(path, folder, name, "");
	if (fstatat(st->state, path, &at, AT_SYMLINK_NOFOLLOW) == 0)
		return 1;
	return errno == ENOENT ? 0 : berth_fail_errno(err, errno, "look for '%s'", path);
}

static int need(const struct berth_storage *st, const char *folder, const char *name,
		struct berth_error *err)
{
	int r = is_there(st, folder, name, err);

	if (r == 0)
		return berth_fail(err, BERTH_E_NOT_FOUND, "there is no '%s' in %s", name, folder);
	return r < 0 ? r : 0;
}

static int need_none(const struct berth_storage *st, const char *folder, const char *name,
		     struct berth_error *err)
{
	int r = is_there(st, folder, name, err);

	if (r > 0)
		return berth_fail(err, BERTH_E_EXISTS, "'%s' is in %s already", name, folder);
	return r;
}

static int check_cancelled(const struct berth_storage *st, struct berth_op *op,
			   struct berth_error *err)
{
	if (!st->host->cancelled(op))
		return 0;
	return berth_fail(err, BERTH_E_CANCELLED, "cancelled");
}

/* ----------------------------------------------------------------------------------------- locks */

static int lock_dir(int fd, int how, struct berth_error *err)
{
	int r;

	do
		r = flock(fd, how);
	while (r < 0 && errno == EINTR);
	if (r == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return berth_fail(err, BERTH_E_BUSY, "another process is at it");
	return berth_fail_errno(err, errno, "lock a directory");
}

/* Shared by who begins to stand on a layer, exclusive for who removes one. Closing unlocks. */
static int lock_all(const struct berth_storage *st, int how, int *ret, struct berth_error *err)
{
	cleanup_fd int fd = -1;
	int r = open_dir(st->state, ".", &fd, err);

	if (r == 0)
		r = lock_dir(fd, how, err);
	if (r == 0)
		*ret = steal_fd(&fd);
	return r;
}

/* The directory making/@key, made if need be, is ours until *ret is closed. */
static int hold(const struct berth_storage *st, const char *key, int how, int *ret,
		struct berth_error *err)
{
	char path[PATH_BYTES];

	path_of(path, "making", key, "");
	for (;;) {
		cleanup_fd int fd = -1;
		struct stat ours;
		struct stat there;
		int r;

		if (mkdirat(st->state, path, 0700) < 0 && errno != EEXIST)
			return berth_fail_errno(err, errno, "make '%s'", path);
		r = open_dir(st->state, path, &fd, err);
		if (r == -BERTH_E_NOT_FOUND)
			continue; /* whoever had it was faster */
		if (r == 0)
			r = lock_dir(fd, how, err);
		if (r < 0)
			return r;
		if (fstat(fd, &ours) < 0)
			return berth_fail_errno(err, errno, "look at '%s'", path);
		/* it may have become visible, or gone, while we waited */
		if (fstatat(st->state, path, &there, AT_SYMLINK_NOFOLLOW) == 0) {
			if (ours.st_ino != there.st_ino)
				continue;
			*ret = steal_fd(&fd);
			return 0;
		}
		if (errno != ENOENT)
			return berth_fail_errno(err, errno, "look for '%s'", path);
	}
}

/* --------------------------------------------------------------------------------------- removing */

struct removal {
	const struct berth_storage *st;
	struct berth_op *op; /* or NULL */
	uint64_t bytes;	     /* freed */
};

static int empty_dir(struct removal *rm, int dir, int depth, struct berth_error *err);

/* Containers may leave immutable files behind. */
static void make_mutable(int fd)
{
	int flags;

	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		return;
	flags &= ~(FS_IMMUTABLE_FL | FS_APPEND_FL);
	(void)ioctl(fd, FS_IOC_SETFLAGS, &flags); /* if it fails, so does the removal */
}

static int unlink_entry(int dir, const char *name, const struct stat *at)
{
	int flags = S_ISDIR(at->st_mode) ? AT_REMOVEDIR : 0;

	if (unlinkat(dir, name, flags) == 0 || errno == ENOENT)
		return 0;
	if (errno != EPERM)
		return -1;
	make_mutable(dir);
	if (S_ISDIR(at->st_mode) || S_ISREG(at->st_mode)) {
		cleanup_fd int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

		make_mutable(fd);
	}
	return unlinkat(dir, name, flags);
}

/* Into trash/, under a name that nothing else there has. */
static int discard(const struct berth_storage *st, int dir, const char *path,
		   struct berth_error *err)
{
	char to[PATH_BYTES];
	struct stat at;

	if (fstatat(dir, path, &at, AT_SYMLINK_NOFOLLOW) == 0) {
		(void)snprintf(to, sizeof(to), "trash/%llu", (unsigned long long)at.st_ino);
		if (renameat(dir, path, st->state, to) == 0)
			return 0;
	}
	return errno == ENOENT ? 0 : berth_fail_errno(err, errno, "remove '%s'", path);
}

static int remove_entry(struct removal *rm, int dir, const char *name, int depth,
			struct berth_error *err)
{
	struct stat at;
	int r = check_cancelled(rm->st, rm->op, err);

	if (r < 0)
		return r;
	if (fstatat(dir, name, &at, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : berth_fail_errno(err, errno, "look at '%s'", name);
	if (S_ISDIR(at.st_mode)) {
		cleanup_fd int sub = -1;

		if (depth >= DEPTH_MAX) /* its turn comes when it is at the top */
			return discard(rm->st, dir, name, err);
		r = open_dir(dir, name, &sub, err);
		if (r == 0)
			r = empty_dir(rm, sub, depth + 1, err);
		if (r < 0)
			return r;
	}
	if (unlink_entry(dir, name, &at) < 0)
		return berth_fail_errno(err, errno, "remove '%s'", name);
	if (at.st_nlink == 1)
		rm->bytes += (uint64_t)at.st_blocks * 512;
	return 0;
}

/* Read a directory from its beginning; the descriptor stays the caller's. */
static int list_dir(int dir, DIR **ret, struct berth_error *err)
{
	cleanup_fd int fd = -1;
	int r = open_dir(dir, ".", &fd, err);

	if (r < 0)
		return r;
	*ret = fdopendir(fd);
	if (!*ret)
		return berth_fail_errno(err, errno, "list a directory");
	(void)steal_fd(&fd);
	return 0;
}

/* The next name but "." and ".."; NULL at the end, with errno telling whether it is one. */
static const char *next_name(DIR *dir)
{
	const struct dirent *e;

	do {
		errno = 0;
		e = readdir(dir);
	} while (e && (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0));
	return e ? e->d_name : NULL;
}

static int empty_dir(struct removal *rm, int dir, int depth, struct berth_error *err)
{
	bool again = true;

	while (again) { /* reading and removing at the same time may skip entries */
		cleanup_dir DIR *list = NULL;
		const char *name;
		int r = list_dir(dir, &list, err);

		again = false;
		if (r < 0)
			return r;
		while ((name = next_name(list))) {
			r = remove_entry(rm, dir, name, depth, err);
			if (r < 0)
				return r;
			again = true;
		}
		if (errno)
			return berth_fail_errno(err, errno, "list a directory");
	}
	return 0;
}

/* What was being made is given up. What cannot be removed now, reclaim finds. */
static void drop_making(const struct berth_storage *st, const char *key)
{
	struct removal rm = {.st = st};
	cleanup_fd int making = -1;

	if (open_dir(st->state, "making", &making, NULL) == 0)
		(void)remove_entry(&rm, making, key, 0, NULL);
}

/* ---------------------------------------------------------------------------------------- copying */

struct copying {
	const struct berth_storage *st;
	struct berth_op *op; /* or NULL */
	int links;	     /* hard-linked files that we met, by inode number */
	char *scratch;	     /* not on the stack: directories are deep */
};

static int copy_dir(const struct copying *c, int from, int to, int depth, struct berth_error *err);

static int copy_xattrs(const struct copying *c, int from, int to, struct berth_error *err)
{
	char *names = c->scratch;
	char *value = c->scratch + XATTRS_BYTES;
	ssize_t n = flistxattr(from, names, XATTRS_BYTES);

	if (n < 0)
		return errno == EOPNOTSUPP ? 0 : berth_fail_errno(err, errno, "list attributes");
	for (const char *name = names; name < names + n; name += strlen(name) + 1) {
		ssize_t len = fgetxattr(from, name, value, XATTRS_BYTES);

		if (len < 0 || fsetxattr(to, name, value, (size_t)len, 0) < 0)
			return berth_fail_errno(err, errno, "copy attribute '%s'", name);
	}
	return 0;
}

/* Only what is not a hole. */
static int copy_bytes(const struct copying *c, int in, int out, off_t size, struct berth_error *err)
{
	off_t end = 0;

	while (end < size) {
		off_t at = lseek(in, end, SEEK_DATA);

		if (at < 0 && errno == ENXIO)
			break; /* a hole to the end */
		end = at < 0 ? -1 : lseek(in, at, SEEK_HOLE);
		if (end < 0)
			return berth_fail_errno(err, errno, "look for holes");
		while (at < end) {
			size_t piece = end - at < PIECE_BYTES ? (size_t)(end - at) : PIECE_BYTES;
			off_t to = at;
			ssize_t n = copy_file_range(in, &at, out, &to, piece, 0);

			if (n < 0)
				return berth_fail_errno(err, errno, "copy bytes");
			if (n == 0)
				break;
			if (check_cancelled(c->st, c->op, err) < 0)
				return -BERTH_E_CANCELLED;
		}
	}
	if (ftruncate(out, size) < 0)
		return berth_fail_errno(err, errno, "set the size");
	return 0;
}

/* Owner before mode, as chown clears setuid; before attributes, as it clears capabilities. */
static int copy_meta(const struct copying *c, int from, int to, const struct stat *at,
		     struct berth_error *err)
{
	const struct timespec times[2] = {at->st_atim, at->st_mtim};
	int r;

	if (fchown(to, at->st_uid, at->st_gid) < 0 || fchmod(to, at->st_mode & 07777) < 0)
		return berth_fail_errno(err, errno, "set owner and mode");
	r = copy_xattrs(c, from, to, err);
	if (r == 0 && futimens(to, times) < 0)
		r = berth_fail_errno(err, errno, "set times");
	return r;
}

static int copy_file(const struct copying *c, int from, int to, const char *name,
		     const struct stat *at, struct berth_error *err)
{
	cleanup_fd int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_fd int out = -1;
	int r;

	if (in < 0)
		return berth_fail_errno(err, errno, "open it");
	out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (out < 0)
		return berth_fail_errno(err, errno, "make it");
	r = copy_bytes(c, in, out, at->st_size, err);
	return r < 0 ? r : copy_meta(c, in, out, at, err);
}

static int copy_subdir(const struct copying *c, int from, int to, const char *name,
		       const struct stat *at, int depth, struct berth_error *err)
{
	cleanup_fd int in = -1;
	cleanup_fd int out = -1;
	int r = open_dir(from, name, &in, err);

	if (depth >= DEPTH_MAX)
		return berth_fail(err, BERTH_E_LIMIT, "directories are nested deeper than %d",
				  DEPTH_MAX);
	if (r == 0 && mkdirat(to, name, 0700) < 0)
		r = berth_fail_errno(err, errno, "make it");
	if (r == 0)
		r = open_dir(to, name, &out, err);
	if (r == 0)
		r = copy_dir(c, in, out, depth + 1, err);
	return r < 0 ? r : copy_meta(c, in, out, at, err);
}

/* Symbolic links, devices, fifos, sockets. */
static int copy_special(const struct copying *c, int from, int to, const char *name,
			const struct stat *at, struct berth_error *err)
{
	const struct timespec times[2] = {at->st_atim, at->st_mtim};

	if (S_ISLNK(at->st_mode)) {
		ssize_t n = readlinkat(from, name, c->scratch, XATTRS_BYTES - 1);

		if (n < 0)
			return berth_fail_errno(err, errno, "read it");
		c->scratch[n] = '\0';
		if (symlinkat(c->scratch, to, name) < 0)
			return berth_fail_errno(err, errno, "make it");
	} else if (mknodat(to, name, at->st_mode, at->st_rdev) < 0) {
		return berth_fail_errno(err, errno, "make it");
	}
	if (fchownat(to, name, at->st_uid, at->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    (!S_ISLNK(at->st_mode) && fchmodat(to, name, at->st_mode & 07777, 0) < 0) ||
	    utimensat(to, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return berth_fail_errno(err, errno, "set owner, mode and times");
	return 0;
}

static int copy_entry(const struct copying *c, int from, int to, const char *name, int depth,
		      struct berth_error *err)
{
	char ino[32];
	struct stat at;
	int r = check_cancelled(c->st, c->op, err);

	if (r < 0)
		return r;
	if (fstatat(from, name, &at, AT_SYMLINK_NOFOLLOW) < 0)
		return berth_fail_errno(err, errno, "look at it");
	if (S_ISDIR(at.st_mode))
		return copy_subdir(c, from, to, name, &at, depth, err);
	(void)snprintf(ino, sizeof(ino), "%llu", (unsigned long long)at.st_ino);
	if (at.st_nlink > 1 && linkat(c->links, ino, to, name, 0) == 0)
		return 0;
	r = S_ISREG(at.st_mode) ? copy_file(c, from, to, name, &at, err)
				: copy_special(c, from, to, name, &at, err);
	if (r == 0 && at.st_nlink > 1 && linkat(to, name, c->links, ino, 0) < 0)
		r = berth_fail_errno(err, errno, "remember its links");
	if (r < 0)
		berth_error_prefix(err, "copy '%.200s'", name);
	return r;
}

static int copy_dir(const struct copying *c, int from, int to, int depth, struct berth_error *err)
{
	DIR *list = NULL;
	const char *name;
	int r = 0;

	/* not a descriptor more than the two: they are what limits the depth */
	int fd = fcntl(from, F_DUPFD_CLOEXEC, 3);

	list = fd < 0 ? NULL : fdopendir(fd);
	if (!list) {
		r = berth_fail_errno(err, errno, "list a directory");
		close_fd(&fd);
		return r;
	}
	while (r == 0 && (name = next_name(list)))
		r = copy_entry(c, from, to, name, depth, err);
	if (r == 0 && errno)
		r = berth_fail_errno(err, errno, "list a directory");
	(void)closedir(list);
	return r;
}

/*
 * Fill directory @to, which is empty, with all of directory @from, and make it alike. This is the
 * heart of the driver: a filesystem with snapshots or clones has a better way.
 */
static int clone_tree(const struct berth_storage *st, int from, int to, int making,
		      struct berth_op *op, struct berth_error *err)
{
	struct copying c = {.st = st, .op = op};
	struct removal rm = {.st = st};
	cleanup_fd int links = -1;
	struct stat at;
	int r;

	if (mkdirat(making, "links", 0700) < 0 || fstat(from, &at) < 0)
		return berth_fail_errno(err, errno, "prepare a copy");
	r = open_dir(making, "links", &links, err);
	if (r < 0)
		return r;
	c.links = links;
	c.scratch = malloc(2 * (size_t)XATTRS_BYTES);
	if (!c.scratch)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	if (r == 0)
		r = copy_dir(&c, from, to, 0, err);
	if (r == 0)
		r = copy_meta(&c, from, to, &at, err);
	free(c.scratch);
	return r < 0 ? r : remove_entry(&rm, making, "links", 0, err);
}

/* ------------------------------------------------------------------------------- making and showing */

/* Small files: "below", "format". */
static int write_text(int dir, const char *name, const char *text, struct berth_error *err)
{
	cleanup_fd int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));

	if (n < 0)
		return berth_fail_errno(err, errno, "write '%s'", name);
	if ((size_t)n < strlen(text))
		return berth_fail(err, BERTH_E_FULL, "write '%s': the disk is full", name);
	return 0;
}

static int read_text(int dir, const char *path, char *out, size_t size, struct berth_error *err)
{
	cleanup_fd int fd = openat(dir, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, size - 1);

	if (n < 0)
		return berth_fail_errno(err, errno, "read '%s'", path);
	out[n] = '\0';
	return 0;
}

/* An empty directory as the root of an image has it, whatever the umask. */
static int make_top(int making, const char *name, int *ret, struct berth_error *err)
{
	cleanup_fd int top = -1;
	int r;

	if (mkdirat(making, name, 0755) < 0)
		return berth_fail_errno(err, errno, "make a directory");
	r = open_dir(making, name, &top, err);
	if (r == 0 && fchmod(top, 0755) < 0)
		r = berth_fail_errno(err, errno, "set a mode");
	if (r == 0)
		*ret = steal_fd(&top);
	return r;
}

/* making/@key, locked: below; and read-only, or tree with a copy of layer @below if that is not "". */
static int fill(const struct berth_storage *st, int making, const char *below, bool read_only,
		struct berth_op *op, struct berth_error *err)
{
	char path[PATH_BYTES];
	struct removal rm = {.st = st};
	cleanup_fd int from = -1;
	cleanup_fd int tree = -1;
	int r = empty_dir(&rm, making, 0, err); /* of somebody who died */

	if (r == 0)
		r = write_text(making, "below", below, err);
	if (r == 0)
		r = make_top(making, read_only ? "read-only" : "tree", &tree, err);
	if (r < 0 || read_only || !below[0])
		return r;
	path_of(path, "layers", below, "tree");
	r = open_dir(st->state, path, &from, err);
	return r < 0 ? r : clone_tree(st, from, tree, making, op, err);
}

static int sync_dir(const struct berth_storage *st, const char *folder, struct berth_error *err)
{
	cleanup_fd int fd = -1;
	int r = open_dir(st->state, folder, &fd, err);

	if (r == 0 && fsync(fd) < 0)
		r = berth_fail_errno(err, errno, "sync '%s'", folder);
	return r;
}

/* making/@key, which stands on layer @below if that is not "", becomes FOLDER/NAME. */
static int show(const struct berth_storage *st, const char *key, const char *below,
		const char *folder, const char *name, bool durable, struct berth_error *err)
{
	char from[PATH_BYTES];
	char to[PATH_BYTES];
	cleanup_fd int lock = -1; /* no layer goes meanwhile */
	int r = lock_all(st, LOCK_SH, &lock, err);

	path_of(from, "making", key, "");
	path_of(to, folder, name, "");
	if (r == 0 && below[0])
		r = need(st, "layers", below, err);
	if (r == 0 && durable && syncfs(st->state) < 0)
		r = berth_fail_errno(err, errno, "sync");
	if (r == 0 && renameat2(st->state, from, st->state, to, RENAME_NOREPLACE) < 0)
		return berth_fail_errno(err, errno, "make '%s' visible", to);
	if (r == 0 && durable)
		r = sync_dir(st, folder, err);
	if (r < 0)
		(void)discard(st, st->state, to, NULL); /* what failed is not there */
	return r;
}

/* ---------------------------------------------------------------------------------- required: layers */

static int begin(struct berth_ingest *in, struct berth_op *op, struct berth_error *err)
{
	const struct berth_storage *st = in->st;
	int r = hold(st, in->key, LOCK_EX | LOCK_NB, &in->making, err);

	if (r < 0)
		return r;
	r = need_none(st, "layers", in->layer, err);
	if (r == 0 && in->parent[0])
		r = need(st, "layers", in->parent, err);
	if (r == 0)
		r = fill(st, in->making, in->parent, false, op, err);
	if (r < 0)
		drop_making(st, in->key);
	return r;
}

static int skeleton_ingest_begin(struct berth_storage *st, const struct berth_layer_desc *desc,
				 struct berth_op *op, struct berth_ingest **ret,
				 struct berth_error *err)
{
	struct berth_ingest *in;
	int r = check_name(desc->layer, err);

	if (r == 0 && desc->parent)
		r = check_name(desc->parent, err);
	if (r < 0)
		return r;
	in = calloc(1, sizeof(*in));
	if (!in)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	in->st = st;
	in->making = -1;
	(void)snprintf(in->layer, sizeof(in->layer), "%s", desc->layer);
	(void)snprintf(in->parent, sizeof(in->parent), "%s", desc->parent ? desc->parent : "");
	(void)snprintf(in->key, sizeof(in->key), "layer-%s", desc->layer);
	r = begin(in, op, err);
	if (r < 0) {
		close_fd(&in->making);
		free(in);
		return r;
	}
	*ret = in;
	return 0;
}

static int skeleton_ingest_tree(struct berth_ingest *in, int *ret_dirfd, struct berth_error *err)
{
	return open_dir(in->making, "tree", ret_dirfd, err);
}

static void skeleton_ingest_abort(struct berth_ingest *in)
{
	if (!in)
		return;
	drop_making(in->st, in->key);
	close_fd(&in->making);
	free(in);
}

static int skeleton_ingest_commit(struct berth_ingest *in, const char *parent, struct berth_op *op,
				  struct berth_error *err)
{
	int r = check_cancelled(in->st, op, err);

	if (r == 0 && strcmp(parent ? parent : "", in->parent) != 0)
		r = berth_fail(err, BERTH_E_INVALID, "the parent was another at ingest_begin");
	if (r == 0)
		r = show(in->st, in->key, in->parent, "layers", in->layer, true, err);
	if (r < 0) {
		skeleton_ingest_abort(in);
		return r;
	}
	close_fd(&in->making);
	free(in);
	return 0;
}

/* 1: something in @folder stands on layer @layer. */
static int stands_on(const struct berth_storage *st, const char *folder, const char *layer,
		     struct berth_error *err)
{
	cleanup_dir DIR *list = NULL;
	cleanup_fd int dir = -1;
	const char *name;
	int r = open_dir(st->state, folder, &dir, err);

	if (r == 0)
		r = list_dir(dir, &list, err);
	while (r == 0 && (name = next_name(list))) {
		char path[PATH_BYTES];
		char below[NAME_BYTES];

		(void)snprintf(path, sizeof(path), "%.128s/below", name);
		r = read_text(dir, path, below, sizeof(below), err);
		if (r == -BERTH_E_NOT_FOUND)
			r = 0; /* a view that went meanwhile */
		else if (r == 0 && strcmp(below, layer) == 0)
			return 1;
	}
	if (r == 0 && errno)
		r = berth_fail_errno(err, errno, "list '%s'", folder);
	return r;
}

static int skeleton_layer_remove(struct berth_storage *st, const char *layer,
				 struct berth_error *err)
{
	char path[PATH_BYTES];
	cleanup_fd int lock = -1;
	int r = check_name(layer, err);

	if (r == 0)
		r = lock_all(st, LOCK_EX, &lock, err);
	if (r == 0)
		r = stands_on(st, "layers", layer, err);
	if (r == 0)
		r = stands_on(st, "views", layer, err);
	if (r > 0)
		return berth_fail(err, BERTH_E_BUSY, "something stands on layer '%s'", layer);
	path_of(path, "layers", layer, "");
	return r < 0 ? r : discard(st, st->state, path, err);
}

/* ----------------------------------------------------------------------------------- required: views */

static int make_view(const struct berth_storage *st, const char *key, const char *view,
		     const char *layer, bool read_only, struct berth_error *err)
{
	cleanup_fd int making = -1;
	int r = hold(st, key, LOCK_EX, &making, err);

	if (r < 0)
		return r;
	r = need_none(st, "views", view, err); /* we may have waited for who made it */
	if (r == 0 && layer[0])
		r = need(st, "layers", layer, err);
	if (r == 0)
		r = fill(st, making, layer, read_only, NULL, err);
	if (r == 0)
		r = show(st, key, layer, "views", view, false, err);
	if (r < 0)
		drop_making(st, key);
	return r;
}

static int skeleton_view_create(struct berth_storage *st, const char *view, const char *layer,
				uint32_t flags, const struct berth_conf *conf,
				struct berth_error *err)
{
	char key[PATH_BYTES];
	int r = check_name(view, err);

	(void)conf;
	if (r == 0 && layer)
		r = check_name(layer, err);
	if (r < 0)
		return r;
	(void)snprintf(key, sizeof(key), "view-%s", view);
	return make_view(st, key, view, layer ? layer : "", flags & BERTH_VIEW_READ_ONLY, err);
}

/* A detached mount of directory @tree: it shows nowhere until the engine attaches it. */
static int clone_mount(int tree, uint64_t attr, int *ret, struct berth_error *err)
{
	struct mount_attr set = {.attr_set = attr};
	cleanup_fd int fd =
		open_tree(tree, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);

	/* the kinds of access times exclude each other */
	if (attr & MOUNT_ATTR__ATIME)
		set.attr_clr = MOUNT_ATTR__ATIME;
	if (fd < 0)
		return berth_fail_errno(err, errno, "clone a mount");
	if (attr && mount_setattr(fd, "", AT_EMPTY_PATH, &set, sizeof(set)) < 0) {
		if (errno == EINVAL)
			return berth_fail(err, BERTH_E_INVALID, "unknown attributes of a mount");
		return berth_fail_errno(err, errno, "set the attributes of a mount");
	}
	*ret = steal_fd(&fd);
	return 0;
}

static int skeleton_view_mount(struct berth_storage *st, const char *view,
			       const struct berth_view_opts *opts, int *ret_mount_fd,
			       struct berth_error *err)
{
	/* callers of another day have a smaller struct: never read what they do not have */
	uint64_t attr = opts->size >= offsetof(struct berth_view_opts, conf) ? opts->attr : 0;
	bool read_only = opts->flags & BERTH_VIEW_READ_ONLY;
	char layer[NAME_BYTES];
	char path[PATH_BYTES];
	cleanup_fd int tree = -1;
	int r = check_name(view, err);

	if (r == 0 && opts->userns_fd >= 0) {
		r = berth_fail(err, BERTH_E_UNSUPPORTED, "'skeleton' maps no owners");
		berth_error_hint(err, "use a storage driver with the cap 'idmap'");
	}
	path_of(path, "views", view, "below");
	if (r == 0)
		r = read_text(st->state, path, layer, sizeof(layer), err);
	if (r < 0)
		return r;
	path_of(path, "views", view, "tree");
	tree = openat(st->state, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (tree < 0 && errno == ENOENT) {
		read_only = true;
		if (layer[0])
			path_of(path, "layers", layer, "tree");
		else
			path_of(path, "views", view, "read-only");
		tree = openat(st->state, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	}
	if (tree < 0)
		return berth_fail_errno(err, errno, "open '%s'", path);
	return clone_mount(tree, attr | (read_only ? MOUNT_ATTR_RDONLY : 0), ret_mount_fd, err);
}

static int skeleton_view_remove(struct berth_storage *st, const char *view, struct berth_error *err)
{
	char path[PATH_BYTES];
	int r = check_name(view, err);

	path_of(path, "views", view, "");
	return r < 0 ? r : discard(st, st->state, path, err);
}

/* --------------------------------------------------------------------------- required: each; optional */

static int list(const struct berth_storage *st, const char *folder, berth_id_fn fn, void *arg,
		struct berth_error *err)
{
	cleanup_dir DIR *names = NULL;
	cleanup_fd int dir = -1;
	const char *name;
	int r = open_dir(st->state, folder, &dir, err);

	if (r == 0)
		r = list_dir(dir, &names, err);
	if (r < 0)
		return r;
	while ((name = next_name(names))) {
		r = fn(arg, name);
		if (r != 0)
			return r;
	}
	return errno ? berth_fail_errno(err, errno, "list '%s'", folder) : 0;
}

static int skeleton_each(struct berth_storage *st, uint32_t flags, berth_id_fn fn, void *arg,
			 struct berth_error *err)
{
	int r = 0;

	if (flags & BERTH_EACH_LAYERS)
		r = list(st, "layers", fn, arg, err);
	if (r == 0 && flags & BERTH_EACH_VIEWS)
		r = list(st, "views", fn, arg, err);
	return r;
}

static int skeleton_below(struct berth_storage *st, const char *id, uint32_t each_flag,
			  struct berth_sink *sink, struct berth_error *err)
{
	char path[PATH_BYTES];
	char below[NAME_BYTES];
	int r = check_name(id, err);

	if (r < 0)
		return r;
	path_of(path, each_flag & BERTH_EACH_LAYERS ? "layers" : "views", id, "below");
	r = read_text(st->state, path, below, sizeof(below), err);
	if (r == 0 && berth_sink_str(st->host, sink, below) < 0)
		r = berth_fail(err, BERTH_E_LIMIT, "the sink is full");
	return r;
}

static int skeleton_tree_open(struct berth_storage *st, const char *layer, int *ret_dirfd,
			      struct berth_error *err)
{
	char path[PATH_BYTES];
	int r = check_name(layer, err);
	int fd;

	if (r < 0)
		return r;
	path_of(path, "layers", layer, "tree");
	fd = openat(st->state, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return berth_fail_errno(err, errno, "open '%s'", path);
	*ret_dirfd = fd;
	return 0;
}

struct reclaiming {
	struct removal rm;
	int dir;
	struct berth_error *err;
};

/* Of a dead process, if its lock can be had. */
static int reclaim_made(void *arg, const char *key)
{
	struct reclaiming *rc = arg;
	cleanup_fd int making = -1;
	int r = hold(rc->rm.st, key, LOCK_EX | LOCK_NB, &making, NULL);

	return r < 0 ? 0 : remove_entry(&rc->rm, rc->dir, key, 0, rc->err);
}

static int reclaim_trash(void *arg, const char *name)
{
	struct reclaiming *rc = arg;
	int r = remove_entry(&rc->rm, rc->dir, name, 0, rc->err);

	return r < 0 ? r : 1; /* once more from the beginning: there may be new ones */
}

static int skeleton_reclaim(struct berth_storage *st, struct berth_op *op, uint64_t *ret_bytes,
			    struct berth_error *err)
{
	struct reclaiming rc = {.rm = {.st = st, .op = op}, .err = err};
	cleanup_fd int making = -1;
	cleanup_fd int trash = -1;
	int r = check_cancelled(st, op, err);

	if (r == 0)
		r = open_dir(st->state, "making", &making, err);
	if (r == 0)
		r = open_dir(st->state, "trash", &trash, err);
	rc.dir = making;
	if (r == 0)
		r = list(st, "making", reclaim_made, &rc, err);
	rc.dir = trash;
	while (r == 0) {
		r = list(st, "trash", reclaim_trash, &rc, err);
		if (r == 0)
			break;
		r = r < 0 ? r : 0;
	}
	if (r == 0)
		*ret_bytes = rc.rm.bytes;
	return r;
}

/* --------------------------------------------------------------------- required: open, close; probe */

static int make_state(const struct berth_storage *st, struct berth_error *err)
{
	static const char *const folders[] = {"layers", "views", "making", "trash"};
	cleanup_fd int lock = -1;
	int r = lock_all(st, LOCK_EX, &lock, err);

	for (size_t i = 0; r == 0 && i < sizeof(folders) / sizeof(folders[0]); i++) {
		if (mkdirat(st->state, folders[i], 0700) < 0 && errno != EEXIST)
			r = berth_fail_errno(err, errno, "make directory '%s'", folders[i]);
	}
	if (r == 0)
		r = write_text(st->state, "format.new", FORMAT, err);
	/* last, and whole: who finds it finds everything */
	if (r == 0 && renameat(st->state, "format.new", st->state, "format") < 0)
		r = berth_fail_errno(err, errno, "write 'format'");
	return r;
}

static int open_state(struct berth_storage *st, int state_fd, struct berth_error *err)
{
	struct berth_error why;
	char format[64];
	int r;

	st->state = fcntl(state_fd, F_DUPFD_CLOEXEC, 3);
	if (st->state < 0)
		return berth_fail_errno(err, errno, "keep the state directory");
	r = read_text(st->state, "format", format, sizeof(format), &why);
	if (r == -BERTH_E_NOT_FOUND)
		return make_state(st, err);
	if (r < 0 && err)
		*err = why;
	if (r == 0 && strcmp(format, FORMAT) != 0)
		r = berth_fail(err, BERTH_E_CORRUPT, "its state is of another format");
	return r;
}

static void skeleton_close(void *instance)
{
	struct berth_storage *st = instance;

	if (!st)
		return;
	close_fd(&st->state);
	free(st);
}

static int skeleton_open(const struct berth_host *host, const struct berth_conf *conf, int state_fd,
			 void **ret_instance, struct berth_error *err)
{
	struct berth_storage *st = calloc(1, sizeof(*st));
	int r;

	(void)conf; /* host->conf_str(conf, "…") gives the options of the table below */
	if (!st)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	st->host = host;
	r = open_state(st, state_fd, err);
	if (r < 0) {
		skeleton_close(st);
		return r;
	}
	*ret_instance = st;
	return 0;
}

/* What `berth doctor` prints. Try the real thing, leave nothing, say what to do about it. */
static int skeleton_probe(const struct berth_host *host, const struct berth_conf *conf,
			  int scratch_fd, struct berth_sink *findings, struct berth_error *err)
{
	struct berth_error why = {0};
	cleanup_fd int mnt = -1;

	(void)conf;
	(void)err;
	if (clone_mount(scratch_fd, MOUNT_ATTR_RDONLY, &mnt, &why) < 0)
		return host->finding(findings, BERTH_FINDING_ERROR, "skeleton.mount", why.text,
				     "run as root, on Linux 5.12 or newer");
	return host->finding(findings, BERTH_FINDING_OK, "skeleton.mount", "views can be mounted",
			     NULL);
}

/* ---------------------------------------------------------------------------------------- the tables */

static const struct berth_storage_ops skeleton_ops = {
	.ingest_begin = skeleton_ingest_begin,
	.ingest_tree = skeleton_ingest_tree,
	.ingest_commit = skeleton_ingest_commit,
	.ingest_abort = skeleton_ingest_abort,
	.layer_remove = skeleton_layer_remove,
	.view_create = skeleton_view_create,
	.view_mount = skeleton_view_mount,
	.view_remove = skeleton_view_remove,
	.each = skeleton_each,
	/* optional from here; not here: claim, ingest_tar, usage, view_plan, view_commit,
	 * view_limit, changes, diff_tar, check */
	.tree_open = skeleton_tree_open,
	.reclaim = skeleton_reclaim,
	.below = skeleton_below,
};

static const struct berth_driver skeleton_head = {
	.size = sizeof(skeleton_head),
	.kind = BERTH_STORAGE,
	.host_min = BERTH_HOST_SIZE_1_0,
	.threads = BERTH_THREADS_FREE, /* the instance never changes after open */
	.caps = BERTH_ST_INGEST_TREE | BERTH_ST_FORM_DIR, /* each is a promise */
	.needs = BERTH_NEEDS_ROOT,
	.name = "skeleton",
	.version = "0.1.0",
	.summary = "a copy of everything for each layer and view",
	.options = NULL,
	.ops = &skeleton_ops,
	.option_size = sizeof(struct berth_option),
	.ops_size = sizeof(skeleton_ops),
	.probe = skeleton_probe,
	.open = skeleton_open,
	.close = skeleton_close,
};

BERTH_DRIVER_EXPORT(BERTH_STORAGE, "skeleton", "0.1.0", skeleton_head);
