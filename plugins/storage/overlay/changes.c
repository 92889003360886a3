/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a view has changed, read from its upper directory: as large as the changes, not as the
 * image. Next to the walk through the upper goes a path through the layers, mounted without it:
 * so to know what a name was before is one lookup, not one per layer.
 *
 * Said is what differs between the two trees as a container sees them, as a walk through both would
 * find it; but a file that was copied up counts as modified also if it is the same again, and a
 * directory if something in it is said.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/walk.h"
#include "base/xattrs.h"
#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"
#include "overlay.h"

static const char XATTR_OPAQUE[] = "trusted.overlay.opaque";
static const char XATTR_REDIRECT[] = "trusted.overlay.redirect";
static const char XATTR_PREFIX[] = "trusted.overlay.";

struct changes {
	struct berth_storage *st;
	const struct overlay_view *view;
	struct berth_op *op;
	berth_change_fn fn;
	void *arg;
	int answer; /* of fn, when it ended the walk */
	int merged; /* the view as a whole, read-only; -1 as long as nobody needed it */
};

/* One walk: through the upper, or through a renamed directory as the view shows it. */
struct pass {
	struct changes *c;
	bool merged;	   /* of the second kind: no whiteouts, and every directory is complete */
	const char *above; /* path from the root of the view to the top, "" or "a/b" */
	struct dirstack lower;
	size_t absent;	 /* levels that are only in the new tree */
	struct str said; /* a byte per level: 1 if it was said, or need not be */
	struct str path;
};

static int say(struct pass *p, char change, const char *path, struct berth_error *err)
{
	struct changes *c = p->c;

	str_clear(&p->path);
	str_add(&p->path, p->above);
	if (p->above[0])
		str_add_char(&p->path, '/');
	str_add(&p->path, path);
	if (p->path.failed)
		return str_check(&p->path, err);
	c->answer = c->fn(c->arg, (uint32_t)change, str_text(&p->path));
	return c->answer ? -BERTH_E_CANCELLED : 0; /* the walk ends; the answer goes on */
}

/* Say @path, and before it the directories above that have nothing else to say. */
static int say_with_parents(struct pass *p, char change, const char *path, struct berth_error *err)
{
	const char *end = path;

	for (size_t level = 1; level < p->said.len; level++) {
		cleanup_free char *dir = NULL;
		int r;

		end = strchr(level == 1 ? path : end + 1, '/');
		if (!end)
			break;
		if (p->said.p[level])
			continue;
		dir = strndup(path, (size_t)(end - path));
		if (!dir)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		r = say(p, BERTH_CHANGE_MODIFIED, dir, err);
		if (r < 0)
			return r;
		p->said.p[level] = 1;
	}
	return say(p, change, path, err);
}

