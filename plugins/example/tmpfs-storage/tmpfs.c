/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tmpfs - a storage driver that keeps everything in memory, for machines that begin anew with each job:
 * nothing is ever written to a disk, or waited for.
 *
 *	format			"tmpfs 1"
 *	memory/			a tmpfs of its own, made by whoever comes first; gone after a reboot:
 *	  layers/NAME/		files: its own ones, and whiteouts in overlayfs' form; below: its parent
 *	  views/NAME/		upper and work, or read-only; below: its layer
 *	  making/layer-NAME/	what is being made, locked by its maker; a dead one's is nobody's
 *	  trash/		what was removed, until reclaim
 *	  empty/, none/		directories with nothing in them
 *
 * A view is an overlay of its layers. Things become visible, and go, by one rename. So a process may be
 * killed at any moment, and any number of them may work here at the same time.
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
#include <sys/statfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#define FORMAT "tmpfs 1\n"

enum {
	NAME_BYTES = 129, /* of a layer or view, with its NUL */
	PATH_BYTES = 192, /* of "FOLDER/KEY", relative to the state directory */
	DEPTH_MAX = 450,  /* of directories that are removed: two descriptors each */
	LAYERS_MAX = 500, /* of one view: overlayfs has no more */
};

struct berth_storage {
	const struct berth_host *host;
	int state; /* the root of our tmpfs */
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

/* A directory as the root of an image has it, or as the layer @below has it. */
static int make_top(const struct berth_storage *st, int making, const char *name, const char *below,
		    struct berth_error *err)
{
	struct stat like = {.st_mode = 0755};
	cleanup_fd int top = -1;
	char path[PATH_BYTES];
	int r;

	path_of(path, "layers", below, "files");
	if (below[0] && fstatat(st->state, path, &like, AT_SYMLINK_NOFOLLOW) < 0)
		return berth_fail_errno(err, errno, "look at '%s'", path);
	if (mkdirat(making, name, 0700) < 0)
		return berth_fail_errno(err, errno, "make a directory");
	r = open_dir(making, name, &top, err);
	if (r == 0 &&
	    (fchown(top, like.st_uid, like.st_gid) < 0 || fchmod(top, like.st_mode & 07777) < 0))
		r = berth_fail_errno(err, errno, "set owner and mode");
	return r;
}

/* making/@key, locked: below, and the directory @name in which there will be files. */
static int fill(const struct berth_storage *st, int making, const char *below, const char *name,
		struct berth_error *err)
{
	struct removal rm = {.st = st};
	int r = empty_dir(&rm, making, 0, err); /* of somebody who died */

	if (r == 0)
		r = write_text(making, "below", below, err);
	return r < 0 ? r : make_top(st, making, name, below, err);
}

/* making/@key, which stands on layer @below if that is not "", becomes FOLDER/NAME. */
static int show(const struct berth_storage *st, const char *key, const char *below,
		const char *folder, const char *name, struct berth_error *err)
{
	char from[PATH_BYTES];
	char to[PATH_BYTES];
	cleanup_fd int lock = -1; /* no layer goes meanwhile */
	int r = lock_all(st, LOCK_SH, &lock, err);

	path_of(from, "making", key, "");
	path_of(to, folder, name, "");
	if (r == 0 && below[0])
		r = need(st, "layers", below, err);
	if (r == 0 && renameat2(st->state, from, st->state, to, RENAME_NOREPLACE) < 0)
		r = berth_fail_errno(err, errno, "make '%s' visible", to);
	return r;
}

/* ---------------------------------------------------------------------------------- required: layers */

static int begin(struct berth_ingest *in, struct berth_error *err)
{
	const struct berth_storage *st = in->st;
	int r = hold(st, in->key, LOCK_EX | LOCK_NB, &in->making, err);

	if (r < 0)
		return r;
	r = need_none(st, "layers", in->layer, err);
	if (r == 0 && in->parent[0])
		r = need(st, "layers", in->parent, err);
	if (r == 0)
		r = fill(st, in->making, in->parent, "files", err);
	if (r < 0)
		drop_making(st, in->key);
	return r;
}

static int tmpfs_ingest_begin(struct berth_storage *st, const struct berth_layer_desc *desc,
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
	r = check_cancelled(st, op, err);
	if (r == 0)
		r = begin(in, err);
	if (r < 0) {
		close_fd(&in->making);
		free(in);
		return r;
	}
	*ret = in;
	return 0;
}

static int tmpfs_ingest_tree(struct berth_ingest *in, int *ret_dirfd, struct berth_error *err)
{
	return open_dir(in->making, "files", ret_dirfd, err);
}

static void tmpfs_ingest_abort(struct berth_ingest *in)
{
	if (!in)
		return;
	drop_making(in->st, in->key);
	close_fd(&in->making);
	free(in);
}

static int tmpfs_ingest_commit(struct berth_ingest *in, const char *parent, struct berth_op *op,
			       struct berth_error *err)
{
	int r = check_cancelled(in->st, op, err);

