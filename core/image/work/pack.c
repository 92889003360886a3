/* SPDX-License-Identifier: Apache-2.0 */
#include "core/image/work/pack.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/path.h"
#include "base/walk.h"
#include "base/xattrs.h"

enum {
	ENTRIES_MAX = 1 << 24, /* names in one directory */
	GONE = 2,	       /* an answer beside PACK_LEAVE_OUT */
};

/* First names of files that have several. */
struct named {
	dev_t dev;
	ino_t ino;
	char *name; /* NULL: free slot */
};

struct pack {
	struct tar_writer *w;
	struct pack_how how;
	struct named *named;
	size_t n_named, slots; /* slots: a power of two */
	struct tar_xattr *xattr;
	size_t n_xattr, room;
	struct str path; /* name of what is being packed */
	uint64_t bytes;
};

int pack_new(struct tar_writer *w, const struct pack_how *how, struct pack **ret,
	     struct berth_error *err)
{
	struct pack *p = calloc(1, sizeof(*p));

	if (!p)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	p->w = w;
	p->how = *how;
	*ret = p;
	return 0;
}

static void xattrs_clear(struct pack *p)
{
	for (size_t i = 0; i < p->n_xattr; i++)
		free((char *)p->xattr[i].name); /* the value is behind it */
	p->n_xattr = 0;
}

void pack_free(struct pack *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->slots; i++)
		free(p->named[i].name);
	free(p->named);
	xattrs_clear(p);
	free(p->xattr);
	str_done(&p->path);
	free(p);
}

/* --- several names -------------------------------------------------------- */

static struct named *slot_of(const struct pack *p, dev_t dev, ino_t ino)
{
	size_t i = (size_t)(ino * 0x9e3779b97f4a7c15u >> 20) & (p->slots - 1);

	while (p->named[i].name && (p->named[i].dev != dev || p->named[i].ino != ino))
		i = (i + 1) & (p->slots - 1);
	return &p->named[i];
}

static int named_grow(struct pack *p, struct berth_error *err)
{
	struct named *old = p->named;
	size_t n = p->slots;
	struct named *fresh = calloc(n ? 2 * n : 64, sizeof(*fresh));

	if (!fresh)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	p->named = fresh;
	p->slots = n ? 2 * n : 64;
	for (size_t i = 0; i < n; i++)
		if (old[i].name)
			*slot_of(p, old[i].dev, old[i].ino) = old[i];
	free(old);
	return 0;
}

/* The name by which this file is in the tar already; else it has this one from now on. */
static int first_name(struct pack *p, const struct stat *st, const char *name, const char **ret,
		      struct berth_error *err)
{
	struct named *at;
	int r = 2 * (p->n_named + 1) > p->slots ? named_grow(p, err) : 0;

	if (r < 0)
		return r;
	at = slot_of(p, st->st_dev, st->st_ino);
	*ret = at->name;
	if (at->name)
		return 0;
	*at = (struct named){st->st_dev, st->st_ino, strdup(name)};
	p->n_named++;
	return at->name ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
}

/* --- one entry ------------------------------------------------------------ */

static int xattr_add(void *arg, const char *name, const void *value, size_t n,
		     struct berth_error *err)
{
	size_t len = strlen(name) + 1;
	struct pack *p = arg;
	char *copy;

	/* how overlayfs keeps its books, and what the host's policy says, is not the tree's */
	if (str_has_prefix(name, "trusted.overlay.") || str_has_prefix(name, "user.overlay.") ||
	    str_eq(name, "security.selinux"))
		return 0;
	if (p->n_xattr == p->room) {
		size_t room = p->room ? 2 * p->room : 8;
		struct tar_xattr *more = reallocarray(p->xattr, room, sizeof(*more));

		if (!more)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		p->xattr = more;
		p->room = room;
	}
	copy = malloc(len + n);
	if (!copy)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	memcpy(copy, name, len);
	if (n > 0)
		memcpy(copy + len, value, n);
	p->xattr[p->n_xattr++] = (struct tar_xattr){copy, copy + len, n};
	return 0;
}

static int by_xattr_name(const void *a, const void *b)
{
	return strcmp(((const struct tar_xattr *)a)->name, ((const struct tar_xattr *)b)->name);
}

