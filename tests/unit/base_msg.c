/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/msg.h"
#include "tests/unit/ck.h"

START_TEST(a_message_arrives_whole_with_its_descriptors)
{
	int pair[2];
	int dir = ck_dir();
	int got[4] = {-1, -1, -1, -1};
	char bytes[16];
	size_t n = 0;
	size_t n_fds = 9;

	ck_write(dir, "f", "content");
	int file = openat(dir, "f", O_RDONLY | O_CLOEXEC);
	const int fds[] = {file, dir};

	ck_ok(msg_pair(pair, &err));
	ck_cloexec(pair[0]);
	ck_cloexec(pair[1]);
	ck_ok(msg_send(pair[0], "first", 5, fds, 2, &err));
	ck_ok(msg_send(pair[0], "second", 6, NULL, 0, &err));
	ck_assert_int_eq(close(file), 0);
	ck_ok(msg_recv(pair[1], bytes, sizeof(bytes), &n, got, 4, &n_fds, &err));
	ck_assert_uint_eq(n, 5);
	ck_assert_mem_eq(bytes, "first", 5);
	ck_assert_uint_eq(n_fds, 2);
	ck_cloexec(got[0]);
	ck_cloexec(got[1]);
	ck_assert_int_eq(read(got[0], bytes, sizeof(bytes)), 7);
	ck_assert_mem_eq(bytes, "content", 7);
	ck_ok(msg_recv(pair[1], bytes, sizeof(bytes), &n, NULL, 0, NULL, &err));
	ck_assert_uint_eq(n, 6);
	ck_assert_int_eq(close(pair[0]), 0);
	ck_ok(msg_recv(pair[1], bytes, sizeof(bytes), &n, NULL, 0, NULL, &err));
	ck_assert_uint_eq(n, 0);
}
END_TEST

START_TEST(the_largest_message_and_the_most_descriptors_go_through)
{
	static char big[MSG_BYTES_MAX];
	static char back[MSG_BYTES_MAX];
	int fds[MSG_FDS_MAX];
	int got[MSG_FDS_MAX];
	int pair[2];
	size_t n = 0;
	size_t n_fds = 0;

	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)i;
	for (int i = 0; i < MSG_FDS_MAX; i++)
		fds[i] = i % 3;
	ck_ok(msg_pair(pair, &err));
	ck_ok(msg_send(pair[0], big, sizeof(big), fds, MSG_FDS_MAX, &err));
	ck_ok(msg_recv(pair[1], back, sizeof(back), &n, got, MSG_FDS_MAX, &n_fds, &err));
	ck_assert_uint_eq(n, sizeof(big));
	ck_assert_mem_eq(back, big, sizeof(big));
	ck_assert_uint_eq(n_fds, MSG_FDS_MAX);
	ck_fails(BERTH_E_INVALID, msg_send(pair[0], big, sizeof(big) + 1, NULL, 0, &err));
	ck_fails(BERTH_E_INVALID, msg_send(pair[0], big, 0, NULL, 0, &err));
	ck_fails(BERTH_E_INVALID, msg_send(pair[0], big, 1, fds, MSG_FDS_MAX + 1, &err));
}
END_TEST

START_TEST(a_message_that_is_too_long_is_refused_and_gone)
{
	int pair[2];
	char bytes[4] = "same";
	size_t n = 42;
	int got = 42;
	size_t n_fds = 42;
	const int fds[] = {0, 1};
	int open_fds;

	ck_ok(msg_pair(pair, &err));
	open_fds = ck_count_fds();
	ck_ok(msg_send(pair[0], "12345", 5, fds, 1, &err));
	ck_ok(msg_send(pair[0], "1", 1, fds, 2, &err));
	ck_ok(msg_send(pair[0], "2", 1, fds, 1, &err));
	ck_ok(msg_send(pair[0], "ok", 2, NULL, 0, &err));
	ck_fails(BERTH_E_CORRUPT, msg_recv(pair[1], bytes, 4, &n, &got, 1, &n_fds, &err));
	ck_fails(BERTH_E_CORRUPT, msg_recv(pair[1], bytes, 4, &n, &got, 1, &n_fds, &err));
	ck_fails(BERTH_E_CORRUPT, msg_recv(pair[1], bytes, 4, &n, NULL, 0, NULL, &err));
	ck_assert_uint_eq(n, 42);
	ck_assert_uint_eq(n_fds, 42);
	ck_assert_int_eq(got, 42);
	ck_assert_int_eq(ck_count_fds(), open_fds); /* what came with them is closed */
	ck_ok(msg_recv(pair[1], bytes, 4, &n, &got, 1, &n_fds, &err));
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(n_fds, 0);
}
END_TEST

