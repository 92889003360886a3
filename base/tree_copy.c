/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies a tree by two paths of open directories in parallel: no path is ever built, depth costs no
 * descriptors, and of hard links nothing is kept in memory: the first copy of such a file gets a
 * second name, its inode number, in a directory aside, where the others find it.
 *
 * Several threads share the work without talking: each walks the whole tree, which is cheap, and
 * copies the files whose inode numbers are its own. So all names of a file are one thread's. Who is
 * the last to leave a directory gives it its times, since nothing comes into it any more.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/entry_copy.h"
#include "base/path.h"
#include "base/tree_copy.h"

enum {
	LINK_NAME_MAX = 24,
	THREADS_MAX = 4,  /* more only wait for each other in the filesystem */
	CHUNK_SHIFT = 6,  /* files made together have neighbouring inode numbers */
	PARTS_FIRST = 64, /* a power of two, as every later one */
};

/* A directory that not all have left yet. */
struct part {
	ino_t ino; /* 0: free */
	unsigned left;
};

/* What the threads have in common. */
struct team {
	struct tree_copy_how *how;
	int from;
	int to;
	int links;
	unsigned n;
	atomic_bool stop; /* one failed, or was told to end */
	atomic_uint_least64_t files;
	pthread_mutex_t lock; /* for what follows */
	struct part *parts;
	size_t n_parts;
	size_t cap;
};

/* One of them. */
struct copy {
	struct team *team;
	unsigned number;
	struct dirstack to;
	enum file_copy_reflink reflink;
	pthread_t thread;
	int result;
	struct berth_error err;
};

/* --------------------------------------------------------------------------- who is last to leave */

