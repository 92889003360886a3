/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies a tree by two paths of open directories in parallel: no path is ever built, depth costs no
 * descriptors, and of hard links nothing is kept in memory: the first copy of such a file gets a
 * second name, its inode number, in a directory aside, where the others find it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/entry_copy.h"
#include "base/path.h"
#include "base/tree_copy.h"

enum { LINK_NAME_MAX = 24 };

struct copy {
	struct tree_copy_how *how;
	struct dirstack to;
	int links;
	uint64_t files;
};

static int fail_copy(struct berth_error *err, const char *what, const char *name)
{
	return berth_fail_errno(err, errno, "%s '%s'", what, name);
}

static int copy_other(struct copy *c, const struct walk_entry *e, struct berth_error *err)
{
	int todir = dirstack_fd(&c->to);
	bool linked = e->st->st_nlink > 1;
	char name[LINK_NAME_MAX];
	int r;

	c->files++;
	(void)snprintf(name, sizeof(name), "%" PRIu64, (uint64_t)e->st->st_ino);
	if (linked && linkat(c->links, name, todir, e->name, 0) == 0)
		return 0;
	if (linked && errno != ENOENT)
		return fail_copy(err, "link", e->path);
	r = entry_copy(&(struct entry_copy){.from = e->dirfd,
					    .to = todir,
					    .name = e->name,
					    .path = e->path,
					    .st = e->st,
					    .reflink = &c->how->reflink},
		       err);
	if (r == 0 && linked && linkat(todir, e->name, c->links, name, 0) < 0)
		r = fail_copy(err, "link", e->path);
	return r;
}

static int enter(struct copy *c, const struct walk_entry *e, struct berth_error *err)
{
	cleanup_fd int fd = -1;
	int r;

	if (e->dirfd < 0)
		return 0; /* the top is there */
	if (mkdirat(dirstack_fd(&c->to), e->name, 0700) < 0)
		return fail_copy(err, "make directory", e->path);
	r = walk_open_dir(dirstack_fd(&c->to), e->name, O_RDONLY, &fd, err);
	return r < 0 ? r : dirstack_push(&c->to, &fd, NULL, err);
}

/* Only now, when nothing more comes into it, do its times stay. */
static int leave(struct copy *c, const struct walk_entry *e, struct berth_error *err)
{
	int to = dirstack_fd(&c->to);
	struct stat st;
	int r;

	if (fstat(e->fd, &st) < 0)
		return fail_copy(err, "stat", e->path);
	r = entry_copy_meta(e->fd, to, &st, e->path, err);
	if (r == 0 && e->dirfd >= 0)
		r = dirstack_pop(&c->to, err);
	return r;
}

static int visit(void *arg, const struct walk_entry *e, struct berth_error *err)
{
	struct copy *c = arg;

	switch (e->event) {
	case WALK_ENTER:
		return enter(c, e, err);
	case WALK_LEAVE:
		return leave(c, e, err);
	case WALK_OTHER:
		return copy_other(c, e, err);
	}
	return 0;
}

static int go_on(void *arg, struct berth_error *err)
{
	const struct copy *c = arg;

	return c->how->go_on(c->how->going, c->files, err);
}

static int copy_all(struct copy *c, int from, int tofd, struct berth_error *err)
{
	struct walk_how how = {
		.flags = WALK_STAT,
		.fn = visit,
		.arg = c,
		.go_on = c->how->go_on ? go_on : NULL,
		.going = c,
	};
	cleanup_fd int to = openat(tofd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (to < 0)
		return berth_fail_errno(err, errno, "open the copy");
	r = dirstack_push(&c->to, &to, NULL, err);
	if (r == 0)
		r = walk_tree(from, &how, err);
	dirstack_done(&c->to);
	return r;
}

int tree_copy(int from, int to, struct tree_copy_how *how, struct berth_error *err)
{
	struct copy c = {.how = how, .to = DIRSTACK_INIT, .links = how->links};
	static const char links[] =
		".berth-links~"; /* no copy has this name: @to is empty, and ours */
	cleanup_fd int own = -1;
	int r;

	if (how->links >= 0)
		return copy_all(&c, from, to, err);
	r = state_mkdir(to, links, 0700, 0, err);
	if (r == 0)
		r = state_open(to, links, O_RDONLY | O_DIRECTORY, 0, &own, err);
	if (r < 0)
		return r;
	c.links = own;
	r = copy_all(&c, from, to, err);
	/* success of the removal matters: the name would show */
	{
		struct stat st;
		int gone = remove_tree(to, links, r == 0 ? err : NULL);
		/* and removing it has changed the times that were copied */
		if (gone == 0 && r == 0 && fstat(from, &st) == 0)
			(void)futimens(to, (struct timespec[2]){st.st_atim, st.st_mtim});
		return r < 0 ? r : gone;
	}
}