/* More descriptors, or no bytes: what msg_send does not do, a hostile peer may. */
static void send_raw(int fd, size_t n_bytes, size_t n_fds)
{
	union {
		char bytes[CMSG_SPACE(64 * sizeof(int))];
		struct cmsghdr align;
	} control = {.bytes = {0}};
	char bytes[8] = "raw";
	struct iovec iov = {.iov_base = bytes, .iov_len = n_bytes};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = CMSG_SPACE(n_fds * sizeof(int))};

	control.align.cmsg_level = SOL_SOCKET;
	control.align.cmsg_type = SCM_RIGHTS;
	control.align.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
	ck_assert_int_eq(sendmsg(fd, &msg, 0), (ssize_t)n_bytes);
}

START_TEST(a_hostile_peer_leaks_no_descriptors_into_us)
{
	int pair[2];
	char bytes[8];
	size_t n = 42;
	int got[MSG_FDS_MAX];
	size_t n_fds = 42;
	int open_fds;

	ck_ok(msg_pair(pair, &err));
	open_fds = ck_count_fds();
	send_raw(pair[0], 3, 40);
	ck_fails(BERTH_E_CORRUPT,
		 msg_recv(pair[1], bytes, sizeof(bytes), &n, got, MSG_FDS_MAX, &n_fds, &err));
	ck_assert_int_eq(ck_count_fds(), open_fds);
	send_raw(pair[0], 0, 3);
	ck_ok(msg_recv(pair[1], bytes, sizeof(bytes), &n, got, MSG_FDS_MAX, &n_fds, &err));
	ck_assert_uint_eq(n, 0); /* who sends nothing is as good as gone */
	ck_assert_uint_eq(n_fds, 0);
	ck_assert_int_eq(ck_count_fds(), open_fds);
}
END_TEST

START_TEST(sockets_are_found_in_directories_of_any_depth)
{
	int dir = ck_dir();
	int deep = -1;
	int listener = -1;
	int client = -1;
	int conn = -1;
	struct stat st;
	struct ucred peer;
	char bytes[8];
	size_t n;

	(void)umask(0);
	ck_ok(state_mkdirs(dir,
			   "a-name-that-is-long/a-name-that-is-long/a-name-that-is-long/"
			   "a-name-that-is-long/a-name-that-is-long/a-name-that-is-long",
			   0700, &deep, &err));
	ck_ok(msg_listen(deep, "sock", &listener, &err));
	ck_cloexec(listener);
	ck_assert_int_eq(fstatat(deep, "sock", &st, AT_SYMLINK_NOFOLLOW), 0);
	ck_assert(S_ISSOCK(st.st_mode));
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_ok(msg_connect(deep, "sock", &client, &err));
	ck_cloexec(client);
	ck_ok(msg_accept(listener, &conn, &err));
	ck_cloexec(conn);
	ck_ok(msg_send(client, "hello", 5, NULL, 0, &err));
	ck_ok(msg_recv(conn, bytes, sizeof(bytes), &n, NULL, 0, NULL, &err));
	ck_assert_uint_eq(n, 5);
	ck_ok(msg_peer(conn, &peer, &err));
	ck_assert_int_eq(peer.pid, getpid());
	ck_assert_uint_eq(peer.uid, getuid());
	ck_assert_int_lt(msg_peer(deep, &peer, &err), 0);
}
END_TEST