static int read_xattrs(struct pack *p, int dirfd, const char *name, struct berth_error *err)
{
	struct berth_error why = {0};
	int r;

	xattrs_clear(p);
	r = xattrs_each_at(dirfd, name, xattr_add, p, &why);
	if (r == -BERTH_E_NOT_FOUND)
		r = 0; /* it will turn out to be gone */
	else if (r < 0 && err)
		*err = why;
	/* a filesystem lists them in any order */
	if (p->n_xattr > 1)
		qsort(p->xattr, p->n_xattr, sizeof(*p->xattr), by_xattr_name);
	return r;
}

static bool type_of(mode_t mode, enum tar_type *ret)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		*ret = TAR_REG;
		return true;
	case S_IFDIR:
		*ret = TAR_DIR;
		return true;
	case S_IFLNK:
		*ret = TAR_SYMLINK;
		return true;
	case S_IFCHR:
		*ret = TAR_CHAR;
		return true;
	case S_IFBLK:
		*ret = TAR_BLOCK;
		return true;
	case S_IFIFO:
		*ret = TAR_FIFO;
		return true;
	default:
		return false; /* a socket */
	}
}

static void fill(const struct pack *p, const struct stat *st, enum tar_type type,
		 struct tar_entry *e)
{
	*e = (struct tar_entry){
		.type = type,
		.mode = st->st_mode & 07777,
		.name = str_text(&p->path),
		.link = "",
		.uid = st->st_uid,
		.gid = st->st_gid,
		.size = type == TAR_REG ? (uint64_t)st->st_size : 0,
		.mtime = {.tv_sec = st->st_mtim.tv_sec},
		.xattr = p->xattr,
		.n_xattr = p->n_xattr,
	};
	if (type == TAR_CHAR || type == TAR_BLOCK) {
		e->major = major(st->st_rdev);
		e->minor = minor(st->st_rdev);
	}
	if (p->how.latest_s > 0 && e->mtime.tv_sec > p->how.latest_s)
		e->mtime.tv_sec = p->how.latest_s;
}

/* Its header, after whoever wants to has changed it. PACK_LEAVE_OUT: not written. */
static int put_entry(struct pack *p, struct tar_entry *e, struct berth_error *err)
{
	int r = op_check(p->how.op, err);

	if (r == 0 && p->how.change)
		r = p->how.change(p->how.arg, e, err);
	return r == 0 ? tar_write_entry(p->w, e, err) : r;
}

static int put_data(struct pack *p, int fd, uint64_t size, struct berth_error *err)
{
	int r = tar_write_from(p->w, fd, err);

	if (r < 0) {
		berth_error_prefix(err, "'%s'", str_text(&p->path));
		return r;
	}
	p->bytes += size;
	op_progress(p->how.op, p->bytes, 0, "bytes");
	return 0;
}

static int put_link(struct pack *p, struct tar_entry *e, const char *to, struct berth_error *err)
{
	int r;

	e->type = TAR_LINK;
	e->link = to;
	e->size = 0;
	e->n_xattr = 0; /* they are with the file */
	r = put_entry(p, e, err);
	return r == PACK_LEAVE_OUT ? 0 : r;
}

static int put_file(struct pack *p, int dirfd, const char *name, struct berth_error *err)
{
	/* a fifo in its place must not make us wait */
	cleanup_fd int fd =
		openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	const char *to = NULL;
	struct tar_entry e;
	struct stat st;
	int r = 0;

	if (fd < 0 && (errno == ENOENT || errno == ELOOP || errno == ENXIO))
		return 0; /* not what it was */
	if (fd < 0 || fstat(fd, &st) < 0)
		return berth_fail_errno(err, errno, "open '%s'", str_text(&p->path));
	if (!S_ISREG(st.st_mode))
		return 0;
	fill(p, &st, TAR_REG, &e);
	if (st.st_nlink > 1)
		r = first_name(p, &st, e.name, &to, err);
	if (r < 0)
		return r;
	if (to)
		return put_link(p, &e, to, err);
	r = put_entry(p, &e, err);
	if (r == 0)
		return put_data(p, fd, (uint64_t)st.st_size, err);
	return r == PACK_LEAVE_OUT ? 0 : r;
}

/* What has no data: all but files. *@ret_in: it is a directory, and was written. */
static int put_other(struct pack *p, int dirfd, const char *name, const struct stat *st,
		     enum tar_type type, bool *ret_in, struct berth_error *err)
{
	char target[PATH_MAX + 1];
	const char *to = NULL;
	struct tar_entry e;
	int r = 0;

