/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <sys/wait.h>

#include "store_rig.h"

static void put(struct store *store, const struct digest *digest, const char *text)
{
	struct content_writer *w = NULL;
	uint64_t have = 99;

	ck_ok(content_begin(store, digest, &w, &have, &err));
	ck_assert_uint_eq(have, 0);
	ck_ok(content_write(w, text, strlen(text), &err));
	ck_ok(content_commit(w, digest, &err));
}

START_TEST(a_blob_shows_only_when_it_is_committed)
{
	struct store *store = rig_store();
	struct digest d = rig_digest('a');
	struct content_writer *w = NULL;
	cleanup_free char *bytes = NULL;
	uint64_t have, size = 0;
	size_t n;

	ck_ok(content_begin(store, &d, &w, &have, &err));
	ck_ok(content_write(w, "hello", 5, &err));
	ck_fails(BERTH_E_NOT_FOUND, content_stat(store, &d, &size, &err));
	ck_ok(content_commit(w, &d, &err));
	ck_ok(content_stat(store, &d, &size, &err));
	ck_assert_uint_eq(size, 5);
	ck_ok(content_read(store, &d, 100, &bytes, &n, &err));
	ck_assert_uint_eq(n, 5);
	ck_assert_str_eq(bytes, "hello");
	ck_ok(content_sync(store, &err));
	store_close(store);
}
END_TEST

START_TEST(what_is_there_is_not_written_again)
{
	struct store *store = rig_store();
	struct digest d = rig_digest('a');
	struct content_writer *w = NULL;
	uint64_t have;

	put(store, &d, "x");
	ck_fails(BERTH_E_EXISTS, content_begin(store, &d, &w, &have, &err));
	ck_assert_ptr_null(w);
	store_close(store);
}
END_TEST

START_TEST(one_writes_at_a_time)
{
	struct store *store = rig_store();
	struct digest d = rig_digest('a');
	struct content_writer *w = NULL, *other = NULL;
	uint64_t have;

	ck_ok(content_begin(store, &d, &w, &have, &err));
	ck_fails(BERTH_E_BUSY, content_begin(store, &d, &other, &have, &err));
	ck_ok(content_commit(w, &d, &err));
	ck_fails(BERTH_E_EXISTS, content_begin(store, &d, &other, &have, &err));
	store_close(store);
}
END_TEST

START_TEST(what_a_killed_writer_left_can_be_continued)
{
	struct store *store = rig_store();
	struct digest d = rig_digest('b');
	struct content_writer *w = NULL;
	cleanup_free char *bytes = NULL;
	uint64_t have = 0;
	pid_t pid = fork();

	if (pid == 0) {
		ck_ok(content_begin(store, &d, &w, &have, &err));
		ck_ok(content_write(w, "first ", 6, &err));
		(void)raise(SIGKILL);
	}
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	ck_ok(content_begin(store, &d, &w, &have, &err));
	ck_assert_uint_eq(have, 6);
	ck_ok(content_write(w, "second", 6, &err));
	ck_ok(content_commit(w, &d, &err));
	ck_ok(content_read(store, &d, 100, &bytes, NULL, &err));
	ck_assert_str_eq(bytes, "first second");
	store_close(store);
}
END_TEST

START_TEST(a_restart_forgets_what_was_there)
{
	struct store *store = rig_store();
	struct digest d = rig_digest('b');
	struct content_writer *w = NULL;
	cleanup_free char *bytes = NULL;
	uint64_t have;

	ck_ok(content_begin(store, &d, &w, &have, &err));
	ck_ok(content_write(w, "wrong", 5, &err));
	content_abort(w, true);
	ck_ok(content_begin(store, &d, &w, &have, &err));
	ck_assert_uint_eq(have, 5);
	ck_ok(content_restart(w, &err));
	ck_ok(content_write(w, "ok", 2, &err));
	ck_ok(content_commit(w, &d, &err));
	ck_ok(content_read(store, &d, 100, &bytes, NULL, &err));
	ck_assert_str_eq(bytes, "ok");
	store_close(store);
}
END_TEST

START_TEST(an_abort_leaves_nothing_unless_asked)
{
	struct store *store = rig_store();
	struct digest d = rig_digest('c');
	struct content_writer *w = NULL;
	uint64_t have;

	ck_ok(content_begin(store, &d, &w, &have, &err));
	ck_ok(content_write(w, "abc", 3, &err));
	content_abort(w, false);
	ck_ok(content_begin(store, &d, &w, &have, &err));
	ck_assert_uint_eq(have, 0);
	content_abort(w, true);
	content_abort(NULL, true);
	ck_assert(!ck_exists(store->rootfd,
			     "content/partial/sha256-cccccccccccccccccccccccccccccccc"
			     "cccccccccccccccccccccccccccccccc"));
	store_close(store);
}
END_TEST

