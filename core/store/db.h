/* SPDX-License-Identifier: Apache-2.0 */
/*
 * db: the little of SQLite that the core uses, with our errors. Knows no table.
 *
 * Several processes share one database (WAL). A transaction that writes starts with BEGIN
 * IMMEDIATE, so that it never fails half way for being second; waiting for another writer is
 * bounded (10 s, then BUSY). Values are always bound, never printed into SQL.
 *
 * A handle belongs to one thread at a time, and does not survive a fork. End a query (db_stmt_done)
 * before db_begin: one that began to read before another process wrote makes db_begin fail (BUSY).
 *
 * Opening costs about 0.2 ms, closing nothing: the log is written back to the database by db_tidy,
 * which who has time calls, and by a writer only if nobody did for long.
 *
 *     cleanup_db_stmt struct db_stmt *q = NULL;
 *     r = db_query(db, &q, err, "SELECT name FROM container WHERE id=?1", "s", id);
 *     while ((r = db_step(q, err)) > 0)
 *             puts(db_text(q, 0));
 */
#ifndef CORE_DB_H
#define CORE_DB_H

#include <berth/driver.h>
#include "base/cleanup.h"

struct db;
struct db_stmt;

enum db_durability {
	DB_LAZY = 0,	/**< safe against kill -9, may be forgotten (whole) by a power cut */
	DB_DURABLE = 1, /**< on the disk when db_commit returns */
};

/** Open (and create) the database file @name in @dirfd. */
int db_open(int dirfd, const char *name, struct db **ret, struct berth_error *err);
void db_close(struct db *db);
DEFINE_CLEANUP(struct db *, db_close);
#define cleanup_db cleanup_with(db_close_at)

/** Begin a writing transaction. Not nested. A db_run outside of one is one by itself, lazy. */
int db_begin(struct db *db, struct berth_error *err);
int db_commit(struct db *db, enum db_durability durability, struct berth_error *err);
/** Undo; no transaction: nothing happens. */
void db_rollback(struct db *db);

/**
 * Run one statement to its end. @types has a letter per argument: s string (NULL = SQL NULL), i
 * int64_t, b struct berth_str (blob). EXISTS when a UNIQUE or PRIMARY KEY says so. *ret_changes
 * (may be NULL): rows touched.
 */
int db_run(struct db *db, int64_t *ret_changes, struct berth_error *err, const char *sql,
	   const char *types, ...);
/**
 * The same for a query: rows by db_step. Compiled statements are cached, and found by the address
 * of
 * @sql, which therefore is best a literal.
 */
int db_query(struct db *db, struct db_stmt **ret, struct berth_error *err, const char *sql,
	     const char *types, ...);
/** 1: a row, 0: no more, negative: failure. */
int db_step(struct db_stmt *q, struct berth_error *err);
/** Column @i of the row; borrowed until the next step; NULL for SQL NULL. */
const char *db_text(struct db_stmt *q, int i);
int64_t db_int(struct db_stmt *q, int i);
struct berth_str db_blob(struct db_stmt *q, int i);
void db_stmt_done(struct db_stmt *q);
DEFINE_CLEANUP(struct db_stmt *, db_stmt_done);
#define cleanup_db_stmt cleanup_with(db_stmt_done_at)

/**
 * Write the log back into the database if it has grown (@all: in any case), so that the next one
 * who opens it has little to read. Takes a few fsyncs: for who is not waited for. Nothing happens
 * while others are in the way. Needs the table `berth` (schema.c).
 */
int db_tidy(struct db *db, bool all, struct berth_error *err);
/** Has this connection made the log so long that db_tidy is worth its while? */
bool db_wants_tidy(const struct db *db);

/** Several statements separated by ';', without arguments (schema). */
int db_exec(struct db *db, const char *sql, struct berth_error *err);

#endif
