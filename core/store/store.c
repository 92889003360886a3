/* SPDX-License-Identifier: Apache-2.0 */
#include "core/store/store.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/lock.h"
#include "base/path.h"
#include "core/store/schema.h"

#define DB_NAME "berth.db"

struct sub_dir {
	const char *name;
	mode_t mode;
};

/* 0711: a container in a user namespace of its own must be able to go through, not to look around
 */
static const struct sub_dir root_dirs[] = {
	{"content", 0700},
	{"content/partial", 0700},
	{"content/sha256", 0700},
	{"content/sha512", 0700},
	{"storage", 0711},
	{"network", 0700},
	{"isolation", 0700},
	{"registry", 0700},
	{"containers", 0711},
	{"volumes", 0711},
	{NULL, 0},
};
static const struct sub_dir run_dirs[] = {
	{"containers", 0711},
	{"locks", 0700},
	{NULL, 0},
};

static int denied(const char *path, struct berth_error *err)
{
	(void)berth_fail(err, BERTH_E_DENIED, "no permission for the state directory '%s'", path);
	berth_error_hint(err, geteuid() == 0 ? "look at its owner and mode"
					     : "run it as root, e.g. with sudo");
	return -BERTH_E_DENIED;
}

/** Make @path with what is missing on the way. The config is trusted: symlinks on the way are fine.
 */
static int make_path(const char *path, struct berth_error *err)
{
	cleanup_free char *part = strdup(path);

	if (!part)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	for (char *at = part + 1;; at++) {
		char kept = *at;

		if (kept != '/' && kept != '\0')
			continue;
		*at = '\0';
		if (mkdir(part, kept ? 0755 : 0711) < 0 && errno != EEXIST) {
			if (errno == EACCES || errno == EPERM)
				return denied(path, err);
			return berth_fail_errno(err, errno, "make directory '%s'", part);
		}
		*at = kept;
		if (!kept)
			return 0;
	}
}

/** Ours alone to write, or anybody could put images and databases there. */
static int check_owner(int fd, const char *path, struct berth_error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return berth_fail_errno(err, errno, "stat '%s'", path);
	if (st.st_uid != geteuid())
		return denied(path, err);
	if (!(st.st_mode & (S_IWGRP | S_IWOTH)))
		return 0;
	(void)berth_fail(err, BERTH_E_DENIED, "'%s' can be written by others (mode %04o)", path,
			 (unsigned int)st.st_mode & 07777);
	berth_error_hint(err, "chmod go-w '%s'", path);
	return -BERTH_E_DENIED;
}

static int make_subs(int fd, const struct sub_dir *dirs, struct berth_error *err)
{
	for (; dirs->name; dirs++) {
		int r = state_mkdirs(fd, dirs->name, dirs->mode, NULL, err);

		if (r < 0)
			return r;
	}
	return 0;
}

/** One open if it is there. The last of its directories is the sign that all of them were made. */
static int open_top(const char *path, const struct sub_dir *dirs, const char *last, int *ret_fd,
		    struct berth_error *err)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (fd < 0 && errno == ENOENT) {
		r = make_path(path, err);
		if (r < 0)
			return r;
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd < 0)
		return errno == EACCES ? denied(path, err)
				       : berth_fail_errno(err, errno, "open directory '%s'", path);
	r = check_owner(fd, path, err);
	if (r == 0 && faccessat(fd, last, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		r = make_subs(fd, dirs, err);
	if (r < 0)
		return r;
	*ret_fd = steal_fd(&fd);
	return 0;
}

int store_open(const struct config *config, struct store **ret, struct berth_error *err)
{
	cleanup_store struct store *store = calloc(1, sizeof(*store));
	int r;

	if (!store)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	store->config = config;
	store->rootfd = -1;
	store->runfd = -1;
	r = open_top(config->root, root_dirs, "volumes", &store->rootfd, err);
	if (r == 0)
		r = open_top(config->run, run_dirs, "locks", &store->runfd, err);
	if (r == 0)
		r = db_open(store->rootfd, DB_NAME, &store->db, err);
	if (r == 0)
		r = schema_ensure(store->db, err);
	if (r < 0)
		return r;
	*ret = steal_ptr(store);
	return 0;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	db_close(store->db);
	close_fd(&store->rootfd);
	close_fd(&store->runfd);
	free(store);
}

static int lock_object(struct store *store, const char *kind, const char *name, unsigned int flags,
		       int *ret_fd, struct berth_error *err)
{
	cleanup_free char *file = str_fmt("%s.%s", kind, name);
	cleanup_fd int dir = -1;
	int r;

	if (!file)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = state_open(store->runfd, "locks", O_RDONLY | O_DIRECTORY, 0, &dir, err);
	if (r == 0)
		r = lock_take(dir, file, flags, ret_fd, err);
	return r;
}

int store_lock(struct store *store, const char *kind, const char *name, bool try, int *ret_fd,
	       struct berth_error *err)
{
	return lock_object(store, kind, name, try ? LOCK_TRY : 0, ret_fd, err);
}

int store_lock_shared(struct store *store, const char *kind, const char *name, int *ret_fd,
		      struct berth_error *err)
{
	return lock_object(store, kind, name, LOCK_SHARED, ret_fd, err);
}

void store_lock_drop(struct store *store, const char *kind, const char *name, int *lock_fd)
{
	cleanup_free char *file = str_fmt("locks/%s.%s", kind, name);

	if (*lock_fd >= 0 && file)
		(void)unlinkat(store->runfd, file, 0); /* an empty file more is no harm */
	close_fd(lock_fd);
}

void store_tidy(struct store *store)
{
	(void)db_tidy(store->db, false, NULL); /* the next one does it */
}
