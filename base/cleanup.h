/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/cleanup.h - give things back at the end of a scope.
 *
 *	cleanup_free char *text = NULL;
 *	cleanup_fd int fd = -1;
 *	...
 *	*ret_text = steal_ptr(text);
 *	*ret_fd = steal_fd(&fd);
 *	return 0;
 *
 * Always initialise at the declaration: what is uninitialised is given back too. All cleanups keep
 * errno, so that `return berth_fail_errno(err, errno, ...)` may stand anywhere. Undoing things
 * outside of the process (mounts, cgroups, files) is not a cleanup: it can fail and must be told.
 * Never use any of these between clone and exec.
 */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define cleanup_with(fn) __attribute__((cleanup(fn)))

/**
 * DEFINE_CLEANUP(struct record *, record_free) defines record_free_at(struct record **), to be used
 * as
 * `#define cleanup_record cleanup_with(record_free_at)`. @fn is not called for NULL.
 */
#define DEFINE_CLEANUP(type, fn)                                                                   \
	static inline void fn##_at(type *at)                                                       \
	{                                                                                          \
		int kept_errno = errno;                                                            \
                                                                                                   \
		if (*at)                                                                           \
			fn(*at);                                                                   \
		errno = kept_errno;                                                                \
	}                                                                                          \
	struct cleanup_of_##fn##_ends_with_a_semicolon

static inline void cleanup_free_at(void *at)
{
	int kept_errno = errno;

	free(*(void **)at);
	errno = kept_errno;
}

static inline void cleanup_fd_at(const int *at)
{
	int kept_errno = errno;

	if (*at >= 0)
		(void)close(*at); /* what must be known to be on disk is fsynced before */
	errno = kept_errno;
}

DEFINE_CLEANUP(DIR *, closedir);
DEFINE_CLEANUP(FILE *, fclose);

/** free() of a pointer */
#define cleanup_free cleanup_with(cleanup_free_at)
/** close() of a descriptor; -1 is nothing */
#define cleanup_fd cleanup_with(cleanup_fd_at)
/** closedir() of a DIR * */
#define cleanup_dir cleanup_with(closedir_at)
/** fclose() of a FILE *; who writes calls fflush and looks at its result first */
#define cleanup_file cleanup_with(fclose_at)

/** The pointer in variable @p, which becomes NULL: the receiver owns it now. */
#define steal_ptr(p)                                                                               \
	__extension__({                                                                            \
		__typeof__(p) stolen_ = (p);                                                       \
		(p) = NULL;                                                                        \
		stolen_;                                                                           \
	})

/** The descriptor in *@fd, which becomes -1: the receiver owns it now. */
static inline int steal_fd(int *fd)
{
	int stolen = *fd;

	*fd = -1;
	return stolen;
}

/** Close *@fd now rather than at the end of the scope; it becomes -1. */
static inline void close_fd(int *fd)
{
	int now = steal_fd(fd);

	cleanup_fd_at(&now);
}

#endif
