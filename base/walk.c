/* SPDX-License-Identifier: Apache-2.0 */
#include "base/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"

enum {
	OPEN_MAX = 48,	       /* descriptors of one dirstack */
	ENTRIES_BYTES = 65536, /* of one getdents64 */
	CANCEL_EVERY = 64,     /* entries between two looks at the operation */
	RETRIES_MAX = 64,
	DEPTH_MAX = 1 << 20,
};

/* A directory on the way down. Its own descriptor is in the dirstack. */
struct frame {
	size_t path_len; /* of the path that leads to it */
	size_t dirs;	 /* where the names of its directories begin and end within walk.names */
	size_t dirs_end;
	size_t next;
	size_t name; /* its own name within walk.names */
};

struct walk {
	const struct walk_how *how;
	struct dirstack dirs;
	struct frame *frames;
	size_t n;
	size_t cap;
	struct str names; /* of directories not yet entered, NUL after each; a stack too */
	struct str path;
	char *entries;
	unsigned visited;
};

int walk_open_dir(int dirfd, const char *name, int flags, int *ret_fd, struct berth_error *err)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};
	int tries = 0;
	long fd;

	do {
		fd = syscall(SYS_openat2, dirfd, name, &how, sizeof(how));
	} while (fd < 0 && (errno == EAGAIN || errno == EINTR) && ++tries < RETRIES_MAX);
	if (fd >= 0) {
		*ret_fd = (int)fd;
		return 0;
	}
	if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)
		return berth_fail(err, BERTH_E_NOT_FOUND, "'%s' is no directory any more", name);
	if (errno == EXDEV)
		return berth_fail(err, BERTH_E_BUSY, "something is mounted at '%s'", name);
	return berth_fail_errno(err, errno, "open directory '%s'", name);
}

int dirstack_push(struct dirstack *s, int *fd, struct stat *ret_st, struct berth_error *err)
{
	cleanup_fd int own = steal_fd(fd);
	struct stat st;

	if (fstat(own, &st) < 0)
		return berth_fail_errno(err, errno, "stat a directory");
	if (s->n >= DEPTH_MAX)
		return berth_fail(err, BERTH_E_LIMIT, "directories are nested more than %d deep",
				  DEPTH_MAX);
	if (s->n == s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 32;
		struct dirstack_at *at = reallocarray(s->at, cap, sizeof(*at));

		if (!at)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		s->at = at;
		s->cap = cap;
	}
	if (s->n - s->closed >= OPEN_MAX)
		close_fd(&s->at[s->closed++].fd);
	s->at[s->n++] = (struct dirstack_at){steal_fd(&own), st.st_dev, st.st_ino};
	if (ret_st)
		*ret_st = st;
	return 0;
}

int dirstack_fd(const struct dirstack *s)
{
	return s->n ? s->at[s->n - 1].fd : -1;
}

