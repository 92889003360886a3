/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filters: --filter name=value, given any number of times, as the Engine API takes them.
 */
#ifndef BERTH_FILTERS_H
#define BERTH_FILTERS_H

#include "base/record.h"
#include "option.h"

/** {"label": ["a=b", …], "status": […]}; INVALID for what has no '='. */
int filters_parse(const struct options *o, struct record **ret, struct berth_error *err);

#endif