	fill(p, st, type, &e);
	if (type == TAR_SYMLINK) {
		ssize_t n = readlinkat(dirfd, name, target, PATH_MAX);

		if (n < 0)
			return errno == ENOENT || errno == EINVAL
				       ? 0
				       : berth_fail_errno(err, errno, "read link '%s'", e.name);
		target[n] = '\0';
		e.link = target;
	}
	if (type != TAR_DIR && st->st_nlink > 1)
		r = first_name(p, st, e.name, &to, err);
	if (r < 0)
		return r;
	if (to)
		return put_link(p, &e, to, err);
	r = put_entry(p, &e, err);
	*ret_in = r == 0 && type == TAR_DIR;
	return r == PACK_LEAVE_OUT ? 0 : r;
}

/* @name in @dirfd, which p->path names. GONE: there is none. */
static int put_one(struct pack *p, int dirfd, const char *name, bool *ret_in,
		   struct berth_error *err)
{
	enum tar_type type;
	struct stat st;
	int r;

	*ret_in = false;
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT
			       ? GONE
			       : berth_fail_errno(err, errno, "look at '%s'", str_text(&p->path));
	if (!type_of(st.st_mode, &type))
		return 0;
	r = str_check(&p->path, err);
	if (r == 0)
		r = read_xattrs(p, dirfd, name, err);
	if (r < 0)
		return r;
	if (type == TAR_REG)
		return put_file(p, dirfd, name, err);
	return put_other(p, dirfd, name, &st, type, ret_in, err);
}

/* --- directories ---------------------------------------------------------- */

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names in @dirfd, sorted. */
static int names_of(int dirfd, char ***ret, struct berth_error *err)
{
	cleanup_strv char **names = NULL;
	cleanup_fd int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct dirent *e;
	size_t n = 0, room = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	int r = 0;

	if (!dir)
		return berth_fail_errno(err, errno, "open a directory");
	(void)steal_fd(&fd);
	while (r == 0 && (errno = 0, e = readdir(dir))) {
		if (str_eq(e->d_name, ".") || str_eq(e->d_name, ".."))
			continue;
		if (n + 1 >= room) {
			char **more = reallocarray(names, room ? 2 * room : 64, sizeof(*more));

			if (!more) {
				r = berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
				break;
			}
			names = more;
			room = room ? 2 * room : 64;
		}
		names[n] = strdup(e->d_name);
		if (!names[n])
			r = berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		else if (n == ENTRIES_MAX)
			r = berth_fail(err, BERTH_E_LIMIT, "more than %d names in a directory",
				       ENTRIES_MAX);
		names[n + (r == 0)] = NULL;
		n += r == 0;
	}
	if (r == 0 && errno != 0)
		r = berth_fail_errno(err, errno, "read a directory");
	(void)closedir(dir);
	if (r < 0)
		return r;
	if (n > 1)
		qsort(names, n, sizeof(*names), by_bytes);
	*ret = steal_ptr(names);
	return 0;
}

struct level {
	char **names;
	size_t next, path_len;
};

struct descent {
	struct dirstack dirs;
	struct level *level;
	size_t n, room;
};

static void descent_done(struct descent *d)
{
	while (d->n > 0)
		strv_free(d->level[--d->n].names);
	free(d->level);
	dirstack_done(&d->dirs);
}
#define cleanup_descent cleanup_with(descent_done)

/* Into a directory, which is taken over. */
static int descend(struct pack *p, struct descent *d, int *fd, struct berth_error *err)
{
	struct level *l;
	int r = dirstack_push(&d->dirs, fd, NULL, err);

	if (r < 0)
		return r;
	if (d->n == d->room) {
		size_t room = d->room ? 2 * d->room : 16;
		struct level *more = reallocarray(d->level, room, sizeof(*more));

		if (!more)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		d->level = more;
		d->room = room;
	}
	l = &d->level[d->n];
	*l = (struct level){.path_len = p->path.len};
	r = names_of(dirstack_fd(&d->dirs), &l->names, err);
	if (r == 0)
		d->n++;
	return r;
}

