/* SPDX-License-Identifier: Apache-2.0 */
#include "core/store/db.h"

#include <pthread.h>
#include <sys/wait.h>

#include "ck.h"
#include "core/store/schema.h"

static struct db *open_new(int dirfd)
{
	struct db *db = NULL;

	ck_ok(db_open(dirfd, "t.db", &db, &err));
	return db;
}

static struct db *open_with_table(int dirfd)
{
	struct db *db = open_new(dirfd);

	ck_ok(db_exec(db, "CREATE TABLE IF NOT EXISTS t(k TEXT PRIMARY KEY, n INTEGER, b BLOB)",
		      &err));
	return db;
}

static int64_t count(struct db *db)
{
	struct db_stmt *q = NULL;
	int64_t n;

	ck_ok(db_query(db, &q, &err, "SELECT count(*) FROM t", ""));
	ck_assert_int_eq(db_step(q, &err), 1);
	n = db_int(q, 0);
	db_stmt_done(q);
	return n;
}

START_TEST(what_was_bound_comes_back)
{
	struct db *db = open_with_table(ck_dir());
	const struct berth_str bytes = {"a\0b", 3};
	struct db_stmt *q = NULL;
	struct berth_str got;

	ck_ok(db_run(db, NULL, &err, "INSERT INTO t VALUES(?1,?2,?3)", "sib",
		     "it's \"quoted\"; DROP TABLE t", INT64_MIN, bytes));
	ck_ok(db_query(db, &q, &err, "SELECT k,n,b,NULL FROM t WHERE k=?1", "s",
		       "it's \"quoted\"; DROP TABLE t"));
	ck_assert_int_eq(db_step(q, &err), 1);
	ck_assert_str_eq(db_text(q, 0), "it's \"quoted\"; DROP TABLE t");
	ck_assert_int_eq(db_int(q, 1), INT64_MIN);
	got = db_blob(q, 2);
	ck_assert_uint_eq(got.n, 3);
	ck_assert_mem_eq(got.p, "a\0b", 3);
	ck_assert_ptr_null(db_text(q, 3));
	ck_assert_int_eq(db_step(q, &err), 0);
	db_stmt_done(q);
	db_close(db);
}
END_TEST

START_TEST(a_null_string_is_null)
{
	struct db *db = open_with_table(ck_dir());
	struct db_stmt *q = NULL;

	ck_ok(db_run(db, NULL, &err, "INSERT INTO t(k,b) VALUES('a',?1)", "s", NULL));
	ck_ok(db_query(db, &q, &err, "SELECT b IS NULL FROM t", ""));
	ck_assert_int_eq(db_step(q, &err), 1);
	ck_assert_int_eq(db_int(q, 0), 1);
	db_stmt_done(q);
	db_close(db);
}
END_TEST

START_TEST(a_key_twice_is_exists)
{
	struct db *db = open_with_table(ck_dir());

	ck_ok(db_run(db, NULL, &err, "INSERT INTO t(k) VALUES(?1)", "s", "a"));
	ck_fails(BERTH_E_EXISTS, db_run(db, NULL, &err, "INSERT INTO t(k) VALUES(?1)", "s", "a"));
	db_close(db);
}
END_TEST

START_TEST(changes_are_counted)
{
	struct db *db = open_with_table(ck_dir());
	int64_t n = -1;

	ck_ok(db_run(db, NULL, &err, "INSERT INTO t(k) VALUES('a'),('b')", ""));
	ck_ok(db_run(db, &n, &err, "UPDATE t SET n=1 WHERE k=?1", "s", "nobody"));
	ck_assert_int_eq(n, 0);
	ck_ok(db_run(db, &n, &err, "UPDATE t SET n=1", ""));
	ck_assert_int_eq(n, 2);
	db_close(db);
}
END_TEST

START_TEST(a_rollback_undoes_and_needs_no_transaction)
{
	struct db *db = open_with_table(ck_dir());

	db_rollback(db);
	ck_ok(db_begin(db, &err));
	ck_ok(db_run(db, NULL, &err, "INSERT INTO t(k) VALUES('a')", ""));
	db_rollback(db);
	ck_assert_int_eq(count(db), 0);
	db_close(db);
}
END_TEST

START_TEST(closing_undoes_what_was_not_committed)
{
	int dirfd = ck_dir();
	struct db *db = open_with_table(dirfd);

	ck_ok(db_begin(db, &err));
	ck_ok(db_run(db, NULL, &err, "INSERT INTO t(k) VALUES('a')", ""));
	db_close(db);
	db = open_new(dirfd);
	ck_assert_int_eq(count(db), 0);
	db_close(db);
}
END_TEST

