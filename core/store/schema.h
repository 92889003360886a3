/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema: all tables of berth.db, and how a database of an earlier version becomes one of this. It
 * is the only place with CREATE TABLE; docs/formats/database.md explains the columns.
 */
#ifndef CORE_SCHEMA_H
#define CORE_SCHEMA_H

#include "core/store/db.h"

enum { SCHEMA_VERSION = 3 };

/** One read if it is of this version. UNSUPPORTED: of a later one. CORRUPT: of none of ours. */
int schema_ensure(struct db *db, struct berth_error *err);

#endif