/* The next name of the innermost directory, and into it if it is one. */
static int step(struct pack *p, struct descent *d, struct berth_error *err)
{
	struct level *l = &d->level[d->n - 1];
	const char *name = l->names ? l->names[l->next] : NULL;
	struct berth_error why = {0};
	int dirfd = dirstack_fd(&d->dirs), fd, r;
	bool in;

	str_cut(&p->path, l->path_len);
	if (!name) {
		strv_free(l->names);
		d->n--;
		return d->n > 0 ? dirstack_pop(&d->dirs, err) : 0;
	}
	l->next++;
	if (l->path_len > 0 && p->path.p[l->path_len - 1] != '/')
		str_add_char(&p->path, '/');
	str_add(&p->path, name);
	r = put_one(p, dirfd, name, &in, err);
	if (r < 0 || !in)
		return r == GONE ? 0 : r;
	r = walk_open_dir(dirfd, name, O_RDONLY, &fd, &why);
	if (r == -BERTH_E_NOT_FOUND || r == -BERTH_E_BUSY)
		return 0; /* gone; or somebody's mount: what is in there is not this tree's */
	if (r < 0 && err)
		*err = why;
	return r < 0 ? r : descend(p, d, &fd, err);
}

/* All below @fd, which is taken over; p->path is its name, "" or "a/b". */
static int put_below(struct pack *p, int fd, struct berth_error *err)
{
	cleanup_descent struct descent d = {.dirs = DIRSTACK_INIT};
	size_t len = p->path.len;
	int r = descend(p, &d, &fd, err);

	while (r == 0 && d.n > 0)
		r = step(p, &d, err);
	str_cut(&p->path, len);
	return r;
}

int pack_below(struct pack *pack, int topfd, struct berth_error *err)
{
	int fd = openat(topfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return berth_fail_errno(err, errno, "open the top directory");
	str_clear(&pack->path);
	return put_below(pack, fd, err);
}

int pack_one(struct pack *pack, int dirfd, const char *name, const char *as,
	     struct berth_error *err)
{
	bool in = false;
	int fd, r;

	str_clear(&pack->path);
	str_add(&pack->path, as);
	r = put_one(pack, dirfd, name, &in, err);
	if (r == GONE)
		return berth_fail(err, BERTH_E_NOT_FOUND, "there is no '%s'", name);
	if (r < 0 || !in)
		return r;
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return berth_fail_errno(err, errno, "open '%s'", as);
	return put_below(pack, fd, err);
}

/* --- changes -------------------------------------------------------------- */

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct image_change *)a)->path, ((const struct image_change *)b)->path);
}

/* The directory that @path is in, and its last component. */
static int open_parent(int topfd, const char *path, int *ret_fd, const char **ret_name,
		       struct berth_error *err)
{
	const char *slash = strrchr(path, '/');
	cleanup_free char *dir = slash ? strndup(path, (size_t)(slash - path)) : strdup(".");

	if (!dir)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	*ret_name = slash ? slash + 1 : path;
	/* a path of the tree itself: what is a link on the way now was none when it was found */
	return state_open(topfd, dir, O_PATH | O_DIRECTORY, 0, ret_fd, err);
}

/* ".wh.NAME" in its place (OCI image-spec, layer.md, "Whiteouts") */
static int put_whiteout(struct pack *p, const char *path, const char *name, struct berth_error *err)
{
	struct tar_entry e = {.type = TAR_REG, .link = ""};
	int r;

	str_add_n(&p->path, path, (size_t)(name - path));
	str_add(&p->path, ".wh.");
	str_add(&p->path, name);
	r = str_check(&p->path, err);
	e.name = str_text(&p->path);
	if (r == 0)
		r = put_entry(p, &e, err);
	return r == PACK_LEAVE_OUT ? 0 : r;
}

static int put_change(struct pack *p, int topfd, const struct image_change *change,
		      struct berth_error *err)
{
	cleanup_fd int dir = -1;
	struct berth_error why = {0};
	const char *name;
	bool in;
	int r = open_parent(topfd, change->path, &dir, &name, &why);

	/* the directory is gone, or is none any more: its own change says so */
	if (r == -BERTH_E_NOT_FOUND ||
	    (r < 0 && (why.sys_errno == ENOTDIR || why.sys_errno == ELOOP)))
		return 0;
	if (r < 0) {
		if (err)
			*err = why;
		return r;
	}
	str_clear(&p->path);
	if (change->kind == BERTH_CHANGE_DELETED)
		return put_whiteout(p, change->path, name, err);
	str_add(&p->path, change->path);
	r = put_one(p, dir, name, &in, err);
	return r == GONE ? 0 : r;
}

int pack_changes(struct pack *pack, int topfd, struct image_change *change, size_t n,
		 struct berth_error *err)
{
	int r = 0;

	/* "a" comes before "a/b"; that "a-b" may stand between is of no consequence */
	if (n > 1)
		qsort(change, n, sizeof(*change), by_path);
	for (size_t i = 0; i < n && r == 0; i++)
		r = put_change(pack, topfd, &change[i], err);
	return r;
}
