/* SPDX-License-Identifier: Apache-2.0 */
#include "archive.h"

#include <fcntl.h>

#include "base/str.h"
#include "writer.h"

static void session_free(struct session *s)
{
	writer_free(s->writer);
	if (s->catalog && --s->catalog->refs == 0)
		catalog_free(s->catalog);
	tar_index_free(s->place.tar);
	close_fd(&s->place.fd);
	free(s->place.label);
	free(s);
}

static void unref_locked(struct session *s)
{
	if (--s->refs == 0)
		session_free(s);
}

void session_put(struct session *s)
{
	struct berth_registry *reg = s->reg;

	pthread_mutex_lock(&reg->lock);
	unref_locked(s);
	pthread_mutex_unlock(&reg->lock);
}

static void forget_locked(struct session *s)
{
	for (struct session **at = &s->reg->sessions; *at; at = &(*at)->next) {
		if (*at == s) {
			*at = s->next;
			unref_locked(s);
			return;
		}
	}
}

void session_forget(struct session *s)
{
	struct berth_registry *reg = s->reg;

	pthread_mutex_lock(&reg->lock);
	forget_locked(s);
	pthread_mutex_unlock(&reg->lock);
}

void session_end_write(struct session *s)
{
	pthread_mutex_lock(&s->reg->lock);
	writer_free(s->writer);
	s->writer = NULL;
	pthread_mutex_unlock(&s->reg->lock);
}

struct catalog *session_catalog(struct session *s)
{
	struct catalog *catalog;

	pthread_mutex_lock(&s->reg->lock);
	catalog = s->catalog;
	catalog->refs++;
	pthread_mutex_unlock(&s->reg->lock);
	return catalog;
}

void session_catalog_put(struct session *s, struct catalog *catalog)
{
	bool last;

	pthread_mutex_lock(&s->reg->lock);
	last = --catalog->refs == 0;
	pthread_mutex_unlock(&s->reg->lock);
	if (last)
		catalog_free(catalog);
}

/* Is it the file that we know under this number, unchanged unless we write it? */
static bool is_same(const struct session *s, const struct stat *st)
{
	if (s->st.st_dev != st->st_dev || s->st.st_ino != st->st_ino)
		return false;
	return s->writer || S_ISDIR(st->st_mode) ||
	       (s->st.st_size == st->st_size && s->st.st_mtim.tv_sec == st->st_mtim.tv_sec &&
		s->st.st_mtim.tv_nsec == st->st_mtim.tv_nsec);
}

static struct session *find_locked(struct berth_registry *reg, int fd, const struct stat *st)
{
	for (struct session *s = reg->sessions; s; s = s->next) {
		if (s->where_fd != fd)
			continue;
		if (is_same(s, st))
			return s;
		forget_locked(s); /* the host went on without finish */
		return NULL;
	}
	return NULL;
}

/* A directory gets a description of its own, since a lock belongs to that. */
static int duplicate(int fd, const struct stat *st, int *ret, struct berth_error *err)
{
	if (S_ISDIR(st->st_mode))
		*ret = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	else
		*ret = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return *ret < 0 ? berth_fail_errno(err, errno, "open the archive") : 0;
}

static int begin_locked(struct berth_registry *reg, const struct berth_where *where,
			const struct stat *st, struct session **ret, struct berth_error *err)
{
	struct session *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	s->reg = reg;
	s->refs = 1;
	s->where_fd = where->fd;
	s->st = *st;
	s->place.fd = -1;
	s->place.label = where->base ? str_fmt("'%s'", where->base) : strdup("the archive");
	r = s->place.label ? duplicate(where->fd, st, &s->place.fd, err)
			   : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	if (r < 0) {
		session_free(s);
		return r;
	}
	s->next = reg->sessions;
	reg->sessions = s;
	*ret = s;
	return 0;
}

/* Messages quote what hostile archives say; they stay one line all the same. */
static void keep_one_line(struct berth_error *err)
{
	for (char *c = err ? err->text : NULL; c && *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	}
}

static int load_locked(struct session *s, struct berth_op *op, struct berth_error *err)
{
	int r;

	if (!S_ISDIR(s->st.st_mode) && !S_ISREG(s->st.st_mode))
		return berth_fail(err, BERTH_E_UNSUPPORTED, "%s is neither a file nor a directory",
				  s->place.label);
	if (S_ISREG(s->st.st_mode) && !s->place.tar) {
		r = tar_index_new(s->place.fd, s->place.label, s->reg->host, op, &s->place.tar,
				  err);
		if (r < 0)
			return r;
	}
	r = s->reg->flavour->load(s, op, &s->catalog, err);
	if (r < 0) {
		keep_one_line(err);
		return r;
	}
	s->loaded = true;
	return 0;
}

/* Does the host mean to write? The first call on a tar decides. */
static bool means_write(const struct session *s, const struct berth_where *where)
{
	int mode = fcntl(where->fd, F_GETFL);

	if (s->writer || s->loaded)
		return s->writer;
	return (mode >= 0 && (mode & O_ACCMODE) == O_WRONLY) ||
	       (where->flags & (BERTH_WHERE_PUSH | BERTH_WHERE_PULL)) == BERTH_WHERE_PUSH;
}

static int prepare_locked(struct session *s, const struct berth_where *where, uint32_t flags,
			  struct berth_op *op, struct berth_error *err)
{
	bool is_dir = S_ISDIR(s->st.st_mode);
	bool write = flags & SESSION_WRITE || (!(flags & SESSION_READ) && means_write(s, where));
	int r;

	if (is_dir && !s->reg->flavour->directories)
		return berth_fail(err, BERTH_E_UNSUPPORTED, "%s is a directory, wanted a tar file",
				  s->place.label);
	if (!is_dir && write && s->loaded)
		return berth_fail(err, BERTH_E_INVALID, "%s is being read and cannot be written",
				  s->place.label);
	if (!is_dir && !write && s->writer)
		return berth_fail(err, BERTH_E_INVALID, "%s is being written and cannot be read",
				  s->place.label);
	if (write && !s->writer) {
		r = writer_new(s, &s->writer, err);
		if (r < 0)
			return r;
	}
	if (!s->loaded && !write)
		return load_locked(s, op, err);
	return 0;
}

int session_get(struct berth_registry *reg, const struct berth_where *where, uint32_t flags,
		struct berth_op *op, struct session **ret, struct berth_error *err)
{
	struct session *s;
	struct stat st;
	int r = 0;

	if (where->fd < 0)
		return berth_fail(err, BERTH_E_INVALID, "an archive needs a file, none was given");
	if (fstat(where->fd, &st) < 0)
		return berth_fail_errno(err, errno, "stat the archive");
	pthread_mutex_lock(&reg->lock);
	s = find_locked(reg, where->fd, &st);
	if (!s)
		r = begin_locked(reg, where, &st, &s, err);
	if (r == 0)
		r = prepare_locked(s, where, flags, op, err);
	if (r == 0)
		s->refs++;
	else if (s && !s->loaded && !s->writer)
		forget_locked(s);
	pthread_mutex_unlock(&reg->lock);
	if (r < 0)
		return r;
	*ret = s;
	return 0;
}

struct session *session_find(struct berth_registry *reg, const struct berth_where *where)
{
	struct session *s;
	struct stat st;

	if (where->fd < 0 || fstat(where->fd, &st) < 0)
		return NULL;
	pthread_mutex_lock(&reg->lock);
	s = find_locked(reg, where->fd, &st);
	if (s)
		s->refs++;
	pthread_mutex_unlock(&reg->lock);
	return s;
}
