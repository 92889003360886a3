/* SPDX-License-Identifier: Apache-2.0 */
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/lock.h"
#include "base/path.h"
#include "base/str.h"
#include "base/walk.h"

enum { NAME_TRIES = 100 };

/* Links of something that nobody can see any more must not keep a layer busy. */
static void drop_links(int dirfd, const char *file)
{
	static const char *const links[] = {"layer", "parent"};
	char path[2 * TREE_STAGED_MAX];

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", file, links[i]);
		(void)unlinkat(dirfd, path, 0); /* if it stays, tree_release tries again */
	}
}

int tree_trash(const struct tree *t, int dirfd, const char *file, struct berth_error *err)
{
	static atomic_uint count;

	for (int i = 0; i < NAME_TRIES; i++) {
		char name[TREE_STAGED_MAX];

		(void)snprintf(name, sizeof(name), "%d.%u.%lld", (int)getpid(),
			       atomic_fetch_add(&count, 1), (long long)clock_now_ns());
		if (renameat2(dirfd, file, t->trash, name, RENAME_NOREPLACE) == 0) {
			drop_links(t->trash, name);
			return 0;
		}
		if (errno == ENOENT)
			return 0;
		if (errno != EEXIST)
			break;
	}
	return berth_fail_errno(err, errno, "move '%s' to the trash", file);
}

/* If nobody holds the lock of staged thing @name, it goes to the trash. */
static int bury(const struct tree *t, const char *name, struct berth_error *err)
{
	cleanup_fd int lock = -1;
	cleanup_str struct str lock_name = STR_INIT;
	struct berth_error why;
	int r;

	str_addf(&lock_name, "%s~lock", name);
	r = str_check(&lock_name, err);
	if (r < 0)
		return r;
	r = lock_take(t->staging, str_text(&lock_name), LOCK_TRY, &lock, &why);
	if (r == -BERTH_E_BUSY)
		return 0;
	if (r < 0 && err)
		*err = why;
	if (r == 0)
		r = tree_trash(t, t->staging, name, err);
	if (r == 0)
		(void)unlinkat(t->staging, str_text(&lock_name), 0); /* empty; may stay */
	return r;
}

static int bury_all(const struct tree *t, struct berth_error *err)
{
	cleanup_names struct tree_names names = {0};
	int r = tree_list(t->state, "staging", &names, err);

	for (const char *at = NULL; r == 0 && (at = tree_names_next(&names, at));) {
		cleanup_free char *name = NULL;

		if (str_has_prefix(at, "quick~")) { /* their makers hold the shared lock */
			r = tree_trash(t, t->staging, at, err);
			continue;
		}
		name = str_has_suffix(at, "~lock") ? strndup(at, strlen(at) - strlen("~lock"))
						   : strdup(at);
		if (!name)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		r = bury(t, name, err);
	}
	return r;
}

int tree_release(const struct tree *t, struct berth_error *err)
{
	cleanup_names struct tree_names names = {0};
	int r = bury_all(t, err);

	if (r == 0)
		r = tree_list(t->state, "trash", &names, err);
	for (const char *at = NULL; r == 0 && (at = tree_names_next(&names, at));)
		drop_links(t->trash, at);
	return r;
}

static int erase_one(void *arg, const struct walk_entry *e, struct berth_error *err)
{
	uint64_t *bytes = arg;
	int flags = e->event == WALK_LEAVE ? AT_REMOVEDIR : 0;

	if (e->event == WALK_ENTER || e->dirfd < 0)
		return 0;
	if (unlinkat(e->dirfd, e->name, flags) < 0 && errno != ENOENT)
		return berth_fail_errno(err, errno, "remove '%s'", e->name);
	if (e->st && e->st->st_nlink == 1)
		*bytes += (uint64_t)e->st->st_blocks * 512;
	return 0;
}

int tree_erase(const struct tree *t, int dirfd, const char *name, struct berth_op *op,
	       uint64_t *ret_bytes, struct berth_error *err)
{
	cleanup_fd int fd = -1;
	uint64_t bytes = 0;
	struct tree_going going = {t, op};
	struct walk_how how = {
		.flags = WALK_STAT,
		.fn = erase_one,
		.arg = &bytes,
		.go_on = tree_go_on,
		.going = &going,
	};
	int r = t->kind->erase ? t->kind->erase(t, dirfd, name, err) : 0;

	if (r < 0)
		return r;
	r = state_open(dirfd, name, O_RDONLY | O_DIRECTORY, 0, &fd, NULL);
	if (r == -BERTH_E_NOT_FOUND)
		return 0;
	if (r == 0)
		r = walk_tree(fd, &how, NULL);
	*ret_bytes += bytes;
	if (r == -BERTH_E_CANCELLED)
		return berth_fail(err, BERTH_E_CANCELLED, "cancelled");
	/* what is left: the top, and whatever resisted, which this knows how to handle */
	return remove_tree(dirfd, name, err);
}

/* One that resists must not keep the room of all others: the first failure is told at the end. */
static int erase_all(const struct tree *t, const struct tree_names *names, struct berth_op *op,
		     uint64_t *bytes, struct berth_error *err)
{
	int failed = 0;

	for (const char *at = NULL; (at = tree_names_next(names, at));) {
		int r = tree_cancelled(t, op, failed ? NULL : err);

		if (r == 0)
			r = tree_erase(t, t->trash, at, op, bytes, failed ? NULL : err);
		if (r < 0 && !failed)
			failed = r;
		if (r == -BERTH_E_CANCELLED)
			break;
	}
	return failed;
}

int tree_reclaim(const struct tree *t, struct berth_op *op, uint64_t *ret_bytes,
		 struct berth_error *err)
{
	cleanup_names struct tree_names names = {0};
	cleanup_fd int lock = -1;
	uint64_t bytes = 0;
	int r = tree_lock(t, false, &lock, err);

	if (r == 0)
		r = tree_release(t, err);
	close_fd(&lock);
	if (r == 0)
		r = tree_list(t->state, "trash", &names, err);
	if (r == 0)
		r = erase_all(t, &names, op, &bytes, err);
	if (r < 0)
		return r;
	*ret_bytes = bytes;
	return 0;
}
