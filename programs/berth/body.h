/* SPDX-License-Identifier: Apache-2.0 */
/*
 * body: building the request of `create` (ContainerCreate of the Engine API) from flags. A key is a
 * path with dots, "HostConfig.CpuShares"; objects on the way are made.
 */
#ifndef BERTH_BODY_H
#define BERTH_BODY_H

#include "base/record.h"

/** The object at @path, made if need be. */
int body_object(struct record *body, const char *path, struct record **ret,
		struct berth_error *err);
/** Take over @val, also on failure; NULL fails (NO_MEMORY). */
int body_set(struct record *body, const char *path, struct record *val, struct berth_error *err);
/** To the array at @path. */
int body_append(struct record *body, const char *path, struct record *val, struct berth_error *err);
/** "key=value" into the object of strings at @path; without '=' the value is "". */
int body_set_pair(struct record *body, const char *path, const char *pair, struct berth_error *err);

/** `invalid argument "…" for "--name" flag: …`, as docker says it. */
BERTH_PRINTF(4, 5)
int body_bad_flag(struct berth_error *err, const char *flag, const char *text, const char *fmt,
		  ...);

/** The text of file @path, of at most a few MiB, for free(); the error names @path. */
int body_read_file(const char *path, char **ret_text, size_t *ret_len, struct berth_error *err);

#endif