/* Open the second innermost again, as what the innermost has above it. */
static int reopen_above(struct dirstack *s, struct berth_error *err)
{
	struct dirstack_at *above = &s->at[s->n - 2];
	cleanup_fd int fd = openat(dirstack_fd(s), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return berth_fail_errno(err, errno, "open the directory above");
	if (st.st_dev != above->dev || st.st_ino != above->ino)
		return berth_fail(err, BERTH_E_IO, "a directory was moved while it was read");
	above->fd = steal_fd(&fd);
	s->closed = s->n - 2;
	return 0;
}

int dirstack_pop(struct dirstack *s, struct berth_error *err)
{
	if (s->n > 1 && s->at[s->n - 2].fd < 0) {
		int r = reopen_above(s, err);

		if (r < 0)
			return r;
	}
	close_fd(&s->at[--s->n].fd);
	return 0;
}

void dirstack_done(struct dirstack *s)
{
	while (s->n)
		close_fd(&s->at[--s->n].fd);
	free(s->at);
	*s = (struct dirstack)DIRSTACK_INIT;
}

static int go_on(const struct walk *w, struct berth_error *err)
{
	return w->how->go_on ? w->how->go_on(w->how->going, err) : 0;
}

static int visit(struct walk *w, struct walk_entry *e, struct berth_error *err)
{
	if (++w->visited % CANCEL_EVERY == 0) {
		int r = go_on(w, err);

		if (r < 0)
			return r;
	}
	e->path = str_text(&w->path);
	return w->how->fn(w->how->arg, e, err);
}

static void path_enter(struct walk *w, const char *name)
{
	if (w->path.len)
		str_add_char(&w->path, '/');
	str_add(&w->path, name);
}

static unsigned char type_of(mode_t mode)
{
	return (unsigned char)IFTODT(mode);
}

/* An entry of the innermost directory: a directory is for later. */
static int found(struct walk *w, const char *name, unsigned char type, struct berth_error *err)
{
	struct walk_entry e = {
		.event = WALK_OTHER, .dirfd = dirstack_fd(&w->dirs), .fd = -1, .name = name};
	size_t path_len = w->path.len;
	struct stat st;
	int r;

	if (type == DT_UNKNOWN || (w->how->flags & WALK_STAT && type != DT_DIR)) {
		if (fstatat(e.dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return errno == ENOENT ? 0
					       : berth_fail_errno(err, errno, "stat '%s'", name);
		type = type_of(st.st_mode);
		e.st = &st;
	}
	if (type == DT_DIR) {
		str_add_n(&w->names, name, strlen(name) + 1);
		return str_check(&w->names, err);
	}
	e.type = type;
	path_enter(w, name);
	r = str_check(&w->path, err);
	if (r == 0)
		r = visit(w, &e, err);
	str_cut(&w->path, path_len);
	return r;
}

static int scan(struct walk *w, struct berth_error *err)
{
	int fd = dirstack_fd(&w->dirs);

	for (;;) {
		ssize_t n = getdents64(fd, w->entries, ENTRIES_BYTES);

		if (n < 0 && errno != ENOENT) /* ENOENT: the directory itself was removed */
			return berth_fail_errno(err, errno, "list '%s'", str_text(&w->path));
		if (n <= 0)
			return 0;
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *e = (const void *)(w->entries + at);
			int r = 0;

			if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
				r = found(w, e->d_name, e->d_type, err);
			if (r < 0)
				return r;
			at += e->d_reclen;
		}
	}
}

static int push_frame(struct walk *w, size_t name, struct berth_error *err)
{
	if (w->n == w->cap) {
		size_t cap = w->cap ? 2 * w->cap : 32;
		struct frame *frames = reallocarray(w->frames, cap, sizeof(*frames));

		if (!frames)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		w->frames = frames;
		w->cap = cap;
	}
	w->frames[w->n++] = (struct frame){
		.path_len = w->path.len,
		.dirs = w->names.len,
		.next = w->names.len,
		.name = name,
	};
	return 0;
}

static int above(const struct walk *w)
{
	return w->dirs.n > 1 ? w->dirs.at[w->dirs.n - 2].fd : -1;
}

/* Go into directory *@fd, whose name is at @name of walk.names. */
static int enter(struct walk *w, int *fd, size_t name, struct berth_error *err)
{
	struct walk_entry e = {.event = WALK_ENTER, .type = DT_DIR};
	struct frame *f;
	struct stat st;
	int r = dirstack_push(&w->dirs, fd, &st, err);

	if (r == 0)
		r = push_frame(w, name, err);
	if (r < 0)
		return r;
	e.dirfd = above(w);
	e.fd = dirstack_fd(&w->dirs);
	e.name = w->names.p + name;
	e.st = &st;
	r = visit(w, &e, err);
	if (r == 0)
		r = scan(w, err);
	if (r < 0)
		return r;
	f = &w->frames[w->n - 1];
	f->dirs_end = w->names.len;
	if (r == WALK_SKIP) {
		w->n--;
		return dirstack_pop(&w->dirs, err);
	}
	return 0;
}

static int leave(struct walk *w, struct berth_error *err)
{
	const struct frame *f = &w->frames[w->n - 1];
	struct walk_entry e = {
		.event = WALK_LEAVE,
		.type = DT_DIR,
		.dirfd = above(w),
		.fd = dirstack_fd(&w->dirs),
		.name = w->names.p + f->name,
	};
	int r = 0;

	if (w->n > 1 && e.dirfd < 0) { /* visitors want the directory that it is in */
		r = reopen_above(&w->dirs, err);
		e.dirfd = above(w);
	}
	if (r == 0)
		r = visit(w, &e, err);
	if (r == 0)
		r = dirstack_pop(&w->dirs, err);
	str_cut(&w->names, f->dirs);
	w->n--;
	str_cut(&w->path, w->n ? w->frames[w->n - 1].path_len : 0);
	return r;
}

/* The next directory in the innermost one that has not been entered. */
static int descend(struct walk *w, struct berth_error *err)
{
	struct frame *f = &w->frames[w->n - 1];
	size_t name = f->next;
	cleanup_fd int fd = -1;
	size_t path_len = w->path.len;
	size_t depth = w->n;
	struct berth_error why;
	int r;

	f->next += strlen(w->names.p + name) + 1;
	r = walk_open_dir(dirstack_fd(&w->dirs), w->names.p + name, O_RDONLY, &fd, &why);
	if (r == -BERTH_E_NOT_FOUND)
		return 0;
	if (r < 0) {
		if (err)
			*err = why;
		return r;
	}
	path_enter(w, w->names.p + name);
	r = str_check(&w->path, err);
	if (r == 0)
		r = enter(w, &fd, name, err);
	if (w->n == depth) /* skipped, or failed */
		str_cut(&w->path, path_len);
	return r;
}

static int walk_all(struct walk *w, int topfd, struct berth_error *err)
{
	cleanup_fd int fd = openat(topfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return berth_fail_errno(err, errno, "open a directory");
	str_add_n(&w->names, "", 1); /* the name of the top */
	r = str_check(&w->names, err);
	if (r == 0)
		r = go_on(w, err);
	if (r == 0)
		r = enter(w, &fd, 0, err);
	while (r == 0 && w->n) {
		const struct frame *f = &w->frames[w->n - 1];

		r = f->next < f->dirs_end ? descend(w, err) : leave(w, err);
	}
	return r;
}

int walk_tree(int topfd, const struct walk_how *how, struct berth_error *err)
{
	struct walk w = {
		.how = how,
		.dirs = DIRSTACK_INIT,
		.names = STR_INIT,
		.path = STR_INIT,
		.entries = malloc(ENTRIES_BYTES),
	};
	int r = w.entries ? walk_all(&w, topfd, err)
			  : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");

	dirstack_done(&w.dirs);
	str_done(&w.names);
	str_done(&w.path);
	free(w.frames);
	free(w.entries);
	return r;
}
