/* SPDX-License-Identifier: Apache-2.0 */
/*
 * history: the steps of an image as a listing. The part that needs no engine is here for tests.
 */
#ifndef BERTH_HISTORY_H
#define BERTH_HISTORY_H

#include "listing.h"

enum history_flags {
	HISTORY_SHORTEN = 1u << 0,
	HISTORY_HUMAN = 1u << 1, /* sizes and times for people */
};

const struct listing_kind *history_listing(unsigned flags);

/** @steps: what image_history gives. */
int history_print(struct listing *l, const struct record *steps, unsigned flags, struct str *out,
		  struct berth_error *err);

#endif
