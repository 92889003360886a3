/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all mocks share, by the example of the network.
 */
#include <sys/wait.h>
#include <time.h>

#include "berth/network.h"
#include "mocked.h"

static const struct berth_net_desc desc = {.size = sizeof(desc), .id = "n1", .name = "net"};

static int create(struct mocked *m)
{
	const struct berth_network_ops *ops = m->ops;

	return ops->create(m->instance, &desc, NULL, &err);
}

static int try_scenario(const char *scenario)
{
	struct mocked m = {.dir = -1};

	return mocked_try(&m, MOCK_NETWORK, ck_dir(), scenario);
}

START_TEST(each_call_is_a_line_of_the_transcript)
{
	struct mocked m = mocked_open(MOCK_NETWORK, NULL);
	const struct berth_network_ops *ops = m.ops;
	struct berth_net_desc odd = {.size = sizeof(odd), .id = "n2", .name = "two\nlines"};

	ck_ok(create(&m));
	ck_ok(ops->create(m.instance, &odd, NULL, &err));
	ck_ok(ops->remove(m.instance, &desc, &err));
	ck_assert_str_eq(ck_text(m.dir, "transcript"),
			 "network.open\n"
			 "network.create network=n1 name=net subnets=0 flags=0\n"
			 "network.create network=n2 name=two?lines subnets=0 flags=0\n"
			 "network.remove network=n1\n");
	mocked_close(&m);
}
END_TEST

START_TEST(a_fault_strikes_the_call_that_it_names_when_it_says)
{
	struct mocked m =
		mocked_open(MOCK_NETWORK, "{\"faults\":[{\"call\":\"create\",\"nth\":2,\"times\":2,"
					  "\"code\":\"full\",\"text\":\"no\",\"hint\":\"wait\","
					  "\"errno\":28}]}");
	const struct berth_network_ops *ops = m.ops;

	ck_ok(create(&m));
	ck_fails(BERTH_E_FULL, create(&m));
	ck_assert_str_eq(err.text, "no");
	ck_assert_str_eq(err.hint, "wait");
	ck_assert_int_eq(err.sys_errno, 28);
	ck_ok(ops->remove(m.instance, &desc, &err));
	ck_fails(BERTH_E_FULL, create(&m));
	ck_ok(create(&m));
	mocked_close(&m);
}
END_TEST

START_TEST(a_fault_without_numbers_strikes_always)
{
	struct mocked m = mocked_open(
		MOCK_NETWORK, "{\"faults\":[{\"call\":\"create\",\"code\":\"driver-died\"}]}");
	struct str ids = STR_INIT;

	for (int i = 0; i < 5; i++)
		ck_fails(BERTH_E_DRIVER_DIED, create(&m));
	ck_says("'create'");
	ck_ok(((const struct berth_network_ops *)m.ops)->each(m.instance, mocked_hear, &ids, &err));
	ck_assert_str_eq(str_text(&ids), "");
	mocked_close(&m);
}
END_TEST

START_TEST(open_can_fail_too)
{
	ck_fails(BERTH_E_CORRUPT,
		 try_scenario("{\"faults\":[{\"call\":\"open\",\"code\":\"corrupt\"}]}"));
}
END_TEST

START_TEST(a_mistyped_scenario_is_refused)
{
	ck_fails(BERTH_E_INVALID,
		 try_scenario("{\"faults\":[{\"call\":\"open\",\"code\":\"corupt\"}]}"));
	ck_says("fault 1 has no code of ours");
	ck_fails(BERTH_E_INVALID, try_scenario("{\"faults\":[{\"code\":\"corrupt\"}]}"));
	ck_fails(BERTH_E_INVALID, try_scenario("[]"));
	ck_fails(BERTH_E_INVALID, try_scenario("{"));
}
END_TEST

static double seconds_of(struct mocked *m)
{
	struct timespec a;
	struct timespec b;

	ck_assert_int_eq(clock_gettime(CLOCK_MONOTONIC, &a), 0);
	ck_ok(create(m));
	ck_assert_int_eq(clock_gettime(CLOCK_MONOTONIC, &b), 0);
	return (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
}

START_TEST(calls_take_as_long_as_the_scenario_says)
{
	struct mocked m =
		mocked_open(MOCK_NETWORK, "{\"latency_ms\":20,\"faults\":[{\"call\":\"create\","
					  "\"nth\":2,\"latency_ms\":60}]}");

	ck_assert_double_ge(seconds_of(&m), 0.019);
	ck_assert_double_ge(seconds_of(&m), 0.079);
	mocked_close(&m);
}
END_TEST

START_TEST(a_fault_can_be_the_end_of_the_process)
{
	struct mocked m =
		mocked_open(MOCK_NETWORK, "{\"faults\":[{\"call\":\"create\",\"kill\":true}]}");
	int status;
	pid_t child = fork();

	if (child == 0) {
		(void)create(&m);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	ck_assert_ptr_nonnull(strstr(ck_text(m.dir, "transcript"), "network.create"));
	mocked_close(&m);
}
END_TEST

START_TEST(a_reload_brings_a_new_scenario_and_begins_to_count_again)
{
	struct mocked m =
		mocked_open(MOCK_NETWORK, "{\"faults\":[{\"call\":\"create\",\"code\":\"io\"}]}");
	struct berth_conf none = {.pairs = (const char *const[]){NULL}};
	struct berth_conf second = {
		.pairs = (const char *const[]){
			"scenario={\"faults\":[{\"call\":\"create\",\"nth\":2,\"times\":1,"
			"\"code\":\"full\"}]}",
			NULL}};
	struct berth_conf wrong = {.pairs = (const char *const[]){"scenario=[", NULL}};

	ck_fails(BERTH_E_IO, create(&m));
	ck_fails(BERTH_E_INVALID, m.head->reload(m.instance, &wrong, &err));
	ck_fails(BERTH_E_IO, create(&m)); /* the old one is in force */
	ck_ok(m.head->reload(m.instance, &none, &err));
	ck_ok(create(&m));
	ck_ok(m.head->reload(m.instance, &second, &err));
	ck_ok(create(&m));
	ck_fails(BERTH_E_FULL, create(&m));
	mocked_close(&m);
}
END_TEST

START_TEST(every_mock_probes_well)
{
	static const char *const files[] = {MOCK_STORAGE, MOCK_NETWORK, MOCK_ISOLATION,
					    MOCK_REGISTRY};

	for (uint32_t i = 0; i < 4; i++) {
		struct berth_sink findings = {.limit = 0};
		const struct berth_driver *head = lent_load(files[i]);

		ck_assert_uint_eq(head->kind, i + 1);
		ck_assert_str_eq(head->name, "mock");
		ck_assert_uint_eq(head->size, sizeof(*head));
		ck_ok(head->probe(lent_host(), NULL, -1, &findings, &err));
		ck_assert_int_eq(lent_finding(&findings, "mock.ready"), BERTH_FINDING_OK);
		lent_sink_done(&findings);
	}
}
END_TEST

int main(void)
{
	return CK_MAIN("mock/scenario", each_call_is_a_line_of_the_transcript,
		       a_fault_strikes_the_call_that_it_names_when_it_says,
		       a_fault_without_numbers_strikes_always, open_can_fail_too,
		       a_mistyped_scenario_is_refused, calls_take_as_long_as_the_scenario_says,
		       a_fault_can_be_the_end_of_the_process,
		       a_reload_brings_a_new_scenario_and_begins_to_count_again,
		       every_mock_probes_well);
}