START_TEST(a_blob_need_not_be_known_before)
{
	struct store *store = rig_store();
	struct digest d = rig_digest('d');
	struct content_writer *w = NULL;
	uint64_t have;

	ck_ok(content_begin(store, NULL, &w, &have, &err));
	ck_ok(content_write(w, "abc", 3, &err));
	ck_ok(content_commit(w, &d, &err));
	ck_ok(content_stat(store, &d, NULL, &err));
	store_close(store);
}
END_TEST

START_TEST(a_read_has_a_limit)
{
	struct store *store = rig_store();
	struct digest d = rig_digest('e');
	char *bytes = NULL;
	size_t n;

	put(store, &d, "123456");
	ck_fails(BERTH_E_LIMIT, content_read(store, &d, 5, &bytes, &n, &err));
	ck_assert_ptr_null(bytes);
	ck_ok(content_read(store, &d, 6, &bytes, &n, &err));
	free(bytes);
	store_close(store);
}
END_TEST

START_TEST(removing_what_is_absent_is_fine)
{
	struct store *store = rig_store();
	struct digest d = rig_digest('f');

	ck_ok(content_remove(store, &d, &err));
	put(store, &d, "x");
	ck_ok(content_remove(store, &d, &err));
	ck_fails(BERTH_E_NOT_FOUND, content_stat(store, &d, NULL, &err));
	store_close(store);
}
END_TEST

static int add_one(void *arg, const struct digest *digest, uint64_t size)
{
	*(uint64_t *)arg += size;
	return 0;
}

START_TEST(a_listing_has_blobs_only)
{
	struct store *store = rig_store();
	struct digest a = rig_digest('a'), b = rig_digest('b');
	uint64_t sum = 0;

	put(store, &a, "12");
	put(store, &b, "345");
	ck_write(store->rootfd, "content/sha256/README", "not a blob");
	ck_ok(content_each(store, add_one, &sum, &err));
	ck_assert_uint_eq(sum, 5);
	store_close(store);
}
END_TEST

START_TEST(a_sweep_takes_what_the_dead_left_and_nothing_of_the_living)
{
	struct store *store = rig_store();
	struct digest d = rig_digest('a'), e = rig_digest('b');
	struct content_writer *alive = NULL, *dead = NULL, *nameless = NULL;
	uint64_t have;
	size_t n = 99;

	ck_ok(content_begin(store, &d, &alive, &have, &err));
	ck_ok(content_write(alive, "abc", 3, &err));
	ck_ok(content_begin(store, &e, &dead, &have, &err));
	ck_ok(content_write(dead, "abc", 3, &err));
	content_abort(dead, true);
	ck_ok(content_begin(store, NULL, &nameless, &have, &err));
	ck_ok(content_write(nameless, "abc", 3, &err));
	content_abort(nameless, true);
	ck_ok(content_sweep(store, false, &n, &err));
	ck_assert_uint_eq(n, 1);
	ck_ok(content_sweep(store, true, &n, &err));
	ck_assert_uint_eq(n, 1);
	ck_ok(content_commit(alive, &d, &err));
	ck_ok(content_stat(store, &d, NULL, &err));
	store_close(store);
}
END_TEST

START_TEST(a_temporary_file_has_no_name)
{
	struct store *store = rig_store();
	int fd = -1;
	struct stat st;

	ck_ok(content_temp(store, &fd, &err));
	ck_cloexec(fd);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_uint_eq(st.st_nlink, 0);
	ck_assert_int_eq(close(fd), 0);
	store_close(store);
}
END_TEST

START_TEST(writers_leave_no_descriptor)
{
	struct store *store = rig_store();
	struct digest d = rig_digest('a'), e = rig_digest('e');
	struct content_writer *w = NULL;
	uint64_t have;
	int before = ck_count_fds();

	put(store, &d, "x");
	ck_fails(BERTH_E_EXISTS, content_begin(store, &d, &w, &have, &err));
	ck_ok(content_begin(store, &e, &w, &have, &err));
	content_abort(w, false);
	ck_assert_int_eq(ck_count_fds(), before);
	store_close(store);
}
END_TEST

/* --- the directories around
 * ------------------------------------------------------------------------ */

