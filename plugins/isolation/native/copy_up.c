/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tmpcopyup: a tmpfs that begins with what it covers. Runs in the child, on hostile content:
 * entries are opened without following links, sizes end where the tmpfs is full, depth is limited.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mounts.h"

enum { DEPTH_MAX = 64, ENTRIES_BYTES = 4096 };

struct entry {
	uint64_t ino;
	int64_t off;
	unsigned short reclen;
	unsigned char type;
	char name[];
};

struct copy {
	const struct inside *in;
	const char *name; /* of the mount, for messages */
};

static void fail(const struct copy *c, const char *entry)
{
	inside_die(c->in, 0, errno, "copy '%s' up into '/%s'", entry, c->name);
}

static void copy_owner(const struct copy *c, int to, const char *name, const struct stat *st)
{
	struct timespec times[2] = {st->st_atim, st->st_mtim};

	if (fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		fail(c, name);
	if (!S_ISLNK(st->st_mode) && fchmodat(to, name, st->st_mode & 07777, 0) < 0)
		fail(c, name);
	(void)utimensat(to, name, times, AT_SYMLINK_NOFOLLOW); /* nice to have */
}

static void copy_file(const struct copy *c, int from, int to, const char *name)
{
	int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	int out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	ssize_t n;

	if (in < 0 || out < 0)
		fail(c, name);
	do
		n = sendfile(out, in, NULL, 1 << 20);
	while (n > 0 || (n < 0 && errno == EINTR));
	if (n < 0)
		fail(c, name);
	(void)close(in);
	(void)close(out);
}

static void copy_link(const struct copy *c, int from, int to, const char *name)
{
	char *text = c->in->scratch[0];
	ssize_t n = text ? readlinkat(from, name, text, INSIDE_PATH_MAX - 1) : -1;

	if (n < 0)
		fail(c, name);
	text[n] = '\0';
	if (symlinkat(text, to, name) < 0)
		fail(c, name);
}

static void copy_dir(const struct copy *c, int from, int to, int depth);

static void copy_subdir(const struct copy *c, int from, int to, const char *name, int depth)
{
	int in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int out;

	if (in < 0 || mkdirat(to, name, 0700) < 0)
		fail(c, name);
	out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (out < 0)
		fail(c, name);
	copy_dir(c, in, out, depth + 1);
	(void)close(in);
	(void)close(out);
}

static void copy_entry(const struct copy *c, int from, int to, const char *name, int depth)
{
	struct stat st;

	if (name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2])))
		return;
	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		fail(c, name);
	if (S_ISREG(st.st_mode))
		copy_file(c, from, to, name);
	else if (S_ISDIR(st.st_mode))
		copy_subdir(c, from, to, name, depth);
	else if (S_ISLNK(st.st_mode))
		copy_link(c, from, to, name);
	else if (S_ISFIFO(st.st_mode) && mknodat(to, name, S_IFIFO | 0600, 0) < 0)
		fail(c, name);
	else if (!S_ISFIFO(st.st_mode))
		return; /* devices and sockets stay where they are */
	copy_owner(c, to, name, &st);
}

static void copy_dir(const struct copy *c, int from, int to, int depth)
{
	_Alignas(8) char bytes[ENTRIES_BYTES];
	long n;

	if (depth > DEPTH_MAX)
		inside_die(c->in, BERTH_E_LIMIT, 0,
			   "copy up into '/%s': deeper than %d directories", c->name, DEPTH_MAX);
	while ((n = syscall(SYS_getdents64, from, bytes, sizeof(bytes))) > 0) {
		for (long at = 0; at < n;) {
			struct entry *e = (struct entry *)(void *)(bytes + at);

			copy_entry(c, from, to, e->name, depth);
			at += e->reclen;
		}
	}
	if (n < 0)
		fail(c, ".");
}

void copy_up(const struct inside *in, int from, int to, const char *name)
{
	struct copy c = {in, name};
	int source = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int target = openat(to, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (source < 0 || target < 0 || fstat(source, &st) < 0)
		inside_die(in, 0, errno, "open '/%s' to copy it up", name);
	copy_dir(&c, source, target, 0);
	copy_owner(&c, target, ".", &st);
	(void)close(source);
	(void)close(target);
}
