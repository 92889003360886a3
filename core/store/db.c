/* SPDX-License-Identifier: Apache-2.0 */
#include "core/store/db.h"

#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/path.h"
#include "base/str.h"

enum {
	CACHE_SIZE = 48,
	PATH_LIMIT = 4096,
	/*
	 * Who opens the database while nobody else has it open reads the whole log, about 1 ms for
	 * 1,000 pages. So who has time (db_tidy) writes it back early, and a writer only when it
	 * must.
	 */
	TIDY_PAGES = 100,
	WRITE_BACK_PAGES = 2000,
};

#define WAIT_NS (10 * CLOCK_SECOND)

struct db_stmt {
	struct db *db;
	sqlite3_stmt *s;
	const char *sql; /* address of the caller's text: finds the statement, decides nothing */
	bool busy, cached;
};

struct db {
	sqlite3 *h;
	char *path;
	struct db_stmt cache[CACHE_SIZE];
	unsigned int next; /* of the cache to be given up */
	int wal_pages;
	int64_t waiting_since;
};

static int code_of(sqlite3 *h, int rc)
{
	switch (rc & 0xff) {
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return BERTH_E_CORRUPT;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return BERTH_E_BUSY;
	case SQLITE_FULL:
		return BERTH_E_FULL;
	case SQLITE_NOMEM:
		return BERTH_E_NO_MEMORY;
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return BERTH_E_DENIED;
	case SQLITE_CONSTRAINT:
		return rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY ||
				       rc == SQLITE_CONSTRAINT_ROWID
			       ? BERTH_E_EXISTS
			       : BERTH_E_INTERNAL;
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		if (h && sqlite3_system_errno(h))
			return berth_code_of_errno(sqlite3_system_errno(h));
		return BERTH_E_IO;
	case SQLITE_TOOBIG:
		return BERTH_E_LIMIT;
	default:
		return BERTH_E_INTERNAL;
	}
}

static int fail(struct db *db, int rc, struct berth_error *err)
{
	int code = code_of(db->h, rc);
	int r;

	if (code == BERTH_E_BUSY)
		r = berth_fail(err, code, "database '%s': another process is writing for too long",
			       db->path);
	else
		r = berth_fail(err, code, "database '%s': %s", db->path,
			       db->h ? sqlite3_errmsg(db->h) : sqlite3_errstr(rc));
	if (code == BERTH_E_CORRUPT)
		berth_error_hint(err, "try: berth system check --repair");
	else if (code == BERTH_E_FULL)
		berth_error_hint(err, "free some space on the filesystem of '%s'", db->path);
	return r;
}

/** Wait for another writer: short at first, since transactions take a fraction of a millisecond. */
static int on_busy(void *arg, int count)
{
	struct db *db = arg;
	int64_t now = clock_mono_ns();
	struct timespec pause = {.tv_nsec = count < 20 ? 200000 : count < 60 ? 1000000 : 5000000};

	if (count == 0)
		db->waiting_since = now;
	if (now - db->waiting_since > WAIT_NS)
		return 0;
	(void)nanosleep(&pause, NULL); /* woken early: we only look again early */
	return 1;
}

static int on_commit(void *arg, sqlite3 *h, const char *name, int pages)
{
	struct db *db = arg;

	db->wal_pages = pages;
	return SQLITE_OK;
}

/** SQLite wants a path: the real one of the directory, so that no symlink is on the way any more.
 */
static int real_path(int dirfd, const char *name, char **ret, struct berth_error *err)
{
	char self[32], dir[PATH_LIMIT];
	ssize_t n;

	if (!path_is_name(name))
		return berth_fail(err, BERTH_E_INVALID, "'%s' is not a name for a database", name);
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", dirfd);
	n = readlink(self, dir, sizeof(dir) - 1);
	if (n < 0)
		return berth_fail_errno(err, errno, "find the path of the state directory");
	if ((size_t)n >= sizeof(dir) - 1)
		return berth_fail(err, BERTH_E_LIMIT,
				  "the path of the state directory is too long");
	dir[n] = '\0';
	*ret = path_join(dir, name);
	return *ret ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
}

