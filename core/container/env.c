/* SPDX-License-Identifier: Apache-2.0 */
#include "core/container/env.h"

#include <stdlib.h>
#include <string.h>

static size_t name_len(const char *entry)
{
	return strcspn(entry, "=");
}

static uint32_t hash(const char *name, size_t n)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)name[i]) * 16777619u;
	return h ^ h >> 15;
}

/* The slot of @entry's name: where it is, or where it would be. */
static size_t find_slot(const struct env *env, const char *entry)
{
	size_t n = name_len(entry);
	size_t i = hash(entry, n) & (env->n_slots - 1);

	while (env->slots[i]) {
		const char *there = env->entries[env->slots[i] - 1];

		if (name_len(there) == n && memcmp(there, entry, n) == 0)
			break;
		i = (i + 1) & (env->n_slots - 1);
	}
	return i;
}

static int grow(struct env *env, struct berth_error *err)
{
	size_t cap = env->cap ? env->cap * 2 : 32;
	const char **entries = reallocarray(env->entries, cap, sizeof(*entries));
	uint32_t *slots;

	if (!entries)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	env->entries = entries;
	slots = calloc(cap * 2, sizeof(*slots));
	if (!slots)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	free(env->slots);
	env->slots = slots;
	env->n_slots = cap * 2;
	env->cap = cap;
	for (size_t i = 0; i < env->n; i++)
		slots[find_slot(env, entries[i])] = (uint32_t)i + 1;
	return 0;
}

int env_put(struct env *env, const char *entry, struct berth_error *err)
{
	size_t slot;
	int r = env->n == env->cap ? grow(env, err) : 0;

	if (r < 0)
		return r;
	slot = find_slot(env, entry);
	if (env->slots[slot]) {
		env->entries[env->slots[slot] - 1] = entry;
		return 0;
	}
	env->entries[env->n++] = entry;
	env->slots[slot] = (uint32_t)env->n;
	return 0;
}

int env_put_all(struct env *env, const struct record *list, struct berth_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < record_len(list); i++)
		r = env_put(env, record_str_or(record_at(list, i), ""), err);
	return r;
}

bool env_has(const struct env *env, const char *entry)
{
	return env->n_slots && env->slots[find_slot(env, entry)];
}

void env_done(struct env *env)
{
	free(env->entries);
	free(env->slots);
	*env = (struct env)ENV_INIT;
}
