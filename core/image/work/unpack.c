/* SPDX-License-Identifier: Apache-2.0 */
#include "core/image/work/unpack.h"

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/path.h"
#include "core/image/work/unpack_parts.h"

/** Make something at @leaf with @how; what is there already goes first. */
typedef int (*make_fn)(struct unpack *u, const struct unpack_dir *parent, const char *leaf);

/** Something stands at @leaf where an entry goes that is no directory. */
static int clear(struct unpack *u, const struct unpack_dir *parent, const char *leaf,
		 struct berth_error *err)
{
	struct stat st;

	if (u->flags & UNPACK_INTO && fstatat(parent->fd, leaf, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISDIR(st.st_mode))
		return berth_fail(err, BERTH_E_INVALID,
				  "cannot overwrite directory with non-directory");
	return unpack_clear(u, parent->fd, leaf, err);
}

static int make(struct unpack *u, const struct unpack_dir *parent, const char *leaf, make_fn fn,
		struct berth_error *err)
{
	int r = fn(u, parent, leaf);

	if (r < 0 && errno == EEXIST) {
		r = clear(u, parent, leaf, err);
		if (r < 0)
			return r;
		r = fn(u, parent, leaf);
	}
	return r < 0 ? berth_fail_errno(err, errno, "make it") : r;
}

static int make_file(struct unpack *u, const struct unpack_dir *parent, const char *leaf)
{
	return openat(parent->fd, leaf, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		      u->entry->mode & 0777);
}

static int make_symlink(struct unpack *u, const struct unpack_dir *parent, const char *leaf)
{
	return symlinkat(u->entry->link, parent->fd, leaf);
}

static int make_node(struct unpack *u, const struct unpack_dir *parent, const char *leaf)
{
	mode_t type = u->entry->type == TAR_CHAR    ? S_IFCHR
		      : u->entry->type == TAR_BLOCK ? S_IFBLK
						    : S_IFIFO;

	return mknodat(parent->fd, leaf, type | (u->entry->mode & 0777),
		       makedev(u->entry->major, u->entry->minor));
}

/** Write what the stream has; where a sparse file has nothing, a hole stays. */
static int write_data(struct unpack *u, int fd, struct berth_error *err)
{
	struct tar_part part;
	uint64_t at = 0;
	int r;

	while ((r = tar_data(u->tar, &part, err)) > 0) {
		if (part.offset != at && lseek(fd, (off_t)part.offset, SEEK_SET) < 0)
			return berth_fail_errno(err, errno, "seek");
		r = write_all(fd, part.p, part.n, err);
		if (r < 0)
			return r;
		at = part.offset + part.n;
		r = op_check(u->op, err);
		if (r < 0)
			return r;
	}
	/* a hole at the end */
	if (r == 0 && u->entry->sparse && at < u->entry->size &&
	    ftruncate(fd, (off_t)u->entry->size) < 0)
		return berth_fail_errno(err, errno, "set the size");
	return r;
}

static int unpack_file(struct unpack *u, const struct unpack_dir *parent, const char *leaf,
		       struct berth_error *err)
{
	cleanup_fd int fd = -1;
	int r;

	if (u->entry->size > u->how->max_bytes || u->entry->size > INT64_MAX)
		return berth_fail(err, BERTH_E_LIMIT, "it is larger than %llu bytes",
				  (unsigned long long)u->how->max_bytes);
	fd = make(u, parent, leaf, make_file, err);
	if (fd < 0)
		return fd;
	r = write_data(u, fd, err);
	if (r == 0)
		r = meta_of_file(u, fd, parent, err);
	if (r == 0)
		r = whiteout_note(u, fd, "", err);
	u->res.bytes += u->entry->size;
	return r;
}

static int unpack_special(struct unpack *u, const struct unpack_dir *parent, const char *leaf,
			  struct berth_error *err)
{
	bool link = u->entry->type == TAR_SYMLINK;
	bool device = u->entry->type == TAR_CHAR || u->entry->type == TAR_BLOCK;
	int r;

	if (device && u->flags & UNPACK_ONE_OWNER)
		return 0;

