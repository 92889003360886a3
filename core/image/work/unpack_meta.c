/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "core/image/work/unpack_parts.h"

#define ACL_ACCESS  "system.posix_acl_access"
#define ACL_DEFAULT "system.posix_acl_default"
#define SPECIAL	    (S_ISUID | S_ISGID | S_ISVTX)

enum {
	XATTR_NAMES_MAX = 64 * 1024,
	PROC_PATH_MAX = 32 + NAME_LIMIT + 2,
};

/** Where an xattr goes: an open file, or a path through /proc to what cannot be opened. */
struct target {
	int fd;		  /* or -1 */
	const char *path; /* not followed */
};

static int target_set(const struct target *t, const char *name, const void *value, size_t n)
{
	return t->fd >= 0 ? fsetxattr(t->fd, name, value, n, 0)
			  : lsetxattr(t->path, name, value, n, 0);
}

/** Without these a container only misses a comfort; without others it would be another program. */
static bool may_miss(const char *name)
{
	return str_has_prefix(name, "user.") || str_eq(name, "security.selinux") ||
	       str_eq(name, "security.ima") || str_eq(name, "security.evm");
}

static bool is_overlay(const char *name)
{
	return str_has_prefix(name, "trusted.overlay.") || str_has_prefix(name, "user.overlay.");
}

static bool has_one_owner(const struct unpack *u)
{
	return u->flags & UNPACK_ONE_OWNER;
}

static int set_xattr(struct unpack *u, const struct target *t, const char *name, const void *value,
		     size_t n, struct berth_error *err)
{
	char shown[SHOWN_MAX];

	/* with these a layer could make what it likes of layers below, and of the host's
	 * directories */
	if (is_overlay(name))
		return berth_fail(err, BERTH_E_CORRUPT,
				  "xattr '%s' belongs to overlayfs, an image must not have it",
				  unpack_shown(name, shown));
	if (target_set(t, name, value, n) == 0)
		return 0;
	if ((errno == EOPNOTSUPP || errno == EPERM) && (may_miss(name) || has_one_owner(u))) {
		u->res.skipped_xattrs++;
		return 0;
	}
	if (errno == EOPNOTSUPP)
		return berth_fail(err, BERTH_E_UNSUPPORTED,
				  "the filesystem of the storage driver cannot hold xattr '%s'",
				  unpack_shown(name, shown));
	return berth_fail_errno(err, errno, "set xattr '%s'", unpack_shown(name, shown));
}

static int set_acl_text(struct unpack *u, const struct target *t, const char *name,
			const char *text, struct berth_error *err)
{
	uint8_t value[ACL_BYTES_MAX];
	size_t n;
	int r;

	if (!text)
		return 0;
	r = acl_from_text(text, value, &n, err);
	return r < 0 ? r : set_xattr(u, t, name, value, n, err);
}

static bool has_xattr(const struct tar_entry *e, const char *name)
{
	for (size_t i = 0; i < e->n_xattr; i++)
		if (str_eq(e->xattr[i].name, name))
			return true;
	return false;
}

static bool is_acl(const char *name)
{
	return str_eq(name, ACL_ACCESS) || str_eq(name, ACL_DEFAULT);
}

/** @acls false: those of directories come at the end. */
static int set_xattrs(struct unpack *u, const struct target *t, bool acls, struct berth_error *err)
{
	const struct tar_entry *e = u->entry;

	for (size_t i = 0; i < e->n_xattr; i++) {
		int r;

		if (!acls && is_acl(e->xattr[i].name))
			continue;
		r = set_xattr(u, t, e->xattr[i].name, e->xattr[i].value, e->xattr[i].n, err);
		if (r < 0)
			return r;
	}
	if (!acls || has_xattr(e, ACL_ACCESS))
		return 0;
	return set_acl_text(u, t, ACL_ACCESS, e->acl_access, err);
}

static bool wants_owner(const struct unpack *u, bool inherits)
{
	if (has_one_owner(u))
		return false;
	/* new files are root's, like us, unless their directory gives them a group */
	return u->entry->uid != u->uid || u->entry->gid != u->gid || inherits;
}

static bool wants_mode(const struct unpack *u, bool inherits)
{
	return u->entry->mode & SPECIAL || inherits || !u->umask_zero || has_one_owner(u);
}

/* Who is not root needs a mode that lets them: to read it, to make more in it, to remove it. */
static mode_t mode_of(const struct unpack *u, mode_t needed)
{
	return u->entry->mode | (has_one_owner(u) ? needed : 0);
}

