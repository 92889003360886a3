/* SPDX-License-Identifier: Apache-2.0 */
#include "base/entry_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "base/xattrs.h"

enum { LINK_TEXT_MAX = 4096 }; /* of a symlink: the kernel's limit */

static int fail_copy(struct berth_error *err, const char *what, const char *name)
{
	return berth_fail_errno(err, errno, "%s '%s'", what, name);
}

/*
 * All but the bytes, in the order in which nothing undoes what was done before: a new owner takes
 * capabilities and setuid bits away, an access list changes the mode, everything changes times.
 */
int entry_copy_meta(int from, int to, const struct stat *st, const char *path,
		    struct berth_error *err)
{
	const struct timespec times[2] = {st->st_atim, st->st_mtim};
	int r;

	if (fchown(to, st->st_uid, st->st_gid) < 0)
		return fail_copy(err, "set the owner of", path);
	r = xattrs_copy(from, to, path, err);
	if (r < 0)
		return r;
	if (fchmod(to, st->st_mode & 07777) < 0)
		return fail_copy(err, "set the mode of", path);
	if (futimens(to, times) < 0)
		return fail_copy(err, "set the times of", path);
	return 0;
}

static int copy_regular(const struct entry_copy *e, struct berth_error *err)
{
	cleanup_fd int from =
		openat(e->from, e->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	cleanup_fd int to = -1;
	struct stat st;
	int r;

	if (from < 0 || fstat(from, &st) < 0)
		return fail_copy(err, "open", e->path);
	if (!S_ISREG(st.st_mode))
		return berth_fail(err, BERTH_E_IO, "'%s' changed while it was copied", e->path);
	to = openat(e->to, e->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0)
		return fail_copy(err, "make", e->path);
	r = file_copy(from, to, st.st_size, st.st_blocks, e->reflink, err);
	if (r < 0) {
		berth_error_prefix(err, "copy '%s'", e->path);
		return r;
	}
	return entry_copy_meta(from, to, &st, e->path, err);
}

static int copy_symlink(const struct entry_copy *e, struct berth_error *err)
{
	cleanup_str struct str text = STR_INIT;
	char *room = str_room(&text, LINK_TEXT_MAX);
	ssize_t n;

	if (!room)
		return str_check(&text, err);
	n = readlinkat(e->from, e->name, room, LINK_TEXT_MAX);
	if (n < 0)
		return fail_copy(err, "read link", e->path);
	str_grew(&text, (size_t)n);
	if (symlinkat(str_text(&text), e->to, e->name) < 0)
		return fail_copy(err, "make link", e->path);
	return 0;
}

/* Neither a file nor a directory: link, device, fifo, socket. */
static int copy_special(const struct entry_copy *e, struct berth_error *err)
{
	const struct timespec times[2] = {e->st->st_atim, e->st->st_mtim};
	bool link = S_ISLNK(e->st->st_mode);
	int r = 0;

	if (link)
		r = copy_symlink(e, err);
	else if (mknodat(e->to, e->name, e->st->st_mode, e->st->st_rdev) < 0)
		r = fail_copy(err, "make", e->path);
	if (r < 0)
		return r;
	if (fchownat(e->to, e->name, e->st->st_uid, e->st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_copy(err, "set the owner of", e->path);
	/* a link has no mode of its own; nobody else can put one here, it is our staging */
	if (!link && fchmodat(e->to, e->name, e->st->st_mode & 07777, 0) < 0)
		return fail_copy(err, "set the mode of", e->path);
	r = xattrs_copy_at(e->from, e->name, e->to, e->name, err);
	if (r == 0 && utimensat(e->to, e->name, times, AT_SYMLINK_NOFOLLOW) < 0)
		r = fail_copy(err, "set the times of", e->path);
	return r;
}

int entry_copy(const struct entry_copy *e, struct berth_error *err)
{
	return S_ISREG(e->st->st_mode) ? copy_regular(e, err) : copy_special(e, err);
}
