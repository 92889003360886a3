/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the state is: in the directory that the engine gives, or, with the option dir, in DIR/berth
 * on another filesystem. Then a file in each of the two, `elsewhere` here and `owner` there, holds
 * the same random line: so a filesystem that is not mounted, or one of another root, is noticed
 * rather than taken for an empty state.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/random.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"
#include "btrfs.h"

static const char DIRECTORY[] = "berth";
static const char HERE[] = "elsewhere";
static const char THERE[] = "owner";

enum {
	TOKEN_BYTES = 16,
	TOKEN_MAX = 2 * TOKEN_BYTES + 2, /* with newline and NUL */
};

int place_check(int fd, struct berth_error *err)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return berth_fail_errno(err, errno, "look which filesystem the state is on");
	if (fs.f_type == BTRFS_SUPER_MAGIC)
		return 0;
	(void)berth_fail(err, BERTH_E_UNSUPPORTED, "the state directory is not on btrfs");
	berth_error_hint(err, "put berth's root directory on btrfs, or give the storage driver "
			      "btrfs the option dir=DIR with a directory on one");
	return -BERTH_E_UNSUPPORTED;
}

/* The line in file @name, "" if there is no such file. */
static int read_token(int dirfd, const char *name, char out[static TOKEN_MAX],
		      struct berth_error *err)
{
	cleanup_free char *text = NULL;
	struct berth_error why;
	size_t n;
	int r = state_read(dirfd, name, TOKEN_MAX, &text, &n, &why);

	out[0] = '\0';
	if (r == -BERTH_E_NOT_FOUND)
		return 0;
	if (r < 0) {
		if (err)
			*err = why;
		return r;
	}
	if (n < 2 || n >= TOKEN_MAX || text[n - 1] != '\n')
		return berth_fail(err, BERTH_E_CORRUPT, "the file '%s' is damaged", name);
	memcpy(out, text, n + 1);
	return 0;
}

static int make_token(char out[static TOKEN_MAX], struct berth_error *err)
{
	unsigned char bytes[TOKEN_BYTES];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return berth_fail_errno(err, errno, "make a random number");
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)snprintf(out + 2 * i, 3, "%02x", bytes[i]);
	memcpy(out + 2 * sizeof(bytes), "\n", 2);
	return 0;
}

static int fail_strange(const char *path, bool known, struct berth_error *err)
{
	if (known) {
		(void)berth_fail(err, BERTH_E_CORRUPT,
				 "'%s' is not the directory that this root used so far", path);
		berth_error_hint(err, "mount the filesystem that was there; if all on it is given "
				      "up, remove the file storage/btrfs/elsewhere in the root");
	} else {
		(void)berth_fail(err, BERTH_E_CORRUPT, "'%s/%s' is in use by another root", path,
				 DIRECTORY);
		berth_error_hint(err, "give each root a directory of its own");
	}
	return -BERTH_E_CORRUPT;
}

/* That @thatfd belongs to the root of @statefd; if neither knows another, from now on. */
static int pair(int statefd, int thatfd, const char *path, struct berth_error *err)
{
	char here[TOKEN_MAX];
	char there[TOKEN_MAX];
	int r = read_token(statefd, HERE, here, err);

	if (r == 0)
		r = read_token(thatfd, THERE, there, err);
	if (r < 0)
		return r;
	if (here[0] || there[0]) {
		if (!here[0] || !there[0] || strcmp(here, there) != 0)
			return fail_strange(path, here[0], err);
		return 0;
	}
	r = make_token(here, err);
	if (r == 0)
		r = state_replace(statefd, HERE, 0600, here, strlen(here), STATE_FSYNC, err);
	if (r == 0)
		r = state_replace(thatfd, THERE, 0600, here, strlen(here), STATE_FSYNC | STATE_EXCL,
				  err);
	return r;
}

int place_open(const struct berth_host *host, const struct berth_conf *conf, int state_fd,
	       int *ret_fd, struct berth_error *err)
{
	const char *path = conf ? host->conf_str(conf, "dir") : NULL;
	cleanup_fd int top = -1;
	cleanup_fd int fd = -1;
	int r;

	if (!path) {
		r = tree_there(state_fd, HERE, err);
		if (r > 0)
			return berth_fail(err, BERTH_E_INVALID,
					  "the state is elsewhere: the option dir must say where");
		if (r == 0)
			r = state_open(state_fd, ".", O_RDONLY | O_DIRECTORY, 0, &fd, err);
		if (r == 0)
			r = place_check(fd, err);
	} else {
		top = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (top < 0)
			return berth_fail_errno(err, errno, "open '%s' (option dir)", path);
		r = place_check(top, err);
		if (r == 0)
			r = state_mkdirs(top, DIRECTORY, 0700, &fd, err);
		if (r == 0)
			r = pair(state_fd, fd, path, err);
	}
	if (r < 0)
		return r;
	*ret_fd = steal_fd(&fd);
	return 0;
}
