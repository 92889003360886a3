/* SPDX-License-Identifier: Apache-2.0 */
#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/ident.h"
#include "base/lock.h"
#include "base/path.h"
#include "base/str.h"

enum {
	FORMAT_MAX = 64,
	LIST_BYTES = 32768,
};

int tree_file(const char *name, char out[static TREE_NAME_MAX], struct berth_error *err)
{
	size_t n;

	if (!name || !ident_is_object(name))
		return berth_fail(err, BERTH_E_INVALID,
				  "'%.140s' is not a name for a layer or view", name ? name : "");
	n = strlen(name);
	if (n >= TREE_NAME_MAX)
		return berth_fail(err, BERTH_E_INVALID, "name '%.140s' is too long", name);
	for (size_t i = 0; i <= n; i++)
		out[i] = name[i] == ':' ? '=' : name[i];
	return 0;
}

bool tree_name(const char *file, char out[static TREE_NAME_MAX])
{
	size_t n = strlen(file);

	if (n >= TREE_NAME_MAX || strchr(file, ':'))
		return false;
	for (size_t i = 0; i <= n; i++)
		out[i] = file[i] == '=' ? ':' : file[i];
	return ident_is_object(out);
}

int tree_cancelled(const struct tree *t, struct berth_op *op, struct berth_error *err)
{
	if (op && t->host->cancelled(op))
		return berth_fail(err, BERTH_E_CANCELLED, "cancelled");
	return 0;
}

int tree_go_on(void *arg, struct berth_error *err)
{
	const struct tree_going *going = arg;

	return tree_cancelled(going->t, going->op, err);
}

int tree_lock(const struct tree *t, bool shared, int *ret_fd, struct berth_error *err)
{
	return lock_take(t->state, "lock", shared ? LOCK_SHARED : 0, ret_fd, err);
}

int tree_list(int dirfd, const char *name, struct tree_names *ret, struct berth_error *err)
{
	cleanup_str struct str names = STR_INIT;
	cleanup_free char *entries = malloc(LIST_BYTES);
	cleanup_fd int fd = -1;
	ssize_t n;
	int r = state_open(dirfd, name, O_RDONLY | O_DIRECTORY, 0, &fd, err);

	if (r < 0)
		return r;
	if (!entries)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	while ((n = getdents64(fd, entries, LIST_BYTES)) > 0) {
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *e = (const void *)(entries + at);

			if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
				str_add_n(&names, e->d_name, strlen(e->d_name) + 1);
			at += e->d_reclen;
		}
	}
	if (n < 0)
		return berth_fail_errno(err, errno, "list '%s'", name);
	r = str_check(&names, err);
	if (r < 0)
		return r;
	ret->n = names.len;
	ret->p = str_steal(&names);
	return 0;
}

void tree_names_done(struct tree_names *names)
{
	free(names->p);
	*names = (struct tree_names){0};
}

const char *tree_names_next(const struct tree_names *names, const char *at)
{
	const char *next = at ? at + strlen(at) + 1 : names->p;

	return names->n && next < names->p + names->n ? next : NULL;
}

/* 0; NOT_FOUND, and err untouched, if there is no format file; CORRUPT if it is another format. */
static int format_check(const struct tree *t, struct berth_error *err)
{
	char text[FORMAT_MAX];
	cleanup_fd int fd = -1;
	ssize_t n;
	struct berth_error why;
	int r = state_open(t->state, "format", O_RDONLY | O_NONBLOCK, 0, &fd, &why);

	if (r < 0 && r != -BERTH_E_NOT_FOUND && err)
		*err = why;
	if (r < 0)
		return r;
	n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return berth_fail_errno(err, errno, "read 'format'");
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (strcmp(text, t->kind->format) == 0)
		return 0;
	(void)berth_fail(err, BERTH_E_CORRUPT, "the state is of format '%s', not '%s'", text,
			 t->kind->format);
	berth_error_hint(err, "another driver or a newer berth made it; use that one, or give this "
			      "one an empty state directory");
	return -BERTH_E_CORRUPT;
}