	if (r == 0 && strcmp(parent ? parent : "", in->parent) != 0)
		r = berth_fail(err, BERTH_E_INVALID, "the parent was another at ingest_begin");
	if (r == 0)
		r = show(in->st, in->key, in->parent, "layers", in->layer, err);
	if (r < 0) {
		tmpfs_ingest_abort(in);
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

static int tmpfs_layer_remove(struct berth_storage *st, const char *layer, struct berth_error *err)
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
		r = fill(st, making, layer, read_only ? "read-only" : "upper", err);
	if (r == 0 && !read_only && mkdirat(making, "work", 0700) < 0)
		r = berth_fail_errno(err, errno, "make a directory");
	if (r == 0)
		r = show(st, key, layer, "views", view, err);
	if (r < 0)
		drop_making(st, key);
	return r;
}

static int tmpfs_view_create(struct berth_storage *st, const char *view, const char *layer,
			     uint32_t flags, const struct berth_conf *conf, struct berth_error *err)
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

/* Say what failed, and what the kernel has to say about it. */
static int fail_fs(int fs, const char *what, struct berth_error *err)
{
	int failed = errno;
	char why[256];
	ssize_t n = read(fs, why, sizeof(why) - 1); /* "e overlay: …\n" */

	while (n > 0 && why[n - 1] == '\n')
		n--;
	why[n > 0 ? n : 0] = '\0';
	if (failed == EINVAL || failed == EOPNOTSUPP)
		return berth_fail(err, BERTH_E_UNSUPPORTED, "%s: the kernel says '%s'", what, why);
	return berth_fail_errno(err, failed, "%s%s%s", what, n > 0 ? ": " : "", why);
}

static int set_option(int fs, const char *key, const char *value, struct berth_error *err)
{
	if (fsconfig(fs, FSCONFIG_SET_STRING, key, value, 0) == 0)
		return 0;
	return fail_fs(fs, key, err);
}

/* The kernel opens the directory now, by our descriptor: the length of paths does not matter. */
static int add_dir(const struct berth_storage *st, int fs, const char *key, const char *path,
		   struct berth_error *err)
{
	char by_fd[32];
	cleanup_fd int fd = openat(st->state, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return berth_fail_errno(err, errno, "open '%s'", path);
	(void)snprintf(by_fd, sizeof(by_fd), "/proc/self/fd/%d", fd);
	return set_option(fs, key, by_fd, err);
}

/* Layer @top and all below it. *ret_n: how many. */
static int add_layers(const struct berth_storage *st, int fs, const char *top, unsigned *ret_n,
		      struct berth_error *err)
{
	char layer[NAME_BYTES];
	char path[PATH_BYTES];
	int r = 0;

	(void)snprintf(layer, sizeof(layer), "%s", top);
	while (r == 0 && layer[0]) {
		if (++*ret_n > LAYERS_MAX)
			return berth_fail(err, BERTH_E_LIMIT, "more than %d layers", LAYERS_MAX);
		path_of(path, "layers", layer, "files");
		r = add_dir(st, fs, "lowerdir+", path, err);
		path_of(path, "layers", layer, "below");
		if (r == 0)
			r = read_text(st->state, path, layer, sizeof(layer), err);
	}
	return r;
}

static int add_upper(const struct berth_storage *st, int fs, const char *view,
		     struct berth_error *err)
{
	char path[PATH_BYTES];
	int r;