START_TEST(what_was_committed_survives_kill)
{
	int dirfd = ck_dir();
	struct db *db = open_with_table(dirfd);
	pid_t pid;

	db_close(db);
	pid = fork();
	if (pid == 0) {
		db = open_new(dirfd);
		ck_ok(db_begin(db, &err));
		ck_ok(db_run(db, NULL, &err, "INSERT INTO t(k) VALUES('a')", ""));
		ck_ok(db_commit(db, DB_LAZY, &err));
		ck_ok(db_begin(db, &err));
		ck_ok(db_run(db, NULL, &err, "INSERT INTO t(k) VALUES('b')", ""));
		(void)raise(SIGKILL);
	}
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	db = open_new(dirfd);
	ck_assert_int_eq(count(db), 1);
	db_close(db);
}
END_TEST

static void *add_a_hundred(void *arg)
{
	struct db *db = open_new(*(int *)arg);

	for (int i = 0; i < 100; i++) {
		ck_ok(db_begin(db, NULL));
		ck_ok(db_run(db, NULL, NULL, "INSERT INTO t(k) VALUES(hex(randomblob(16)))", ""));
		ck_ok(db_commit(db, DB_LAZY, NULL));
	}
	db_close(db);
	return NULL;
}

START_TEST(several_writers_wait_for_each_other)
{
	int dirfd = ck_dir();
	struct db *db = open_with_table(dirfd);
	pid_t pid[4];

	db_close(db);
	for (int i = 0; i < 4; i++) {
		pid[i] = fork();
		if (pid[i] == 0) {
			(void)add_a_hundred(&dirfd);
			_exit(0);
		}
	}
	for (int i = 0; i < 4; i++) {
		int status;

		ck_assert_int_eq(waitpid(pid[i], &status, 0), pid[i]);
		ck_assert_int_eq(status, 0);
	}
	db = open_new(dirfd);
	ck_assert_int_eq(count(db), 400);
	db_close(db);
}
END_TEST

START_TEST(making_it_at_the_same_time_works)
{
	int dirfd = ck_dir();
	pid_t pid[6];

	for (int i = 0; i < 6; i++) {
		pid[i] = fork();
		if (pid[i] == 0) {
			struct db *db = open_new(dirfd);

			ck_ok(schema_ensure(db, &err));
			db_close(db);
			_exit(0);
		}
	}
	for (int i = 0; i < 6; i++) {
		int status;

		ck_assert_int_eq(waitpid(pid[i], &status, 0), pid[i]);
		ck_assert_int_eq(status, 0);
	}
}
END_TEST

START_TEST(text_made_at_run_time_is_not_taken_for_an_earlier_one)
{
	struct db *db = open_with_table(ck_dir());
	struct db_stmt *q = NULL;
	char sql[64] = "SELECT 1";

	ck_ok(db_query(db, &q, &err, sql, ""));
	ck_assert_int_eq(db_step(q, &err), 1);
	ck_assert_int_eq(db_int(q, 0), 1);
	db_stmt_done(q);
	(void)snprintf(sql, sizeof(sql), "SELECT 2");
	ck_ok(db_query(db, &q, &err, sql, ""));
	ck_assert_int_eq(db_step(q, &err), 1);
	ck_assert_int_eq(db_int(q, 0), 2);
	db_stmt_done(q);
	db_close(db);
}
END_TEST

START_TEST(one_statement_may_be_used_twice_at_once)
{
	struct db *db = open_with_table(ck_dir());
	struct db_stmt *outer = NULL, *inner = NULL;
	static const char sql[] = "SELECT k FROM t WHERE k>=?1 ORDER BY k";

	ck_ok(db_run(db, NULL, &err, "INSERT INTO t(k) VALUES('a'),('b')", ""));
	ck_ok(db_query(db, &outer, &err, sql, "s", "a"));
	ck_assert_int_eq(db_step(outer, &err), 1);
	ck_ok(db_query(db, &inner, &err, sql, "s", "b"));
	ck_assert_int_eq(db_step(inner, &err), 1);
	ck_assert_str_eq(db_text(inner, 0), "b");
	ck_assert_str_eq(db_text(outer, 0), "a");
	ck_assert_int_eq(db_step(outer, &err), 1);
	db_stmt_done(inner);
	db_stmt_done(outer);
	db_close(db);
}
END_TEST

START_TEST(more_statements_than_the_cache_holds_work)
{
	struct db *db = open_with_table(ck_dir());
	struct db_stmt *q[100] = {NULL};
	char sql[100][32];

	for (int i = 0; i < 100; i++) {
		(void)snprintf(sql[i], sizeof(sql[i]), "SELECT %d", i);
		ck_ok(db_query(db, &q[i], &err, sql[i], ""));
	}
	for (int i = 0; i < 100; i++) {
		ck_assert_int_eq(db_step(q[i], &err), 1);
		ck_assert_int_eq(db_int(q[i], 0), i);
		db_stmt_done(q[i]);
	}
	db_close(db);
}
END_TEST