int meta_of_file(struct unpack *u, int fd, const struct unpack_dir *parent, struct berth_error *err)
{
	const struct tar_entry *e = u->entry;
	const struct timespec times[2] = {e->mtime, e->mtime};
	const struct target t = {.fd = fd};
	int r;

	if (parent->inherits)
		(void)fremovexattr(fd, ACL_ACCESS); /* there may be none */
	/* the order matters: a change of owner takes set-id bits and capabilities away */
	if (wants_owner(u, parent->inherits) && fchown(fd, e->uid, e->gid) < 0)
		return berth_fail_errno(err, errno, "set the owner");
	if (wants_mode(u, parent->inherits) && fchmod(fd, mode_of(u, S_IRUSR | S_IWUSR)) < 0)
		return berth_fail_errno(err, errno, "set the mode");
	r = set_xattrs(u, &t, true, err);
	if (r < 0)
		return r;
	return futimens(fd, times) < 0 ? berth_fail_errno(err, errno, "set the time") : 0;
}

/**
 * By descriptor: in a tree that is in use, @leaf may be a symlink by now, which leads wherever
 * somebody likes. Its own mode cannot be set, so that is an error.
 */
static int set_mode(int dirfd, const char *leaf, mode_t mode, struct berth_error *err)
{
	cleanup_fd int fd = openat(dirfd, leaf, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	char path[PROC_PATH_MAX];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fd < 0 || chmod(path, mode) < 0)
		return berth_fail_errno(err, errno, "set the mode");
	return 0;
}

