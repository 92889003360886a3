/* SPDX-License-Identifier: Apache-2.0 */
#include "core/store/schema.h"

#include <stdio.h>

/*
 * step[n] makes version n + 1 of version n; a step that was released never changes. Large rows keep
 * their rowid; small ones which are found by their key do without.
 */
static const char *const steps[] = {
	"CREATE TABLE container("
	" id TEXT PRIMARY KEY,"
	" name TEXT NOT NULL UNIQUE,"
	" image TEXT,"
	" state TEXT NOT NULL,"
	" created_ns INTEGER,"
	" started_ns INTEGER,"
	" finished_ns INTEGER,"
	" pid INTEGER,"
	" exit_code INTEGER,"
	" flags INTEGER,"
	" error TEXT,"
	" storage TEXT,"
	" network TEXT,"
	" isolation TEXT,"
	" auto_remove INTEGER,"
	" spec TEXT,"
	" summary TEXT,"
	" seq INTEGER);"
	"CREATE INDEX container_state ON container(state);"
	"CREATE INDEX container_image ON container(image);"

	"CREATE TABLE volume("
	" name TEXT PRIMARY KEY,"
	" driver TEXT,"
	" created_ns INTEGER,"
	" labels TEXT,"
	" options TEXT,"
	" anonymous INTEGER) WITHOUT ROWID;"
	"CREATE TABLE volume_use("
	" volume TEXT,"
	" container TEXT,"
	" PRIMARY KEY(volume, container)) WITHOUT ROWID;"
	"CREATE INDEX volume_use_container ON volume_use(container);"

	"CREATE TABLE image("
	" id TEXT PRIMARY KEY,"
	" config TEXT NOT NULL,"
	" layers TEXT NOT NULL,"
	" size INTEGER NOT NULL,"
	" created_ns INTEGER NOT NULL,"
	" added_ns INTEGER NOT NULL,"
	" tagged_ns INTEGER NOT NULL DEFAULT 0,"
	" parent TEXT);"
	"CREATE INDEX image_parent ON image(parent) WHERE parent IS NOT NULL;"
	"CREATE TABLE image_name("
	" name TEXT PRIMARY KEY,"
	" image TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE INDEX image_name_image ON image_name(image);"
	"CREATE TABLE image_layer("
	" image TEXT NOT NULL,"
	" pos INTEGER NOT NULL,"
	" chain TEXT NOT NULL,"
	" PRIMARY KEY(image, pos)) WITHOUT ROWID;"
	"CREATE INDEX image_layer_chain ON image_layer(chain);"
	"CREATE TABLE image_blob("
	" image TEXT NOT NULL,"
	" digest TEXT NOT NULL,"
	" kind TEXT NOT NULL,"
	" media_type TEXT,"
	" diff_id TEXT,"
	" PRIMARY KEY(image, digest)) WITHOUT ROWID;"
	"CREATE INDEX image_blob_digest ON image_blob(digest);"
	"CREATE INDEX image_blob_diff_id ON image_blob(diff_id) WHERE diff_id IS NOT NULL;"

	"CREATE TABLE layer("
	" chain TEXT PRIMARY KEY,"
	" diff_id TEXT NOT NULL,"
	" parent TEXT,"
	" size INTEGER NOT NULL DEFAULT -1) WITHOUT ROWID;"
	"CREATE INDEX layer_parent ON layer(parent);"
	"CREATE TABLE layer_copy("
	" chain TEXT NOT NULL,"
	" driver TEXT NOT NULL,"
	" ready INTEGER NOT NULL,"
	" PRIMARY KEY(chain, driver)) WITHOUT ROWID;"
	"CREATE TABLE blob("
	" digest TEXT PRIMARY KEY,"
	" size INTEGER NOT NULL) WITHOUT ROWID;",

	"CREATE TABLE network("
	" id TEXT PRIMARY KEY,"
	" name TEXT NOT NULL UNIQUE,"
	" driver TEXT NOT NULL,"
	" builtin INTEGER NOT NULL,"
	" phase TEXT NOT NULL,"
	" created_ns INTEGER NOT NULL,"
	" spec TEXT NOT NULL,"
	" state BLOB);"
	"CREATE TABLE network_pool("
	" network TEXT NOT NULL,"
	" pos INTEGER NOT NULL,"
	" subnet TEXT NOT NULL,"
	" first BLOB NOT NULL,"
	" last BLOB NOT NULL,"
	" next BLOB NOT NULL,"
	" PRIMARY KEY(network, pos)) WITHOUT ROWID;"
	"CREATE TABLE network_address("
	" network TEXT NOT NULL,"
	" ip BLOB NOT NULL,"
	" endpoint TEXT NOT NULL,"
	" PRIMARY KEY(network, ip)) WITHOUT ROWID;"
	"CREATE INDEX network_address_endpoint ON network_address(endpoint);"
	"CREATE TABLE endpoint("
	" id TEXT PRIMARY KEY,"
	" container TEXT NOT NULL,"
	" network TEXT NOT NULL,"
	" pos INTEGER NOT NULL,"
	" phase TEXT NOT NULL,"
	" ifname TEXT NOT NULL,"
	" mac TEXT NOT NULL,"
	" addresses TEXT NOT NULL,"
	" gateways TEXT NOT NULL,"
	" ports TEXT NOT NULL,"
	" names TEXT NOT NULL,"
	" state BLOB,"
	" UNIQUE(container, network));"
	"CREATE INDEX endpoint_network ON endpoint(network);",

	"CREATE TABLE view_old("
	" container TEXT NOT NULL,"
	" storage TEXT NOT NULL,"
	" keep INTEGER NOT NULL,"
	" PRIMARY KEY(container, storage)) WITHOUT ROWID;"
	"CREATE TABLE move_wish("
	" container TEXT PRIMARY KEY,"
	" storage TEXT NOT NULL,"
	" keep INTEGER NOT NULL) WITHOUT ROWID;",
};

