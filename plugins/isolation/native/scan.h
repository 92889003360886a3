/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan: where in a JSON text a value stands, without making a tree of it.
 *
 * The seccomp section is most of a config.json and the same for thousands of containers. It is cut
 * out, hashed and looked up as bytes; only on a cache miss is it parsed. The scanner knows nothing
 * but strings and brackets; whether the text is JSON at all is the parser's judgement, which sees
 * everything else of it. A key that stands twice is refused here, since the parser would take the
 * last one.
 */
#ifndef NATIVE_SCAN_H
#define NATIVE_SCAN_H

#include "berth/driver.h"

/**
 * The value of @key in the object that @text is: *@ret points into @text, p NULL if there is no
 * such key. INVALID if @text is no object, ends too early, or has the key twice.
 */
int scan_member(struct berth_str text, const char *key, struct berth_str *ret,
		struct berth_error *err);

#endif