int meta_of_special(struct unpack *u, const struct unpack_dir *parent, const char *leaf,
		    struct berth_error *err)
{
	const struct tar_entry *e = u->entry;
	const struct timespec times[2] = {e->mtime, e->mtime};
	char path[PROC_PATH_MAX];
	const struct target t = {.fd = -1, .path = path};
	bool has_mode = e->type != TAR_SYMLINK;
	int r;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", parent->fd, leaf);
	if (parent->inherits && has_mode)
		(void)lremovexattr(path, ACL_ACCESS); /* there may be none */
	if (wants_owner(u, parent->inherits) &&
	    fchownat(parent->fd, leaf, e->uid, e->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return berth_fail_errno(err, errno, "set the owner");
	if (has_mode && wants_mode(u, parent->inherits)) {
		r = set_mode(parent->fd, leaf, e->mode, err);
		if (r < 0)
			return r;
	}
	r = set_xattrs(u, &t, has_mode, err);
	if (r < 0)
		return r;
	if (utimensat(parent->fd, leaf, times, AT_SYMLINK_NOFOLLOW) < 0)
		return berth_fail_errno(err, errno, "set the time");
	return 0;
}

/** A directory of a layer below takes the xattrs of this layer's entry, and has no others. */
static int drop_xattrs(struct unpack *u, const char *path, struct berth_error *err)
{
	cleanup_free char *names = NULL;
	ssize_t n = listxattr(path, NULL, 0);

	if (n <= 0)
		return 0; /* none, or a filesystem without them */
	if (n > XATTR_NAMES_MAX)
		return berth_fail(err, BERTH_E_LIMIT, "too many xattrs");
	names = malloc((size_t)n);
	if (!names)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	n = listxattr(path, names, (size_t)n);
	for (const char *at = names; n > 0 && at < names + n; at += strlen(at) + 1) {
		/* a mark of overlayfs can only be ours, from a whiteout that came earlier */
		if (str_eq(at, "security.selinux") || is_overlay(at) || has_xattr(u->entry, at))
			continue;
		if (removexattr(path, at) < 0 && errno != ENODATA)
			return berth_fail_errno(err, errno, "remove an xattr");
	}
	return 0;
}

static struct late_dir *late_new(struct unpack *u)
{
	if (u->n_late == u->room_late) {
		size_t room = u->room_late ? 2 * u->room_late : 256;
		void *grown = reallocarray(u->late, room, sizeof(*u->late));

		if (!grown)
			return NULL;
		u->late = grown;
		u->room_late = room;
	}
	u->late[u->n_late] = (struct late_dir){.path = strdup(str_text(&u->path))};
	return u->late[u->n_late].path ? &u->late[u->n_late++] : NULL;
}

static int late_acl(struct late_dir *late, const char *name, const void *value, size_t n,
		    struct berth_error *err)
{
	struct late_acl *acl = &late->acl[str_eq(name, ACL_DEFAULT)];

	free(acl->name);
	free(acl->value);
	acl->name = strdup(name);
	acl->value = malloc(n ? n : 1);
	if (!acl->name || !acl->value)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	memcpy(acl->value, value, n);
	acl->n = n;
	return 0;
}

static int late_acl_text(struct late_dir *late, const char *name, const char *text,
			 struct berth_error *err)
{
	uint8_t value[ACL_BYTES_MAX];
	size_t n;
	int r;

	if (!text)
		return 0;
	r = acl_from_text(text, value, &n, err);
	return r < 0 ? r : late_acl(late, name, value, n, err);
}

static int late_acls(struct unpack *u, struct late_dir *late, struct berth_error *err)
{
	const struct tar_entry *e = u->entry;
	int r = late_acl_text(late, ACL_ACCESS, e->acl_access, err);

	if (r == 0)
		r = late_acl_text(late, ACL_DEFAULT, e->acl_default, err);
	for (size_t i = 0; i < e->n_xattr && r == 0; i++)
		if (is_acl(e->xattr[i].name))
			r = late_acl(late, e->xattr[i].name, e->xattr[i].value, e->xattr[i].n, err);
	return r;
}

int meta_of_dir(struct unpack *u, const struct unpack_dir *dir, bool fresh, bool inherits,
		struct berth_error *err)
{
	const struct tar_entry *e = u->entry;
	struct late_dir *late = late_new(u);
	char path[PROC_PATH_MAX];
	/* an O_PATH descriptor takes no xattr by itself, but its name in /proc leads to the
	 * directory */
	const struct target t = {.fd = -1, .path = path};
	int r = 0;

	if (!late)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/.", dir->fd);
	if ((!fresh || inherits) && !(u->flags & UNPACK_INTO))
		r = drop_xattrs(u, path, err);
	if (r < 0)
		return r;
	if ((!fresh || wants_owner(u, inherits)) && !has_one_owner(u) &&
	    fchownat(dir->fd, "", e->uid, e->gid, AT_EMPTY_PATH) < 0)
		return berth_fail_errno(err, errno, "set the owner");
	/* set-group-id and ACLs would be handed on to what is still to be made in it */
	late->mtime = e->mtime;
	late->mode = mode_of(u, S_IRWXU);
	late->set_mode = !fresh || wants_mode(u, inherits);
	if (late->set_mode && chmod(path, late->mode & 0777) < 0)
		return berth_fail_errno(err, errno, "set the mode");
	r = set_xattrs(u, &t, false, err);
	return r < 0 ? r : late_acls(u, late, err);
}

/** Whether @leaf is a directory still. */
static bool is_dir(int dirfd, const char *leaf)
{
	struct stat st;

	return fstatat(dirfd, *leaf ? leaf : ".", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(st.st_mode);
}

static int late_one(struct unpack *u, const struct late_dir *late, struct berth_error *err)
{
	const struct timespec times[2] = {late->mtime, late->mtime};
	const struct unpack_dir *parent;
	char path[PROC_PATH_MAX];
	const struct target t = {.fd = -1, .path = path};
	struct berth_error why = {0};
	const char *leaf;
	int r;

	str_clear(&u->path);
	str_add(&u->path, late->path);
	r = str_check(&u->path, err);
	if (r < 0)
		return r;
	r = unpack_parent(u, &u->path, false, &parent, &leaf, &why);
	/* a later entry may have put something else there, or above it */
	if (u->replaced && (r == -BERTH_E_NOT_FOUND || r == -BERTH_E_CORRUPT))
		return 0;
	if (r < 0 && err)
		*err = why;
	if (r < 0 || (u->replaced && !is_dir(parent->fd, leaf)))
		return r;
	if (!*leaf)
		leaf = ".";
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", parent->fd, leaf);
	if (late->set_mode)
		r = set_mode(parent->fd, leaf, late->mode, err);
	for (size_t i = 0; i < 2 && r == 0; i++)
		if (late->acl[i].name)
			r = set_xattr(u, &t, late->acl[i].name, late->acl[i].value, late->acl[i].n,
				      err);
	if (r == 0 && utimensat(parent->fd, leaf, times, AT_SYMLINK_NOFOLLOW) < 0)
		r = berth_fail_errno(err, errno, "set the time");
	return r;
}

int meta_late(struct unpack *u, struct berth_error *err)
{
	int r = 0;

	/* of two entries of one directory the later one counts, so it comes last */
	for (size_t i = 0; i < u->n_late && r == 0; i++) {
		char shown[SHOWN_MAX];

		r = late_one(u, &u->late[i], err);
		if (r < 0)
			berth_error_prefix(err, "entry '%s'", unpack_shown(u->late[i].path, shown));
	}
	return r;
}

int meta_opaque(struct unpack *u, int dirfd, struct berth_error *err)
{
	const char *name =
		u->flags & UNPACK_USERXATTR ? "user.overlay.opaque" : "trusted.overlay.opaque";
	char path[PROC_PATH_MAX];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/.", dirfd);
	if (setxattr(path, name, "y", 1, 0) < 0)
		return berth_fail_errno(err, errno, "make a directory opaque");
	return 0;
}
