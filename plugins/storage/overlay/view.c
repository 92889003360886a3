/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../tree/newmount.h"
#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"
#include "overlay.h"
#include "quota.h"

enum {
	PATH_ROOM = 2 * TREE_NAME_MAX,
};

static int marked(const struct tree *t, const char *file, const char *mark, bool *ret,
		  struct berth_error *err)
{
	int r;

	char path[PATH_ROOM];

	(void)snprintf(path, sizeof(path), "%s/%s", file, mark);
	r = tree_there(t->views, path, err);
	if (r < 0)
		return r;
	*ret = r > 0;
	return 0;
}

int overlay_view_find(const struct berth_storage *st, const char *view, struct overlay_view *ret,
		      struct berth_error *err)
{
	const struct tree *t = &st->tree;
	struct overlay_view v;
	int r = tree_file(view, v.file, err);

	if (r == 0)
		r = tree_below(t, t->views, v.file, v.layer, err);
	if (r == 0)
		r = marked(t, v.file, "read-only", &v.read_only, err);
	if (r == 0)
		r = marked(t, v.file, "volatile", &v.is_volatile, err);
	if (r == 0)
		r = marked(t, v.file, "redirect", &v.redirect, err);
	if (r == 0)
		r = marked(t, v.file, "metacopy", &v.metacopy, err);
	if (r == 0)
		r = marked(t, v.file, "index", &v.index, err);
	if (r < 0)
		return r;
	*ret = v;
	return 0;
}

/* A directory in staged view @quick: a part of it, or a mark. */
static int make_part(const struct tree *t, const char *quick, const char *part, mode_t mode,
		     struct berth_error *err)
{
	char path[TREE_STAGED_MAX + TREE_NAME_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", quick, part);
	if (mkdirat(t->staging, path, mode) < 0)
		return berth_fail_errno(err, errno, "make '%s' of a view", part);
	return 0;
}

/* Marks of how it is made; after them nothing looks at options any more. */
static int make_marks(const struct tree *t, const char *quick, uint32_t flags,
		      const struct overlay_how *how, struct berth_error *err)
{
	const struct {
		const char *name;
		bool wanted;
	} marks[] = {
		{"volatile", flags & BERTH_VIEW_VOLATILE},
		{"redirect", how->redirect},
		{"metacopy", how->metacopy},
		{"index", how->index},
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(marks) / sizeof(marks[0]); i++)
		if (marks[i].wanted)
			r = make_part(t, quick, marks[i].name, 0700, err);
	return r;
}

static int limit(const struct tree *t, const char *quick, uint64_t size, struct berth_error *err)
{
	cleanup_fd int dir = -1;
	int r = state_open(t->staging, quick, O_RDONLY | O_DIRECTORY, 0, &dir, err);

	return r < 0 ? r : quota_make(t, dir, size, 0, err);
}

static int fill(const struct berth_storage *st, const char *quick, const char *layer,
		uint32_t flags, const struct overlay_how *how, struct berth_error *err)
{
	const struct tree *t = &st->tree;
	char path[TREE_STAGED_MAX + TREE_NAME_MAX];
	int r;

	(void)snprintf(path, sizeof(path), "%s/layer", quick);
	r = tree_stand(t, t->staging, path, layer, err);
	if (r == 0 && flags & BERTH_VIEW_READ_ONLY)
		return make_part(t, quick, "read-only", 0700, err);
	if (r == 0)
		r = make_part(t, quick, "upper", 0755, err);
	if (r == 0)
		r = make_part(t, quick, "work", 0700, err);
	if (r == 0)
		r = make_marks(t, quick, flags, how, err);
	if (r == 0 && how->size)
		r = limit(t, quick, how->size, err);
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "%s/upper", quick);
	return tree_inherit(t, layer, t->staging, path, err);
}

static void say(const struct berth_host *host, const struct berth_conf *conf, const char *key,
		bool *ret)
{
	const char *word = host->conf_str(conf, key);

	if (word)
		*ret = str_eq(word, "on");
}

