/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unpack: makes a layer's tar a directory tree. The tar is hostile; the tree is ours alone until it
 * is done.
 *
 * Names: a leading "/" and "./" mean nothing, ".." is taken away in words; one that leaves the top
 * is refused. Parents are opened inside the tree (root_open), so symlinks of the layer work and
 * cannot lead out; the last component is never followed. A layer that is unpacked alone
 * (UNPACK_WHITEOUT_KEEP) does not see symlinks of layers below: "dir/file" makes a directory "dir",
 * which then hides a symlink "dir" below, as it does with docker's overlay driver.
 *
 * Whiteouts (OCI image-spec, layer.md) say what layers below lose, never what this layer has, in
 * whatever order they come. Kept: ".wh.x" is a character device 0/0, ".wh..wh..opq" an xattr of its
 * directory, and a directory which the same layer removes and makes is opaque. (".wh..wh..opq" of
 * the top has no such form: layers below stay visible.) Applied: the tree begins as a copy of the
 * parent, and what they name goes.
 *
 * The full rules with reasons: docs/formats/layers.md.
 */
#ifndef CORE_IMAGE_UNPACK_H
#define CORE_IMAGE_UNPACK_H

#include "core/driver/drivers.h"
#include "core/image/work/tar.h"

enum unpack_flags {
	UNPACK_WHITEOUT_KEEP = 1u << 0, /* the tree begins empty, whiteouts are kept */
	UNPACK_USERXATTR = 1u << 1,	/* … with user.overlay.opaque instead of trusted */
	/* owners, devices, and xattrs that we may not set are left out; all stays readable for us
	 */
	UNPACK_ONE_OWNER = 1u << 2,
	/*
	 * Into a tree that somebody may be using, even now (cp): whiteouts are names like others, a
	 * directory is not replaced by something else nor the other way round (INVALID), and one
	 * that is there keeps its xattrs.
	 */
	UNPACK_INTO = 1u << 3,
};

struct unpack_owner {
	uid_t uid;
	gid_t gid;
};

struct unpack_how {
	uint32_t flags;
	uint64_t max_entries;
	uint64_t max_bytes; /* of one file; the stream is limited where it is made */
	const struct unpack_owner *owner; /* of everything; NULL: as the tar says */
};

struct unpack_result {
	uint64_t entries;
	uint64_t bytes; /* sum of the sizes of files */
	uint64_t
		skipped_xattrs; /* that the filesystem cannot hold and that do no harm by missing */
};

/**
 * Unpack all entries of @tar below @rootfd. The caller drains the rest of the stream. CORRUPT,
 * LIMIT and UNSUPPORTED name the entry; FULL: no space or inodes. What was made until then stays.
 * Takes the file-system context of this thread for its own (unshare(CLONE_FS)): no effect on
 * others.
 */
int unpack_tree(struct tar *tar, int rootfd, const struct unpack_how *how, struct berth_op *op,
		struct unpack_result *ret, struct berth_error *err);

#endif
