/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/path.h"
#include "core/image/work/unpack_parts.h"

const char *unpack_shown(const char *name, char out[static SHOWN_MAX])
{
	size_t n = strnlen(name, SHOWN_MAX - 1);

	for (size_t i = 0; i < n; i++)
		out[i] = (unsigned char)name[i] < ' ' || name[i] == 0x7f ? '?' : name[i];
	out[n] = '\0';
	if (name[n] != '\0')
		memcpy(out + n - 3, "...", 3);
	return out;
}

/** Take the last component away again; false at the top. */
static bool pop(struct str *out)
{
	const char *slash;

	if (out->len == 0)
		return false;
	slash = strrchr(out->p, '/');
	str_cut(out, slash ? (size_t)(slash - out->p) : 0);
	return true;
}

int unpack_clean(const char *raw, struct str *out, struct berth_error *err)
{
	const char *at = raw;

	str_clear(out);
	while (*at) {
		size_t n = strcspn(at, "/");

		if (n == 2 && at[0] == '.' && at[1] == '.') {
			/* "/.." is "/", as everywhere; a relative name must not leave */
			if (!pop(out) && *raw != '/')
				return berth_fail(err, BERTH_E_CORRUPT,
						  "its name leaves the image's tree");
		} else if (n > NAME_LIMIT) {
			return berth_fail(err, BERTH_E_LIMIT,
					  "a part of its name is longer than %d bytes", NAME_LIMIT);
		} else if (n > 0 && !(n == 1 && *at == '.')) {
			if (out->len > 0)
				str_add_char(out, '/');
			str_add_n(out, at, n);
		}
		at += n;
		while (*at == '/')
			at++;
	}
	if (out->len > PATH_LIMIT)
		return berth_fail(err, BERTH_E_LIMIT, "its name is longer than %d bytes",
				  PATH_LIMIT);
	return str_check(out, err);
}

void unpack_forget_dirs(struct unpack *u)
{
	u->stale = true; /* the caller may be at work in one of them */
}

void unpack_close_dirs(struct unpack *u)
{
	for (size_t i = 0; i < DIRS_CACHED; i++) {
		free(u->dir[i].path);
		if (u->dir[i].path)
			close_fd(&u->dir[i].fd);
		u->dir[i] = (struct unpack_dir){.fd = -1};
	}
	u->stale = false;
}

static struct unpack_dir *cached(struct unpack *u, const char *path, struct unpack_dir **ret_oldest)
{
	struct unpack_dir *oldest = &u->dir[0];

	for (size_t i = 0; i < DIRS_CACHED; i++) {
		struct unpack_dir *d = &u->dir[i];

		if (d->path && strcmp(d->path, path) == 0) {
			d->used = ++u->clock;
			return d;
		}
		if (d->used < oldest->used)
			oldest = d;
	}
	*ret_oldest = oldest;
	return NULL;
}

/** A directory of a layer below may give its group and ACL to what is made in it. */
static int find_inherits(struct unpack *u, int fd, bool *ret, struct berth_error *err)
{
	char self[32];
	struct stat st;

	*ret = false;
	if (u->keep)
		return 0; /* such modes and ACLs are set at the end */
	if (fstat(fd, &st) < 0)
		return berth_fail_errno(err, errno, "stat a directory");
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	*ret = st.st_mode & S_ISGID || getxattr(self, "system.posix_acl_default", NULL, 0) > 0;
	return 0;
}

/** @path and the directories that lead to it are this layer's too, whoever made them. */
static int note_way(struct unpack *u, const char *path, struct berth_error *err)
{
	cleanup_free char *part = strdup(path);

	if (!part)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	for (;;) {
		char *slash = strrchr(part, '/');
		struct stat st;
		int r = root_stat(u->rootfd, part, 0, &st, err);

		if (r == 0)
			r = inodes_add(&u->made, st.st_ino, err);
		if (r < 0 || !slash)
			return r;
		*slash = '\0';
	}
}

static int note_dir(struct unpack *u, struct unpack_dir *d, bool make, struct berth_error *err)
{
	int r;

	if (u->keep || u->flags & UNPACK_INTO || !make || d->noted)
		return 0;
	r = note_way(u, d->path, err);
	d->noted = r == 0;
	return r;
}

/** A whiteout of this layer stands where its own directory belongs: that one hides what is below.
 */
static int replace_whiteout(struct unpack *u, const char *path, bool *ret_did,
			    struct berth_error *err)
{
	cleanup_free char *part = strdup(path);

