/* SPDX-License-Identifier: Apache-2.0 */
/*
 * terminal: this process's terminal, as a container's: raw, so that every key goes there, and of
 * its size.
 */
#ifndef BERTH_TERMINAL_H
#define BERTH_TERMINAL_H

#include <stdbool.h>
#include <termios.h>

#include "base/record.h"

struct terminal {
	int fd; /* -1: nothing to give back */
	struct termios before;
};

/** Make @fd raw if it is a terminal; false if it is none. */
bool terminal_raw(struct terminal *t, int fd);
/** Raw again, after somebody else (a shell, on SIGCONT) may have changed it. */
void terminal_raw_again(const struct terminal *t);
void terminal_restore(struct terminal *t);

/** Give @console the size of our terminal, if there is one. */
void terminal_copy_size(int console);
/** [rows, columns] of our terminal at @key of @body; nothing if there is none. */
int terminal_add_size(struct record *body, const char *key, struct berth_error *err);

#endif
