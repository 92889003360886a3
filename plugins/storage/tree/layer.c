/* SPDX-License-Identifier: Apache-2.0 */
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"

enum { PATH_ROOM = 2 * TREE_NAME_MAX }; /* "layers/L/content" and the like */

static int fail_layer(struct berth_error *err, const char *file)
{
	char name[TREE_NAME_MAX];

	return berth_fail(err, BERTH_E_NOT_FOUND, "there is no layer '%s'",
			  tree_name(file, name) ? name : file);
}

int tree_there(int dirfd, const char *path, struct berth_error *err)
{
	if (faccessat(dirfd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 1;
	return errno == ENOENT ? 0 : berth_fail_errno(err, errno, "look for '%s'", path);
}

int tree_layer_there(const struct tree *t, const char *file, struct berth_error *err)
{
	return tree_there(t->layers, file, err);
}

int tree_content_open(const struct tree *t, int statefd, const char *file, int *ret_fd,
		      struct berth_error *err)
{
	char path[PATH_ROOM];
	int r;

	(void)snprintf(path, sizeof(path), "%s%s/%s", file ? "layers/" : "", file ? file : "empty",
		       t->kind->content);
	r = state_open(statefd, path, O_PATH | O_DIRECTORY, 0, ret_fd, err);
	if (r == -BERTH_E_NOT_FOUND && file)
		return fail_layer(err, file);
	return r;
}

int tree_view_part(int statefd, const char *file, const char *part, int *ret_fd,
		   struct berth_error *err)
{
	char path[PATH_ROOM];
	int r;

	(void)snprintf(path, sizeof(path), "views/%s/%s", file, part);
	r = state_open(statefd, path, O_PATH | O_DIRECTORY, 0, ret_fd, err);
	if (r == -BERTH_E_NOT_FOUND)
		return berth_fail(err, BERTH_E_NOT_FOUND, "view '%s' has no '%s'", file, part);
	return r;
}

int tree_below(const struct tree *t, int dirfd, const char *file, char out[static TREE_NAME_MAX],
	       struct berth_error *err)
{
	bool view = dirfd == t->views;
	char path[PATH_ROOM];
	char text[TREE_NAME_MAX + 1];
	cleanup_fd int fd = -1;
	ssize_t n;
	int r;

	(void)snprintf(path, sizeof(path), "%s/%s", file, view ? "layer" : "parent");
	r = state_open(dirfd, path, O_RDONLY | O_NONBLOCK, 0, &fd, NULL);
	if (r == -BERTH_E_NOT_FOUND) {
		r = tree_there(dirfd, file, err);
		if (r < 0)
			return r;
		if (r == 0)
			return view ? berth_fail(err, BERTH_E_NOT_FOUND, "there is no view '%s'",
						 file)
				    : fail_layer(err, file);
		if (view)
			return berth_fail(err, BERTH_E_CORRUPT, "view '%s' does not say its layer",
					  file);
		out[0] = '\0';
		return 0;
	}
	if (r < 0)
		return berth_fail(err, -r, "'%s' cannot be opened", path);
	n = read(fd, text, sizeof(text));
	if (n < 0)
		return berth_fail_errno(err, errno, "read '%s'", path);
	if (n == 0 || text[n - 1] != '\n' || memchr(text, '\0', (size_t)n))
		return berth_fail(err, BERTH_E_CORRUPT, "'%s' is damaged", path);
	text[n - 1] = '\0';
	if (n == 1) {
		out[0] = '\0';
		return 0;
	}
	return tree_file(text, out, NULL) == 0
		       ? 0
		       : berth_fail(err, BERTH_E_CORRUPT, "'%s' is damaged", path);
}

int tree_stand(const struct tree *t, int dirfd, const char *link, const char *below,
	       struct berth_error *err)
{
	char self[PATH_ROOM];

	(void)snprintf(self, sizeof(self), "%s%s/self", below ? "layers/" : "",
		       below ? below : "empty");
	if (linkat(t->state, self, dirfd, link, 0) == 0)
		return 0;
	if (errno == ENOENT && below) {
		int r = tree_layer_there(t, below, err);

		if (r <= 0)
			return r < 0 ? r : fail_layer(err, below);
		errno = ENOENT;
	}
	if (errno == EMLINK)
		return berth_fail(err, BERTH_E_LIMIT,
				  "more stands on layer '%s' than its filesystem can count",
				  below ? below : "");
	return berth_fail_errno(err, errno, "stand on layer '%s'", below ? below : "");
}

int tree_inherit(const struct tree *t, const char *below, int dirfd, const char *content,
		 struct berth_error *err)
{
	struct stat want = {.st_mode = 0755};
	struct stat st;
	char path[PATH_ROOM];

	(void)snprintf(path, sizeof(path), "layers/%s/%s", below ? below : "", t->kind->content);
	if (below && fstatat(t->state, path, &want, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? fail_layer(err, below)
				       : berth_fail_errno(err, errno, "stat '%s'", path);
	if (fstatat(dirfd, content, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return berth_fail_errno(err, errno, "stat '%s'", content);
	/* to look is cheaper than to write what is right already, as it mostly is */
	if ((st.st_uid != want.st_uid || st.st_gid != want.st_gid) &&
	    fchownat(dirfd, content, want.st_uid, want.st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return berth_fail_errno(err, errno, "set the owner of '%s'", content);
	if ((st.st_mode ^ want.st_mode) & 07777 &&
	    fchmodat(dirfd, content, want.st_mode & 07777, 0) < 0)
		return berth_fail_errno(err, errno, "set the mode of '%s'", content);
	return 0;
}

/* How many things stand on layer @file. */
static int users(const struct tree *t, const char *file, nlink_t *ret, struct berth_error *err)
{
	char path[PATH_ROOM];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/self", file);
	if (fstatat(t->layers, path, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		*ret = st.st_nlink - 1;
		return 0;
	}
	if (errno != ENOENT)
		return berth_fail_errno(err, errno, "stat '%s'", path);
	*ret = 0; /* no such layer, or a damaged one: nothing can stand on it any more */
	return 0;
}

int tree_layer_remove(const struct tree *t, const char *layer, struct berth_error *err)
{
	char file[TREE_NAME_MAX];
	cleanup_fd int lock = -1;
	nlink_t n = 0;
	int r = tree_file(layer, file, err);

	if (r == 0) {
		r = tree_layer_there(t, file, err);
		if (r <= 0)
			return r;
		r = tree_lock(t, false, &lock, err);
	}
	if (r == 0)
		r = users(t, file, &n, err);
	if (r == 0 && n > 0) {
		/* they may be the dead: who was killed between two steps still holds its link */
		r = tree_release(t, err);
		if (r == 0)
			r = users(t, file, &n, err);
	}
	if (r < 0)
		return r;
	if (n > 0)
		return berth_fail(err, BERTH_E_BUSY, "layer '%s' has %llu layers or views on it",
				  layer, (unsigned long long)n);
	return tree_trash(t, t->layers, file, err);
}

static int each_in(const struct tree *t, const char *dir, berth_id_fn fn, void *arg,
		   struct berth_error *err)
{
	cleanup_names struct tree_names names = {0};
	int r = tree_list(t->state, dir, &names, err);

	for (const char *at = NULL; r == 0 && (at = tree_names_next(&names, at));) {
		char name[TREE_NAME_MAX];

		if (tree_name(at, name))
			r = fn(arg, name);
	}
	return r;
}

int tree_each(const struct tree *t, uint32_t flags, berth_id_fn fn, void *arg,
	      struct berth_error *err)
{
	int r = 0;

	if (flags & BERTH_EACH_LAYERS)
		r = each_in(t, "layers", fn, arg, err);
	if (r == 0 && flags & BERTH_EACH_VIEWS)
		r = each_in(t, "views", fn, arg, err);
	return r;
}

int tree_say_below(const struct tree *t, const char *id, uint32_t each_flag,
		   struct berth_sink *sink, struct berth_error *err)
{
	char file[TREE_NAME_MAX];
	char below[TREE_NAME_MAX];
	char name[TREE_NAME_MAX] = "";
	int r = tree_file(id, file, err);

	if (r == 0)
		r = tree_below(t, each_flag & BERTH_EACH_LAYERS ? t->layers : t->views, file, below,
			       err);
	if (r < 0)
		return r;
	(void)tree_name(below, name); /* false for "": then there is nothing to say */
	r = t->host->sink_put(sink, name, strlen(name));
	return r < 0 ? berth_fail(err, -r, "the name '%s' does not fit", name) : 0;
}
