/* SPDX-License-Identifier: Apache-2.0 */
#include "core/driver/separate.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <berth/network.h>

#include "base/clock.h"
#include "core/driver/wire.h"
#include "tests/conformance/lent.h"
#include "tests/unit/ck.h"

static struct separate *odd;
static const struct berth_driver *head;
static struct berth_network *net;
static const char *odd_dir; /* where the modules were built */
static char file[512];

static void load_odd(const char *words)
{
	ck_assert_int_eq(setenv("ODD", words, 1), 0);
	(void)snprintf(file, sizeof(file), "%s/odd_network.so", odd_dir);
	ck_ok(separate_load(NULL, file, BERTH_NETWORK, "odd", &odd, &err));
	head = separate_head(odd);
}

static void open_odd(void)
{
	void *instance = NULL;
	int dir = ck_dir();

	load_odd("");
	ck_ok(head->open(lent_host(), NULL, dir, &instance, &err));
	net = instance;
}

static void close_odd(void)
{
	head->close(net);
	separate_free(odd);
}

/* What the driver does with a network of this name. */
static int detach(const char *word)
{
	const struct berth_net_desc desc = {.size = sizeof(desc), .id = word};
	const struct berth_network_ops *ops = head->ops;

	return ops->detach(net, &desc, NULL, &err);
}

static int attach(const char *word, struct berth_op *op)
{
	const struct berth_net_desc desc = {.size = sizeof(desc), .id = word};
	const struct berth_network_ops *ops = head->ops;
	struct berth_attached attached = {.size = sizeof(attached)};

	return ops->attach(net, &desc, NULL, op, NULL, &attached, &err);
}

/* --- a life ---------------------------------------------------------------- */

static int hear(void *arg, const char *id)
{
	(void)snprintf(arg, 64, "%s", id);
	return 5;
}

START_TEST(what_the_driver_says_comes_from_another_process)
{
	const struct berth_network_ops *ops;
	char heard[64] = "";

	open_odd();
	ops = head->ops;
	ck_assert_int_gt(separate_pid(odd), 0);
	ck_assert_int_ne(separate_pid(odd), getpid());
	ck_assert_str_eq(head->name, "odd");
	ck_assert_str_eq(head->options[0].name, "word");
	ck_assert_ptr_null(ops->plan);
	ck_assert_int_eq(ops->each(net, hear, heard, &err), 5);
	ck_assert_str_eq(heard, "network/odd");
	ck_ok(detach("nothing"));
	close_odd();
}
END_TEST

START_TEST(an_error_comes_with_its_code_text_and_hint)
{
	open_odd();
	ck_fails(BERTH_E_BUSY, detach("fails"));
	ck_assert_str_eq(err.text, "it is in use");
	ck_assert_str_eq(err.hint, "wait");
	close_odd();
}
END_TEST

START_TEST(after_a_crash_the_next_call_is_answered_by_a_new_process)
{
	int pid;

	open_odd();
	pid = separate_pid(odd);
	ck_fails(BERTH_E_LIMIT, detach("counts"));
	ck_fails(BERTH_E_LIMIT, detach("counts"));
	ck_assert_str_eq(err.text, "2");
	ck_fails(BERTH_E_DRIVER_DIED, detach("crashes"));
	ck_assert_str_eq(err.text, "network driver 'odd' died: killed by SIGABRT");
	ck_fails(BERTH_E_LIMIT, detach("counts"));
	ck_assert_str_eq(err.text, "1");
	ck_assert_int_ne(separate_pid(odd), pid);
	ck_fails(BERTH_E_DRIVER_DIED, detach("exits"));
	ck_assert_str_eq(err.text, "network driver 'odd' died: exited with status 3");
	ck_ok(detach("nothing"));
	close_odd();
}
END_TEST

START_TEST(one_that_is_killed_between_two_calls_is_not_missed)
{
	open_odd();
	ck_assert_int_eq(kill(separate_pid(odd), SIGKILL), 0);
	(void)usleep(100 * 1000);
	ck_ok(detach("nothing"));
	close_odd();
}
END_TEST