void overlay_how(const struct berth_host *host, const struct berth_conf *conf,
		 struct overlay_how *ret)
{
	say(host, conf, "redirect_dir", &ret->redirect);
	say(host, conf, "metacopy", &ret->metacopy);
	say(host, conf, "index", &ret->index);
	(void)host->conf_u64(conf, "size", &ret->size); /* not set: as it is */
	ret->redirect |= ret->metacopy; /* a renamed file without data says where these are */
}

int overlay_view_create(struct berth_storage *st, const char *view, const char *layer,
			uint32_t flags, const struct berth_conf *conf, struct berth_error *err)
{
	const struct tree *t = &st->tree;
	char file[TREE_NAME_MAX];
	char below[TREE_NAME_MAX];
	char quick[TREE_STAGED_MAX];
	struct overlay_how how = st->how;
	cleanup_fd int lock = -1;
	int r = tree_file(view, file, err);

	if (r == 0 && layer)
		r = tree_file(layer, below, err);
	if (r == 0)
		r = tree_quick_begin(t, file, &lock, quick, err);
	if (r < 0)
		return r;
	if (conf)
		overlay_how(t->host, conf, &how);
	r = fill(st, quick, layer ? below : NULL, flags, &how, err);
	return tree_quick_end(t, quick, file, r, err);
}

int overlay_view_mount(struct berth_storage *st, const char *view,
		       const struct berth_view_opts *opts, int *ret_mount_fd,
		       struct berth_error *err)
{
	struct overlay_view v;
	struct tree_view_opts o;
	struct overlay_spec spec;
	int r = tree_view_opts(opts, &o, err);

	if (r == 0)
		r = overlay_view_find(st, view, &v, err);
	if (r < 0)
		return r;
	spec = (struct overlay_spec){
		.layer = v.layer,
		.view = v.read_only ? NULL : v.file,
		.writable = !v.read_only && !(o.flags & BERTH_VIEW_READ_ONLY),
		.is_volatile = v.is_volatile || o.flags & BERTH_VIEW_VOLATILE,
		.redirect = v.redirect,
		.metacopy = v.metacopy,
		.index = v.index,
		.userns_fd = o.userns_fd,
		.attr = o.attr,
	};
	r = overlay_mount(st, &spec, ret_mount_fd, err);
	if (r < 0)
		berth_error_prefix(err, "view '%s'", view);
	return r;
}

/* A view that was never mounted, and so has nothing in it without a project. */
static int is_fresh(int viewfd, bool *ret, struct berth_error *err)
{
	cleanup_names struct tree_names work = {0};
	cleanup_names struct tree_names upper = {0};
	int r = tree_list(viewfd, "work", &work, err);

	if (r == 0)
		r = tree_list(viewfd, "upper", &upper, err);
	if (r == 0)
		*ret = work.n == 0 && upper.n == 0;
	return r;
}

int overlay_view_limit(struct berth_storage *st, const char *view, uint64_t bytes, uint64_t inodes,
		       struct berth_error *err)
{
	const struct tree *t = &st->tree;
	struct overlay_view v;
	cleanup_fd int dir = -1;
	struct berth_error why;
	bool fresh = false;
	int r = overlay_view_find(st, view, &v, err);

	if (r == 0 && v.read_only)
		r = berth_fail(err, BERTH_E_INVALID, "view '%s' is read-only", view);
	if (r == 0)
		r = state_open(t->views, v.file, O_RDONLY | O_DIRECTORY, 0, &dir, err);
	if (r < 0)
		return r;
	r = quota_change(dir, bytes, inodes, &why);
	if (r == -BERTH_E_INVALID && is_fresh(dir, &fresh, NULL) == 0 && fresh)
		r = quota_make(t, dir, bytes, inodes, &why);
	if (r < 0 && err)
		*err = why;
	return r;
}
