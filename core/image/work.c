/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds and opens the part of core/image that links libarchive and libcrypto. It is a file of ours,
 * berth-image.part, looked for in each of the config's driver_dirs: an installed engine has it beside
 * its drivers, and a build tree names its directory there as well. It is trusted like a driver: the
 * file and its directory belong to root (or to who runs this), and nobody else may write to them.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "core/image/image_work.h"

#define MODULE "berth-image.part"

static bool is_ours(const struct stat *st)
{
	return (st->st_uid == 0 || st->st_uid == geteuid()) && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

/** NOT_FOUND: not in @dir. */
static int open_in(const char *dir, int *ret_fd, struct berth_error *err)
{
	cleanup_fd int dirfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	cleanup_fd int fd = -1;
	struct stat dir_st, st;

	if (dirfd < 0)
		return berth_fail_errno(err, errno, "open directory '%s'", dir);
	fd = openat(dirfd, MODULE, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return berth_fail_errno(err, errno, "open '%s/" MODULE "'", dir);
	if (fstat(dirfd, &dir_st) < 0 || fstat(fd, &st) < 0)
		return berth_fail_errno(err, errno, "stat '%s/" MODULE "'", dir);
	if (!S_ISREG(st.st_mode) || !is_ours(&st) || !is_ours(&dir_st))
		return berth_fail(err, BERTH_E_DENIED,
				  "'%s/" MODULE "' or its directory can be written by others", dir);
	*ret_fd = steal_fd(&fd);
	return 0;
}

static int load(int fd, const char *dir, const struct image_work **ret, struct berth_error *err)
{
	const struct image_work *work;
	char path[32];
	void *module;

	/* by descriptor: what was looked at is what is loaded */
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!module)
		return berth_fail(err, BERTH_E_UNSUPPORTED, "load '%s/" MODULE "': %s", dir,
				  dlerror());
	work = dlsym(module, IMAGE_WORK_SYMBOL);
	if (!work || work->size != sizeof(*work))
		return berth_fail(err, BERTH_E_UNSUPPORTED,
				  "'%s/" MODULE "' belongs to another version of berth", dir);
	*ret = work; /* stays mapped */
	return 0;
}

int image_work_load(const struct config *config, const struct image_work **ret,
		    struct berth_error *err)
{
	static const struct image_work *loaded;

	if (loaded) {
		*ret = loaded;
		return 0;
	}
	strv_foreach (dir, config->driver_dirs) {
		struct berth_error why = {0};
		cleanup_fd int fd = -1;
		int r = open_in(*dir, &fd, &why);

		if (r == -BERTH_E_NOT_FOUND)
			continue;
		if (r < 0 && err)
			*err = why;
		if (r == 0)
			r = load(fd, *dir, &loaded, err);
		if (r == 0)
			*ret = loaded;
		return r;
	}
	(void)berth_fail(err, BERTH_E_NOT_FOUND, "'" MODULE "' is in none of the driver_dirs");
	berth_error_hint(err, "is berth installed completely? The config's driver_dirs must name "
			      "the directory of " MODULE);
	return -BERTH_E_NOT_FOUND;
}
