/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outfile: where an archive is written to: stdout, unless that is a terminal, or a file, which has
 * its name only once all of it is there.
 */
#ifndef BERTH_OUTFILE_H
#define BERTH_OUTFILE_H

#include "base/cleanup.h"
#include "berth/driver.h"

struct outfile {
	int fd;	    /* to write to */
	int dir;    /* of the file; -1: stdout, or something that is no regular file */
	char *name; /* in there */
	char *temp; /* meanwhile */
};
/* clang-format off */
#define OUTFILE_INIT {.fd = -1, .dir = -1}
/* clang-format on */

/** @path NULL or "": stdout. */
int outfile_open(struct outfile *out, const char *path, struct berth_error *err);
int outfile_commit(struct outfile *out, struct berth_error *err);
/** What was not committed is gone. */
void outfile_close(struct outfile *out);
#define cleanup_outfile cleanup_with(outfile_close)

#endif