/* Without a format file there must be nothing that we could spoil. */
static int empty_check(const struct tree *t, const char *name, struct berth_error *err)
{
	cleanup_names struct tree_names names = {0};
	struct berth_error why = {0};
	int r = tree_list(t->state, name, &names, &why);

	if (r == -BERTH_E_NOT_FOUND)
		return 0;
	if (r < 0 && err)
		*err = why;
	if (r == 0 && names.n) {
		r = berth_fail(err, BERTH_E_CORRUPT,
			       "there are '%s', but the file 'format' is missing", name);
		berth_error_hint(err, "if it was lost, put it back: one line, '%s'",
				 t->kind->format);
	}
	return r;
}

static int make_empty_layer(const struct tree *t, struct berth_error *err)
{
	cleanup_fd int dir = -1;
	int r = state_mkdir(t->state, "empty", 0700, STATE_EXIST_OK, err);

	if (r == 0)
		r = state_open(t->state, "empty", O_RDONLY | O_DIRECTORY, 0, &dir, err);
	if (r == 0)
		r = state_mkdir(dir, t->kind->content, 0755, STATE_EXIST_OK, err);
	if (r == 0 && faccessat(dir, "self", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		r = state_replace(dir, "self", 0600, "\n", 1, STATE_FSYNC, err);
	return r;
}

/* The format file comes last: before, a crash leaves what the next one makes again. */
static int make_state(const struct tree *t, struct berth_error *err)
{
	static const char *const dirs[] = {"layers", "views", "staging", "trash"};
	cleanup_fd int lock = -1;
	char text[FORMAT_MAX];
	int n = snprintf(text, sizeof(text), "%s\n", t->kind->format);
	int r = tree_lock(t, false, &lock, err);

	if (r < 0)
		return r;
	r = format_check(t, err);
	if (r != -BERTH_E_NOT_FOUND)
		return r;
	r = empty_check(t, "layers", err);
	if (r == 0)
		r = empty_check(t, "views", err);
	for (size_t i = 0; r == 0 && i < sizeof(dirs) / sizeof(dirs[0]); i++)
		r = state_mkdir(t->state, dirs[i], 0700, STATE_EXIST_OK, err);
	if (r == 0)
		r = make_empty_layer(t, err);
	if (r == 0)
		r = state_replace(t->state, "format", 0600, text, (size_t)n, STATE_FSYNC, err);
	return r;
}

static int open_dirs(struct tree *t, struct berth_error *err)
{
	const struct {
		const char *name;
		int *fd;
	} dirs[] = {
		{"layers", &t->layers},
		{"views", &t->views},
		{"staging", &t->staging},
		{"trash", &t->trash},
	};

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		int r = state_open(t->state, dirs[i].name, O_RDONLY | O_DIRECTORY, 0, dirs[i].fd,
				   err);

		if (r < 0)
			return berth_fail(err, BERTH_E_CORRUPT, "the directory '%s' is missing",
					  dirs[i].name);
	}
	return 0;
}

int tree_open(struct tree *t, const struct tree_kind *kind, const struct berth_host *host,
	      int state_fd, struct berth_error *err)
{
	int r;

	*t = (struct tree){
		.kind = kind,
		.host = host,
		.state = fcntl(state_fd, F_DUPFD_CLOEXEC, 3),
		.layers = -1,
		.views = -1,
		.staging = -1,
		.trash = -1,
	};
	if (t->state < 0)
		return berth_fail_errno(err, errno, "duplicate the state directory");
	r = format_check(t, err);
	if (r == -BERTH_E_NOT_FOUND)
		r = make_state(t, err);
	if (r == 0)
		r = open_dirs(t, err);
	if (r < 0)
		tree_done(t);
	return r;
}

void tree_done(struct tree *t)
{
	close_fd(&t->state);
	close_fd(&t->layers);
	close_fd(&t->views);
	close_fd(&t->staging);
	close_fd(&t->trash);
}
