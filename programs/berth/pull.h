/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pull: what run and create do about images that are not here. There is no registry yet, so: say
 * so.
 */
#ifndef BERTH_PULL_H
#define BERTH_PULL_H

#include "option.h"

/** UNSUPPORTED for --pull always. */
int pull_wanted(const struct options *o, struct berth_error *err);
/** Say what to do when it was the image @name that is missing. */
void pull_hint(const char *name, struct berth_error *err);

#endif
