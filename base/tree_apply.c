/* SPDX-License-Identifier: Apache-2.0 */
#include "base/tree_apply.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/entry_copy.h"
#include "base/path.h"
#include "base/str.h"

/* The first name of a file that has several. */
struct first {
	dev_t dev;
	ino_t ino;
	char *path;
};

struct tree_apply {
	int from, to;
	enum file_copy_reflink reflink;
	char **dirs; /* those whose own state is set at the end, in the order of arrival */
	struct first *first;
	size_t n_first, room;
	/* the directory of the change before: neighbours share it */
	char *dir;
	int from_dir, to_dir;
};

int tree_apply_new(int from, int to, struct tree_apply **ret, struct berth_error *err)
{
	struct tree_apply *t = calloc(1, sizeof(*t));

	if (!t)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	*t = (struct tree_apply){.from = from, .to = to, .from_dir = -1, .to_dir = -1};
	*ret = t;
	return 0;
}

static void forget_dir(struct tree_apply *t)
{
	free(steal_ptr(t->dir));
	close_fd(&t->from_dir);
	close_fd(&t->to_dir);
}

void tree_apply_free(struct tree_apply *t)
{
	if (!t)
		return;
	forget_dir(t);
	for (size_t i = 0; i < t->n_first; i++)
		free(t->first[i].path);
	free(t->first);
	strv_free(t->dirs);
	free(t);
}

static int open_dir(int top, const char *path, int *ret, struct berth_error *err)
{
	return state_open(top, *path ? path : ".", O_RDONLY | O_DIRECTORY, 0, ret, err);
}

/* t->from_dir and t->to_dir become the directories that @path is in. */
static int enter_dir_of(struct tree_apply *t, const char *path, struct berth_error *err)
{
	const char *base = path_base(path);
	cleanup_free char *dir = strndup(path, base > path ? (size_t)(base - path) - 1 : 0);
	int r;

	if (!dir)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	if (str_eq(t->dir, dir))
		return 0;
	forget_dir(t);
	r = open_dir(t->from, dir, &t->from_dir, err);
	/* of a deleted directory's content nothing is said, so it is there in both */
	if (r == 0)
		r = open_dir(t->to, dir, &t->to_dir, err);
	if (r == 0)
		t->dir = steal_ptr(dir);
	return r;
}

static int keep_first(struct tree_apply *t, const struct stat *st, const char *path,
		      struct berth_error *err)
{
	if (t->n_first == t->room) {
		size_t room = t->room ? 2 * t->room : 64;
		struct first *more = reallocarray(t->first, room, sizeof(*more));

		if (!more)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		t->first = more;
		t->room = room;
	}
	t->first[t->n_first] = (struct first){st->st_dev, st->st_ino, strdup(path)};
	if (!t->first[t->n_first].path)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	t->n_first++;
	return 0;
}

/* 1: it is a further name of a file that is there already, and has been made one. */
static int try_link(struct tree_apply *t, const struct stat *st, const char *path,
		    struct berth_error *err)
{
	for (size_t i = 0; i < t->n_first; i++) {
		const struct first *f = &t->first[i];
		const char *base = path_base(f->path);
		cleanup_free char *dir = NULL;
		cleanup_fd int fd = -1;
		int r;

		if (f->ino != st->st_ino || f->dev != st->st_dev)
			continue;
		dir = strndup(f->path, base > f->path ? (size_t)(base - f->path) - 1 : 0);
		if (!dir)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		r = open_dir(t->to, dir, &fd, err);
		if (r < 0)
			return r;
		if (linkat(fd, base, t->to_dir, path_base(path), 0) < 0)
			return berth_fail_errno(err, errno, "link '%s'", path);
		return 1;
	}
	return keep_first(t, st, path, err);
}

static int put_file(struct tree_apply *t, const struct stat *st, const char *path,
		    struct berth_error *err)
{
	const char *name = path_base(path);
	int r = remove_tree(t->to_dir, name, err);

	if (r == 0 && st->st_nlink > 1)
		r = try_link(t, st, path, err);
	if (r != 0)
		return r < 0 ? r : 0;
	return entry_copy(&(struct entry_copy){.from = t->from_dir,
					       .to = t->to_dir,
					       .name = name,
					       .path = path,
					       .st = st,
					       .reflink = &t->reflink},
			  err);
}

static int put_dir(struct tree_apply *t, const char *path, struct berth_error *err)
{
	const char *name = path_base(path);
	struct stat st;
	int r = 0;

	if (fstatat(t->to_dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode))
		r = remove_tree(t->to_dir, name, err);
	if (r == 0 && mkdirat(t->to_dir, name, 0700) < 0 && errno != EEXIST)
		r = berth_fail_errno(err, errno, "make directory '%s'", path);
	if (r == 0 && strv_add(&t->dirs, path) < 0)
		r = berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	return r;
}

int tree_apply_one(struct tree_apply *t, char change, const char *path, struct berth_error *err)
{
	struct stat st;
	int r;

	if (!*path || str_eq(path, "."))
		return 0; /* the top is set at the end */
	r = enter_dir_of(t, path, err);
	if (r < 0)
		return r;
	if (change == 'D')
		return remove_tree(t->to_dir, path_base(path), err);
	if (fstatat(t->from_dir, path_base(path), &st, AT_SYMLINK_NOFOLLOW) < 0)
		return berth_fail_errno(err, errno, "look at '%s'", path);
	return S_ISDIR(st.st_mode) ? put_dir(t, path, err) : put_file(t, &st, path, err);
}

static int finish_dir(struct tree_apply *t, const char *path, struct berth_error *err)
{
	cleanup_fd int from = -1, to = -1;
	struct stat st;
	int r = open_dir(t->from, path, &from, err);

	if (r == 0)
		r = open_dir(t->to, path, &to, err);
	if (r == 0 && fstat(from, &st) < 0)
		r = berth_fail_errno(err, errno, "look at '%s'", path);
	return r < 0 ? r : entry_copy_meta(from, to, &st, path, err);
}

int tree_apply_end(struct tree_apply *t, struct berth_error *err)
{
	int r = 0;

	forget_dir(t);
	/* what is deep comes first: it changes the times of what is above */
	for (size_t i = strv_len(t->dirs); i-- > 0 && r == 0;)
		r = finish_dir(t, t->dirs[i], err);
	return r < 0 ? r : finish_dir(t, "", err);
}
