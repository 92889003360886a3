/* SPDX-License-Identifier: Apache-2.0 */
/*
 * platform: "linux/arm64/v8" as values, and which one of an index is the best for us.
 */
#ifndef CORE_IMAGE_PLATFORM_H
#define CORE_IMAGE_PLATFORM_H

#include "base/record.h"

enum { PLATFORM_WORD_MAX = 32, PLATFORM_TEXT_MAX = 3 * PLATFORM_WORD_MAX };

struct platform {
	char os[PLATFORM_WORD_MAX];
	char arch[PLATFORM_WORD_MAX];
	char variant[PLATFORM_WORD_MAX]; /* or "" */
};

/** This machine's. */
void platform_host(struct platform *ret);
/** "os/arch[/variant]", "arch" or "os"; what is missing is this machine's. INVALID. */
int platform_parse(const char *text, struct platform *ret, struct berth_error *err);
/** The `platform` of a descriptor, or the head of an image config; false if it says none. */
bool platform_read(const struct record *obj, struct platform *ret);
/** "linux/arm64/v8" into @out, which is returned. */
const char *platform_format(const struct platform *p, char out[static PLATFORM_TEXT_MAX]);
/** 0: exactly what is wanted; more: runs too, but a lower variant; -1: does not. */
int platform_rank(const struct platform *want, const struct platform *have);

#endif
