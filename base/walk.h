/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/walk.h - visit everything in a directory tree, however deep, with few descriptors.
 *
 * The tree may be hostile, and somebody may change it meanwhile: no symlink is followed, no mount
 * entered, what vanishes is passed over, and a directory that was moved is noticed rather than
 * climbed out of. Of each directory first all that is no directory is visited, then its
 * directories. It must not know what its visitors do.
 */
#ifndef BASE_WALK_H
#define BASE_WALK_H

#include <stddef.h>
#include <sys/stat.h>

#include "berth/driver.h"

enum walk_event {
	WALK_ENTER, /* a directory, before what is in it */
	WALK_LEAVE, /* the same directory, after; not if WALK_SKIP was said */
	WALK_OTHER, /* anything else */
};

enum walk_flags {
	WALK_STAT = 1u << 0, /* st for WALK_OTHER too */
};

/** Answer of a visitor to WALK_ENTER: do not go into it. */
enum { WALK_SKIP = 1 };

struct walk_entry {
	enum walk_event event;
	int dirfd;	  /* the directory that it is in; -1 for the top */
	int fd;		  /* a directory's own, else -1 */
	const char *name; /* "" for the top */
	const char *path; /* from the top, no slash in front; "" for the top */
	unsigned char type;
	const struct stat *st; /* WALK_ENTER always; WALK_OTHER with WALK_STAT; else NULL */
};

/** 0 to go on, WALK_SKIP, or a negative code with @err filled, which ends the walk. */
typedef int (*walk_fn)(void *arg, const struct walk_entry *e, struct berth_error *err);

/** Asked now and then: 0 to go on, a negative code with @err filled to end. */
typedef int (*walk_go_on_fn)(void *arg, struct berth_error *err);

struct walk_how {
	unsigned flags;
	walk_fn fn;
	void *arg;
	walk_go_on_fn go_on; /* NULL: never asked */
	void *going;
};

/** Visit @topfd (any kind of descriptor of a directory) and all below. */
int walk_tree(int topfd, const struct walk_how *how, struct berth_error *err);

/**
 * A path of open directories, the upper ones of which are closed when it gets long and opened again
 * by "..": walks use it, and visitors that go through a second tree in parallel.
 */
struct dirstack {
	struct dirstack_at *at;
	size_t n;
	size_t cap;
	size_t closed; /* how many from the top are not open */
};

struct dirstack_at {
	int fd;
	dev_t dev;
	ino_t ino;
};

/* clang-format off */
#define DIRSTACK_INIT {NULL, 0, 0, 0}
/* clang-format on */

/** Takes *@fd, also on failure. @ret_st may be NULL. */
int dirstack_push(struct dirstack *s, int *fd, struct stat *ret_st, struct berth_error *err);
/** The innermost one, or -1 if there is none. */
int dirstack_fd(const struct dirstack *s);
/** Close the innermost one. IO if the way back up is not where it was. */
int dirstack_pop(struct dirstack *s, struct berth_error *err);
void dirstack_done(struct dirstack *s);
#define cleanup_dirstack cleanup_with(dirstack_done)

/**
 * Open directory @name in @dirfd without following a link or entering a mount. @flags: O_RDONLY or
 * O_PATH. NOT_FOUND if there is none any more or it is no directory, BUSY for a mount.
 */
int walk_open_dir(int dirfd, const char *name, int flags, int *ret_fd, struct berth_error *err);

#endif
