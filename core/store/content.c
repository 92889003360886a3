/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/lock.h"
#include "base/path.h"
#include "core/store/store.h"

enum {
	BLOB_PATH_MAX = 16 + DIGEST_TEXT_MAX,
	PARTIAL_MAX = DIGEST_TEXT_MAX + 8,
	TRIES_MAX = 100,
	/* so much may be written before the kernel is told to begin: the sync at the end is short
	   then */
	FLUSH_BYTES = 8 << 20,
};

struct content_writer {
	int rootfd; /* the store's, borrowed */
	int dirfd;  /* content/partial */
	int fd;	    /* holds the lock too */
	char name[PARTIAL_MAX];
	uint64_t written, flushed;
};

/** "content/sha256/<hex>" */
static const char *blob_path(const struct digest *digest, char out[static BLOB_PATH_MAX])
{
	char hex[DIGEST_HEX_MAX];

	(void)snprintf(out, BLOB_PATH_MAX, "content/%s/%s", digest_algo_name(digest),
		       digest_hex(digest, hex));
	return out;
}

static int absent(const struct digest *digest, struct berth_error *err)
{
	char text[DIGEST_TEXT_MAX];

	return berth_fail(err, BERTH_E_NOT_FOUND, "blob '%s' is not there",
			  digest_format(digest, text));
}

int content_stat(struct store *store, const struct digest *digest, uint64_t *ret_size,
		 struct berth_error *err)
{
	char path[BLOB_PATH_MAX];
	struct stat st;

