/* SPDX-License-Identifier: Apache-2.0 */
/*
 * child: one process of a mock sandbox: forked, waiting behind a gate, then executing or pretending
 * to.
 */
#ifndef MOCK_ISOLATION_CHILD_H
#define MOCK_ISOLATION_CHILD_H

#include "base/record.h"
#include "berth/driver.h"

/** What a child shall be. The strings are borrowed for child_start. */
struct child_spec {
	const struct record *process; /* OCI "process" */
	int root;		      /* directory of the container; -1: the machine's own */
	int stdio[3];
	uint32_t preserve_fds;
	bool pretend;	       /* execute nothing: wait run_ms and exit with `code` */
	const char *out, *err; /* what it writes first; NULL: nothing */
	int64_t run_ms;
	int code;
	bool ignore_term;
};

struct child {
	int pid;
	int pidfd;
	int gate;   /* socket; closing it without a byte lets the child die */
	int report; /* read end: an errno if it could not be executed, nothing if it was */
};

#define CHILD_INIT                                                                                 \
	{                                                                                          \
		.pid = 0, .pidfd = -1, .gate = -1, .report = -1                                    \
	}

/** Make it; it waits. */
int child_start(const struct child_spec *spec, struct child *ret, struct berth_error *err);
/** Let it go; 0 after it was executed. EXEC: it could not be; BUSY: it was let go before;
 * NOT_FOUND: it has ended. */
int child_release(struct child *child, const char *program, struct berth_error *err);
void child_done(struct child *child);

#endif