START_TEST(who_hangs_is_ended_when_its_time_is_over)
{
	int64_t before;

	open_odd();
	separate_set_timeout(odd, 300);
	before = clock_mono_ns();
	ck_fails(BERTH_E_DRIVER_DIED, detach("hangs"));
	ck_assert_str_eq(
		err.text,
		"network driver 'odd' died: no answer to 'detach' for 300 ms, and was ended");
	ck_assert_int_ge(clock_mono_ns() - before, 250 * 1000000LL);
	ck_assert_int_le(clock_mono_ns() - before, 3000 * 1000000LL);
	ck_ok(detach("nothing"));
	close_odd();
}
END_TEST

static void *cancel_soon(void *arg)
{
	(void)usleep(50 * 1000);
	lent_cancel(arg);
	return NULL;
}

static int attach_and_cancel(const char *word)
{
	struct berth_op op = LENT_OP;
	pthread_t thread;
	int r;

	(void)lent_host()->cancel_fd(&op);
	ck_assert_int_eq(pthread_create(&thread, NULL, cancel_soon, &op), 0);
	r = attach(word, &op);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	close_fd(&op.fd);
	return r;
}

START_TEST(cancellation_reaches_it_and_who_is_deaf_to_it_is_ended)
{
	int pid;

	open_odd();
	pid = separate_pid(odd);
	ck_fails(BERTH_E_CANCELLED, attach_and_cancel("waits"));
	ck_assert_int_eq(separate_pid(odd), pid);
	ck_fails(BERTH_E_DRIVER_DIED, attach_and_cancel("deaf"));
	ck_assert_str_eq(
		err.text,
		"network driver 'odd' died: it did not stop when it was cancelled, and was ended");
	ck_ok(detach("nothing"));
	close_odd();
}
END_TEST

START_TEST(what_cannot_be_loaded_is_said)
{
	ck_assert_int_eq(setenv("ODD", "load-abort", 1), 0);
	(void)snprintf(file, sizeof(file), "%s/odd_network.so", odd_dir);
	ck_fails(BERTH_E_INVALID, separate_load(NULL, file, BERTH_NETWORK, "odd", &odd, &err));
	ck_assert_str_eq(err.text, "crashed while it was loaded (SIGABRT)");
	ck_assert_int_eq(setenv("ODD", "", 1), 0);
	ck_fails(BERTH_E_INVALID, separate_load(NULL, file, BERTH_NETWORK, "other", &odd, &err));
	ck_fails(BERTH_E_INVALID,
		 separate_load(NULL, "/dev/null", BERTH_NETWORK, "odd", &odd, &err));
	ck_assert(separate_load("/nobody", file, BERTH_NETWORK, "odd", &odd, &err) < 0);
}
END_TEST

/* Children that are orphans become ours, and their end is seen. */
START_TEST(it_ends_with_whoever_started_it)
{
	int pipes[2], pid = 0;
	pid_t child;

	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
	child = fork();
	if (child == 0) {
		open_odd();
		pid = separate_pid(odd);
		(void)!write(pipes[1], &pid, sizeof(pid));
		for (;;)
			(void)pause();
	}
	ck_assert_int_eq(read(pipes[0], &pid, sizeof(pid)), sizeof(pid));
	ck_assert_int_eq(kill(child, SIGKILL), 0);
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}
END_TEST

