/* SPDX-License-Identifier: Apache-2.0 */
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/lock.h"
#include "base/path.h"

enum {
	LOCK_NAME_MAX = TREE_STAGED_MAX + 8,
	NAME_TRIES = 100,
	/* of a content whose maker has not said what the top is like; nobody makes one like it */
	MODE_UNSAID = 01700,
};

static void lock_name(const char *staged, char out[static LOCK_NAME_MAX])
{
	(void)snprintf(out, LOCK_NAME_MAX, "%s~lock", staged);
}

int tree_stage_begin(const struct tree *t, const char *file, bool view, bool wait,
		     struct tree_stage *ret, struct berth_error *err)
{
	struct tree_stage s = {.t = t, .lock = -1, .dir = -1};
	char lock[LOCK_NAME_MAX];
	int r;

	(void)snprintf(s.name, sizeof(s.name), "%s~%s", view ? "view" : "layer", file);
	lock_name(s.name, lock);
	r = lock_take(t->staging, lock, wait ? 0 : LOCK_TRY, &s.lock, err);
	if (r == -BERTH_E_BUSY)
		return berth_fail(err, BERTH_E_BUSY, "'%s' is being made by another process", file);
	if (r < 0)
		return r;
	/* we have the lock, so whoever made what is there is dead */
	r = tree_trash(t, t->staging, s.name, err);
	if (r == 0)
		r = state_mkdir(t->staging, s.name, 0700, 0, err);
	if (r == 0)
		r = state_open(t->staging, s.name, O_RDONLY | O_DIRECTORY, 0, &s.dir, err);
	if (r < 0) {
		tree_stage_end(&s);
		return r;
	}
	*ret = s;
	return 0;
}

int tree_stage_publish(struct tree_stage *s, int dirfd, const char *file, struct berth_error *err)
{
	if (renameat2(s->t->staging, s->name, dirfd, file, RENAME_NOREPLACE) == 0) {
		/* the lock keeps its name until tree_stage_end: nobody begins before it is told */
		return 0;
	}
	if (errno == EEXIST)
		return berth_fail(err, BERTH_E_EXISTS, "'%s' exists", file);
	return berth_fail_errno(err, errno, "publish '%s'", file);
}

/* As far as that works: the rest goes to the trash, or reclaim finds it. */
static void erase_staged(const struct tree *t, const char *name)
{
	if (t->kind->erase)
		(void)t->kind->erase(t, t->staging, name, NULL);
	(void)remove_tree(t->staging, name, NULL);
}

void tree_stage_erase(struct tree_stage *s)
{
	erase_staged(s->t, s->name);
}

void tree_stage_end(struct tree_stage *s)
{
	char lock[LOCK_NAME_MAX];

	if (!s->t)
		return;
	close_fd(&s->dir);
	if (s->lock >= 0) {
		/* absent when published; what cannot be moved now, the next one moves */
		(void)tree_trash(s->t, s->t->staging, s->name, NULL);
		lock_name(s->name, lock);
		(void)unlinkat(s->t->staging, lock, 0);
		close_fd(&s->lock);
	}
	s->t = NULL;
}

static int quick_mkdir(const struct tree *t, char name[static TREE_STAGED_MAX],
		       struct berth_error *err)
{
	static atomic_uint count;

	for (int i = 0; i < NAME_TRIES; i++) {
		(void)snprintf(name, TREE_STAGED_MAX, "quick~%d.%u", (int)getpid(),
			       atomic_fetch_add(&count, 1));
		if (mkdirat(t->staging, name, 0700) == 0)
			return 0;
		if (errno != EEXIST)
			break;
	}
	return berth_fail_errno(err, errno, "make a view");
}

static int fail_view_exists(const char *file, struct berth_error *err)
{
	char name[TREE_NAME_MAX];

	return berth_fail(err, BERTH_E_EXISTS, "view '%s' exists",
			  tree_name(file, name) ? name : file);
}

int tree_quick_begin(const struct tree *t, const char *file, int *ret_lock,
		     char name[static TREE_STAGED_MAX], struct berth_error *err)
{
	cleanup_fd int lock = -1;
	int r = tree_there(t->views, file, err);

	if (r > 0)
		r = fail_view_exists(file, err);
	if (r == 0)
		r = tree_lock(t, true, &lock, err);
	if (r == 0)
		r = quick_mkdir(t, name, err);
	if (r < 0)
		return r;
	*ret_lock = steal_fd(&lock);
	return 0;
}

int tree_quick_end(const struct tree *t, const char *name, const char *file, int r,
		   struct berth_error *err)
{
	if (r == 0 && renameat2(t->staging, name, t->views, file, RENAME_NOREPLACE) < 0)
		r = errno == EEXIST ? fail_view_exists(file, err)
				    : berth_fail_errno(err, errno, "make view '%s'", file);
	if (r < 0)
		erase_staged(t, name);
	return r;
}

/* The file that counts, and names, what stands on the layer. */
static int write_self(int dirfd, const char *layer, struct berth_error *err)
{
	cleanup_fd int fd = -1;
	char text[TREE_NAME_MAX + 1];
	int n = snprintf(text, sizeof(text), "%s\n", layer);
	int r = state_open(dirfd, "self", O_WRONLY | O_CREAT | O_EXCL, 0600, &fd, err);

	return r < 0 ? r : write_all(fd, text, (size_t)n, err);
}

