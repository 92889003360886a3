/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/path.h"
#include "core/image/work/unpack_parts.h"

#define WHITEOUT ".wh."
#define AUFS	 ".wh..wh."
#define OPAQUE	 ".wh..wh..opq"

bool whiteout_is(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

static size_t slot_of(const struct inodes *set, uint64_t ino)
{
	size_t i = (size_t)(ino * UINT64_C(0x9e3779b97f4a7c15)) & (set->room - 1);

	while (set->slot[i] && set->slot[i] != ino)
		i = (i + 1) & (set->room - 1);
	return i;
}

static int grow(struct inodes *set, struct berth_error *err)
{
	struct inodes more = {.room = set->room ? 2 * set->room : 1024};

	more.slot = calloc(more.room, sizeof(*more.slot));
	if (!more.slot)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	for (size_t i = 0; i < set->room; i++)
		if (set->slot[i])
			more.slot[slot_of(&more, set->slot[i])] = set->slot[i];
	more.n = set->n;
	free(set->slot);
	*set = more;
	return 0;
}

int inodes_add(struct inodes *set, uint64_t ino, struct berth_error *err)
{
	size_t i;

	if (2 * set->n >= set->room) {
		int r = grow(set, err);

		if (r < 0)
			return r;
	}
	i = slot_of(set, ino);
	if (!set->slot[i]) {
		set->slot[i] = ino;
		set->n++;
	}
	return 0;
}

bool inodes_has(const struct inodes *set, uint64_t ino)
{
	return set->room > 0 && set->slot[slot_of(set, ino)] == ino;
}

int whiteout_note(struct unpack *u, int dirfd, const char *leaf, struct berth_error *err)
{
	struct stat st;

	if (u->keep || u->flags & UNPACK_INTO)
		return 0; /* all that is there is this layer's; or nothing will be removed */
	if (fstatat(dirfd, leaf, &st, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) < 0)
		return berth_fail_errno(err, errno, "stat");
	return inodes_add(&u->made, st.st_ino, err);
}

/** Remove from directory @leaf of @dirfd what layers below put there; what this layer made stays.
 */
static int clear_below(struct unpack *u, int at, const char *leaf, struct berth_error *err)
{
	cleanup_fd int fd =
		openat(at, leaf, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	cleanup_dir DIR *dir = NULL;
	int r = 0;

	if (fd < 0)
		return berth_fail_errno(err, errno, "open a directory");
	dir = fdopendir(fd);
	if (!dir)
		return berth_fail_errno(err, errno, "read a directory");
	fd = -1; /* closedir closes it */
	for (const struct dirent *e; r == 0 && (e = readdir(dir));) {
		const char *name = e->d_name;
		struct stat st;

		if (str_eq(name, ".") || str_eq(name, ".."))
			continue;
		if (fstatat(dirfd(dir), name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return berth_fail_errno(err, errno, "stat");
		if (!inodes_has(&u->made, st.st_ino))
			r = unpack_clear(u, dirfd(dir), name, err);
		else if (S_ISDIR(st.st_mode))
			r = clear_below(u, dirfd(dir), name, err);
	}
	return r;
}

/** Where the whiteout stands; *ret NULL: nothing is there, so nothing is to be removed. */
static int find_parent(struct unpack *u, const struct unpack_dir **ret, const char **ret_leaf,
		       struct berth_error *err)
{
	struct berth_error why = {0};
	int r = unpack_parent(u, &u->path, u->keep, ret, ret_leaf, &why);

	if (r == -BERTH_E_NOT_FOUND && !u->keep) {
		*ret = NULL;
		return 0;
	}
	if (r < 0 && err)
		*err = why;
	return r;
}

/** All that layers below have in the directory of the entry is hidden. */
static int opaque(struct unpack *u, struct berth_error *err)
{
	const struct unpack_dir *parent;
	const char *leaf;
	int r = find_parent(u, &parent, &leaf, err);

	if (r < 0 || !parent)
		return r;
	if (u->keep)
		return meta_opaque(u, parent->fd, err);
	r = clear_below(u, parent->fd, ".", err);
	return r < 0 ? r : whiteout_note(u, parent->fd, "", err);
}

static int keep_whiteout(struct unpack *u, const struct unpack_dir *parent, const char *leaf,
			 struct berth_error *err)
{
	cleanup_fd int dir = -1;
	struct stat st;

	if (mknodat(parent->fd, leaf, S_IFCHR, makedev(0, 0)) == 0)
		return 0;
	if (errno != EEXIST)
		return berth_fail_errno(err, errno, "make a whiteout");
	if (fstatat(parent->fd, leaf, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return berth_fail_errno(err, errno, "stat");
	/* this layer has one of that name itself, and it hides what is below; a directory must be
	 * told */
	if (!S_ISDIR(st.st_mode))
		return 0;
	dir = openat(parent->fd, leaf, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return berth_fail_errno(err, errno, "open a directory");
	return meta_opaque(u, dir, err);
}

static int apply_whiteout(struct unpack *u, const struct unpack_dir *parent, const char *leaf,
			  struct berth_error *err)
{
	struct stat st;

	if (fstatat(parent->fd, leaf, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : berth_fail_errno(err, errno, "stat");
	if (!inodes_has(&u->made, st.st_ino))
		return unpack_clear(u, parent->fd, leaf, err);
	return S_ISDIR(st.st_mode) ? clear_below(u, parent->fd, leaf, err) : 0;
}

static int one_name(struct unpack *u, struct berth_error *err)
{
	const struct unpack_dir *parent;
	const char *leaf;
	int r = find_parent(u, &parent, &leaf, err);

	if (r < 0 || !parent)
		return r;
	leaf += strlen(WHITEOUT);
	/* ".wh." and ".wh..." would name the directory itself and the one above */
	if (!path_is_name(leaf))
		return berth_fail(err, BERTH_E_CORRUPT, "a whiteout of no name");
	return u->keep ? keep_whiteout(u, parent, leaf, err) : apply_whiteout(u, parent, leaf, err);
}

int whiteout_entry(struct unpack *u, bool *ret_done, struct berth_error *err)
{
	const char *path = str_text(&u->path);
	const char *leaf = path_base(path);

	*ret_done = true;
	if (str_eq(leaf, OPAQUE))
		return opaque(u, err);
	/* AUFS's own files, in old images: no part of the tree */
	if (str_has_prefix(path, AUFS) || str_has_prefix(leaf, AUFS))
		return 0;
	if (str_has_prefix(leaf, WHITEOUT))
		return one_name(u, err);
	*ret_done = false;
	return 0;
}
