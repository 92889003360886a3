/* SPDX-License-Identifier: Apache-2.0 */
/*
 * home: the user's home directory as the container's own /etc/passwd has it, for an environment
 * that says nothing about it. In the child, in its final root.
 */
#ifndef NATIVE_HOME_H
#define NATIVE_HOME_H

#include "inside.h"
#include "plan.h"

/** Put "HOME=..." into the last entry of b->envp; "/" if nothing better is known. */
void home_find(const struct inside *in, struct become *b);

#endif
