/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/process.h - start a program, by vfork's speed, with nothing of ours in it.
 *
 * The new process gets the listed descriptors as 0, 1, 2, ... and no other; no signal is blocked (but
 * by a flag), ignored or handled. The call returns after the exec, so a program that cannot be executed is an
 * error of process_spawn (EXEC, sys_errno says why), not an exit status 127.
 */
#ifndef BASE_PROCESS_H
#define BASE_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "berth/driver.h"

enum process_flags {
	PROCESS_DIE_WITH_PARENT = 1u << 0, /* SIGKILL when the thread that started it ends */
	PROCESS_NEW_GROUP = 1u << 1,	   /* its own process group */
	PROCESS_NEW_SESSION = 1u << 2,	   /* its own session, without a terminal */
	PROCESS_SIGNALS_BLOCKED = 1u << 3, /* all of them, until it says otherwise */
};

enum { PROCESS_FDS_MAX = 64 };

struct process_spec {
	const char *path;  /* absolute, or relative to the current directory; NULL: argv[0] */
	char *const *argv; /* ends with NULL, at least argv[0] */
	char *const *envp; /* ends with NULL; NULL is an empty environment */
	const int *fds;	   /* fds[i] becomes descriptor i; -1 is /dev/null */
	size_t n_fds;	   /* at most PROCESS_FDS_MAX; what is missing of 0, 1, 2 is /dev/null */
	unsigned flags;
};

struct process_status {
	int code;   /* exit status, 0 if signalled */
	int signal; /* 0 if it exited */
};

/** Start a program. @ret_pid may be NULL. The caller closes *@ret_pidfd, after process_wait. */
int process_spawn(const struct process_spec *spec, int *ret_pidfd, pid_t *ret_pid,
		  struct berth_error *err);
/** Wait until it ended and take its status; once only. */
int process_wait(int pidfd, struct process_status *ret, struct berth_error *err);
/** The status as a shell or docker writes it: the exit status, or 128 + signal. */
int process_status_code(const struct process_status *status);

#endif
