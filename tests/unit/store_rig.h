/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_rig: a store of a test's own, with limits as the defaults have them.
 */
#ifndef TESTS_STORE_RIG_H
#define TESTS_STORE_RIG_H

#include "ck.h"
#include "core/store/store.h"

static struct config rig_config;
static char rig_root[128], rig_run[128];

/** The config of a store in a new directory. */
BERTH_UNUSED
static const struct config *rig_new_config(void)
{
	char top[96];

	(void)close(ck_dir_at(top));
	(void)snprintf(rig_root, sizeof(rig_root), "%s/root", top);
	(void)snprintf(rig_run, sizeof(rig_run), "%s/run", top);
	rig_config = (struct config){
		.root = rig_root,
		.run = rig_run,
		.limit_manifest_size = 4 << 20,
		.limit_config_size = 8 << 20,
		.limit_layer_size = UINT64_C(64) << 30,
		.limit_layer_entries = 4000000,
		.limit_layers = 500,
		.limit_archive_size = UINT64_C(256) << 30,
	};
	return &rig_config;
}

BERTH_UNUSED
static struct store *rig_store(void)
{
	struct store *store = NULL;

	ck_ok(store_open(rig_new_config(), &store, &err));
	return store;
}

BERTH_UNUSED
static struct digest rig_digest(char fill)
{
	struct digest digest;
	char text[DIGEST_TEXT_MAX];

	(void)snprintf(text, sizeof(text), "sha256:%064d", 0);
	memset(text + 7, fill, 64);
	ck_assert_int_eq(digest_parse(text, &digest, NULL), 0);
	return digest;
}

#endif