START_TEST(a_file_that_is_no_database_is_corrupt)
{
	int dirfd = ck_dir();
	struct db *db = NULL;
	char junk[8192];

	memset(junk, 'x', sizeof(junk) - 1);
	junk[sizeof(junk) - 1] = '\0';
	ck_write(dirfd, "t.db", junk);
	ck_fails(BERTH_E_CORRUPT, db_open(dirfd, "t.db", &db, &err));
	ck_assert_ptr_null(db);
	ck_assert_ptr_nonnull(strstr(err.hint, "system check"));
}
END_TEST

START_TEST(a_symlink_is_not_followed)
{
	int dirfd = ck_dir();
	struct db *db = NULL;

	ck_assert_int_eq(symlinkat("elsewhere.db", dirfd, "t.db"), 0);
	ck_assert_int_lt(db_open(dirfd, "t.db", &db, &err), 0);
	ck_assert_ptr_null(db);
	ck_assert(!ck_exists(dirfd, "elsewhere.db"));
}
END_TEST

START_TEST(nobody_else_may_read_the_file)
{
	int dirfd = ck_dir();
	struct db *db = open_with_table(dirfd);
	struct stat st;

	ck_assert_int_eq(fstatat(dirfd, "t.db", &st, 0), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(fstatat(dirfd, "t.db-wal", &st, 0), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	db_close(db);
}
END_TEST

START_TEST(closing_leaves_the_log_and_tidying_empties_it)
{
	int dirfd = ck_dir();
	struct db *db = open_with_table(dirfd);
	struct stat before, after;

	for (int i = 0; i < 200; i++) {
		ck_ok(db_begin(db, &err));
		ck_ok(db_run(db, NULL, &err, "INSERT INTO t(k) VALUES(hex(randomblob(16)))", ""));
		ck_ok(db_commit(db, DB_LAZY, &err));
	}
	ck_assert_int_eq(fstatat(dirfd, "t.db", &before, 0), 0);
	db_close(db);
	ck_assert_int_eq(fstatat(dirfd, "t.db", &after, 0), 0);
	ck_assert_int_eq(before.st_size, after.st_size);
	db = open_new(dirfd);
	ck_ok(db_tidy(db, true, &err));
	ck_assert_int_eq(fstatat(dirfd, "t.db", &after, 0), 0);
	ck_assert_int_gt(after.st_size, before.st_size);
	ck_assert_int_eq(count(db), 200);
	db_close(db);
}
END_TEST

START_TEST(tidying_keeps_the_version)
{
	int dirfd = ck_dir();
	struct db *db = open_new(dirfd);

	ck_ok(schema_ensure(db, &err));
	ck_ok(db_tidy(db, true, &err));
	ck_ok(schema_ensure(db, &err));
	db_close(db);
}
END_TEST

START_TEST(a_later_version_is_refused_and_kept)
{
	int dirfd = ck_dir();
	struct db *db = open_new(dirfd);

	ck_ok(schema_ensure(db, &err));
	ck_ok(db_exec(db, "PRAGMA user_version=999", &err));
	ck_fails(BERTH_E_UNSUPPORTED, schema_ensure(db, &err));
	ck_says("999");
	ck_fails(BERTH_E_UNSUPPORTED, schema_ensure(db, &err));
	db_close(db);
}
END_TEST

START_TEST(a_durable_commit_is_a_commit)
{
	int dirfd = ck_dir();
	struct db *db = open_with_table(dirfd);

	ck_ok(db_begin(db, &err));
	ck_ok(db_run(db, NULL, &err, "INSERT INTO t(k) VALUES('a')", ""));
	ck_ok(db_commit(db, DB_DURABLE, &err));
	db_close(db);
	db = open_new(dirfd);
	ck_assert_int_eq(count(db), 1);
	db_close(db);
}
END_TEST

int main(void)
{
	return CK_MAIN(
		"store/db", what_was_bound_comes_back, a_null_string_is_null, a_key_twice_is_exists,
		changes_are_counted, a_rollback_undoes_and_needs_no_transaction,
		closing_undoes_what_was_not_committed, what_was_committed_survives_kill,
		several_writers_wait_for_each_other, making_it_at_the_same_time_works,
		text_made_at_run_time_is_not_taken_for_an_earlier_one,
		one_statement_may_be_used_twice_at_once, more_statements_than_the_cache_holds_work,
		a_file_that_is_no_database_is_corrupt, a_symlink_is_not_followed,
		nobody_else_may_read_the_file, closing_leaves_the_log_and_tidying_empties_it,
		tidying_keeps_the_version, a_later_version_is_refused_and_kept,
		a_durable_commit_is_a_commit);
}