START_TEST(a_stale_socket_is_replaced)
{
	int dir = ck_dir();
	int listener = -1;
	int fd = 42;

	ck_fails(BERTH_E_NOT_FOUND, msg_connect(dir, "sock", &fd, &err));
	ck_ok(msg_listen(dir, "sock", &listener, &err));
	close_fd(&listener);
	ck_fails(BERTH_E_UNREACHABLE, msg_connect(dir, "sock", &fd, &err));
	ck_ok(msg_listen(dir, "sock", &listener, &err));
	ck_ok(msg_connect(dir, "sock", &fd, &err));
}
END_TEST

START_TEST(socket_names_are_names_and_no_links)
{
	int dir = ck_dir();
	int listener = -1;
	int fd = 42;
	char name[200];

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	ck_fails(BERTH_E_INVALID, msg_listen(dir, "a/b", &fd, &err));
	ck_fails(BERTH_E_INVALID, msg_listen(dir, "..", &fd, &err));
	ck_fails(BERTH_E_INVALID, msg_listen(dir, name, &fd, &err));
	ck_ok(msg_listen(dir, "real", &listener, &err));
	ck_assert_int_eq(symlinkat("real", dir, "link"), 0);
	ck_fails(BERTH_E_CORRUPT, msg_connect(dir, "link", &fd, &err));
	ck_write(dir, "file", "");
	ck_fails(BERTH_E_UNREACHABLE, msg_connect(dir, "file", &fd, &err));
	ck_assert_int_eq(fd, 42);
}
END_TEST

START_TEST(who_does_not_want_to_wait_need_not)
{
	int pair[2];
	int dir = ck_dir();
	int listener = -1;
	int fd = 42;
	char bytes[8];
	static char big[MSG_BYTES_MAX];
	size_t n = 42;
	int r = 0;

	ck_ok(msg_pair(pair, &err));
	ck_assert_int_eq(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
	ck_fails(BERTH_E_BUSY, msg_recv(pair[0], bytes, sizeof(bytes), &n, NULL, 0, NULL, &err));
	for (int i = 0; i < 10000 && r == 0; i++)
		r = msg_send(pair[0], big, sizeof(big), NULL, 0, &err);
	ck_assert_int_eq(r, -BERTH_E_BUSY);
	ck_ok(msg_listen(dir, "s", &listener, &err));
	ck_assert_int_eq(fcntl(listener, F_SETFL, O_NONBLOCK), 0);
	ck_fails(BERTH_E_BUSY, msg_accept(listener, &fd, &err));
	ck_assert_uint_eq(n, 42);
	ck_assert_int_eq(fd, 42);
}
END_TEST

START_TEST(sending_to_nobody_is_an_error_not_a_signal)
{
	int pair[2];
	char bytes[8];
	size_t n = 42;

	ck_ok(msg_pair(pair, &err));
	ck_ok(msg_send(pair[0], "unread", 6, NULL, 0, &err));
	ck_assert_int_eq(close(pair[1]), 0);
	ck_fails(BERTH_E_UNREACHABLE, msg_send(pair[0], "x", 1, NULL, 0, &err));
	ck_ok(msg_recv(pair[0], bytes, sizeof(bytes), &n, NULL, 0, NULL, &err));
	ck_assert_uint_eq(n, 0);
}
END_TEST

int main(void)
{
	return CK_MAIN("base/msg", a_message_arrives_whole_with_its_descriptors,
		       the_largest_message_and_the_most_descriptors_go_through,
		       a_message_that_is_too_long_is_refused_and_gone,
		       a_hostile_peer_leaks_no_descriptors_into_us,
		       sockets_are_found_in_directories_of_any_depth, a_stale_socket_is_replaced,
		       socket_names_are_names_and_no_links, who_does_not_want_to_wait_need_not,
		       sending_to_nobody_is_an_error_not_a_signal);
}
