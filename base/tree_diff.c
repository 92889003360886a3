/* SPDX-License-Identifier: Apache-2.0 */
#include "base/tree_diff.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "base/xattrs.h"

/* A walk through the later tree, and next to it a path through the earlier one. */
struct diff {
	const struct tree_diff_how *how;
	struct dirstack before;
	size_t absent;	 /* levels that only the later tree has */
	struct str said; /* a byte for each level: 1 if it was said, or need not be */
	int answer;
	bool skip; /* the directory that was entered last is the same with all below */
};

static int tell(struct diff *d, char change, const char *path, struct berth_error *err)
{
	d->answer = d->how->fn(d->how->arg, change, path, err);
	return d->answer;
}

/* Say @path, and before it the directories above that have nothing else to say. */
static int say(struct diff *d, char change, const char *path, struct berth_error *err)
{
	const char *end = path;

	for (size_t level = 1; level < d->said.len; level++) {
		cleanup_free char *dir = NULL;
		int r;

		end = strchr(level == 1 ? path : end + 1, '/');
		if (!end)
			break;
		if (d->said.p[level])
			continue;
		dir = strndup(path, (size_t)(end - path));
		if (!dir)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		r = tell(d, 'C', dir, err);
		if (r)
			return r;
		d->said.p[level] = 1;
	}
	return tell(d, change, path, err);
}

