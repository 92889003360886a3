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

static int fill(const struct berth_storage *st, const char *quick, const char *layer,
		uint32_t flags, bool redirect, struct berth_error *err)
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
	if (r == 0 && flags & BERTH_VIEW_VOLATILE)
		r = make_part(t, quick, "volatile", 0700, err);
	if (r == 0 && redirect)
		r = make_part(t, quick, "redirect", 0700, err);
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "%s/upper", quick);
	return tree_inherit(t, layer, t->staging, path, err);
}

static bool redirect_wanted(const struct berth_storage *st, const struct berth_conf *conf)
{
	const char *word = conf ? st->tree.host->conf_str(conf, "redirect_dir") : NULL;

	return word ? str_eq(word, "on") : st->redirect;
}

int overlay_view_create(struct berth_storage *st, const char *view, const char *layer,
			uint32_t flags, const struct berth_conf *conf, struct berth_error *err)
{
	const struct tree *t = &st->tree;
	char file[TREE_NAME_MAX];
	char below[TREE_NAME_MAX];
	char quick[TREE_STAGED_MAX];
	cleanup_fd int lock = -1;
	int r = tree_file(view, file, err);

	if (r == 0 && layer)
		r = tree_file(layer, below, err);
	if (r == 0)
		r = tree_quick_begin(t, file, &lock, quick, err);
	if (r < 0)
		return r;
	r = fill(st, quick, layer ? below : NULL, flags, redirect_wanted(st, conf), err);
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
		.userns_fd = o.userns_fd,
		.attr = o.attr,
	};
	r = overlay_mount(st, &spec, ret_mount_fd, err);
	if (r < 0)
		berth_error_prefix(err, "view '%s'", view);
	return r;
}