START_TEST(a_forked_child_has_a_process_of_its_own)
{
	pid_t child;
	int status, pid;

	open_odd();
	pid = separate_pid(odd);
	child = fork();
	if (child == 0) {
		bool ok = detach("nothing") == 0 && separate_pid(odd) != pid;

		_exit(ok ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	ck_ok(detach("nothing"));
	ck_assert_int_eq(separate_pid(odd), pid);
	close_odd();
}
END_TEST

/* --- the wire -------------------------------------------------------------- */

/* Whatever comes, it is read to its end or refused, and nothing else happens. */
START_TEST(noise_is_refused)
{
	enum { ROUNDS = 300, MOST = 512 };

	for (int i = 0; i < ROUNDS; i++) {
		cleanup_wire struct wire w = {0};
		unsigned char noise[MOST];
		struct {
			uint32_t bytes;
			uint16_t type, n_fds;
		} header = {(uint32_t)i, (uint16_t)(1 + i % 15), (uint16_t)(i % 3)};
		enum wire_type type;
		int pair[2];
		struct wire_port port;

		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
		ck_assert_int_eq(getrandom(noise, sizeof(noise), 0), sizeof(noise));
		if (i % 2) /* small numbers get further */
			for (size_t k = 0; k < sizeof(noise); k++)
				noise[k] = k % 8 ? 0 : noise[k] % 24;
		ck_assert_int_eq(write(pair[1], &header, sizeof(header)), sizeof(header));
		ck_assert_int_eq(write(pair[1], noise, sizeof(noise)), sizeof(noise));
		ck_assert_int_eq(close(pair[1]), 0);
		port = (struct wire_port){.fd = pair[0]};
		if (wire_recv(&port, &type, &w, &err) == 0) {
			const struct wire_struct *all[] = {&wire_layer_desc, &wire_plan,
							   &wire_endpoint,   &wire_launch,
							   &wire_where,	     &wire_net_desc};

			(void)wire_get_struct(&w, all[i % 6]);
			(void)wire_get_conf(&w);
			(void)wire_get_str(&w);
			(void)wire_check(&w, NULL);
		}
		ck_assert_int_eq(close(pair[0]), 0);
	}
}
END_TEST

START_TEST(what_is_too_large_is_refused_before_it_is_read)
{
	struct {
		uint32_t bytes;
		uint16_t type, n_fds;
	} header = {UINT32_MAX, WIRE_CALL, 0};
	cleanup_wire struct wire w = {0};
	enum wire_type type;
	int pair[2];
	struct wire_port port;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	ck_assert_int_eq(write(pair[1], &header, sizeof(header)), sizeof(header));
	port = (struct wire_port){.fd = pair[0]};
	ck_fails(BERTH_E_CORRUPT, wire_recv(&port, &type, &w, &err));
}
END_TEST

START_TEST(a_struct_comes_over_as_it_was)
{
	const struct berth_addr addr[] = {
		{.family = BERTH_IPV4, .prefix = 24, .ip = {10, 1, 2, 3}}};
	const char *const alias[] = {"one", "two"};
	const struct berth_endpoint ep = {
		.size = sizeof(ep),
		.id = "abc",
		.ifname = "eth0",
		.alias = alias,
		.n_alias = 2,
		.addr = addr,
		.n_addr = 1,
		.mac = {2, 0, 0, 0, 0, 7},
		.netns_fd = 0,
		.state = {"x\0y", 3},
	};
	cleanup_wire struct wire out = {0}, in = {0};
	const struct berth_endpoint *got;
	enum wire_type type;
	int pair[2];
	struct wire_port port;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	wire_put_struct(&out, &wire_endpoint, &ep);
	port = (struct wire_port){.fd = pair[1]};
	ck_ok(wire_send(&port, WIRE_CALL, &out, &err));
	port.fd = pair[0];
	ck_ok(wire_recv(&port, &type, &in, &err));
	got = wire_get_struct(&in, &wire_endpoint);
	ck_ok(wire_check(&in, &err));
	ck_assert_str_eq(got->id, "abc");
	ck_assert_ptr_null(got->network);
	ck_assert_str_eq(got->alias[1], "two");
	ck_assert_uint_eq(got->n_addr, 1);
	ck_assert_mem_eq(got->addr, addr, sizeof(addr));
	ck_assert_mem_eq(got->mac, ep.mac, 6);
	ck_assert_uint_eq(got->state.n, 3);
	ck_assert_mem_eq(got->state.p, "x\0y", 3);
	ck_assert_int_gt(got->netns_fd, 2);
	wire_close_struct(&wire_endpoint, (void *)(uintptr_t)got);
}
END_TEST

int main(int argc, char **argv)
{
	odd_dir = argc > 1 ? argv[1] : "";
	return CK_MAIN("driver/separate", what_the_driver_says_comes_from_another_process,
		       an_error_comes_with_its_code_text_and_hint,
		       after_a_crash_the_next_call_is_answered_by_a_new_process,
		       one_that_is_killed_between_two_calls_is_not_missed,
		       who_hangs_is_ended_when_its_time_is_over,
		       cancellation_reaches_it_and_who_is_deaf_to_it_is_ended,
		       what_cannot_be_loaded_is_said, it_ends_with_whoever_started_it,
		       a_forked_child_has_a_process_of_its_own, noise_is_refused,
		       what_is_too_large_is_refused_before_it_is_read,
		       a_struct_comes_over_as_it_was);
}