_Static_assert(sizeof(steps) / sizeof(steps[0]) == SCHEMA_VERSION, "a step per version");

static int version_read(struct db *db, int64_t *ret, struct berth_error *err)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	int r = db_query(db, &q, err, "PRAGMA user_version", "");

	if (r == 0)
		r = db_step(q, err);
	if (r < 0)
		return r;
	*ret = r > 0 ? db_int(q, 0) : 0;
	return 0;
}

static int version_check(int64_t version, struct berth_error *err)
{
	if (version < 0)
		return berth_fail(err, BERTH_E_CORRUPT, "the database is of version %lld",
				  (long long)version);
	if (version <= SCHEMA_VERSION)
		return 0;
	(void)berth_fail(
		err, BERTH_E_UNSUPPORTED,
		"the state was written by a later version of berth (database version %lld, "
		"this one knows %d)",
		(long long)version, SCHEMA_VERSION);
	berth_error_hint(err, "use that version, or another \"root\" in the config");
	return -BERTH_E_UNSUPPORTED;
}

static int migrate(struct db *db, struct berth_error *err)
{
	char write[64];
	int64_t version;
	/* another process may have been first: look again where nobody else writes */
	int r = version_read(db, &version, err);

	if (r == 0)
		r = version_check(version, err);
	for (; r == 0 && version < SCHEMA_VERSION; version++)
		r = db_exec(db, steps[version], err);
	if (r < 0)
		return r;
	(void)snprintf(write, sizeof(write), "PRAGMA user_version=%d", SCHEMA_VERSION);
	return db_exec(db, write, err);
}

int schema_ensure(struct db *db, struct berth_error *err)
{
	int64_t version;
	int r = version_read(db, &version, err);

	if (r == 0)
		r = version_check(version, err);
	if (r < 0 || version == SCHEMA_VERSION)
		return r;
	r = db_begin(db, err);
	if (r == 0)
		r = migrate(db, err);
	if (r == 0)
		r = db_commit(db, DB_DURABLE, err);
	if (r < 0) {
		db_rollback(db);
		berth_error_prefix(err, "bring the database to version %d", SCHEMA_VERSION);
	}
	return r;
}
