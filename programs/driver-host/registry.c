/* SPDX-License-Identifier: Apache-2.0 */
#include "seat.h"

#include <stdlib.h>
#include <sys/stat.h>

/*
 * An archive is the same descriptor from the first call to finish, and a driver may know it again
 * by its number. Each call brings a copy; the first one's stays.
 */
enum { ARCHIVES_MAX = 64 };

struct archive {
	uint64_t number; /* the engine's */
	int fd;
};
static struct archive archives[ARCHIVES_MAX];
static size_t n_archives;
static pthread_mutex_t archives_lock = PTHREAD_MUTEX_INITIALIZER;

static bool is_same(int a, int b)
{
	struct stat sa, sb;

	return fstat(a, &sa) == 0 && fstat(b, &sb) == 0 && sa.st_dev == sb.st_dev &&
	       sa.st_ino == sb.st_ino;
}

/* Takes the descriptor of @where; what is there instead is ours for as long as the archive is. */
static void settle(struct berth_where *where, uint64_t number)
{
	struct archive *found = NULL;

	if (!where || where->fd < 0)
		return;
	(void)pthread_mutex_lock(&archives_lock);
	for (size_t i = 0; i < n_archives && !found; i++)
		if (archives[i].number == number)
			found = &archives[i];
	if (found && !is_same(found->fd, where->fd)) {
		close_fd(&found->fd); /* one that was never finished */
		found->fd = where->fd;
	} else if (found) {
		close_fd(&where->fd);
	} else if (n_archives < ARCHIVES_MAX) {
		found = &archives[n_archives++];
		*found = (struct archive){number, where->fd};
	}
	if (found)
		where->fd = found->fd;
	(void)pthread_mutex_unlock(&archives_lock);
}

/* Whose it is: seat.c closes what is left in the struct. */
static void unsettle(struct berth_where *where, uint64_t number, bool is_finished)
{
	if (!where || where->fd < 0)
		return;
	(void)pthread_mutex_lock(&archives_lock);
	for (size_t i = 0; i < n_archives; i++) {
		if (archives[i].number != number || archives[i].fd != where->fd)
			continue;
		if (is_finished)
			archives[i] = archives[--n_archives];
		else
			where->fd = -1;
		break;
	}
	(void)pthread_mutex_unlock(&archives_lock);
}

/* --- streams -----------------------------------------------------------------------------------
 */

/* What the engine holds: a stream and the operation that it was fetched in. */
struct stream {
	struct berth_stream *real;
	struct berth_op op;
};

static int fetch(struct call *c, struct berth_error *err)
{
	struct stream *s = calloc(1, sizeof(*s));
	union wire_arg *a = c->a;
	int r;

	if (!s)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	s->op = c->op;
	r = served.ops.registry.fetch(c->object, a[0].p, a[1].s, a[2].p, a[3].u, a[4].u,
				      a[5].op ? &s->op : NULL, &s->real, a[7].ret, err);
	if (r != 0) {
		free(s);
		return r;
	}
	c->keeps_op = true;
	a[6].u = (uintptr_t)s;
	return 0;
}

static int on_stream(struct call *c, struct berth_error *err)
{
	struct stream *s = c->object;

	if (c->number == REG_READ)
		return served.ops.registry.read(s->real, c->a[0].buf.p, c->a[0].buf.n,
						&c->a[0].buf.n, err);
	served.ops.registry.close_stream(s->real);
	close_fd(&s->op.fd);
	free(s);
	return 0;
}

static int on_upload(struct call *c, struct berth_error *err)
{
	const struct berth_registry_ops *ops = &served.ops.registry;
	struct berth_upload *up = c->object;
	union wire_arg *a = c->a;

	switch (c->number) {
	case REG_WRITE:
		return ops->write(up, a[0].b.p, a[0].b.n, a[1].op, err);
	case REG_UPLOAD_COMMIT:
		return ops->upload_commit(up, a[0].op, err);
	default:
		ops->upload_abort(up);
		return 0;
	}
}

/* --- calls with a place ------------------------------------------------------------------------
 */

static int has(struct call *c, struct berth_error *err)
{
	union wire_arg *a = c->a;
	bool is = false;
	int r = served.ops.registry.has(c->object, a[0].p, a[1].s, a[2].p, a[3].op, &is, err);

	a[4].u = is;
	return r;
}

static int upload_begin(struct call *c, struct berth_error *err)
{
	union wire_arg *a = c->a;
	struct berth_upload *up = NULL;
	int r = served.ops.registry.upload_begin(c->object, a[0].p, a[1].s, a[2].p, a[3].s, a[4].op,
						 &up, err);

	a[5].u = (uintptr_t)up;
	return r;
}

static int at_place(struct call *c, struct berth_error *err)
{
	const struct berth_registry_ops *ops = &served.ops.registry;
	struct berth_registry *reg = c->object;
	union wire_arg *a = c->a;

	switch (c->number) {
	case REG_RESOLVE:
		return ops->resolve(reg, a[0].p, a[1].s, a[2].s, a[3].op, a[4].fn.desc, NULL,
				    a[5].ret, err);
	case REG_FETCH:
		return fetch(c, err);
	case REG_HAS:
		return has(c, err);
	case REG_UPLOAD_BEGIN:
		return upload_begin(c, err);
	case REG_PUT_MANIFEST:
		return ops->put_manifest(reg, a[0].p, a[1].s, a[2].s, a[3].p, a[4].b, a[5].op, err);
	case REG_TAGS:
		return ops->tags(reg, a[0].p, a[1].s, a[2].fn.id, NULL, a[3].op, err);
	case REG_EACH:
		return ops->each(reg, a[0].p, a[1].op, a[2].fn.desc, NULL, err);
	case REG_REMOVE:
		return ops->remove(reg, a[0].p, a[1].s, a[2].s, a[3].op, err);
	case REG_REFERRERS:
		return ops->referrers(reg, a[0].p, a[1].s, a[2].s, a[3].s, a[4].op, a[5].fn.desc,
				      NULL, err);
	case REG_SEARCH:
		return ops->search(reg, a[0].p, a[1].s, (uint32_t)a[2].u, a[3].op, a[4].sink, err);
	default:
		return ops->finish(reg, a[0].p, a[1].u != 0, a[2].op, err);
	}
}

int registry_call(struct call *c, struct berth_error *err)
{
	struct berth_where *where;
	int r;

	if (c->number == REG_READ || c->number == REG_CLOSE_STREAM)
		return on_stream(c, err);
	if (c->number >= REG_WRITE && c->number <= REG_UPLOAD_ABORT)
		return on_upload(c, err);
	where = (struct berth_where *)(uintptr_t)c->a[0].p;
	settle(where, c->where);
	r = at_place(c, err);
	unsettle(where, c->where, c->number == REG_FINISH);
	return r;
}
