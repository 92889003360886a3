/* SPDX-License-Identifier: Apache-2.0 */
#include "cidfile.h"

#include <fcntl.h>
#include <string.h>

#include "base/path.h"

int cidfile_open(struct cidfile *f, const char *path, struct berth_error *err)
{
	*f = (struct cidfile){.fd = -1};
	if (!path || !path[0])
		return 0;
	f->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (f->fd < 0 && errno == EEXIST)
		return berth_fail(err, BERTH_E_EXISTS,
				  "container ID file found, make sure the other container isn't "
				  "running or delete %s",
				  path);
	if (f->fd < 0)
		return berth_fail_errno(err, errno, "failed to create the container ID file '%s'",
					path);
	f->path = path;
	return 0;
}

int cidfile_write(struct cidfile *f, const char *id, struct berth_error *err)
{
	return f->path ? write_all(f->fd, id, strlen(id), err) : 0;
}

void cidfile_drop(struct cidfile *f)
{
	if (f->path)
		(void)unlink(f->path); /* what stays is empty, and says so when it is in the way */
	f->path = NULL;
}

void cidfile_done(struct cidfile *f)
{
	close_fd(&f->fd);
}
