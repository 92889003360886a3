/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/path.h - the only ways to open a file by a path, and what is built on them.
 *
 *  - root_...: inside the root filesystem of a container, which is hostile. Its symlinks work and
 *    cannot leave: "/etc" and "../../etc" mean etc below @rootfd. Needs no trust in anything there,
 *    also while a container changes it.
 *  - state_...: inside our own directories. No symlink anywhere, no way out by ".." or by a path
 *    from the root: each of these is an attack or a bug and is refused.
 *
 * Both need openat2 (Linux 5.6) and refuse to work without it (UNSUPPORTED), rather than to fall
 * back to something less safe. All descriptors are close-on-exec. Never rebuild a path from one
 * that was checked: keep the descriptor and use the ...at() calls with one component.
 */
#ifndef BASE_PATH_H
#define BASE_PATH_H

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "berth/driver.h"

/**
 * Open @path inside the tree whose root is @rootfd, as openat2 with RESOLVE_IN_ROOT and
 * RESOLVE_NO_MAGICLINKS. "" and "/" are the root itself. Foreign files may be fifos or devices: for
 * reading pass O_NONBLOCK | O_NOCTTY and look at fstat, or use root_open_regular.
 * NOT_FOUND; EXISTS with O_EXCL; INVALID if a component is no directory or links go in circles.
 */
int root_open(int rootfd, const char *path, int flags, mode_t mode, int *ret_fd,
	      struct berth_error *err);
/** Open a regular file for reading; anything else (fifo, device, directory) is INVALID, at once. */
int root_open_regular(int rootfd, const char *path, int *ret_fd, struct berth_error *err);
/** lstat or (with AT_SYMLINK_NOFOLLOW absent from @flags) stat of @path inside the tree. */
int root_stat(int rootfd, const char *path, int flags, struct stat *ret, struct berth_error *err);
/**
 * Make directory @path inside the tree, with all that is missing on the way, also where a symlink
 * points to nothing yet (/var/run -> /run). The new ones get exactly @mode, whatever the umask.
 * Success if it is there already. INVALID if something other than a directory is in the way.
 * @ret_fd may be NULL; else it gets the directory, opened O_PATH.
 */
int root_mkdirs(int rootfd, const char *path, mode_t mode, int *ret_fd, struct berth_error *err);

/**
 * Open @path below @dirfd, as openat2 with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS. "" and "." are
 * @dirfd itself. NOT_FOUND; EXISTS with O_EXCL; INVALID if @path leaves; CORRUPT for a symlink.
 */
int state_open(int dirfd, const char *path, int flags, mode_t mode, int *ret_fd,
	       struct berth_error *err);

enum state_flags {
	STATE_EXIST_OK = 1u << 0, /* state_mkdir: success if the directory is there already */
	STATE_FSYNC = 1u << 1,	  /* state_replace: on disk when it returns, through a power cut */
	STATE_EXCL = 1u << 2,	  /* state_replace: EXISTS if there is one already */
};

/** Make directory @name (one component) in @dirfd. EXISTS, unless STATE_EXIST_OK. */
int state_mkdir(int dirfd, const char *name, mode_t mode, unsigned flags, struct berth_error *err);
/** Make @path and what is missing on the way. @ret_fd may be NULL; else O_RDONLY | O_DIRECTORY. */
int state_mkdirs(int dirfd, const char *path, mode_t mode, int *ret_fd, struct berth_error *err);
/**
 * The whole of regular file @path below @dirfd. LIMIT if it is longer than @limit. *@ret_text is
 * NUL-terminated behind its @ret_len bytes; free() it. @ret_len may be NULL: then a NUL inside the
 * file is CORRUPT.
 */
int state_read(int dirfd, const char *path, size_t limit, char **ret_text, size_t *ret_len,
	       struct berth_error *err);
/**
 * Put a file @name (one component) with these bytes and exactly @mode into @dirfd: readers see the
 * old or the new, whole, whatever happens. A symlink of that name is replaced, not followed.
 * @flags: STATE_FSYNC, STATE_EXCL. Usable for foreign directories too. May leave "@name.XXXXXXXX~"
 * behind after a crash.
 */
int state_replace(int dirfd, const char *name, mode_t mode, const void *bytes, size_t n,
		  unsigned flags, struct berth_error *err);
/** Remove file @name (one component); absent is success. */
int state_unlink(int dirfd, const char *name, struct berth_error *err);

/**
 * Remove @name (one component) in @dirfd with all that is below, however deep; absent is success.
 * Never follows a symlink and never enters another mount: BUSY if there is one, the rest of the
 * tree may be gone then. Clears immutable and append-only flags, missing permissions of
 * directories, and the read-only flag of subvolumes (btrfs).
 */
int remove_tree(int dirfd, const char *name, struct berth_error *err);
/** All entries of the directory @dirfd, as remove_tree does; @dirfd itself stays. */
int remove_tree_content(int dirfd, struct berth_error *err);

/**
 * Read @fd to its end, at most @limit bytes, else LIMIT. NUL-terminated behind its @ret_len bytes;
 * free() it. Works for pipes, sockets and files in /proc.
 */
int read_fd_limited(int fd, size_t limit, char **ret_bytes, size_t *ret_len,
		    struct berth_error *err);
/** Write all of it, whatever is interrupted. Waits if @fd is non-blocking. */
int write_all(int fd, const void *bytes, size_t n, struct berth_error *err);

/*
 * Words about paths; nothing here looks at the filesystem, so nothing here makes a path safe.
 */

/** One component that names something: not empty, ".", "..", no '/', at most 255 bytes. */
bool path_is_name(const char *s);
/** Shortest equal path in words only: "a//b/./../c/" -> "a/c", "/.." -> "/", "" -> ".". free() it.
 */
char *path_clean(const char *path);
/** "@a/@b" with one slash between; @b alone if it is absolute or @a is empty. free() it. */
char *path_join(const char *a, const char *b);
/** What follows the last slash, within @path itself. */
const char *path_base(const char *path);
/** Where open @fd is, without symlinks; free() it. INVALID: nowhere (a pipe), or too deep to say. */
int path_of_fd(int fd, char **ret, struct berth_error *err);

#endif
