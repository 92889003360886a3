/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/lock.h"
#include "tests/unit/ck.h"

START_TEST(an_exclusive_lock_is_alone)
{
	int dir = ck_dir();
	int fd = -1;
	int other = 42;
	struct stat st;

	(void)umask(0);
	ck_ok(lock_take(dir, "l", 0, &fd, &err));
	ck_cloexec(fd);
	ck_assert_int_eq(fstatat(dir, "l", &st, 0), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_fails(BERTH_E_BUSY, lock_take(dir, "l", LOCK_TRY, &other, &err));
	ck_says("'l'");
	ck_fails(BERTH_E_BUSY, lock_take(dir, "l", LOCK_TRY | LOCK_SHARED, &other, &err));
	ck_assert_int_eq(other, 42);
	ck_ok(lock_take(dir, "another", LOCK_TRY, &other, &err));
	close_fd(&fd);
	ck_ok(lock_take(dir, "l", LOCK_TRY, &fd, &err));
}
END_TEST

START_TEST(shared_locks_are_together_but_not_with_an_exclusive_one)
{
	int dir = ck_dir();
	int a = -1;
	int b = -1;
	int c = 42;

	ck_ok(lock_take(dir, "l", LOCK_SHARED, &a, &err));
	ck_ok(lock_take(dir, "l", LOCK_SHARED | LOCK_TRY, &b, &err));
	ck_fails(BERTH_E_BUSY, lock_take(dir, "l", LOCK_TRY, &c, &err));
	close_fd(&a);
	ck_fails(BERTH_E_BUSY, lock_take(dir, "l", LOCK_TRY, &c, &err));
	close_fd(&b);
	ck_ok(lock_take(dir, "l", LOCK_TRY, &c, &err));
}
END_TEST

START_TEST(a_lock_goes_with_its_process)
{
	int dir = ck_dir();
	int ready[2];
	int fd = -1;
	char c;
	pid_t pid;

	ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		if (lock_take(dir, "l", 0, &fd, NULL) < 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			(void)pause();
	}
	ck_assert_int_eq(read(ready[0], &c, 1), 1);
	ck_fails(BERTH_E_BUSY, lock_take(dir, "l", LOCK_TRY, &fd, &err));
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_ok(lock_take(dir, "l", 0, &fd, &err)); /* waits until it is gone */
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}
END_TEST

START_TEST(who_waits_for_a_removed_lock_takes_the_new_one)
{
	int dir = ck_dir();
	int fd = -1;
	int status;
	pid_t pid;

	ck_ok(lock_take(dir, "l", 0, &fd, &err));
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		int got = -1;
		struct stat mine;
		struct stat there;

		close_fd(&fd); /* the lock is the parent's still: it has the same open file */
		if (lock_take(dir, "l", 0, &got, NULL) < 0 || fstat(got, &mine) < 0 ||
		    fstatat(dir, "l", &there, 0) < 0)
			_exit(1);
		_exit(mine.st_ino == there.st_ino ? 0 : 2);
	}
	(void)usleep(50000);
	ck_assert_int_eq(unlinkat(dir, "l", 0), 0);
	close_fd(&fd);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

START_TEST(a_lock_is_no_link_and_no_path)
{
	int dir = ck_dir();
	int fd = 42;

	ck_assert_int_eq(symlinkat("target", dir, "l"), 0);
	ck_fails(BERTH_E_CORRUPT, lock_take(dir, "l", 0, &fd, &err));
	ck_fails(BERTH_E_INVALID, lock_take(dir, "a/b", 0, &fd, &err));
	ck_fails(BERTH_E_INVALID, lock_take(dir, "..", 0, &fd, &err));
	ck_assert(!ck_exists(dir, "target"));
	ck_assert_int_eq(fd, 42);
}
END_TEST

int main(void)
{
	return CK_MAIN("base/lock", an_exclusive_lock_is_alone,
		       shared_locks_are_together_but_not_with_an_exclusive_one,
		       a_lock_goes_with_its_process, who_waits_for_a_removed_lock_takes_the_new_one,
		       a_lock_is_no_link_and_no_path);
}