/** An empty file is an empty database; made by us rather than by SQLite for its mode. */
static int create_file(int dirfd, const char *name, struct berth_error *err)
{
	cleanup_fd int fd = openat(dirfd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	return fd < 0 ? berth_fail_errno(err, errno, "make '%s'", name) : 0;
}

static int open_handle(struct db *db, int dirfd, const char *name, struct berth_error *err)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW |
			  SQLITE_OPEN_PRIVATECACHE;
	int rc = sqlite3_open_v2(db->path, &db->h, flags, NULL);
	int r;

	if (rc != SQLITE_CANTOPEN || faccessat(dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return rc == SQLITE_OK ? 0 : fail(db, rc, err);
	r = create_file(dirfd, name, err);
	if (r < 0)
		return r;
	(void)sqlite3_close(db->h);
	db->h = NULL;
	rc = sqlite3_open_v2(db->path, &db->h, flags, NULL);
	return rc == SQLITE_OK ? 0 : fail(db, rc, err);
}

/** The log mode is kept in the file; asking for it again changes nothing. */
static int use_wal(struct db *db, struct berth_error *err)
{
	sqlite3_stmt *s = NULL;
	int64_t since = clock_mono_ns();
	bool wal = false;
	int rc;

	do {
		rc = sqlite3_prepare_v2(db->h, "PRAGMA journal_mode=WAL", -1, &s, NULL);
		if (rc == SQLITE_OK)
			rc = sqlite3_step(s);
		if (rc == SQLITE_ROW)
			wal = str_eq((const char *)sqlite3_column_text(s, 0), "wal");
		(void)sqlite3_finalize(s); /* repeats what step said */
		if (wal)
			return 0;
		/* two processes make it at once: SQLite does not call on_busy for that */
		if (rc == SQLITE_BUSY || rc == SQLITE_ROW)
			(void)on_busy(db, 1);
	} while ((rc == SQLITE_BUSY || rc == SQLITE_ROW) && clock_mono_ns() - since < WAIT_NS);
	return fail(db, rc == SQLITE_ROW ? SQLITE_BUSY : rc, err);
}

int db_open(int dirfd, const char *name, struct db **ret, struct berth_error *err)
{
	cleanup_db struct db *db = calloc(1, sizeof(*db));
	int keep = 1;
	int r;

	if (!db)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = real_path(dirfd, name, &db->path, err);
	if (r == 0)
		r = open_handle(db, dirfd, name, err);
	if (r < 0)
		return r;
	(void)sqlite3_extended_result_codes(db->h, 1);
	(void)sqlite3_busy_handler(db->h, on_busy, db);
	(void)sqlite3_wal_hook(db->h, on_commit, db);
	/* closing must cost nothing: no write-back of the log, which stays for the next one */
	(void)sqlite3_db_config(db->h, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	r = use_wal(db, err);
	if (r < 0)
		return r;
	(void)sqlite3_file_control(db->h, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
	r = db_exec(db, "PRAGMA synchronous=NORMAL; PRAGMA secure_delete=OFF", err);
	if (r < 0)
		return r;
	*ret = steal_ptr(db);
	return 0;
}

void db_close(struct db *db)
{
	if (!db)
		return;
	for (size_t i = 0; i < CACHE_SIZE; i++)
		(void)sqlite3_finalize(db->cache[i].s);
	(void)sqlite3_close(db->h); /* an open transaction is undone */
	free(db->path);
	free(db);
}

int db_exec(struct db *db, const char *sql, struct berth_error *err)
{
	int rc = sqlite3_exec(db->h, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : fail(db, rc, err);
}

/** An idle slot: unused, else the one used least recently of those idle; NULL: all are at work. */
static struct db_stmt *free_slot(struct db *db)
{
	for (unsigned int i = 0; i < CACHE_SIZE; i++) {
		struct db_stmt *q = &db->cache[(db->next + i) % CACHE_SIZE];

		if (q->busy)
			continue;
		db->next = (db->next + i + 1) % CACHE_SIZE;
		return q;
	}
	return NULL;
}

static int compile(struct db *db, const char *sql, struct db_stmt **ret, struct berth_error *err)
{
	struct db_stmt *q = free_slot(db);
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v3(db->h, sql, -1, SQLITE_PREPARE_PERSISTENT, &s, NULL);

	if (rc != SQLITE_OK)
		return fail(db, rc, err);
	if (q) {
		(void)sqlite3_finalize(q->s);
		q->cached = true;
	} else {
		q = calloc(1, sizeof(*q));
		if (!q) {
			(void)sqlite3_finalize(s);
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		}
	}
	q->db = db;
	q->s = s;
	q->sql = sql;
	*ret = q;
	return 0;
}

static int statement(struct db *db, const char *sql, struct db_stmt **ret, struct berth_error *err)
{
	struct db_stmt *q = NULL;
	int r = 0;

	for (size_t i = 0; i < CACHE_SIZE && !q; i++)
		if (db->cache[i].sql == sql && !db->cache[i].busy && db->cache[i].s)
			q = &db->cache[i];
	/* text that was made at run time may stand where another one stood */
	if (!q || !str_eq(sqlite3_sql(q->s), sql))
		r = compile(db, sql, &q, err);
	if (r < 0)
		return r;
	q->busy = true;
	*ret = q;
	return 0;
}

void db_stmt_done(struct db_stmt *q)
{
	if (!q)
		return;
	if (!q->cached) {
		(void)sqlite3_finalize(q->s);
		free(q);
		return;
	}
	(void)sqlite3_reset(q->s); /* repeats what step said */
	(void)sqlite3_clear_bindings(q->s);
	q->busy = false;
}

/** @keep: the arguments outlive the statement's work, so SQLite need not copy them. */
static int bind(struct db_stmt *q, bool keep, const char *types, va_list ap,
		struct berth_error *err)
{
	sqlite3_destructor_type life = keep ? SQLITE_STATIC : SQLITE_TRANSIENT;
	int rc = SQLITE_OK;

	for (int i = 1; *types && rc == SQLITE_OK; i++, types++) {
		struct berth_str bytes;

		switch (*types) {
		case 's':
			rc = sqlite3_bind_text(q->s, i, va_arg(ap, const char *), -1, life);
			break;
		case 'i':
			rc = sqlite3_bind_int64(q->s, i, va_arg(ap, int64_t));
			break;
		case 'b':
			bytes = va_arg(ap, struct berth_str);
			rc = sqlite3_bind_blob64(q->s, i, bytes.n ? bytes.p : "", bytes.n, life);
			break;
		default:
			return berth_fail(err, BERTH_E_INTERNAL, "no type of argument '%c'",
					  *types);
		}
	}
	return rc == SQLITE_OK ? 0 : fail(q->db, rc, err);
}

int db_query(struct db *db, struct db_stmt **ret, struct berth_error *err, const char *sql,
	     const char *types, ...)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	va_list ap;
	int r = statement(db, sql, &q, err);

	if (r < 0)
		return r;
	va_start(ap, types);
	r = bind(q, false, types, ap, err);
	va_end(ap);
	if (r < 0)
		return r;
	*ret = steal_ptr(q);
	return 0;
}

int db_step(struct db_stmt *q, struct berth_error *err)
{
	int rc = sqlite3_step(q->s);

	if (rc == SQLITE_ROW)
		return 1;
	return rc == SQLITE_DONE ? 0 : fail(q->db, rc, err);
}

int db_run(struct db *db, int64_t *ret_changes, struct berth_error *err, const char *sql,
	   const char *types, ...)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	va_list ap;
	int r = statement(db, sql, &q, err);

	if (r < 0)
		return r;
	va_start(ap, types);
	r = bind(q, true, types, ap, err);
	va_end(ap);
	while (r == 0 && (r = db_step(q, err)) > 0)
		r = 0;
	if (r == 0 && ret_changes)
		*ret_changes = sqlite3_changes64(db->h);
	return r;
}

const char *db_text(struct db_stmt *q, int i)
{
	return (const char *)sqlite3_column_text(q->s, i);
}

int64_t db_int(struct db_stmt *q, int i)
{
	return sqlite3_column_int64(q->s, i);
}

struct berth_str db_blob(struct db_stmt *q, int i)
{
	struct berth_str bytes = {.p = sqlite3_column_blob(q->s, i)};

	bytes.n = (size_t)sqlite3_column_bytes(q->s, i);
	return bytes;
}

int db_begin(struct db *db, struct berth_error *err)
{
	return db_run(db, NULL, err, "BEGIN IMMEDIATE", "");
}

void db_rollback(struct db *db)
{
	if (!sqlite3_get_autocommit(db->h))
		(void)db_run(db, NULL, NULL, "ROLLBACK", ""); /* closing would undo it too */
}

/** The log as it is now, to the disk: synchronous=FULL for one transaction. */
static int sync_log(struct db *db, struct berth_error *err)
{
	sqlite3_file *log = NULL;
	int rc = sqlite3_file_control(db->h, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);

	if (rc == SQLITE_OK && log && log->pMethods)
		rc = log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
	if (rc == SQLITE_OK)
		return 0;
	return berth_fail_errno(err, errno, "sync database '%s'", db->path);
}

int db_commit(struct db *db, enum db_durability durability, struct berth_error *err)
{
	int r = db_run(db, NULL, err, "COMMIT", "");

	if (r < 0)
		return r;
	if (db->wal_pages >= WRITE_BACK_PAGES)
		/* nobody had time for it; if it fails now, the next one tries again */
		(void)sqlite3_wal_checkpoint_v2(db->h, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	return durability == DB_DURABLE ? sync_log(db, err) : 0;
}

/** The next transaction begins the log anew, and syncs that; let it be one that nobody waits for.
 */
static int restart_log(struct db *db, struct berth_error *err)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	char write[64];
	int r = db_begin(db, err);

	if (r == 0)
		r = db_query(db, &q, err, "PRAGMA user_version", "");
	if (r == 0 && (r = db_step(q, err)) > 0) {
		/* what is there already, written again */
		(void)snprintf(write, sizeof(write), "PRAGMA user_version=%lld",
			       (long long)db_int(q, 0));
		db_stmt_done(steal_ptr(q));
		r = db_exec(db, write, err);
	}
	if (r == 0)
		r = db_commit(db, DB_LAZY, err);
	if (r < 0)
		db_rollback(db);
	return r;
}

bool db_wants_tidy(const struct db *db)
{
	return db->wal_pages >= TIDY_PAGES;
}

int db_tidy(struct db *db, bool all, struct berth_error *err)
{
	int pages = 0, done = 0;
	int rc;

	if (!all && !db_wants_tidy(db))
		return 0;
	rc = sqlite3_wal_checkpoint_v2(db->h, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, &done);
	if (rc != SQLITE_OK)
		return (rc & 0xff) == SQLITE_BUSY ? 0 : fail(db, rc, err);
	if (pages <= 0 || done < pages)
		return 0; /* a reader needs the rest; another time */
	return restart_log(db, err);
}
