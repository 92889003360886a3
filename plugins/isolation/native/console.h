/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console: a pseudo terminal from the container's own devpts. In the child only.
 */
#ifndef NATIVE_CONSOLE_H
#define NATIVE_CONSOLE_H

#include "inside.h"
#include "spec.h"

/**
 * Make a terminal in the devpts of the tree at @root, give it to the process's user, send its
 * master over @socket, make it our controlling terminal and standard input, output and error. The
 * caller is a session leader. With @bind it also becomes /dev/console.
 */
void console_take(const struct inside *in, int root, const struct spec_process *process, int socket,
		  bool bind);

#endif