	if (link && (!*u->entry->link || strlen(u->entry->link) > PATH_LIMIT))
		return berth_fail(err, BERTH_E_CORRUPT, "the target of the symlink is %s",
				  *u->entry->link ? "too long" : "missing");
	r = make(u, parent, leaf, link ? make_symlink : make_node, err);
	if (r < 0)
		return r;
	r = meta_of_special(u, parent, leaf, err);
	return r < 0 ? r : whiteout_note(u, parent->fd, leaf, err);
}

static int bad_link(struct unpack *u, const char *why, struct berth_error *err)
{
	char shown[SHOWN_MAX];

	return berth_fail(err, BERTH_E_CORRUPT, "hard link to '%s': %s",
			  unpack_shown(u->entry->link, shown), why);
}

/** A second name for what this layer (or, if applied, a layer below) has; of a symlink itself too.
 */
static int unpack_link(struct unpack *u, const struct unpack_dir *parent, const char *leaf,
		       struct berth_error *err)
{
	const struct unpack_dir *from;
	const char *name;
	struct stat st;
	int r = unpack_clean(u->entry->link, &u->link, NULL);

	if (r < 0)
		return bad_link(u, "it leaves the image's tree, or is too long", err);
	r = unpack_parent(u, &u->link, false, &from, &name, NULL);
	if (r == 0 && !*name)
		return bad_link(u, "it is a directory", err);
	if (r < 0 || fstatat(from->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return bad_link(u, "there is no such file", err);
	if (S_ISDIR(st.st_mode))
		return bad_link(u, "it is a directory", err);
	if (u->keep && whiteout_is(&st))
		return bad_link(u, "it is removed by this layer", err);
	if (from == parent && str_eq(name, leaf))
		return bad_link(u, "it is the same name", err);
	if (linkat(from->fd, name, parent->fd, leaf, 0) == 0)
		return 0; /* what was noted of the file stays true: it is the same inode */
	if (errno == EEXIST) {
		r = clear(u, parent, leaf, err);
		if (r < 0)
			return r;
		if (linkat(from->fd, name, parent->fd, leaf, 0) == 0)
			return 0;
	}
	return errno == ENOENT ? bad_link(u, "there is no such file", err)
			       : berth_fail_errno(err, errno, "make a hard link");
}

/** Something is in the way: *ret_fresh false if it is a directory, which stays. */
static int make_way(struct unpack *u, const struct unpack_dir *parent, const char *leaf,
		    bool *ret_fresh, bool *ret_hides, struct berth_error *err)
{
	struct stat st;
	int r;

	if (fstatat(parent->fd, leaf, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return berth_fail_errno(err, errno, "stat");
	*ret_fresh = !S_ISDIR(st.st_mode);
	if (!*ret_fresh)
		return 0;
	if (u->flags & UNPACK_INTO)
		return berth_fail(err, BERTH_E_INVALID,
				  "cannot overwrite non-directory with directory");
	*ret_hides = u->keep && whiteout_is(&st);
	r = unpack_clear(u, parent->fd, leaf, err);
	if (r < 0)
		return r;
	return mkdirat(parent->fd, leaf, u->entry->mode & 0777) < 0
		       ? berth_fail_errno(err, errno, "make it")
		       : 0;
}

static int unpack_directory(struct unpack *u, const struct unpack_dir *parent, const char *leaf,
			    struct berth_error *err)
{
	const struct unpack_dir *dir;
	bool inherits = parent->inherits;
	bool fresh = true, hides = false;
	int r = 0;

	if (mkdirat(parent->fd, leaf, u->entry->mode & 0777) < 0) {
		if (errno != EEXIST)
			return berth_fail_errno(err, errno, "make it");
		r = make_way(u, parent, leaf, &fresh, &hides, err);
	}
	/* what follows in the archive is mostly in it: open it for all of them */
	if (r == 0)
		r = unpack_dir(u, str_text(&u->path), false, &dir, err);
	if (r == 0)
		r = whiteout_note(u, dir->fd, "", err);
	if (r == 0 && hides)
		r = meta_opaque(u, dir->fd, err);
	return r < 0 ? r : meta_of_dir(u, dir, fresh, inherits, err);
}

/** The tree's own top, "./". */
static int unpack_top(struct unpack *u, struct berth_error *err)
{
	const struct unpack_dir *top;
	int r;

	if (u->entry->type != TAR_DIR)
		return berth_fail(err, BERTH_E_CORRUPT, "it has no name");
	r = unpack_dir(u, "", false, &top, err);
	return r < 0 ? r : meta_of_dir(u, top, false, false, err);
}

static int unpack_entry(struct unpack *u, struct berth_error *err)
{
	const struct unpack_dir *parent;
	const char *leaf;
	bool done = false;
	int r = unpack_clean(u->entry->name, &u->path, err);

	if (r == 0 && u->path.len == 0)
		return unpack_top(u, err);
	if (r == 0 && !(u->flags & UNPACK_INTO))
		r = whiteout_entry(u, &done, err);
	if (r < 0 || done)
		return r;
	r = unpack_parent(u, &u->path, true, &parent, &leaf, err);
	if (r < 0)
		return r;
	switch (u->entry->type) {
	case TAR_REG:
		return unpack_file(u, parent, leaf, err);
	case TAR_LINK:
		return unpack_link(u, parent, leaf, err);
	case TAR_DIR:
		return unpack_directory(u, parent, leaf, err);
	case TAR_SYMLINK:
	case TAR_CHAR:
	case TAR_BLOCK:
	case TAR_FIFO:
		return unpack_special(u, parent, leaf, err);
	}
	return berth_fail(err, BERTH_E_INTERNAL, "no such type of entry");
}

static void take_owner(struct unpack *u)
{
	if (!u->how->owner)
		return;
	u->owned = *u->entry;
	u->owned.uid = u->how->owner->uid;
	u->owned.gid = u->how->owner->gid;
	u->entry = &u->owned;
}

static int unpack_all(struct unpack *u, struct berth_error *err)
{
	int r;

	while ((r = tar_next(u->tar, &u->entry, err)) > 0) {
		char shown[SHOWN_MAX];

		if (++u->res.entries > u->how->max_entries)
			return berth_fail(err, BERTH_E_LIMIT, "it has more than %llu entries",
					  (unsigned long long)u->how->max_entries);
		r = op_check(u->op, err);
		if (r < 0)
			return r;
		take_owner(u);
		r = unpack_entry(u, err);
		if (r < 0) {
			berth_error_prefix(err, "entry '%s'", unpack_shown(u->entry->name, shown));
			if (r == -BERTH_E_FULL)
				berth_error_hint(err, "free some space, or inodes, and try again");
			return r;
		}
	}
	return r < 0 ? r : meta_late(u, err);
}

static void unpack_done(struct unpack *u)
{
	unpack_close_dirs(u);
	str_done(&u->path);
	str_done(&u->link);
	free(u->made.slot);
	for (size_t i = 0; i < u->n_late; i++) {
		free(u->late[i].path);
		for (size_t j = 0; j < 2; j++) {
			free(u->late[i].acl[j].name);
			free(u->late[i].acl[j].value);
		}
	}
	free(u->late);
}

int unpack_tree(struct tar *tar, int rootfd, const struct unpack_how *how, struct berth_op *op,
		struct unpack_result *ret, struct berth_error *err)
{
	cleanup_with(unpack_done) struct unpack u = {
		.tar = tar,
		.rootfd = rootfd,
		.flags = how->flags,
		.how = how,
		.op = op,
		.keep = how->flags & UNPACK_WHITEOUT_KEEP,
		.uid = geteuid(),
		.gid = getegid(),
	};
	mode_t old = 0;
	int r;

	for (size_t i = 0; i < DIRS_CACHED; i++)
		u.dir[i].fd = -1;
	/* an umask of this thread's own: a mode need not be set twice then */
	u.umask_zero = unshare(CLONE_FS) == 0;
	if (u.umask_zero)
		old = umask(0);
	r = unpack_all(&u, err);
	if (u.umask_zero)
		(void)umask(old);
	if (r < 0)
		return r;
	*ret = u.res;
	return 0;
}