static bool same_owner_and_mode(const struct stat *a, const struct stat *b)
{
	return a->st_mode == b->st_mode && a->st_uid == b->st_uid && a->st_gid == b->st_gid;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* Of two regular files. One that has gone since, or cannot be opened by anybody, has none. */
static int attributes_differ(int a, int b, const char *name, bool *ret, struct berth_error *err)
{
	cleanup_fd int first = openat(a, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	cleanup_fd int second = -1;
	bool equal;
	int r;

	if (first >= 0)
		second = openat(b, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	*ret = false;
	if (second < 0)
		return errno == ENOENT || errno == ELOOP || errno == EACCES || errno == EPERM
			       ? 0
			       : berth_fail_errno(err, errno, "open '%s'", name);
	r = xattrs_equal(first, second, "trusted.overlay.", &equal, err);
	if (r == 0)
		*ret = !equal;
	return r;
}

/* What @name was before: *@ret_had false if there was nothing. */
static int look_before(const struct diff *d, const char *name, struct stat *ret, bool *ret_had,
		       struct berth_error *err)
{
	*ret_had =
		!d->absent && fstatat(dirstack_fd(&d->before), name, ret, AT_SYMLINK_NOFOLLOW) == 0;
	if (*ret_had || d->absent || errno == ENOENT)
		return 0;
	return berth_fail_errno(err, errno, "stat '%s'", name);
}

static int other(struct diff *d, const struct walk_entry *e, struct berth_error *err)
{
	struct stat old;
	bool differs = false;
	bool had;
	int r = look_before(d, e->name, &old, &had, err);

	if (r < 0)
		return r;
	if (!had)
		return say(d, 'A', e->path, err);
	if (old.st_dev == e->st->st_dev && old.st_ino == e->st->st_ino)
		return 0;
	if (d->how->same && d->how->same(d->how->arg, &old, e->st))
		return 0;
	if (!same_owner_and_mode(&old, e->st) || old.st_size != e->st->st_size ||
	    old.st_rdev != e->st->st_rdev || !same_time(&old.st_mtim, &e->st->st_mtim))
		return say(d, 'C', e->path, err);
	if (S_ISREG(old.st_mode))
		r = attributes_differ(dirstack_fd(&d->before), e->dirfd, e->name, &differs, err);
	return r == 0 && differs ? say(d, 'C', e->path, err) : r;
}

/* Names that the earlier directory has and the later one @e does not. */
static int missing(struct diff *d, const struct walk_entry *e, struct berth_error *err)
{
	int fd = openat(dirstack_fd(&d->before), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *at;
	int r = 0;

	if (!dir) {
		close_fd(&fd);
		return berth_fail_errno(err, errno, "read '%s'", e->path);
	}
	while (r == 0 && (errno = 0, at = readdir(dir))) {
		cleanup_str struct str path = STR_INIT;
		struct stat st;

		if (str_eq(at->d_name, ".") || str_eq(at->d_name, "..") ||
		    fstatat(e->fd, at->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			continue;
		if (errno != ENOENT) {
			r = berth_fail_errno(err, errno, "stat '%s'", at->d_name);
			break;
		}
		str_addf(&path, "%s%s%s", e->path, e->path[0] ? "/" : "", at->d_name);
		r = str_check(&path, err);
		if (r == 0)
			r = say(d, 'D', str_text(&path), err);
		errno = 0;
	}
	if (r == 0 && errno != 0)
		r = berth_fail_errno(err, errno, "read directory '%s'", e->path);
	(void)closedir(dir);
	return r;
}

/* A directory on both sides. */
static int both(struct diff *d, const struct walk_entry *e, struct berth_error *err)
{
	cleanup_fd int fd = -1;
	bool differs = false;
	bool equal;
	struct stat old;
	int r = 0;

	if (e->dirfd >= 0) {
		r = walk_open_dir(dirstack_fd(&d->before), e->name, O_RDONLY, &fd, err);
		if (r < 0)
			return r;
		if (fstat(fd, &old) < 0)
			return berth_fail_errno(err, errno, "stat '%s'", e->path);
		r = xattrs_equal(fd, e->fd, "trusted.overlay.", &equal, err);
		differs = r == 0 && (!equal || !same_owner_and_mode(&old, e->st));
		if (differs)
			r = say(d, 'C', e->path, err);
		if (r == 0)
			r = dirstack_push(&d->before, &fd, NULL, err);
	}
	str_add_char(&d->said, (char)(differs || e->dirfd < 0));
	if (r == 0)
		r = str_check(&d->said, err);
	return r ? r : missing(d, e, err);
}

static int enter(struct diff *d, const struct walk_entry *e, struct berth_error *err)
{
	struct stat old;
	bool existed;
	int r;

	if (e->dirfd < 0)
		return d->absent ? 0 : both(d, e, err);
	r = look_before(d, e->name, &old, &existed, err);
	if (r < 0)
		return r;
	if (existed && S_ISDIR(old.st_mode)) {
		d->skip = d->how->same && d->how->same(d->how->arg, &old, e->st);
		return d->skip ? 0 : both(d, e, err);
	}
	r = say(d, existed ? 'C' : 'A', e->path, err);
	str_add_char(&d->said, 1);
	d->absent++;
	return r ? r : str_check(&d->said, err);
}

static int leave(struct diff *d, struct berth_error *err)
{
	str_cut(&d->said, d->said.len ? d->said.len - 1 : 0);
	if (!d->absent)
		return dirstack_pop(&d->before, err);
	d->absent--;
	return 0;
}

static int visit(void *arg, const struct walk_entry *e, struct berth_error *err)
{
	struct diff *d = arg;
	int r = 0;

	switch (e->event) {
	case WALK_ENTER:
		d->skip = false;
		r = enter(d, e, err);
		if (r == 0 && d->skip)
			return WALK_SKIP;
		break;
	case WALK_LEAVE:
		return e->dirfd < 0 ? 0 : leave(d, err);
	case WALK_OTHER:
		r = other(d, e, err);
		break;
	}
	/* a positive answer would mean something else to the walk */
	return r > 0 ? -BERTH_E_CANCELLED : r;
}

int tree_diff(int before, int after, const struct tree_diff_how *how, struct berth_error *err)
{
	struct diff d = {
		.how = how,
		.before = DIRSTACK_INIT,
		.said = STR_INIT,
		.absent = before < 0,
	};
	struct walk_how walk = {
		.flags = WALK_STAT,
		.fn = visit,
		.arg = &d,
		.go_on = how->go_on,
		.going = how->going,
	};
	int r = 0;

	if (before >= 0) {
		cleanup_fd int fd = openat(before, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		r = fd < 0 ? berth_fail_errno(err, errno, "open the earlier tree")
			   : dirstack_push(&d.before, &fd, NULL, err);
	} else {
		str_add_char(&d.said, 1);
	}
	if (r == 0)
		r = walk_tree(after, &walk, err);
	dirstack_done(&d.before);
	str_done(&d.said);
	return d.answer ? d.answer : r;
}
