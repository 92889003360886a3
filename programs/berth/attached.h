/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attached: what run, start -a, exec and attach have in common: a session, and what comes after it.
 */
#ifndef BERTH_ATTACHED_H
#define BERTH_ATTACHED_H

#include "cli.h"
#include "session.h"

struct attached {
	struct container_streams *streams;
	unsigned flags;	    /* enum session_flags */
	const char *object; /* as the user called it, for messages */
	const char *id;	    /* whose end is ours to finish; NULL: nobody's */
	struct detach_keys keys;
};

/** Run the session, finish the container if that is ours, close the streams; the status to exit
 * with. */
int attached_run(struct cli *cli, struct attached *a);

#endif
