/* SPDX-License-Identifier: Apache-2.0 */
#include "base/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"

enum { TRIES_MAX = 1000 };

static int lock_file(int fd, const char *name, unsigned flags, struct berth_error *err)
{
	struct flock lock = {
		.l_type = flags & LOCK_SHARED ? F_RDLCK : F_WRLCK,
		.l_whence = SEEK_SET,
	};
	int r;

	do {
		r = fcntl(fd, flags & LOCK_TRY ? F_OFD_SETLK : F_OFD_SETLKW, &lock);
	} while (r < 0 && errno == EINTR);
	if (r < 0 && (errno == EAGAIN || errno == EACCES))
		return berth_fail(err, BERTH_E_BUSY, "lock '%s' is taken by another process", name);
	if (r < 0)
		return berth_fail_errno(err, errno, "take lock '%s'", name);
	return 0;
}

int lock_take(int dirfd, const char *name, unsigned flags, int *ret_fd, struct berth_error *err)
{
	if (!path_is_name(name))
		return berth_fail(err, BERTH_E_INVALID, "'%s' is not a name for a lock", name);
	for (int tries = 0; tries < TRIES_MAX; tries++) {
		cleanup_fd int fd = -1;
		struct stat st;
		int r = state_open(dirfd, name, O_RDWR | O_CREAT | O_NOCTTY, 0600, &fd, err);

		if (r == 0)
			r = lock_file(fd, name, flags, err);
		if (r < 0)
			return r;
		if (fstat(fd, &st) < 0)
			return berth_fail_errno(err, errno, "stat lock '%s'", name);
		/* who held it before may have removed the file: then we hold a lock nobody sees */
		if (st.st_nlink > 0) {
			*ret_fd = steal_fd(&fd);
			return 0;
		}
	}
	return berth_fail(err, BERTH_E_BUSY, "lock '%s' is removed again and again", name);
}
