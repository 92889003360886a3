/* SPDX-License-Identifier: Apache-2.0 */
/*
 * env: an environment in the making, in which a later NAME=value replaces an earlier one in its
 * place. Entries are borrowed. Made for environments of any size: adding and finding take constant
 * time.
 */
#ifndef CORE_CONTAINER_ENV_H
#define CORE_CONTAINER_ENV_H

#include "base/record.h"

struct env {
	const char **entries; /* those without '=' are not set; skip them */
	size_t n, cap;
	uint32_t *slots; /* index into entries + 1; 0 is free */
	size_t n_slots;	 /* a power of 2 */
};
#define ENV_INIT                                                                                   \
	{                                                                                          \
		NULL, 0, 0, NULL, 0                                                                \
	}

/** Put "NAME=value"; "NAME" alone unsets NAME, as in docker. */
int env_put(struct env *env, const char *entry, struct berth_error *err);
/** All strings of an array; NULL is an empty one. */
int env_put_all(struct env *env, const struct record *list, struct berth_error *err);
/** Whether the name of @entry ("NAME=value" or "NAME") was put, be it to unset it. */
bool env_has(const struct env *env, const char *entry);
void env_done(struct env *env);
#define cleanup_env cleanup_with(env_done)

#endif
