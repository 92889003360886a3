/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ps: containers as a listing. The part that needs no engine is here for tests.
 */
#ifndef BERTH_PS_H
#define BERTH_PS_H

#include "listing.h"

extern const struct listing_kind ps_listing;

/** @containers: array of ContainerSummary. */
int ps_print(struct listing *l, const struct record *containers, bool shorten, struct str *out,
	     struct berth_error *err);

#endif