	path_of(path, "views", view, "upper");
	r = add_dir(st, fs, "upperdir", path, err);
	path_of(path, "views", view, "work");
	return r < 0 ? r : add_dir(st, fs, "workdir", path, err);
}

/* All directories of view @view, on layer @layer, topmost first. */
static int add_dirs(const struct berth_storage *st, int fs, const char *view, const char *layer,
		    bool is_made_read_only, bool read_only, struct berth_error *err)
{
	char path[PATH_BYTES];
	unsigned n = 0;
	int r = 0;

	path_of(path, "views", view, "upper");
	if (read_only && !is_made_read_only) { /* its changes as one more layer */
		n++;
		r = add_dir(st, fs, "lowerdir+", path, err);
	}
	if (r == 0)
		r = add_layers(st, fs, layer, &n, err);
	/* overlayfs wants one lower directory, or two where there is no upper one */
	for (; r == 0 && n < (read_only ? 2 : 1); n++)
		r = add_dir(st, fs, "lowerdir+", n == 0 ? "empty" : "none", err);
	return r < 0 || read_only ? r : add_upper(st, fs, view, err);
}

static int mount_overlay(const struct berth_storage *st, const char *view, const char *layer,
			 bool is_made_read_only, bool read_only, int *ret, struct berth_error *err)
{
	/* all that could differ with how the kernel was configured is said */
	static const char *const options[][2] = {
		{"source", "tmpfs"}, {"redirect_dir", "nofollow"}, {"metacopy", "off"},
		{"index", "off"},    {"nfs_export", "off"},	   {"xino", "off"},
	};
	cleanup_fd int fs = fsopen("overlay", FSOPEN_CLOEXEC);
	int r = 0;

	if (fs < 0)
		return berth_fail_errno(err, errno, "open overlayfs");
	for (size_t i = 0; r == 0 && i < sizeof(options) / sizeof(options[0]); i++)
		r = set_option(fs, options[i][0], options[i][1], err);
	if (r == 0)
		r = add_dirs(st, fs, view, layer, is_made_read_only, read_only, err);
	if (r == 0 && fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		r = fail_fs(fs, "make an overlay", err);
	if (r < 0)
		return r;
	*ret = fsmount(fs, FSMOUNT_CLOEXEC, 0);
	return *ret < 0 ? fail_fs(fs, "mount an overlay", err) : 0;
}

static int set_attributes(int mnt, uint64_t attr, struct berth_error *err)
{
	struct mount_attr set = {.attr_set = attr};

	/* the kinds of access times exclude each other */
	if (attr & MOUNT_ATTR__ATIME)
		set.attr_clr = MOUNT_ATTR__ATIME;
	if (!attr || mount_setattr(mnt, "", AT_EMPTY_PATH, &set, sizeof(set)) == 0)
		return 0;
	if (errno == EINVAL)
		return berth_fail(err, BERTH_E_INVALID, "unknown attributes of a mount");
	return berth_fail_errno(err, errno, "set the attributes of a mount");
}

static int tmpfs_view_mount(struct berth_storage *st, const char *view,
			    const struct berth_view_opts *opts, int *ret_mount_fd,
			    struct berth_error *err)
{
	/* callers of another day have a smaller struct: never read what they do not have */
	uint64_t attr = opts->size >= offsetof(struct berth_view_opts, conf) ? opts->attr : 0;
	bool read_only = opts->flags & BERTH_VIEW_READ_ONLY;
	bool is_made_read_only = false;
	char layer[NAME_BYTES];
	char path[PATH_BYTES];
	cleanup_fd int mnt = -1;
	struct stat at;
	int r = check_name(view, err);

	if (r == 0 && opts->userns_fd >= 0) {
		r = berth_fail(err, BERTH_E_UNSUPPORTED, "'tmpfs' maps no owners");
		berth_error_hint(err, "use a storage driver with the cap 'idmap'");
	}
	path_of(path, "views", view, "below");
	if (r == 0)
		r = read_text(st->state, path, layer, sizeof(layer), err);
	if (r < 0)
		return r;
	path_of(path, "views", view, "read-only");
	if (fstatat(st->state, path, &at, AT_SYMLINK_NOFOLLOW) == 0)
		is_made_read_only = true;
	else if (errno != ENOENT)
		return berth_fail_errno(err, errno, "look for '%s'", path);
	read_only |= is_made_read_only;
	r = mount_overlay(st, view, layer, is_made_read_only, read_only, &mnt, err);
	if (r == 0)
		r = set_attributes(mnt, attr | (read_only ? MOUNT_ATTR_RDONLY : 0), err);
	if (r == 0)
		*ret_mount_fd = steal_fd(&mnt);
	return r;
}

static int tmpfs_view_remove(struct berth_storage *st, const char *view, struct berth_error *err)
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

static int tmpfs_each(struct berth_storage *st, uint32_t flags, berth_id_fn fn, void *arg,
		      struct berth_error *err)
{
	int r = 0;

	if (flags & BERTH_EACH_LAYERS)
		r = list(st, "layers", fn, arg, err);
	if (r == 0 && flags & BERTH_EACH_VIEWS)
		r = list(st, "views", fn, arg, err);
	return r;
}

static int tmpfs_below(struct berth_storage *st, const char *id, uint32_t each_flag,
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

static int tmpfs_tree_open(struct berth_storage *st, const char *layer, int *ret_dirfd,
			   struct berth_error *err)
{
	char path[PATH_BYTES];
	int r = check_name(layer, err);
	int fd;

	if (r < 0)
		return r;
	path_of(path, "layers", layer, "files");
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

static int tmpfs_reclaim(struct berth_storage *st, struct berth_op *op, uint64_t *ret_bytes,
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

/* ------------------------------------------------------------------------------------------ the memory */

/* A tmpfs that is mounted nowhere yet. @size 0: as much as the kernel gives, half of the memory. */
static int make_tmpfs(uint64_t size, int *ret, struct berth_error *err)
{
	cleanup_fd int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
	char text[32];
	int r;

	if (fs < 0)
		return berth_fail_errno(err, errno, "open tmpfs");
	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)size);
	r = set_option(fs, "source", "berth", err);
	if (r == 0)
		r = set_option(fs, "mode", "0700", err);
	if (r == 0 && size > 0)
		r = set_option(fs, "size", text, err);
	if (r == 0 && fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		r = fail_fs(fs, "make a tmpfs", err);
	if (r < 0)
		return r;
	*ret = fsmount(fs, FSMOUNT_CLOEXEC, 0);
	return *ret < 0 ? fail_fs(fs, "mount a tmpfs", err) : 0;
}

/* Is something mounted there? Who finds it finds everything: see mount_memory(). */
static int is_mounted(int dir, const char *name, struct berth_error *err)
{
	struct statx at;

	if (statx(dir, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_TYPE, &at) < 0)
		return errno == ENOENT ? 0 : berth_fail_errno(err, errno, "look at '%s'", name);
	return at.stx_attributes & STATX_ATTR_MOUNT_ROOT ? 1 : 0;
}

/* It is attached last, when all that is expected in it is there. */
static int mount_memory(int state, uint64_t size, struct berth_error *err)
{
	static const char *const folders[] = {"layers", "views", "making",
					      "trash",	"empty", "none"};
	cleanup_fd int mnt = -1;
	int r;

	if (mkdirat(state, "memory", 0700) < 0 && errno != EEXIST)
		return berth_fail_errno(err, errno, "make 'memory'");
	r = make_tmpfs(size, &mnt, err);
	for (size_t i = 0; r == 0 && i < sizeof(folders) / sizeof(folders[0]); i++) {
		if (mkdirat(mnt, folders[i], 0700) < 0)
			r = berth_fail_errno(err, errno, "make directory '%s'", folders[i]);
	}
	if (r == 0 && move_mount(mnt, "", state, "memory", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		r = berth_fail_errno(err, errno, "attach a tmpfs");
	return r;
}

/* The config may say another size than when it was mounted. */
static int set_size(int memory, uint64_t size, struct berth_error *err)
{
	cleanup_fd int fs = -1;
	struct statfs is;
	char text[32];
	int r;

	if (fstatfs(memory, &is) < 0)
		return berth_fail_errno(err, errno, "ask for the size");
	if (size == 0 || size / (uint64_t)is.f_bsize == is.f_blocks)
		return 0;
	fs = fspick(memory, "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH);
	if (fs < 0)
		return berth_fail_errno(err, errno, "open the tmpfs");
	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)size);
	r = set_option(fs, "size", text, err);
	if (r == 0 && fsconfig(fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0) < 0)
		r = fail_fs(fs, "set the size (less than what is in use?)", err);
	return r;
}

static uint64_t size_of(const struct berth_host *host, const struct berth_conf *conf)
{
	uint64_t size;

	return host->conf_u64(conf, "size", &size) == 0 ? size : 0;
}

/* --------------------------------------------------------------------- required: open, close; probe */

/* The first one here writes the number of the format; who finds another one changes nothing. */
static int check_format(int state, struct berth_error *err)
{
	struct berth_error why;
	char format[64];
	int r = read_text(state, "format", format, sizeof(format), &why);

	if (r == -BERTH_E_NOT_FOUND) {
		r = write_text(state, "format.new", FORMAT, err);
		if (r == 0 && renameat(state, "format.new", state, "format") < 0)
			r = berth_fail_errno(err, errno, "write 'format'");
		return r;
	}
	if (r < 0 && err)
		*err = why;
	if (r == 0 && strcmp(format, FORMAT) != 0)
		r = berth_fail(err, BERTH_E_CORRUPT, "its state is of another format");
	return r;
}

static int open_memory(struct berth_storage *st, int state, uint64_t size, struct berth_error *err)
{
	cleanup_fd int lock = -1;
	int r = open_dir(state, ".", &lock, err);

	if (r == 0)
		r = lock_dir(lock, LOCK_EX, err); /* one at a time: one mounts */
	if (r == 0)
		r = check_format(state, err);
	if (r == 0)
		r = is_mounted(state, "memory", err);
	if (r == 0)
		r = mount_memory(state, size, err);
	if (r >= 0)
		r = open_dir(state, "memory", &st->state, err);
	return r < 0 ? r : set_size(st->state, size, err);
}

static void tmpfs_close(void *instance)
{
	struct berth_storage *st = instance;

	if (!st)
		return;
	close_fd(&st->state);
	free(st);
}

static int tmpfs_open(const struct berth_host *host, const struct berth_conf *conf, int state_fd,
		      void **ret_instance, struct berth_error *err)
{
	struct berth_storage *st = calloc(1, sizeof(*st));
	int r;

	if (!st)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	st->host = host;
	st->state = -1;
	r = open_memory(st, state_fd, size_of(host, conf), err);
	if (r < 0) {
		tmpfs_close(st);
		return r;
	}
	*ret_instance = st;
	return 0;
}

static int tmpfs_reload(void *instance, const struct berth_conf *conf, struct berth_error *err)
{
	struct berth_storage *st = instance;

	return set_size(st->state, size_of(st->host, conf), err);
}

/* `berth info` shows it. */
static int tmpfs_status(void *instance, struct berth_sink *json, struct berth_error *err)
{
	const struct berth_storage *st = instance;
	struct statfs is;
	char text[96];

	if (fstatfs(st->state, &is) < 0)
		return berth_fail_errno(err, errno, "ask for the size");
	(void)snprintf(text, sizeof(text), "{\"size\":%llu,\"free\":%llu}",
		       (unsigned long long)is.f_blocks * (unsigned long long)is.f_bsize,
		       (unsigned long long)is.f_bfree * (unsigned long long)is.f_bsize);
	if (berth_sink_str(st->host, json, text) < 0)
		return berth_fail(err, BERTH_E_LIMIT, "the status does not fit");
	return 0;
}

/* What this machine lacks, if anything: each thing is tried, on a tmpfs that nobody sees. */
static int try_memory(struct berth_error *why)
{
	cleanup_fd int mnt = -1;
	cleanup_fd int top = -1;
	cleanup_fd int fs = -1;
	int r = make_tmpfs(1 << 20, &mnt, why);

	if (r == 0)
		r = open_dir(mnt, ".", &top, why);
	if (r == 0 && fsetxattr(top, "trusted.overlay.opaque", "y", 1, 0) < 0)
		r = berth_fail_errno(why, errno, "give a directory of tmpfs an attribute");
	if (r < 0)
		return r;
	fs = fsopen("overlay", FSOPEN_CLOEXEC);
	if (fs < 0)
		return berth_fail_errno(why, errno, "open overlayfs");
	return set_option(fs, "lowerdir+", "/", why);
}

static int tmpfs_probe(const struct berth_host *host, const struct berth_conf *conf, int scratch_fd,
		       struct berth_sink *findings, struct berth_error *err)
{
	struct berth_error why = {0};

	(void)conf;
	(void)scratch_fd;
	(void)err;
	if (try_memory(&why) < 0)
		return host->finding(findings, BERTH_FINDING_ERROR, "tmpfs.kernel", why.text,
				     "run as root, on Linux 6.5 or newer with overlayfs");
	return host->finding(findings, BERTH_FINDING_INFO, "tmpfs.memory",
			     "images and containers are in memory: a reboot takes them all", NULL);
}

/* ---------------------------------------------------------------------------------------- the tables */

static const struct berth_option tmpfs_options[] = {
	{
		.name = "size",
		.type = BERTH_OPT_SIZE,
		.flags = BERTH_OPT_RELOADABLE,
		.fallback = "2g",
		.doc = "How much memory images and containers may take; 0: half of the machine's.",
	},
	{.name = NULL},
};

static const struct berth_storage_ops tmpfs_ops = {
	.ingest_begin = tmpfs_ingest_begin,
	.ingest_tree = tmpfs_ingest_tree,
	.ingest_commit = tmpfs_ingest_commit,
	.ingest_abort = tmpfs_ingest_abort,
	.layer_remove = tmpfs_layer_remove,
	.view_create = tmpfs_view_create,
	.view_mount = tmpfs_view_mount,
	.view_remove = tmpfs_view_remove,
	.each = tmpfs_each,
	/* optional from here; not here: claim, ingest_tar, usage, view_plan, view_commit,
	 * view_limit, changes, diff_tar, check */
	.tree_open = tmpfs_tree_open,
	.reclaim = tmpfs_reclaim,
	.below = tmpfs_below,
};

static const struct berth_driver tmpfs_head = {
	.size = sizeof(tmpfs_head),
	.kind = BERTH_STORAGE,
	.host_min = BERTH_HOST_SIZE_1_0,
	.threads = BERTH_THREADS_FREE, /* the instance never changes after open */
	.caps = BERTH_ST_INGEST_TREE | BERTH_ST_FORM_DIR | BERTH_ST_WHITEOUT_KEEP,
	.needs = BERTH_NEEDS_ROOT,
	.name = "tmpfs",
	.version = "1.0.0",
	.summary = "images and containers in memory, for machines that begin anew with each job",
	.options = tmpfs_options,
	.ops = &tmpfs_ops,
	.option_size = sizeof(struct berth_option),
	.ops_size = sizeof(tmpfs_ops),
	.probe = tmpfs_probe,
	.open = tmpfs_open,
	.reload = tmpfs_reload,
	.status = tmpfs_status,
	.close = tmpfs_close,
};

BERTH_DRIVER_EXPORT(BERTH_STORAGE, "tmpfs", "1.0.0", tmpfs_head);
