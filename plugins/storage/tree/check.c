/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks for damage, and changes nothing. Others may add and remove meanwhile: what vanishes between
 * two looks is no damage.
 */
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"
#include "inodes.h"
#include "base/walk.h"

static const char FIX_LAYER[] = "remove the layer and pull its image again";
static const char FIX_VIEW[] = "remove the container; what can be read of it is below views/";

static void BERTH_PRINTF(4, 5)
	find(const struct tree_check *c, const char *id, const char *fix, const char *fmt, ...)
{
	cleanup_str struct str text = STR_INIT;
	va_list ap;

	va_start(ap, fmt);
	str_addv(&text, fmt, ap);
	va_end(ap);
	(void)c->t->host->finding(c->findings, BERTH_FINDING_ERROR, id, str_text(&text), fix);
}

struct content_check {
	const struct tree_check *c;
	const char *file;
	struct inodes linked;
};

/* Every file can be looked at, its attributes too, and has all its names in this layer. */
static int check_one(void *arg, const struct walk_entry *e, struct berth_error *err)
{
	struct content_check *cc = arg;
	uint32_t seen;

	if (e->event == WALK_ENTER && flistxattr(e->fd, NULL, 0) < 0 && errno != ENOTSUP)
		find(cc->c, "layer.metadata", FIX_LAYER, "layer '%s': attributes of '%s': %s",
		     cc->file, e->path, strerror(errno));
	if (e->event != WALK_OTHER || e->st->st_nlink == 1)
		return 0;
	return inodes_see(&cc->linked, e->st->st_ino, (uint32_t)e->st->st_nlink, &seen, err);
}

static int check_content(const struct tree_check *c, const char *file, struct berth_error *err)
{
	struct content_check cc = {.c = c, .file = file};
	struct tree_going going = {c->t, c->op};
	struct walk_how how = {
		.flags = WALK_STAT,
		.fn = check_one,
		.arg = &cc,
		.go_on = tree_go_on,
		.going = &going,
	};
	struct berth_error why;
	cleanup_fd int fd = -1;
	int r = tree_content_open(c->t, c->t->state, file, &fd, NULL);

	if (r < 0) {
		find(c, "layer.content", FIX_LAYER, "layer '%s' has no '%s'", file,
		     c->t->kind->content);
		return 0;
	}
	if (c->depth < BERTH_CHECK_FULL)
		return 0;
	r = walk_tree(fd, &how, &why);
	if (r == -BERTH_E_IO || r == -BERTH_E_CORRUPT || r == -BERTH_E_DENIED) {
		find(c, "layer.metadata", FIX_LAYER, "layer '%s': %s", file, why.text);
		r = 0;
	} else if (r < 0 && err) {
		*err = why;
	}
	for (const struct inode *i = NULL; r == 0 && (i = inodes_next(&cc.linked, i));)
		if (i->links != i->seen)
			find(c, "layer.links", FIX_LAYER,
			     "layer '%s': a file (inode %llu) has %u names, %u of them in the "
			     "layer",
			     file, (unsigned long long)i->ino, i->links, i->seen);
	inodes_done(&cc.linked);
	return r;
}

/* That @link (a path below @dirfd) is the very file `self` of layer @below. */
static bool same_file(const struct tree *t, int dirfd, const char *link, const char *below)
{
	char self[2 * TREE_NAME_MAX];
	struct stat a;
	struct stat b;

	(void)snprintf(self, sizeof(self), "%s%s/self", below[0] ? "layers/" : "",
		       below[0] ? below : "empty");
	return fstatat(dirfd, link, &a, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstatat(t->state, self, &b, AT_SYMLINK_NOFOLLOW) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

/* What @file in @dirfd stands on is there, and is what its link says. */
static void check_below(const struct tree_check *c, int dirfd, const char *file)
{
	bool view = dirfd == c->t->views;
	const char *what = view ? "view" : "layer";
	const char *fix = view ? FIX_VIEW : FIX_LAYER;
	char below[TREE_NAME_MAX];
	char link[2 * TREE_NAME_MAX];
	struct berth_error why;
	int r = tree_below(c->t, dirfd, file, below, &why);

	if (r == -BERTH_E_NOT_FOUND || (r == 0 && !view && !below[0]))
		return;
	if (r < 0) {
		find(c, view ? "view.layer" : "layer.parent", fix, "%s '%s': %s", what, file,
		     why.text);
		return;
	}
	(void)snprintf(link, sizeof(link), "%s/%s", file, view ? "layer" : "parent");
	if (!same_file(c->t, dirfd, link, below) &&
	    faccessat(dirfd, link, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		find(c, view ? "view.layer" : "layer.parent", fix,
		     "%s '%s' stands on layer '%s', which is not there", what, file, below);
}

static int check_layer(const struct tree_check *c, const char *file, struct berth_error *err)
{
	char name[TREE_NAME_MAX];
	char path[2 * TREE_NAME_MAX];
	cleanup_free char *text = NULL;
	size_t n;
	int r = tree_cancelled(c->t, c->op, err);

	if (r < 0)
		return r;
	if (!tree_name(file, name)) {
		find(c, "layer.name", "look what it is, and remove it",
		     "'%s' among the layers is no layer", file);
		return 0;
	}
	(void)snprintf(path, sizeof(path), "%s/self", file);
	r = state_read(c->t->layers, path, TREE_NAME_MAX, &text, NULL, NULL);
	n = strlen(name);
	if (r < 0 || strncmp(text, name, n) != 0 || strcmp(text + n, "\n") != 0) {
		r = tree_layer_there(c->t, file, err);
		if (r <= 0)
			return r;
		find(c, "layer.self", FIX_LAYER, "layer '%s' does not say its own name", file);
	}
	check_below(c, c->t->layers, file);
	return check_content(c, file, err);
}

static void check_view(const struct tree_check *c, const char *file)
{
	char path[3 * TREE_NAME_MAX];
	char name[TREE_NAME_MAX];

	if (!tree_name(file, name)) {
		find(c, "view.name", "look what it is, and remove it",
		     "'%s' among the views is no view", file);
		return;
	}
	check_below(c, c->t->views, file);
	(void)snprintf(path, sizeof(path), "%s/read-only", file);
	if (faccessat(c->t->views, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return;
	for (const char *const *part = c->view_parts; *part; part++) {
		struct stat st;

		(void)snprintf(path, sizeof(path), "%s/%s", file, *part);
		if (fstatat(c->t->views, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISDIR(st.st_mode))
			continue;
		if (faccessat(c->t->views, file, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			find(c, "view.content", FIX_VIEW, "view '%s' has no '%s'", file, *part);
	}
}

int tree_check(const struct tree_check *c, const char *id, struct berth_error *err)
{
	cleanup_names struct tree_names layers = {0};
	cleanup_names struct tree_names views = {0};
	int r;

	if (id) {
		char file[TREE_NAME_MAX];

		r = tree_file(id, file, err);
		if (r == 0)
			r = tree_layer_there(c->t, file, err);
		if (r == 0)
			r = berth_fail(err, BERTH_E_NOT_FOUND, "there is no layer '%s'", id);
		return r < 0 ? r : check_layer(c, file, err);
	}
	r = tree_list(c->t->state, "layers", &layers, err);
	for (const char *at = NULL; r == 0 && (at = tree_names_next(&layers, at));)
		r = check_layer(c, at, err);
	if (r == 0)
		r = tree_list(c->t->state, "views", &views, err);
	for (const char *at = NULL; r == 0 && (at = tree_names_next(&views, at));)
		check_view(c, at);
	return r;
}
