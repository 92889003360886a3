/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unpack_parts: what the files of the unpacker share.
 */
#ifndef CORE_IMAGE_UNPACK_PARTS_H
#define CORE_IMAGE_UNPACK_PARTS_H

#include <sys/stat.h>

#include "base/str.h"
#include "core/image/work/unpack.h"

enum {
	DIRS_CACHED = 24,
	PATH_LIMIT = 4095, /* bytes that one system call takes */
	NAME_LIMIT = 255,
	SHOWN_MAX = 160,
};

/** An open directory of the tree; fd is O_PATH. */
struct unpack_dir {
	char *path;
	int fd;
	bool inherits; /* what is made in it takes a group or an ACL from it */
	bool noted;    /* it and what leads to it are in `made` */
	uint64_t used;
};

/** A set of inode numbers: what this layer made. */
struct inodes {
	uint64_t *slot; /* 0: free */
	size_t n, room;
};
int inodes_add(struct inodes *set, uint64_t ino, struct berth_error *err);
bool inodes_has(const struct inodes *set, uint64_t ino);

/** What a directory gets at the end, because making things in it would change or be changed by it.
 */
struct late_dir {
	char *path;
	struct timespec mtime;
	mode_t mode;
	bool set_mode;
	struct late_acl {
		char *name;
		void *value;
		size_t n;
	} acl[2];
};

struct unpack {
	struct tar *tar;
	const struct tar_entry *entry;
	struct tar_entry owned; /* it, with another owner */
	int rootfd;
	uint32_t flags;
	const struct unpack_how *how;
	struct berth_op *op;
	bool keep;	 /* UNPACK_WHITEOUT_KEEP */
	bool umask_zero; /* what is made has the very mode that is asked for */
	uid_t uid;	 /* ours: who what is made belongs to */
	gid_t gid;
	struct str path; /* of the entry, clean; "" is the top */
	struct str link; /* of a hard link */
	struct unpack_dir dir[DIRS_CACHED];
	uint64_t clock;
	bool stale;	    /* open directories may not be what their paths say any more */
	struct inodes made; /* if whiteouts are applied */
	struct late_dir *late;
	size_t n_late, room_late;
	bool replaced; /* something that this layer made is gone again */
	struct unpack_result res;
};

/* unpack_dirs.c */

/** @raw as a clean path in words. CORRUPT: it leaves the top; LIMIT: too long. */
int unpack_clean(const char *raw, struct str *out, struct berth_error *err);
/** A name that is fit for a message. */
const char *unpack_shown(const char *name, char out[static SHOWN_MAX]);
/**
 * Directory of @path and its last component *ret_leaf, which points into @path. @make: with what is
 * missing on the way; else NOT_FOUND. Borrowed; the next call leaves it valid, unless something was
 * cleared meanwhile.
 */
int unpack_parent(struct unpack *u, struct str *path, bool make, const struct unpack_dir **ret,
		  const char **ret_leaf, struct berth_error *err);
/** Directory @path itself. */
int unpack_dir(struct unpack *u, const char *path, bool make, const struct unpack_dir **ret,
	       struct berth_error *err);
/** Something was removed or became something else: open directories are opened anew from then on.
 */
void unpack_forget_dirs(struct unpack *u);
void unpack_close_dirs(struct unpack *u);
/** Remove whatever is at @leaf. */
int unpack_clear(struct unpack *u, int dirfd, const char *leaf, struct berth_error *err);

/* unpack_meta.c */

/** Owner, mode, xattrs and times of an open file that was made with mode & 0777. */
int meta_of_file(struct unpack *u, int fd, const struct unpack_dir *parent,
		 struct berth_error *err);
/** The same for a symlink, device or fifo. */
int meta_of_special(struct unpack *u, const struct unpack_dir *parent, const char *leaf,
		    struct berth_error *err);
/** The same for a directory, of which a part is done by meta_late. @fresh: this layer made it. */
int meta_of_dir(struct unpack *u, const struct unpack_dir *dir, bool fresh, bool inherits,
		struct berth_error *err);
int meta_late(struct unpack *u, struct berth_error *err);
int meta_opaque(struct unpack *u, int dirfd, struct berth_error *err);

/* unpack_whiteout.c */

/** Whether the entry is a whiteout or AUFS's own; then it was dealt with. */
int whiteout_entry(struct unpack *u, bool *ret_done, struct berth_error *err);
/** Note that this layer made, or has an entry for, what is at @leaf in @dirfd ("": itself). */
int whiteout_note(struct unpack *u, int dirfd, const char *leaf, struct berth_error *err);
bool whiteout_is(const struct stat *st);

/* acl.c */

enum { ACL_BYTES_MAX = 4 + 8 * 1024 };

/**
 * An ACL as text ("user::rw-,user:7:r--,group::r--,mask::r--,other::---") in the form of the xattr
 * system.posix_acl_*. Names of users cannot be resolved here: the number after the permissions
 * counts.
 */
int acl_from_text(const char *text, uint8_t out[static ACL_BYTES_MAX], size_t *ret_n,
		  struct berth_error *err);

#endif