static struct part *part_of(struct part *parts, size_t cap, ino_t ino)
{
	size_t at = (size_t)((uint64_t)ino * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (cap - 1);

	while (parts[at].ino != 0 && parts[at].ino != ino)
		at = (at + 1) & (cap - 1);
	return &parts[at];
}

/* Room for one more. Those that all have left are dropped. */
static int parts_grow(struct team *t, struct berth_error *err)
{
	size_t cap = t->cap ? 2 * t->cap : PARTS_FIRST;
	struct part *bigger = calloc(cap, sizeof(*bigger));

	if (!bigger)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	t->n_parts = 0;
	for (size_t i = 0; i < t->cap; i++) {
		if (t->parts[i].ino == 0 || t->parts[i].left == t->n)
			continue;
		*part_of(bigger, cap, t->parts[i].ino) = t->parts[i];
		t->n_parts++;
	}
	free(t->parts);
	t->parts = bigger;
	t->cap = cap;
	return 0;
}

/* 1 if all others have left directory @ino before, 0 if not. */
static int leave_last(struct team *t, ino_t ino, struct berth_error *err)
{
	struct part *part;
	int r = 0;

	if (t->n == 1)
		return 1;
	(void)pthread_mutex_lock(&t->lock);
	if (2 * t->n_parts >= t->cap)
		r = parts_grow(t, err);
	if (r == 0) {
		part = part_of(t->parts, t->cap, ino);
		if (part->ino == 0) {
			*part = (struct part){.ino = ino};
			t->n_parts++;
		}
		r = ++part->left == t->n;
	}
	(void)pthread_mutex_unlock(&t->lock);
	return r;
}

/* ---------------------------------------------------------------------------------------- copying */

static int fail_copy(struct berth_error *err, const char *what, const char *name)
{
	return berth_fail_errno(err, errno, "%s '%s'", what, name);
}

static int copy_other(struct copy *c, const struct walk_entry *e, struct berth_error *err)
{
	struct team *t = c->team;
	int todir = dirstack_fd(&c->to);
	bool linked = e->st->st_nlink > 1;
	char name[LINK_NAME_MAX];
	int r;

	if (((uint64_t)e->st->st_ino >> CHUNK_SHIFT) % t->n != c->number)
		return 0;
	(void)atomic_fetch_add_explicit(&t->files, 1, memory_order_relaxed);
	(void)snprintf(name, sizeof(name), "%" PRIu64, (uint64_t)e->st->st_ino);
	if (linked && linkat(t->links, name, todir, e->name, 0) == 0)
		return 0;
	if (linked && errno != ENOENT)
		return fail_copy(err, "link", e->path);
	r = entry_copy(&(struct entry_copy){.from = e->dirfd,
					    .to = todir,
					    .name = e->name,
					    .path = e->path,
					    .st = e->st,
					    .reflink = &c->reflink},
		       err);
	if (r == 0 && linked && linkat(todir, e->name, t->links, name, 0) < 0)
		r = fail_copy(err, "link", e->path);
	return r;
}

static int enter(struct copy *c, const struct walk_entry *e, struct berth_error *err)
{
	cleanup_fd int fd = -1;
	int r;

	if (e->dirfd < 0)
		return 0; /* the top is there */
	if (mkdirat(dirstack_fd(&c->to), e->name, 0700) < 0 && !(errno == EEXIST && c->team->n > 1))
		return fail_copy(err, "make directory", e->path);
	r = walk_open_dir(dirstack_fd(&c->to), e->name, O_RDONLY, &fd, err);
	return r < 0 ? r : dirstack_push(&c->to, &fd, NULL, err);
}

/* Only now, when nothing more comes into it, do its times stay. */
static int leave(struct copy *c, const struct walk_entry *e, struct berth_error *err)
{
	int to = dirstack_fd(&c->to);
	struct stat st;
	int r;

	if (fstat(e->fd, &st) < 0)
		return fail_copy(err, "stat", e->path);
	r = leave_last(c->team, st.st_ino, err);
	if (r > 0)
		r = entry_copy_meta(e->fd, to, &st, e->path, err);
	if (r == 0 && e->dirfd >= 0)
		r = dirstack_pop(&c->to, err);
	return r;
}

static int visit(void *arg, const struct walk_entry *e, struct berth_error *err)
{
	struct copy *c = arg;

	switch (e->event) {
	case WALK_ENTER:
		return enter(c, e, err);
	case WALK_LEAVE:
		return leave(c, e, err);
	case WALK_OTHER:
		return copy_other(c, e, err);
	}
	return 0;
}

/* Only the caller's own thread asks the caller. */
static int go_on(void *arg, struct berth_error *err)
{
	struct copy *c = arg;
	struct team *t = c->team;
	int r = 0;

	if (c->number == 0 && t->how->go_on)
		r = t->how->go_on(t->how->going, atomic_load(&t->files), err);
	if (r == 0 && atomic_load(&t->stop))
		r = berth_fail(err, BERTH_E_CANCELLED, "another thread failed");
	return r;
}

static int copy_share(struct copy *c, struct berth_error *err)
{
	struct walk_how how = {
		.flags = WALK_STAT,
		.fn = visit,
		.arg = c,
		.go_on = c->team->n > 1 || c->team->how->go_on ? go_on : NULL,
		.going = c,
	};
	cleanup_fd int to = openat(c->team->to, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (to < 0)
		r = berth_fail_errno(err, errno, "open the copy");
	else
		r = dirstack_push(&c->to, &to, NULL, err);
	if (r == 0)
		r = walk_tree(c->team->from, &how, err);
	dirstack_done(&c->to);
	if (r < 0)
		atomic_store(&c->team->stop, true);
	return r;
}

static void *run_share(void *arg)
{
	struct copy *c = arg;

	c->result = copy_share(c, &c->err);
	return NULL;
}

static unsigned processors(void)
{
	cpu_set_t set;
	int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

	return n > THREADS_MAX ? THREADS_MAX : (unsigned)n;
}

/*
 * The threads beside ours, which get no signals: those are for who knows what they mean. The shares
 * are divided before, so one that cannot be started fails the copy.
 */
static int start(struct copy *copies, unsigned n, unsigned *ret_started, struct berth_error *err)
{
	sigset_t all;
	sigset_t old;
	int failed = 0;

	*ret_started = 1;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	while (!failed && *ret_started < n) {
		struct copy *c = &copies[*ret_started];

		failed = pthread_create(&c->thread, NULL, run_share, c);
		*ret_started += !failed;
	}
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	return failed ? berth_fail_errno(err, failed, "start a thread") : 0;
}

/* What failed first among those that did not only follow. */
static int result_of(const struct copy *copies, unsigned n, int mine, struct berth_error *err)
{
	for (unsigned i = 1; i < n; i++) {
		if (copies[i].result < 0 && copies[i].result != -BERTH_E_CANCELLED) {
			if (err)
				*err = copies[i].err;
			return copies[i].result;
		}
	}
	return mine;
}

static int copy_all(struct team *t, struct berth_error *err)
{
	struct copy copies[THREADS_MAX];
	unsigned started;
	int r;

	for (unsigned i = 0; i < t->n; i++)
		copies[i] = (struct copy){
			.team = t,
			.number = i,
			.to = DIRSTACK_INIT,
			.reflink = t->how->reflink,
		};
	r = start(copies, t->n, &started, err);
	if (r == 0)
		r = copy_share(&copies[0], err);
	else
		atomic_store(&t->stop, true);
	for (unsigned i = 1; i < started; i++)
		(void)pthread_join(copies[i].thread, NULL);
	for (unsigned i = 0; i < started; i++)
		if (copies[i].reflink == FILE_COPY_REFLINK_NEVER)
			t->how->reflink = FILE_COPY_REFLINK_NEVER;
	free(t->parts);
	return r == 0 || r == -BERTH_E_CANCELLED ? result_of(copies, started, r, err) : r;
}

int tree_copy(int from, int to, struct tree_copy_how *how, struct berth_error *err)
{
	static const char links[] =
		".berth-links~"; /* no copy has this name: @to is empty, and ours */
	struct team t = {
		.how = how,
		.from = from,
		.to = to,
		.links = how->links,
		.n = how->threads ? processors() : 1,
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
	cleanup_fd int own = -1;
	int r;

	if (how->links >= 0)
		return copy_all(&t, err);
	r = state_mkdir(to, links, 0700, 0, err);
	if (r == 0)
		r = state_open(to, links, O_RDONLY | O_DIRECTORY, 0, &own, err);
	if (r < 0)
		return r;
	t.links = own;
	r = copy_all(&t, err);
	/* success of the removal matters: the name would show */
	{
		struct stat st;
		int gone = remove_tree(to, links, r == 0 ? err : NULL);
		/* and removing it has changed the times that were copied */
		if (gone == 0 && r == 0 && fstat(from, &st) == 0)
			(void)futimens(to, (struct timespec[2]){st.st_atim, st.st_mtim});
		return r < 0 ? r : gone;
	}
}
