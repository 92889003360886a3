/* SPDX-License-Identifier: Apache-2.0 */
#include "outfile.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "base/str.h"

static int to_stdout(struct outfile *out, struct berth_error *err)
{
	if (isatty(STDOUT_FILENO)) {
		(void)berth_fail(err, BERTH_E_INVALID, "cowardly refusing to save to a terminal");
		berth_error_hint(err, "use the -o flag or redirect");
		return -BERTH_E_INVALID;
	}
	out->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	return out->fd < 0 ? berth_fail_errno(err, errno, "duplicate stdout") : 0;
}

/* Beside the file that it will be, so that it can take its name. */
static int to_file(struct outfile *out, const char *path, struct berth_error *err)
{
	const char *base = path_base(path);
	cleanup_free char *dir = base == path ? strdup(".") : strndup(path, (size_t)(base - path));

	if (!dir)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	if (!path_is_name(base))
		return berth_fail(err, BERTH_E_INVALID, "'%s' is no name for a file", path);
	out->dir = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (out->dir < 0)
		return berth_fail_errno(err, errno, "open '%s'", dir);
	out->name = strdup(base);
	out->temp = str_fmt(".%.200s.%d~", base, (int)getpid());
	if (!out->name || !out->temp)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	out->fd = openat(out->dir, out->temp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
			 0600);
	return out->fd < 0 ? berth_fail_errno(err, errno, "create '%s'", path) : 0;
}

int outfile_open(struct outfile *out, const char *path, struct berth_error *err)
{
	struct stat st;

	if (!path || !*path)
		return to_stdout(out, err);
	/* a fifo or a device is written to as it is */
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		out->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
		return out->fd < 0 ? berth_fail_errno(err, errno, "open '%s'", path) : 0;
	}
	return to_file(out, path, err);
}

int outfile_commit(struct outfile *out, struct berth_error *err)
{
	if (out->dir < 0)
		return 0;
	if (renameat(out->dir, out->temp, out->dir, out->name) < 0)
		return berth_fail_errno(err, errno, "rename to '%s'", out->name);
	free(steal_ptr(out->temp));
	return 0;
}

void outfile_close(struct outfile *out)
{
	if (out->temp && out->fd >= 0)
		(void)unlinkat(out->dir, out->temp, 0);
	close_fd(&out->fd);
	close_fd(&out->dir);
	free(out->name);
	free(out->temp);
	*out = (struct outfile)OUTFILE_INIT;
}
