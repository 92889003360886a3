/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <linux/netlink.h>

#include "base/log.h"
#include "base/process.h"
#include "tests/unit/driver_rig.h"
#include "tests/unit/odd/odd.h"

static const struct berth_host *host;

static void open_odd(const char *words)
{
	struct network *net;

	rig_make_odd();
	ck_assert_int_eq(setenv("ODD", words, 1), 0);
	ck_ok(drivers_network(rig, "odd", &net, &err));
	host = ((const struct odd *)(void *)net->net)->host;
}

START_TEST(the_host_says_who_and_how_large_it_is)
{
	open_odd("");
	ck_assert_uint_eq(host->size, sizeof(struct berth_host));
	ck_assert_uint_eq(host->abi, BERTH_ABI);
	ck_assert(str_has_prefix(host->engine, "berth "));
	ck_assert_ptr_nonnull(host->credential);
	rig_done();
}
END_TEST

START_TEST(a_drivers_line_is_logged_under_its_name)
{
	const char *text;
	int dir = ck_dir(), fd;

	open_odd("");
	fd = openat(dir, "log", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	log_to_fd(fd, BERTH_LOG_INFO);
	berth_log(host, BERTH_LOG_INFO, "layers=%d", 3);
	berth_log(host, BERTH_LOG_DEBUG, "quiet");
	log_to_fd(-1, 0);
	text = ck_text(dir, "log");
	ck_assert_ptr_nonnull(strstr(text, "at=driver.odd"));
	ck_assert_ptr_nonnull(strstr(text, "layers=3"));
	ck_assert_ptr_null(strstr(text, "quiet"));
	rig_done();
}
END_TEST

/* --- operations ----------------------------------------------------------- */

static uint64_t seen_done, seen_total;

static void see(void *arg, uint64_t done, uint64_t total, const char *unit)
{
	ck_assert_str_eq(unit, "bytes");
	ck_assert_ptr_eq(arg, &seen_done);
	seen_done = done;
	seen_total = total;
}

static bool is_readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

START_TEST(an_operation_can_be_cancelled)
{
	struct berth_op *op;

	open_odd("");
	ck_ok(op_new(NULL, NULL, &op, &err));
	ck_assert(!host->cancelled(op));
	ck_ok(op_check(op, &err));
	ck_assert(!is_readable(host->cancel_fd(op)));
	ck_cloexec(host->cancel_fd(op));
	errno = 123;
	op_cancel(op);
	op_cancel(op);
	ck_assert_int_eq(errno, 123);
	ck_assert(host->cancelled(op));
	ck_assert(op_cancelled(op));
	ck_assert(is_readable(host->cancel_fd(op)));
	ck_fails(BERTH_E_CANCELLED, op_check(op, &err));
	host->progress(op, 1, 2, "bytes"); /* nobody listens */
	op_free(op);
	rig_done();
}
END_TEST

START_TEST(no_operation_is_one_that_is_never_cancelled)
{
	open_odd("");
	ck_assert(!host->cancelled(NULL));
	ck_assert_int_eq(host->cancel_fd(NULL), -1);
	host->progress(NULL, 1, 2, "bytes");
	ck_ok(op_check(NULL, &err));
	op_free(NULL);
	rig_done();
}
END_TEST

START_TEST(progress_reaches_the_caller)
{
	struct berth_op *op;

	open_odd("");
	ck_ok(op_new(see, &seen_done, &op, &err));
	host->progress(op, 5, 10, "bytes");
	ck_assert_uint_eq(seen_done, 5);
	ck_assert_uint_eq(seen_total, 10);
	op_free(op);
	rig_done();
}
END_TEST

/* --- sinks ---------------------------------------------------------------- */

START_TEST(a_sink_takes_bytes_up_to_its_limit)
{
	cleanup_str struct str out = STR_INIT;
	struct berth_sink *sink;

	open_odd("");
	ck_ok(sink_new(&out, 5, &sink, &err));
	ck_assert_int_eq(host->sink_put(sink, "abc", 3), 0);
	ck_assert_int_eq(host->sink_put(sink, NULL, 0), 0);
	ck_assert_int_eq(host->sink_put(sink, "def", 3), -BERTH_E_LIMIT);
	ck_assert_int_eq(host->sink_put(sink, "de", 2), 0);
	ck_assert_int_eq(host->sink_put(sink, "f", 1), -BERTH_E_LIMIT);
	ck_assert_str_eq(str_text(&out), "abcde");
	ck_assert_int_eq(host->finding(sink, BERTH_FINDING_OK, "a", "b", NULL), -BERTH_E_INVALID);
	sink_free(sink);
	sink_free(NULL);
	rig_done();
}
END_TEST

START_TEST(a_sink_for_findings_takes_findings)
{
	cleanup_record struct record *list = record_new_array();
	struct berth_sink *sink;
	char *json;

	open_odd("");
	ck_ok(sink_new_findings(list, &sink, &err));
	ck_assert_int_eq(host->finding(sink, BERTH_FINDING_WARN, "odd.a", "It is slow", "Buy"), 0);
	ck_assert_int_eq(host->finding(sink, BERTH_FINDING_OK, "odd.b", "Fine", NULL), 0);
	ck_assert_int_eq(host->finding(sink, 0, "odd.c", "x", NULL), -BERTH_E_INVALID);
	ck_assert_int_eq(host->finding(sink, 5, "odd.c", "x", NULL), -BERTH_E_INVALID);
	ck_assert_int_eq(host->sink_put(sink, "a", 1), -BERTH_E_INVALID);
	sink_free(sink);
	json = record_to_text(list, RECORD_COMPACT);
	ck_assert_str_eq(
		json,
		"[{\"id\":\"odd.a\",\"level\":\"warn\",\"text\":\"It is slow\",\"fix\":\"Buy\"},"
		"{\"id\":\"odd.b\",\"level\":\"ok\",\"text\":\"Fine\",\"fix\":\"\"}]");
	free(json);
	rig_done();
}
END_TEST

/* --- programs ------------------------------------------------------------- */

START_TEST(a_driver_that_declares_it_may_start_a_program)
{
	static const char *const argv[] = {"/bin/sh", "-c", "echo \"$LANG $HOME $X\"; exit 7",
					   NULL};
	static const char *const envp[] = {"X=y", NULL};
	struct process_status status;
	int pipe_fds[2], pidfd = -1;
	char text[64];
	ssize_t n;

	open_odd("needs-spawn");
	ck_assert_int_eq(setenv("HOME", "/nobodys", 1), 0);
	ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
	ck_ok(host->spawn(host, argv, envp, (int[]){-1, pipe_fds[1]}, 2, &pidfd, &err));
	ck_cloexec(pidfd);
	ck_ok(process_wait(pidfd, &status, &err));
	ck_assert_int_eq(status.code, 7);
	n = read(pipe_fds[0], text, sizeof(text));
	ck_assert_int_gt(n, 0);
	text[n] = '\0';
	ck_assert_str_eq(text, "C  y\n");
	ck_assert_int_eq(close(pidfd), 0);
	rig_done();
}
END_TEST

START_TEST(a_program_needs_the_declaration_and_an_absolute_path)
{
	static const char *const absolute[] = {"/bin/true", NULL},
				 *const relative[] = {"true", NULL},
				 *const absent[] = {"/nowhere/true", NULL};
	int pidfd = 42;

	open_odd("");
	ck_fails(BERTH_E_DENIED, host->spawn(host, absolute, NULL, NULL, 0, &pidfd, &err));
	ck_says("does not declare BERTH_NEEDS_SPAWN");
	rig_done();
	open_odd("needs-spawn");
	ck_fails(BERTH_E_INVALID, host->spawn(host, relative, NULL, NULL, 0, &pidfd, &err));
	ck_fails(BERTH_E_INVALID, host->spawn(host, absent + 1, NULL, NULL, 0, &pidfd, &err));
	ck_fails(BERTH_E_EXEC, host->spawn(host, absent, NULL, NULL, 0, &pidfd, &err));
	ck_fails(BERTH_E_LIMIT, host->spawn(host, absolute, NULL, NULL, 9999, &pidfd, &err));
	ck_assert_int_eq(pidfd, 42);
	rig_done();
}
END_TEST

/* --- sockets -------------------------------------------------------------- */

static ino_t netns_of_thread(void)
{
	struct stat st;

	ck_assert_int_eq(stat("/proc/thread-self/ns/net", &st), 0);
	return st.st_ino;
}

/* A network namespace of another thread, to enter. */
static void *make_netns(void *arg)
{
	int *fd = arg;

	if (unshare(CLONE_NEWNET) == 0)
		*fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	return NULL;
}

START_TEST(a_socket_is_born_in_the_namespace_and_the_caller_stays_where_it_is)
{
	ino_t here = netns_of_thread();
	int netns = -1, fd = -1, before;
	pthread_t thread;
	struct stat st, of_socket;

	open_odd("");
	ck_ok(host->socket_in(host, -1, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE, &fd, &err));
	ck_cloexec(fd);
	ck_assert_int_eq(close(fd), 0);
	if (!rig_is_root("only root can make a network namespace"))
		return;
	ck_assert_int_eq(pthread_create(&thread, NULL, make_netns, &netns), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	if (netns < 0) {
		(void)puts("# skipped: no network namespaces here");
		return;
	}
	before = ck_count_fds();
	ck_ok(host->socket_in(host, netns, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE, &fd, &err));
	ck_cloexec(fd);
	ck_assert_int_eq(ck_count_fds(), before + 1);
	ck_assert_uint_eq(netns_of_thread(), here);
	{
		int of = ioctl(fd, 0x894c /* SIOCGSKNS */);

		ck_assert_int_ge(of, 0);
		ck_assert_int_eq(fstat(of, &of_socket), 0);
		ck_assert_int_eq(close(of), 0);
	}
	ck_assert_int_eq(fstat(netns, &st), 0);
	ck_assert_uint_eq(of_socket.st_ino, st.st_ino);
	ck_assert_int_eq(close(fd), 0);
	rig_done();
}
END_TEST

START_TEST(a_socket_that_cannot_be_made_is_told)
{
	int fd = 42, null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	open_odd("");
	ck_assert_int_lt(host->socket_in(host, -1, 12345, SOCK_RAW, 0, &fd, &err), 0);
	ck_says("make a socket");
	ck_assert_int_lt(host->socket_in(host, null, AF_UNIX, SOCK_STREAM, 0, &fd, &err), 0);
	ck_says("enter the network namespace");
	ck_assert_int_eq(fd, 42);
	rig_done();
}
END_TEST

/* --- to the engine -------------------------------------------------------- */

static int credential(void *arg, const char *registry, struct str *ret_json, struct berth_error *e)
{
	if (!str_eq(registry, "registry.example"))
		return berth_fail(e, BERTH_E_NOT_FOUND, "none");
	str_add(ret_json, arg);
	return 0;
}

START_TEST(credentials_come_from_above)
{
	cleanup_str struct str out = STR_INIT;
	struct berth_sink *sink, *small;

	open_odd("");
	ck_ok(sink_new(&out, 100, &sink, &err));
	ck_ok(sink_new(&out, 3, &small, &err));
	ck_fails(BERTH_E_NOT_FOUND, host->credential(host, "registry.example", sink, &err));
	drivers_set_credential(rig, credential, (void *)(uintptr_t) "{\"username\":\"u\"}");
	ck_ok(host->credential(host, "registry.example", sink, &err));
	ck_assert_str_eq(str_text(&out), "{\"username\":\"u\"}");
	ck_fails(BERTH_E_NOT_FOUND, host->credential(host, "other", sink, &err));
	ck_fails(BERTH_E_LIMIT, host->credential(host, "registry.example", small, &err));
	ck_assert_ptr_null(strstr(err.text, "username"));
	sink_free(sink);
	sink_free(small);
	rig_done();
}
END_TEST

static void take_event(void *arg, const char *driver, const char *topic, struct berth_str json)
{
	str_addf(arg, "%s %s %.*s", driver, topic, (int)json.n, json.p);
}

START_TEST(events_reach_the_engine)
{
	cleanup_str struct str seen = STR_INIT;

	open_odd("");
	ck_assert_int_eq(host->event(host, "a", (struct berth_str){"{}", 2}), 0);
	drivers_set_event(rig, take_event, &seen);
	ck_assert_int_eq(host->event(host, "network.up", (struct berth_str){"{}x", 2}), 0);
	ck_assert_str_eq(str_text(&seen), "odd network.up {}");
	rig_done();
}
END_TEST

int main(int argc, char *argv[])
{
	if (!rig_main(argc, argv))
		return 1;
	return CK_MAIN("driver/host", the_host_says_who_and_how_large_it_is,
		       a_drivers_line_is_logged_under_its_name, an_operation_can_be_cancelled,
		       no_operation_is_one_that_is_never_cancelled, progress_reaches_the_caller,
		       a_sink_takes_bytes_up_to_its_limit, a_sink_for_findings_takes_findings,
		       a_driver_that_declares_it_may_start_a_program,
		       a_program_needs_the_declaration_and_an_absolute_path,
		       a_socket_is_born_in_the_namespace_and_the_caller_stays_where_it_is,
		       a_socket_that_cannot_be_made_is_told, credentials_come_from_above,
		       events_reach_the_engine);
}
