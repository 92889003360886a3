/* SPDX-License-Identifier: Apache-2.0 */
/*
 * images: images as a listing, a row for each name. The part that needs no engine is here for
 * tests.
 */
#ifndef BERTH_IMAGES_H
#define BERTH_IMAGES_H

#include "listing.h"

extern const struct listing_kind images_listing;

enum images_flags {
	IMAGES_SHORTEN = 1u << 0,
	IMAGES_DIGESTS = 1u << 1, /* a row for each digest of a name */
};

/** @images: array of ImageSummary. */
int images_print(struct listing *l, const struct record *images, unsigned flags, struct str *out,
		 struct berth_error *err);

#endif
