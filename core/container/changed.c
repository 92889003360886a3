/* SPDX-License-Identifier: Apache-2.0 */
#include "core/container/changed.h"

#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "core/container/tree.h"

/* Where the engine mounts something in each container. */
static const char *const mount_points[] = {
	".dockerenv", "dev",	      "dev/console", "dev/mqueue",	"dev/pts", "dev/shm",
	"etc/hosts",  "etc/hostname", "etc/mtab",    "etc/resolv.conf", "proc",	   "sys",
};

void changed_done(struct changed *changed)
{
	for (size_t i = 0; i < changed->n; i++)
		free(changed->change[i].path);
	free(changed->change);
	*changed = (struct changed){0};
}

static int take(void *arg, uint32_t kind, const char *path)
{
	struct changed *c = arg;

	if (c->n == c->room) {
		size_t room = c->room ? 2 * c->room : 256;
		struct image_change *more = reallocarray(c->change, room, sizeof(*more));

		if (!more)
			return -BERTH_E_NO_MEMORY;
		c->change = more;
		c->room = room;
	}
	c->change[c->n] = (struct image_change){(char)kind, strdup(path)};
	return c->change[c->n].path ? (void)c->n++, 0 : -BERTH_E_NO_MEMORY;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct image_change *)a)->path,
		      ((const struct image_change *)b)->path);
}

static bool is_mount_point(const struct image_change *c)
{
	if (c->kind == BERTH_CHANGE_ADDED)
		for (size_t i = 0; i < sizeof(mount_points) / sizeof(mount_points[0]); i++)
			if (str_eq(c->path, mount_points[i]))
				return true;
	return false;
}

static bool is_below(const char *path, const char *dir)
{
	const char *rest = str_after(path, dir);

	return rest && *rest == '/';
}

/* Something is said of what is below change @i: it comes after it, if not at once ("a-b" < "a/b"). */
static bool has_child(const struct changed *c, size_t i)
{
	for (size_t k = i + 1; k < c->n && str_has_prefix(c->change[k].path, c->change[i].path);
	     k++)
		if (c->change[k].kind && is_below(c->change[k].path, c->change[i].path))
			return true;
	return false;
}

/* The trees that are compared; opened when one is needed. */
struct trees {
	struct container_host *h;
	const struct container_row *row;
	const struct image *image;
	int now, before;
};

static void trees_done(struct trees *t)
{
	close_fd(&t->now);
	close_fd(&t->before);
}

static int stat_now(struct trees *t, const char *path, struct stat *ret, struct berth_error *err)
{
	int r = t->now < 0 ? container_view_open(t->h, t->row, &t->now, err) : 0;

	return r < 0 ? r : root_stat(t->now, path, AT_SYMLINK_NOFOLLOW, ret, err);
}

static int stat_before(struct trees *t, const char *path, struct stat *ret, struct berth_error *err)
{
	int r = t->before < 0 ? container_base_open(t->h, t->row, t->image->top, &t->before, err)
			      : 0;

	return r < 0 ? r : root_stat(t->before, path, AT_SYMLINK_NOFOLLOW, ret, err);
}

/* Nothing but an empty directory or file, as they are mounted over. */
static int is_empty(struct trees *t, const struct changed *c, size_t i, bool *ret,
		    struct berth_error *err)
{
	struct stat st;
	int r = stat_now(t, c->change[i].path, &st, err);

	if (r < 0)
		return r;
	*ret = S_ISDIR(st.st_mode)   ? !has_child(c, i)
	       : S_ISREG(st.st_mode) ? st.st_size == 0
				     : S_ISLNK(st.st_mode) != 0;
	return 0;
}

/* A directory of which nothing else is said than that mount points came into it. */
static int is_as_it_was(struct trees *t, const char *path, bool *ret, struct berth_error *err)
{
	struct stat now, before;
	int r = stat_now(t, path, &now, err);

	if (r == 0 && t->image->top)
		r = stat_before(t, path, &before, err);
	*ret = r == 0 && t->image->top && now.st_mode == before.st_mode &&
	       now.st_uid == before.st_uid && now.st_gid == before.st_gid;
	return r;
}

/* Directory @dir of a mount point that was left out ("" at the top). */
static int leave_out_parent(struct trees *t, struct changed *c, const char *dir, size_t len,
			    struct berth_error *err)
{
	for (size_t i = 0; i < c->n; i++) {
		struct image_change *p = &c->change[i];
		bool is = false;
		int r = 0;

		if (!p->kind || strlen(p->path) != len || memcmp(p->path, dir, len) != 0)
			continue;
		/* one that was made for it goes too, unless there is something else in it */
		if (p->kind == BERTH_CHANGE_ADDED)
			is = !has_child(c, i);
		else if (!has_child(c, i))
			r = is_as_it_was(t, p->path, &is, err);
		if (is)
			p->kind = 0;
		return r;
	}
	return 0;
}

/* kind 0: it is left out */
static int leave_out(struct trees *t, struct changed *c, struct berth_error *err)
{
	int r = 0;

	for (size_t i = c->n; i-- > 0 && r == 0;) {
		struct image_change *p = &c->change[i];
		bool is = false;

		if (!is_mount_point(p))
			continue;
		r = is_empty(t, c, i, &is, err);
		if (is)
			p->kind = 0;
		if (is && path_base(p->path) != p->path)
			r = leave_out_parent(t, c, p->path,
					     (size_t)(path_base(p->path) - p->path) - 1, err);
	}
	return r;
}

static void squeeze(struct changed *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++)
		if (c->change[i].kind)
			c->change[n++] = c->change[i];
		else
			free(c->change[i].path);
	c->n = n;
}

int changed_read_all(struct container_host *h, const struct container_row *row,
		     const struct image *image, struct changed *ret, struct berth_error *err)
{
	cleanup_changed struct changed c = {0};
	struct storage *storage;
	int r = drivers_storage(h->drivers, row->storage, &storage, err);

	if (r == 0)
		r = tree_changes(storage, row->id, image->top, take, &c, h->op, err);
	if (r < 0)
		return r;
	if (c.n > 0)
		qsort(c.change, c.n, sizeof(*c.change), by_path);
	*ret = c;
	c = (struct changed){0};
	return 0;
}

int changed_read(struct container_host *h, const struct container_row *row,
		 const struct image *image, struct changed *ret, struct berth_error *err)
{
	cleanup_with(trees_done) struct trees trees = {h, row, image, -1, -1};
	cleanup_changed struct changed c = {0};
	int r = changed_read_all(h, row, image, &c, err);

	if (r == 0)
		r = leave_out(&trees, &c, err);
	if (r < 0)
		return r;
	squeeze(&c);
	*ret = c;
	c = (struct changed){0};
	return 0;
}