START_TEST(opening_makes_what_is_missing)
{
	struct store *store = rig_store();

	ck_assert(ck_exists(store->rootfd, "berth.db"));
	ck_assert(ck_exists(store->rootfd, "content/sha256"));
	ck_assert(ck_exists(store->rootfd, "storage"));
	ck_assert(ck_exists(store->runfd, "locks"));
	store_close(store);
	ck_ok(store_open(&rig_config, &store, &err));
	store_close(store);
}
END_TEST

START_TEST(a_run_directory_that_vanished_is_made_again)
{
	struct store *store = rig_store();
	cleanup_fd int top = -1;
	int lock = -1;

	store_close(store);
	top = open(rig_run, O_PATH | O_DIRECTORY | O_CLOEXEC);
	ck_ok(remove_tree(top, "containers", &err));
	ck_ok(remove_tree(top, "locks", &err));
	ck_ok(store_open(&rig_config, &store, &err));
	ck_ok(store_lock(store, "container", "a", true, &lock, &err));
	ck_assert(ck_exists(store->runfd, "containers"));
	(void)close(lock);
	store_close(store);
}
END_TEST

START_TEST(a_state_directory_that_others_can_write_is_refused)
{
	struct store *store = rig_store();

	store_close(store);
	store = NULL;
	ck_assert_int_eq(chmod(rig_root, 0777), 0);
	ck_fails(BERTH_E_DENIED, store_open(&rig_config, &store, &err));
	ck_says(rig_root);
	ck_assert_ptr_null(store);
}
END_TEST

START_TEST(a_state_directory_of_somebody_else_is_refused)
{
	struct store *store = rig_store();

	store_close(store);
	store = NULL;
	if (geteuid() != 0)
		return; /* only root can give things away */
	ck_assert_int_eq(chown(rig_root, 12345, 12345), 0);
	ck_fails(BERTH_E_DENIED, store_open(&rig_config, &store, &err));
	ck_assert_int_eq(chown(rig_root, 0, 0), 0);
}
END_TEST

START_TEST(a_lock_is_held_by_one_until_it_is_closed)
{
	struct store *store = rig_store();
	int a = -1, b = -1;

	ck_ok(store_lock(store, "layer", "sha256:1", true, &a, &err));
	ck_fails(BERTH_E_BUSY, store_lock(store, "layer", "sha256:1", true, &b, &err));
	ck_ok(store_lock(store, "layer", "sha256:2", true, &b, &err));
	store_lock_drop(store, "layer", "sha256:1", &a);
	ck_assert_int_eq(a, -1);
	ck_assert(!ck_exists(store->runfd, "locks/layer.sha256:1"));
	ck_ok(store_lock(store, "layer", "sha256:1", true, &a, &err));
	(void)close(a);
	(void)close(b);
	store_close(store);
}
END_TEST

START_TEST(shared_locks_are_together_and_keep_the_exclusive_one_away)
{
	struct store *store = rig_store();
	int a = -1, b = -1, c = -1;

	ck_ok(store_lock_shared(store, "images", "all", &a, &err));
	ck_ok(store_lock_shared(store, "images", "all", &b, &err));
	ck_fails(BERTH_E_BUSY, store_lock(store, "images", "all", true, &c, &err));
	(void)close(a);
	(void)close(b);
	ck_ok(store_lock(store, "images", "all", true, &c, &err));
	(void)close(c);
	store_close(store);
}
END_TEST

START_TEST(a_lock_with_a_slash_in_its_name_is_refused)
{
	struct store *store = rig_store();
	int a = -1;

	ck_fails(BERTH_E_INVALID, store_lock(store, "layer", "../x", true, &a, &err));
	ck_assert_int_eq(a, -1);
	store_close(store);
}
END_TEST

int main(void)
{
	return CK_MAIN("store/content", a_blob_shows_only_when_it_is_committed,
		       what_is_there_is_not_written_again, one_writes_at_a_time,
		       what_a_killed_writer_left_can_be_continued, a_restart_forgets_what_was_there,
		       an_abort_leaves_nothing_unless_asked, a_blob_need_not_be_known_before,
		       a_read_has_a_limit, removing_what_is_absent_is_fine,
		       a_listing_has_blobs_only,
		       a_sweep_takes_what_the_dead_left_and_nothing_of_the_living,
		       a_temporary_file_has_no_name, writers_leave_no_descriptor,
		       opening_makes_what_is_missing, a_run_directory_that_vanished_is_made_again,
		       a_state_directory_that_others_can_write_is_refused,
		       a_state_directory_of_somebody_else_is_refused,
		       a_lock_is_held_by_one_until_it_is_closed,
		       shared_locks_are_together_and_keep_the_exclusive_one_away,
		       a_lock_with_a_slash_in_its_name_is_refused);
}
