/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cidfile: --cidfile: a file that gets the id of the container, and must not be there before.
 */
#ifndef BERTH_CIDFILE_H
#define BERTH_CIDFILE_H

#include "base/cleanup.h"
#include "berth/driver.h"

struct cidfile {
	const char *path; /* NULL: none was asked for */
	int fd;
};

/** @path NULL or "": none. EXISTS. */
int cidfile_open(struct cidfile *f, const char *path, struct berth_error *err);
int cidfile_write(struct cidfile *f, const char *id, struct berth_error *err);
/** There is no container: no file either. */
void cidfile_drop(struct cidfile *f);
void cidfile_done(struct cidfile *f);

#endif
