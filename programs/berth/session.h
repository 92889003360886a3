/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session: this terminal, or these pipes, connected to a container until it ends or is let go of.
 */
#ifndef BERTH_SESSION_H
#define BERTH_SESSION_H

#include "core/container/container.h"
#include "detach_keys.h"
#include "option.h"

enum session_flags {
	SESSION_STDIN = 1u << 0, /* what we read goes to the container */
	SESSION_PROXY = 1u << 1, /* signals too, unless it has a terminal */
	SESSION_DIRECT =
		1u << 2, /* output ends with the process: nothing of it comes later (exec) */
};

enum session_end {
	SESSION_ENDED,	  /* the process did, with *ret_code */
	SESSION_DETACHED, /* by keys; it goes on */
	SESSION_LEFT,	  /* nobody reads our output any more, or the user insists; it goes on */
};

/**
 * Stay until one of the ends; the terminal is as before then. A signal that ends this process
 * rather than going to the container does so here.
 */
int session_run(struct container_streams *streams, unsigned flags, const struct detach_keys *keys,
		enum session_end *ret_end, int *ret_code, struct berth_error *err);

/** "the input device is not a TTY": INVALID if a terminal is wanted for stdin and there is none. */
int session_check_tty(bool attach_stdin, bool tty, struct berth_error *err);

#endif
