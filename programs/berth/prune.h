/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prune: what the verbs that remove all unused things have in common.
 */
#ifndef BERTH_PRUNE_H
#define BERTH_PRUNE_H

#include "cli.h"

/** Ask on the terminal, unless --force; false: nothing is to be done. */
bool prune_confirmed(const struct options *o, const char *warning);

#endif