	/* our own directories and a name of hex digits: nothing on the way can be a symlink of
	 * others */
	if (fstatat(store->rootfd, blob_path(digest, path), &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? absent(digest, err)
				       : berth_fail_errno(err, errno, "stat '%s'", path);
	if (!S_ISREG(st.st_mode))
		return berth_fail(err, BERTH_E_CORRUPT, "'%s' should be a regular file", path);
	if (ret_size)
		*ret_size = (uint64_t)st.st_size;
	return 0;
}

int content_open(struct store *store, const struct digest *digest, int *ret_fd,
		 struct berth_error *err)
{
	char path[BLOB_PATH_MAX];
	int r = state_open(store->rootfd, blob_path(digest, path), O_RDONLY | O_NOCTTY, 0, ret_fd,
			   err);

	return r == -BERTH_E_NOT_FOUND ? absent(digest, err) : r;
}

int content_read(struct store *store, const struct digest *digest, uint64_t limit, char **ret,
		 size_t *ret_len, struct berth_error *err)
{
	char text[DIGEST_TEXT_MAX];
	cleanup_fd int fd = -1;
	int r = content_open(store, digest, &fd, err);

	if (r < 0)
		return r;
	r = read_fd_limited(fd, limit, ret, ret_len, err);
	if (r < 0)
		berth_error_prefix(err, "read blob '%s'", digest_format(digest, text));
	return r;
}

int content_remove(struct store *store, const struct digest *digest, struct berth_error *err)
{
	char path[BLOB_PATH_MAX];

	if (unlinkat(store->rootfd, blob_path(digest, path), 0) < 0 && errno != ENOENT)
		return berth_fail_errno(err, errno, "remove '%s'", path);
	return 0;
}

static int partial_name(const struct digest *digest, char out[static PARTIAL_MAX],
			struct berth_error *err)
{
	char hex[DIGEST_HEX_MAX];
	uint64_t random;

	if (digest) {
		(void)snprintf(out, PARTIAL_MAX, "%s-%s", digest_algo_name(digest),
			       digest_hex(digest, hex));
		return 0;
	}
	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return berth_fail_errno(err, errno, "random bytes");
	(void)snprintf(out, PARTIAL_MAX, "new-%016llx", (unsigned long long)random);
	return 0;
}

/** Whether the file that we locked is still the one of that name: not renamed nor removed
 * meanwhile. */
static bool is_named(const struct content_writer *w, struct stat *ret)
{
	struct stat named;

	return fstat(w->fd, ret) == 0 &&
	       fstatat(w->dirfd, w->name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       named.st_ino == ret->st_ino && named.st_dev == ret->st_dev;
}

static int partial_lock(struct store *store, struct content_writer *w, const struct digest *digest,
			struct berth_error *err)
{
	struct stat st;

	for (int tries = 0; tries < TRIES_MAX; tries++) {
		int r = lock_take(w->dirfd, w->name, LOCK_TRY, &w->fd, err);

		if (r < 0)
			return r;
		if (is_named(w, &st)) {
			w->written = (uint64_t)st.st_size;
			return 0;
		}
		close_fd(&w->fd);
		if (digest && content_stat(store, digest, NULL, NULL) == 0)
			return berth_fail(err, BERTH_E_EXISTS, "the blob is there already");
	}
	return berth_fail(err, BERTH_E_BUSY, "'%s' is renamed again and again", w->name);
}

static void writer_free(struct content_writer *w)
{
	close_fd(&w->fd);
	close_fd(&w->dirfd);
	free(w);
}
DEFINE_CLEANUP(struct content_writer *, writer_free);

int content_begin(struct store *store, const struct digest *digest, struct content_writer **ret,
		  uint64_t *ret_have, struct berth_error *err)
{
	cleanup_with(writer_free_at) struct content_writer *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	w->rootfd = store->rootfd;
	w->dirfd = -1;
	w->fd = -1;
	if (digest && content_stat(store, digest, NULL, NULL) == 0)
		return berth_fail(err, BERTH_E_EXISTS, "the blob is there already");
	r = partial_name(digest, w->name, err);
	if (r == 0)
		r = state_open(store->rootfd, "content/partial", O_RDONLY | O_DIRECTORY, 0,
			       &w->dirfd, err);
	if (r == 0)
		r = partial_lock(store, w, digest, err);
	if (r < 0)
		return r;
	/* it may have become whole while we waited for the lock */
	if (digest && content_stat(store, digest, NULL, NULL) == 0) {
		(void)unlinkat(w->dirfd, w->name,
			       0); /* ours: we hold its lock; a leftover is swept */
		return berth_fail(err, BERTH_E_EXISTS, "the blob is there already");
	}
	if (lseek(w->fd, 0, SEEK_END) < 0)
		return berth_fail_errno(err, errno, "seek");
	w->flushed = w->written;
	*ret_have = w->written;
	*ret = steal_ptr(w);
	return 0;
}

int content_write(struct content_writer *w, const void *bytes, size_t n, struct berth_error *err)
{
	int r = write_all(w->fd, bytes, n, err);

	if (r < 0) {
		berth_error_prefix(err, "store a blob");
		return r;
	}
	w->written += n;
	if (w->written - w->flushed >= FLUSH_BYTES) {
		/* only earlier; whether all is on the disk is found out at commit */
		(void)sync_file_range(w->fd, (off64_t)w->flushed,
				      (off64_t)(w->written - w->flushed), SYNC_FILE_RANGE_WRITE);
		w->flushed = w->written;
	}
	return 0;
}

int content_writer_fd(const struct content_writer *w)
{
	return w->fd;
}

int content_restart(struct content_writer *w, struct berth_error *err)
{
	if (ftruncate(w->fd, 0) < 0 || lseek(w->fd, 0, SEEK_SET) < 0)
		return berth_fail_errno(err, errno, "begin a blob again");
	w->written = 0;
	w->flushed = 0;
	return 0;
}

int content_commit(struct content_writer *w, const struct digest *digest, struct berth_error *err)
{
	char path[BLOB_PATH_MAX];
	int r = 0;

	if (fdatasync(w->fd) < 0)
		r = berth_fail_errno(err, errno, "sync a blob");
	/* one that is there already has the same bytes */
	else if (renameat(w->dirfd, w->name, w->rootfd, blob_path(digest, path)) < 0)
		r = berth_fail_errno(err, errno, "rename a blob to '%s'", path);
	if (r < 0)
		content_abort(w, false);
	else
		writer_free(w);
	return r;
}

void content_abort(struct content_writer *w, bool keep)
{
	if (!w)
		return;
	if (!keep || w->written == 0)
		(void)unlinkat(w->dirfd, w->name, 0); /* what stays is swept later */
	writer_free(w);
}

int content_sync(struct store *store, struct berth_error *err)
{
	static const char *const dirs[] = {"content/sha256", "content/sha512"};

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		cleanup_fd int fd = -1;
		int r = state_open(store->rootfd, dirs[i], O_RDONLY | O_DIRECTORY, 0, &fd, err);

		if (r < 0)
			return r;
		if (fsync(fd) < 0)
			return berth_fail_errno(err, errno, "sync '%s'", dirs[i]);
	}
	return 0;
}

static int dir_open(struct store *store, const char *path, DIR **ret, struct berth_error *err)
{
	cleanup_fd int fd = -1;
	DIR *dir;
	int r = state_open(store->rootfd, path, O_RDONLY | O_DIRECTORY, 0, &fd, err);

	if (r < 0)
		return r;
	dir = fdopendir(fd);
	if (!dir)
		return berth_fail_errno(err, errno, "read directory '%s'", path);
	(void)steal_fd(&fd); /* closedir closes it */
	*ret = dir;
	return 0;
}

static int each_of(struct store *store, const char *algo, content_fn fn, void *arg,
		   struct berth_error *err)
{
	char path[32], text[DIGEST_TEXT_MAX + 256];
	cleanup_dir DIR *dir = NULL;
	struct dirent *e;
	int r;

	(void)snprintf(path, sizeof(path), "content/%s", algo);
	r = dir_open(store, path, &dir, err);
	if (r < 0)
		return r;
	for (errno = 0; (e = readdir(dir)); errno = 0) {
		struct digest digest;
		struct stat st;

		(void)snprintf(text, sizeof(text), "%s:%s", algo, e->d_name);
		if (digest_parse(text, &digest, NULL) < 0)
			continue; /* not ours, or "." */
		if (fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue; /* gone meanwhile */
		r = fn(arg, &digest, (uint64_t)st.st_size);
		if (r != 0)
			return r;
	}
	return errno ? berth_fail_errno(err, errno, "read directory '%s'", path) : 0;
}

int content_each(struct store *store, content_fn fn, void *arg, struct berth_error *err)
{
	int r = each_of(store, "sha256", fn, arg, err);

	return r == 0 ? each_of(store, "sha512", fn, arg, err) : r;
}

int content_sweep(struct store *store, bool all, size_t *ret_files, struct berth_error *err)
{
	cleanup_dir DIR *dir = NULL;
	struct dirent *e;
	size_t files = 0;
	int r = dir_open(store, "content/partial", &dir, err);

	if (r < 0)
		return r;
	while ((e = readdir(dir))) {
		cleanup_fd int lock = -1;

		if (e->d_name[0] == '.' || (!all && !str_has_prefix(e->d_name, "new-")))
			continue;
		/* a lock that we get belongs to nobody alive */
		if (lock_take(dirfd(dir), e->d_name, LOCK_TRY, &lock, NULL) < 0)
			continue;
		if (unlinkat(dirfd(dir), e->d_name, 0) == 0)
			files++;
	}
	if (ret_files)
		*ret_files = files;
	return 0;
}

int content_temp(struct store *store, int *ret_fd, struct berth_error *err)
{
	cleanup_fd int dir = -1;
	cleanup_fd int fd = -1;
	char name[PARTIAL_MAX];
	int r = state_open(store->rootfd, "content/partial", O_RDONLY | O_DIRECTORY, 0, &dir, err);

	if (r == 0)
		r = partial_name(NULL, name, err);
	if (r < 0)
		return r;
	fd = openat(dir, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	if (fd < 0) {
		/* not every filesystem has files without a name */
		fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd < 0 || unlinkat(dir, name, 0) < 0)
			return berth_fail_errno(err, errno, "make a temporary file");
	}
	*ret_fd = steal_fd(&fd);
	return 0;
}