	*ret_did = false;
	if (!part)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	for (char *end = strchr(part, '/');; end = strchr(end + 1, '/')) {
		cleanup_fd int parent = -1;
		cleanup_fd int made = -1;
		struct stat st;
		char *slash;
		int r;

		if (end)
			*end = '\0';
		slash = strrchr(part, '/');
		if (slash)
			*slash = '\0';
		r = root_open(u->rootfd, slash ? part : "", O_PATH | O_DIRECTORY, 0, &parent, NULL);
		if (slash)
			*slash = '/';
		if (r < 0)
			return 0; /* it is not a whiteout that is in the way */
		slash = slash ? slash + 1 : part;
		if (fstatat(parent, slash, &st, AT_SYMLINK_NOFOLLOW) == 0 && whiteout_is(&st)) {
			if (unlinkat(parent, slash, 0) < 0 || mkdirat(parent, slash, 0755) < 0)
				return berth_fail_errno(err, errno, "replace a whiteout");
			made = openat(parent, slash, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			if (made < 0)
				return berth_fail_errno(err, errno, "replace a whiteout");
			*ret_did = true;
			return meta_opaque(u, made, err);
		}
		if (!end)
			return 0;
		*end = '/';
	}
}

static int open_dir(struct unpack *u, const char *path, bool make, int *ret_fd,
		    struct berth_error *err)
{
	struct berth_error why = {0};
	bool replaced = false;
	int r = root_open(u->rootfd, path, O_PATH | O_DIRECTORY, 0, ret_fd, &why);

	if (r == -BERTH_E_NOT_FOUND && make) {
		why = (struct berth_error){0};
		r = root_mkdirs(u->rootfd, path, 0755, ret_fd, &why);
	}
	if (r == -BERTH_E_INVALID && why.sys_errno != ELOOP && u->keep && make) {
		int done = replace_whiteout(u, path, &replaced, err);

		if (done < 0)
			return done;
		if (replaced)
			return open_dir(u, path, make, ret_fd, err);
	}
	if (r == -BERTH_E_INVALID)
		return berth_fail(err, BERTH_E_CORRUPT,
				  "something above it is no directory, or links go in circles");
	if (r < 0 && err)
		*err = why;
	return r;
}

int unpack_dir(struct unpack *u, const char *path, bool make, const struct unpack_dir **ret,
	       struct berth_error *err)
{
	struct unpack_dir *slot, *d;
	cleanup_fd int fd = -1;
	bool inherits;
	int r;

	if (u->stale)
		unpack_close_dirs(u);
	d = cached(u, path, &slot);
	if (d) {
		*ret = d;
		return note_dir(u, d, make, err);
	}
	r = open_dir(u, path, make, &fd, err);
	if (r == 0)
		r = find_inherits(u, fd, &inherits, err);
	if (r < 0)
		return r;
	if (slot->path) {
		free(slot->path);
		close_fd(&slot->fd);
	}
	slot->path = strdup(path);
	if (!slot->path) {
		*slot = (struct unpack_dir){.fd = -1};
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	}
	slot->fd = steal_fd(&fd);
	slot->inherits = inherits;
	slot->noted = false;
	slot->used = ++u->clock;
	*ret = slot;
	return note_dir(u, slot, make, err);
}

int unpack_parent(struct unpack *u, struct str *path, bool make, const struct unpack_dir **ret,
		  const char **ret_leaf, struct berth_error *err)
{
	char *slash = path->p ? strrchr(path->p, '/') : NULL;
	int r;

	if (!slash) {
		*ret_leaf = str_text(path);
		return unpack_dir(u, "", make, ret, err);
	}
	*slash = '\0';
	r = unpack_dir(u, path->p, make, ret, err);
	*slash = '/';
	*ret_leaf = slash + 1;
	return r;
}

int unpack_clear(struct unpack *u, int dirfd, const char *leaf, struct berth_error *err)
{
	struct stat st;

	if (fstatat(dirfd, leaf, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : berth_fail_errno(err, errno, "stat");
	u->replaced = true;
	if (!S_ISDIR(st.st_mode)) {
		/* a symlink may have been on the way to a directory that is open */
		if (S_ISLNK(st.st_mode))
			unpack_forget_dirs(u);
		return unlinkat(dirfd, leaf, 0) < 0 ? berth_fail_errno(err, errno, "remove") : 0;
	}
	unpack_forget_dirs(u);
	return remove_tree(dirfd, leaf, err);
}