static int make_content(const struct berth_ingest *in, struct berth_error *err)
{
	const struct tree *t = in->stage.t;

	if (t->kind->make)
		return t->kind->make(t, in->stage.dir, in->parent[0] ? in->parent : NULL,
				     MODE_UNSAID, err);
	if (mkdirat(in->stage.dir, t->kind->content, MODE_UNSAID) < 0)
		return berth_fail_errno(err, errno, "make directory '%s'", t->kind->content);
	return 0;
}

/* Everything of the stage but what goes into the content. */
static int ingest_fill(const struct tree *t, struct berth_ingest *in, const char *layer, bool bind,
		       struct berth_error *err)
{
	cleanup_fd int lock = -1;
	int r;

	/* only now, with the stage ours, can nobody publish it any more behind our back */
	r = tree_layer_there(t, in->file, err);
	if (r > 0)
		r = berth_fail(err, BERTH_E_EXISTS, "layer '%s' exists", layer);
	if (r == 0 && in->parent[0]) {
		r = tree_layer_there(t, in->parent, err);
		if (r == 0)
			r = berth_fail(err, BERTH_E_NOT_FOUND, "there is no layer '%s'",
				       in->parent);
	}
	if (r < 0)
		return r;
	r = write_self(in->stage.dir, layer, err);
	if (r < 0)
		return r;
	in->bound = bind;
	if (bind && in->parent[0]) {
		r = tree_lock(t, true, &lock, err);
		if (r == 0)
			r = tree_stand(t, in->stage.dir, "parent", in->parent, err);
		close_fd(&lock); /* from here on the link keeps the layer */
	}
	return r < 0 ? r : make_content(in, err);
}

int tree_ingest_begin(const struct tree *t, struct berth_storage *st,
		      const struct berth_layer_desc *desc, bool bind, struct berth_ingest **ret,
		      struct berth_error *err)
{
	struct berth_ingest *in = calloc(1, sizeof(*in));
	int r;

	if (!in)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	in->st = st;
	r = tree_file(desc->layer, in->file, err);
	if (r == 0 && desc->parent)
		r = tree_file(desc->parent, in->parent, err);
	if (r == 0)
		r = tree_layer_there(t, in->file, err);
	if (r > 0)
		r = berth_fail(err, BERTH_E_EXISTS, "layer '%s' exists", desc->layer);
	if (r == 0)
		r = tree_stage_begin(t, in->file, false, false, &in->stage, err);
	if (r == 0)
		r = ingest_fill(t, in, desc->layer, bind, err);
	if (r < 0) {
		tree_ingest_abort(in);
		return r;
	}
	*ret = in;
	return 0;
}

int tree_ingest_tree(struct berth_ingest *in, int *ret_dirfd, struct berth_error *err)
{
	return state_open(in->stage.dir, in->stage.t->kind->content, O_RDONLY | O_DIRECTORY, 0,
			  ret_dirfd, err);
}

/* Stand the layer on its parent, if it does not since the beginning. */
static int bind_parent(struct berth_ingest *in, const char *parent, struct berth_error *err)
{
	cleanup_fd int lock = -1;
	char file[TREE_NAME_MAX] = "";
	int r = parent ? tree_file(parent, file, err) : 0;

	if (r < 0)
		return r;
	if (in->bound)
		return strcmp(file, in->parent) == 0
			       ? 0
			       : berth_fail(err, BERTH_E_INVALID,
					    "the layer was begun on another parent than '%s'",
					    parent ? parent : "");
	memcpy(in->parent, file, sizeof(file));
	if (!parent)
		return 0;
	r = tree_lock(in->stage.t, true, &lock, err);
	return r < 0 ? r : tree_stand(in->stage.t, in->stage.dir, "parent", file, err);
}

/* A layer whose tar has no entry for its top leaves the top as it was. */
static int inherit_top(struct berth_ingest *in, struct berth_error *err)
{
	const struct tree *t = in->stage.t;
	struct stat st;

	if (fstatat(in->stage.dir, t->kind->content, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return berth_fail_errno(err, errno, "stat '%s'", t->kind->content);
	if ((st.st_mode & 07777) != MODE_UNSAID)
		return 0;
	return tree_inherit(t, in->parent[0] ? in->parent : NULL, in->stage.dir, t->kind->content,
			    err);
}

static int ingest_publish(struct berth_ingest *in, const char *parent, struct berth_op *op,
			  struct berth_error *err)
{
	const struct tree *t = in->stage.t;
	int r = tree_cancelled(t, op, err);

	if (r == 0)
		r = bind_parent(in, parent, err);
	if (r == 0)
		r = inherit_top(in, err);
	if (r == 0 && t->kind->seal)
		r = t->kind->seal(t, in->stage.dir, err);
	if (r < 0)
		return r;
	/*
	 * The files, by one flush of the filesystem: an fsync for each of them would be a journal
	 * commit for each of them. This also orders everything before the rename.
	 */
	if (syncfs(in->stage.dir) < 0)
		return berth_fail_errno(err, errno, "write layer '%s' to the disk", in->file);
	r = tree_stage_publish(&in->stage, t->layers, in->file, err);
	if (r < 0)
		return r;
	if (fsync(t->layers) < 0) {
		r = berth_fail_errno(err, errno, "write layer '%s' to the disk", in->file);
		(void)tree_trash(t, t->layers, in->file, NULL); /* we report the first failure */
	}
	return r;
}

int tree_ingest_commit(struct berth_ingest *in, const char *parent, struct berth_op *op,
		       struct berth_error *err)
{
	int r = ingest_publish(in, parent, op, err);

	tree_ingest_abort(in);
	return r;
}

void tree_ingest_abort(struct berth_ingest *in)
{
	if (!in)
		return;
	tree_stage_end(&in->stage);
	free(in);
}