/* What @name was before. False if nothing. */
static bool was(const struct pass *p, const char *name, struct stat *ret)
{
	return !p->absent && fstatat(dirstack_fd(&p->lower), name, ret, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool same_owner_and_mode(const struct stat *a, const struct stat *b)
{
	return a->st_mode == b->st_mode && a->st_uid == b->st_uid && a->st_gid == b->st_gid;
}

static int changed_other(struct pass *p, const struct walk_entry *e, struct berth_error *err)
{
	bool whiteout = S_ISCHR(e->st->st_mode) && e->st->st_rdev == 0;
	struct stat old;

	if (!was(p, e->name, &old))
		return whiteout ? 0 : say_with_parents(p, BERTH_CHANGE_ADDED, e->path, err);
	if (whiteout)
		return say_with_parents(p, BERTH_CHANGE_DELETED, e->path, err);
	if (p->merged && same_owner_and_mode(&old, e->st) && old.st_size == e->st->st_size &&
	    old.st_mtim.tv_sec == e->st->st_mtim.tv_sec &&
	    old.st_mtim.tv_nsec == e->st->st_mtim.tv_nsec)
		return 0;
	return say_with_parents(p, BERTH_CHANGE_MODIFIED, e->path, err);
}

/* A directory that hides what was there before: what is not in it is deleted. */
static int missing(struct pass *p, const struct walk_entry *e, struct berth_error *err)
{
	cleanup_names struct tree_names names = {0};
	int r = tree_list(dirstack_fd(&p->lower), ".", &names, err);

	for (const char *at = NULL; r == 0 && (at = tree_names_next(&names, at));) {
		cleanup_str struct str path = STR_INIT;
		struct stat st;

		if (fstatat(e->fd, at, &st, AT_SYMLINK_NOFOLLOW) == 0)
			continue; /* also a whiteout, which speaks for itself */
		if (e->path[0])
			str_addf(&path, "%s/", e->path);
		str_add(&path, at);
		r = str_check(&path, err);
		if (r == 0)
			r = say_with_parents(p, BERTH_CHANGE_DELETED, str_text(&path), err);
	}
	return r;
}

static bool has_opaque(int fd)
{
	char value[2];

	return fgetxattr(fd, XATTR_OPAQUE, value, sizeof(value)) == 1 && value[0] == 'y';
}

/* A directory that is, or was, the same on both sides: go along in the lower tree. */
static int enter_both(struct pass *p, const struct walk_entry *e, struct berth_error *err)
{
	cleanup_fd int fd = -1;
	struct stat old;
	bool top = e->dirfd < 0;
	bool differs;
	bool equal;
	int r = 0;

	if (!top) {
		r = walk_open_dir(dirstack_fd(&p->lower), e->name, O_RDONLY, &fd, err);
		if (r < 0)
			return r;
		if (fstat(fd, &old) < 0)
			return berth_fail_errno(err, errno, "stat '%s'", e->path);
		r = xattrs_equal(fd, e->fd, XATTR_PREFIX, &equal, err);
		if (r < 0)
			return r;
		differs = !equal || !same_owner_and_mode(&old, e->st);
		if (differs)
			r = say_with_parents(p, BERTH_CHANGE_MODIFIED, e->path, err);
		str_add_char(&p->said, differs);
		if (r == 0)
			r = dirstack_push(&p->lower, &fd, NULL, err);
	} else {
		str_add_char(&p->said, 1);
	}
	if (r == 0)
		r = str_check(&p->said, err);
	if (r == 0 && (p->merged || has_opaque(e->fd)))
		r = missing(p, e, err);
	return r;
}

static int renamed(struct pass *p, const struct walk_entry *e, struct berth_error *err);

static int enter(struct pass *p, const struct walk_entry *e, struct berth_error *err)
{
	struct stat old;
	bool existed;
	int r;

	if (e->dirfd < 0)
		return p->absent ? 0 : enter_both(p, e, err);
	if (!p->merged && fgetxattr(e->fd, XATTR_REDIRECT, NULL, 0) > 0)
		return renamed(p, e, err);
	existed = was(p, e->name, &old);
	if (existed && S_ISDIR(old.st_mode))
		return enter_both(p, e, err);
	r = say_with_parents(p, existed ? BERTH_CHANGE_MODIFIED : BERTH_CHANGE_ADDED, e->path, err);
	str_add_char(&p->said, 1);
	p->absent++;
	return r < 0 ? r : str_check(&p->said, err);
}

static int leave(struct pass *p, struct berth_error *err)
{
	str_cut(&p->said, p->said.len ? p->said.len - 1 : 0);
	if (!p->absent)
		return dirstack_pop(&p->lower, err);
	p->absent--;
	return 0;
}

static int visit(void *arg, const struct walk_entry *e, struct berth_error *err)
{
	struct pass *p = arg;

	switch (e->event) {
	case WALK_ENTER:
		return enter(p, e, err);
	case WALK_LEAVE:
		return e->dirfd < 0 ? 0 : leave(p, err);
	case WALK_OTHER:
		return changed_other(p, e, err);
	}
	return 0;
}

/* Compare tree @newfd with @lowerfd, which is -1 if nothing was there before. */
static int compare(struct changes *c, int newfd, int lowerfd, bool merged, const char *above,
		   struct berth_error *err)
{
	struct pass p = {
		.c = c,
		.merged = merged,
		.above = above,
		.lower = DIRSTACK_INIT,
		.said = STR_INIT,
		.path = STR_INIT,
		.absent = lowerfd < 0,
	};
	struct tree_going going = {&c->st->tree, c->op};
	struct walk_how how = {
		.flags = WALK_STAT,
		.fn = visit,
		.arg = &p,
		.go_on = tree_go_on,
		.going = &going,
	};
	int r = 0;

	if (lowerfd >= 0) {
		cleanup_fd int fd = openat(lowerfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		r = fd < 0 ? berth_fail_errno(err, errno, "open the layers")
			   : dirstack_push(&p.lower, &fd, NULL, err);
	} else {
		str_add_char(&p.said, 1);
	}
	if (r == 0)
		r = walk_tree(newfd, &how, err);
	dirstack_done(&p.lower);
	str_done(&p.said);
	str_done(&p.path);
	return r;
}

/* Directory @path of the view as a container sees it. */
static int open_merged(struct changes *c, const char *path, int *ret_fd, struct berth_error *err)
{
	const struct overlay_spec spec = {
		.layer = c->view->layer,
		.view = c->view->file,
		.redirect = true,
		.metacopy = c->view->metacopy,
		.userns_fd = -1,
	};
	int r = c->merged < 0 ? overlay_mount(c->st, &spec, &c->merged, err) : 0;

	return r < 0 ? r : state_open(c->merged, path, O_RDONLY | O_DIRECTORY, 0, ret_fd, err);
}

/*
 * A directory with redirect_dir: the kernel left its files where they were and wrote down where
 * that is. So its upper does not say what is in it; the merged view does.
 */
static int renamed(struct pass *p, const struct walk_entry *e, struct berth_error *err)
{
	cleanup_fd int merged = -1;
	cleanup_fd int lower = -1;
	cleanup_free char *path = NULL;
	struct stat old;
	bool existed = was(p, e->name, &old);
	int r = say_with_parents(p, existed ? BERTH_CHANGE_MODIFIED : BERTH_CHANGE_ADDED, e->path,
				 err);

	if (r == 0)
		r = open_merged(p->c, e->path, &merged, err);
	if (r == 0 && existed && S_ISDIR(old.st_mode))
		r = walk_open_dir(dirstack_fd(&p->lower), e->name, O_RDONLY, &lower, err);
	if (r == 0)
		r = str_copy(e->path, &path, err);
	if (r == 0)
		r = compare(p->c, merged, lower, true, path, err);
	return r < 0 ? r : WALK_SKIP;
}

int overlay_changes(struct berth_storage *st, const char *view, berth_change_fn fn, void *arg,
		    struct berth_op *op, struct berth_error *err)
{
	struct overlay_view v;
	struct changes c = {.st = st, .view = &v, .op = op, .fn = fn, .arg = arg, .merged = -1};
	struct overlay_spec spec = {.layer = v.layer, .userns_fd = -1};
	cleanup_fd int upper = -1;
	cleanup_fd int lower = -1;
	int r = overlay_view_find(st, view, &v, err);

	if (r < 0 || v.read_only)
		return r;
	r = tree_view_part(st->tree.state, v.file, "upper", &upper, err);
	if (r == 0)
		r = overlay_mount(st, &spec, &lower, err);
	if (r == 0)
		r = compare(&c, upper, lower, false, "", err);
	close_fd(&c.merged);
	return c.answer ? c.answer : r;
}
